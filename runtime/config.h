/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json as the runtime understands it: the Linux part of the OCI runtime-spec 1.3.0 (config.md, config-linux.md), checked and
 * turned into the kernel's own numbers. Making one reads nothing but the text; every error a user can make in the file is found
 * here and named with its JSON path ("process.args: ..."). Unknown fields are ignored, as the spec demands.
 *
 * Everything below belongs to the one struct bsn_config and goes with bsn_config_free. Strings are never NULL unless the comment says
 * so; lists are pointer and count; lists of strings have a NULL after their last as well.
 */
#ifndef BSN_RUNTIME_CONFIG_H
#define BSN_RUNTIME_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/own.h"
#include "pool/cgroup.h" /* struct bsn_cgroup_resources */
#include "runtime/caps.h"

#define BSN_OCI_VERSION     "1.3.0"
#define BSN_OCI_VERSION_MIN "1.0.0"

struct bsn_strings {
	const char **of; /* NULL after the last; NULL itself only when count is 0 */
	size_t count;
};

struct bsn_pair {
	const char *key;
	const char *value;
};

struct bsn_pairs {
	struct bsn_pair *of;
	size_t count;
};

/* One line of a uid_map: `size` ids from `container` on in the user namespace are those from `host` on outside. size > 0. */
struct bsn_id_map {
	uint32_t container;
	uint32_t host;
	uint32_t size;
};

struct bsn_id_maps {
	struct bsn_id_map *of;
	size_t count;
};

/* --- process --- */

struct bsn_rlimit {
	int resource; /* RLIMIT_... */
	uint64_t soft;
	uint64_t hard;
};

