/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying a plan out: what has been obtained on the way lives in a struct bsn_run. */
#ifndef BSN_RUNTIME_APPLY_H
#define BSN_RUNTIME_APPLY_H

#include "pool/cgroup_legacy.h"
#include "runtime/container.h"
#include "runtime/net_ahead.h"
#include "runtime/plan.h"
#include "runtime/process.h"
#include "runtime/scope.h"

struct bsn_run {
	const struct bsn_create_options *options;
	const char *console_socket;
	const char *pidfd_socket;
	bool create;   /* the child waits on the start socket */
	bool restored; /* its processes come from a checkpoint, with their namespaces */
	struct bsn_container container;
	struct bsn_config *config;
	char *config_text;
	char *bundle; /* absolute */
	struct bsn_seccomp_filter *filter;
	struct bsn_plan *plan;
	struct bsn_record *record;
	struct bsn_state state;
	char created[40];
	char *cgroup_path;
	int cgroup;        /* the directory; -1: none */
	const char *scope; /* systemd's unit around it (runtime/scope.h); NULL: none */
	char *scope_owned;
	char *scope_cgroup;
	struct bsn_scope_holder holder;
	bool outside;             /* the child could not be cloned into the cgroup: systemd moves it */
	struct bsn_legacy legacy; /* where it is in hierarchies of version 1 (runtime/legacy.h) */
	struct bsn_legacy_writes legacy_writes;
	char *legacy_text; /* as it is recorded; NULL: nowhere */
	struct bsn_net_ahead net_ahead;
	int *handles; /* one for each of the plan's */
	int process;  /* exec: the pidfd of the container's init */
	struct bsn_child child;
	int console;     /* the terminal's master; -1: none */
	int notify;      /* the payload's reports; -1: nobody wants them, or not yet */
	bool notifies;   /* the container gets a place to report to */
	int listener;    /* a connection to the seccomp agent; -1: none is asked */
	bool hooked;     /* hooks have begun: from then on the lifecycle ends with those of poststop */
	bool old_mounts; /* open_tree(2) and its kin are not to be had */
	bool made;       /* the container's directory is ours to remove */
	bool forked;     /* child is the joiner's successor */
};

#define BSN_RUN_INIT                                                                                                             \
	{                                                                                                                        \
		.container = BSN_CONTAINER_INIT, .cgroup = -1, .process = -1, .console = -1, .notify = -1, .listener = -1,       \
		.child = BSN_CHILD_INIT, .holder = BSN_SCOPE_HOLDER_INIT, .net_ahead = BSN_NET_AHEAD_INIT                        \
	}
void bsn_run_release(struct bsn_run *run);
#define auto_run __attribute__((cleanup(bsn_run_release)))

/* Reads the config and makes the plan; nothing of the host has changed when it fails. */
int bsn_run_prepare(struct bsn_run *run, const struct bsn_runtime *runtime, struct basin_error *err);
/*
 * Does it, up to where the container is created, or (run) its payload runs. A failure takes everything back.
 */
int bsn_run_apply(struct bsn_run *run, struct basin_error *err);

/* --- for restore, which has its process from elsewhere --- */
typedef int bsn_run_maker(struct bsn_run *run, void *data, struct basin_error *err);
/* The same, with maker in the place of starting the child. */
int bsn_run_apply_with(struct bsn_run *run, bsn_run_maker *maker, void *data, struct basin_error *err);
/* Writes the state, once child.pid is known. */
int bsn_run_describe(struct bsn_run *run, struct basin_error *err);
/* The runtime's hooks of a container that is being made. */
int bsn_run_first_hooks(struct bsn_run *run, struct basin_error *err);
/* The terminal's master goes to the console socket, or is ours to attend. Takes fd. */
int bsn_run_take_console(struct bsn_run *run, int fd, struct basin_error *err);

/* --- for exec, which shares them --- */
/* Compiles config's filter, with an agent where it has one. */
int bsn_run_compile_filter(struct bsn_run *run, int cache_dir, struct basin_error *err);
/* Opens the plan's handles. */
int bsn_run_open_handles(struct bsn_run *run, struct basin_error *err);
/* Maps the ids of a detached mount that the child made, as the config's mount of that number says, and tells it so. */
int bsn_run_map_ids(const struct bsn_run *run, int32_t number, int mount, struct basin_error *err);
/* Whether the child may have to be moved into its cgroup by systemd, because it cannot be cloned into it. */
bool bsn_run_may_be_moved(const struct bsn_run *run);
/* Writes the list and starts the child. */
int bsn_run_start(struct bsn_run *run, int keep_fds, struct basin_error *err);
/* Ends the child, and what it may have forked, after a failure. */
void bsn_run_abandon(struct bsn_run *run);
/* The first rungs: the successor of a joiner, the state (of a container that is being made), maps and limits. */
int bsn_run_enter(struct bsn_run *run, const struct bsn_process_config *process, struct basin_error *err);
/* Sees to it that the first 3 + preserved + activated descriptors are taken, so that none of ours is mistaken for one to be kept. */
int bsn_check_kept(int preserved, int activated, struct basin_error *err);
/* Follows the ladder until READY, or the end of the channel (1: the payload runs). */
int bsn_run_follow(struct bsn_run *run, struct basin_error *err);

#endif
