/* SPDX-License-Identifier: Apache-2.0 */
/* The environment's monitor (runtime/monitor/), as the commands see it: started, asked, ended. */
#ifndef BSN_RUNTIME_ENV_MONITOR_H
#define BSN_RUNTIME_ENV_MONITOR_H

#include "runtime/env/definition.h"

/* Whether a monitor (or what it left running: `env up`, `env down`) looks after the environment: 1, 0 or -errno. */
int bsn_monitor_alive(const struct basin *basin, const char *name);

/* Starts one, and through it the environment; returns when the payload runs, or with the reason why it does not, the monitor gone. */
int bsn_monitor_start(struct basin *basin, const struct bsn_env *env, struct basin_error *err);

/*
 * Brings the environment down: the stop signal, timeout_ms of patience, SIGKILL, and a wait for the monitor to clean up. Where the
 * monitor has died, cleans up in its place. Not running, or never made: success.
 */
int bsn_monitor_stop(struct basin *basin, const char *name, int64_t timeout_ms, struct basin_error *err);

/* Waits until no monitor lives; -EAGAIN after timeout_ms (-1: never). */
int bsn_monitor_wait(const struct basin *basin, const char *name, int64_t timeout_ms);

/* What the user wants, for the restart policy and for the next boot. */
int bsn_monitor_set_intent(const struct basin *basin, const char *name, bool running, struct basin_error *err);
bool bsn_monitor_intent_running(const struct basin *basin, const char *name);

#endif
