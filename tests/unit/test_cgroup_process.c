/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups on the real file system: freezing, signalling, killing and removing whole trees. Needs root and a cgroup2 mount. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "pool/cgroup.h"

struct fixture {
	struct bsn_cgroup_tree tree;
	char path[64];
	int fd;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	*f = (struct fixture){ .tree = BSN_CGROUP_TREE_INIT, .fd = -1 };
	*state = f;
	snprintf(f->path, sizeof(f->path), "basin-test-%d/a/b", (int)getpid());
	if (geteuid() != 0 || bsn_cgroup_tree_open(NULL, &f->tree, NULL) < 0)
		return 0;
	snprintf(f->tree.base, sizeof(f->tree.base), "basin-test-%d", (int)getpid());
	bsn_cgroup_create(&f->tree, f->path, NULL, &f->fd, NULL);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int r = 0;
	if (f->tree.fd >= 0) {
		bsn_own_close(&f->fd);
		r = bsn_cgroup_destroy(&f->tree, f->tree.base, NULL);
	}
	bsn_cgroup_tree_close(&f->tree);
	free(f);
	return r;
}

#define NEEDS_CGROUP(f)                                                                                                          \
	do {                                                                                                                     \
		if ((f)->fd < 0)                                                                                                 \
			skip();                                                                                                  \
	} while (0)

/* A child in the cgroup that waits for signals. */
static pid_t member(int fd)
{
	pid_t pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	assert_int_equal(bsn_cgroup_attach(fd, pid, NULL), 0);
	return pid;
}

