/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"

#define SAID_ROOM 320 /* of what a hook wrote, the end goes into the message */

static int write_state(const struct bsn_state *state, enum bsn_status status, int *ret_fd, struct basin_error *err)
{
	auto_free char *text = NULL;
	int r = bsn_state_format(state, status, &text, err);
	if (r < 0)
		return r;
	auto_fd int fd = bsn_sys_memfd("state", 0);
	r = fd < 0 ? fd : bsn_write_all(fd, text, strlen(text));
	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot write the state for hooks");
	*ret_fd = bsn_fd_give(&fd);
	return 0;
}

/* The pid that the process has in the innermost pid namespace: the last of proc(5)'s "NSpid:". */
static pid_t inner_pid(pid_t pid)
{
	auto_free char *text = NULL;
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (bsn_read_file(AT_FDCWD, path, 64 * 1024, &text, NULL) < 0)
		return pid;
	const char *line = strstr(text, "\nNSpid:");
	size_t length = line != NULL ? strcspn(line + 1, "\n") + 1 : 0;
	while (length > 0 && line[length - 1] >= '0' && line[length - 1] <= '9')
		length--;
	return line != NULL ? (pid_t)strtol(line + length, NULL, 10) : pid;
}

int bsn_hooks_state(const struct bsn_state *state, enum bsn_status status, int *ret_fd, struct basin_error *err)
{
	struct bsn_state seen = *state;
	seen.init.pid = inner_pid(state->init.pid);
	return write_state(&seen, status, ret_fd, err);
}

/* --- what they write --- */

struct output {
	int out;
	int err;
	int said; /* a memory file that takes what no annotation sends elsewhere */
};

static int open_annotated(const struct bsn_config *config, const char *key, int *ret_fd, struct basin_error *err)
{
	const char *path = bsn_config_annotation(config, key);
	if (path == NULL)
		return 0;
	int fd = bsn_sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "annotations[\"%s\"]: cannot open \"%s\"", key, path);
	*ret_fd = fd;
	return 0;
}

static void close_output(struct output *output)
{
	bsn_own_close(&output->out);
	bsn_own_close(&output->err);
	bsn_own_close(&output->said);
}
#define auto_output __attribute__((cleanup(close_output)))

static int open_output(const struct bsn_config *config, struct output *output, struct basin_error *err)
{
	output->said = bsn_sys_memfd("hook", 0);
	/* Appending, since the two streams share it. */
	int r = output->said < 0 ? output->said : fcntl(output->said, F_SETFL, O_APPEND) < 0 ? -errno : 0;
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot keep what hooks say");
	r = open_annotated(config, BSN_CONFIG_HOOKS_STDOUT, &output->out, err);
	return r < 0 ? r : open_annotated(config, BSN_CONFIG_HOOKS_STDERR, &output->err, err);
}

/* The end of what was said, on one line, with ": " before it; "" for nothing. */
static void read_said(int said, char *text, size_t room)
{
	off_t size = lseek(said, 0, SEEK_END);
	off_t from = size > (off_t)(room - 3) ? size - (off_t)(room - 3) : 0;
	ssize_t n = size > 0 ? pread(said, text + 2, room - 3, from) : 0;
	while (n > 0 && (text[n + 1] == '\n' || text[n + 1] == ' '))
		n--;
	memcpy(text, ": ", 2);
	text[n > 0 ? n + 2 : 0] = '\0';
	for (char *at = text; *at != '\0'; at++)
		if (*at == '\n' || *at == '\t')
			*at = ' ';
}

/* --- one hook --- */

