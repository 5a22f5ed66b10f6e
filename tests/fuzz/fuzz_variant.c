/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of systemd properties, as annotations have them. What is taken must have a type, and every element of an array the array's; the same
 * with that type written before it too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/systemd/variant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct bsn_variant *variant)
{
	char type[BSN_VARIANT_TYPE_MAX];
	if (bsn_variant_type(variant, type) < 0)
		abort();
	for (size_t i = 0; i < variant->count; i++) {
		check(&variant->items[i]);
		if (variant->type == 'a' &&
		    (bsn_variant_type(&variant->items[i], type) < 0 || strcmp(type, variant->element) != 0))
			abort();
	}
	if (strchr("sog", variant->type) != NULL && variant->text == NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bsn_variant *variant = NULL;
	struct bsn_variant *again = NULL;
	char type[BSN_VARIANT_TYPE_MAX];
	auto_str struct bsn_str text = { 0 };
	auto_str struct bsn_str annotated = { 0 };
	bsn_str_add_bytes(&text, data, size);
	if (text.failed || bsn_variant_parse(bsn_str_text(&text), &variant, NULL) < 0)
		return 0;
	check(variant);
	if (bsn_variant_type(variant, type) < 0)
		abort();
	bsn_str_addf(&annotated, "@%s %s", type, bsn_str_text(&text));
	/* Only too deep or too long for one more word may it be. */
	if (bsn_variant_parse(bsn_str_text(&annotated), &again, NULL) >= 0)
		check(again);
	bsn_variant_free(again);
	bsn_variant_seconds(variant, NULL);
	bsn_variant_free(variant);
	return 0;
}
