/* SPDX-License-Identifier: Apache-2.0 */
/* image/tar_read: every dialect it reads, and everything it must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/tar_read.h"
#include "tests/unit/tar_build.h"

/* A reader over bytes in memory. */
struct reading {
	struct bsn_memory_stream memory;
	struct bsn_tar *tar;
	const struct bsn_tar_entry *entry;
	struct basin_error err;
};

static void begin(struct reading *reading, const struct bsn_str *tar, bool end_optional)
{
	memset(reading, 0, sizeof(*reading));
	bsn_memory_stream_init(&reading->memory, tar->data, tar->length);
	assert_int_equal(bsn_tar_new(&reading->memory.stream, NULL, end_optional, &reading->tar, &reading->err), 0);
}

static int next(struct reading *reading)
{
	return bsn_tar_next(reading->tar, &reading->entry, &reading->err);
}

static void end(struct reading *reading)
{
	bsn_tar_free(reading->tar);
}

/* The current file's data with its holes, as a string on the heap. */
static char *contents(struct reading *reading)
{
	size_t size = (size_t)reading->entry->size;
	char *text = calloc(1, size + 1);
	const void *data;
	uint64_t offset;
	ssize_t n;
	while ((n = bsn_tar_data(reading->tar, &data, &offset, &reading->err)) > 0) {
		assert_true(offset + (uint64_t)n <= size);
		memcpy(text + offset, data, (size_t)n);
	}
	assert_int_equal(n, 0);
	return text;
}

static void expect_contents(struct reading *reading, const char *expected, size_t size)
{
	char *text = contents(reading);
	assert_int_equal(reading->entry->size, size);
	assert_memory_equal(text, expected, size);
	free(text);
}

/* Reads the archive to its end: 0, or the failure. Data is read too when asked for. */
static int read_all(const void *data, size_t length, bool end_optional, bool with_data, struct basin_error *err)
{
	struct bsn_memory_stream memory;
	struct bsn_tar *tar;
	const struct bsn_tar_entry *entry;
	const void *piece;
	uint64_t offset;
	int r;
	bsn_memory_stream_init(&memory, data, length);
	assert_int_equal(bsn_tar_new(&memory.stream, NULL, end_optional, &tar, err), 0);
	while ((r = bsn_tar_next(tar, &entry, err)) > 0) {
		ssize_t n = 0;
		while (with_data && (n = bsn_tar_data(tar, &piece, &offset, err)) > 0)
			;
		if (n < 0) {
			r = (int)n;
			break;
		}
	}
	bsn_tar_free(tar);
	return r;
}