/* sched_setattr(2), as in config.md "scheduler". */
struct bsn_scheduler {
	bool given;
	int policy; /* SCHED_... */
	int32_t nice;
	int32_t priority;
	uint64_t flags; /* SCHED_FLAG_... */
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

struct bsn_process_config {
	bool given; /* false: the config has no process (allowed until start) */
	bool terminal;
	uint16_t console_height; /* 0: not given */
	uint16_t console_width;
	const char *cwd;         /* absolute */
	struct bsn_strings args; /* not empty when given, unless the caller allowed it */
	struct bsn_strings env;  /* "NAME=value" */
	uid_t uid;
	gid_t gid;
	int umask;     /* -1: not given */
	gid_t *groups; /* additionalGids */
	size_t group_count;
	bool capabilities_given;
	uint64_t capabilities[BSN_CAP_SETS];
	struct bsn_rlimit *rlimits; /* no two of one resource */
	size_t rlimit_count;
	bool no_new_privileges;
	bool oom_score_adj_given;
	int oom_score_adj;
	struct bsn_scheduler scheduler;
	int io_priority;         /* the value for ioprio_set(2); -1: not given */
	const char *cpu_initial; /* execCPUAffinity: a checked cpu list ("0-3,7"); NULL: not given */
	const char *cpu_final;
	const char *apparmor_profile; /* NULL: not given */
	const char *selinux_label;    /* NULL: not given */
};

/* --- mounts --- */

/*
 * Options in the kernel's terms; runtime/mount_options.h has the table. Where an option says the opposite of an earlier one, the later
 * holds. For a new file system, sb_flags and data go into its superblock and attr_set to the mount; for a bind or remount
 * attr_set/attr_clear is what mount_setattr(2) takes. An access-time option puts MOUNT_ATTR__ATIME into attr_clear.
 */
struct bsn_mount {
	const char *destination; /* absolute (a relative one has "/" put before it, as runc does); not cleaned of ".." or "//" */
	const char *source;      /* NULL: not given */
	const char *type;        /* NULL: not given; bind mounts have whatever was given */
	bool bind;               /* bind or rbind, by option or type */
	bool bind_recursive;
	bool remount;
	unsigned long
		sb_flags; /* MS_RDONLY MS_SYNCHRONOUS MS_DIRSYNC MS_MANDLOCK MS_LAZYTIME MS_SILENT MS_I_VERSION MS_POSIXACL */
	unsigned long sb_clear; /* the ones an option took back explicitly ("rw", "async", ...) */
	uint64_t attr_set;      /* MOUNT_ATTR_... of this mount */
	uint64_t attr_clear;
	bool access_time; /* an option asks for a way to keep access times; those that take one back do not */
	uint64_t rec_set; /* MOUNT_ATTR_... of the mount and all below it (rro, rnosuid, ...): mount_setattr with AT_RECURSIVE */
	uint64_t rec_clear;
	unsigned long *propagation; /* MS_SHARED and friends, with MS_REC for the r... forms, in order */
	size_t propagation_count;
	struct bsn_strings data; /* what is left, one "key" or "key=value" each, for fsconfig(2) */
	bool idmap;              /* mapped ids were asked for: by option, or by mappings */
	bool idmap_recursive;
	struct bsn_id_maps uid_maps; /* both empty with idmap: those of the container's user namespace */
	struct bsn_id_maps gid_maps;
	bool uid_maps_relative; /* `host` is an id of the container's user namespace (crun's "idmap=uids=@...") */
	bool gid_maps_relative;
	bool tmpcopyup;    /* a new tmpfs gets a copy of what it covers */
	bool copy_symlink; /* a source that is a symbolic link is copied as one */
	bool source_nofollow;
	bool destination_nofollow;
};

/* --- linux --- */

enum bsn_namespace {
	BSN_NS_USER, /* first: the others belong to it */
	BSN_NS_MOUNT,
	BSN_NS_PID,
	BSN_NS_NETWORK,
	BSN_NS_IPC,
	BSN_NS_UTS,
	BSN_NS_CGROUP,
	BSN_NS_TIME,
	BSN_NAMESPACES
};

struct bsn_namespace_config {
	bool given;       /* false: the runtime's own namespace */
	const char *path; /* absolute: join it; NULL: a new one */
};

/* The name in config.json ("network"), and the CLONE_NEW... flag. */
const char *bsn_namespace_name(enum bsn_namespace kind);
int bsn_namespace_flag(enum bsn_namespace kind);

struct bsn_device {
	char type;        /* 'c' (also for "u"), 'b' or 'p' */
	const char *path; /* absolute */
	unsigned int major;
	unsigned int minor;
	bool mode_given;
	mode_t mode; /* permission bits; 0666 when not given */
	uid_t uid;   /* in the container's ids; 0 when not given */
	gid_t gid;
};

struct bsn_time_offset {
	bool given;
	int64_t seconds;
	uint32_t nanoseconds;
};

/* set_mempolicy(2) */
struct bsn_memory_policy {
	bool given;
	int mode;           /* MPOL_... */
	unsigned int flags; /* MPOL_F_... */
	const char *nodes;  /* a checked list "0-3,7"; NULL: not given */
};

struct bsn_intel_rdt {
	bool given;
	const char *clos_id; /* NULL: not given, as all here */
	struct bsn_strings schemata;
	const char *l3_schema;
	const char *mb_schema;
	bool enable_monitoring;
};

/* --- seccomp: runtime/seccomp.h compiles it --- */

struct bsn_seccomp_arg {
	unsigned int index; /* 0..5 */
	const char *op;     /* "SCMP_CMP_EQ" and so on, checked */
	uint64_t value;
	uint64_t value_two;
};

/* Actions are the kernel's SECCOMP_RET_... with the errno in the low 16 bits where one belongs. */
struct bsn_seccomp_rule {
	struct bsn_strings names;
	uint32_t action;
	struct bsn_seccomp_arg *args;
	size_t arg_count;
};

struct bsn_seccomp_config {
	bool given;
	uint32_t default_action;
	struct bsn_strings architectures; /* "SCMP_ARCH_X86_64" and so on, checked; the native one comes on top */
	unsigned int flags;               /* SECCOMP_FILTER_FLAG_... for seccomp(2) */
	struct bsn_seccomp_rule *rules;
	size_t rule_count;
	const char *listener_path;     /* NULL: not given, by the section or by run.oci.seccomp.receiver */
	const char *listener_metadata; /* "" when not given */
	bool notify;                   /* some rule has SCMP_ACT_NOTIFY: the load needs a listener */
	bool unknown_is_error;         /* a system call this host does not know is an error, not ignored */
	const void *program;           /* run.oci.seccomp_bpf_data: instead of the rules; NULL: not given */
	size_t program_size;           /* bytes: whole instructions */
	const char *source;            /* the section as text, without the listener: what a cached filter is compared with */
};

/* --- hooks --- */

enum bsn_hook_kind {
	BSN_HOOK_PRESTART,
	BSN_HOOK_CREATE_RUNTIME,
	BSN_HOOK_CREATE_CONTAINER,
	BSN_HOOK_START_CONTAINER,
	BSN_HOOK_POSTSTART,
	BSN_HOOK_POSTSTOP,
	BSN_HOOK_KINDS
};

const char *bsn_hook_name(enum bsn_hook_kind kind); /* "createRuntime" */

struct bsn_hook {
	const char *path;        /* absolute */
	struct bsn_strings args; /* argv, args[0] included; empty: the path alone */
	struct bsn_strings env;
	bool env_given; /* false: the hook inherits the runtime's environment, as in runc */
	int timeout;    /* seconds; 0: none */
};

struct bsn_hooks {
	struct bsn_hook *of;
	size_t count;
};

/* --- the whole --- */

struct bsn_config {
	struct bsn_arena *arena;
	json_t *json; /* the document; strings point into it */
	bool kept;    /* BSN_CONFIG_KEPT */

