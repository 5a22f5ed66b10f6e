/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: a config and the facts of this host, turned into all that will be done. Making one reads the host and changes nothing;
 * runtime/apply.c carries it out. Descriptors do not exist yet, so operations name handles by their number, and the plan says what
 * each handle will be.
 */
#ifndef BSN_RUNTIME_PLAN_H
#define BSN_RUNTIME_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"
#include "pool/cgroup_legacy.h"
#include "runtime/config.h"
#include "runtime/list.h"
#include "runtime/runtime.h"
#include "runtime/seccomp.h"

enum bsn_handle_kind {
	BSN_HANDLE_PROC,      /* the host's procfs */
	BSN_HANDLE_ROOT,      /* the container's root, detached */
	BSN_HANDLE_BIND,      /* mount->source, detached, its ids mapped */
	BSN_HANDLE_CGROUP,    /* the container's cgroup directory, detached */
	BSN_HANDLE_DEVICES,   /* a detached file system with the container's device nodes (runtime/device_nodes.h) */
	BSN_HANDLE_LEGACY,    /* the same of one in a hierarchy of version 1, at path */
	BSN_HANDLE_NAMESPACE, /* the namespace at path */
	BSN_HANDLE_PROCESS,   /* the pidfd of a container's init, for exec */
	BSN_HANDLE_APPEND,    /* the file at path, made if missing, to be written at its end */
	BSN_HANDLE_START      /* the start socket, listening */
};

struct bsn_handle {
	enum bsn_handle_kind kind;
	const char *path;
	const struct bsn_mount *mount;
};

/* What the plan is made from, besides the config. */
struct bsn_plan_request {
	const struct bsn_config *config;
	const char *id;
	const char *bundle;                      /* absolute */
	const struct bsn_seccomp_filter *filter; /* NULL: none */
	bool wait_for_start;                     /* create: the child waits on the start socket */
	bool no_pivot;
	bool no_new_keyring;
	bool console_sent; /* the terminal goes to --console-socket */
	bool init;
	bool rootfs_given;               /* the caller has a detached root */
	const struct bsn_legacy *legacy; /* its places in version 1; NULL: none */
	bool network_ahead;              /* its new network namespace is being made (runtime/net_ahead.h) */
	bool moved;                      /* it may have to be moved into its cgroup, where it could not be cloned into it */
};

struct bsn_plan {
	const struct bsn_config *config;
	struct bsn_arena *arena;
	const char *root_path; /* absolute; NULL: there is none on the host */
	uint64_t clone_flags;  /* of the first clone3 */
	bool forks;            /* the first process is a joiner: FORKED comes with the pid that counts */
	bool new_user;
	bool user;       /* a user namespace is involved */
	bool waits_go;   /* the parent writes maps and limits, moves it into cgroups of version 1, then sends GO */
	bool goes_first; /* ... before it has entered anything: from there on whoever is inside already may be after it */
	bool uses_proc;
	bool network;    /* the child waits for NETWORK */
	bool hooks;      /* the child will send HOOKS */
	bool console;    /* the child will send CONSOLE */
	bool ready;      /* the child will send READY */
	bool privileged; /* we may make detached mounts of the host's things */
	bool live;       /* the child enters a container that runs, and sees nothing of the host */
	struct bsn_list_builder list;
	struct bsn_device *devices; /* all nodes of the container's /dev, the default ones and the config's */
	size_t device_count;
	struct bsn_handle *handles;
	size_t handle_count;
	size_t handle_room;
};

int bsn_plan_make(const struct bsn_plan_request *request, struct bsn_plan **ret_plan, struct basin_error *err);

/* What exec does to join a running container. */
struct bsn_plan_exec {
	const struct bsn_config *config;  /* the container's */
	const struct bsn_config *process; /* its .process is the one to run */
	const char *id;
	const struct bsn_seccomp_filter *filter;
	bool no_new_keyring;
	bool console_sent;
	bool moved; /* it may have to be moved into cgroups: of version 1, or one that it could not be cloned into */
};