static void refuses(struct bsn_str *tar, const char *reason)
{
	struct basin_error err = { 0 };
	add_end(tar);
	assert_true(read_all(tar->data, tar->length, false, true, &err) < 0);
	assert_int_equal(err.code, BASIN_DAMAGED);
	if (strstr(err.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
	bsn_str_release(tar);
}

static void plain_entries(void **state)
{
	(void)state;
	struct bsn_str tar = { 0 };
	struct reading r;
	add_entry(&tar, (struct entry){ .name = "./", .type = '5', .mode = 0755, .uid = 3, .gid = 4, .mtime = 77 });
	add_file(&tar, "a", "hello");
	add_symlink(&tar, "l", "../x");
	add_hardlink(&tar, "h", "a");
	add_entry(&tar, (struct entry){ .name = "c", .type = '3', .major = 1, .minor = 3, .mode = 04666 });
	add_entry(&tar, (struct entry){ .name = "b", .type = '4', .major = 8, .minor = 1 });
	add_entry(&tar, (struct entry){ .name = "p", .type = '6' });
	add_entry(&tar, (struct entry){ .name = "contiguous", .type = '7' });
	add_end(&tar);
	begin(&r, &tar, false);
	assert_int_equal(next(&r), 1);
	assert_string_equal(r.entry->path, ".");
	assert_int_equal(r.entry->type, BSN_TAR_DIR);
	assert_int_equal(r.entry->uid, 3);
	assert_int_equal(r.entry->gid, 4);
	assert_int_equal(r.entry->mtime.tv_sec, 77);
	assert_int_equal(next(&r), 1);
	expect_contents(&r, "hello", 5);
	assert_int_equal(next(&r), 1);
	assert_string_equal(r.entry->link, "../x");
	assert_int_equal(next(&r), 1);
	assert_int_equal(r.entry->type, BSN_TAR_HARDLINK);
	assert_int_equal(next(&r), 1);
	assert_int_equal(r.entry->major, 1);
	assert_int_equal(r.entry->minor, 3);
	assert_int_equal(r.entry->mode, 04666);
	assert_int_equal(next(&r), 1);
	assert_int_equal(r.entry->type, BSN_TAR_BLOCK);
	assert_int_equal(next(&r), 1);
	assert_int_equal(r.entry->type, BSN_TAR_FIFO);
	assert_int_equal(next(&r), 1);
	assert_int_equal(r.entry->type, BSN_TAR_FILE);
	assert_int_equal(r.entry->number, 7);
	assert_int_equal(next(&r), 0);
	assert_int_equal(next(&r), 0);
	end(&r);
	bsn_str_release(&tar);
}

static void old_dialects(void **state)
{
	(void)state;
	struct bsn_str tar = { 0 };
	struct reading r;
	struct bsn_tar_header header;
	char name[150];
	memset(name, 'n', sizeof(name));
	name[149] = '\0';
	add_entry(&tar, (struct entry){ .name = "v7dir/", .type = '\1', .magic = "" }); /* the type is set below */
	((struct bsn_tar_header *)tar.data)->type = '\0';
	seal((struct bsn_tar_header *)tar.data);
	add_entry(&tar, (struct entry){ .name = "name", .prefix = "some/prefix" });
	add_extension(&tar, 'L', name, 150);
	add_extension(&tar, 'K', "long/target", 12);
	add_entry(&tar, (struct entry){ .name = "cut", .type = '2', .link = "cut", .magic = "ustar  " });
	header = header_of(&(struct entry){ .name = "big", .magic = "ustar  " });
	memcpy(header.uid, "\x80\0\0\0\0\x1e\x84\x80", 8);                            /* 2 000 000 */
	memcpy(header.mtime, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12); /* -2 */
	add_header(&tar, header);
	add_end(&tar);
	begin(&r, &tar, false);
	assert_int_equal(next(&r), 1);
	assert_int_equal(r.entry->type, BSN_TAR_DIR);
	assert_string_equal(r.entry->path, "v7dir");
	assert_int_equal(next(&r), 1);
	assert_string_equal(r.entry->path, "some/prefix/name");
	assert_int_equal(next(&r), 1);
	assert_string_equal(r.entry->path, name);
	assert_string_equal(r.entry->link, "long/target");
	assert_int_equal(next(&r), 1);
	assert_int_equal(r.entry->uid, 2000000);
	assert_int_equal(r.entry->mtime.tv_sec, -2);
	assert_int_equal(next(&r), 0);
	end(&r);
	bsn_str_release(&tar);
}

static void pax_records(void **state)
{
	(void)state;
	struct bsn_str tar = { 0 };
	struct bsn_str body = { 0 };
	struct reading r;
	add_record(&body, "mtime", "5", 1);
	add_record(&body, "comment", "of no interest", 14);
	add_extension(&tar, 'g', body.data, body.length);
	bsn_str_clear(&body);
	add_record(&body, "path", "new\nline", 8);
	add_record(&body, "uid", "4294967294", 10);
	add_record(&body, "mtime", "-1.25", 5);
	add_record(&body, "SCHILY.xattr.user.x", "a\0\nb", 4);
	add_record(&body, "SCHILY.xattr.user.y", "", 0);
	add_record(&body, "SCHILY.xattr.user.x", "second", 6);
	add_record(&body, "SCHILY.acl.access", "user::rwx,user:bob:r--", 22);
	add_extension(&tar, 'x', body.data, body.length);
	add_file(&tar, "old", "data");
	add_file(&tar, "plain", "");
	add_end(&tar);
	begin(&r, &tar, false);
	assert_int_equal(next(&r), 1);
	assert_string_equal(r.entry->path, "new\nline");
	assert_int_equal(r.entry->uid, 4294967294U);
	assert_int_equal(r.entry->mtime.tv_sec, -2);
	assert_int_equal(r.entry->mtime.tv_nsec, 750000000);
	assert_int_equal(r.entry->xattr_count, 2);
	assert_string_equal(r.entry->xattrs[0].name, "user.x");
	assert_memory_equal(r.entry->xattrs[0].value, "second", 6);
	assert_int_equal(r.entry->xattrs[1].size, 0);
	assert_true(r.entry->acl_dropped);
	expect_contents(&r, "data", 4);
	assert_int_equal(next(&r), 1); /* an x header is for one entry, a g header for all */
	assert_string_equal(r.entry->path, "plain");
	assert_int_equal(r.entry->uid, 0);
	assert_int_equal(r.entry->xattr_count, 0);
	assert_int_equal(r.entry->mtime.tv_sec, 5);
	assert_int_equal(next(&r), 0);
	end(&r);
	bsn_str_release(&body);
	bsn_str_release(&tar);
}

/* The x header's size counts, for what is read and for what is skipped: an entry hidden in the difference is never seen. */
static void pax_size_wins(void **state)
{
	(void)state;
	for (int with_data = 0; with_data < 2; with_data++) {
		struct bsn_str tar = { 0 };
		struct bsn_str inner = { 0 };
		struct reading r;
		add_file(&inner, "hidden", "x");
		add_pax(&tar, "size", "1024", 4);
		add_entry(&tar, (struct entry){ .name = "outer", .size = 0 });
		assert_int_equal(inner.length, 1024);
		bsn_str_add_bytes(&tar, inner.data, inner.length);
		add_file(&tar, "after", "y");
		add_end(&tar);
		begin(&r, &tar, false);
		assert_int_equal(next(&r), 1);
		if (with_data)
			expect_contents(&r, inner.data, 1024);
		assert_int_equal(next(&r), 1);
		assert_string_equal(r.entry->path, "after");
		assert_int_equal(next(&r), 0);
		end(&r);
		bsn_str_release(&inner);
		bsn_str_release(&tar);
	}
}

static void sparse_dialects(void **state)
{
	(void)state;
	static const char expected[] = "\0\0\0\0abc\0\0\0de\0"; /* 13 bytes: 4 zeros, abc, 3 zeros, de, a zero */
	struct bsn_str tar = { 0 };
	struct bsn_str body = { 0 };
	struct reading r;
	struct bsn_tar_header header;
	add_record(&body, "GNU.sparse.size", "13", 2); /* 0.0 */
	add_record(&body, "GNU.sparse.numblocks", "2", 1);
	add_record(&body, "GNU.sparse.offset", "4", 1);
	add_record(&body, "GNU.sparse.numbytes", "3", 1);
	add_record(&body, "GNU.sparse.offset", "10", 2);
	add_record(&body, "GNU.sparse.numbytes", "2", 1);
	add_extension(&tar, 'x', body.data, body.length);
	add_entry(&tar, (struct entry){ .name = "s00", .size = 5 });
	add_data(&tar, "abcde", 5);
	bsn_str_clear(&body);
	add_record(&body, "GNU.sparse.size", "13", 2); /* 0.1 */
	add_record(&body, "GNU.sparse.name", "s01", 3);
	add_record(&body, "GNU.sparse.map", "4,3,10,2", 8);
	add_extension(&tar, 'x', body.data, body.length);
	add_entry(&tar, (struct entry){ .name = "GNUSparseFile.0/s01", .size = 5 });
	add_data(&tar, "abcde", 5);
	bsn_str_clear(&body);
	add_record(&body, "GNU.sparse.major", "1", 1); /* 1.0 */
	add_record(&body, "GNU.sparse.minor", "0", 1);
	add_record(&body, "GNU.sparse.name", "s10", 3);
	add_record(&body, "GNU.sparse.realsize", "13", 2);
	add_extension(&tar, 'x', body.data, body.length);
	add_entry(&tar, (struct entry){ .name = "GNUSparseFile.0/s10", .size = 512 + 5 });
	add_data(&tar, "2\n4\n3\n10\n2\n", 11);
	add_data(&tar, "abcde", 5);
	header = header_of(&(struct entry){ .name = "gnu", .type = 'S', .size = 5, .magic = "ustar  " });
	snprintf(header.tail.gnu.map[0], 12, "%011o", 4);
	snprintf(header.tail.gnu.map[0] + 12, 12, "%011o", 3);
	snprintf(header.tail.gnu.real_size, 12, "%011o", 13);
	header.tail.gnu.more = 1;
	add_header(&tar, header);
	char block[512] = { 0 };
	snprintf(block, 12, "%011o", 10);
	snprintf(block + 12, 12, "%011o", 2);
	bsn_str_add_bytes(&tar, block, sizeof(block));
	add_data(&tar, "abcde", 5);
	add_file(&tar, "after", "z");
	add_end(&tar);
	begin(&r, &tar, false);
	static const char *const names[] = { "s00", "s01", "s10", "gnu" };
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(next(&r), 1);
		assert_string_equal(r.entry->path, names[i]);
		assert_true(r.entry->sparse);
		expect_contents(&r, expected, 13);
	}
	assert_int_equal(next(&r), 1);
	assert_string_equal(r.entry->path, "after");
	assert_int_equal(next(&r), 0);
	end(&r);
	/* Skipping them must end at the same place. */
	begin(&r, &tar, false);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(next(&r), 1);
	assert_string_equal(r.entry->path, "after");
	end(&r);
	bsn_str_release(&body);
	bsn_str_release(&tar);
}

static void bad_records(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		const char *value;
		size_t size;
		const char *reason;
	} cases[] = {
		{ "path", "a\0b", 3, "NUL byte" },
		{ "linkpath", "a\0b", 3, "NUL byte" },
		{ "size", "-1", 2, "size that is out of range" },
		{ "size", "9223372036854775808", 19, "size that is out of range" },
		{ "size", "0x10", 4, "size that is out of range" },
		{ "uid", "100000000000000000000", 21, "uid that is out of range" },
		{ "gid", "4294967295", 10, "gid that is out of range" },
		{ "mtime", "1e9", 3, "time that is out of range" },
		{ "mtime", "", 0, NULL }, /* takes back what a g header said: fine */
		{ "GNU.sparse.major", "2", 1, "sparse version" },
		{ "GNU.sparse.map", "1,2,3", 5, "malformed sparse map" },
		{ "GNU.sparse.map", "5,9,3,1", 7, "malformed sparse map" },
		{ "GNU.sparse.map", "9223372036854775807,1", 21, "malformed sparse map" },
		{ "GNU.sparse.numbytes", "3", 1, "malformed sparse map" },
		{ "GNU.sparse.offset", "3", 1, "does not fit" },
		{ "GNU.sparse.size", "5", 1, "does not fit" },
		{ "SCHILY.xattr.", "v", 1, "malformed name" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bsn_str tar = { 0 };
		add_pax(&tar, cases[i].key, cases[i].value, cases[i].size);
		add_file(&tar, "f", "four");
		if (cases[i].reason != NULL) {
			refuses(&tar, cases[i].reason);
			continue;
		}
		struct basin_error err = { 0 };
		add_end(&tar);
		assert_int_equal(read_all(tar.data, tar.length, false, true, &err), 0);
		bsn_str_release(&tar);
	}
	static const char *const records[] = { "5 a=b\n", "99 a=b\n", "6 a=bc\n", "x a=b\n", "6 =bc\n",
					       "5 abc",   "4 a\n",    "0 a=b\n",  " 6 a=b\n" };
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct bsn_str tar = { 0 };
		add_extension(&tar, 'x', records[i], strlen(records[i]));
		add_file(&tar, "f", "");
		refuses(&tar, "malformed PAX record");
	}
}

