/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/systemd/variant.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const char *start;
	const char *at;
	int depth;
	struct basin_error *err;
};

static int wrong(const struct reader *in, const char *what)
{
	return bsn_fail(in->err, BASIN_USAGE, EINVAL, "%s at character %zu of \"%.100s\"", what, (size_t)(in->at - in->start) + 1,
			in->start);
}

static void release(struct bsn_variant *variant)
{
	for (size_t i = 0; i < variant->count; i++)
		release(&variant->items[i]);
	free(variant->items);
	free(variant->text);
}

void bsn_variant_free(struct bsn_variant *variant)
{
	if (variant != NULL)
		release(variant);
	free(variant);
}

/* --- types --- */

static const struct {
	const char *name;
	char type;
} keywords[] = {
	{ "boolean", 'b' }, { "byte", 'y' },       { "int16", 'n' },     { "uint16", 'q' }, { "int32", 'i' },
	{ "handle", 'i' },  { "uint32", 'u' },     { "int64", 'x' },     { "uint64", 't' }, { "double", 'd' },
	{ "string", 's' },  { "objectpath", 'o' }, { "signature", 'g' },
};

static int add_type(const struct bsn_variant *variant, struct bsn_str *type)
{
	if (variant->type == 'a')
		return bsn_str_addf(type, "a%s", variant->element);
	if (variant->type != '(')
		return bsn_str_add_bytes(type, &variant->type, 1);
	bsn_str_add(type, "(");
	for (size_t i = 0; i < variant->count; i++)
		add_type(&variant->items[i], type);
	return bsn_str_add(type, ")");
}

int bsn_variant_type(const struct bsn_variant *variant, char ret_type[BSN_VARIANT_TYPE_MAX])
{
	auto_str struct bsn_str type = { 0 };
	add_type(variant, &type);
	int r = type.failed ? -ENOMEM : bsn_format(ret_type, BSN_VARIANT_TYPE_MAX, "%s", bsn_str_text(&type));
	return r < 0 ? r : 0;
}

/* The bytes of the one complete type that text begins with; 0: there is none. */
static size_t type_length(const char *text, int depth)
{
	if (depth > BSN_VARIANT_DEPTH_MAX)
		return 0;
	if (*text == 'a') {
		size_t element = type_length(text + 1, depth + 1);
		return element > 0 ? element + 1 : 0;
	}
	if (*text != '(')
		return *text != '\0' && strchr("bynqiuxtdsog", *text) != NULL ? 1 : 0;
	size_t length = 1;
	while (text[length] != ')') {
		size_t item = type_length(text + length, depth + 1);
		if (item == 0)
			return 0;
		length += item;
	}
	return length > 1 ? length + 1 : 0;
}

static bool fits(const struct bsn_variant *variant, char type)
{
	static const struct {
		char type;
		uint64_t above;
		uint64_t below;
	} ranges[] = {
		{ 'y', UINT8_MAX, 0 },  { 'n', INT16_MAX, (uint64_t)INT16_MAX + 1 },
		{ 'q', UINT16_MAX, 0 }, { 'i', INT32_MAX, (uint64_t)INT32_MAX + 1 },
		{ 'u', UINT32_MAX, 0 }, { 'x', INT64_MAX, (uint64_t)INT64_MAX + 1 },
		{ 't', UINT64_MAX, 0 },
	};
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (ranges[i].type == type)
			return variant->number <= (variant->negative ? ranges[i].below : ranges[i].above);
	return false;
}

/* Makes a value of the type: what was written without one takes it, what has another is refused. */
static int become(const struct reader *in, struct bsn_variant *variant, const char *type)
{
	char own[BSN_VARIANT_TYPE_MAX];
	if (variant->type == 'a' && type[0] == 'a') {
		if (bsn_format(variant->element, sizeof(variant->element), "%s", type + 1) < 0)
			return wrong(in, "too long a type");
		for (size_t i = 0; i < variant->count; i++) {
			int r = become(in, &variant->items[i], type + 1);
			if (r < 0)
				return r;
		}
		return 0;
	}
	if (variant->type == '(' && type[0] == '(') {
		const char *at = type + 1;
		for (size_t i = 0; i < variant->count && *at != ')'; i++) {
			char item[BSN_VARIANT_TYPE_MAX];
			size_t length = type_length(at, 0);
			bsn_format(item, sizeof(item), "%.*s", (int)length, at);
			int r = become(in, &variant->items[i], item);
			if (r < 0)
				return r;
			at += length;
		}
	} else if (variant->loose && type[1] == '\0' && type[0] == 'd') {
		if (variant->type != 'd')
			variant->real = variant->negative ? -(double)variant->number : (double)variant->number;
		variant->type = 'd';
	} else if (variant->loose && variant->type != 'd' && type[1] == '\0' && fits(variant, type[0])) {
		variant->type = type[0];
	} else if (variant->type == 's' && (type[0] == 'o' || type[0] == 'g')) {
		variant->type = type[0];
	}
	variant->loose = false;
	if (bsn_variant_type(variant, own) < 0 || !bsn_streq(own, type))
		return wrong(in, "a value of another type, or out of range, before");
	return 0;
}

