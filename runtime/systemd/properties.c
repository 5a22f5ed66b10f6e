/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/systemd/properties.h"

#include <stdlib.h>

#include "base/own.h"
#include "base/str.h"
#include "runtime/systemd/variant.h"

BSN_OWNER(struct bsn_variant *, bsn_variant_free);

static int add_value(sd_bus_message *message, const struct bsn_variant *variant)
{
	char type[BSN_VARIANT_TYPE_MAX];
	int r;
	switch (variant->type) {
	case 'b':
		return sd_bus_message_append(message, "b", (int)variant->number);
	case 's':
	case 'o':
	case 'g':
		return sd_bus_message_append_basic(message, variant->type, variant->text);
	case 'd':
		return sd_bus_message_append_basic(message, 'd', &variant->real);
	case 'a':
	case '(':
		r = bsn_variant_type(variant, type);
		if (r >= 0 && variant->type == '(')
			type[strlen(type) - 1] = '\0';
		if (r >= 0)
			r = sd_bus_message_open_container(message, variant->type == 'a' ? SD_BUS_TYPE_ARRAY : SD_BUS_TYPE_STRUCT,
							  type + 1);
		for (size_t i = 0; r >= 0 && i < variant->count; i++)
			r = add_value(message, &variant->items[i]);
		return r < 0 ? r : sd_bus_message_close_container(message);
	default:;
	}
	/* Little-endian or big, a number's bytes are those of its own width. */
	union {
		uint8_t y;
		uint16_t q;
		uint32_t u;
		uint64_t t;
	} number;
	const uint64_t value = variant->negative ? -variant->number : variant->number;
	if (variant->type == 'y')
		number.y = (uint8_t)value;
	else if (variant->type == 'n' || variant->type == 'q')
		number.q = (uint16_t)value;
	else if (variant->type == 'i' || variant->type == 'u')
		number.u = (uint32_t)value;
	else
		number.t = value;
	return sd_bus_message_append_basic(message, variant->type, &number);
}

/* Letters only: what a property can be called, and all that an annotation may make of a message. */
static bool is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((text[i] < 'a' || text[i] > 'z') && (text[i] < 'A' || text[i] > 'Z'))
			return false;
	return length >= 3 && length < 100;
}

/* The settings that are called "...Sec" in unit files are properties called "...USec". */
static bool is_seconds(const char *name, size_t length)
{
	return length > 3 && memcmp(name + length - 3, "Sec", 3) == 0 && name[length - 4] >= 'a' && name[length - 4] <= 'z';
}

static bool is_known(const char *name, const struct bsn_variant *variant, int version)
{
	static const struct {
		const char *name;
		int since;
	} late[] = {
		{ "AllowedCPUs", 244 },
		{ "AllowedMemoryNodes", 244 },
		{ "CPUQuotaPeriodUSec", 242 },
		{ "OOMPolicy", 253 },
	};
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++)
		if (bsn_streq(late[i].name, name))
			return version >= late[i].since;
	/* 0 is how it is told to set cpu.idle. */
	return !bsn_streq(name, "CPUWeight") || variant->number > 0 || version >= 252;
}

static int add_pair(sd_bus_message *message, const char *name, const struct bsn_variant *variant)
{
	char type[BSN_VARIANT_TYPE_MAX];
	int r = bsn_variant_type(variant, type);
	if (r >= 0)
		r = sd_bus_message_open_container(message, SD_BUS_TYPE_STRUCT, "sv");
	if (r >= 0)
		r = sd_bus_message_append_basic(message, 's', name);
	if (r >= 0)
		r = sd_bus_message_open_container(message, SD_BUS_TYPE_VARIANT, type);
	if (r >= 0)
		r = add_value(message, variant);
	if (r >= 0)
		r = sd_bus_message_close_container(message);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

int bsn_property_add(sd_bus_message *message, const char *property, int version, struct basin_error *err)
{
	auto_of(bsn_variant_free) struct bsn_variant *variant = NULL;
	char name[128];
	size_t length = strcspn(property, "=");
	if (property[length] != '=' || !is_name(property, length))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%.100s\" is not the name of a systemd property", property);
	bool seconds = is_seconds(property, length);
	bsn_format(name, sizeof(name), "%.*s%s", (int)length - (seconds ? 3 : 0), property, seconds ? "USec" : "");
	int r = bsn_variant_parse(property + length + 1, &variant, err);
	if (r >= 0 && seconds)
		r = bsn_variant_seconds(variant, err);
	if (r < 0)
		return bsn_error_prefix(err, "the systemd property \"%.*s\"", (int)length, property);
	r = is_known(name, variant, version) ? add_pair(message, name, variant) : 0;
	return r < 0 ? bsn_fail_sys(err, -r, "cannot tell systemd the property \"%s\"", name) : 0;
}