static void bad_headers(void **state)
{
	(void)state;
	struct bsn_str tar = { 0 };
	struct bsn_tar_header header;
	add_file(&tar, "f", "x");
	tar.data[3] ^= 1;
	refuses(&tar, "check sum");
	add_entry(&tar, (struct entry){ .name = "f", .type = 'Z' });
	refuses(&tar, "unknown type");
	add_entry(&tar, (struct entry){ .name = "f", .type = '1', .link = "g", .size = 5 });
	add_data(&tar, "hello", 5);
	refuses(&tar, "hard link with data");
	add_entry(&tar, (struct entry){ .name = "f", .type = '2' });
	refuses(&tar, "link to nothing");
	add_entry(&tar, (struct entry){ .name = "" });
	refuses(&tar, "no name");
	add_entry(&tar, (struct entry){ .name = "dir/", .size = 5 });
	add_data(&tar, "hello", 5);
	refuses(&tar, "unknown type");
	add_pax(&tar, "GNU.sparse.size", "5", 1);
	add_dir(&tar, "d", 0755);
	refuses(&tar, "not a file");
	struct bsn_str body = { 0 };
	add_record(&body, "path", "x", 1);
	add_extension(&tar, 'g', body.data, body.length);
	add_file(&tar, "f", "");
	refuses(&tar, "global header");
	bsn_str_release(&body);
	header = header_of(&(struct entry){ .name = "f" });
	memcpy(header.size, "12345678x\0\0", 12);
	add_header(&tar, header);
	refuses(&tar, "size is malformed");
	header = header_of(&(struct entry){ .name = "f" });
	memset(header.size, 0xff, 12); /* -1 */
	add_header(&tar, header);
	refuses(&tar, "size is malformed");
	header = header_of(&(struct entry){ .name = "f" });
	memcpy(header.size, "\x80\x01\0\0\0\0\0\0\0\0\0\0", 12);
	add_header(&tar, header);
	refuses(&tar, "size is malformed");
	add_file(&tar, "a", "");
	bsn_str_add_bytes(&tar, (const char[512]){ 0 }, 512);
	add_file(&tar, "b", "");
	refuses(&tar, "lone zero block");
	add_extension(&tar, 'L', "ab\0cd", 6);
	add_file(&tar, "b", "");
	refuses(&tar, "NUL byte");
}

