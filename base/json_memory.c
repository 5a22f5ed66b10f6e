/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a document's nodes come from in the hot programs. A config.json is some thousand small pieces, and a hardened allocator takes longer
 * to hand them out and to take them back than the parser takes to read them. So the first of them are cut from one block, in turn, and
 * never taken back; whatever does not fit comes from malloc. Nothing grows: a program that goes on parsing is at malloc soon, and back
 * where it was. With glibc, whose programs may hold documents of somebody else's, this file does nothing.
 */
#include "base/json_memory.h"

#include <features.h>

#ifndef __GLIBC__
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/json.h"

#define BLOCK ((size_t)128 * 1024)

static _Alignas(max_align_t) unsigned char block[BLOCK]; /* untouched pages cost nothing */
static size_t used;

static void *take(size_t size)
{
	size_t rounded = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (size > BLOCK || rounded > BLOCK - used)
		return malloc(size);
	used += rounded;
	return block + used - rounded;
}

static void give(void *pointer)
{
	if ((uintptr_t)pointer - (uintptr_t)block >= BLOCK)
		free(pointer);
}

void bsn_json_memory(void)
{
	static bool done;
	size_t seed;
	const void *random = (const void *)getauxval(AT_RANDOM); /* NOLINT(performance-no-int-to-ptr): the kernel's */
	if (done)
		return;
	done = true;
	json_set_alloc_funcs(take, give);
	/* The kernel has given us random bytes already: no need to open a device for more. */
	if (random != NULL) {
		memcpy(&seed, random, sizeof(seed));
		json_object_seed(seed | 1);
	}
}
#else
void bsn_json_memory(void)
{
}
#endif
