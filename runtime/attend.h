/* SPDX-License-Identifier: Apache-2.0 */
/* Attending a process in the foreground: its signals, its terminal, its end. */
#ifndef BSN_RUNTIME_ATTEND_H
#define BSN_RUNTIME_ATTEND_H

#include "base/error.h"

/* Blocks what will be handed on, from before the process exists: what comes meanwhile waits. A signalfd of them. */
int bsn_attend_begin(struct basin_error *err);
/*
 * Until the process behind pidfd, our child, has ended: hands on every signal, and where master >= 0 joins the container's terminal with
 * ours. *ret_status is its exit status, or 128 and the signal.
 */
int bsn_attend(int pidfd, int signals, int master, int *ret_status, struct basin_error *err);

#endif
