/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage back ends. What needs no privilege runs everywhere; the loop back end runs for root where loop devices are, in a private mount
 * namespace; project quota needs a file system with it, so it runs where the temporary directory is on one (in the VM).
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "pool/storage.h"

#define MIB (1024LL * 1024)

struct fixture {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->path, "/tmp/basin-test-storage-XXXXXX");
	if (mkdtemp(f->path) == NULL)
		return -1;
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	close(f->fd);
	int r = bsn_remove_tree(AT_FDCWD, f->path);
	free(f);
	return r;
}

static void kinds(void **state)
{
	(void)state;
	enum bsn_storage_kind kind;
	for (int i = BSN_STORAGE_PLAIN; i <= BSN_STORAGE_LOOP; i++) {
		assert_int_equal(bsn_storage_kind_parse(bsn_storage_kind_format((enum bsn_storage_kind)i), &kind), 0);
		assert_int_equal(kind, i);
	}
	assert_int_equal(bsn_storage_kind_parse("zfs", &kind), -EINVAL);
}

static void probe_names_a_remedy(void **state)
{
	struct fixture *f = *state;
	struct bsn_storage_probe probe;
	assert_int_equal(bsn_storage_probe(f->fd, &probe, NULL), 0);
	assert_true(strlen(probe.file_system) > 0);
	if (probe.kind == BSN_STORAGE_PROJECT)
		assert_string_equal(probe.reason, "");
	else
		assert_non_null(strstr(probe.reason, "project quota"));
	/* Somewhere that surely has no project quota. */
	auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(bsn_storage_probe(proc, &probe, NULL), 0);
	assert_true(probe.kind != BSN_STORAGE_PROJECT);
	assert_non_null(strstr(probe.reason, "project quota"));
}

static void plain_directories(void **state)
{
	struct fixture *f = *state;
	const struct bsn_storage storage = { BSN_STORAGE_PLAIN, 0, -1, -1, getuid(), getgid() };
	auto_fd int fd = -1;
	struct bsn_storage_usage usage;
	assert_int_equal(bsn_storage_create(f->fd, &storage, NULL), 0);
	assert_int_equal(mkdirat(f->fd, "upper/leftover", 0755), 0);
	assert_int_equal(bsn_storage_create(f->fd, &storage, NULL), 0);
	assert_int_equal(faccessat(f->fd, "upper/leftover", F_OK, 0), -1);
	assert_int_equal(bsn_storage_open(f->fd, &storage, &fd, NULL), 0);
	assert_int_equal(faccessat(fd, "work", F_OK, 0), 0);
	assert_int_equal(bsn_storage_usage(f->fd, &storage, -1, &usage, NULL), 0);
	assert_int_equal(usage.bytes_max, -1);
	assert_int_equal(bsn_storage_destroy(f->fd, &storage, NULL), 0);
	assert_int_equal(bsn_storage_destroy(f->fd, &storage, NULL), 0);
	assert_int_equal(faccessat(f->fd, "upper", F_OK, 0), -1);
}

/* How many bytes can be written into dirfd/name before the kernel refuses. */
static int64_t fill(int dirfd, const char *name)
{
	static char block[64 * 1024];
	auto_fd int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	int64_t total = 0;
	size_t size = sizeof(block);
	while (size >= 4096 && total < 1024 * MIB) {
		ssize_t n = write(fd, block, size);
		if (n > 0)
			total += n;
		else
			size /= 2;
	}
	return total;
}

static bool can_loop(struct fixture *f)
{
	struct bsn_storage_probe probe;
	return geteuid() == 0 && bsn_storage_probe(f->fd, &probe, NULL) == 0 && access("/dev/loop-control", R_OK | W_OK) == 0 &&
	       access("/sbin/mke2fs", X_OK) == 0;
}

/* Runs fn in a child with a mount namespace of its own, so that its mounts end with it. */
static int apart(struct fixture *f, int (*fn)(int dirfd, const struct bsn_storage *storage), const struct bsn_storage *storage)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(100);
		int fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int outside = -1;
		/* By a directory of the other namespace it is reached too, though not mounted there. */
		if (bsn_storage_open(f->fd, storage, &outside, NULL) < 0 || faccessat(outside, "work", F_OK, 0) < 0)
			_exit(101);
		close(outside);
		_exit(fn(fd, storage));
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

