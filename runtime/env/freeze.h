/* SPDX-License-Identifier: Apache-2.0 */
/* Holding an environment still while its files are read, such that it goes on whatever becomes of who holds it. */
#ifndef BSN_RUNTIME_ENV_FREEZE_H
#define BSN_RUNTIME_ENV_FREEZE_H

#include <stdbool.h>

#include "runtime/env/definition.h"

struct bsn_freeze {
	int cgroup; /* -1: it does not run, nothing is held */
	int guard;  /* the pipe whose end the guard waits for */
	pid_t guard_pid;
	bool held;     /* frozen by us; false where it was paused already */
	int64_t since; /* ns of the monotonic clock */
};
#define BSN_FREEZE_INIT                                                                                                          \
	{                                                                                                                        \
		.cgroup = -1, .guard = -1                                                                                        \
	}

/*
 * Freezes the environment, if it runs: a process that forks waits at the end of a pipe, and thaws when the caller lets go of its own
 * end, by bsn_freeze_end or by dying. The caller holds the environment's lock, which the guard keeps until then; should the guard be
 * killed too, reconcile finds a frozen environment whose lock is free, and thaws it.
 */
int bsn_freeze_begin(const struct basin *basin, const struct bsn_env *env, struct bsn_freeze *freeze, struct basin_error *err);
/* Thaws, and says how long it was frozen, in ms. Idempotent. */
int64_t bsn_freeze_end(struct bsn_freeze *freeze);
void bsn_freeze_release(struct bsn_freeze *freeze);
#define auto_freeze __attribute__((cleanup(bsn_freeze_release)))

#endif
