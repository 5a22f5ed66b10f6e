/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that run in the runtime's own namespaces: prestart, createRuntime, poststart, poststop. */
#ifndef BSN_RUNTIME_HOOKS_H
#define BSN_RUNTIME_HOOKS_H

#include "runtime/state.h"

/* Runs them in order, the state on each one's standard input; stops at the first that fails or takes longer than it may. */
int bsn_hooks_run(const struct bsn_config *config, enum bsn_hook_kind kind, const struct bsn_state *state, enum bsn_status status,
		  struct basin_error *err);
/* A memory file with the state document, at its beginning. */
int bsn_hooks_state(const struct bsn_state *state, enum bsn_status status, int *ret_fd, struct basin_error *err);

#endif
