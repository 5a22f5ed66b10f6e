/* SPDX-License-Identifier: Apache-2.0 */
/* Attending a process in the foreground: its signals, its terminal, its reports, its end. */
#ifndef BSN_RUNTIME_ATTEND_H
#define BSN_RUNTIME_ATTEND_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct bsn_attend {
	int signals; /* what bsn_attend_begin made */
	int pidfd;   /* of the process, our child */
	pid_t pid;
	int master; /* the container's terminal, to be joined with ours; -1: none */
	int notify; /* the socket of bsn_notify_bind; -1: none */
};

/*
 * Blocks what will be handed on, from before the process exists: what comes meanwhile waits. A signalfd of them. adopt: the orphans of a
 * container without a pid namespace of its own become our children, not the host's, for as long as we are there, and are reaped.
 */
int bsn_attend_begin(bool adopt, struct basin_error *err);
/* Until the process has ended. *ret_status is its exit status, or 128 and the signal. */
int bsn_attend(const struct bsn_attend *attend, int *ret_status, struct basin_error *err);

#endif