static void limits_hold(void **state)
{
	(void)state;
	struct bsn_str tar = { 0 };
	char *big = malloc(3 << 20);
	memset(big, 'a', 3 << 20);
	add_extension(&tar, 'L', big, 3 << 20);
	add_file(&tar, "f", "");
	refuses(&tar, "too long");
	big[5000] = '\0';
	add_extension(&tar, 'L', big, 5001);
	add_file(&tar, "f", "");
	refuses(&tar, "longer than 4095 bytes");
	for (size_t i = 0; i < 4000; i++)
		big[i] = i % 2 == 0 ? 'd' : '/';
	big[4000] = '\0';
	add_extension(&tar, 'L', big, 4001);
	add_file(&tar, "f", "");
	refuses(&tar, "more than 1024 parts");
	struct bsn_str body = { 0 };
	for (int i = 0; i < 6; i++) {
		char key[40];
		snprintf(key, sizeof(key), "SCHILY.xattr.user.n%d", i);
		add_record(&body, key, big, 60000);
	}
	add_extension(&tar, 'x', body.data, body.length);
	add_file(&tar, "f", "");
	refuses(&tar, "too many");
	bsn_str_release(&body);
	free(big);
}

/* A little of everything, for the two tests that damage it. */
static void mixed_archive(struct bsn_str *tar)
{
	struct bsn_str body = { 0 };
	add_dir(tar, "./", 0755);
	add_record(&body, "SCHILY.xattr.user.a", "1", 1);
	add_record(&body, "path", "a/long/name", 11);
	add_extension(tar, 'x', body.data, body.length);
	add_file(tar, "short", "some data that is here");
	add_extension(tar, 'L', "gnu/long/name", 14);
	add_file(tar, "gnu", "more");
	bsn_str_clear(&body);
	add_record(&body, "GNU.sparse.major", "1", 1);
	add_record(&body, "GNU.sparse.minor", "0", 1);
	add_record(&body, "GNU.sparse.realsize", "13", 2);
	add_extension(tar, 'x', body.data, body.length);
	add_entry(tar, (struct entry){ .name = "s", .size = 517 });
	add_data(tar, "2\n4\n3\n10\n2\n", 11);
	add_data(tar, "abcde", 5);
	add_symlink(tar, "l", "s");
	bsn_str_release(&body);
	add_end(tar);
}

