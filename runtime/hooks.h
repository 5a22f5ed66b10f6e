/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks that run in the runtime's own namespaces: prestart, createRuntime, poststart, poststop. They run in the bundle, with the state
 * document on their standard input. What they write is kept for the message of one that fails, or appended to the files that the
 * annotations run.oci.hooks.stdout and run.oci.hooks.stderr (crun's) name. The container's own hooks are the child's: BSN_OP_HOOK.
 */
#ifndef BSN_RUNTIME_HOOKS_H
#define BSN_RUNTIME_HOOKS_H

#include "runtime/state.h"

/* Runs them in order; stops at the first that fails or takes longer than it may. */
int bsn_hooks_run(const struct bsn_config *config, enum bsn_hook_kind kind, const struct bsn_state *state, enum bsn_status status,
		  struct basin_error *err);
/*
 * The poststart hooks of a container whose startContainer hooks or program failed: runc and crun, which do not wait for those, run them all
 * the same. A failure is a warning, for the first one is told.
 */
void bsn_hooks_run_despite(const struct bsn_config *config, const struct bsn_state *state);
/* The poststop hooks, all of them: one that fails is a warning, as the spec has it. */
void bsn_hooks_run_last(const struct bsn_config *config, const struct bsn_state *state);
/* A memory file with the state document for the container's own hooks, at its beginning: its pid is the one that they see. */
int bsn_hooks_state(const struct bsn_state *state, enum bsn_status status, int *ret_fd, struct basin_error *err);

#endif
