/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that parse parts of config.json share. path is always the JSON path of the thing at hand, for messages; memory comes from
 * config->arena; every function returns 0 or a negative errno with *err filled, unless it says more.
 */
#ifndef BSN_RUNTIME_CONFIG_PARSE_H
#define BSN_RUNTIME_CONFIG_PARSE_H

#include "base/json.h"
#include "runtime/config.h"

#define BSN_CONFIG_PATH 160 /* room for a path; a longer one is cut, in a message only */

/* A name and what it stands for; tables end with a NULL name. */
struct bsn_config_word {
	const char *name;
	uint64_t value;
};

/* bsn_fail for a wrong value: BASIN_USAGE, EINVAL. */
#define bsn_config_wrong(err, ...) bsn_fail(err, BASIN_USAGE, EINVAL, __VA_ARGS__)
#define bsn_config_no_memory(err)  bsn_fail_sys(err, ENOMEM, "cannot keep the configuration")

/* An array member: *ret_array, with room for `size` bytes per element in *ret_of; count 0 (and NULL) when it is missing. */
int bsn_config_array(struct bsn_config *config, const json_t *object, const char *path, const char *key, size_t size,
		     json_t **ret_array, void *ret_of, struct basin_error *err);
/* The array's element i, which must be an object; ret_path gets "path.key[i]". */
int bsn_config_element(const json_t *array, size_t i, const char *path, const char *key, char ret_path[BSN_CONFIG_PATH],
		       const json_t **ret_object, struct basin_error *err);
int bsn_config_strings(struct bsn_config *config, const json_t *object, const char *path, const char *key,
		       struct bsn_strings *ret, struct basin_error *err);
/* An object whose values are all strings. */
int bsn_config_pairs(struct bsn_config *config, const json_t *object, const char *path, const char *key, struct bsn_pairs *ret,
		     struct basin_error *err);
/* A list of absolute paths. */
int bsn_config_paths(struct bsn_config *config, const json_t *object, const char *path, const char *key, struct bsn_strings *ret,
		     struct basin_error *err);
int bsn_config_id_maps(struct bsn_config *config, const json_t *object, const char *path, const char *key,
		       struct bsn_id_maps *ret, struct basin_error *err);
/* A string that must be one of the table's: 1 with *ret set, 0 when it is missing. */
int bsn_config_word(const json_t *object, const char *path, const char *key, const struct bsn_config_word *words, uint64_t *ret,
		    struct basin_error *err);
/* A list of such, or-ed; *ret_given (may be NULL) tells whether the key is there. */
int bsn_config_word_mask(const json_t *object, const char *path, const char *key, const struct bsn_config_word *words,
			 uint64_t *ret, bool *ret_given, struct basin_error *err);
/* A string in the kernel's list format, "0-3,7": 1 with *ret set, 0 when it is missing or empty. */
int bsn_config_list(const json_t *object, const char *path, const char *key, const char **ret, struct basin_error *err);
/* A string that must be there and not be empty. */
int bsn_config_required(const json_t *object, const char *path, const char *key, const char **ret, struct basin_error *err);

/* The areas, each in its own file. */
int bsn_config_process(struct bsn_config *config, const json_t *json, const char *path, unsigned int flags,
		       struct basin_error *err);
int bsn_config_process_policy(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err);
int bsn_config_mounts(struct bsn_config *config, const json_t *root, bool destinations_only, struct basin_error *err);
int bsn_config_hooks(struct bsn_config *config, const json_t *root, struct basin_error *err);
int bsn_config_linux(struct bsn_config *config, const json_t *json, struct basin_error *err);
int bsn_config_devices(struct bsn_config *config, const json_t *json, struct basin_error *err);
/* Gives keys of linux.resources that differ from the spec's in case only their right spelling, as Go's decoder does. */
void bsn_config_resources_spell(json_t *resources);
int bsn_config_resources(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err);
int bsn_config_legacy(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err);
int bsn_config_seccomp(struct bsn_config *config, const json_t *json, struct basin_error *err);
int bsn_config_refuse(const struct bsn_config *config, struct basin_error *err);
int bsn_config_sysctl(struct bsn_config *config, const json_t *json, struct basin_error *err);

#endif
