/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hooks.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/sys.h"

int bsn_hooks_state(const struct bsn_state *state, enum bsn_status status, int *ret_fd, struct basin_error *err)
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

/* Waits for it, and kills it when it takes too long. */
static int wait_for(const struct bsn_hook *hook, pid_t pid, const char *kind, size_t index, struct basin_error *err)
{
	siginfo_t info = { 0 };
	bool late = false;
	auto_fd int pidfd = bsn_sys_pidfd_open(pid);
	if (pidfd >= 0 && hook->timeout > 0) {
		struct pollfd ready = { .fd = pidfd, .events = POLLIN };
		late = bsn_sys_poll(&ready, 1, hook->timeout * 1000) == 0;
		if (late)
			bsn_sys_pidfd_send_signal(pidfd, SIGKILL);
	}
	if (BSN_RETRY(waitid(P_PID, (id_t)pid, &info, WEXITED)) < 0)
		return bsn_fail_sys(err, errno, "cannot wait for %s hook #%zu \"%s\"", kind, index, hook->path);
	if (late)
		return bsn_fail(err, BASIN_FAILED, ETIMEDOUT, "%s hook #%zu \"%s\" took longer than its %d s", kind, index,
				hook->path, hook->timeout);
	if (info.si_code != CLD_EXITED)
		return bsn_fail(err, BASIN_FAILED, EIO, "%s hook #%zu \"%s\" was killed by signal %d", kind, index, hook->path,
				info.si_status);
	if (info.si_status != 0)
		return bsn_fail(err, BASIN_FAILED, EIO, "%s hook #%zu \"%s\" failed: exit status %d", kind, index, hook->path,
				info.si_status);
	return 0;
}

static int run_hook(const struct bsn_hook *hook, const char *kind, size_t index, int state, struct basin_error *err)
{
	pid_t pid;
	static const char *const nothing[] = { NULL };
	const char *const itself[] = { hook->path, NULL };
	const int fds[] = { state, STDOUT_FILENO, STDERR_FILENO };
	const struct bsn_spawn spawn = {
		.path = hook->path,
		.argv = hook->args.count > 0 ? hook->args.of : itself,
		.envp = !hook->env_given      ? NULL
			: hook->env.count > 0 ? hook->env.of
					      : nothing,
		.fds = fds,
		.fd_count = 3,
	};
	int r = bsn_spawn(&spawn, &pid, err);
	if (r < 0)
		return bsn_error_prefix(err, "%s hook #%zu", kind, index);
	return wait_for(hook, pid, kind, index, err);
}

int bsn_hooks_run(const struct bsn_config *config, enum bsn_hook_kind kind, const struct bsn_state *state, enum bsn_status status,
		  struct basin_error *err)
{
	const struct bsn_hooks *hooks = &config->hooks[kind];
	int r = 0;
	for (size_t i = 0; r >= 0 && i < hooks->count; i++) {
		int fd = -1;
		r = bsn_hooks_state(state, status, &fd, err);
		auto_fd int owned = fd;
		if (r >= 0)
			r = run_hook(&hooks->of[i], bsn_hook_name(kind), i, owned, err);
	}
	return r;
}
