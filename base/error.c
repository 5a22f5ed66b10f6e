/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

int bsn_error_code_of(int sys)
{
	switch (sys) {
	case EPERM:
	case EACCES:
		return BASIN_DENIED;
	case EBUSY:
		return BASIN_BUSY;
	default:
		return BASIN_INTERNAL;
	}
}

/* Names come from users and files: one line stays one line, and no terminal is commanded. */
static void clean(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

int bsn_error_set(struct basin_error *err, int code, int sys, int append, const char *where, const char *format, ...)
{
	int result = sys > 0 ? -sys : -EIO;

	if (err == NULL)
		return result;
	/* The arguments may point into *err (a text that is passed on), so the new one is complete before the old one goes. */
	struct basin_error fresh = { .code = code, .sys = sys };
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(fresh.text, sizeof(fresh.text), format, arguments);
	va_end(arguments);
	if (append && n >= 0 && (size_t)n < sizeof(fresh.text))
		snprintf(fresh.text + n, sizeof(fresh.text) - (size_t)n, ": %s", strerror(sys));
	clean(fresh.text);
	snprintf(fresh.where, sizeof(fresh.where), "%s", where);
	*err = fresh;
	return result;
}

int bsn_error_prefix(struct basin_error *err, const char *format, ...)
{
	if (err == NULL)
		return -EIO;
	char text[sizeof(err->text)];
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (n >= 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ": %s", err->text);
	clean(text);
	memcpy(err->text, text, sizeof(text));
	return err->sys > 0 ? -err->sys : -EIO;
}
