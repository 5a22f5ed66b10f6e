/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups, version 2: how a share of the machine is enforced, and the handle by which a container is killed, frozen and
 * measured (cgroups(7), Documentation/admin-guide/cgroup-v2.rst).
 *
 * Where things are. A tree is a cgroup2 mount and basin's own part of it, its base ("basin" by default). All paths handed to
 * these functions are relative to the mount, without a leading slash ("basin/oci/web"); bsn_cgroup_path makes one beneath the
 * base, and an OCI cgroupsPath "/a/b" is simply "a/b". A plain directory can play the mount, which is how the unit tests run.
 *
 * Whose things are. A cgroup belongs to whoever recorded its path before creating it; create refuses one that has processes or is
 * frozen, so what destroy is later told to remove is the recorder's.
 *
 * Everything here links into the static program of the hot path: base and libc only. One create is one mkdir and one open, plus
 * three calls for each knob that is set.
 */
#ifndef BSN_POOL_CGROUP_H
#define BSN_POOL_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/own.h"

/* --- the tree --- */

struct bsn_cgroup_tree {
	int fd;               /* the mount (or the directory that plays it) */
	bool fake;            /* a plain directory, not cgroup2 */
	char mount[PATH_MAX]; /* its path */
	char base[PATH_MAX];  /* basin's part beneath it; "" where the two are one */
};

/*
 * Finds the tree. root: an absolute path, or one relative to the first cgroup2 mount, or NULL for $BASIN_CGROUP_ROOT and then
 * "basin". Makes nothing. No cgroup2 mount at all is BASIN_UNSUPPORTED.
 */
int bsn_cgroup_tree_open(const char *root, struct bsn_cgroup_tree *ret_tree, struct basin_error *err);
void bsn_cgroup_tree_close(struct bsn_cgroup_tree *tree);
#define auto_cgroup_tree __attribute__((cleanup(bsn_cgroup_tree_close)))
#define BSN_CGROUP_TREE_INIT                                                                                                     \
	{                                                                                                                        \
		.fd = -1                                                                                                         \
	}

/* base/rest into buffer, as the other functions want it ("" and "/" are the base itself); refuses "..". */
int bsn_cgroup_path(const struct bsn_cgroup_tree *tree, const char *rest, char *buffer, size_t room, struct basin_error *err);

enum bsn_controller {
	BSN_CONTROLLER_CPU,
	BSN_CONTROLLER_CPUSET,
	BSN_CONTROLLER_IO,
	BSN_CONTROLLER_MEMORY,
	BSN_CONTROLLER_PIDS,
	BSN_CONTROLLER_HUGETLB,
	BSN_CONTROLLER_RDMA,
	BSN_CONTROLLER_MISC,
	BSN_CONTROLLERS
};
#define BSN_CONTROLLER_BIT(controller) (1U << (controller))

const char *bsn_controller_name(enum bsn_controller controller);

/* The controllers that the tree has (cgroup.controllers of the mount), as BSN_CONTROLLER_BITs. */
int bsn_cgroup_controllers(const struct bsn_cgroup_tree *tree, uint32_t *ret_mask, struct basin_error *err);
/* Refuses (BASIN_UNSUPPORTED, naming the first one that is missing and the remedy) unless the tree has all of mask. */
int bsn_cgroup_require(const struct bsn_cgroup_tree *tree, uint32_t mask, struct basin_error *err);
/* What would make that controller available on this host, one line; static or in buffer. */
const char *bsn_cgroup_remedy(const struct bsn_cgroup_tree *tree, enum bsn_controller controller, char *buffer, size_t room);

/* --- what may be set --- */

#define BSN_CGROUP_UNSET INT64_MIN     /* the knob is not touched */
#define BSN_CGROUP_MAX   ((int64_t)-1) /* "max": no limit */

