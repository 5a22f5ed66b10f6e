/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory in the hot programs. They are one-shot, and ask for some thousand small pieces (a config.json's nodes, the plan); a hardened
 * allocator takes longer to hand those out and to take them back, with a mapping made and unmapped for each size, than it takes to fill
 * them. So the first are cut from one block, in turn, and only the newest is ever taken back; whatever does not fit comes from the C
 * library. Nothing grows: a program that goes on (events, run) is at the library's soon, and back where it was.
 *
 * The linker puts these in the place of malloc(3) and its kin (Makefile: HOT_BEGIN). Not for two threads: the one that a program may have beside
 * the main one (runtime/net_ahead.c) asks for no memory. With glibc, whose programs are somebody else's as well, this file is empty.
 */
#include <features.h>

#ifndef __GLIBC__
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK ((size_t)192 * 1024)
#define USUAL ((size_t)48 * 1024) /* what a container of the default config takes */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void __real_free(void *pointer);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void __wrap_free(void *pointer);

static _Alignas(4096) unsigned char block[BLOCK]; /* untouched pages cost nothing */
static size_t used;
static size_t newest; /* where the newest piece begins */

static size_t place_of(const void *pointer)
{
	return (uintptr_t)pointer - (uintptr_t)block;
}

static size_t rounded(size_t size)
{
	return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

static void *cut(size_t size)
{
	if (size > BLOCK || rounded(size) > BLOCK - used)
		return NULL;
	/* All at once is cheaper than a page fault for each. An older kernel does not know how; then it is one for each. */
	if (used == 0)
		(void)madvise(block, USUAL, MADV_POPULATE_WRITE);
	newest = used;
	used += rounded(size);
	return block + newest;
}

void *__wrap_malloc(size_t size)
{
	void *piece = cut(size);
	return piece != NULL ? piece : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	size_t total;
	void *piece = __builtin_mul_overflow(count, size, &total) ? NULL : cut(total);
	return piece != NULL ? memset(piece, 0, total) : __real_calloc(count, size);
}

void __wrap_free(void *pointer)
{
	size_t place = place_of(pointer);
	if (place >= BLOCK)
		__real_free(pointer);
	else if (place == newest)
		used = newest;
}

void *__wrap_realloc(void *pointer, size_t size)
{
	size_t place = place_of(pointer);
	size_t end = used;
	if (pointer == NULL)
		return __wrap_malloc(size);
	if (place >= BLOCK)
		return __real_realloc(pointer, size);
	if (place == newest && size <= BLOCK - place) {
		used = place + rounded(size);
		return pointer;
	}
	/* How long it is nobody knows: what follows it is copied too, and overwritten or never looked at. */
	void *piece = __wrap_malloc(size);
	return piece != NULL ? memcpy(piece, pointer, size < end - place ? size : end - place) : NULL;
}
#endif
