/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static struct {
	basin_log_fn *fn;
	void *data;
} hook;

void basin_set_log(basin_log_fn *fn, void *data)
{
	hook.data = data;
	hook.fn = fn;
}

void bsn_log(const char *level, const char *format, ...)
{
	char text[1024];
	if (hook.fn == NULL)
		return;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	hook.fn(hook.data, level, text);
}