struct bsn_cgroup_io {
	enum bsn_cgroup_io_kind { BSN_IO_WEIGHT, BSN_IO_RBPS, BSN_IO_WBPS, BSN_IO_RIOPS, BSN_IO_WIOPS } kind;
	unsigned int major, minor;
	int64_t value; /* weight: 1-10000 (see bsn_cgroup_io_weight); rates: bytes or operations per second, BSN_CGROUP_MAX lifts */
};

struct bsn_cgroup_hugetlb {
	char *page_size; /* as in the file's name: "2MB", "1GB" */
	int64_t limit;
};

struct bsn_cgroup_rdma {
	char *device;
	int64_t handles; /* BSN_CGROUP_UNSET, BSN_CGROUP_MAX or a number */
	int64_t objects;
};

/* A knob by its file name, written verbatim, last: OCI's linux.resources.unified. */
struct bsn_cgroup_unified {
	char *file;  /* "memory.high"; no slash */
	char *value; /* each of its lines is one write */
};

#define BSN_DEVICE_READ  1
#define BSN_DEVICE_WRITE 2
#define BSN_DEVICE_MKNOD 4
#define BSN_DEVICE_ANY   (-1)

/* Ordered: a later rule overrides an earlier one for what it names. Everything is denied to begin with. */
struct bsn_device_rule {
	bool allow;
	char type;            /* 'c', 'b' ('u' is 'c'), or 'a': every device and access, the rest is ignored */
	int64_t major, minor; /* BSN_DEVICE_ANY */
	unsigned int access;  /* BSN_DEVICE_ bits */
};

/*
 * All resources in the kernel's terms (functions below translate OCI's). Initialise with BSN_CGROUP_RESOURCES_INIT; strings and
 * arrays are on the heap and owned by the struct.
 */
struct bsn_cgroup_resources {
	int64_t cpu_weight; /* 1-10000 */
	int64_t cpu_idle;   /* 0, 1 */
	int64_t cpu_quota;  /* µs per period; BSN_CGROUP_MAX */
	int64_t cpu_period; /* µs; unset with a quota: the kernel's (100 ms) */
	int64_t cpu_burst;  /* µs */
	char *cpuset_cpus;  /* "0-3,6"; NULL: unset */
	char *cpuset_mems;
	int64_t memory_max;      /* bytes, or BSN_CGROUP_MAX */
	int64_t memory_swap_max; /* bytes of swap alone */
	int64_t memory_high;
	int64_t memory_low;
	int64_t memory_min;
	int64_t memory_oom_group; /* 0, 1 */
	bool memory_check;        /* refuse (BASIN_BUSY) a memory_max below what is in use, instead of having the kernel kill */
	int64_t pids_max;
	int64_t io_weight; /* 1-10000 */
	struct bsn_cgroup_io *io;
	size_t io_count;
	struct bsn_cgroup_hugetlb *hugetlb;
	size_t hugetlb_count;
	struct bsn_cgroup_rdma *rdma;
	size_t rdma_count;
	struct bsn_cgroup_unified *unified;
	size_t unified_count;
	struct bsn_device_rule *devices; /* used by bsn_cgroup_devices_attach only */
	size_t device_count;
};

#define BSN_CGROUP_RESOURCES_INIT                                                                                                \
	{                                                                                                                        \
		.cpu_weight = BSN_CGROUP_UNSET, .cpu_idle = BSN_CGROUP_UNSET, .cpu_quota = BSN_CGROUP_UNSET,                     \
		.cpu_period = BSN_CGROUP_UNSET, .cpu_burst = BSN_CGROUP_UNSET, .memory_max = BSN_CGROUP_UNSET,                   \
		.memory_swap_max = BSN_CGROUP_UNSET, .memory_high = BSN_CGROUP_UNSET, .memory_low = BSN_CGROUP_UNSET,            \
		.memory_min = BSN_CGROUP_UNSET, .memory_oom_group = BSN_CGROUP_UNSET, .pids_max = BSN_CGROUP_UNSET,              \
		.io_weight = BSN_CGROUP_UNSET                                                                                    \
	}

