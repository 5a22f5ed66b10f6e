/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said, upwards, while an environment starts: one message by each,
 * smaller than PIPE_BUF, so it arrives whole or not at all.
 *
 *   basin env launch|start ----spawns----> basin-monitor ----spawns---->
 * basin-manage env up ^                               |  ^ |
 *            +------------ report -----------+  +----------- report
 * -----------+
 *
 * Closing the pipe without a message means that the writer died: the reader
 * undoes what there is.
 */
#ifndef BSN_RUNTIME_MONITOR_REPORT_H
#define BSN_RUNTIME_MONITOR_REPORT_H

#include <stdint.h>

#include "basin.h"

#define BSN_REPORT_MAGIC 0x62736e72u

/* Descriptors that the monitor, and `env up` below it, begin with. */
#define BSN_MONITOR_REPORT_FD 3 /* write end of the reader's pipe */
#define BSN_MONITOR_LOCK_FD                                                                                                      \
	4 /* `env up` and `env down` only: the monitor's lock, so that it lasts      \
       until they are done too */

enum bsn_report_kind {
	BSN_REPORT_STARTED = 1, /* the payload runs; pid is its init */
	BSN_REPORT_FAILED = 2,  /* it does not; err says why */
};

struct bsn_report {
	uint32_t magic;
	uint32_t kind;
	int32_t pid;
	int32_t stop_signal; /* what asks the payload to end */
	struct basin_error err;
};

/* Names of the files in an environment's directory that the monitor and the
 * others share. */
#define BSN_MONITOR_LOCK   "monitor.lock" /* held while a monitor lives; its text is "PID START\n" */
#define BSN_MONITOR_EXIT   "exit.json"    /* the last end: status, started, finished, restarts */
#define BSN_MONITOR_INTENT "intent"       /* "running\n" or "stopped\n": what the user wants */
#define BSN_MONITOR_LOG    "log"          /* what the payload wrote; "log.1" is the part before */
#define BSN_MONITOR_STDIN  "stdin"        /* a fifo, the payload's standard input */

#endif
