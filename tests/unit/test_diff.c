/* SPDX-License-Identifier: Apache-2.0 */
/* image/diff: an upper directory as a layer; what is hostile or not a layer's to say is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"
#include "image/diff.h"
#include "image/tar_read.h"

#define BASE 1000000

struct tree {
	char path[64];
	int fd;
	struct bsn_str archive;
	struct bsn_diff_result result;
	struct basin_error err;
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

static int set_up(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	strcpy(tree->path, "/tmp/basin-unit.XXXXXX");
	assert_non_null(mkdtemp(tree->path));
	tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree->fd >= 0);
	*state = tree;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *tree = *state;
	close(tree->fd);
	assert_int_equal(bsn_remove_tree(AT_FDCWD, tree->path), 0);
	bsn_str_release(&tree->archive);
	free(tree);
	return 0;
}

static void put_file(const struct tree *tree, const char *path, const char *text)
{
	auto_fd int fd = openat(tree->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(bsn_write_all(fd, text, strlen(text)), 0);
}

static void set_xattr(const struct tree *tree, const char *path, const char *name, const void *value, size_t size)
{
	char full[512];
	snprintf(full, sizeof(full), "%s/%s", tree->path, path);
	assert_int_equal(lsetxattr(full, name, value, size, 0), 0);
}

static int pack(struct tree *tree, uint32_t base, bool sparse)
{
	struct memory_sink sink = { .sink.write = keep, .bytes = &tree->archive };
	struct bsn_diff_options options = {
		.root_fd = tree->fd, .id_base = base, .id_count = base > 0 ? 65536 : 0, .sparse = sparse
	};
	auto_tar_writer struct bsn_tar_writer writer;

	bsn_str_clear(&tree->archive);
	bsn_tar_writer_init(&writer, &sink.sink);
	int r = bsn_diff_write(&options, &writer, &tree->result, &tree->err);
	return r < 0 ? r : bsn_tar_write_end(&writer, &tree->err);
}

static const char letters[] = "fhlcbdp";

/* The archive as lines "TYPE PATH UID:GID MODE [-> LINK] [NAME=SIZE...]", in its order. */
static char *list(const struct tree *tree)
{
	struct bsn_memory_stream stream;
	auto_of(bsn_tar_free) struct bsn_tar *tar = NULL;
	const struct bsn_tar_entry *entry;
	struct bsn_str text = { 0 };
	struct basin_error err;

	bsn_memory_stream_init(&stream, tree->archive.data, tree->archive.length);
	assert_int_equal(bsn_tar_new(&stream.stream, NULL, false, &tar, &err), 0);
	while (bsn_tar_next(tar, &entry, &err) > 0) {
		bsn_str_addf(&text, "%c %s %u:%u %o", letters[entry->type], entry->path, entry->uid, entry->gid, entry->mode);
		if (entry->link[0] != '\0')
			bsn_str_addf(&text, " -> %s", entry->link);
		for (size_t i = 0; i < entry->xattr_count; i++)
			bsn_str_addf(&text, " %s=%zu", entry->xattrs[i].name, entry->xattrs[i].size);
		if (entry->sparse)
			bsn_str_addf(&text, " sparse %zu", entry->stretch_count);
		bsn_str_add(&text, "\n");
	}
	return bsn_str_give(&text);
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void give_to(const struct tree *tree, const char *const *paths)
{
	for (; *paths != NULL; paths++)
		assert_int_equal(fchownat(tree->fd, *paths, BASE, BASE + 100, AT_SYMLINK_NOFOLLOW), 0);
}

static void marks_become_names(void **state)
{
	struct tree *tree = *state;
	need_root();
	assert_int_equal(mkdirat(tree->fd, "hidden", 0755), 0);
	assert_int_equal(mkdirat(tree->fd, "not", 0700), 0);
	put_file(tree, "hidden/new", "x");
	assert_int_equal(mknodat(tree->fd, "gone", S_IFCHR, 0), 0);
	/* overlayfs links its whiteouts to one another */
	assert_int_equal(linkat(tree->fd, "gone", tree->fd, "not/gone-too", 0), 0);
	set_xattr(tree, "hidden", "trusted.overlay.opaque", "y", 1);
	set_xattr(tree, "not", "trusted.overlay.opaque", "x", 1);
	set_xattr(tree, "not", "trusted.overlay.impure", "y", 1);
	put_file(tree, "not/gone-by-mark", "");
	set_xattr(tree, "not/gone-by-mark", "trusted.overlay.whiteout", "", 0);
	give_to(tree, (const char *const[]){ ".", "hidden", "not", "hidden/new", NULL });
	assert_int_equal(pack(tree, BASE, false), 0);
	auto_free char *text = list(tree);
	assert_string_equal(text,
			    "d . 0:100 700\nf .wh.gone 0:0 0\nd hidden 0:100 755\nf hidden/.wh..wh..opq 0:0 0\nd not 0:100 700\n"
			    "f hidden/new 0:100 644\nf not/.wh.gone-by-mark 0:0 0\nf not/.wh.gone-too 0:0 0\n");
	assert_int_equal(tree->result.whiteouts, 4);
	assert_int_equal(tree->result.xattrs_skipped, 0);
}

static void every_kind_is_written(void **state)
{
	struct tree *tree = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	need_root();
	put_file(tree, "a", "body");
	assert_int_equal(linkat(tree->fd, "a", tree->fd, "b", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", tree->fd, "link"), 0);
	assert_int_equal(linkat(tree->fd, "link", tree->fd, "link-too", 0), 0);
	assert_int_equal(mknodat(tree->fd, "pipe", S_IFIFO | 0600, 0), 0);
	assert_int_equal(mknodat(tree->fd, "zero", S_IFCHR | 0600, makedev(1, 5)), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", tree->path);
	auto_fd int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fchmodat(tree->fd, "a", 06711, 0), 0);
	set_xattr(tree, "a", "user.two", "22", 2);
	set_xattr(tree, "a", "user.one", "1", 1);
	set_xattr(tree, "a", "trusted.secret", "1", 1);
	set_xattr(tree, "link", "trusted.secret", "1", 1);
	assert_int_equal(pack(tree, 0, false), 0);
	auto_free char *text = list(tree);
	assert_string_equal(text,
			    "d . 0:0 700\nf a 0:0 6711 user.one=1 user.two=2\nh b 0:0 6711 -> a\nl link 0:0 777 -> /etc/passwd\n"
			    "h link-too 0:0 777 -> link\np pipe 0:0 600\nc zero 0:0 600\n");
	assert_int_equal(tree->result.sockets_skipped, 1);
	assert_int_equal(tree->result.xattrs_skipped, 2);
	assert_int_equal(tree->result.bytes, 4);
}

static const unsigned char *find_xattr(const struct tree *tree, const char *path, const char *name, size_t *ret_size,
				       struct bsn_tar **ret_tar)
{
	static struct bsn_memory_stream stream;
	const struct bsn_tar_entry *entry;
	struct basin_error err;
	bsn_memory_stream_init(&stream, tree->archive.data, tree->archive.length);
	assert_int_equal(bsn_tar_new(&stream.stream, NULL, false, ret_tar, &err), 0);
	while (bsn_tar_next(*ret_tar, &entry, &err) > 0)
		for (size_t i = 0; strcmp(entry->path, path) == 0 && i < entry->xattr_count; i++)
			if (strcmp(entry->xattrs[i].name, name) == 0) {
				*ret_size = entry->xattrs[i].size;
				return entry->xattrs[i].value;
			}
	fail_msg("no %s on %s", name, path);
	return NULL;
}

static void ids_inside_values_are_the_containers(void **state)
{
	struct tree *tree = *state;
	/* cap_net_raw=ep counted by the namespace whose root is BASE: 0x000f4240 */
	static const unsigned char own[24] = {
		1, 0, 0, 3, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x42, 0x0f, 0
	};
	static const unsigned char other[24] = { 1, 0, 0, 3, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 };
	static const unsigned char want[20] = { 1, 0, 0, 2, 0, 0x20 };
	/* user::rwx user:BASE+7:r-- group::r-x mask::r-x other::--- */
	static const unsigned char acl[44] = { 2, 0,    0,    0,    1,   0,   7,  0, 255, 255, 255, 255, 2,   0,  4,
					       0, 0x47, 0x42, 0x0f, 0,   4,   0,  5, 0,   255, 255, 255, 255, 16, 0,
					       5, 0,    255,  255,  255, 255, 32, 0, 0,   0,   255, 255, 255, 255 };
	struct bsn_tar *tar;
	size_t size;
	need_root();
	put_file(tree, "own", "");
	put_file(tree, "other", "");
	put_file(tree, "acl", "");
	give_to(tree, (const char *const[]){ ".", "own", "other", "acl", NULL });
	set_xattr(tree, "own", "security.capability", own, sizeof(own));
	set_xattr(tree, "other", "security.capability", other, sizeof(other));
	set_xattr(tree, "acl", "system.posix_acl_access", acl, sizeof(acl));
	assert_int_equal(pack(tree, BASE, false), 0);
	const unsigned char *value = find_xattr(tree, "own", "security.capability", &size, &tar);
	assert_int_equal(size, sizeof(want));
	assert_memory_equal(value, want, sizeof(want));
	bsn_tar_free(tar);
	value = find_xattr(tree, "acl", "system.posix_acl_access", &size, &tar);
	assert_int_equal(size, sizeof(acl));
	assert_memory_equal(value, acl, 16);
	assert_memory_equal(value + 16, "\7\0\0\0", 4);
	assert_memory_equal(value + 20, acl + 20, 24);
	bsn_tar_free(tar);
	assert_int_equal(tree->result.xattrs_skipped, 1);
}

static void sparse_files_are_sparse_only_where_asked(void **state)
{
	struct tree *tree = *state;
	auto_fd int fd = openat(tree->fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	assert_int_equal(pwrite(fd, "middle", 6, 32 << 20), 6);
	assert_int_equal(pack(tree, 0, true), 0);
	auto_free char *text = list(tree);
	assert_non_null(strstr(text, "sparse 2\n"));
	assert_true(tree->archive.length < 1 << 20);
	assert_int_equal(ftruncate(fd, 2 << 20), 0);
	assert_int_equal(pack(tree, 0, true), 0);
	auto_free char *empty = list(tree);
	assert_non_null(strstr(empty, "sparse 1\n"));
	assert_int_equal(pack(tree, 0, false), 0);
	assert_true(tree->archive.length > 2 << 20);
}

static void check_refused(struct tree *tree, uint32_t base, const char *text)
{
	assert_true(pack(tree, base, false) < 0);
	assert_int_equal(tree->err.code, BASIN_UNSUPPORTED);
	if (strstr(tree->err.text, text) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", text, tree->err.text);
}

static void what_a_layer_cannot_say_is_refused(void **state)
{
	struct tree *tree = *state;
	need_root();
	put_file(tree, ".wh.x", "");
	check_refused(tree, 0, "\".wh.x\" cannot be told from a whiteout");
	assert_int_equal(unlinkat(tree->fd, ".wh.x", 0), 0);
	put_file(tree, "copy", "");
	set_xattr(tree, "copy", "trusted.overlay.metacopy", "", 0);
	check_refused(tree, 0, "\"copy\" has its content elsewhere");
	assert_int_equal(unlinkat(tree->fd, "copy", 0), 0);
	assert_int_equal(mkdirat(tree->fd, "moved", 0755), 0);
	set_xattr(tree, "moved", "trusted.overlay.redirect", "/a", 2);
	check_refused(tree, 0, "\"moved\" has its content elsewhere");
	assert_int_equal(unlinkat(tree->fd, "moved", AT_REMOVEDIR), 0);
	check_refused(tree, BASE, "\".\" belongs to 0:0, outside the environment's ids 1000000 to 1065535");
}

static void deep_trees_are_refused_not_overflowed(void **state)
{
	struct tree *tree = *state;
	int at = dup(tree->fd);
	for (int i = 0; i < 1500; i++) {
		assert_int_equal(mkdirat(at, "d", 0755), 0);
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
	check_refused(tree, 0, "is longer or deeper than an archive may hold");
}

static void odd_names_come_through(void **state)
{
	struct tree *tree = *state;
	char name[256];
	memset(name, 'n', 255);
	name[255] = '\0';
	put_file(tree, "line\nbreak", "");
	put_file(tree, "\xff\xfe", "");
	put_file(tree, name, "");
	put_file(tree, "-x", "");
	put_file(tree, " ", "");
	assert_int_equal(pack(tree, 0, false), 0);
	auto_free char *text = list(tree);
	assert_non_null(strstr(text, "f line\nbreak "));
	assert_non_null(strstr(text, "f \xff\xfe "));
	assert_non_null(strstr(text, name));
	struct bsn_str before = tree->archive;
	tree->archive = (struct bsn_str){ 0 };
	assert_int_equal(pack(tree, 0, false), 0);
	assert_int_equal(before.length, tree->archive.length);
	assert_memory_equal(before.data, tree->archive.data, before.length);
	bsn_str_release(&before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(marks_become_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_kind_is_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ids_inside_values_are_the_containers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sparse_files_are_sparse_only_where_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_layer_cannot_say_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deep_trees_are_refused_not_overflowed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(odd_names_come_through, set_up, tear_down),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
