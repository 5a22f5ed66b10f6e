/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/freeze.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sys.h"
#include "pool/cgroup.h"

#define PATIENCE_MS 10000

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/*
 * The guard. A session of its own, so that what kills the caller's process group or terminal leaves it; deaf to polite signals; and
 * with nothing open but what it needs, so that nobody waits for it at the end of the caller's output.
 */
static _Noreturn void guard(int cgroup, int end)
{
	char byte;
	setsid();
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	while (read(end, &byte, 1) < 0 && errno == EINTR)
		;
	(void)bsn_write_file(cgroup, "cgroup.freeze", "0");
	_exit(0);
}

static int start_guard(struct bsn_freeze *freeze, struct basin_error *err)
{
	int ends[2];
	int r = bsn_sys_pipe(ends);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a pipe");
	freeze->guard_pid = fork();
	if (freeze->guard_pid == 0) {
		close(ends[1]);
		guard(freeze->cgroup, ends[0]);
	}
	int saved = errno;
	close(ends[0]);
	freeze->guard = ends[1];
	return freeze->guard_pid < 0 ? bsn_fail_sys(err, saved, "cannot fork") : 0;
}

int bsn_freeze_begin(const struct basin *basin, const struct bsn_env *env, struct bsn_freeze *freeze, struct basin_error *err)
{
	struct basin_error why;
	int r = bsn_env_cgroup_open(basin, env, &freeze->cgroup, &why);
	if (r < 0 && why.code == BASIN_NOT_FOUND)
		return 0;
	if (r >= 0)
		r = bsn_cgroup_populated(freeze->cgroup);
	if (r <= 0) {
		bsn_own_close(&freeze->cgroup);
		freeze->cgroup = -1;
		return r < 0 ? bsn_fail_sys(err, -r, "cannot tell whether environment \"%s\" runs", env->name) : 0;
	}
	freeze->since = now_ns();
	if (bsn_cgroup_frozen(freeze->cgroup) == 1)
		return 0; /* paused by its user: still enough, and it stays so */
	r = start_guard(freeze, err);
	if (r < 0)
		return r;
	freeze->held = true;
	r = bsn_cgroup_freeze(freeze->cgroup, true, PATIENCE_MS, err);
	return r < 0 ? bsn_error_prefix(err, "environment \"%s\" does not hold still", env->name) : 0;
}

int64_t bsn_freeze_end(struct bsn_freeze *freeze)
{
	int64_t ms = freeze->cgroup < 0 ? 0 : (now_ns() - freeze->since) / 1000000;
	if (freeze->held)
		(void)bsn_cgroup_freeze(freeze->cgroup, false, PATIENCE_MS, NULL);
	bsn_own_close(&freeze->guard);
	if (freeze->guard_pid > 0)
		while (waitpid(freeze->guard_pid, NULL, 0) < 0 && errno == EINTR)
			;
	bsn_own_close(&freeze->cgroup);
	*freeze = (struct bsn_freeze)BSN_FREEZE_INIT;
	return ms;
}

void bsn_freeze_release(struct bsn_freeze *freeze)
{
	(void)bsn_freeze_end(freeze);
}