	const char *oci_version;
	const char *root_path; /* as written, perhaps relative to the bundle; NULL: not given */
	bool root_readonly;
	struct bsn_process_config process;
	const char *hostname;   /* NULL: not given */
	const char *domainname; /* NULL: not given */
	struct bsn_mount *mounts;
	size_t mount_count;
	struct bsn_hooks hooks[BSN_HOOK_KINDS];
	struct bsn_pairs annotations;

	struct bsn_namespace_config namespaces[BSN_NAMESPACES];
	struct bsn_id_maps uid_maps; /* of the user namespace */
	struct bsn_id_maps gid_maps;
	struct bsn_time_offset boottime;
	struct bsn_time_offset monotonic;
	struct bsn_device *devices;
	size_t device_count;
	struct bsn_pairs net_devices; /* host's name -> name in the container (the same when none is given) */
	const char *cgroups_path;     /* NULL: not given */
	struct bsn_cgroup_resources resources;
	struct bsn_pairs
		sysctl; /* keys are paths below /proc/sys ("net/ipv4/ip_forward"), each checked to belong to a namespace */
	struct bsn_seccomp_config seccomp;
	unsigned long rootfs_propagation; /* MS_SHARED and friends, with MS_REC where runc has it; 0: not given */
	struct bsn_strings masked_paths;
	struct bsn_strings readonly_paths;
	const char *mount_label; /* NULL: not given */
	bool personality_given;
	unsigned long personality; /* for personality(2) */
	struct bsn_memory_policy memory_policy;
	struct bsn_intel_rdt intel_rdt;
};

/* What the parser lets pass that a plain OCI container may not have. */
#define BSN_CONFIG_NO_ARGS 1u /* process.args may be missing: basin's own init then waits for signals */

#define BSN_CONFIG_KEPT 4u /* a container's own copy: what there was to warn of was said when it was made */

#define BSN_CONFIG_ANY 2u /* what this runtime does not do (runtime/config_refuse.c) is parsed all the same: for tests */

/* Parses and checks a config.json. */
int bsn_config_parse(const char *text, size_t length, unsigned int flags, struct bsn_config **ret_config,
		     struct basin_error *err);
/* The same for a process object alone (`exec --process`); only .process of the result is filled. */
int bsn_config_parse_process(const char *text, size_t length, struct bsn_config **ret_config, struct basin_error *err);
/* The same for mounts alone, an array or an object with a member of that name; only .mounts is filled, destinations_only: of those only the
 * destinations. */
int bsn_config_parse_mounts(const char *text, size_t length, bool destinations_only, struct bsn_config **ret_config,
			    struct basin_error *err);
void bsn_config_free(struct bsn_config *config);
BSN_OWNER(struct bsn_config *, bsn_config_free);

/* Files that what hooks write is appended to: crun's. */
#define BSN_CONFIG_HOOKS_STDOUT "run.oci.hooks.stdout"
#define BSN_CONFIG_HOOKS_STDERR "run.oci.hooks.stderr"

/* An annotation's value, NULL when there is none. */
const char *bsn_config_annotation(const struct bsn_config *config, const char *key);

#endif
