/* SPDX-License-Identifier: Apache-2.0 */
/* image/: references, the store's commit protocol under kill -9 and competition, removal, checking, and the three kinds of imports. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/sys.h"
#include "image/check.h"
#include "image/import.h"
#include "image/store_parts.h"
#include "tests/unit/tar_build.h"

static char scratch[64];
static int data_fd;
static struct bsn_store *store;
static struct basin_error err;

static int open_scratch(void **state)
{
	(void)state;
	strcpy(scratch, "/tmp/basin-store.XXXXXX");
	assert_non_null(mkdtemp(scratch));
	data_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(&err, 0, sizeof(err));
	return geteuid() != 0 ? 0 : bsn_store_open(data_fd, &store, &err);
}

static int close_scratch(void **state)
{
	(void)state;
	bsn_store_close(store);
	store = NULL;
	close(data_fd);
	return bsn_remove_tree(AT_FDCWD, scratch);
}

#define NEEDS_ROOT()                                                                                                             \
	do {                                                                                                                     \
		if (geteuid() != 0)                                                                                              \
			skip();                                                                                                  \
	} while (0)

static int count_entry(int dirfd, const char *name, void *data)
{
	(void)dirfd;
	(void)name;
	(*(int *)data)++;
	return 0;
}

static int count_in(const char *directory)
{
	char path[100];
	int count = 0;
	snprintf(path, sizeof(path), "store/%s", directory);
	int fd = openat(data_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	bsn_each_entry(fd, count_entry, &count);
	close(fd);
	return count;
}

/* A file to read from with that content, without a name. */
static int file_of(const struct bsn_str *data)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	assert_int_equal(bsn_write_all(fd, data->data, data->length), 0);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int import_as(const struct bsn_str *data, const char *ref, json_t **ret_json)
{
	json_t *json = NULL;
	int fd = file_of(data);
	const struct bsn_import_options options = { .fd = fd, .name = "test.tar", .ref = ref };
	int r = bsn_image_import(store, &options, &json, &err);
	close(fd);
	if (ret_json != NULL)
		*ret_json = json;
	else
		json_decref(json);
	return r;
}

static void imports(const struct bsn_str *data, const char *ref)
{
	if (import_as(data, ref, NULL) < 0)
		fail_msg("%s", err.text);
}

static void refuses(const struct bsn_str *data, const char *ref, int code, const char *reason)
{
	memset(&err, 0, sizeof(err));
	assert_true(import_as(data, ref, NULL) < 0);
	if (err.code != code || strstr(err.text, reason) == NULL)
		fail_msg("code %d: \"%s\" instead of code %d: \"%s\"", err.code, err.text, code, reason);
	assert_int_equal(count_in("tmp"), 0);
	assert_int_equal(count_in("trash"), 0);
}

static void small_rootfs(struct bsn_str *tar, const char *text)
{
	add_dir(tar, "./", 0755);
	add_dir(tar, "./bin", 0755);
	add_file(tar, "./bin/sh", text);
	add_symlink(tar, "./sh", "bin/sh");
	add_end(tar);
}

