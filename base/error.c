/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <ctype.h>
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

/* glibc's words, which are those of Go programs but for the capital, where musl has others. */
static const char *common_words(int sys)
{
	switch (sys) {
	case EBUSY:
		return "device or resource busy";
	case EIO:
		return "input/output error";
	case ELOOP:
		return "too many levels of symbolic links";
	case EMFILE:
		return "too many open files";
	case ENAMETOOLONG:
		return "file name too long";
	case ENOMEM:
		return "cannot allocate memory";
	case EOPNOTSUPP:
		return "operation not supported";
	case ETIMEDOUT:
		return "connection timed out";
	case EXDEV:
		return "invalid cross-device link";
	default:
		return strerror(sys);
	}
}

const char *bsn_error_words(int sys, char room[BSN_ERROR_WORDS])
{
	snprintf(room, BSN_ERROR_WORDS, "%s", common_words(sys));
	/* "RPC ..." stays. */
	if (room[0] != '\0' && islower((unsigned char)room[1]))
		room[0] = (char)tolower((unsigned char)room[0]);
	return room;
}

int bsn_error_set(struct basin_error *err, int code, int sys, int append, const char *where, const char *format, ...)
{
	int result = sys > 0 ? -sys : -EIO;
	char words[BSN_ERROR_WORDS];

	if (err == NULL)
		return result;
	/* The arguments may point into *err (a text that is passed on), so the new one is complete before the old one goes. */
	struct basin_error fresh = { .code = code, .sys = sys };
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(fresh.text, sizeof(fresh.text), format, arguments);
	va_end(arguments);
	if (append && n >= 0 && (size_t)n < sizeof(fresh.text))
		snprintf(fresh.text + n, sizeof(fresh.text) - (size_t)n, ": %s", bsn_error_words(sys, words));
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
