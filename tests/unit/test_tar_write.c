/* SPDX-License-Identifier: Apache-2.0 */
/* image/tar_write: what is plain is ustar, what is not has a PAX header, and GNU tar, bsdtar and our own reader all read the same. */
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
#include "image/tar_write.h"

struct memory_sink {
	struct bsn_sink sink;
	struct bsn_str bytes;
};

static int keep(struct bsn_sink *sink, const void *data, size_t length, struct basin_error *err)
{
	(void)err;
	return bsn_str_add_bytes(&((struct memory_sink *)sink)->bytes, data, length);
}

static const char long_path[] =
	"a/very/long/path/whose/name/does/not/fit/into/the/hundred/bytes/of/ustar/and/so/needs/a/header/of/its/own/file name\n"
	"with a newline";
static const struct bsn_tar_xattr xattrs[] = { { "security.capability", "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20 },
					       { "user.text", "line\nother", 10 } };
static const struct bsn_tar_stretch stretches[] = { { 4096, 512 }, { 1 << 20, 512 }, { 2 << 20, 0 } };

static const struct bsn_tar_entry entries[] = {
	{ .path = ".", .link = "", .type = BSN_TAR_DIR, .mode = 0755 },
	{ .path = "plain",
	  .link = "",
	  .type = BSN_TAR_FILE,
	  .mode = 04755,
	  .uid = 1000,
	  .gid = 100,
	  .size = 5,
	  .mtime = { 1700000000, 0 } },
	{ .path = "again",
	  .link = "plain",
	  .type = BSN_TAR_HARDLINK,
	  .mode = 04755,
	  .uid = 1000,
	  .gid = 100,
	  .mtime = { 1700000000, 0 } },
	{ .path = "dir", .link = "", .type = BSN_TAR_DIR, .mode = 01777, .mtime = { 1700000000, 123456789 } },
	{ .path = "dir/link", .link = "../plain", .type = BSN_TAR_SYMLINK, .mode = 0777, .mtime = { 1700000000, 0 } },
	{ .path = "fifo", .link = "", .type = BSN_TAR_FIFO, .mode = 0600, .mtime = { 1700000000, 0 } },
	{ .path = "null", .link = "", .type = BSN_TAR_CHAR, .mode = 0666, .major = 1, .minor = 3, .mtime = { 1700000000, 0 } },
	{ .path = "old", .link = "", .type = BSN_TAR_FILE, .mode = 0600, .size = 1, .mtime = { -2, 500000000 } },
	{ .path = "ids",
	  .link = "",
	  .type = BSN_TAR_FILE,
	  .mode = 0600,
	  .uid = 4000000000U,
	  .gid = 2097152,
	  .mtime = { 8589934592, 0 } },
	{ .path = "attributes",
	  .link = "",
	  .type = BSN_TAR_FILE,
	  .mode = 0600,
	  .xattrs = xattrs,
	  .xattr_count = 2,
	  .mtime = { 1700000000, 0 } },
	{ .path = long_path, .link = "", .type = BSN_TAR_FILE, .mode = 0600, .size = 1, .mtime = { 1700000000, 0 } },
	{ .path = "linked", .link = long_path, .type = BSN_TAR_HARDLINK, .mode = 0600, .mtime = { 1700000000, 0 } },
	{ .path = "sparse",
	  .link = "",
	  .type = BSN_TAR_FILE,
	  .mode = 0600,
	  .size = 2 << 20,
	  .sparse = true,
	  .stretches = stretches,
	  .stretch_count = 3,
	  .mtime = { 1700000000, 0 } },
};
#define COUNT (sizeof(entries) / sizeof(entries[0]))

static const char content[1024] = "Hello\0"
				  "ABC";

static uint64_t data_length(const struct bsn_tar_entry *entry)
{
	return entry->type != BSN_TAR_FILE ? 0 : entry->sparse ? 1024 : entry->size;
}

static void write_archive(struct memory_sink *sink, size_t first, size_t count)
{
	auto_tar_writer struct bsn_tar_writer writer;
	struct basin_error err;

	*sink = (struct memory_sink){ .sink.write = keep };
	bsn_tar_writer_init(&writer, &sink->sink);
	for (size_t i = first; i < first + count; i++) {
		assert_int_equal(bsn_tar_write_entry(&writer, &entries[i], &err), 0);
		assert_int_equal(bsn_tar_write_data(&writer, content, (size_t)data_length(&entries[i]), &err), 0);
	}
	assert_int_equal(bsn_tar_write_end(&writer, &err), 0);
	assert_int_equal(writer.written, sink->bytes.length);
	assert_int_equal(sink->bytes.length % BSN_TAR_UNIT, 0);
}

static void plain_entries_are_ustar_alone(void **state)
{
	(void)state;
	struct memory_sink sink;
	write_archive(&sink, 0, 3);
	/* "./", "plain" and its block, "again", the end */
	assert_int_equal(sink.bytes.length, 4 * 512 + 1024);
	assert_string_equal(sink.bytes.data, "./");
	assert_memory_equal(sink.bytes.data + 512, "plain\0", 6);
	assert_memory_equal(sink.bytes.data + 512 + 100,
			    "0004755\0"
			    "0001750\0"
			    "0000144\0"
			    "00000000005\0"
			    "14524770400\0",
			    48);
	assert_memory_equal(sink.bytes.data + 512 + 257,
			    "ustar\0"
			    "00",
			    8);
	assert_int_equal(sink.bytes.data[3 * 512 + 156], '1');
	bsn_str_release(&sink.bytes);
}

static void the_same_entries_are_the_same_bytes(void **state)
{
	(void)state;
	struct memory_sink one;
	struct memory_sink two;
	write_archive(&one, 0, COUNT);
	setenv("TZ", "Pacific/Auckland", 1);
	write_archive(&two, 0, COUNT);
	assert_int_equal(one.bytes.length, two.bytes.length);
	assert_memory_equal(one.bytes.data, two.bytes.data, one.bytes.length);
	bsn_str_release(&one.bytes);
	bsn_str_release(&two.bytes);
}

static void misuse_is_refused(void **state)
{
	(void)state;
	struct memory_sink sink = { .sink.write = keep };
	auto_tar_writer struct bsn_tar_writer writer;
	struct basin_error err;
	static const struct bsn_tar_stretch bad[] = { { 10, 5 }, { 15, 5 } };
	struct bsn_tar_entry entry = {
		.path = "x", .link = "", .type = BSN_TAR_FILE, .size = 20, .sparse = true, .stretches = bad, .stretch_count = 2
	};

	bsn_tar_writer_init(&writer, &sink.sink);
	assert_int_equal(bsn_tar_write_entry(&writer, &entry, &err), -EINVAL);
	entry.stretch_count = 1;
	entry.size = 14;
	assert_int_equal(bsn_tar_write_entry(&writer, &entry, &err), -EINVAL);
	assert_int_equal(bsn_tar_write_entry(&writer, &entries[1], &err), 0);
	assert_int_equal(bsn_tar_write_data(&writer, "HelloABC", 6, &err), -EFBIG);
	assert_int_equal(bsn_tar_write_end(&writer, &err), -EINVAL);
	assert_int_equal(bsn_tar_write_entry(&writer, &entries[2], &err), -EINVAL);
	assert_int_equal(bsn_tar_write_data(&writer, "Hello", 5, &err), 0);
	assert_int_equal(bsn_tar_write_end(&writer, &err), 0);
	bsn_str_release(&sink.bytes);
}

static void our_reader_reads_it_back(void **state)
{
	(void)state;
	struct memory_sink sink;
	struct bsn_memory_stream stream;
	struct bsn_tar *tar = NULL;
	struct basin_error err;
	const struct bsn_tar_entry *got = NULL;

	write_archive(&sink, 0, COUNT);
	bsn_memory_stream_init(&stream, sink.bytes.data, sink.bytes.length);
	assert_int_equal(bsn_tar_new(&stream.stream, NULL, false, &tar, &err), 0);
	for (size_t i = 0; i < COUNT; i++) {
		const struct bsn_tar_entry *want = &entries[i];
		assert_int_equal(bsn_tar_next(tar, &got, &err), 1);
		assert_string_equal(got->path, want->path);
		assert_string_equal(got->link, want->link);
		assert_int_equal(got->type, want->type);
		assert_int_equal(got->mode, want->mode);
		assert_int_equal(got->uid, want->uid);
		assert_int_equal(got->gid, want->gid);
		assert_int_equal(got->size, want->size);
		assert_int_equal(got->mtime.tv_sec, want->mtime.tv_sec);
		assert_int_equal(got->mtime.tv_nsec, want->mtime.tv_nsec);
		assert_int_equal(got->major, want->major);
		assert_int_equal(got->xattr_count, want->xattr_count);
		for (size_t x = 0; x < got->xattr_count; x++)
			assert_memory_equal(got->xattrs[x].value, want->xattrs[x].value, want->xattrs[x].size);
		assert_int_equal(got->sparse, want->sparse);
		if (want->sparse)
			assert_memory_equal(got->stretches, want->stretches, want->stretch_count * sizeof(*want->stretches));
	}
	assert_int_equal(bsn_tar_next(tar, &got, &err), 0);
	bsn_tar_free(tar);
	bsn_str_release(&sink.bytes);
}

/* What a shell command says about the archive in $1. */
static char *ask(const char *archive, const char *command)
{
	char line[1024];
	char *text = NULL;
	snprintf(line, sizeof(line), "TZ=UTC LC_ALL=C; export TZ LC_ALL; set -- %s; { %s; } 2>&1", archive, command);
	FILE *pipe = popen(line, "r");
	assert_non_null(pipe);
	assert_int_equal(bsn_read_fd(fileno(pipe), 1 << 20, &text, NULL), 0);
	assert_int_equal(pclose(pipe), 0);
	return text;
}

static void check_reader(const char *archive, const char *command, const char *const *lines)
{
	auto_free char *text = ask(archive, command);
	for (; *lines != NULL; lines++)
		if (strstr(text, *lines) == NULL)
			fail_msg("%s: expected \"%s\" in:\n%s", command, *lines, text);
}

static void other_readers_agree(void **state)
{
	(void)state;
	static const char *const gnu[] = {
		"-rwsr-xr-x 1000/100          5 2023-11-14 22:13:20 plain\n",
		"again link to plain\n",
		"drwxrwxrwt 0/0               0 2023-11-14 22:13:20.123456789 dir/\n",
		"4000000000/2097152",
		"2242-03-16 12:56:32           ids\n",
		"crw-rw-rw- 0/0             1,3",
		"prw-------",
		"dir/link -> ../plain\n",
		"with a newline\n",
		"   2097152 2023-11-14 22:13:20           sparse\n",
		NULL,
	};
	static const char *const bsd[] = { "-rwsr-xr-x  0 1000   100         5",
					   "again link to plain\n",
					   "drwxrwxrwt  0 0      0           0",
					   "4000000000  2097152",
					   "crw-rw-rw-",
					   "prw-------",
					   "dir/link -> ../plain\n",
					   "2097152",
					   NULL };
	char path[] = "/tmp/basin-unit.XXXXXX";
	struct memory_sink sink;

	write_archive(&sink, 0, COUNT);
	auto_fd int fd = mkstemp(path);
	assert_int_equal(bsn_write_all(fd, sink.bytes.data, sink.bytes.length), 0);
	check_reader(path, "tar --numeric-owner --full-time --quoting-style=literal -tvf $1", gnu);
	check_reader(path, "bsdtar --numeric-owner -tvf $1", bsd);
	auto_free char *a = ask(path, "cd $(mktemp -d) && tar -xf $1 sparse && sha256sum <sparse; rm -r $PWD");
	auto_free char *b = ask(path, "bsdtar -xOf $1 sparse | sha256sum");
	auto_free char *want =
		ask(path, "{ head -c 4096 /dev/zero; printf Hello; printf '\\0ABC'; head -c 2093047 /dev/zero; } | sha256sum");
	assert_string_equal(a, want);
	assert_string_equal(b, want);
	/* bsdtar reads a negative fraction its own way, GNU tar as we do */
	auto_free char *old = ask(path, "cd $(mktemp -d) && tar -xf $1 old && stat -c %y old; rm -r $PWD");
	assert_non_null(strstr(old, "1969-12-31 23:59:58.500000000"));
	auto_free char *attributes = ask(path, "python3 -c 'import sys,tarfile; t=tarfile.open(sys.argv[1]);"
					       " print(ascii(t.getmember(\"attributes\").pax_headers))' $1");
	assert_non_null(strstr(attributes, "'SCHILY.xattr.user.text': 'line\\nother'"));
	unlink(path);
	bsn_str_release(&sink.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_entries_are_ustar_alone),
		cmocka_unit_test(the_same_entries_are_the_same_bytes),
		cmocka_unit_test(misuse_is_refused),
		cmocka_unit_test(our_reader_reads_it_back),
		cmocka_unit_test(other_readers_agree),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
