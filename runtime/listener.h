/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp agent: a program outside that answers for system calls of the container (SCMP_ACT_NOTIFY). Loading the filter returns a
 * descriptor in the container's process; it is fetched from there by pidfd and sent to the agent's socket, together with the document
 * that config-linux.md calls the container process state.
 */
#ifndef BSN_RUNTIME_LISTENER_H
#define BSN_RUNTIME_LISTENER_H

#include "base/error.h"
#include "runtime/config.h"
#include "runtime/state.h"

/*
 * Connects to the agent, where the config has one: *ret_fd, or -1. One that no rule needs may be away (runc never asks it, crun always
 * does).
 */
int bsn_listener_connect(const struct bsn_seccomp_config *seccomp, int *ret_fd, struct basin_error *err);

struct bsn_listener_of {
	int pidfd; /* the process that loaded the filter */
	pid_t pid;
	int number; /* of the descriptor, there */
	const struct bsn_state *state;
	enum bsn_status status;
};

/* Fetches the descriptor and gives it to the agent behind sock. Takes PTRACE_MODE_ATTACH over the process, as its maker has. */
int bsn_listener_give(int sock, const struct bsn_listener_of *of, const char *metadata, struct basin_error *err);

#endif