static int ended_by(pid_t pid)
{
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void freeze_and_thaw(void **state)
{
	struct fixture *f = *state;
	NEEDS_CGROUP(f);
	pid_t pid = member(f->fd);
	assert_int_equal(bsn_cgroup_populated(f->fd), 1);
	assert_int_equal(bsn_cgroup_frozen(f->fd), 0);
	assert_int_equal(bsn_cgroup_freeze(f->fd, true, 5000, NULL), 0);
	assert_int_equal(bsn_cgroup_frozen(f->fd), 1);
	struct basin_error err;
	assert_int_equal(bsn_cgroup_create(&f->tree, f->path, NULL, NULL, &err), -EBUSY);
	assert_int_equal(bsn_cgroup_freeze(f->fd, false, 5000, NULL), 0);
	assert_int_equal(bsn_cgroup_frozen(f->fd), 0);
	/* A frozen one can be killed. */
	assert_int_equal(bsn_cgroup_freeze(f->fd, true, 5000, NULL), 0);
	assert_int_equal(bsn_cgroup_kill(f->fd, NULL), 0);
	assert_int_equal(ended_by(pid), SIGKILL);
	assert_int_equal(bsn_cgroup_wait_empty(f->fd, 5000, NULL), 0);
	assert_int_equal(bsn_cgroup_create(&f->tree, f->path, NULL, NULL, &err), -EBUSY);
	assert_non_null(strstr(err.text, "frozen"));
}

static void signals_and_pids(void **state)
{
	struct fixture *f = *state;
	NEEDS_CGROUP(f);
	char sub[96];
	int sub_fd = -1;
	snprintf(sub, sizeof(sub), "%s/sub", f->path);
	assert_int_equal(bsn_cgroup_create(&f->tree, sub, NULL, &sub_fd, NULL), 0);
	pid_t first = member(f->fd), second = member(sub_fd);
	close(sub_fd);
	auto_free pid_t *pids = NULL;
	size_t count = 0;
	assert_int_equal(bsn_cgroup_pids(f->fd, &pids, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_true((pids[0] == first && pids[1] == second) || (pids[0] == second && pids[1] == first));
	assert_int_equal(bsn_cgroup_signal(f->fd, SIGTERM, NULL), 0);
	assert_int_equal(ended_by(first), SIGTERM);
	assert_int_equal(ended_by(second), SIGTERM);
	assert_int_equal(bsn_cgroup_wait_empty(f->fd, 5000, NULL), 0);
	assert_int_equal(bsn_cgroup_frozen(f->fd), 0);
	assert_int_equal(bsn_cgroup_signal(f->fd, SIGTERM, NULL), 0);
}

static void destroy_kills(void **state)
{
	struct fixture *f = *state;
	NEEDS_CGROUP(f);
	struct basin_error err;
	pid_t pid = member(f->fd);
	assert_int_equal(bsn_cgroup_create(&f->tree, f->path, NULL, NULL, &err), -EBUSY);
	assert_int_equal(bsn_cgroup_remove_empty(&f->tree, f->tree.base, &err), -EBUSY);
	assert_int_equal(err.code, BASIN_BUSY);
	assert_int_equal(bsn_cgroup_destroy(&f->tree, f->tree.base, &err), 0);
	assert_int_equal(ended_by(pid), SIGKILL);
	assert_int_equal(faccessat(f->tree.fd, f->tree.base, F_OK, 0), -1);
	/* A descriptor of what is gone: empty, not frozen, nothing to kill. */
	assert_int_equal(bsn_cgroup_populated(f->fd), 0);
	assert_int_equal(bsn_cgroup_kill(f->fd, NULL), 0);
	assert_int_equal(bsn_cgroup_wait_empty(f->fd, 0, NULL), 0);
	auto_free pid_t *pids = NULL;
	size_t count = 7;
	assert_int_equal(bsn_cgroup_pids(f->fd, &pids, &count, NULL), 0);
	assert_int_equal(count, 0);
}

static void limits_need_their_controller(void **state)
{
	struct fixture *f = *state;
	NEEDS_CGROUP(f);
	struct bsn_cgroup_resources r = BSN_CGROUP_RESOURCES_INIT;
	struct basin_error err = { 0 };
	uint32_t mask = 0;
	r.memory_max = 64 << 20;
	r.memory_swap_max = 0;
	r.pids_max = 17;
	r.cpu_quota = 20000;
	r.cpu_burst = 1000;
	r.cpu_weight = 50;
	assert_int_equal(bsn_cgroup_controllers(&f->tree, &mask, NULL), 0);
	uint32_t needed = bsn_cgroup_resources_controllers(&r);
	int result = bsn_cgroup_update(&f->tree, f->path, &r, &err);
	if ((needed & ~mask) != 0) {
		assert_true(result < 0);
		assert_int_equal(err.code, BASIN_UNSUPPORTED);
		assert_non_null(strstr(err.text, "controller"));
		return;
	}
	assert_string_equal(err.text, "");
	struct bsn_cgroup_stats stats;
	assert_int_equal(bsn_cgroup_stats(f->fd, &stats, NULL), 0);
	assert_int_equal(stats.memory_max, 64 << 20);
	assert_int_equal(stats.pids_max, 17);
	auto_free char *text = NULL;
	assert_int_equal(bsn_cgroup_read(f->fd, "cpu.max", &text), 0);
	assert_string_equal(text, "20000 100000");
	/* Below the burst: both are set, in the order that the kernel takes. */
	r.cpu_quota = 5000;
	r.cpu_burst = 500;
	assert_int_equal(bsn_cgroup_update(&f->tree, f->path, &r, &err), 0);
	r.cpu_weight = 20000;
	assert_true(bsn_cgroup_update(&f->tree, f->path, &r, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
}

static void reads(struct fixture *f, const char *file, const char *expected)
{
	auto_free char *text = NULL;
	assert_int_equal(bsn_cgroup_read(f->fd, file, &text), 0);
	assert_string_equal(text, expected);
}

/* What the kernel shows after each knob was written; where all controllers are and there is a disk to limit. */
static void every_knob(void **state)
{
	struct fixture *f = *state;
	NEEDS_CGROUP(f);
	uint32_t mask = 0;
	struct stat disk;
	assert_int_equal(bsn_cgroup_controllers(&f->tree, &mask, NULL), 0);
	if ((mask & 0x3f) != 0x3f || stat("/dev/vda", &disk) < 0 || !S_ISBLK(disk.st_mode))
		skip();
	struct bsn_cgroup_resources r = BSN_CGROUP_RESOURCES_INIT;
	struct basin_error err = { 0 };
	struct bsn_cgroup_io io[] = { { BSN_IO_RBPS, major(disk.st_rdev), minor(disk.st_rdev), 1 << 20 },
				      { BSN_IO_WIOPS, major(disk.st_rdev), minor(disk.st_rdev), 500 } };
	struct bsn_cgroup_hugetlb hugetlb[] = { { (char *)"2MB", 4 << 20 } };
	struct bsn_cgroup_unified unified[] = { { (char *)"pids.max", (char *)"77" },
						{ (char *)"cgroup.max.depth", (char *)"3" } };
	r.cpu_idle = 0;
	r.cpu_weight = 42;
	r.cpuset_cpus = (char *)"0";
	r.cpuset_mems = (char *)"0";
	r.memory_min = 1 << 20;
	r.memory_low = 2 << 20;
	r.memory_high = 48 << 20;
	r.memory_max = 64 << 20;
	r.memory_oom_group = 1;
	r.io = io;
	r.io_count = 2;
	r.hugetlb = hugetlb;
	r.hugetlb_count = 1;
	r.unified = unified;
	r.unified_count = 2;
	bsn_cgroup_update(&f->tree, f->path, &r, &err);
	assert_string_equal(err.text, "");
	reads(f, "cpu.weight", "42");
	reads(f, "cpuset.cpus", "0");
	reads(f, "cpuset.mems", "0");
	reads(f, "memory.min", "1048576");
	reads(f, "memory.low", "2097152");
	reads(f, "memory.high", "50331648");
	reads(f, "memory.oom.group", "1");
	reads(f, "hugetlb.2MB.max", "4194304");
	reads(f, "hugetlb.2MB.rsvd.max", "4194304");
	reads(f, "pids.max", "77");
	reads(f, "cgroup.max.depth", "3");
	auto_free char *text = NULL;
	assert_int_equal(bsn_cgroup_read(f->fd, "io.max", &text), 0);
	assert_non_null(strstr(text, "rbps=1048576 wbps=max riops=max wiops=500"));
	r = (struct bsn_cgroup_resources)BSN_CGROUP_RESOURCES_INIT;
	r.unified = &(struct bsn_cgroup_unified){ (char *)"memory.nonsense", (char *)"1" };
	r.unified_count = 1;
	assert_true(bsn_cgroup_update(&f->tree, f->path, &r, &err) < 0);
	assert_int_equal(err.code, BASIN_UNSUPPORTED);
	r.unified = &(struct bsn_cgroup_unified){ (char *)"memory.max", (char *)"a lot" };
	assert_true(bsn_cgroup_update(&f->tree, f->path, &r, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(freeze_and_thaw), TEST(signals_and_pids), TEST(destroy_kills), TEST(limits_need_their_controller),
		TEST(every_knob),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
