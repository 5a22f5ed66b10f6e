/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI runtime, in process. These entry points clone, wait and change signal masks: they take the calling process over, so only
 * our own programs use them; an embedding program runs `basin`.
 *
 * All of them return 0 or a negative errno with *err filled. err->code is BASIN_NOT_FOUND for an unknown id.
 */
#ifndef BSN_RUNTIME_RUNTIME_H
#define BSN_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "basin.h"

/* Who makes a container's cgroup. */
enum bsn_cgroup_manager { BSN_CGROUPFS, BSN_SYSTEMD, BSN_CGROUP_DISABLED };
/* --rootless: whether a refused cgroup is an error. AUTO: it is for root of the host. */
enum bsn_rootless { BSN_ROOTLESS_AUTO, BSN_ROOTLESS_TRUE, BSN_ROOTLESS_FALSE };

/* Where containers live and how they are made; filled from the global flags. Paths are absolute. */
struct bsn_runtime {
	const char *root;        /* state root, one directory per container */
	bool root_given;         /* it was named, and is not the default: listing what is not there is an error */
	const char *cgroup_root; /* NULL: the default (see pool/cgroup.h) */
	bool debug;
	enum bsn_cgroup_manager cgroup_manager;
	enum bsn_rootless rootless;
	bool managing; /* the caller is the manager of environments: it may start and delete theirs */
};

/*
 * Whether state belongs below $XDG_RUNTIME_DIR: for anybody but root, and for root of the user namespace in which a user's engine runs us.
 * With $USER "root" in such a namespace an engine is there that has made its own /run (as runc has it).
 */
bool bsn_runtime_of_user(void);

/* What create, run and the environments' launcher ask for. Zero and -1 (descriptors) mean "not asked". */
struct bsn_create_options {
	const char *id;
	const char *bundle;         /* directory with config.json; "." by default */
	const char *config;         /* a file to read instead of bundle/config.json; NULL: none */
	const char *config_json;    /* instead of bundle/config.json: the text itself (environments) */
	const char *console_socket; /* unix socket that receives the terminal's master */
	const char *pidfd_socket;   /* unix socket that receives a pidfd of the container's init */
	const char *pid_file;
	int preserve_fds; /* number of descriptors from 3 on that the payload keeps, besides those of LISTEN_FDS */
	bool no_pivot;
	bool no_new_keyring;
	bool no_subreaper;
	int rootfs_fd; /* a detached mount (open_tree) to use as the root instead of root.path; -1: none */
	bool init;     /* basin's own init is pid 1 and runs the payload; with no process.args it waits for signals */
	bool managed;  /* an environment: start and delete of the OCI verbs refuse it and name the env command */
};

#define BSN_CREATE_OPTIONS_INIT                                                                                                  \
	{                                                                                                                        \
		.bundle = ".", .rootfs_fd = -1                                                                                   \
	}

/* create: returns once the container's init waits to be started. *ret_pid (may be NULL) is its pid here. */
int bsn_container_create(const struct bsn_runtime *runtime, const struct bsn_create_options *options, pid_t *ret_pid,
			 struct basin_error *err);
int bsn_container_start(const struct bsn_runtime *runtime, const char *id, struct basin_error *err);
/* run: create, start, and unless detach wait, forward signals and the terminal, delete (unless keep). *ret_status is the payload's. */
int bsn_container_run(const struct bsn_runtime *runtime, const struct bsn_create_options *options, bool detach, bool keep,
		      int *ret_status, struct basin_error *err);
int bsn_container_kill(const struct bsn_runtime *runtime, const char *id, int signal, bool all, struct basin_error *err);
/* force kills first, and an id that does not exist is then no error. Releases everything the record names. */
int bsn_container_delete(const struct bsn_runtime *runtime, const char *id, bool force, struct basin_error *err);

/* Holds every process of the container until resume; returns when all stand still. "container not running", "container not paused". */
int bsn_container_pause(const struct bsn_runtime *runtime, const char *id, struct basin_error *err);
int bsn_container_resume(const struct bsn_runtime *runtime, const char *id, struct basin_error *err);

/* One of update's options and its value as it was given: "memory" and "64M". */
struct bsn_update_value {
	const char *option;
	const char *value;
};

struct bsn_update_options {
	const char *id;
	const char *resources_json; /* a linux.resources object; NULL: the values */
	const struct bsn_update_value *values;
	size_t value_count;
};

/* Changes the resources of a container that has not stopped, and the config that is kept of it. What is not named stays as it is. */
int bsn_container_update(const struct bsn_runtime *runtime, const struct bsn_update_options *options, struct basin_error *err);

struct bsn_events_options {
	const char *id;
	int64_t interval_ms; /* between two "stats" events; 0: one, and no others */
	/* Gets each event, a JSON document on one line; a negative errno ends it. */
	int (*line)(const char *line, void *data);
	void *data;
};

/* Tells of what the container uses and of "oom", until its last process has ended. */
int bsn_container_events(const struct bsn_runtime *runtime, const struct bsn_events_options *options, struct basin_error *err);

/* Live mounts, from a file with the mounts section of a config.json: an array, or an object with a member "mounts". To remove, only their
 * destinations matter. */
int bsn_container_mounts_add(const struct bsn_runtime *runtime, const char *id, const char *file, struct basin_error *err);
int bsn_container_mounts_remove(const struct bsn_runtime *runtime, const char *id, const char *file, struct basin_error *err);