static void references(void **state)
{
	(void)state;
	char ref[BSN_REF_ROOM];
	static const char *const good[][2] = {
		{ "debian", "debian:latest" },
		{ "debian:12", "debian:12" },
		{ "a.b_c__d---e/f:V1.0-x", "a.b_c__d---e/f:V1.0-x" },
		{ "localhost:5000/x", "localhost:5000/x:latest" },
		{ "registry.example:5000/x/y:t", "registry.example:5000/x/y:t" },
	};
	static const char *const bad[] = { "",       ":",    "a:",   "A",     "a/",         "/a",     "a//b",   "a:b:c",
					   "a:b/c!", "../x", "a..b", ".a",    "a_",         "a___b",  "x:.tag", "x:-t",
					   "a b",    "a%b",  "a@b",  "h:x/y", "sha256:abc", "sha256", "h:/y",   "h:123456/y" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(bsn_ref_normalise(good[i][0], ref, &err), 0);
		assert_string_equal(ref, good[i][1]);
		bsn_ref_to_file(ref);
		assert_null(strchr(ref, '/'));
		bsn_ref_from_file(ref);
		assert_string_equal(ref, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (bsn_ref_normalise(bad[i], ref, &err) != -EINVAL)
			fail_msg("\"%s\" was taken for a reference", bad[i]);
	char longest[300];
	memset(longest, 'a', sizeof(longest));
	longest[299] = '\0';
	assert_int_equal(bsn_ref_normalise(longest, ref, &err), -ENAMETOOLONG);
}

static void digests(void **state)
{
	(void)state;
	char digest[BSN_DIGEST_ROOM];
	assert_int_equal(bsn_digest_of("", 0, digest, &err), 0);
	assert_string_equal(digest, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_int_equal(bsn_digest_check(digest, &err), 0);
	digest[10] = 'E';
	assert_true(bsn_digest_check(digest, &err) < 0);
	assert_true(bsn_digest_check("sha256:../../etc/passwd", &err) < 0);
	assert_true(bsn_digest_check("sha256:", &err) < 0);
	assert_true(bsn_digest_check("", &err) < 0);
}

static void import_twice_and_remove(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	struct bsn_image *image;
	json_t *json;
	small_rootfs(&tar, "x");
	assert_int_equal(import_as(&tar, "t:1", &json), 0);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 0), "layers_reused")), 0);
	json_decref(json);
	assert_int_equal(import_as(&tar, "t:2", &json), 0);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 0), "layers_reused")), 1);
	json_decref(json);
	assert_int_equal(count_in("layers"), 1);
	assert_int_equal(count_in("images"), 1); /* the same tar is the same image */
	assert_int_equal(count_in("names"), 2);
	assert_int_equal(bsn_image_resolve(store, "t:2", &image, &err), 0);
	assert_string_equal(image->ref, "t:2");
	assert_int_equal(image->layer_count, 1);
	assert_null(image->cmd);
	assert_string_equal(image->os, "linux");
	int fd = openat(bsn_store_fd(store), image->layer_paths[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(faccessat(fd, "bin/sh", F_OK, 0), 0);
	close(fd);
	/* The first name goes; the second cannot while the image is held. */
	assert_int_equal(bsn_image_remove(store, "t:1", NULL, NULL, &err), 0);
	assert_int_equal(bsn_image_remove(store, "t:2", NULL, NULL, &err), -EBUSY);
	assert_int_equal(err.code, BASIN_BUSY);
	char prefix[20];
	snprintf(prefix, sizeof(prefix), "%.12s", bsn_digest_hex(image->digest));
	bsn_image_free(image);
	assert_int_equal(bsn_image_resolve(store, prefix, &image, &err), 0);
	assert_null(image->ref);
	bsn_image_free(image);
	assert_int_equal(bsn_image_remove(store, prefix, NULL, NULL, &err), 0);
	assert_int_equal(count_in("layers") + count_in("images") + count_in("names") + count_in("tmp") + count_in("trash"), 0);
	assert_int_equal(bsn_image_remove(store, "t:2", NULL, NULL, &err), -ENOENT);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	bsn_str_release(&tar);
}

static int one_user(void *data, const char *digest, char ***ret_users, struct basin_error *error)
{
	(void)error;
	assert_int_equal(bsn_digest_check(digest, NULL), 0);
	*ret_users = calloc(2, sizeof(char *));
	(*ret_users)[0] = strdup(data);
	return 0;
}

static void images_in_use_stay(void **state)
{
	(void)state;
	NEEDS_ROOT();
	char user[] = "environment \"web\"";
	struct bsn_str tar = { 0 };
	small_rootfs(&tar, "x");
	imports(&tar, "t:1");
	assert_int_equal(bsn_image_remove(store, "t:1", one_user, user, &err), -EBUSY);
	assert_int_equal(err.code, BASIN_BUSY);
	assert_non_null(strstr(err.text, "environment \"web\""));
	assert_int_equal(count_in("names"), 1);
	/* A layer that another image has stays with it. */
	struct bsn_str other = { 0 };
	small_rootfs(&other, "y");
	imports(&other, "t:2");
	assert_int_equal(bsn_image_remove(store, "t:1", NULL, NULL, &err), 0);
	assert_int_equal(count_in("layers"), 1);
	imports(&tar, "t:2"); /* the name moves; the image it had is without one now */
	json_t *list;
	assert_int_equal(bsn_image_list(store, &list, &err), 0);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "ref")), "t:2");
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "ref")));
	json_decref(list);
	bsn_str_release(&other);
	bsn_str_release(&tar);
}

