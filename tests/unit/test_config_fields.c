/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every field of runtime-spec 1.3.0's config.json, one at a time: tests/data/config-1.3.0.json has them all, with values that are right; each is
 * replaced by values of every other JSON type, and must be refused with its path. What is not refused is a field that nobody reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "runtime/config.h"

#define PATH_ROOM 256

/* Fields that are not read: what they ask for cannot be had or was taken out of the kernel, or they are of other platforms. */
static const char *const unread[] = {
	"somethingNew", "vm", "windows", "solaris", "zos", "freebsd", "linux.personality.flags",
};

static json_t *document;
static int tried;
static int failures;

static bool is_unread(const char *path)
{
	for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++)
		if (strncmp(path, unread[i], strlen(unread[i])) == 0)
			return true;
	return false;
}

/* 1: accepted. */
static int parse(struct basin_error *err)
{
	struct bsn_config *config = NULL;
	char *text = json_dumps(document, 0);
	int r = bsn_config_parse(text, strlen(text), BSN_CONFIG_ANY, &config, err);
	free(text);
	bsn_config_free(config);
	return r >= 0;
}

/* The document has `wrong` at path now. */
static void expect_refusal(const char *path, const char *wrong)
{
	struct basin_error err = { 0 };
	bool accepted = parse(&err);
	tried++;
	if (!accepted && strstr(err.text, path) != NULL) /* runc's words may stand before it */
		return;
	print_message("%s = %s: %s%s\n", path, wrong, accepted ? "was accepted" : "the message does not name it: ", err.text);
	failures++;
}

static const char *const wrongs[] = { "\"?\"", "7", "true", "[]", "{}", "[7]", "1.5" };

/* Whether a value of this text is of another type than the right one. An empty list or object says nothing, as if it were not there. */
static bool is_wrong(const json_t *right, const char *text)
{
	switch (text[0]) {
	case '"':
		return !json_is_string(right);
	case '7':
		return !json_is_integer(right);
	case '1':
		return true;
	case 't':
		return !json_is_boolean(right);
	case '[':
		return !json_is_array(right) || (text[1] == '7' && !json_is_integer(json_array_get(right, 0)));
	default:
		return !json_is_object(right);
	}
}

static void walk(json_t *value, const char *path);

/* Objects whose keys are names that users give, not the spec's. */
static bool is_map(const char *path)
{
	static const char *const maps[] = { "annotations", "linux.netDevices", "linux.sysctl", "linux.resources.rdma",
					    "linux.resources.unified" };
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (strcmp(path, maps[i]) == 0)
			return true;
	return false;
}

static void try_member(json_t *holder, const char *key, size_t index, json_t *right, const char *path)
{
	json_t *kept = json_incref(right);
	if (is_unread(path)) {
		json_decref(kept);
		return;
	}
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		if (!is_wrong(kept, wrongs[i]))
			continue;
		json_t *wrong = json_loads(wrongs[i], JSON_DECODE_ANY, NULL);
		if (key != NULL)
			json_object_set_new(holder, key, wrong);
		else
			json_array_set_new(holder, index, wrong);
		expect_refusal(path, wrongs[i]);
	}
	if (key != NULL)
		json_object_set(holder, key, kept);
	else
		json_array_set(holder, index, kept);
	walk(kept, path);
	json_decref(kept);
}

static void walk(json_t *value, const char *path)
{
	char at[PATH_ROOM];
	const char *key;
	json_t *member;
	/* Replacing a value keeps its place. */
	if (json_is_object(value)) {
		json_object_foreach (value, key, member) {
			if (is_map(path))
				snprintf(at, sizeof(at), "%s[\"%s\"]", path, key);
			else
				snprintf(at, sizeof(at), "%s%s%s", path, path[0] != '\0' ? "." : "", key);
			try_member(value, key, 0, member, at);
		}
	} else if (json_is_array(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			snprintf(at, sizeof(at), "%s[%zu]", path, i);
			try_member(value, NULL, i, json_array_get(value, i), at);
		}
	}
}

static void every_field_is_read(void **state)
{
	struct basin_error err = { 0 };
	(void)state;
	if (!parse(&err))
		fail_msg("the document itself: %s", err.text);
	walk(document, "");
	print_message("%d values tried\n", tried);
	assert_int_equal(failures, 0);
}

/* Unknown ones are not, in any object. */
static void add_unknown(json_t *value, const char *path)
{
	char at[PATH_ROOM];
	const char *key;
	json_t *member;
	json_object_foreach (value, key, member) {
		snprintf(at, sizeof(at), "%s%s%s", path, path[0] != '\0' ? "." : "", key);
		add_unknown(member, at);
	}
	for (size_t i = 0; i < json_array_size(value); i++)
		add_unknown(json_array_get(value, i), "");
	/* Only two clocks have offsets: one that is not known would be left out silently. */
	if (json_is_object(value) && !is_map(path) && strcmp(path, "linux.timeOffsets") != 0)
		json_object_set_new(value, "unknownToAll", json_integer(7));
}

static void unknown_fields_are_ignored(void **state)
{
	struct basin_error err = { 0 };
	(void)state;
	add_unknown(document, "");
	if (!parse(&err))
		fail_msg("%s", err.text);
}

static int load(void **state)
{
	const char *tree = getenv("TREE");
	char path[4096];
	(void)state;
	snprintf(path, sizeof(path), "%s/tests/data/config-1.3.0.json", tree != NULL ? tree : ".");
	document = json_load_file(path, 0, NULL);
	return document == NULL ? -1 : 0;
}

static int unload(void **state)
{
	(void)state;
	json_decref(document);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(unknown_fields_are_ignored),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, load, unload);
}