#define EXPECT(condition, code)                                                                                                  \
	do {                                                                                                                     \
		if (!(condition)) {                                                                                              \
			fprintf(stderr, "# %s:%d: %s: %s\n", __FILE__, __LINE__, #condition, err.text);                          \
			return code;                                                                                             \
		}                                                                                                                \
	} while (0)

static int use_loop(int dirfd, const struct bsn_storage *storage)
{
	struct basin_error err = { 0 };
	struct stat st;
	struct bsn_storage_usage usage;
	int fd = -1, again = -1;
	EXPECT(bsn_storage_open(dirfd, storage, &fd, &err) == 0, 1);
	EXPECT(bsn_storage_open(dirfd, storage, &again, &err) == 0, 2);
	EXPECT(bsn_storage_loops(dirfd, &err) == 1, 3);
	EXPECT(fstatat(fd, "upper", &st, 0) == 0 && st.st_uid == storage->uid && (st.st_mode & 07777) == 0755, 4);
	EXPECT(fstatat(again, "work", &st, 0) == 0 && st.st_gid == storage->gid, 5);
	EXPECT(bsn_storage_usage(dirfd, storage, fd, &usage, &err) == 0 && usage.bytes < 65536, 6);
	/* All that was promised can be written, and little more. */
	int64_t written = fill(fd, "upper/big");
	EXPECT(written >= storage->bytes && written <= storage->bytes + 512 * 1024, 7);
	EXPECT(bsn_storage_usage(dirfd, storage, fd, &usage, &err) == 0 && usage.bytes >= storage->bytes - 65536, 8);
	EXPECT(bsn_storage_usage(dirfd, storage, -1, &usage, &err) == 0 && usage.bytes >= storage->bytes - 65536, 12);
	EXPECT(bsn_storage_resize(dirfd, storage, storage->bytes / 2, &err) == -EBUSY && err.code == BASIN_BUSY, 9);
	/* Only CAP_SYS_RESOURCE may grow what is mounted. */
	int r = bsn_storage_resize(dirfd, storage, storage->bytes + 8 * MIB, &err);
	if (r == -EPERM)
		return 77;
	EXPECT(r == 0, 10);
	written = fill(fd, "upper/more");
	EXPECT(written >= 8 * MIB - 65536 && written <= 9 * MIB, 11);
	return 0;
}

static int use_loop_again(int dirfd, const struct bsn_storage *storage)
{
	struct basin_error err = { 0 };
	int fd = -1;
	EXPECT(bsn_storage_open(dirfd, storage, &fd, &err) == 0, 1);
	/* Grown either way, there is room for 8 MiB more, which is taken now if it was not. */
	EXPECT(faccessat(fd, "upper/more", F_OK, 0) == 0 || fill(fd, "upper/more") >= 8 * MIB - 65536, 2);
	EXPECT(unlinkat(fd, "upper/more", 0) == 0 && unlinkat(fd, "upper/big", 0) == 0 && mkdirat(fd, "upper/kept", 0755) == 0,
	       3);
	return 0;
}

static int use_small_loop(int dirfd, const struct bsn_storage *storage)
{
	struct basin_error err = { 0 };
	int fd = -1;
	EXPECT(bsn_storage_open(dirfd, storage, &fd, &err) == 0, 1);
	int64_t written = fill(fd, "upper/big");
	EXPECT(written >= storage->bytes - 256 * 1024 && written <= storage->bytes + MIB &&
		       faccessat(fd, "upper/kept", F_OK, 0) == 0,
	       2);
	return 0;
}

/* A device is let go of when its last mount is, a moment after the namespace ended. */
static void wait_for_no_loop(struct fixture *f)
{
	for (int i = 0; i < 200 && bsn_storage_loops(f->fd, NULL) != 0; i++)
		usleep(10000);
	assert_int_equal(bsn_storage_loops(f->fd, NULL), 0);
}

static void loop_image(void **state)
{
	struct fixture *f = *state;
	if (!can_loop(f))
		skip();
	struct basin_error err = { 0 };
	struct bsn_storage storage = { BSN_STORAGE_LOOP, 0, 20 * MIB, -1, 70000, 70001 };
	assert_int_equal(bsn_storage_create(f->fd, &storage, &err), 0);
	assert_int_equal(bsn_storage_loops(f->fd, &err), 0);
	int used = apart(f, use_loop, &storage);
	wait_for_no_loop(f);
	if (used == 77)
		used = bsn_storage_resize(f->fd, &storage, 28 * MIB, &err);
	assert_int_equal(used, 0);
	storage.bytes = 28 * MIB;
	struct bsn_storage_usage usage;
	assert_int_equal(bsn_storage_usage(f->fd, &storage, -1, &usage, &err), 0);
	assert_true(usage.bytes > 19 * MIB);
	assert_int_equal(bsn_storage_resize(f->fd, &storage, 10 * MIB, &err), -EBUSY);
	assert_non_null(strstr(err.text, "in use"));
	assert_int_equal(apart(f, use_loop_again, &storage), 0);
	wait_for_no_loop(f);
	assert_int_equal(bsn_storage_resize(f->fd, &storage, 10 * MIB, &err), 0);
	storage.bytes = 10 * MIB;
	assert_int_equal(apart(f, use_small_loop, &storage), 0);
	wait_for_no_loop(f);
	assert_int_equal(bsn_storage_destroy(f->fd, &storage, &err), 0);
	assert_int_equal(bsn_storage_destroy(f->fd, &storage, &err), 0);
	assert_int_equal(faccessat(f->fd, "disk.img", F_OK, 0), -1);
}

static void loop_sizes(void **state)
{
	struct fixture *f = *state;
	if (!can_loop(f))
		skip();
	static const int64_t sizes[] = { MIB, 64 * MIB, 128 * MIB, 300 * MIB };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct basin_error err = { 0 };
		struct stat st;
		const struct bsn_storage storage = { BSN_STORAGE_LOOP, 0, sizes[i], -1, 0, 0 };
		struct bsn_storage_usage usage;
		assert_int_equal(bsn_storage_create(f->fd, &storage, &err), 0);
		assert_int_equal(bsn_storage_usage(f->fd, &storage, -1, &usage, &err), 0);
		assert_int_equal(usage.bytes, 0);
		assert_int_equal(fstatat(f->fd, "disk.img", &st, 0), 0);
		/* The space is set aside, and the file system's own needs are modest. */
		assert_true(st.st_blocks * 512 >= sizes[i]);
		assert_true(st.st_size <= sizes[i] + sizes[i] / 16 + 16 * MIB);
		assert_int_equal(bsn_storage_destroy(f->fd, &storage, &err), 0);
	}
}