int bsn_plan_make_exec(const struct bsn_plan_exec *request, struct bsn_plan **ret_plan, struct basin_error *err);

void bsn_plan_free(struct bsn_plan *plan);
BSN_OWNER(struct bsn_plan *, bsn_plan_free);

/* Mounts that come into, or go out of, a running container. */
struct bsn_plan_live {
	const struct bsn_config *config; /* the container's, with the mounts in question in place of its own */
	const char *bundle;              /* what relative sources are relative to */
	bool remove;
};

int bsn_plan_make_live(const struct bsn_plan_live *request, struct bsn_plan **ret_plan, struct basin_error *err);

/* --- for the plan's own files --- */

int bsn_plan_new(const struct bsn_config *config, struct bsn_plan **ret_plan, struct basin_error *err);
/*
 * The child enters a running container, by the pidfd of its init, but for the namespaces of the kinds in `without` (CLONE_NEW). Where it has
 * to fork to be in all of them (plan->forks), a BSN_OP_FORK is to follow.
 */
void bsn_plan_enter_container(struct bsn_plan *plan, const struct bsn_config *config, uint64_t without);
/* It will need the host's procfs. */
void bsn_plan_use_proc(struct bsn_plan *plan);

/* A new handle's number. */
int bsn_plan_handle(struct bsn_plan *plan, enum bsn_handle_kind kind, const char *path, const struct bsn_mount *mount);
int bsn_plan_mounts(struct bsn_plan *plan, const struct bsn_plan_request *request, struct basin_error *err);
/* Devices and their links. */
int bsn_plan_devices(struct bsn_plan *plan, const struct bsn_config *config, struct basin_error *err);
/* --no-pivot: what is full of the host is hidden. */
int bsn_plan_hide(struct bsn_plan *plan, struct basin_error *err);
/* Masked and read-only paths, and the mounts that become read-only only when all is in them. */
void bsn_plan_masks(struct bsn_plan *plan, const struct bsn_config *config);
/* Only the latter. */
void bsn_plan_late_read_only(struct bsn_plan *plan, const struct bsn_config *config);
/* Hooks that run in the container. */
void bsn_plan_hook_ops(struct bsn_plan *plan, const struct bsn_hooks *hooks, bool create);
/* Whether its BSN_OP_FORK may come last. */
bool bsn_plan_forks_last(const struct bsn_plan *plan, const struct bsn_process_config *process,
			 const struct bsn_seccomp_filter *filter);
/* What a process is before it runs its program; from labels to execve. user_namespace: ids are a container's. */
struct bsn_plan_process {
	const struct bsn_config *config; /* whose hooks and seccomp flags hold; hooks only when start is true */
	const struct bsn_process_config *process;
	const struct bsn_seccomp_filter *filter;
	bool exec;           /* no hooks, no personality of its own */
	bool fork_last;      /* exec: BSN_OP_FORK comes when nothing is left that the container does not have */
	bool wait;           /* READY, and then wait */
	bool wait_on_socket; /* ... on the start socket */
	bool init;
};
/* Finding the program, with its arguments and environment (runtime/plan_env.c). */
void bsn_plan_lookup(struct bsn_plan *plan, const struct bsn_process_config *process);
/* Whether the supplementary groups stay the caller's (run.oci.keep_original_groups). */
bool bsn_plan_keeps_groups(const struct bsn_config *config);
/* The session keyring of the container with that id, with the process's SELinux label; permissions of 0: joined as it is. */
void bsn_plan_keyring(struct bsn_plan *plan, const struct bsn_process_config *process, const char *id, uint32_t permissions);
/* The CPUs to run on, a checked list; NULL: as they are. */
void bsn_plan_affinity(struct bsn_plan *plan, const char *cpus);
/* "RLIMIT_NOFILE" */
const char *bsn_rlimit_name(int resource);
int bsn_plan_process(struct bsn_plan *plan, const struct bsn_plan_process *request, struct basin_error *err);

#endif
