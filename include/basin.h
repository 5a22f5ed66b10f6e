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
 *   never changes its caller's signals, umask, working directory or children: what must clone or change a process is done
 *   by the `basin` program, which the library runs.
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

#define BASIN_AMOUNTS_UNSET                                                                                                      \
	{                                                                                                                        \
		{                                                                                                                \
			BASIN_UNSET, BASIN_UNSET, BASIN_UNSET, BASIN_UNSET                                                       \
		}                                                                                                                \
	}

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

#ifdef __cplusplus
}
#endif
#endif
