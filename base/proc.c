/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"

#ifndef BASIN_LIBEXECDIR
#define BASIN_LIBEXECDIR "/usr/local/libexec/basin"
#endif

int bsn_process_identify(pid_t pid, struct bsn_process *ret_process)
{
	char path[32];
	char stat[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	auto_fd int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	ssize_t n = BSN_RETRY(read(fd, stat, sizeof(stat) - 1));
	if (n <= 0)
		return -ESRCH;
	stat[n] = '\0';
	/* Field 2, the name, is in parentheses and may hold anything: count from the last one. */
	const char *at = strrchr(stat, ')');
	char state;
	unsigned long long start;
	if (at == NULL || sscanf(at + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
				 &state, &start) != 2)
		return -ESRCH;
	if (state == 'Z' || state == 'X')
		return -ESRCH;
	*ret_process = (struct bsn_process){ .pid = pid, .start = start };
	return 0;
}

int bsn_process_open(const struct bsn_process *process)
{
	struct bsn_process now;
	auto_fd int pidfd = bsn_sys_pidfd_open(process->pid);
	/* Older kernels say EINVAL of a number that only a session or a group still has: its leader is gone. */
	if (pidfd < 0)
		return pidfd == -EINVAL ? -ESRCH : pidfd;
	/* Compared after opening: if it is the same process now, the descriptor is its. */
	int r = bsn_process_identify(process->pid, &now);
	if (r < 0)
		return r;
	return now.start == process->start ? bsn_fd_give(&pidfd) : -ESRCH;
}

int bsn_boot_id(char ret_id[37])
{
	auto_free char *text = NULL;
	size_t length;
	int r = bsn_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, &length);
	if (r < 0)
		return r;
	if (length < 36)
		return -EIO;
	memcpy(ret_id, text, 36);
	ret_id[36] = '\0';
	return 0;
}

int bsn_random_hex(char *ret_text, size_t length)
{
	unsigned char bytes[64];
	if (length > sizeof(bytes))
		return -EINVAL;
	ssize_t n = BSN_RETRY(getrandom(bytes, length, 0));
	if (n != (ssize_t)length)
		return -EIO;
	for (size_t i = 0; i < length; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Moves every descriptor above the targets first, so that no dup2 overwrites one that is still to be used. */
static int arrange_fds(posix_spawn_file_actions_t *actions, const struct bsn_spawn *spawn, int *held)
{
	for (size_t i = 0; i < spawn->fd_count; i++) {
		int from = spawn->fds[i];
		held[i] =
			from < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : fcntl(from, F_DUPFD_CLOEXEC, (int)spawn->fd_count + 3);
		if (held[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < spawn->fd_count; i++) {
		int r = posix_spawn_file_actions_adddup2(actions, held[i], (int)i);
		if (r > 0)
			return -r;
	}
	return 0;
}

static int spawn_with(const struct bsn_spawn *spawn, posix_spawn_file_actions_t *actions, pid_t *ret_pid)
{
	posix_spawnattr_t attributes;
	sigset_t all;
	sigset_t none;
	int r = posix_spawnattr_init(&attributes);
	if (r > 0)
		return -r;
	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
						      (spawn->group ? POSIX_SPAWN_SETPGROUP : 0)));
	r = posix_spawn(ret_pid, spawn->path, actions, &attributes, (char *const *)(uintptr_t)spawn->argv,
			spawn->envp != NULL ? (char *const *)(uintptr_t)spawn->envp : environ);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

int bsn_spawn(const struct bsn_spawn *spawn, pid_t *ret_pid, struct basin_error *err)
{
	int held[16];
	posix_spawn_file_actions_t actions;

	if (spawn->fd_count > sizeof(held) / sizeof(held[0]))
		return bsn_fail_sys(err, EINVAL, "cannot run \"%s\"", spawn->path);
	for (size_t i = 0; i < spawn->fd_count; i++)
		held[i] = -1;
	int r = posix_spawn_file_actions_init(&actions);
	if (r > 0)
		return bsn_fail_sys(err, r, "cannot run \"%s\"", spawn->path);
	r = arrange_fds(&actions, spawn, held);
	if (r >= 0 && spawn->directory != NULL)
		r = -posix_spawn_file_actions_addchdir_np(&actions, spawn->directory);
	if (r >= 0)
		r = spawn_with(spawn, &actions, ret_pid);
	posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; i < spawn->fd_count; i++)
		if (held[i] >= 0)
			close(held[i]);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot run \"%s\"", spawn->path) : 0;
}

static int reap(pid_t pid)
{
	int status;
	if (BSN_RETRY(waitpid(pid, &status, 0)) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int bsn_spawn_wait(const struct bsn_spawn *spawn, int *ret_status, struct basin_error *err)
{
	pid_t pid;
	int r = bsn_spawn(spawn, &pid, err);
	if (r < 0)
		return r;
	r = reap(pid);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot wait for \"%s\"", spawn->path);
	*ret_status = r;
	return 0;
}

/* A memfd that holds input: the program reads it at its own pace and nobody has to feed it. */
static int input_fd(const char *input)
{
	if (input == NULL)
		return bsn_sys_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0);
	auto_fd int fd = bsn_sys_memfd("input", 0);
	if (fd < 0)
		return fd;
	int r = bsn_write_all(fd, input, strlen(input));
	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : bsn_fd_give(&fd);
}

int bsn_spawn_capture(const char *path, const char *const *argv, const char *input, char **ret_output, int *ret_status,
		      struct basin_error *err)
{
	auto_fd int in = input_fd(input);
	int ends[2] = { -1, -1 };
	int r = in < 0 ? in : bsn_sys_pipe(ends);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot run \"%s\"", path);
	auto_fd int out = ends[0];
	const int fds[] = { in, ends[1], ends[1] };
	const struct bsn_spawn spawn = { .path = path, .argv = argv, .fds = fds, .fd_count = 3 };
	pid_t pid;
	r = bsn_spawn(&spawn, &pid, err);
	close(ends[1]);
	if (r < 0)
		return r;
	auto_free char *output = NULL;
	int read_result = bsn_read_fd(out, 64 * 1024, &output, NULL);
	close(bsn_fd_give(&out)); /* a program that says more than the limit gets SIGPIPE, not a wait without end */
	r = reap(pid);
	if (r < 0 || read_result < 0)
		return bsn_fail_sys(err, r < 0 ? -r : -read_result, "cannot read what \"%s\" said", path);
	*ret_output = bsn_give(&output);
	*ret_status = r;
	return 0;
}

int bsn_helper_path(const char *name, char **ret_path, struct basin_error *err)
{
	char self[PATH_MAX];
	auto_str struct bsn_str path = { 0 };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = NULL;
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
	}
	if (slash != NULL) {
		*slash = '\0';
		bsn_str_addf(&path, "%s/%s", self, name);
		if (access(bsn_str_text(&path), X_OK) == 0)
			goto found;
		bsn_str_clear(&path);
	}
	bsn_str_addf(&path, "%s/%s", BASIN_LIBEXECDIR, name);
	if (access(bsn_str_text(&path), X_OK) != 0)
		return bsn_fail(err, BASIN_INTERNAL, ENOENT,
				"cannot find the program \"%s\": it is neither in \"%s\" nor beside \"%s\"", name,
				BASIN_LIBEXECDIR, slash != NULL ? self : "basin");
found:
	*ret_path = bsn_str_give(&path);
	return *ret_path == NULL ? bsn_fail_sys(err, ENOMEM, "cannot find the program \"%s\"", name) : 0;
}
