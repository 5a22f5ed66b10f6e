/* SPDX-License-Identifier: Apache-2.0 */
/* create: everything but the payload's start. */
#include "runtime/apply.h"
#include "runtime/pidfile.h"

int bsn_container_create(const struct bsn_runtime *runtime, const struct bsn_create_options *options, pid_t *ret_pid,
			 struct basin_error *err)
{
	auto_run struct bsn_run run = BSN_RUN_INIT;
	run.options = options;
	run.create = true;
	int r = bsn_run_prepare(&run, runtime, err);
	if (r >= 0)
		r = bsn_run_apply(&run, err);
	if (r < 0)
		return r;
	r = bsn_pidfile_write(options->pid_file, run.child.pid, err);
	if (r < 0) {
		bsn_child_kill(&run.child);
		bsn_container_undo(&run.container, NULL);
		return r;
	}
	if (ret_pid != NULL)
		*ret_pid = run.child.pid;
	return 0;
}