static void bad_input_leaves_nothing(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	struct bsn_str none = { .data = (char *)(uintptr_t) "", .length = 0 };
	struct bsn_str cut;
	small_rootfs(&tar, "x");
	refuses(&tar, NULL, BASIN_USAGE, "no name of its own");
	refuses(&tar, "No!", BASIN_USAGE, "not a reference");
	refuses(&none, "t", BASIN_DAMAGED, "is empty");
	for (size_t length = 512; length < tar.length; length += 512) {
		cut = tar;
		cut.length = length;
		refuses(&cut, "t", BASIN_DAMAGED, "tar entry");
	}
	tar.data[600] ^= 1;
	refuses(&tar, "t", BASIN_DAMAGED, "check sum");
	assert_int_equal(count_in("layers") + count_in("images") + count_in("names"), 0);
	bsn_str_release(&tar);
}

static void check_finds_damage(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	struct bsn_image *image;
	struct basin_error damage;
	struct bsn_check_options options = { 0 };
	json_t *json;
	small_rootfs(&tar, "x");
	imports(&tar, "t:1");
	assert_int_equal(bsn_store_check(store, &options, &json, &damage, &err), 0);
	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_int_equal(damage.code, 0);
	json_decref(json);
	assert_int_equal(bsn_image_resolve(store, "t:1", &image, &err), 0);
	int diff = openat(bsn_store_fd(store), image->layer_paths[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	assert_int_equal(fstatat(diff, "bin/sh", &st, 0), 0);
	int fd = openat(diff, "bin/sh", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "y", 1, 0), 1);
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	assert_int_equal(futimens(fd, times), 0); /* only the content tells */
	close(fd);
	assert_int_equal(bsn_store_check(store, &options, &json, &damage, &err), 0);
	assert_true(json_is_false(json_object_get(json, "ok")));
	assert_int_equal(damage.code, BASIN_DAMAGED);
	assert_non_null(strstr(damage.text, "\"bin/sh\": its content differs"));
	json_decref(json);
	options.quick = true;
	assert_int_equal(bsn_store_check(store, &options, &json, &damage, &err), 0);
	assert_int_equal(damage.code, 0);
	json_decref(json);
	assert_int_equal(fchmodat(diff, "bin/sh", 0600, 0), 0);
	assert_int_equal(unlinkat(diff, "sh", 0), 0);
	assert_int_equal(mkdirat(diff, "added", 0755), 0);
	options.ref = "t:1";
	assert_int_equal(bsn_store_check(store, &options, &json, &damage, &err), 0);
	const json_t *damaged = json_object_get(json_array_get(json_object_get(json, "layers"), 0), "damaged");
	assert_int_equal(json_array_size(damaged), 4); /* "." has another time now */
	assert_string_equal(json_string_value(json_object_get(json_array_get(damaged, 1), "problem")), "it was not in the layer");
	assert_string_equal(json_string_value(json_object_get(json_array_get(damaged, 2), "problem")),
			    "its mode is 0600, not 0644");
	assert_string_equal(json_string_value(json_object_get(json_array_get(damaged, 3), "problem")), "it is missing");
	json_decref(json);
	/* Records. */
	assert_int_equal(bsn_replace_file(store->names, "t:2", "sha256:nonsense\n", 16, 0600, false), 0);
	options = (struct bsn_check_options){ .quick = true };
	assert_int_equal(bsn_store_check(store, &options, &json, &damage, &err), 0);
	assert_int_equal(json_array_size(json_object_get(json, "problems")), 1);
	json_decref(json);
	options.ref = "nothing";
	assert_int_equal(bsn_store_check(store, &options, &json, &damage, &err), -ENOENT);
	close(diff);
	bsn_image_free(image);
	bsn_str_release(&tar);
}

/* Many files, so that there is time to be killed in. */
static void large_rootfs(struct bsn_str *tar)
{
	char name[40];
	char text[3000];
	memset(text, 'z', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "dir%d/file%d", i % 30, i);
		text[0] = (char)('a' + i % 26);
		add_file(tar, name, text);
	}
	add_end(tar);
}

