/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void bsn_str_release(struct bsn_str *str)
{
	free(str->data);
	*str = (struct bsn_str){ 0 };
}

void bsn_str_clear(struct bsn_str *str)
{
	str->length = 0;
	str->failed = false;
	if (str->data != NULL)
		str->data[0] = '\0';
}

static int grow(struct bsn_str *str, size_t extra)
{
	if (str->failed)
		return -ENOMEM;
	size_t wanted = str->length + extra + 1;
	if (wanted <= str->room)
		return 0;
	size_t room = str->room < 64 ? 64 : str->room;
	while (room < wanted)
		room *= 2;
	char *data = realloc(str->data, room);
	if (data == NULL) {
		str->failed = true;
		return -ENOMEM;
	}
	str->data = data;
	str->room = room;
	return 0;
}

int bsn_str_add_bytes(struct bsn_str *str, const void *bytes, size_t length)
{
	int r = grow(str, length);
	if (r < 0)
		return r;
	if (length > 0)
		memcpy(str->data + str->length, bytes, length);
	str->length += length;
	str->data[str->length] = '\0';
	return 0;
}

int bsn_str_add(struct bsn_str *str, const char *text)
{
	return bsn_str_add_bytes(str, text, strlen(text));
}

int bsn_str_vaddf(struct bsn_str *str, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	int n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0) {
		str->failed = true;
		return -ENOMEM;
	}
	int r = grow(str, (size_t)n);
	if (r < 0)
		return r;
	vsnprintf(str->data + str->length, (size_t)n + 1, format, arguments);
	str->length += (size_t)n;
	return 0;
}

int bsn_str_addf(struct bsn_str *str, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int r = bsn_str_vaddf(str, format, arguments);
	va_end(arguments);
	return r;
}

const char *bsn_str_text(const struct bsn_str *str)
{
	return str->data != NULL ? str->data : "";
}

char *bsn_str_give(struct bsn_str *str)
{
	if (str->failed || grow(str, 0) < 0)
		return NULL;
	char *data = str->data;
	data[str->length] = '\0';
	*str = (struct bsn_str){ 0 };
	return data;
}

bool bsn_ends_with(const char *text, const char *suffix)
{
	size_t a = strlen(text);
	size_t b = strlen(suffix);
	return a >= b && memcmp(text + a - b, suffix, b) == 0;
}

int bsn_format(char *buffer, size_t room, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(buffer, room, format, arguments);
	va_end(arguments);
	return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : n;
}
