/* SPDX-License-Identifier: Apache-2.0 */
/* Strings and memory without a C library; the compiler calls memcpy and memset by itself. */
#include "runtime/child/child.h"

void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);

#if defined(__x86_64__)
void *memcpy(void *to, const void *from, size_t length)
{
	void *out = to;
	__asm__ volatile("rep movsb" : "+D"(out), "+S"(from), "+c"(length) : : "memory");
	return to;
}

void *memset(void *to, int byte, size_t length)
{
	void *out = to;
	__asm__ volatile("rep stosb" : "+D"(out), "+c"(length) : "a"(byte) : "memory");
	return to;
}
#else
/* The loops must not be recognised and turned back into calls of themselves. */
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memcpy(void *to, const void *from, size_t length)
{
	char *out = to;
	const char *in = from;
	while (length-- > 0)
		*out++ = *in++;
	return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int byte, size_t length)
{
	char *out = to;
	while (length-- > 0)
		*out++ = (char)byte;
	return to;
}
#endif

size_t text_length(const char *text)
{
	size_t length = 0;
	while (text[length] != '\0')
		length++;
	return length;
}

int text_same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		a++, b++;
	return *a == *b;
}

int text_starts(const char *text, const char *prefix)
{
	while (*prefix != '\0' && *text == *prefix)
		text++, prefix++;
	return *prefix == '\0';
}

size_t text_add(char *buffer, size_t at, size_t room, const char *text)
{
	while (*text != '\0' && at + 1 < room)
		buffer[at++] = *text++;
	buffer[at] = '\0';
	return at;
}

const char *text_number(char *buffer, int64_t value)
{
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char *at = buffer + 23;
	*at = '\0';
	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (value < 0)
		*--at = '-';
	return at;
}
