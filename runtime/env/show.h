/* SPDX-License-Identifier: Apache-2.0 */
/* Environments as the commands show them: the definition with what is true now. basin(1) has the keys. */
#ifndef BSN_RUNTIME_ENV_SHOW_H
#define BSN_RUNTIME_ENV_SHOW_H

#include "runtime/env/definition.h"

/* "creating", "removing", "running", "paused", "restarting", "stopping", "stopped"; derived each time. *ret_pid (may be NULL): init, or 0. */
const char *bsn_env_status(struct basin *basin, const struct bsn_env *env, pid_t *ret_pid);

/* One environment; full adds what it uses now. */
int bsn_env_show_json(struct basin *basin, const struct bsn_env *env, bool full, json_t **ret_json, struct basin_error *err);
int bsn_env_describe(struct basin *basin, const struct bsn_env *env, bool full, char **ret_text, struct basin_error *err);

#endif
