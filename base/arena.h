/* SPDX-License-Identifier: Apache-2.0 */
/* An arena: many small pieces of memory with one owner and one end. Nothing in it is freed alone. */
#ifndef BSN_BASE_ARENA_H
#define BSN_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct bsn_arena;

/* NULL when there is no memory, as all here. */
struct bsn_arena *bsn_arena_new(void);
void bsn_arena_free(struct bsn_arena *arena);

/* Zeroed, aligned for any type. A size of 0 gives a valid pointer. */
void *bsn_arena_alloc(struct bsn_arena *arena, size_t size);
/* The same for count elements; NULL on overflow. */
void *bsn_arena_array(struct bsn_arena *arena, size_t count, size_t size);
char *bsn_arena_strdup(struct bsn_arena *arena, const char *text);
char *bsn_arena_format(struct bsn_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
