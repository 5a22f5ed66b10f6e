/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image/extract: what an honest archive becomes, and what a hostile one must not do. Every case unpacks into JAIL/root beside a canary
 * (JAIL/out/victim), and after each the jail but for root/ must be as it was.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/sys.h"
#include "image/extract.h"
#include "tests/unit/tar_build.h"

static char jail[64];
static int jail_fd;
static int root;

static int open_jail(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	strcpy(jail, "/tmp/basin-jail.XXXXXX");
	assert_non_null(mkdtemp(jail));
	jail_fd = open(jail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(jail_fd, "root", 0755), 0);
	assert_int_equal(mkdirat(jail_fd, "out", 0755), 0);
	int fd = openat(jail_fd, "out/victim", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	assert_int_equal(write(fd, "canary", 6), 6);
	close(fd);
	root = openat(jail_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int count_entry(int dirfd, const char *name, void *data)
{
	(void)dirfd;
	(void)name;
	(*(int *)data)++;
	return 0;
}

static void expect_untouched(void)
{
	struct stat st;
	char *text;
	int jailed = 0;
	int outside = 0;
	int out = openat(jail_fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bsn_each_entry(jail_fd, count_entry, &jailed);
	bsn_each_entry(out, count_entry, &outside);
	assert_int_equal(jailed, 2);
	assert_int_equal(outside, 1);
	assert_int_equal(bsn_read_file(out, "victim", 100, &text, NULL), 0);
	assert_string_equal(text, "canary");
	assert_int_equal(fstatat(out, "victim", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_uid, 0);
	free(text);
	close(out);
}

static int close_jail(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	expect_untouched();
	close(root);
	close(jail_fd);
	return bsn_remove_tree(AT_FDCWD, jail);
}

static struct basin_error err;
static struct bsn_extract_result result;

/* Unpacks and empties the archive. */
static int unpack_with(struct bsn_str *tar, const struct bsn_extract_options *options)
{
	struct bsn_memory_stream memory;
	add_end(tar);
	memset(&err, 0, sizeof(err));
	bsn_memory_stream_init(&memory, tar->data, tar->length);
	int r = bsn_extract(root, &memory.stream, options, &result, &err);
	bsn_str_release(tar);
	return r;
}

static int unpack(struct bsn_str *tar)
{
	struct bsn_extract_options options = BSN_EXTRACT_OPTIONS_INIT;
	options.whiteouts = true;
	return unpack_with(tar, &options);
}

static void unpacks(struct bsn_str *tar)
{
	if (unpack(tar) < 0)
		fail_msg("refused: %s", err.text);
	expect_untouched();
}

static void refuses(struct bsn_str *tar, const char *reason)
{
	assert_true(unpack(tar) < 0);
	assert_int_equal(err.code, BASIN_DAMAGED);
	if (strstr(err.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
	expect_untouched();
}

static struct stat stat_of(const char *path)
{
	struct stat st;
	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

static bool is_there(const char *path)
{
	struct stat st;
	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void expect_text(const char *path, const char *expected)
{
	char *text;
	assert_int_equal(bsn_read_file(root, path, 1000, &text, NULL), 0);
	assert_string_equal(text, expected);
	free(text);
}

static ssize_t xattr_of(const char *path, const char *name, void *value, size_t room)
{
	char full[200];
	snprintf(full, sizeof(full), "%s/root/%s", jail, path);
	ssize_t n = lgetxattr(full, name, value, room);
	return n < 0 ? -errno : n;
}

#define NEEDS_ROOT()                                                                                                             \
	do {                                                                                                                     \
		if (geteuid() != 0)                                                                                              \
			skip();                                                                                                  \
	} while (0)

static void an_honest_archive(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	add_entry(&tar, (struct entry){ .name = "./", .type = '5', .mode = 0750, .uid = 5, .gid = 6, .mtime = 1000 });
	add_entry(&tar, (struct entry){ .name = "./d/", .type = '5', .mode = 0555, .mtime = 2000 });
	add_pax(&tar, "mtime", "3000.123456789", 14);
	add_file(&tar, "./d/f", "text");
	add_entry(&tar, (struct entry){ .name = "d/suid", .mode = 04755, .uid = 7, .gid = 8, .size = 0 });
	add_hardlink(&tar, "d/h", "./d/f");
	add_symlink(&tar, "l", "/d/f");
	add_entry(&tar, (struct entry){ .name = "p", .type = '6', .mode = 0622, .uid = 9 });
	add_entry(&tar, (struct entry){ .name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3 });
	add_entry(&tar, (struct entry){ .name = "sda", .type = '4', .mode = 0666, .major = 8 });
	add_hardlink(&tar, "zero", "./null"); /* left out with what it is a link to */
	unpacks(&tar);
	assert_int_equal(result.entries, 10);
	assert_int_equal(result.devices_skipped, 3);
	assert_false(is_there("zero"));
	assert_int_equal(stat_of(".").st_mode & 07777, 0750);
	assert_int_equal(stat_of(".").st_uid, 5);
	assert_int_equal(stat_of(".").st_gid, 6);
	assert_int_equal(stat_of(".").st_mtim.tv_sec, 1000);
	assert_int_equal(stat_of("d").st_mode & 07777, 0555);
	assert_int_equal(stat_of("d").st_mtim.tv_sec, 2000);
	assert_int_equal(stat_of("d/f").st_mtim.tv_sec, 3000);
	assert_int_equal(stat_of("d/f").st_mtim.tv_nsec, 123456789);
	assert_int_equal(stat_of("d/f").st_nlink, 2);
	assert_int_equal(stat_of("d/h").st_ino, stat_of("d/f").st_ino);
	assert_int_equal(stat_of("d/suid").st_mode & 07777, 04755);
	assert_int_equal(stat_of("d/suid").st_uid, 7);
	assert_int_equal(stat_of("p").st_mode, S_IFIFO | 0622);
	assert_int_equal(stat_of("p").st_uid, 9);
	assert_false(is_there("null"));
	assert_false(is_there("sda"));
	expect_text("d/f", "text");
}

static void names_that_climb_out(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	add_file(&tar, "../out/evil", "x");
	add_file(&tar, "../../../../../../../../tmp/evil", "x");
	add_file(&tar, "/out/absolute", "x");
	add_file(&tar, "a/../../../out/evil2", "x");
	unpacks(&tar); /* all of it inside, as chroot would have it */
	assert_true(is_there("out/evil"));
	assert_true(is_there("tmp/evil"));
	assert_true(is_there("out/absolute"));
	assert_true(is_there("out/evil2"));
	add_file(&tar, "..", "x");
	refuses(&tar, "cannot be a name");
	add_dir(&tar, "a/..", 0777);
	refuses(&tar, "cannot be a name");
	add_file(&tar, ".", "x");
	refuses(&tar, "only be a directory");
	add_symlink(&tar, "/", "out");
	refuses(&tar, "only be a directory");
}

static void links_that_point_out(void **state)
{
	(void)state;
	NEEDS_ROOT();
	char absolute[100];
	struct bsn_str tar = { 0 };
	snprintf(absolute, sizeof(absolute), "%s/out", jail);
	add_symlink(&tar, "up", "../out");
	add_file(&tar, "up/evil", "x"); /* "../out" inside is "/out" */
	refuses(&tar, "its directory cannot be had");
	add_symlink(&tar, "abs", absolute);
	add_file(&tar, "abs/evil", "x");
	refuses(&tar, "its directory cannot be had");
	add_dir(&tar, "out", 0755);
	add_symlink(&tar, "up", "../out");
	add_file(&tar, "up/evil", "x");
	unpacks(&tar);
	expect_text("out/evil", "x");
	/* Through a link to a file: the link is replaced, not followed. */
	snprintf(absolute, sizeof(absolute), "%s/out/victim", jail);
	add_symlink(&tar, "link", absolute);
	add_file(&tar, "link", "mine");
	unpacks(&tar);
	assert_true(S_ISREG(stat_of("link").st_mode));
	/* A directory's owner, mode and time through a link: the same. */
	snprintf(absolute, sizeof(absolute), "%s/out", jail);
	add_symlink(&tar, "dirlink", absolute);
	add_entry(&tar, (struct entry){ .name = "dirlink", .type = '5', .mode = 0777, .uid = 99 });
	unpacks(&tar);
	assert_true(S_ISDIR(stat_of("dirlink").st_mode));
	/* A directory that becomes a link after it was used: nothing goes on writing through the old descriptor. */
	add_dir(&tar, "turn", 0755);
	add_file(&tar, "turn/a", "1");
	add_symlink(&tar, "turn", absolute);
	add_file(&tar, "turn/b", "2");
	refuses(&tar, "its directory cannot be had");
	assert_false(is_there("turn/a"));
	/* A link to itself, and two that chase each other. */
	add_symlink(&tar, "self", "self");
	add_file(&tar, "self/x", "1");
	refuses(&tar, "its directory cannot be had");
}

static void hard_links(void **state)
{
	(void)state;
	NEEDS_ROOT();
	char absolute[100];
	struct bsn_str tar = { 0 };
	add_hardlink(&tar, "h", "../out/victim");
	refuses(&tar, "must be in the same layer");
	snprintf(absolute, sizeof(absolute), "%s/out/victim", jail);
	add_hardlink(&tar, "h", absolute);
	refuses(&tar, "must be in the same layer");
	/* To a symbolic link: the link itself gets a second name. */
	add_symlink(&tar, "s", absolute);
	add_hardlink(&tar, "h", "s");
	unpacks(&tar);
	assert_true(S_ISLNK(stat_of("h").st_mode));
	add_hardlink(&tar, "missing", "nothing");
	refuses(&tar, "must be in the same layer");
	add_dir(&tar, "d", 0755);
	add_hardlink(&tar, "hd", "d");
	refuses(&tar, "cannot be a hard link");
	add_hardlink(&tar, "hr", "/");
	refuses(&tar, "cannot be a hard link");
	add_file(&tar, "same", "x");
	add_hardlink(&tar, "same", "same");
	unpacks(&tar);
	expect_text("same", "x");
	/* A later entry of the target's name makes a new file; the link keeps the old. */
	add_file(&tar, "one", "old");
	add_hardlink(&tar, "two", "one");
	add_file(&tar, "one", "new");
	unpacks(&tar);
	expect_text("two", "old");
	expect_text("one", "new");
}

static void later_entries_win(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	add_file(&tar, "f", "first");
	add_file(&tar, "f", "second");
	add_dir(&tar, "d", 0700);
	add_file(&tar, "d/in", "x");
	add_dir(&tar, "d", 0711); /* stays, with what is in it */
	add_dir(&tar, "gone", 0755);
	add_file(&tar, "gone/a/b/c", "x");
	add_file(&tar, "gone", "a file now");
	add_symlink(&tar, "l", "f");
	add_dir(&tar, "l", 0750);
	unpacks(&tar);
	expect_text("f", "second");
	expect_text("d/in", "x");
	assert_int_equal(stat_of("d").st_mode & 07777, 0711);
	expect_text("gone", "a file now");
	assert_int_equal(stat_of("l").st_mode, S_IFDIR | 0750);
	add_file(&tar, "file", "x");
	add_file(&tar, "file/below", "y");
	refuses(&tar, "its directory cannot be had");
}

static void devices(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	add_entry(&tar, (struct entry){ .name = "w", .type = '3' });
	refuses(&tar, "disguised whiteout");
	struct bsn_extract_options options = BSN_EXTRACT_OPTIONS_INIT;
	options.devices = BSN_DEVICES_CREATE;
	add_entry(&tar, (struct entry){ .name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3, .uid = 4 });
	if (unpack_with(&tar, &options) == -EPERM)
		skip(); /* a user namespace */
	assert_int_equal(stat_of("null").st_mode, S_IFCHR | 0666);
	assert_int_equal(stat_of("null").st_rdev, makedev(1, 3));
	assert_int_equal(stat_of("null").st_uid, 4);
	add_entry(&tar, (struct entry){ .name = "w", .type = '3' });
	assert_true(unpack_with(&tar, &options) < 0);
}

static void whiteouts(void **state)
{
	(void)state;
	NEEDS_ROOT();
	char value[8];
	struct bsn_str tar = { 0 };
	add_file(&tar, "a/.wh.hidden", "");
	add_file(&tar, "o/.wh.below", "");
	add_file(&tar, "o/.wh..wh..opq", ""); /* after its sibling: the order must not matter */
	add_file(&tar, "o/own", "x");
	add_file(&tar, "f", "mine");
	add_file(&tar, ".wh.f", ""); /* hides what is below the layer, not what is in it */
	add_dir(&tar, "d", 0755);
	add_file(&tar, "d/x", "1");
	add_file(&tar, ".wh.d", "");
	add_file(&tar, "a/.wh..wh.plnk", "");
	unpacks(&tar);
	assert_int_equal(stat_of("a/hidden").st_mode & S_IFMT, S_IFCHR);
	assert_int_equal(stat_of("a/hidden").st_rdev, 0);
	assert_false(is_there("o/below"));
	assert_int_equal(xattr_of("o", "trusted.overlay.opaque", value, sizeof(value)), 1);
	expect_text("o/own", "x");
	expect_text("f", "mine");
	expect_text("d/x", "1");
	assert_int_equal(xattr_of("d", "trusted.overlay.opaque", value, sizeof(value)), 1);
	assert_false(is_there("a/.wh..wh.plnk"));
	static const char *const bad[] = { ".wh.", "a/.wh..", "a/.wh..." };
	for (size_t i = 0; i < 3; i++) {
		add_file(&tar, bad[i], "");
		refuses(&tar, "whiteout of nothing");
	}
	add_symlink(&tar, "e", "../out");
	add_dir(&tar, "out", 0755);
	add_file(&tar, "e/.wh.victim", "");
	unpacks(&tar);
	assert_true(is_there("out/victim"));
	struct bsn_extract_options options = BSN_EXTRACT_OPTIONS_INIT;
	add_file(&tar, ".wh.f", "");
	assert_true(unpack_with(&tar, &options) < 0);
}

static void bombs(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	struct bsn_str body = { 0 };
	add_record(&body, "GNU.sparse.size", "4398046511104", 13); /* 4 TiB in a few KiB */
	add_record(&body, "GNU.sparse.map", "0,1", 3);
	add_extension(&tar, 'x', body.data, body.length);
	add_entry(&tar, (struct entry){ .name = "bomb", .size = 1 });
	add_data(&tar, "x", 1);
	refuses(&tar, "together longer than");
	bsn_str_release(&body);
	struct bsn_extract_limits limits = bsn_extract_default_limits;
	struct bsn_extract_options options = BSN_EXTRACT_OPTIONS_INIT;
	options.limits = &limits;
	limits.bytes = 9;
	add_file(&tar, "a", "12345");
	add_file(&tar, "b", "12345");
	assert_true(unpack_with(&tar, &options) < 0);
	assert_non_null(strstr(err.text, "more than 9 bytes"));
	limits.bytes = 10;
	add_file(&tar, "a", "12345");
	add_file(&tar, "b", "12345");
	assert_int_equal(unpack_with(&tar, &options), 0);
	limits.tar.entries = 2;
	add_file(&tar, "a", "");
	add_file(&tar, "b", "");
	add_file(&tar, "c", "");
	assert_true(unpack_with(&tar, &options) < 0);
	assert_non_null(strstr(err.text, "more than 2 headers"));
	/* As deep as a path can be, then removed again without recursion. */
	char deep[4001];
	for (size_t i = 0; i < 1999; i++)
		deep[i] = i % 2 == 0 ? 'd' : '/';
	deep[1999] = '\0';
	add_pax(&tar, "path", deep, 1999);
	add_file(&tar, "short", "x");
	unpacks(&tar);
}

static void attributes(void **state)
{
	(void)state;
	NEEDS_ROOT();
	static const unsigned char v2[20] = { 1, 0, 0, 2, 0, 32 };
	static const unsigned char v3[24] = { 1, 0, 0, 3, 0, 32, [20] = 0 };
	static const unsigned char foreign[24] = { 1, 0, 0, 3, 0, 32, [20] = 1 };
	static const unsigned char acl[] = { 2, 0, 0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  4,
					     0, 5, 0,   0,   0,   4,   0,  4, 0,   255, 255, 255, 255, 16, 0,
					     4, 0, 255, 255, 255, 255, 32, 0, 4,   0,   255, 255, 255, 255 };
	struct bsn_str tar = { 0 };
	struct bsn_str body = { 0 };
	unsigned char value[64];
	add_record(&body, "SCHILY.xattr.user.kept", "a\0b", 3);
	add_record(&body, "SCHILY.xattr.security.capability", v2, sizeof(v2));
	add_record(&body, "SCHILY.xattr.trusted.overlay.redirect", "/etc", 4);
	add_record(&body, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	add_record(&body, "SCHILY.xattr.user.overlay.opaque", "y", 1);
	add_record(&body, "SCHILY.xattr.trusted.other", "1", 1);
	add_record(&body, "SCHILY.xattr.security.selinux", "1", 1);
	add_record(&body, "SCHILY.xattr.system.posix_acl_access", acl, sizeof(acl));
	add_extension(&tar, 'x', body.data, body.length);
	add_entry(&tar, (struct entry){ .name = "f", .mode = 0644, .uid = 5 });
	bsn_str_clear(&body);
	add_record(&body, "SCHILY.xattr.security.capability", v3, sizeof(v3));
	add_extension(&tar, 'x', body.data, body.length);
	add_file(&tar, "v3", "");
	bsn_str_clear(&body);
	add_record(&body, "SCHILY.xattr.security.capability", foreign, sizeof(foreign));
	add_extension(&tar, 'x', body.data, body.length);
	add_file(&tar, "foreign", "");
	bsn_str_clear(&body);
	add_record(&body, "SCHILY.xattr.user.dir", "1", 1);
	add_extension(&tar, 'x', body.data, body.length);
	add_dir(&tar, "d", 0555);
	bsn_str_release(&body);
	struct bsn_str copy = { 0 };
	bsn_str_add_bytes(&copy, tar.data, tar.length);
	unpacks(&tar);
	assert_int_equal(xattr_of("f", "user.kept", value, sizeof(value)), 3);
	assert_int_equal(xattr_of("f", "security.capability", value, sizeof(value)),
			 20); /* set after the owner: chown would clear it */
	assert_int_equal(xattr_of("f", "trusted.overlay.redirect", value, sizeof(value)), -ENODATA);
	assert_int_equal(xattr_of("f", "trusted.overlay.opaque", value, sizeof(value)), -ENODATA);
	assert_int_equal(xattr_of("f", "user.overlay.opaque", value, sizeof(value)), -ENODATA);
	assert_int_equal(xattr_of("f", "trusted.other", value, sizeof(value)), -ENODATA);
	assert_int_equal(xattr_of("f", "system.posix_acl_access", value, sizeof(value)), (ssize_t)sizeof(acl));
	assert_int_equal(xattr_of("v3", "security.capability", value, sizeof(value)), 20);
	assert_int_equal(xattr_of("foreign", "security.capability", value, sizeof(value)), -ENODATA);
	assert_int_equal(xattr_of("d", "user.dir", value, sizeof(value)), 1);
	assert_int_equal(result.xattrs_skipped, 6);
	/* Shifted into an environment's range: owners, the ACL's ids, and the capability for that user namespace's root. */
	struct bsn_extract_options options = BSN_EXTRACT_OPTIONS_INIT;
	options.id_base = 100000;
	options.id_count = 65536;
	assert_int_equal(unpack_with(&copy, &options), 0);
	assert_int_equal(stat_of("f").st_uid, 100005);
	assert_int_equal(stat_of("f").st_gid, 100000);
	assert_int_equal(stat_of("d").st_uid, 100000);
	assert_int_equal(xattr_of("f", "system.posix_acl_access", value, sizeof(value)), (ssize_t)sizeof(acl));
	assert_memory_equal(value + 16, "\xa5\x86\x01\x00", 4);
	assert_int_equal(xattr_of("f", "security.capability", value, sizeof(value)), 24);
	assert_memory_equal(value + 20, "\xa0\x86\x01\x00", 4);
	add_entry(&tar, (struct entry){ .name = "far", .uid = 65536 });
	assert_true(unpack_with(&tar, &options) < 0);
	assert_non_null(strstr(err.text, "not within"));
}

static void holes(void **state)
{
	(void)state;
	NEEDS_ROOT();
	enum { SIZE = 1 << 20 };
	struct bsn_str tar = { 0 };
	char *data = calloc(1, SIZE + 1000);
	char *text;
	size_t length;
	data[5] = 'a';
	data[100000] = 'b';        /* zeros long enough for a hole before it */
	data[100000 + 9000] = 'c'; /* and not long enough */
	data[SIZE - 70000] = 'd';  /* then zeros to the end */
	for (size_t size = SIZE; size <= SIZE + 999; size += 999) {
		add_entry(&tar, (struct entry){ .name = "f", .mode = 0600, .size = size });
		add_data(&tar, data, size);
		unpacks(&tar);
		assert_int_equal(bsn_read_file(root, "f", SIZE * 2, &text, &length), 0);
		assert_int_equal(length, size);
		assert_memory_equal(text, data, size);
		free(text);
		assert_true(stat_of("f").st_blocks * 512 < 200000);
	}
	/* All holes, half a hole, one byte. */
	memset(data, 0, SIZE + 1000);
	add_entry(&tar, (struct entry){ .name = "zero", .mode = 0600, .size = SIZE });
	add_data(&tar, data, SIZE);
	add_entry(&tar, (struct entry){ .name = "one", .mode = 0600, .size = 1 });
	add_data(&tar, data, 1);
	unpacks(&tar);
	assert_int_equal(stat_of("zero").st_size, SIZE);
	assert_int_equal(stat_of("one").st_size, 1);
	free(data);
}

static void implied_directories(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	add_file(&tar, "new/f", "x");
	unpacks(&tar);
	assert_int_equal(stat_of("new").st_mode & 07777, 0755);
	assert_int_equal(stat_of("new").st_mtim.tv_sec, 0); /* always the same, so that two unpackings are alike */
	/* Of the layer below when there is one. */
	int below = openat(jail_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(below, "low", 0700), 0);
	int low = openat(below, "low", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(low, "tmp", 0700), 0);
	assert_int_equal(fchmodat(low, "tmp", 01777, 0), 0);
	struct bsn_extract_options options = BSN_EXTRACT_OPTIONS_INIT;
	options.lowers = &low;
	options.lower_count = 1;
	add_file(&tar, "tmp/f", "x");
	assert_int_equal(unpack_with(&tar, &options), 0);
	assert_int_equal(stat_of("tmp").st_mode & 07777, 01777);
	close(low);
	close(below);
}

/* Exchanges root/a, a directory, with root/b, a link out, as fast as it can. */
static void *exchange(void *data)
{
	const volatile bool *stop = data;
	while (!*stop)
		renameat2(root, "a", root, "b", RENAME_EXCHANGE);
	return NULL;
}

static void a_race_is_not_won(void **state)
{
	(void)state;
	NEEDS_ROOT();
	char target[100];
	volatile bool stop = false;
	pthread_t thread;
	snprintf(target, sizeof(target), "%s/out", jail);
	assert_int_equal(symlinkat(target, root, "b"), 0);
	assert_int_equal(mkdirat(root, "a", 0755), 0);
	assert_int_equal(pthread_create(&thread, NULL, exchange, (void *)(uintptr_t)&stop), 0);
	for (int round = 0; round < 300; round++) {
		struct bsn_str tar = { 0 };
		for (int i = 0; i < 10; i++) {
			add_file(&tar, "a/victim", "x");
			add_entry(&tar, (struct entry){ .name = "a/sub", .type = '5', .mode = 0777, .uid = 9 });
			add_symlink(&tar, "a/victim", "y");
			add_hardlink(&tar, "a/evil", "a/victim");
		}
		unpack(&tar); /* it may well fail, but what is outside stays as it was */
	}
	stop = true;
	pthread_join(thread, NULL);
}

static void the_manifest(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct bsn_str tar = { 0 };
	char *text;
	int fd = openat(jail_fd, "out", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0)
		skip();
	struct bsn_extract_options options = BSN_EXTRACT_OPTIONS_INIT;
	options.mtree_fd = fd;
	add_entry(&tar, (struct entry){ .name = "b", .type = '5', .mode = 0755, .mtime = 9 });
	add_file(&tar, "b/f", "abc");
	add_hardlink(&tar, "a b", "b/f");
	add_symlink(&tar, "l", "b f");
	assert_int_equal(unpack_with(&tar, &options), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(bsn_read_fd(fd, 10000, &text, NULL), 0);
	assert_string_equal(
		text, ". d 0755 0 0 0.000000000 - 1 - -\n"
		      "a\\040b f 0644 0 0 0.000000000 3 2 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad -\n"
		      "b d 0755 0 0 9.000000000 - 1 - -\n"
		      "l l 0777 0 0 0.000000000 - 1 b\\040f -\n"
		      "b/f f 0644 0 0 0.000000000 3 2 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad -\n");
	free(text);
	close(fd);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, open_jail, close_jail)
	const struct CMUnitTest tests[] = {
		CASE(an_honest_archive),
		CASE(names_that_climb_out),
		CASE(links_that_point_out),
		CASE(hard_links),
		CASE(later_entries_win),
		CASE(devices),
		CASE(whiteouts),
		CASE(bombs),
		CASE(attributes),
		CASE(holes),
		CASE(implied_directories),
		CASE(a_race_is_not_won),
		CASE(the_manifest),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("extract", tests, NULL, NULL);
}
