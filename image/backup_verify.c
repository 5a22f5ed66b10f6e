/* SPDX-License-Identifier: Apache-2.0 */
#include "image/backup_verify.h"

#include "base/log.h"
#include "base/size.h"
#include "image/backup_read.h"

static json_t *describe_layer(const struct bsn_backup_layer *layer)
{
	json_t *json = json_pack("{ss sb}", "role", layer->base ? "base" : "environment", "present", layer->present);
	if (json == NULL)
		return NULL;
	if (layer->base)
		json_object_set_new(json, "source", json_string(layer->source));
	if (!layer->present)
		return json;
	json_object_set_new(json, "digest", json_string(layer->blob.digest));
	json_object_set_new(json, "diff_id", json_string(layer->diff_id));
	json_object_set_new(json, "size", json_integer((json_int_t)layer->blob.size));
	json_object_set_new(json, "bytes", json_integer((json_int_t)layer->bytes));
	json_object_set_new(json, "entries", json_integer((json_int_t)layer->entries));
	return json;
}

static void copy(json_t *to, const char *to_key, const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);
	if (value != NULL)
		json_object_set(to, to_key, value);
}

static int describe(const struct bsn_backup_reader *reader, json_t **ret_json, struct basin_error *err)
{
	static const char *const copied[] = { "consistency", "frozen_ms", "running", "kernel", "tool" };
	const struct bsn_backup *backup = bsn_backup_described(reader);
	json_t *layers = json_array();
	uint64_t entries = 0;

	for (size_t i = 0; i < backup->layer_count; i++) {
		json_array_append_new(layers, describe_layer(&backup->layers[i]));
		entries += backup->layers[i].entries;
	}
	json_t *json = json_pack("{sb ss ss sI sI sI so}", "whole", 1, "name", backup->name, "digest", bsn_backup_digest(reader),
				 "created", (json_int_t)backup->created, "size", (json_int_t)bsn_backup_position(reader),
				 "entries", (json_int_t)entries, "layers", layers);
	for (size_t i = 0; json != NULL && i < sizeof(copied) / sizeof(copied[0]); i++)
		copy(json, copied[i], backup->about, copied[i]);
	copy(json, "pool", json_object_get(backup->about, "environment"), "pool");
	copy(json, "image", json_object_get(backup->about, "image"), "ref");
	if (json == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot describe the backup");
	*ret_json = json;
	return 0;
}

int bsn_backup_verify(struct bsn_stream *from, const char *name, json_t **ret_json, struct basin_error *err)
{
	auto_backup_reader struct bsn_backup_reader *reader = NULL;
	struct bsn_stream *layer;
	size_t index;
	char size[32];

	int r = bsn_backup_open(from, name, &reader, err);
	while (r >= 0 && (r = bsn_backup_next_layer(reader, &index, &layer, err)) > 0) {
		const struct bsn_backup *backup = bsn_backup_described(reader);
		bsn_info("checking layer %zu of %zu (%s)", index + 1, backup->layer_count,
			 bsn_format_bytes((int64_t)backup->layers[index].bytes, size, sizeof(size)));
		r = bsn_stream_drain(layer, err);
	}
	return r < 0 ? r : describe(reader, ret_json, err);
}
