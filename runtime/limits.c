/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/io.h"
#include "runtime/plan.h"

static int set_limit(pid_t pid, const struct bsn_rlimit *wanted, bool lift)
{
	struct rlimit limit = { .rlim_cur = wanted->soft, .rlim_max = wanted->hard };
	struct rlimit now;
	if (lift) {
		if (prlimit(pid, wanted->resource, NULL, &now) < 0)
			return -errno;
		if (limit.rlim_max <= now.rlim_max)
			return 0;
		limit.rlim_cur = now.rlim_cur;
	}
	return prlimit(pid, wanted->resource, &limit, NULL) < 0 ? -errno : 0;
}

int bsn_limits_set(pid_t pid, const struct bsn_process_config *process, bool lift, struct basin_error *err)
{
	char path[48];
	char number[16];
	for (size_t i = 0; i < process->rlimit_count; i++) {
		const struct bsn_rlimit *wanted = &process->rlimits[i];
		int r = set_limit(pid, wanted, lift);
		if (r >= 0)
			continue;
		if (r == -EPERM)
			return bsn_fail(err, BASIN_DENIED, EPERM,
					"cannot raise the hard limit of %s: that takes CAP_SYS_RESOURCE; ask for at most what "
					"the caller has",
					bsn_rlimit_name(wanted->resource));
		return bsn_fail_sys(err, -r, "cannot set the limit %s", bsn_rlimit_name(wanted->resource));
	}
	if (!process->oom_score_adj_given)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	snprintf(number, sizeof(number), "%d", process->oom_score_adj);
	int r = bsn_write_file(AT_FDCWD, path, number);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot set process.oomScoreAdj to %s", number) : 0;
}
