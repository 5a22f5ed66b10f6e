/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte string, and the few tests on strings that the C library lacks. */
#ifndef BSN_BASE_STR_H
#define BSN_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* data is NUL-terminated once anything was added, and never NULL to bsn_str_text. */
struct bsn_str {
	char *data;
	size_t length;
	size_t room;
	bool failed; /* an allocation failed: everything after it was dropped; test once, at the end */
};

#define auto_str __attribute__((cleanup(bsn_str_release)))

void bsn_str_release(struct bsn_str *str);
void bsn_str_clear(struct bsn_str *str);

/* The adders return 0 or -ENOMEM; it is enough to test the last of a run, since failure sticks. */
int bsn_str_add(struct bsn_str *str, const char *text);
int bsn_str_add_bytes(struct bsn_str *str, const void *bytes, size_t length);
int bsn_str_addf(struct bsn_str *str, const char *format, ...) __attribute__((format(printf, 2, 3)));
int bsn_str_vaddf(struct bsn_str *str, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* The text so far, "" when nothing was added. */
const char *bsn_str_text(const struct bsn_str *str);

/* Hands the buffer over (to be freed by the caller) and leaves str empty; NULL when an adder had failed. */
char *bsn_str_give(struct bsn_str *str);

static inline bool bsn_streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool bsn_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool bsn_ends_with(const char *text, const char *suffix);

/* printf into a fixed buffer; -ENAMETOOLONG when it does not fit, so that no name is ever silently cut. */
int bsn_format(char *buffer, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
