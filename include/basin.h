/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libbasin: environments that live in pools of CPU, memory and storage.
 *
 * How to read this header
 *   Every function that can fail returns 0 (or a count or descriptor where it says so) on success and a negative errno on
 *   failure, and fills *err, which may be NULL. Outputs are named ret_... and are untouched on failure.
 *   Answers are JSON documents (UTF-8, NUL-terminated), the same ones that `basin ... --format json` prints and basin(1)
 *   describes. The caller frees them with basin_free() and nothing else.
 *   Option structs begin with their size: set it to sizeof, zero the rest with an initialiser, so that an old program runs
 *   on a new library. A NULL pointer or BASIN_UNSET means "not given".
 *   A struct basin may be used by one thread at a time; two threads open two. The library never prints, never exits, and
 *   never changes its caller's signals, umask, working directory or namespaces: what must clone or change a process is done
 *   by basin-manage, which the library runs and waits for.
 */
#ifndef BASIN_H
#define BASIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BASIN_PUBLIC __attribute__((visibility("default")))
#else
#define BASIN_PUBLIC
#endif

/* What went wrong, as the exit status of the managing commands and as basin_error.code. The numbers are stable. */
enum basin_code {
	BASIN_OK = 0,
	BASIN_FAILED = 1,       /* the runtime verbs' one failure status, as in runc and crun */
	BASIN_USAGE = 2,        /* the request is malformed */
	BASIN_NOT_FOUND = 3,    /* no such object */
	BASIN_EXISTS = 4,       /* the name is taken */
	BASIN_CONFLICT = 5,     /* the object changed meanwhile, or is in a state that does not allow it */
	BASIN_DENIED = 10,      /* the caller's role or privileges do not allow it */
	BASIN_REFUSED = 11,     /* admission: the pool has not that much left */
	BASIN_BUSY = 12,        /* in use */
	BASIN_UNSUPPORTED = 13, /* this host cannot; the text says what would make it able */
	BASIN_TIMEOUT = 14,     /* waited as long as was asked */
	BASIN_DAMAGED = 15,     /* data does not match its digest, or is not what it claims to be */
	BASIN_INTERNAL = 20     /* a system call failed where none should; the text has the errno */
};

/* One failure. No pointers: it may be copied, stored and sent by value. */
struct basin_error {
	int code;       /* enum basin_code */
	int sys;        /* errno, 0 where none applies */
	char where[48]; /* the function that noticed */
	char text[720]; /* one line, lower case: what failed, on which object, and a hint when one is known */
};

/* Resources, in base units: thousandths of a CPU, bytes, bytes, tasks. */
enum basin_resource { BASIN_CPU, BASIN_MEMORY, BASIN_STORAGE, BASIN_PIDS, BASIN_RESOURCES };

#define BASIN_UNSET (-1)

/* An amount of each resource; BASIN_UNSET where none is given. */
struct basin_amounts {
	int64_t of[BASIN_RESOURCES];
};

/* clang-format off */
#define BASIN_AMOUNTS_UNSET { { BASIN_UNSET, BASIN_UNSET, BASIN_UNSET, BASIN_UNSET } }
/* clang-format on */

/*
 * Amounts as people write them: "500m", "0.5" for CPU, "512MiB", "1GB" for memory and storage, "100" for tasks; and times: "10s", "500ms",
 * "2m". Return -EINVAL for anything else, -ERANGE for too much.
 */
BASIN_PUBLIC int basin_parse_amount(enum basin_resource resource, const char *text, int64_t *ret_amount);
BASIN_PUBLIC int basin_parse_duration(const char *text, int64_t *ret_ms);
/* The short form for people: "500m", "1.2GiB", "100". 32 bytes are enough; returns buffer. */
BASIN_PUBLIC const char *basin_format_amount(enum basin_resource resource, int64_t amount, char *buffer, size_t room);

/* Where a basin lives. NULL members take the environment variable, then the default, that basin(1) names. */
struct basin_options {
	size_t size;
	const char *root;        /* state of running containers: BASIN_ROOT, /run/basin */
	const char *data_root;   /* what survives a reboot: BASIN_DATA_ROOT, /var/lib/basin */
	const char *cgroup_root; /* BASIN_CGROUP_ROOT, "basin" under the first cgroup2 mount */
};

