/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/host.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/size.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/storage.h"

#define DEPTH_MAX 64

static int64_t processors(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return CPU_COUNT(&set);
	/* More processors than a cpu_set_t holds. */
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? online : 1;
}

static int memory_total(int64_t *ret)
{
	auto_free char *text = NULL;
	int r = bsn_read_file(AT_FDCWD, "/proc/meminfo", 64 * 1024, &text, NULL);
	if (r < 0)
		return r;
	const char *line = strstr(text, "MemTotal:");
	long long kib;
	if (line == NULL || sscanf(line, "MemTotal: %lld kB", &kib) != 1)
		return -EIO;
	*ret = (int64_t)kib * 1024;
	return 0;
}

static int64_t kernel_number(const char *path)
{
	auto_free char *text = NULL;
	int64_t value;
	if (bsn_read_file(AT_FDCWD, path, 64, &text, NULL) < 0)
		return INT64_MAX;
	text[strcspn(text, "\n")] = '\0';
	return bsn_parse_count(text, &value) < 0 ? INT64_MAX : value;
}

/* --- what the environments hold of the disk --- */

struct held {
	int64_t bytes;
	int depth;
};

/* Where nothing limits an environment's directory nothing counts it either, so it is counted file by file. */
static int add_file(int dirfd, const char *name, void *data)
{
	struct held *held = data;
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* gone meanwhile */
	held->bytes += st.st_blocks * 512 / (st.st_nlink > 0 && !S_ISDIR(st.st_mode) ? (int64_t)st.st_nlink : 1);
	if (!S_ISDIR(st.st_mode) || held->depth >= DEPTH_MAX)
		return 0;
	auto_fd int sub = bsn_sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (sub < 0)
		return 0;
	held->depth++;
	bsn_each_entry(sub, add_file, held);
	held->depth--;
	return 0;
}

/* The quota project of an environment's upper directory, 0 when it has none. */
static uint32_t project_of(int dirfd)
{
	struct fsxattr attributes;
	auto_fd int upper = bsn_sys_openat(dirfd, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (upper < 0 || ioctl(upper, FS_IOC_FSGETXATTR, &attributes) < 0)
		return 0;
	return attributes.fsx_projid;
}

static int add_environment(int dirfd, const char *name, void *data)
{
	struct held *held = data;
	struct stat st;
	auto_fd int env = bsn_sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (env < 0)
		return 0;
	if (fstatat(env, "disk.img", &st, AT_SYMLINK_NOFOLLOW) == 0) {
		held->bytes += st.st_blocks * 512;
		return 0;
	}
	struct bsn_storage storage = { .kind = BSN_STORAGE_PROJECT, .project = project_of(env), .bytes = -1, .inodes = -1 };
	struct bsn_storage_usage usage;
	if (storage.project != 0 && bsn_storage_usage(env, &storage, -1, &usage, NULL) >= 0)
		held->bytes += usage.bytes;
	else
		bsn_each_entry(env, add_file, held);
	return 0;
}

static int64_t held_bytes(int data_fd)
{
	struct held held = { 0 };
	auto_fd int envs = bsn_sys_openat(data_fd, "envs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (envs >= 0)
		bsn_each_entry(envs, add_environment, &held);
	return held.bytes;
}

int bsn_host_read(int data_fd, struct bsn_host *ret_host, struct basin_error *err)
{
	struct bsn_host host = { .held = held_bytes(data_fd) };
	struct statvfs fs;
	int r = memory_total(&host.total.of[BASIN_MEMORY]);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read the host's memory from /proc/meminfo");
	if (fstatvfs(data_fd, &fs) < 0)
		return bsn_fail_sys(err, errno, "cannot read the free space of the data root");
	host.total.of[BASIN_CPU] = processors() * 1000;
	host.total.of[BASIN_STORAGE] = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize + host.held;
	host.total.of[BASIN_PIDS] = MIN(kernel_number("/proc/sys/kernel/pid_max"), kernel_number("/proc/sys/kernel/threads-max"));
	*ret_host = host;
	return 0;
}
