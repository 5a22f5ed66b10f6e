/* SPDX-License-Identifier: Apache-2.0 */
/* The shapes that config.json is made of: lists of strings, maps of strings, words from a table, id mappings. */
#include "runtime/config_parse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const char *dot(const char *path)
{
	return path[0] != '\0' ? "." : "";
}

int bsn_config_array(struct bsn_config *config, const json_t *object, const char *path, const char *key, size_t size,
		     json_t **ret_array, void *ret_of, struct basin_error *err)
{
	json_t *array = NULL;
	int r = bsn_json_get_array(object, path, key, &array, err);
	if (r < 0)
		return r;
	if (json_array_size(array) == 0)
		array = NULL;
	if (array != NULL) {
		void *of = bsn_arena_array(config->arena, json_array_size(array) + 1, size);
		if (of == NULL)
			return bsn_config_no_memory(err);
		memcpy(ret_of, &of, sizeof(of));
	}
	*ret_array = array;
	return 0;
}

int bsn_config_element(const json_t *array, size_t i, const char *path, const char *key, char ret_path[BSN_CONFIG_PATH],
		       const json_t **ret_object, struct basin_error *err)
{
	const json_t *element = json_array_get(array, i);
	snprintf(ret_path, BSN_CONFIG_PATH, "%s%s%s[%zu]", path, dot(path), key, i);
	if (!json_is_object(element))
		return bsn_config_wrong(err, "%s: expected an object, found %s", ret_path, bsn_json_type(element));
	*ret_object = element;
	return 0;
}

int bsn_config_strings(struct bsn_config *config, const json_t *object, const char *path, const char *key,
		       struct bsn_strings *ret, struct basin_error *err)
{
	json_t *array = NULL;
	const char **of = NULL;
	int r = bsn_config_array(config, object, path, key, sizeof(*of), &array, &of, err);
	if (r < 0)
		return r;
	size_t count = json_array_size(array);
	for (size_t i = 0; i < count; i++) {
		const json_t *element = json_array_get(array, i);
		if (!json_is_string(element))
			return bsn_config_wrong(err, "%s%s%s[%zu]: expected a string, found %s", path, dot(path), key, i,
						bsn_json_type(element));
		of[i] = json_string_value(element);
	}
	*ret = (struct bsn_strings){ .of = of, .count = count };
	return 0;
}

int bsn_config_paths(struct bsn_config *config, const json_t *object, const char *path, const char *key, struct bsn_strings *ret,
		     struct basin_error *err)
{
	struct bsn_strings paths;
	int r = bsn_config_strings(config, object, path, key, &paths, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < paths.count; i++)
		if (paths.of[i][0] != '/')
			return bsn_config_wrong(err, "%s%s%s[%zu]: \"%s\" is not an absolute path", path, dot(path), key, i,
						paths.of[i]);
	*ret = paths;
	return 0;
}

int bsn_config_pairs(struct bsn_config *config, const json_t *object, const char *path, const char *key, struct bsn_pairs *ret,
		     struct basin_error *err)
{
	json_t *map = NULL;
	int r = bsn_json_get_object(object, path, key, &map, err);
	if (r <= 0)
		return r;
	struct bsn_pair *of = bsn_arena_array(config->arena, json_object_size(map), sizeof(*of));
	if (of == NULL)
		return bsn_config_no_memory(err);
	size_t count = 0;
	const char *name;
	json_t *value;
	json_object_foreach (map, name, value) {
		if (!json_is_string(value))
			return bsn_config_wrong(err, "%s%s%s[\"%s\"]: expected a string, found %s", path, dot(path), key, name,
						bsn_json_type(value));
		of[count++] = (struct bsn_pair){ .key = name, .value = json_string_value(value) };
	}
	*ret = (struct bsn_pairs){ .of = of, .count = count };
	return 0;
}

static int parse_id_map(const json_t *object, const char *path, struct bsn_id_map *ret, struct basin_error *err)
{
	int64_t container = -1;
	int64_t host = -1;
	int64_t size = -1;
	int r = bsn_json_get_int(object, path, "containerID", 0, UINT32_MAX - 1, &container, err);
	if (r >= 0)
		r = bsn_json_get_int(object, path, "hostID", 0, UINT32_MAX - 1, &host, err);
	if (r >= 0)
		r = bsn_json_get_int(object, path, "size", 1, UINT32_MAX, &size, err);
	if (r < 0)
		return r;
	if (container < 0 || host < 0 || size < 0)
		return bsn_config_wrong(err, "%s: containerID, hostID and size must all be given", path);
	if (container + size > UINT32_MAX || host + size > UINT32_MAX)
		return bsn_config_wrong(err, "%s: the range goes beyond the last id", path);
	*ret = (struct bsn_id_map){ (uint32_t)container, (uint32_t)host, (uint32_t)size };
	return 0;
}

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return (uint64_t)a < (uint64_t)b + b_size && (uint64_t)b < (uint64_t)a + a_size;
}