/* Waits for it, and kills it when it takes too long. */
static int wait_for(const struct bsn_hook *hook, pid_t pid, int output, char said[SAID_ROOM], struct basin_error *err)
{
	siginfo_t info = { 0 };
	bool late = false;
	auto_fd int pidfd = bsn_sys_pidfd_open(pid);
	if (pidfd >= 0 && hook->timeout > 0) {
		struct pollfd ready = { .fd = pidfd, .events = POLLIN };
		late = bsn_sys_poll(&ready, 1, hook->timeout * 1000) == 0;
		/* With what it has started; the group is there as long as it is not waited for. */
		if (late)
			kill(-pid, SIGKILL);
	}
	if (BSN_RETRY(waitid(P_PID, (id_t)pid, &info, WEXITED)) < 0)
		return bsn_fail_sys(err, errno, "cannot wait for \"%s\"", hook->path);
	read_said(output, said, SAID_ROOM);
	if (late)
		return bsn_fail(err, BASIN_FAILED, ETIMEDOUT, "ran past its timeout of %d s: \"%s\"%s", hook->timeout, hook->path,
				said);
	if (info.si_code != CLD_EXITED)
		return bsn_fail(err, BASIN_FAILED, EIO, "was killed by signal %d: \"%s\"%s", info.si_status, hook->path, said);
	if (info.si_status != 0)
		return bsn_fail(err, BASIN_FAILED, EIO, "failed with exit code %d: \"%s\"%s", info.si_status, hook->path, said);
	return 0;
}

/* The bundle may be gone by the time of the last hooks. */
static const char *working_directory(const struct bsn_state *state)
{
	return faccessat(AT_FDCWD, state->bundle, X_OK, AT_EACCESS) == 0 ? state->bundle : "/";
}

static int run_hook(const struct bsn_config *config, const struct bsn_hook *hook, const struct bsn_state *state, int document,
		    char said[SAID_ROOM], struct basin_error *err)
{
	pid_t pid;
	static const char *const nothing[] = { NULL };
	const char *const itself[] = { hook->path, NULL };
	auto_output struct output output = { -1, -1, -1 };
	int r = open_output(config, &output, err);
	if (r < 0)
		return r;
	const int fds[] = { document, output.out >= 0 ? output.out : output.said, output.err >= 0 ? output.err : output.said };
	const struct bsn_spawn spawn = {
		.path = hook->path,
		.argv = hook->args.count > 0 ? hook->args.of : itself,
		.envp = !hook->env_given      ? NULL
			: hook->env.count > 0 ? hook->env.of
					      : nothing,
		.directory = working_directory(state),
		.fds = fds,
		.fd_count = 3,
		.group = hook->timeout > 0,
	};
	r = bsn_spawn(&spawn, &pid, err);
	return r < 0 ? r : wait_for(hook, pid, output.said, said, err);
}

static int run_numbered(const struct bsn_config *config, enum bsn_hook_kind kind, size_t i, const struct bsn_state *state,
			enum bsn_status status, struct basin_error *err)
{
	char said[SAID_ROOM] = "";
	int fd = -1;
	int r = write_state(state, status, &fd, err);
	auto_fd int document = fd;
	if (r >= 0)
		r = run_hook(config, &config->hooks[kind].of[i], state, document, said, err);
	if (r >= 0)
		bsn_debug("%s hook #%zu is done%s", bsn_hook_name(kind), i, said);
	return r;
}

int bsn_hooks_run(const struct bsn_config *config, enum bsn_hook_kind kind, const struct bsn_state *state, enum bsn_status status,
		  struct basin_error *err)
{
	/* The words are runc's. */
	for (size_t i = 0; i < config->hooks[kind].count; i++)
		if (run_numbered(config, kind, i, state, status, err) < 0)
			return bsn_error_prefix(err, "error running %s hook #%zu", bsn_hook_name(kind), i);
	return 0;
}

void bsn_hooks_run_despite(const struct bsn_config *config, const struct bsn_state *state)
{
	struct basin_error err;
	if (bsn_hooks_run(config, BSN_HOOK_POSTSTART, state, BSN_STOPPED, &err) < 0)
		bsn_warn("%s", err.text);
}

void bsn_hooks_run_last(const struct bsn_config *config, const struct bsn_state *state)
{
	struct basin_error err;
	for (size_t i = 0; i < config->hooks[BSN_HOOK_POSTSTOP].count; i++)
		if (run_numbered(config, BSN_HOOK_POSTSTOP, i, state, BSN_STOPPED, &err) < 0)
			bsn_warn("poststop hook %s (#%zu)", err.text, i);
}