static void expect_sound(void)
{
	struct bsn_check_options options = { 0 };
	struct basin_error damage;
	json_t *json;
	assert_int_equal(bsn_store_check(store, &options, &json, &damage, &err), 0);
	if (damage.code != 0)
		fail_msg("%s", damage.text);
	json_decref(json);
}

static void killed_at_any_time(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	large_rootfs(&tar);
	for (int round = 0; round < 8; round++) {
		pid_t pid = fork();
		if (pid == 0) {
			import_as(&tar, "t:1", NULL);
			_exit(0);
		}
		const struct timespec nap = { .tv_nsec = round * 12L * 1000 * 1000 };
		nanosleep(&nap, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		bsn_store_close(store);
		assert_int_equal(bsn_store_open(data_fd, &store, &err), 0);
		assert_int_equal(count_in("tmp") + count_in("trash"), 0);
		expect_sound();
	}
	imports(&tar, "t:1");
	assert_int_equal(count_in("layers"), 1);
	expect_sound();
	bsn_str_release(&tar);
}

static void opening_spares_what_lives(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_staging staging = BSN_STAGING_INIT;
	struct bsn_store *second;
	assert_int_equal(bsn_staging_open(store, &staging, &err), 0);
	assert_int_equal(bsn_store_open(data_fd, &second, &err), 0);
	assert_int_equal(count_in("tmp"), 2); /* the directory and its lock */
	bsn_staging_close(&staging);
	assert_int_equal(count_in("tmp"), 0);
	assert_int_equal(mkdirat(second->tmp, "orphan", 0700), 0);
	bsn_store_close(second);
	assert_int_equal(bsn_store_open(data_fd, &second, &err), 0);
	assert_int_equal(count_in("tmp"), 0);
	bsn_store_close(second);
}

static void many_at_once(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	pid_t pids[6];
	large_rootfs(&tar);
	for (int i = 0; i < 6; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char ref[20];
			struct bsn_store *own;
			snprintf(ref, sizeof(ref), "t:%d", i);
			if (bsn_store_open(data_fd, &own, &err) < 0)
				_exit(1);
			store = own;
			_exit(import_as(&tar, ref, NULL) < 0);
		}
	}
	for (int i = 0; i < 6; i++) {
		int status;
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_in("layers"), 1);
	assert_int_equal(count_in("names"), 6);
	assert_int_equal(count_in("tmp") + count_in("trash"), 0);
	expect_sound();
	bsn_str_release(&tar);
}

/* --- archives --- */

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"

/* An OCI layout with one layer; each part can be replaced to be wrong. */
struct layout {
	const char *layout;
	const char *manifest_extra; /* put into the manifest, "," first */
	const char *config_extra;
	const char *ref; /* annotation, NULL: none */
	const char *diff_id;
	long layer_size_off;
	char layer_digest[BSN_DIGEST_ROOM];
};

static void add_blob(struct bsn_str *tar, const void *data, size_t length, char digest[BSN_DIGEST_ROOM])
{
	char name[100];
	assert_int_equal(bsn_digest_of(data, length, digest, &err), 0);
	snprintf(name, sizeof(name), "blobs/sha256/%s", bsn_digest_hex(digest));
	add_entry(tar, (struct entry){ .name = name, .mode = 0644, .size = length });
	add_data(tar, data, length);
}

