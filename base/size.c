/* SPDX-License-Identifier: Apache-2.0 */
#include "base/size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basin.h"

/* Reads digits at *at into *ret; -EINVAL when there is none, -ERANGE past INT64_MAX. */
static int digits(const char **at, int64_t *ret)
{
	int64_t value = 0;
	if (!isdigit((unsigned char)**at))
		return -EINVAL;
	for (; isdigit((unsigned char)**at); (*at)++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, **at - '0', &value))
			return -ERANGE;
	*ret = value;
	return 0;
}

/* Reads "12" or "12.345" as thousandths. */
static int thousandths(const char **at, int64_t *ret)
{
	int64_t whole;
	int r = digits(at, &whole);
	if (r < 0)
		return r;
	int64_t part = 0;
	if (**at == '.') {
		(*at)++;
		int places = 0;
		for (; isdigit((unsigned char)**at) && places < 3; (*at)++, places++)
			part = part * 10 + (**at - '0');
		if (places == 0)
			return -EINVAL;
		for (; places < 3; places++)
			part *= 10;
	}
	if (__builtin_mul_overflow(whole, 1000, &whole) || __builtin_add_overflow(whole, part, ret))
		return -ERANGE;
	return 0;
}

int bsn_parse_cpu(const char *text, int64_t *ret_milli)
{
	const char *at = text;
	int64_t value;
	int r = strchr(text, 'm') != NULL ? digits(&at, &value) : thousandths(&at, &value);
	if (r < 0)
		return r;
	if (*at == 'm')
		at++;
	if (*at != '\0')
		return -EINVAL;
	*ret_milli = value;
	return 0;
}

static const struct {
	const char *suffix;
	int64_t factor;
} byte_units[] = {
	{ "TiB", INT64_C(1) << 40 },
	{ "GiB", INT64_C(1) << 30 },
	{ "MiB", INT64_C(1) << 20 },
	{ "KiB", INT64_C(1) << 10 },
	{ "TB", INT64_C(1000000000000) },
	{ "GB", INT64_C(1000000000) },
	{ "MB", INT64_C(1000000) },
	{ "kB", INT64_C(1000) },
	{ "B", 1 },
	{ "", 1 },
};

int bsn_parse_bytes(const char *text, int64_t *ret_bytes)
{
	const char *at = text;
	int64_t value;
	int r = thousandths(&at, &value);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(byte_units) / sizeof(byte_units[0]); i++) {
		if (strcmp(at, byte_units[i].suffix) != 0)
			continue;
		/* thousandths times a factor, exactly: 1.5GiB is whole bytes, 1.5B is not. */
		__int128 product = (__int128)value * byte_units[i].factor;
		if (product / 1000 > INT64_MAX)
			return -ERANGE;
		if (byte_units[i].factor == 1 && product % 1000 != 0)
			return -EINVAL;
		*ret_bytes = (int64_t)(product / 1000);
		return 0;
	}
	return -EINVAL;
}

int bsn_parse_count(const char *text, int64_t *ret_count)
{
	const char *at = text;
	int64_t value;
	int r = digits(&at, &value);
	if (r < 0)
		return r;
	if (*at != '\0')
		return -EINVAL;
	*ret_count = value;
	return 0;
}

int bsn_parse_duration(const char *text, int64_t *ret_ms)
{
	static const struct {
		const char *suffix;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "", 1000 } };
	const char *at = text;
	int64_t value;
	int r = thousandths(&at, &value);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(at, units[i].suffix) != 0)
			continue;
		if (__builtin_mul_overflow(value, units[i].ms, &value))
			return -ERANGE;
		*ret_ms = value / 1000;
		return 0;
	}
	return -EINVAL;
}

const char *bsn_format_cpu(int64_t milli, char *buffer, size_t room)
{
	if (milli % 1000 == 0)
		snprintf(buffer, room, "%" PRId64, milli / 1000);
	else if (milli < 1000)
		snprintf(buffer, room, "%" PRId64 "m", milli);
	else
		snprintf(buffer, room, "%" PRId64 ".%0*" PRId64, milli / 1000, milli % 100 == 0 ? 1 : 3,
			 milli % 100 == 0 ? milli % 1000 / 100 : milli % 1000);
	return buffer;
}

const char *bsn_format_bytes(int64_t bytes, char *buffer, size_t room)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;
	int64_t factor = 1;
	while (unit + 1 < sizeof(names) / sizeof(names[0]) && bytes / factor >= 1024) {
		factor *= 1024;
		unit++;
	}
	if (bytes % factor == 0)
		snprintf(buffer, room, "%" PRId64 "%s", bytes / factor, names[unit]);
	else
		snprintf(buffer, room, "%.1f%s", (double)bytes / (double)factor, names[unit]);
	return buffer;
}

int basin_parse_amount(enum basin_resource resource, const char *text, int64_t *ret_amount)
{
	switch (resource) {
	case BASIN_CPU:
		return bsn_parse_cpu(text, ret_amount);
	case BASIN_MEMORY:
	case BASIN_STORAGE:
		return bsn_parse_bytes(text, ret_amount);
	case BASIN_PIDS:
		return bsn_parse_count(text, ret_amount);
	default:
		return -EINVAL;
	}
}

int basin_parse_duration(const char *text, int64_t *ret_ms)
{
	return bsn_parse_duration(text, ret_ms);
}

const char *basin_format_amount(enum basin_resource resource, int64_t amount, char *buffer, size_t room)
{
	if (resource == BASIN_CPU)
		return bsn_format_cpu(amount, buffer, room);
	if (resource == BASIN_PIDS) {
		snprintf(buffer, room, "%" PRId64, amount);
		return buffer;
	}
	return bsn_format_bytes(amount, buffer, room);
}
