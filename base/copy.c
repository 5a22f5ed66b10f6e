/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy and memmove for the hot programs where they are made with musl, whose own begin every copy with a string instruction: a JSON
 * parser copies byte by byte, and that start is then most of its time (0.3 ms for a config with a seccomp profile). Short copies are two
 * overlapping loads and stores here; long ones are the string instruction again. With glibc this file is empty.
 */
#include <features.h>

#if !defined(__GLIBC__) && defined(__x86_64__)
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Loads and stores at any address, of whatever type is there. */
typedef uint64_t wide __attribute__((may_alias, aligned(1)));
typedef uint32_t half __attribute__((may_alias, aligned(1)));

#define LONG_COPY 256

static inline void copy_short(unsigned char *to, const unsigned char *from, size_t length)
{
	if (length >= 8) {
		wide first = *(const wide *)from;
		wide last = *(const wide *)(from + length - 8);
		*(wide *)to = first;
		*(wide *)(to + length - 8) = last;
	} else if (length >= 4) {
		half first = *(const half *)from;
		half last = *(const half *)(from + length - 4);
		*(half *)to = first;
		*(half *)(to + length - 4) = last;
	} else if (length > 0) {
		unsigned char first = from[0];
		unsigned char middle = from[length / 2];
		unsigned char last = from[length - 1];
		to[0] = first;
		to[length / 2] = middle;
		to[length - 1] = last;
	}
}

/* From the lowest address up, which is right for overlapping areas too when `out` is the lower one. The compiler must neither take the
 * loop for a memmove and call that, nor believe that the areas are apart. */
__attribute__((noinline, optimize("no-tree-loop-distribute-patterns"))) static void copy_up(unsigned char *out,
											    const unsigned char *in,
											    size_t length)
{
	if (length > LONG_COPY) {
		__asm__ volatile("rep movsb" : "+D"(out), "+S"(in), "+c"(length) : : "memory");
		return;
	}
	for (; length > 16; length -= 8, out += 8, in += 8)
		*(wide *)out = *(const wide *)in;
	copy_short(out, in, length < 8 ? length : 8);
	if (length > 8)
		copy_short(out + 8, in + 8, length - 8);
}

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	copy_up(to, from, length);
	return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memmove(void *to, const void *from, size_t length)
{
	unsigned char *out = to;
	const unsigned char *in = from;
	if ((uintptr_t)out - (uintptr_t)in >= length) {
		copy_up(out, in, length);
		return to;
	}
	for (; length >= 8; length -= 8)
		*(wide *)(out + length - 8) = *(const wide *)(in + length - 8);
	while (length-- > 0)
		out[length] = in[length];
	return to;
}
#endif
