/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: who one is (pid and start time, since pids are used again), which boot this is, and running a program without a shell. */
#ifndef BSN_BASE_PROC_H
#define BSN_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* A process, so that a pid that was used again is not taken for it. start is in clock ticks since boot (proc(5), stat, field 22). */
struct bsn_process {
	pid_t pid;
	uint64_t start;
};

/* Fills *ret_process for a living process (a zombie is not): -ESRCH otherwise. */
int bsn_process_identify(pid_t pid, struct bsn_process *ret_process);
/* Opens a pidfd for exactly that process; -ESRCH when it is gone or the pid belongs to another now. */
int bsn_process_open(const struct bsn_process *process);

/* The kernel's boot id, 36 characters and NUL. */
int bsn_boot_id(char ret_id[37]);

/* length random bytes as 2*length hex digits and NUL. */
int bsn_random_hex(char *ret_text, size_t length);

/* A program to run: argv and envp NULL-terminated (envp NULL: the caller's); fds[i] becomes descriptor i in it, -1 is /dev/null. All
 * other descriptors are closed by their close-on-exec flag. Signals and mask are reset. */
struct bsn_spawn {
	const char *path;
	const char *const *argv;
	const char *const *envp;
	const char *directory; /* to run it in; NULL: the caller's */
	const int *fds;
	size_t fd_count;
	bool group; /* it leads a process group of its own, which may then be ended as a whole */
};

int bsn_spawn(const struct bsn_spawn *spawn, pid_t *ret_pid, struct basin_error *err);
/* Runs it to its end; *ret_status is 0-255, or 128+signal. */
int bsn_spawn_wait(const struct bsn_spawn *spawn, int *ret_status, struct basin_error *err);
/* Runs it, feeding input (may be NULL) to descriptor 0 and returning what it wrote to 1 and 2 together, at most 64 KiB. */
int bsn_spawn_capture(const char *path, const char *const *argv, const char *input, char **ret_output, int *ret_status,
		      struct basin_error *err);

/* Where a helper program of ours is: libexec in an installed tree, beside the running program in a build tree. Freed by the caller. */
int bsn_helper_path(const char *name, char **ret_path, struct basin_error *err);

#endif