static void truncated_anywhere(void **state)
{
	(void)state;
	struct bsn_str tar = { 0 };
	mixed_archive(&tar);
	for (size_t length = 0; length < tar.length; length++) {
		struct basin_error err = { 0 };
		char *copy = malloc(length + 1); /* its own allocation, so that a sanitizer sees a read past the end */
		memcpy(copy, tar.data, length);
		assert_true(read_all(copy, length, false, length % 2 == 0, &err) < 0);
		assert_int_equal(err.code, BASIN_DAMAGED);
		free(copy);
	}
	bsn_str_release(&tar);
}

/* Never a crash; a flip in a header is always noticed (in data it is for the digest to notice). */
static void flipped_anywhere(void **state)
{
	(void)state;
	struct bsn_str tar = { 0 };
	mixed_archive(&tar);
	for (size_t at = 0; at < tar.length; at++) {
		struct basin_error err = { 0 };
		tar.data[at] ^= 0x41;
		int r = read_all(tar.data, tar.length, false, true, &err);
		assert_true(r == 0 || err.code == BASIN_DAMAGED);
		if (at < 512) /* the first header */
			assert_true(r < 0);
		tar.data[at] ^= 0x41;
	}
	bsn_str_release(&tar);
}

static void end_may_be_missing_under_a_digest(void **state)
{
	(void)state;
	struct bsn_str tar = { 0 };
	struct basin_error err = { 0 };
	add_file(&tar, "f", "x");
	assert_int_equal(read_all(tar.data, tar.length, true, true, &err), 0);
	assert_int_equal(read_all(tar.data, 513, true, false, &err), 0); /* not even filled up */
	assert_true(read_all(tar.data, 512, true, false, &err) < 0);     /* but the data must be there */
	assert_true(read_all(tar.data, tar.length, false, true, &err) < 0);
	bsn_str_release(&tar);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_entries),
		cmocka_unit_test(old_dialects),
		cmocka_unit_test(pax_records),
		cmocka_unit_test(pax_size_wins),
		cmocka_unit_test(sparse_dialects),
		cmocka_unit_test(bad_records),
		cmocka_unit_test(bad_headers),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(truncated_anywhere),
		cmocka_unit_test(flipped_anywhere),
		cmocka_unit_test(end_may_be_missing_under_a_digest),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("tar_read", tests, NULL, NULL);
}