int bsn_config_id_maps(struct bsn_config *config, const json_t *object, const char *path, const char *key,
		       struct bsn_id_maps *ret, struct basin_error *err)
{
	json_t *array = NULL;
	struct bsn_id_map *of = NULL;
	char at[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_config_array(config, object, path, key, sizeof(*of), &array, &of, err);
	size_t count = json_array_size(array);
	if (count > 340) /* what the kernel takes, user_namespaces(7) */
		return bsn_config_wrong(err, "%s%s%s: %zu mappings, the kernel takes 340", path, dot(path), key, count);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		r = bsn_config_element(array, i, path, key, at, &element, err);
		if (r >= 0)
			r = parse_id_map(element, at, &of[i], err);
		for (size_t j = 0; r >= 0 && j < i; j++)
			if (overlap(of[i].container, of[i].size, of[j].container, of[j].size) ||
			    overlap(of[i].host, of[i].size, of[j].host, of[j].size))
				r = bsn_config_wrong(err, "%s: overlaps %s%s%s[%zu]", at, path, dot(path), key, j);
	}
	if (r < 0)
		return r;
	*ret = (struct bsn_id_maps){ .of = of, .count = count };
	return 0;
}

static const struct bsn_config_word *find_word(const struct bsn_config_word *words, const char *name)
{
	for (; words->name != NULL; words++)
		if (bsn_streq(words->name, name))
			return words;
	return NULL;
}

static int unknown_word(const char *where, const char *found, const struct bsn_config_word *words, struct basin_error *err)
{
	auto_str struct bsn_str known = { 0 };
	for (; words->name != NULL; words++)
		if (words->name[0] != '\0')
			bsn_str_addf(&known, "%s%s", known.length > 0 ? ", " : "", words->name);
	return bsn_config_wrong(err, "%s: \"%s\" is not known, use one of %s", where, found, bsn_str_text(&known));
}

int bsn_config_word(const json_t *object, const char *path, const char *key, const struct bsn_config_word *words, uint64_t *ret,
		    struct basin_error *err)
{
	const char *text;
	int r = bsn_json_get_string(object, path, key, &text, err);
	if (r <= 0)
		return r;
	const struct bsn_config_word *word = find_word(words, text);
	if (word == NULL) {
		char at[BSN_CONFIG_PATH];
		snprintf(at, sizeof(at), "%s%s%s", path, dot(path), key);
		return unknown_word(at, text, words, err);
	}
	*ret = word->value;
	return 1;
}

int bsn_config_word_mask(const json_t *object, const char *path, const char *key, const struct bsn_config_word *words,
			 uint64_t *ret, bool *ret_given, struct basin_error *err)
{
	json_t *array = NULL;
	uint64_t mask = 0;
	int r = bsn_json_get_array(object, path, key, &array, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *element = json_array_get(array, i);
		char at[BSN_CONFIG_PATH];
		snprintf(at, sizeof(at), "%s%s%s[%zu]", path, dot(path), key, i);
		if (!json_is_string(element))
			return bsn_config_wrong(err, "%s: expected a string, found %s", at, bsn_json_type(element));
		const struct bsn_config_word *word = find_word(words, json_string_value(element));
		if (word == NULL)
			return unknown_word(at, json_string_value(element), words, err);
		mask |= word->value;
	}
	*ret = mask;
	if (ret_given != NULL)
		*ret_given = r > 0;
	return 0;
}

/* "N" or "N-M" with M >= N, separated by commas; numbers stay below 65536, far above any kernel's. */
static bool is_list(const char *text)
{
	do {
		char *end;
		if (!isdigit((unsigned char)*text))
			return false;
		unsigned long first = strtoul(text, &end, 10);
		unsigned long last = first;
		if (*end == '-') {
			if (!isdigit((unsigned char)end[1]))
				return false;
			last = strtoul(end + 1, &end, 10);
		}
		if (last < first || last > UINT16_MAX)
			return false;
		text = end;
	} while (*text++ == ',');
	return text[-1] == '\0';
}

int bsn_config_list(const json_t *object, const char *path, const char *key, const char **ret, struct basin_error *err)
{
	const char *text = "";
	int r = bsn_json_get_string(object, path, key, &text, err);
	if (r <= 0 || text[0] == '\0')
		return r < 0 ? r : 0;
	if (!is_list(text))
		return bsn_config_wrong(err, "%s%s%s: \"%s\" is not a list of numbers and ranges (\"0-3,7\")", path, dot(path),
					key, text);
	*ret = text;
	return 1;
}

int bsn_config_required(const json_t *object, const char *path, const char *key, const char **ret, struct basin_error *err)
{
	const char *text = "";
	int r = bsn_json_get_string(object, path, key, &text, err);
	if (r < 0)
		return r;
	if (text[0] == '\0')
		return bsn_config_wrong(err, "%s%s%s: must %s", path, dot(path), key, r > 0 ? "not be empty" : "be given");
	*ret = text;
	return 0;
}
