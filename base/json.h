/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON, through jansson, with limits and with the path of what is wrong. The one place that includes <jansson.h>.
 *
 * The getters take the object, a key and the path of the object ("process.user"), and fail with a message like
 *     process.user.uid: expected an integer, found a string
 * code BASIN_USAGE. A missing or null key leaves *ret untouched and returns 0; when it was there they return 1.
 */
#ifndef BSN_BASE_JSON_H
#define BSN_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/own.h"

static inline void bsn_json_release(json_t **json)
{
	json_decref(*json);
}
#define auto_json __attribute__((cleanup(bsn_json_release)))

/* What a value is, for messages: "an object", "a string". */
const char *bsn_json_type(const json_t *json);

/* Parses a document of at most 16 MiB (deeper than jansson's limit, duplicate keys and trailing text are refused). name is for messages. */
int bsn_json_parse(const char *text, size_t length, const char *name, json_t **ret_json, struct basin_error *err);
/* Reads and parses dirfd/path. */
int bsn_json_read(int dirfd, const char *path, json_t **ret_json, struct basin_error *err);
/* As text, compact or indented by two; freed by the caller. */
int bsn_json_format(const json_t *json, bool pretty, char **ret_text, struct basin_error *err);
/* Replaces dirfd/name as bsn_replace_file does. */
int bsn_json_write(int dirfd, const char *name, const json_t *json, bool durable, struct basin_error *err);

int bsn_json_get_string(const json_t *object, const char *path, const char *key, const char **ret, struct basin_error *err);
int bsn_json_get_bool(const json_t *object, const char *path, const char *key, bool *ret, struct basin_error *err);
int bsn_json_get_int(const json_t *object, const char *path, const char *key, int64_t min, int64_t max, int64_t *ret,
		     struct basin_error *err);
/*
 * All 64 bits. The parser holds integers as int64, so one above INT64_MAX (RLIM_INFINITY as Go writes it) arrives as its two's complement,
 * and comes out of here as it was written; -1 is taken for the largest value.
 */
int bsn_json_get_u64(const json_t *object, const char *path, const char *key, uint64_t *ret, struct basin_error *err);
int bsn_json_get_object(const json_t *object, const char *path, const char *key, json_t **ret, struct basin_error *err);
int bsn_json_get_array(const json_t *object, const char *path, const char *key, json_t **ret, struct basin_error *err);

#endif
