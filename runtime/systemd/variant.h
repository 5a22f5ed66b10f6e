/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values in GVariant's text form ("uint64 5", "'text'", "[byte 1, 2]", "@as []"), which is how annotations and basin itself name the values of
 * systemd's properties. Reading one is pure: no bus is needed. (https://docs.gtk.org/glib/gvariant-text-format.html; of its types those that
 * a unit's properties have: no dictionaries, no maybes, no variants.)
 */
#ifndef BSN_RUNTIME_SYSTEMD_VARIANT_H
#define BSN_RUNTIME_SYSTEMD_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define BSN_VARIANT_TEXT_MAX  65536 /* bytes of one value's text */
#define BSN_VARIANT_DEPTH_MAX 8
#define BSN_VARIANT_TYPE_MAX  64 /* bytes of a type's signature, NUL included */

struct bsn_variant {
	char type;                          /* D-Bus: b y n q i u x t d s o g; 'a' an array, '(' a structure */
	bool loose;                         /* a number written without a type: it takes its neighbours' */
	bool negative;                      /* of number */
	uint64_t number;                    /* b and whole numbers: the amount */
	double real;                        /* d */
	char *text;                         /* s, o, g */
	char element[BSN_VARIANT_TYPE_MAX]; /* a: the type of its elements */
	struct bsn_variant *items;
	size_t count;
};

/* BASIN_USAGE with what is wrong and where. */
int bsn_variant_parse(const char *text, struct bsn_variant **ret_variant, struct basin_error *err);
void bsn_variant_free(struct bsn_variant *variant);

/* The D-Bus signature. */
int bsn_variant_type(const struct bsn_variant *variant, char ret_type[BSN_VARIANT_TYPE_MAX]);
/* Seconds become microseconds in a uint64, which is what systemd's "...USec" takes where its settings are called "...Sec". */
int bsn_variant_seconds(struct bsn_variant *variant, struct basin_error *err);

#endif