static void build_layout(struct bsn_str *tar, struct layout *layout)
{
	char digest[BSN_DIGEST_ROOM];
	char diff_id[BSN_DIGEST_ROOM];
	struct bsn_str layer = { 0 };
	struct bsn_str text = { 0 };
	add_dir(tar, "blobs/", 0755);
	small_rootfs(&layer, "layer");
	add_blob(tar, layer.data, layer.length, diff_id);
	bsn_str_addf(&text,
		     "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"/bin/sh\",\"-c\"],\"Entrypoint\":[\"/"
		     "e\"],\"Env\":[\"A=b\"],"
		     "\"User\":\"5:6\",\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGINT\",\"ExposedPorts\":{\"80/tcp\":{}}},"
		     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}%s}",
		     layout->diff_id != NULL ? layout->diff_id : diff_id,
		     layout->config_extra != NULL ? layout->config_extra : "");
	add_blob(tar, text.data, text.length, digest);
	size_t config_size = text.length;
	bsn_str_clear(&text);
	bsn_str_addf(&text,
		     "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST
		     "\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		     "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"application/"
		     "vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\","
		     "\"size\":%ld}]%s}",
		     digest, config_size, layout->layer_digest[0] != '\0' ? layout->layer_digest : diff_id,
		     (long)layer.length + layout->layer_size_off, layout->manifest_extra != NULL ? layout->manifest_extra : "");
	add_blob(tar, text.data, text.length, digest);
	size_t manifest_size = text.length;
	bsn_str_clear(&text);
	bsn_str_addf(&text, "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MANIFEST "\",\"digest\":\"%s\",\"size\":%zu",
		     digest, manifest_size);
	if (layout->ref != NULL)
		bsn_str_addf(&text, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}", layout->ref);
	bsn_str_add(&text, "}]}");
	add_file(tar, "index.json", text.data);
	add_file(tar, "oci-layout", layout->layout != NULL ? layout->layout : "{\"imageLayoutVersion\":\"1.0.0\"}");
	add_end(tar);
	bsn_str_release(&text);
	bsn_str_release(&layer);
}

static void an_oci_layout(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	struct bsn_image *image;
	build_layout(&tar, &(struct layout){ .ref = "docker.io/library/app:1" });
	imports(&tar, NULL);
	assert_int_equal(bsn_image_resolve(store, "app:1", &image, &err), 0);
	assert_string_equal(image->cmd[1], "-c");
	assert_null(image->cmd[2]);
	assert_string_equal(image->entrypoint[0], "/e");
	assert_string_equal(image->env[0], "A=b");
	assert_string_equal(image->user, "5:6");
	assert_string_equal(image->working_dir, "/w");
	assert_string_equal(image->stop_signal, "SIGINT");
	assert_string_equal(image->exposed_ports[0], "80/tcp");
	bsn_image_free(image);
	imports(&tar, "mine:2");
	assert_int_equal(count_in("images"), 1);
	/* A second time, with a flipped byte in each blob in turn. */
	assert_int_equal(bsn_image_remove(store, "mine:2", NULL, NULL, &err), 0);
	assert_int_equal(bsn_image_remove(store, "app:1", NULL, NULL, &err), 0);
	for (size_t at = 0; at + 512 <= tar.length; at += 512) {
		const struct bsn_tar_header *header = (const struct bsn_tar_header *)(tar.data + at);
		if (memcmp(header->magic, "ustar", 5) != 0 || strncmp(header->name, "blobs/sha256/", 13) != 0)
			continue;
		tar.data[at + 512 + 5] ^= 1;
		assert_true(import_as(&tar, NULL, NULL) < 0);
		assert_int_equal(err.code, BASIN_DAMAGED);
		tar.data[at + 512 + 5] ^= 1;
	}
	assert_int_equal(count_in("layers") + count_in("images") + count_in("names") + count_in("tmp"), 0);
	bsn_str_release(&tar);
}

static void bad_layouts(void **state)
{
	(void)state;
	NEEDS_ROOT();
	static const char other[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	struct {
		struct layout layout;
		int code;
		const char *reason;
	} cases[] = {
		{ { .ref = NULL }, BASIN_USAGE, "does not name its image" },
		{ { .ref = "No Ref" }, BASIN_USAGE, "not a reference" },
		{ { .ref = "a", .layout = "{\"imageLayoutVersion\":\"2.0.0\"}" }, BASIN_UNSUPPORTED, "version \"2.0.0\"" },
		{ { .ref = "a", .layout = "nonsense" }, BASIN_DAMAGED, "not valid JSON" },
		{ { .ref = "a", .manifest_extra = ",\"manifests\":[]" }, BASIN_DAMAGED, "index too" },
		{ { .ref = "a", .manifest_extra = ",\"artifactType\":\"application/vnd.basin.backup.v1\"" },
		  BASIN_USAGE,
		  "basin backup restore" },
		{ { .ref = "a", .manifest_extra = ",\"artifactType\":\"x/y\"" }, BASIN_USAGE, "artifact of the type" },
		{ { .ref = "a", .layer_size_off = -1 }, BASIN_DAMAGED, "said to have" },
		{ { .ref = "a", .layer_size_off = 1 }, BASIN_DAMAGED, "said to have" },
		{ { .ref = "a", .layer_size_off = -100000 }, BASIN_DAMAGED, "size" },
		{ { .ref = "a", .layer_digest = "sha256:../../../etc/shadow" }, BASIN_DAMAGED, "not a digest" },
		{ { .ref = "a", .diff_id = other }, BASIN_DAMAGED, "the unpacked layer's digest is" },
		{ { .ref = "a", .diff_id = "sha256:../x" }, BASIN_DAMAGED, "not a digest" },
		{ { .ref = "a", .diff_id = "x\",\"y" }, BASIN_DAMAGED, "1 layers, the config 2" },
	};
	memcpy(cases[10].layout.layer_digest, "sha256:../../../etc/shadow", 27);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bsn_str tar = { 0 };
		build_layout(&tar, &cases[i].layout);
		refuses(&tar, NULL, cases[i].code, cases[i].reason);
		bsn_str_release(&tar);
	}
	assert_int_equal(count_in("names") + count_in("images"), 0);
}

