/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three static libraries of the hot programs want of glibc and musl has not. Debian builds them with _FORTIFY_SOURCE, so they
 * call the checking forms of a few functions; these check as well, and end the program where a buffer would overflow. Of glibc's
 * own data structures they touch none. On glibc this file is empty.
 */
#include <features.h>

#ifndef __GLIBC__
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __vsnprintf_chk(char *buffer, size_t length, int flag, size_t room, const char *format, va_list arguments);
int __snprintf_chk(char *buffer, size_t length, int flag, size_t room, const char *format, ...);
int __sprintf_chk(char *buffer, int flag, size_t room, const char *format, ...);
int __fprintf_chk(FILE *file, int flag, const char *format, ...);
int __asprintf_chk(char **ret_text, int flag, const char *format, ...);
char *__strncpy_chk(char *to, const char *from, size_t length, size_t room);

int __vsnprintf_chk(char *buffer, size_t length, int flag, size_t room, const char *format, va_list arguments)
{
	(void)flag;
	if (length > room)
		abort();
	return vsnprintf(buffer, length, format, arguments);
}

int __snprintf_chk(char *buffer, size_t length, int flag, size_t room, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int r = __vsnprintf_chk(buffer, length, flag, room, format, arguments);
	va_end(arguments);
	return r;
}

int __sprintf_chk(char *buffer, int flag, size_t room, const char *format, ...)
{
	va_list arguments;
	(void)flag;
	/* An unknown room is the largest number there is, and vsnprintf takes no more than INT_MAX. */
	size_t length = room > 0x7fffffff ? 0x7fffffff : room;
	va_start(arguments, format);
	int r = vsnprintf(buffer, length, format, arguments);
	va_end(arguments);
	if (r >= 0 && (size_t)r >= length)
		abort();
	return r;
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...)
{
	va_list arguments;
	(void)flag;
	va_start(arguments, format);
	int r = vfprintf(file, format, arguments);
	va_end(arguments);
	return r;
}

int __asprintf_chk(char **ret_text, int flag, const char *format, ...)
{
	va_list arguments;
	(void)flag;
	va_start(arguments, format);
	int r = vasprintf(ret_text, format, arguments);
	va_end(arguments);
	return r;
}

char *__strncpy_chk(char *to, const char *from, size_t length, size_t room)
{
	if (length > room)
		abort();
	return strncpy(to, from, length);
}
#endif