/* --- values --- */

static int parse_value(struct reader *in, struct bsn_variant *ret);

static void skip_blanks(struct reader *in)
{
	in->at += strspn(in->at, " \t\n\r");
}

static void add_utf8(struct bsn_str *text, unsigned long code)
{
	char bytes[4];
	size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = length; i-- > 1; code >>= 6)
		bytes[i] = (char)(0x80 | (code & 0x3f));
	bytes[0] = (char)(length == 1 ? code : (0xf00 >> length & 0xff) | code);
	bsn_str_add_bytes(text, bytes, length);
}

/* What follows a backslash. */
static int parse_escape(struct reader *in, struct bsn_str *text)
{
	static const char names[] = "abfnrtv";
	static const char values[] = "\a\b\f\n\r\t\v";
	char c = *in->at++;
	const char *named = c != '\0' ? strchr(names, c) : NULL;
	if (c == 'u' || c == 'U') {
		char digits[9] = "";
		char *end;
		size_t want = c == 'u' ? 4 : 8;
		strncpy(digits, in->at, want);
		unsigned long code = strtoul(digits, &end, 16);
		if (end != digits + want || code == 0 || code > 0x10ffff)
			return wrong(in, "not a character's number");
		in->at += want;
		add_utf8(text, code);
		return 0;
	}
	if (c == '\0')
		return wrong(in, "an unfinished string");
	if (named != NULL)
		c = values[named - names];
	bsn_str_add_bytes(text, &c, 1);
	return 0;
}

static int parse_string(struct reader *in, struct bsn_variant *ret)
{
	auto_str struct bsn_str text = { 0 };
	char quote = *in->at++;
	bsn_str_add(&text, "");
	while (*in->at != quote) {
		if (*in->at == '\0')
			return wrong(in, "an unfinished string");
		if (*in->at == '\\') {
			in->at++;
			int r = parse_escape(in, &text);
			if (r < 0)
				return r;
		} else {
			bsn_str_add_bytes(&text, in->at++, 1);
		}
	}
	in->at++;
	*ret = (struct bsn_variant){ .type = 's', .text = bsn_str_give(&text) };
	if (ret->text == NULL)
		ret->text = strdup("");
	return ret->text == NULL ? bsn_fail_sys(in->err, ENOMEM, "cannot read a property") : 0;
}

static int parse_number(struct reader *in, struct bsn_variant *ret)
{
	char *end;
	size_t length = strcspn(in->at, ",)] \t\r\n");
	bool negative = *in->at == '-';
	const char *digits = in->at + (negative || *in->at == '+');
	*ret = (struct bsn_variant){ .type = 'i', .loose = true, .negative = negative };
	bool hexadecimal = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
	errno = 0;
	if (!hexadecimal && memchr(in->at, '.', length) == NULL && memchr(in->at, 'e', length) == NULL &&
	    isdigit((unsigned char)*digits)) {
		ret->number = strtoull(digits, &end, 0);
		ret->negative = negative && ret->number > 0;
	} else if (hexadecimal) {
		ret->number = strtoull(digits, &end, 16);
	} else {
		ret->type = 'd';
		ret->real = strtod(in->at, &end);
	}
	if (errno != 0 || end != in->at + length || length == 0)
		return wrong(in, "not a value");
	in->at = end;
	return 0;
}

/* The items up to the closing sign, and behind it. */
static int parse_items(struct reader *in, char close, struct bsn_variant *list)
{
	in->at++;
	for (skip_blanks(in); *in->at != close; skip_blanks(in)) {
		struct bsn_variant *more = reallocarray(list->items, list->count + 1, sizeof(*more));
		if (more == NULL)
			return bsn_fail_sys(in->err, ENOMEM, "cannot read a property");
		list->items = more;
		list->items[list->count] = (struct bsn_variant){ 0 };
		int r = parse_value(in, &list->items[list->count++]);
		if (r < 0)
			return r;
		skip_blanks(in);
		if (*in->at == ',')
			in->at++;
		else if (*in->at != close)
			return wrong(in, "expected a comma or the end of a list");
	}
	in->at++;
	return 0;
}

static int parse_typed(struct reader *in, const char *type, struct bsn_variant *ret)
{
	int r = parse_value(in, ret);
	return r < 0 ? r : become(in, ret, type);
}

static int parse_word(struct reader *in, struct bsn_variant *ret)
{
	size_t length = strcspn(in->at, ",)] \t\r\n");
	if ((length == 4 && memcmp(in->at, "true", 4) == 0) || (length == 5 && memcmp(in->at, "false", 5) == 0)) {
		*ret = (struct bsn_variant){ .type = 'b', .number = length == 4 };
		in->at += length;
		return 0;
	}
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strlen(keywords[i].name) == length && memcmp(in->at, keywords[i].name, length) == 0) {
			in->at += length;
			return parse_typed(in, (char[]){ keywords[i].type, '\0' }, ret);
		}
	if (*in->at == 'i' || *in->at == 'n') /* inf, nan */
		return parse_number(in, ret);
	return wrong(in, "not a value");
}