static void a_docker_archive(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	struct bsn_str layer = { 0 };
	struct bsn_str config = { 0 };
	char diff_id[BSN_DIGEST_ROOM];
	char digest[BSN_DIGEST_ROOM];
	char name[100];
	small_rootfs(&layer, "layer");
	bsn_digest_of(layer.data, layer.length, diff_id, &err);
	bsn_str_addf(
		&config,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}",
		diff_id, diff_id);
	bsn_digest_of(config.data, config.length, digest, &err);
	snprintf(name, sizeof(name), "%s.json", bsn_digest_hex(digest));
	add_file(&tar, name, config.data);
	add_entry(&tar, (struct entry){ .name = "one/layer.tar", .size = layer.length });
	add_data(&tar, layer.data, layer.length);
	add_symlink(&tar, "two/layer.tar", "../one/layer.tar"); /* old dockers did so for the same layer twice */
	struct bsn_str manifest = { 0 };
	bsn_str_addf(&manifest,
		     "[{\"Config\":\"%s\",\"RepoTags\":[\"app:1\",\"docker.io/library/app:2\"],\"Layers\":[\"one/"
		     "layer.tar\",\"two/layer.tar\"]}]",
		     name);
	size_t without = tar.length;
	add_file(&tar, "manifest.json", manifest.data);
	add_end(&tar);
	imports(&tar, NULL);
	assert_int_equal(count_in("names"), 2);
	assert_int_equal(count_in("layers"), 1);
	struct bsn_image *image;
	assert_int_equal(bsn_image_resolve(store, "app:2", &image, &err), 0);
	assert_int_equal(image->layer_count, 2);
	bsn_image_free(image);
	assert_int_equal(bsn_image_remove(store, "app:1", NULL, NULL, &err), 0);
	assert_int_equal(bsn_image_remove(store, "app:2", NULL, NULL, &err), 0);
	/* A layer that is a link out of the archive is a name that nothing has. */
	static const char *const targets[] = { "/etc/passwd", "../../../../etc/passwd", "../three/layer.tar",
					       "../two/layer.tar" };
	for (size_t i = 0; i < 4; i++) {
		tar.length = without - 512;
		add_symlink(&tar, "two/layer.tar", targets[i]);
		add_file(&tar, "manifest.json", manifest.data);
		add_end(&tar);
		refuses(&tar, NULL, BASIN_DAMAGED, i == 1 ? "outside it" : "lacks its member");
	}
	tar.length = without;
	add_end(&tar);
	refuses(&tar, NULL, BASIN_DAMAGED, "neither index.json nor manifest.json");
	bsn_str_release(&manifest);
	bsn_str_release(&config);
	bsn_str_release(&layer);
	bsn_str_release(&tar);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, open_scratch, close_scratch)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references),
		cmocka_unit_test(digests),
		CASE(import_twice_and_remove),
		CASE(images_in_use_stay),
		CASE(bad_input_leaves_nothing),
		CASE(check_finds_damage),
		CASE(killed_at_any_time),
		CASE(opening_spares_what_lives),
		CASE(many_at_once),
		CASE(an_oci_layout),
		CASE(bad_layouts),
		CASE(a_docker_archive),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