struct basin;

BASIN_PUBLIC int basin_open(const struct basin_options *options, struct basin **ret_basin, struct basin_error *err);
BASIN_PUBLIC void basin_close(struct basin *basin);

/* Frees what a basin_ function returned. NULL is allowed. */
BASIN_PUBLIC void basin_free(void *pointer);

/* "1.2.3"; static storage. */
BASIN_PUBLIC const char *basin_version(void);

/* Progress and warnings, when the caller wants them: level is "warning", "info" or "debug". One hook for the process. */
typedef void basin_log_fn(void *data, const char *level, const char *text);
BASIN_PUBLIC void basin_set_log(basin_log_fn *fn, void *data);

/* --- pools: named shares of the host, nested like paths ("/team/dev"); "/" is the host itself --- */

/* A new pool's settings, or changes to one. What is not given keeps its value, or takes the default that basin(1) names. */
struct basin_pool_settings {
	size_t size;
	struct basin_amounts capacity;   /* the hard cap; not given: the parent's */
	struct basin_amounts guarantee;  /* set aside by the pools above; not given: the capacity, where that was given */
	struct basin_amounts overcommit; /* thousandths: 1500 lets promises pass the capacity by half */
	struct basin_amounts defaults;   /* the request of a member that asks for nothing */
	struct basin_amounts reserve;    /* of "/" only: kept back for the host */
	const char *enforce;             /* "available": count what the kernel cannot hold; "required": refuse; NULL: keep */
	int cordoned;                    /* 1: takes no new members */
	int dry_run;                     /* 1: give the verdict, change nothing */
};

#define BASIN_POOL_SETTINGS_INIT                                                                                                 \
	{                                                                                                                        \
		.size = sizeof(struct basin_pool_settings), .capacity = BASIN_AMOUNTS_UNSET, .guarantee = BASIN_AMOUNTS_UNSET,   \
		.overcommit = BASIN_AMOUNTS_UNSET, .defaults = BASIN_AMOUNTS_UNSET, .reserve = BASIN_AMOUNTS_UNSET,              \
		.cordoned = BASIN_UNSET                                                                                          \
	}

/* *ret_json (may be NULL) is the pool as basin_pool_show gives it; of a dry run, {"name", "dry_run", "admitted"}. */
BASIN_PUBLIC int basin_pool_create(struct basin *basin, const char *name, const struct basin_pool_settings *settings,
				   char **ret_json, struct basin_error *err);
BASIN_PUBLIC int basin_pool_set(struct basin *basin, const char *name, const struct basin_pool_settings *settings,
				char **ret_json, struct basin_error *err);
BASIN_PUBLIC int basin_pool_show(struct basin *basin, const char *name, char **ret_json, struct basin_error *err);
BASIN_PUBLIC int basin_pool_list(struct basin *basin, char **ret_json, struct basin_error *err);
/* BASIN_BUSY while it has members or children. */
BASIN_PUBLIC int basin_pool_remove(struct basin *basin, const char *name, struct basin_error *err);

/* --- environments --- */

/* What basin_env_launch is asked for. Lists end with NULL. */
struct basin_env_options {
	size_t size;
	const char *image; /* "debian:12", or a digest */
	const char *name;
	const char *pool;            /* NULL: /default, made on first use */
	const char *const *networks; /* the first one is eth0 and has the default route */
	const char *const *args;     /* the command; NULL: the image's, and without one basin's own init alone */
	const char *const *env;      /* "NAME=value", over the image's */
	const char *const *labels;   /* "key=value" */
	struct basin_amounts limit;
	struct basin_amounts request;
	int64_t cpu_weight; /* 1 to 10000; BASIN_UNSET: from the request */
	const char *user;   /* "name|uid[:group|gid]"; NULL: the image's */
	const char *workdir;
	const char *hostname;    /* NULL: the name */
	const char *restart;     /* "no", "on-failure[:n]", "always", "unless-stopped"; NULL: "no" */
	const char *stop_signal; /* NULL: the image's, else SIGTERM */
	const char *userns;      /* "host": no user namespace of its own; NULL: one with 65536 ids */
	const char *enforce;     /* "available": /default may be made where the host cannot enforce all; NULL: "required" */
	int init;                /* 1: basin's small init is pid 1 and runs the command */
	int autostart;           /* 1: `basin env start --all --autostart` starts it */
	int dry_run;             /* 1: say whether it would be admitted, and change nothing */
};
#define BASIN_ENV_OPTIONS_INIT                                                                                                   \
	{                                                                                                                        \
		.size = sizeof(struct basin_env_options), .limit = BASIN_AMOUNTS_UNSET, .request = BASIN_AMOUNTS_UNSET,          \
		.cpu_weight = BASIN_UNSET                                                                                        \
	}

