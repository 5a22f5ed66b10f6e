/* SPDX-License-Identifier: Apache-2.0 */
/* image/backup_*: what is written is read back; one changed byte, or one missing, anywhere, is found and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"
#include "image/backup_pack.h"
#include "image/backup_read.h"
#include "image/backup_verify.h"
#include "image/backup_write.h"
#include "image/tar_read.h"

#define CREATED 1700000000

struct scene {
	char path[64];
	int fd;
	struct bsn_str archive;
};

struct memory_sink {
	struct bsn_sink sink;
	struct bsn_str *bytes;
};

static int keep(struct bsn_sink *sink, const void *data, size_t length, struct basin_error *err)
{
	(void)err;
	return bsn_str_add_bytes(((struct memory_sink *)sink)->bytes, data, length);
}

/* Bytes that do not compress, the same every time. */
static void put_noise(int dirfd, const char *path, size_t length, unsigned int seed)
{
	auto_free unsigned char *bytes = malloc(length);
	auto_fd int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
	assert_int_equal(bsn_write_all(fd, bytes, length), 0);
}

static int open_new_dir(int dirfd, const char *name)
{
	assert_int_equal(mkdirat(dirfd, name, 0755), 0);
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void pack(const struct scene *scene, int tree_fd, struct bsn_backup_layer *layer)
{
	struct bsn_backup_pack request = { .diff = { .root_fd = tree_fd }, .scratch_fd = scene->fd };
	struct bsn_diff_result result;
	struct basin_error err;
	assert_int_equal(bsn_backup_pack_layer(&request, layer, &result, &err), 0);
	assert_true(layer->blob.fd >= 0 && layer->list.fd >= 0);
}

static void write_backup(struct scene *scene, bool thin)
{
	auto_backup struct bsn_backup backup;
	struct memory_sink sink = { .sink.write = keep, .bytes = &scene->archive };
	char digest[BSN_DIGEST_ROOM];
	struct basin_error err;
	uint64_t size;
	auto_fd int base = openat(scene->fd, "base", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int own = openat(scene->fd, "own", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	bsn_backup_init(&backup);
	bsn_str_clear(&scene->archive);
	backup.name = "web";
	backup.created = CREATED;
	backup.config =
		json_pack("{ss ss s{s[s]} s[]}", "os", "linux", "architecture", "amd64", "config", "Cmd", "/bin/sh", "history");
	backup.about = json_pack("{ss si s{ss}}", "consistency", "frozen", "frozen_ms", 12, "environment", "name", "web");
	backup.layer_count = 2;
	backup.layers[0].base = true;
	strcpy(backup.layers[0].source, "sha256:00000000000000000000000000000000000000000000000000000000000000aa");
	if (!thin)
		pack(scene, base, &backup.layers[0]);
	pack(scene, own, &backup.layers[1]);
	assert_int_equal(bsn_backup_write(&backup, &sink.sink, digest, &size, &err), 0);
	assert_int_equal(size, scene->archive.length);
	assert_int_equal(backup.layers[1].blob.fd, -1);
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	strcpy(scene->path, "/tmp/basin-unit.XXXXXX");
	assert_non_null(mkdtemp(scene->path));
	scene->fd = open(scene->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int base = open_new_dir(scene->fd, "base");
	auto_fd int own = open_new_dir(scene->fd, "own");
	put_noise(base, "libc", 3000, 1);
	put_noise(base, "sh", 1000, 2);
	put_noise(own, "first", 700, 3);
	put_noise(own, "second", 2000, 4);
	put_noise(own, "third", 1500, 5);
	write_backup(scene, false);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;
	close(scene->fd);
	assert_int_equal(bsn_remove_tree(AT_FDCWD, scene->path), 0);
	bsn_str_release(&scene->archive);
	free(scene);
	return 0;
}

static int verify(const void *bytes, size_t length, json_t **ret_json, struct basin_error *err)
{
	struct bsn_memory_stream stream;
	bsn_memory_stream_init(&stream, bytes, length);
	return bsn_backup_verify(&stream.stream, "web.tar", ret_json, err);
}

static void a_whole_backup_is_described(void **state)
{
	const struct scene *scene = *state;
	auto_json json_t *json = NULL;
	struct basin_error err = { 0 };
	if (verify(scene->archive.data, scene->archive.length, &json, &err) != 0)
		fail_msg("%s", err.text);
	assert_true(json_is_true(json_object_get(json, "whole")));
	assert_string_equal(json_string_value(json_object_get(json, "name")), "web");
	assert_string_equal(json_string_value(json_object_get(json, "consistency")), "frozen");
	assert_int_equal(json_integer_value(json_object_get(json, "frozen_ms")), 12);
	assert_int_equal(json_integer_value(json_object_get(json, "size")), scene->archive.length);
	assert_int_equal(json_integer_value(json_object_get(json, "entries")), 7);
	assert_int_equal(json_array_size(json_object_get(json, "layers")), 2);
}

static void the_same_tree_is_the_same_archive(void **state)
{
	struct scene *scene = *state;
	struct bsn_str before = scene->archive;
	scene->archive = (struct bsn_str){ 0 };
	write_backup(scene, false);
	assert_int_equal(before.length, scene->archive.length);
	assert_memory_equal(before.data, scene->archive.data, before.length);
	bsn_str_release(&before);
}

static void layers_come_back_as_they_were(void **state)
{
	const struct scene *scene = *state;
	struct bsn_memory_stream stream;
	auto_backup_reader struct bsn_backup_reader *reader = NULL;
	struct bsn_stream *layer;
	struct basin_error err;
	const struct bsn_tar_entry *entry;
	size_t index = 9;

	bsn_memory_stream_init(&stream, scene->archive.data, scene->archive.length);
	assert_int_equal(bsn_backup_open(&stream.stream, "web.tar", &reader, &err), 0);
	const struct bsn_backup *backup = bsn_backup_described(reader);
	assert_int_equal(backup->layer_count, 2);
	assert_true(backup->layers[0].base && !backup->layers[1].base);
	assert_string_equal(json_string_value(json_object_get(json_object_get(backup->about, "environment"), "name")), "web");
	/* the first layer is not looked at: going on reads and checks it all the same */
	assert_int_equal(bsn_backup_next_layer(reader, &index, &layer, &err), 1);
	assert_int_equal(index, 0);
	assert_int_equal(bsn_backup_next_layer(reader, &index, &layer, &err), 1);
	assert_int_equal(index, 1);
	auto_of(bsn_tar_free) struct bsn_tar *tar = NULL;
	assert_int_equal(bsn_tar_new(layer, NULL, false, &tar, &err), 0);
	static const char *const paths[] = { ".", "first", "second", "third" };
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(bsn_tar_next(tar, &entry, &err), 1);
		assert_string_equal(entry->path, paths[i]);
	}
	assert_int_equal(bsn_tar_next(tar, &entry, &err), 0);
	assert_int_equal(bsn_backup_next_layer(reader, &index, &layer, &err), 0);
	assert_int_equal(bsn_backup_position(reader), scene->archive.length);
}

static void thin_backups_name_what_they_leave_out(void **state)
{
	struct scene *scene = *state;
	auto_json json_t *json = NULL;
	struct basin_error err;
	size_t whole = scene->archive.length;
	write_backup(scene, true);
	assert_true(scene->archive.length < whole - 4000);
	assert_int_equal(verify(scene->archive.data, scene->archive.length, &json, &err), 0);
	const json_t *base = json_array_get(json_object_get(json, "layers"), 0);
	assert_true(json_is_false(json_object_get(base, "present")));
	assert_string_equal(json_string_value(json_object_get(base, "source")),
			    "sha256:00000000000000000000000000000000000000000000000000000000000000aa");
}

/* Where, in the archive, the blob whose digest begins so is; its tar header before it. */
static size_t find_blob(const struct scene *scene, const char *digest, size_t *ret_size)
{
	char name[128];
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest + 7);
	for (size_t at = 0; at + 512 <= scene->archive.length; at += 512)
		if (strcmp(scene->archive.data + at, name) == 0) {
			*ret_size = strtoul(scene->archive.data + at + 124, NULL, 8);
			return at + 512;
		}
	fail_msg("no blob %s", digest);
	return 0;
}

static void one_changed_byte_is_found_wherever_it_is(void **state)
{
	const struct scene *scene = *state;
	size_t length = scene->archive.length;
	auto_free char *copy = malloc(length);
	size_t named = 0;

	memcpy(copy, scene->archive.data, length);
	for (size_t i = 0; i < length; i += 3) {
		auto_json json_t *json = NULL;
		struct basin_error err = { 0 };
		copy[i] = (char)(copy[i] ^ (1 << (i % 8)));
		if (verify(copy, length, &json, &err) == 0)
			fail_msg("a changed byte at %zu of %zu goes unnoticed", i, length);
		if (err.code != BASIN_DAMAGED || strstr(err.text, "web.tar") == NULL)
			fail_msg("byte %zu: code %d: %s", i, err.code, err.text);
		named += strstr(err.text, "first damaged path") != NULL;
		copy[i] = (char)(copy[i] ^ (1 << (i % 8)));
	}
	assert_true(named > length / 3 / 3);
}

/* Large files of noise: zstd stores them as they are, in blocks of 128 KiB, so that it is known which bytes belong to whom. */
static void the_first_damaged_path_is_named(void **state)
{
	struct scene *scene = *state;
	static const struct {
		const char *path;
		unsigned int at;
		unsigned int seed;
	} cases[] = { { "first", 10, 3 },     { "first", 699, 3 },    { "large", 0, 7 },
		      { "large", 200000, 7 }, { "large", 399999, 7 }, { "last", 1000, 8 } };
	struct basin_error err = { 0 };
	auto_json json_t *whole = NULL;
	size_t size = 0;

	auto_fd int own = openat(scene->fd, "own", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (const char *const *name = (const char *const[]){ "first", "second", "third", NULL }; *name != NULL; name++)
		assert_int_equal(unlinkat(own, *name, 0), 0);
	put_noise(own, "first", 140000, 3);
	put_noise(own, "large", 400000, 7);
	put_noise(own, "last", 140000, 8);
	write_backup(scene, true);
	assert_int_equal(verify(scene->archive.data, scene->archive.length, &whole, &err), 0);
	const char *digest = json_string_value(json_object_get(json_array_get(json_object_get(whole, "layers"), 1), "digest"));
	size_t from = find_blob(scene, digest, &size);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_free unsigned char *noise = malloc(cases[i].at + 17);
		unsigned int seed = cases[i].seed;
		for (size_t n = 0; n < cases[i].at + 17; n++)
			noise[n] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
		size_t start = cases[i].at > 16 ? cases[i].at - 16 : 0;
		char *found = memmem(scene->archive.data + from, size, noise + start, 17);
		assert_non_null(found);
		found += cases[i].at - start;
		char want[64];
		auto_json json_t *json = NULL;
		*found = (char)(*found ^ 4);
		assert_true(verify(scene->archive.data, scene->archive.length, &json, &err) < 0);
		*found = (char)(*found ^ 4);
		snprintf(want, sizeof(want), "the first damaged path is \"%s\"", cases[i].path);
		if (strstr(err.text, want) == NULL || strstr(err.text, digest) == NULL ||
		    strstr(err.text, "environment's own layer") == NULL)
			fail_msg("expected %s of %s in: %s", want, digest, err.text);
	}
}

/* 1100 MiB that compress to some 40 KiB: in a stranger's layer that would be a bomb. */
static void an_environment_full_of_zeros_is_no_bomb(void **state)
{
	struct scene *scene = *state;
	struct basin_error err = { 0 };
	auto_json json_t *json = NULL;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* too slow */
#endif
	auto_fd int own = openat(scene->fd, "own", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int fd = openat(own, "zeros", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (off_t)1100 << 20), 0);
	write_backup(scene, true);
	assert_true(scene->archive.length < 1 << 20);
	if (verify(scene->archive.data, scene->archive.length, &json, &err) != 0)
		fail_msg("%s", err.text);
}

static void a_torn_backup_is_found_wherever_it_ends(void **state)
{
	const struct scene *scene = *state;
	for (size_t length = 0; length < scene->archive.length; length += length < 600 ? 1 : 61) {
		/* a copy of its own, so that reading past the end would be noticed */
		auto_free char *copy = malloc(length + 1);
		auto_json json_t *json = NULL;
		struct basin_error err = { 0 };
		memcpy(copy, scene->archive.data, length);
		if (verify(copy, length, &json, &err) == 0)
			fail_msg("cut at %zu goes unnoticed", length);
		if (err.code != BASIN_DAMAGED || strstr(err.text, "it ends in") == NULL)
			fail_msg("cut at %zu: code %d: %s", length, err.code, err.text);
	}
	auto_free char *longer = malloc(scene->archive.length + 1);
	auto_json json_t *json = NULL;
	struct basin_error err;
	memcpy(longer, scene->archive.data, scene->archive.length);
	longer[scene->archive.length] = 0;
	assert_true(verify(longer, scene->archive.length + 1, &json, &err) < 0);
	assert_non_null(strstr(err.text, "something follows its end"));
}

static void what_is_no_backup_is_said_to_be_none(void **state)
{
	(void)state;
	static const char text[2048] = "hello";
	auto_json json_t *json = NULL;
	struct basin_error err;
	assert_true(verify(text, sizeof(text), &json, &err) < 0);
	assert_int_equal(err.code, BASIN_DAMAGED);
	assert_string_equal(err.text, "\"web.tar\" is not a backup made by basin");
}

/* A manifest and a config that are valid by themselves, put together by somebody hostile. */
static void check_config(const char *layers, const char *diff_ids, const char *blobs, const char *text)
{
	auto_backup struct bsn_backup backup;
	auto_json json_t *manifest = NULL;
	auto_str struct bsn_str config = { 0 };
	struct basin_error err = { 0 };

	bsn_backup_init(&backup);
	bsn_str_addf(
		&config,
		"{\"rootfs\":{\"diff_ids\":%s},\"vnd.basin.backup\":{\"version\":1,\"name\":\"x\",\"created\":1,\"layers\":%s}}",
		diff_ids, layers);
	auto_str struct bsn_str body = { 0 };
	bsn_str_addf(&body, "{\"layers\":%s}", blobs);
	assert_int_equal(bsn_json_parse(body.data, body.length, "manifest", &manifest, &err), 0);
	assert_true(bsn_backup_parse_config(config.data, config.length, manifest, &backup, &err) < 0);
	if (strstr(err.text, text) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", text, err.text);
}

#define HEX       "1111111111111111111111111111111111111111111111111111111111111111"
#define BLOB      "{\"digest\":\"sha256:" HEX "\",\"size\":1}"
#define OWN(blob) "{\"role\":\"environment\",\"present\":true,\"diff_id\":\"sha256:" HEX "\",\"blob\":" blob ",\"list\":" BLOB "}"

static void hostile_documents_are_refused(void **state)
{
	(void)state;
	check_config("[]", "[]", "[]", "not from 1 to 256 layers");
	check_config("[1]", "[]", "[]", "neither a base layer nor the environment's");
	check_config("[{\"role\":\"base\",\"source\":\"sha256:../../x\"}]", "[]", "[]", "expected a digest");
	check_config("[{\"role\":\"environment\"}]", "[]", "[]", "own layer is missing");
	check_config("[{\"role\":\"base\",\"source\":\"sha256:" HEX "\"}]", "[]", "[]", "environment's own layer last");
	check_config("[" OWN(BLOB) "," OWN(BLOB) "]", "[]", "[]", "environment's own layer last");
	check_config("[" OWN(BLOB) "]", "[]", "[" BLOB "]", "disagree");
	check_config("[" OWN(BLOB) "]", "[\"sha256:" HEX "\"]", "[" BLOB "," BLOB "]", "disagree");
	check_config("[" OWN("{\"digest\":\"sha256:" HEX "\",\"size\":-1}") "]", "[]", "[]", "size");
	check_config("[" OWN("{\"digest\":\"sha256:" HEX "\"}") "]", "[]", "[]", "no descriptor");
	check_config("[" OWN("7") "]", "[]", "[]", "expected an object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_whole_backup_is_described, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_same_tree_is_the_same_archive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(layers_come_back_as_they_were, set_up, tear_down),
		cmocka_unit_test_setup_teardown(thin_backups_name_what_they_leave_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_changed_byte_is_found_wherever_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_first_damaged_path_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_environment_full_of_zeros_is_no_bomb, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_torn_backup_is_found_wherever_it_ends, set_up, tear_down),
		cmocka_unit_test(what_is_no_backup_is_said_to_be_none),
		cmocka_unit_test(hostile_documents_are_refused),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