void bsn_cgroup_resources_release(struct bsn_cgroup_resources *resources);
/* The controllers that these resources need. */
uint32_t bsn_cgroup_resources_controllers(const struct bsn_cgroup_resources *resources);
/* Clears what belongs to controllers outside mask (--enforce available) and returns the mask of what was dropped. */
uint32_t bsn_cgroup_resources_restrict(struct bsn_cgroup_resources *resources, uint32_t mask);

/* OCI cpu.shares (2-262144) as cpu.weight, by the curve through (2, 1), (1024, 100), (262144, 10000) that runc and crun use now. */
int64_t bsn_cgroup_weight_of_shares(uint64_t shares);
/* OCI blockIO weight (10-1000) as io.weight (1-10000), and back, for BFQ. */
int64_t bsn_cgroup_io_weight(uint64_t weight);
int64_t bsn_cgroup_io_weight_bfq(int64_t io_weight);
/*
 * OCI memory.swap is memory and swap together; the kernel's is swap alone. Both may be BSN_CGROUP_UNSET or _MAX. A total of 0 is no
 * swap. BASIN_USAGE: swap below the limit, or a swap without a limit.
 */
int bsn_cgroup_swap_of_total(int64_t limit, int64_t total, int64_t *ret_swap, struct basin_error *err);

/* --- a cgroup's life --- */

/*
 * Makes path (and its missing parents), sets the knobs, enabling the controllers on the way down where a knob is missing, and
 * opens it for CLONE_INTO_CGROUP. An existing one is taken over if it is empty and not frozen (else BASIN_BUSY). resources may be
 * NULL. A failure removes the leaf if it was made here. *ret_fd may be NULL.
 */
int bsn_cgroup_create(const struct bsn_cgroup_tree *tree, const char *path, const struct bsn_cgroup_resources *resources,
		      int *ret_fd, struct basin_error *err);
/* As create, but for a cgroup that holds others (a pool): one that exists is fine, whatever it holds, and its knobs are set anew. */
int bsn_cgroup_ensure(const struct bsn_cgroup_tree *tree, const char *path, const struct bsn_cgroup_resources *resources,
		      struct basin_error *err);
/*
 * Brings down whatever the tree has to path, as runc and crun do: statistics come from the controllers, and a payload may want to hand them
 * on. Where one does not come down, only what needs it fails.
 */
void bsn_cgroup_enable_all(const struct bsn_cgroup_tree *tree, const char *path);
/* Opens an existing one; BASIN_NOT_FOUND with -ENOENT otherwise. */
int bsn_cgroup_open(const struct bsn_cgroup_tree *tree, const char *path, int *ret_fd, struct basin_error *err);
/* Sets the knobs of an existing one. */
int bsn_cgroup_update(const struct bsn_cgroup_tree *tree, const char *path, const struct bsn_cgroup_resources *resources,
		      struct basin_error *err);
/* What memory_check asks for, and setting the knobs does too: for who has something to do before that. BASIN_BUSY. */
int bsn_cgroup_check_memory(int fd, const struct bsn_cgroup_resources *resources, struct basin_error *err);
/* Kills all that is in it and beneath it, waits until they are gone, removes it. One that is not there is success. */
int bsn_cgroup_destroy(const struct bsn_cgroup_tree *tree, const char *path, struct basin_error *err);
/* As destroy, but refuses (BASIN_BUSY) where anything runs beneath: for a pool. */
int bsn_cgroup_remove_empty(const struct bsn_cgroup_tree *tree, const char *path, struct basin_error *err);
/*
 * Makes path threaded, and what is above it, where it must be: a new cgroup below a threaded one, or below one with processes, takes no
 * process before ("domain invalid"; cgroups(7), "Thread mode"). 1: something changed. Limits of memory and I/O are not to be had there.
 */
int bsn_cgroup_thread(const struct bsn_cgroup_tree *tree, const char *path, struct basin_error *err);
/* Removes the empty directories above path, up to and with the base; never fails for one that is in use. */
void bsn_cgroup_prune(const struct bsn_cgroup_tree *tree, const char *path);

/* --- what is in it; fd is of the cgroup's directory --- */

