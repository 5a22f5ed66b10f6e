/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/idmap.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/facts.h"

static int format_map(const struct bsn_id_maps *maps, struct bsn_str *text)
{
	for (size_t i = 0; i < maps->count; i++)
		bsn_str_addf(text, "%u %u %u\n", maps->of[i].container, maps->of[i].host, maps->of[i].size);
	return text->failed ? -ENOMEM : 0;
}

static int write_map(int proc, const char *file, const struct bsn_id_maps *maps, struct basin_error *err)
{
	auto_str struct bsn_str text = { 0 };
	int r = format_map(maps, &text);
	if (r >= 0)
		r = bsn_write_file(proc, file, bsn_str_text(&text));
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write the user namespace's %s", file) : 0;
}

static int run_helper(const char *path, pid_t pid, const struct bsn_id_maps *maps, struct basin_error *err)
{
	auto_str struct bsn_str words = { 0 };
	const char **argv = calloc(maps->count * 3 + 3, sizeof(*argv));
	auto_free void *owner = argv;
	auto_free char *output = NULL;
	size_t n = 0;
	int status = 0;
	if (argv == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot run \"%s\"", path);
	(void)owner;
	bsn_str_addf(&words, "%d ", (int)pid);
	for (size_t i = 0; i < maps->count; i++)
		bsn_str_addf(&words, "%u %u %u ", maps->of[i].container, maps->of[i].host, maps->of[i].size);
	if (words.failed)
		return bsn_fail_sys(err, ENOMEM, "cannot run \"%s\"", path);
	argv[n++] = path;
	char *rest = words.data;
	for (char *word; (word = strsep(&rest, " ")) != NULL;)
		if (*word != '\0')
			argv[n++] = word;
	int r = bsn_spawn_capture(path, argv, NULL, &output, &status, err);
	if (r < 0)
		return r;
	return status == 0 ? 0
			   : bsn_fail(err, BASIN_DENIED, EPERM,
				      "\"%s\" refused the ids; give them to this user in /etc/subuid and /etc/subgid", path);
}

/* What an unprivileged process may write by itself: its own id, once. */
static bool is_own_id(const struct bsn_id_maps *maps, uint32_t id)
{
	return maps->count == 1 && maps->of[0].size == 1 && maps->of[0].host == id;
}

int bsn_idmap_write(pid_t pid, const struct bsn_id_maps *uids, const struct bsn_id_maps *gids, struct basin_error *err)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	auto_fd int proc = bsn_sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	if (proc < 0)
		return bsn_fail_sys(err, -proc, "cannot write the user namespace's maps");
	bool root = bsn_facts_capable(CAP_SETUID) && bsn_facts_capable(CAP_SETGID);
	int r;
	if (root || is_own_id(gids, getegid())) {
		r = root ? 0 : bsn_write_file(proc, "setgroups", "deny");
		r = r < 0 ? bsn_fail_sys(err, -r, "cannot deny setgroups") : write_map(proc, "gid_map", gids, err);
	} else {
		r = run_helper("/usr/bin/newgidmap", pid, gids, err);
	}
	if (r < 0)
		return r;
	if (root || is_own_id(uids, geteuid()))
		return write_map(proc, "uid_map", uids, err);
	return run_helper("/usr/bin/newuidmap", pid, uids, err);
}

/* Holds the namespace until it is opened: ends when the other end of the pipe is closed. */
static void hold(void *data)
{
	char byte;
	const int *ends = data;
	close(ends[1]);
	ssize_t n = read(ends[0], &byte, 1);
	_exit(n < 0);
}

static int open_namespace(pid_t pid)
{
	char path[48];
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	return bsn_sys_openat(AT_FDCWD, path, O_RDONLY, 0);
}

int bsn_idmap_open(const struct bsn_id_maps *uids, const struct bsn_id_maps *gids, int *ret_fd, struct basin_error *err)
{
	int ends[2];
	int pidfd = -1;
	siginfo_t info;
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&pidfd,
				   .exit_signal = SIGCHLD };
	int r = bsn_sys_pipe(ends);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a pipe");
	auto_fd int our_end = ends[1];
	/* A plain copy: it waits for us, so it cannot be one that we wait for. */
	int pid = bsn_sys_clone3(&args);
	if (pid == 0)
		hold(ends);
	close(ends[0]);
	if (pid < 0)
		return bsn_fail_sys(err, -pid, "cannot make a user namespace");
	r = bsn_idmap_write(pid, uids, gids, err);
	auto_fd int fd = r < 0 ? -1 : open_namespace(pid);
	if (r >= 0 && fd < 0)
		r = bsn_fail_sys(err, -fd, "cannot open the user namespace");
	close(bsn_fd_give(&our_end));
	bsn_sys_waitid_pidfd(pidfd, &info, WEXITED);
	close(pidfd);
	if (r < 0)
		return r;
	*ret_fd = bsn_fd_give(&fd);
	return 0;
}