/* Makes an environment and starts it; on failure nothing of it is left. The answer is that of basin_env_show. */
BASIN_PUBLIC int basin_env_launch(struct basin *basin, const struct basin_env_options *options, char **ret_json,
				  struct basin_error *err);
/* Admits a stopped environment again and starts it. One that runs already is no failure. */
BASIN_PUBLIC int basin_env_start(struct basin *basin, const char *name, struct basin_error *err);
/* Sends the stop signal, waits timeout_ms (BASIN_UNSET: 10 s), kills. Releases what it held of CPU, memory and pids; keeps its files and
 * addresses. One that is stopped already is no failure. */
BASIN_PUBLIC int basin_env_stop(struct basin *basin, const char *name, int64_t timeout_ms, struct basin_error *err);
/* Removes it and all it held. One that runs is refused (BASIN_BUSY) unless force. */
BASIN_PUBLIC int basin_env_remove(struct basin *basin, const char *name, int force, struct basin_error *err);
/* An array of objects; an object. */
BASIN_PUBLIC int basin_env_list(struct basin *basin, char **ret_json, struct basin_error *err);
BASIN_PUBLIC int basin_env_show(struct basin *basin, const char *name, char **ret_json, struct basin_error *err);
/* Waits until it is down, for timeout_ms at most (BASIN_UNSET: without limit; else BASIN_TIMEOUT); *ret_status is 0 to 255, 128+n after
 * signal n. */
BASIN_PUBLIC int basin_env_wait(struct basin *basin, const char *name, int64_t timeout_ms, int *ret_status,
				struct basin_error *err);

/* Runs a program in a running environment, with the caller's standard input and output. */
struct basin_exec_options {
	size_t size;
	const char *const *args;
	const char *const *env;
	const char *user;
	const char *workdir;
	int tty; /* 1: a terminal of its own */
};
BASIN_PUBLIC int basin_env_exec(struct basin *basin, const char *name, const struct basin_exec_options *options, int *ret_status,
				struct basin_error *err);

/* Writes the log to fd: the last tail lines (BASIN_UNSET: all), and with follow what is added until the environment is down. */
BASIN_PUBLIC int basin_env_logs(struct basin *basin, const char *name, int64_t tail, int follow, int fd, struct basin_error *err);
/* Copies in_fd to the payload's input and its output, from now on, to out_fd, until it is down or in_fd fails. */
BASIN_PUBLIC int basin_env_attach(struct basin *basin, const char *name, int in_fd, int out_fd, struct basin_error *err);

/* --- networks: a bridge with its address range --- */

struct basin_net_options {
	size_t size;
	const char *subnet; /* "10.77.0.0/24"; NULL: the first free one of 10.88.0.0/16 */
	int no_nat;         /* 1: its addresses are routed as they are, and reachable from outside */
};
#define BASIN_NET_OPTIONS_INIT                                                                                                   \
	{                                                                                                                        \
		.size = sizeof(struct basin_net_options)                                                                         \
	}

/* options may be NULL, as may ret_json: the network as basin_net_show gives it. */
BASIN_PUBLIC int basin_net_create(struct basin *basin, const char *name, const struct basin_net_options *options, char **ret_json,
				  struct basin_error *err);
BASIN_PUBLIC int basin_net_show(struct basin *basin, const char *name, char **ret_json, struct basin_error *err);
BASIN_PUBLIC int basin_net_list(struct basin *basin, char **ret_json, struct basin_error *err);
/* BASIN_BUSY while an environment has an address on it. The last one restores the host's net.ipv4.ip_forward. */
BASIN_PUBLIC int basin_net_remove(struct basin *basin, const char *name, struct basin_error *err);
/* Every address of the network (NULL: of all) with its owner: an array of objects. */
BASIN_PUBLIC int basin_net_allocations(struct basin *basin, const char *name, char **ret_json, struct basin_error *err);
/* Makes again what is missing of the networks on this host, as after `nft flush ruleset`. */
BASIN_PUBLIC int basin_net_reload(struct basin *basin, struct basin_error *err);

