/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a backup: whole; as its manifest and config, which a digest would otherwise keep from the fuzzer; and as a list of
 * entries over a layer. The first byte chooses, a NUL divides. Refused with one line, or described; never more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/backup_items.h"
#include "image/backup_read.h"
#include "image/backup_verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(int r, const struct basin_error *err)
{
	if (r < 0 && (err->text[0] == '\0' || strchr(err->text, '\n') != NULL || err->code == 0))
		abort();
}

static void read_whole(const char *text, size_t size)
{
	struct bsn_memory_stream stream;
	struct basin_error err = { 0 };
	auto_json json_t *json = NULL;
	bsn_memory_stream_init(&stream, text, size);
	check_error(bsn_backup_verify(&stream.stream, "fuzz", &json, &err), &err);
}

static void read_documents(const char *text, size_t size)
{
	struct basin_error err = { 0 };
	auto_json json_t *manifest = NULL;
	auto_backup struct bsn_backup backup;
	struct bsn_backup_blob config;
	size_t length = strnlen(text, size);

	bsn_backup_init(&backup);
	check_error(bsn_backup_parse_index(text, length, &config, &err), &err);
	int r = bsn_backup_parse_manifest(text, length, &manifest, &config, &err);
	check_error(r, &err);
	if (r < 0 || length == size)
		return;
	r = bsn_backup_parse_config(text + length + 1, size - length - 1, manifest, &backup, &err);
	check_error(r, &err);
	for (size_t i = 0; r >= 0 && i < backup.layer_count; i++)
		if (backup.layers[i].present && bsn_digest_check(backup.layers[i].blob.digest, NULL) < 0)
			abort();
}

static void read_items(const char *text, size_t size)
{
	size_t length = strnlen(text, size);
	struct bsn_str list = { 0 };
	struct bsn_memory_stream layer;
	struct bsn_backup_items items;
	struct basin_error err = { 0 };

	bsn_str_add_bytes(&list, text, length);
	bsn_memory_stream_init(&layer, text + length, size - length);
	int r = bsn_backup_items_init(&items, &layer.stream, &list, &err);
	if (r >= 0)
		r = bsn_stream_drain(&items.stream, &err);
	check_error(r, &err);
	bsn_backup_items_release(&items);
	bsn_str_release(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	char *text = malloc(size);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] % 3 == 0)
		read_whole(text, size - 1);
	else if (data[0] % 3 == 1)
		read_documents(text, size - 1);
	else
		read_items(text, size - 1);
	free(text);
	return 0;
}