static void damaged_image(void **state)
{
	struct fixture *f = *state;
	struct basin_error err = { 0 };
	struct bsn_storage_usage usage;
	const struct bsn_storage storage = { BSN_STORAGE_LOOP, 0, MIB, -1, 0, 0 };
	auto_fd int fd = openat(f->fd, "disk.img", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, MIB), 0);
	assert_true(bsn_storage_usage(f->fd, &storage, -1, &usage, &err) < 0);
	assert_int_equal(err.code, BASIN_DAMAGED);
}

static void project_quota(void **state)
{
	struct fixture *f = *state;
	struct bsn_storage_probe probe;
	assert_int_equal(bsn_storage_probe(f->fd, &probe, NULL), 0);
	if (probe.kind != BSN_STORAGE_PROJECT || geteuid() != 0)
		skip();
	struct basin_error err = { 0 };
	struct bsn_storage storage = { BSN_STORAGE_PROJECT, 1717171717, 20 * MIB, 100, 0, 0 };
	struct bsn_storage_usage usage;
	uint32_t next = 0;
	assert_int_equal(bsn_storage_create(f->fd, &storage, &err), 0);
	assert_int_equal(bsn_storage_next_project(f->fd, storage.project, &next), 0);
	assert_int_equal(next, storage.project);
	/* root may pass a quota (CAP_SYS_RESOURCE), so another writes. */
	assert_int_equal(fchownat(f->fd, "upper", 1000, 1000, 0), 0);
	assert_int_equal(fchmod(f->fd, 0755), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int64_t written = setresuid(1000, 1000, 1000) == 0 ? fill(f->fd, "upper/big") : -1;
		_exit(written > 20 * MIB - 65536 && written <= 20 * MIB ? 0 : 1);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(bsn_storage_usage(f->fd, &storage, -1, &usage, &err), 0);
	assert_int_equal(usage.bytes_max, 20 * MIB);
	assert_int_equal(usage.inodes_max, 100);
	assert_true(usage.bytes > 20 * MIB - 65536 && usage.bytes <= 20 * MIB);
	assert_int_equal(bsn_storage_resize(f->fd, &storage, 10 * MIB, &err), -EBUSY);
	assert_int_equal(bsn_storage_resize(f->fd, &storage, 30 * MIB, &err), 0);
	assert_int_equal(bsn_storage_destroy(f->fd, &storage, &err), 0);
	assert_int_equal(bsn_storage_destroy(f->fd, &storage, &err), 0);
	assert_int_equal(bsn_storage_usage(f->fd, &storage, -1, &usage, &err), 0);
	assert_int_equal(usage.bytes, 0);
	assert_int_equal(usage.bytes_max, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kinds),      TEST(probe_names_a_remedy), TEST(plain_directories), TEST(loop_image),
		TEST(loop_sizes), TEST(damaged_image),        TEST(project_quota),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