int bsn_cgroup_kill(int fd, struct basin_error *err);
/* Sends the signal to every process beneath (frozen meanwhile, so that none escapes by forking). SIGKILL is bsn_cgroup_kill. */
int bsn_cgroup_signal(int fd, int signal, struct basin_error *err);
/* Freezes or thaws all beneath and waits until it is so; BASIN_TIMEOUT takes a freeze back. */
int bsn_cgroup_freeze(int fd, bool freeze, int timeout_ms, struct basin_error *err);
/* 1, 0 or -errno. Populated counts the whole subtree. */
int bsn_cgroup_populated(int fd);
int bsn_cgroup_frozen(int fd);
/* Waits until nothing runs beneath; BASIN_TIMEOUT. timeout_ms -1: without limit. */
int bsn_cgroup_wait_empty(int fd, int timeout_ms, struct basin_error *err);
/* The processes of the whole subtree, in no order; freed by the caller. */
int bsn_cgroup_pids(int fd, pid_t **ret_pids, size_t *ret_count, struct basin_error *err);
/* Moves a process into it (0: the caller). */
int bsn_cgroup_attach(int fd, pid_t pid, struct basin_error *err);
/* Gives the files that a delegate may write (cgroup.procs, cgroup.threads, cgroup.subtree_control, the directory) to uid. */
int bsn_cgroup_delegate(int fd, uid_t uid, gid_t gid, struct basin_error *err);

/* What the kernel counts; BSN_CGROUP_UNSET where the controller is missing, BSN_CGROUP_MAX where a limit is "max". */
struct bsn_cgroup_stats {
	int64_t cpu_usage_us, cpu_user_us, cpu_system_us;
	int64_t cpu_periods, cpu_throttled, cpu_throttled_us;
	int64_t memory_current, memory_peak, memory_max, memory_swap_current, memory_swap_max;
	int64_t memory_anon, memory_file, memory_kernel, memory_slab;
	int64_t memory_events_high, memory_events_max, memory_events_oom, memory_events_oom_kill;
	int64_t pids_current, pids_max, pids_events_max;
	int64_t io_read_bytes, io_write_bytes, io_reads, io_writes; /* all devices together */
};

int bsn_cgroup_stats(int fd, struct bsn_cgroup_stats *ret_stats, struct basin_error *err);
/* memory.events' oom_kill alone: 0 where there is no memory controller. */
int64_t bsn_cgroup_oom_kills(int fd);
/* One knob as text without its newline, freed by the caller; -ENOENT where the controller is missing. */
int bsn_cgroup_read(int fd, const char *file, char **ret_text);

/* --- devices (cgroup_devices.c) --- */

/*
 * What every container may use, appended to a config's rules as runc does: mknod of anything, null, zero, full, (u)random, tty,
 * ptmx, pts/N, net/tun. Static.
 */
const struct bsn_device_rule *bsn_cgroup_default_devices(size_t *ret_count);

struct bpf_insn;
/* The filter as an eBPF program; *ret_count is 0 when the rules allow everything and none is needed. Freed by the caller. */
int bsn_cgroup_devices_build(const struct bsn_device_rule *rules, size_t count, struct bpf_insn **ret_program, size_t *ret_count,
			     struct basin_error *err);
/* Attaches the resources' rules with the default ones behind them: what a container is confined to. */
int bsn_cgroup_devices_confine(int fd, const struct bsn_cgroup_resources *resources, struct basin_error *err);
/* The same for a container's new cgroup; shares the program of those that have the default rules alone. */
int bsn_cgroup_devices_confine_new(const struct bsn_cgroup_tree *tree, int fd, const struct bsn_cgroup_resources *resources,
				   struct basin_error *err);
/* Where that program is kept, below the base. */
#define BSN_CGROUP_DEVICES "devices-1"
/* Puts the filter on the cgroup, in place of one that was put there before, without a moment in which neither holds. */
int bsn_cgroup_devices_attach(int fd, const struct bsn_device_rule *rules, size_t count, struct basin_error *err);

#endif