/* --- the whole --- */

/* Compares what should be with what is, and finishes or undoes what was interrupted; dry_run only says so. An array of findings, empty
 * when there is nothing to do. */
BASIN_PUBLIC int basin_reconcile(struct basin *basin, int dry_run, char **ret_json, struct basin_error *err);
/* What this host can do, and the remedy for what it cannot: an array of checks. */
BASIN_PUBLIC int basin_doctor(struct basin *basin, char **ret_json, struct basin_error *err);

/* --- images --- */

/* Where an image comes from. */
struct basin_image_import_options {
	size_t size;
	int fd;           /* the archive, read to its end: a root file system, an OCI layout or a docker archive, as tar */
	const char *name; /* what messages call it; NULL: "archive" */
	const char *ref;  /* NAME[:TAG]; NULL: the archive's own. A root file system has none and needs this one */
	const char *os;   /* NULL: "linux" */
	const char *architecture; /* "amd64", "arm64"; NULL: this host's */
	int allow_devices;        /* make device nodes as the archive has them, instead of leaving them out */
};

/* *ret_json: an array with an object for each image that was imported. */
BASIN_PUBLIC int basin_image_import(struct basin *basin, const struct basin_image_import_options *options, char **ret_json,
				    struct basin_error *err);
BASIN_PUBLIC int basin_image_list(struct basin *basin, char **ret_json, struct basin_error *err);
/* ref: NAME[:TAG], a digest, or its first twelve hex digits and more. */
BASIN_PUBLIC int basin_image_show(struct basin *basin, const char *ref, char **ret_json, struct basin_error *err);
/* Takes the name away, and with the last one the image; BUSY while an environment has it. */
BASIN_PUBLIC int basin_image_remove(struct basin *basin, const char *ref, struct basin_error *err);
/*
 * ref NULL: the whole store. quick: all but the contents of files. Damage is an answer, not a failure of the call: *ret_damage (may be
 * NULL) then has the code BASIN_DAMAGED and the first of it as text, else the code BASIN_OK.
 */
BASIN_PUBLIC int basin_image_check(struct basin *basin, const char *ref, int quick, char **ret_json,
				   struct basin_error *ret_damage, struct basin_error *err);

/* --- backups --- */

struct basin_backup_options {
	size_t size;
	int thin; /* 1: name the image's layers instead of containing them; restore then needs the image */
};

/*
 * Writes an environment to fd as one archive. A running one is frozen while its own layer is read, and thawed in any case; a stopped one
 * stays stopped. CONFLICT when it is being made or removed.
 */
BASIN_PUBLIC int basin_backup_create(struct basin *basin, const char *env, const struct basin_backup_options *options, int fd,
				     struct basin_error *err);
/* Reads the archive on fd to its end, changing nothing; name is for messages. DAMAGED names the blob, and in a layer the first damaged path. */
BASIN_PUBLIC int basin_backup_verify(struct basin *basin, int fd, const char *name, char **ret_json, struct basin_error *err);

struct basin_restore_options {
	size_t size;
	const char *name;            /* of the new environment; NULL: the name it had */
	const char *pool;            /* NULL: the pool it had */
	const char *const *networks; /* NULL: those it had; an empty list: none */
	const char *userns;          /* "host": with the host's ids; NULL, "private": with ids of its own, whatever it had */
	const char *enforce;         /* as of basin_env_options */
	int no_start;                /* 1: leave it stopped, though it ran when it was backed up */
	int dry_run;                 /* 1: say whether it would be admitted, and change nothing */
};

/* Makes an environment of the archive on fd. Admitted first: REFUSED has written nothing. *ret_json is as of basin_env_show. */
BASIN_PUBLIC int basin_backup_restore(struct basin *basin, int fd, const struct basin_restore_options *options, char **ret_json,
				      struct basin_error *err);

#ifdef __cplusplus
}
#endif
#endif
