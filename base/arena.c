/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE ((size_t)8192)

struct chunk {
	struct chunk *next;
	size_t used;
	size_t room;
	alignas(max_align_t) unsigned char data[];
};

struct bsn_arena {
	struct chunk *chunks; /* the first is the one being filled */
};

struct bsn_arena *bsn_arena_new(void)
{
	return calloc(1, sizeof(struct bsn_arena));
}

void bsn_arena_free(struct bsn_arena *arena)
{
	if (arena == NULL)
		return;
	struct chunk *chunk = arena->chunks;
	while (chunk != NULL) {
		struct chunk *next = chunk->next;
		free(chunk);
		chunk = next;
	}
	free(arena);
}

void *bsn_arena_alloc(struct bsn_arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) / align * align;
	struct chunk *chunk = arena->chunks;
	if (chunk == NULL || chunk->room - chunk->used < size) {
		size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		chunk = calloc(1, sizeof(*chunk) + room);
		if (chunk == NULL)
			return NULL;
		chunk->room = room;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	void *piece = chunk->data + chunk->used;
	chunk->used += size;
	return piece;
}

void *bsn_arena_array(struct bsn_arena *arena, size_t count, size_t size)
{
	size_t total;
	return __builtin_mul_overflow(count, size, &total) ? NULL : bsn_arena_alloc(arena, total);
}

char *bsn_arena_strdup(struct bsn_arena *arena, const char *text)
{
	size_t length = strlen(text) + 1;
	char *copy = bsn_arena_alloc(arena, length);
	return copy == NULL ? NULL : memcpy(copy, text, length);
}

char *bsn_arena_format(struct bsn_arena *arena, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0)
		return NULL;
	char *text = bsn_arena_alloc(arena, (size_t)length + 1);
	if (text == NULL)
		return NULL;
	va_start(arguments, format);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	va_end(arguments);
	return text;
}