struct bsn_exec_options {
	const char *id;
	const char *process_json; /* a whole OCI process object, or NULL: the container's own, changed by what follows */
	const char *const *args;  /* NULL-terminated */
	const char *const *env;   /* added to the container's, "NAME=value" */
	const char *cwd;
	const char *user;           /* "uid[:gid]" */
	const char *const *caps;    /* bounding, effective and permitted; ambient too where some are inheritable */
	const char *const *cgroups; /* sub-cgroup of the container's; with v1 "controller:path", one for each hierarchy */
	const char *const
		*additional_gids;  /* numbers; added to the user's groups; NULL-terminated, or NULL, as the lists above */
	const char *process_label; /* SELinux */
	const char *apparmor;
	const char *console_socket;
	const char *pidfd_socket;
	const char *pid_file;
	int preserve_fds;
	bool tty;
	bool detach;
	bool no_new_privs;
	bool ignore_paused; /* wait in a frozen container instead of failing */
};

int bsn_container_exec(const struct bsn_runtime *runtime, const struct bsn_exec_options *options, int *ret_status,
		       struct basin_error *err);

/* --- checkpoint and restore, through criu --- */

struct bsn_criu_options {
	const char *image_path;          /* the directory of images */
	const char *work_path;           /* for criu's log; NULL: the same */
	const char *parent_path;         /* relative to image_path: the images of an earlier pre-dump; NULL: none */
	const char *page_server;         /* "ADDRESS:PORT"; NULL: none */
	const char *manage_cgroups_mode; /* "soft", "full", "strict", "ignore"; NULL: criu's default */
	const char *network_lock;        /* "iptables", "nftables", "skip"; NULL: criu's default */
	const char *lsm_profile;         /* "TYPE:NAME" */
	const char *lsm_mount_context;
	int status_fd; /* gets a NUL when the page server of lazy_pages is ready; -1: none */
	bool leave_running;
	bool pre_dump; /* memory only, and the container goes on */
	bool lazy_pages;
	bool auto_dedup;
	bool tcp_established;
	bool tcp_close;
	bool tcp_skip_in_flight;
	bool ext_unix_sk;
	bool shell_job;
	bool file_locks;
	bool link_remap;
};

#define BSN_CRIU_OPTIONS_INIT                                                                                                    \
	{                                                                                                                        \
		.image_path = "checkpoint", .status_fd = -1                                                                      \
	}

/* Writes a running container to files; unless it goes on, it is deleted then. */
int bsn_container_checkpoint(const struct bsn_runtime *runtime, const char *id, const struct bsn_criu_options *options,
			     struct basin_error *err);
/* Makes a container from them; otherwise as run. */
int bsn_container_restore(const struct bsn_runtime *runtime, const struct bsn_create_options *options,
			  const struct bsn_criu_options *criu, bool detach, int *ret_status, struct basin_error *err);

/* The OCI state document (state.json's public part): ociVersion, id, status, pid, bundle, annotations, plus created, owner, rootfs. */
int bsn_container_state(const struct bsn_runtime *runtime, const char *id, char **ret_json, struct basin_error *err);
/* An array of such documents, by id. */
int bsn_container_list(const struct bsn_runtime *runtime, char **ret_json, struct basin_error *err);
/* The ids that the extended regular expression matches, sorted, NULL-terminated; freed by bsn_container_ids_free. */
int bsn_container_match(const struct bsn_runtime *runtime, const char *pattern, char ***ret_ids, struct basin_error *err);
void bsn_container_ids_free(char **ids);
/* The pids of the container's cgroup, as seen here: a JSON array of integers. */
int bsn_container_pids(const struct bsn_runtime *runtime, const char *id, char **ret_json, struct basin_error *err);
/* The features document of the OCI runtime-spec. */
int bsn_runtime_features(char **ret_json, struct basin_error *err);
/* The commit that this was built from, "unknown" outside of a repository. */
const char *bsn_runtime_commit(void);
/* What `--version` ends with, as crun's does: "+CAP +SECCOMP", only what is really there. */
const char *bsn_runtime_abilities(void);
/* `runc spec`'s default config. */
int bsn_runtime_spec(char **ret_json, struct basin_error *err);
/* The same for the calling user, who has one id and no network namespace to give. */
int bsn_runtime_spec_rootless(char **ret_json, struct basin_error *err);

/*
 * --- environments, in process ---
 *
 * In basin-manage only: they start processes or become part of one that is being started. An embedding program has basin_env_launch and
 * its sisters, which run `basin-manage`.
 */
int bsn_env_launch(struct basin *basin, const struct basin_env_options *options, char **ret_json, struct basin_error *err);
int bsn_env_start(struct basin *basin, const char *name, struct basin_error *err);
/* Starts every environment that should run after a boot (autostart_only), or every one; goes on past a failing one. *ret_json is an array
 * of {"name", "result", "error"}. Returns how many failed. */
int bsn_env_start_all(struct basin *basin, bool autostart_only, char **ret_json, struct basin_error *err);
int bsn_env_exec(struct basin *basin, const char *name, const struct basin_exec_options *options, int *ret_status,
		 struct basin_error *err);
/* What the monitor runs, with the descriptors of runtime/monitor/report.h. */
int bsn_env_up(struct basin *basin, const char *name, struct basin_error *err);
int bsn_env_down(struct basin *basin, const char *name, bool final, struct basin_error *err);

/* --- backups: the same, for basin-manage; basin.h has what they mean. path: "-" is standard output, standard input --- */

/* A file appears under its name when it is complete and on disk, not before. *ret_json says what was written. */
int bsn_backup_create(struct basin *basin, const char *env, const struct basin_backup_options *options, const char *path,
		      char **ret_json, struct basin_error *err);
int bsn_backup_restore(struct basin *basin, const char *path, const struct basin_restore_options *options, char **ret_json,
		       struct basin_error *err);

#endif