static int parse_annotated(struct reader *in, struct bsn_variant *ret)
{
	char type[BSN_VARIANT_TYPE_MAX];
	size_t length = type_length(++in->at, 0);
	if (length == 0 || bsn_format(type, sizeof(type), "%.*s", (int)length, in->at) < 0)
		return wrong(in, "not a type that properties have");
	in->at += length;
	return parse_typed(in, type, ret);
}

static int parse_value(struct reader *in, struct bsn_variant *ret)
{
	int r;
	skip_blanks(in);
	if (++in->depth > BSN_VARIANT_DEPTH_MAX)
		return wrong(in, "too deep a value");
	if (*in->at == '\'' || *in->at == '"') {
		r = parse_string(in, ret);
	} else if (*in->at == '[') {
		*ret = (struct bsn_variant){ .type = 'a' };
		r = parse_items(in, ']', ret);
	} else if (*in->at == '(') {
		*ret = (struct bsn_variant){ .type = '(' };
		r = parse_items(in, ')', ret);
	} else if (*in->at == '@') {
		r = parse_annotated(in, ret);
	} else if (isalpha((unsigned char)*in->at)) {
		r = parse_word(in, ret);
	} else {
		r = parse_number(in, ret);
	}
	in->depth--;
	return r;
}

/* Where nothing said an array's type, all elements are of the type of the first that says one. */
static int settle(const struct reader *in, struct bsn_variant *variant)
{
	size_t telling = 0;
	for (size_t i = 0; i < variant->count; i++) {
		int r = settle(in, &variant->items[i]);
		if (r < 0)
			return r;
	}
	if (variant->type != 'a' || variant->element[0] != '\0' || variant->count == 0)
		return 0;
	while (telling < variant->count && variant->items[telling].loose)
		telling++;
	for (size_t i = 0; telling == variant->count && i < variant->count; i++)
		if (variant->items[i].type == 'd')
			telling = i;
	if (bsn_variant_type(&variant->items[telling < variant->count ? telling : 0], variant->element) < 0)
		return wrong(in, "too long a type");
	for (size_t i = 0; i < variant->count; i++) {
		int r = become(in, &variant->items[i], variant->element);
		if (r < 0)
			return r;
	}
	return 0;
}

/* An empty array of no type, or an empty structure, is nothing that a property can be. */
static int check_whole(const struct reader *in, const struct bsn_variant *variant)
{
	if ((variant->type == 'a' && variant->element[0] == '\0') || (variant->type == '(' && variant->count == 0))
		return wrong(in, "a list without a type (write \"@as []\")");
	for (size_t i = 0; i < variant->count; i++) {
		int r = check_whole(in, &variant->items[i]);
		if (r < 0)
			return r;
	}
	if (variant->type == 'i' && !fits(variant, 'i'))
		return wrong(in, "a number that needs a type (\"uint64 ...\")");
	return 0;
}

int bsn_variant_parse(const char *text, struct bsn_variant **ret_variant, struct basin_error *err)
{
	struct reader in = { .start = text, .at = text, .err = err };
	if (strlen(text) > BSN_VARIANT_TEXT_MAX)
		return bsn_fail(err, BASIN_USAGE, E2BIG, "a value of more than %d characters", BSN_VARIANT_TEXT_MAX);
	struct bsn_variant *variant = calloc(1, sizeof(*variant));
	if (variant == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot read a property");
	int r = parse_value(&in, variant);
	if (r >= 0) {
		skip_blanks(&in);
		r = *in.at == '\0' ? settle(&in, variant) : wrong(&in, "something after the value's end");
	}
	if (r >= 0)
		r = check_whole(&in, variant);
	char type[BSN_VARIANT_TYPE_MAX];
	if (r >= 0 && bsn_variant_type(variant, type) < 0)
		r = wrong(&in, "too long a type");
	if (r < 0) {
		bsn_variant_free(variant);
		return r;
	}
	*ret_variant = variant;
	return 0;
}

int bsn_variant_seconds(struct bsn_variant *variant, struct basin_error *err)
{
	static const uint64_t second = 1000000;
	if (variant->type == 'd' && variant->real >= 0 && variant->real < (double)(UINT64_MAX / second)) {
		variant->number = (uint64_t)(variant->real * (double)second + 0.5);
	} else if (strchr("ynqiuxt", variant->type) != NULL && !variant->negative && variant->number <= UINT64_MAX / second) {
		variant->number *= second;
	} else {
		return bsn_fail(err, BASIN_USAGE, EINVAL, "not a number of seconds");
	}
	variant->type = 't';
	return 0;
}
