/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basin-monitor: one small process per running environment. It is the reaper of
 * the environment's init, writes down how that ended and what it wrote, and
 * starts it again where the restart policy says so. It makes nothing by itself:
 * `basin-manage env up` and `env down`, which it runs, do. Its lock is how
 * everybody knows that the environment is looked after.
 */
#ifndef BSN_RUNTIME_MONITOR_MONITOR_H
#define BSN_RUNTIME_MONITOR_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/monitor/report.h"

enum bsn_restart { BSN_RESTART_NO, BSN_RESTART_ON_FAILURE, BSN_RESTART_ALWAYS, BSN_RESTART_UNLESS_STOPPED };

struct bsn_monitor {
	/* from the command line */
	const char *name;
	const char *manage; /* path of basin-manage */
	const char *root;
	const char *data_root;
	const char *cgroup_root;
	enum bsn_restart restart;
	int64_t restart_max; /* on-failure: so many restarts at most; 0: no limit */
	int64_t log_max;     /* bytes of one log file */

	/* held */
	int env_fd; /* <data root>/envs/<name> */
	int lock_fd;
	int report_fd; /* to whoever started us; -1 once told */
	int log_fd;
	int64_t log_size;
	int pipe_in; /* the payload's output, read here */
	int pipe_out;
	int fifo;    /* the payload's input, held open so that it never ends */
	int signals; /* signalfd */

	/* the state of the loop */
	pid_t up;      /* running `env up`, 0: none */
	pid_t init;    /* the payload's init, 0: none */
	pid_t down;    /* running `env down`, 0: none */
	int up_report; /* read end of up's pipe */
	int stop_signal;
	bool told;     /* the first start has been reported */
	bool stopping; /* SIGTERM came: no restart */
	bool final;    /* `env down --final` is running or done */
	bool finished;
	int64_t started_ms; /* monotonic */
	int64_t started_at; /* seconds since the epoch */
	int64_t restart_at; /* monotonic; 0: not waiting */
	int64_t backoff_ms;
	int64_t restarts;
	int status; /* of the last end: 0-255 */
};

/* log.c: a log of at most two files of log_max bytes each; what cannot be
 * written is dropped, never waited for. */
int bsn_monitor_log_open(struct bsn_monitor *monitor, struct basin_error *err);
/* Moves what the pipe holds into the log. Returns 0 when there was nothing. */
int bsn_monitor_log_pump(struct bsn_monitor *monitor);
void bsn_monitor_log_text(struct bsn_monitor *monitor, const char *text);

/* policy.c: whether, and when, an environment that ended is started again. */
int bsn_monitor_parse_restart(const char *word, enum bsn_restart *ret);
bool bsn_monitor_user_stopped(const struct bsn_monitor *monitor);
/* Milliseconds to wait before the next start, or -1: stay down. */
int64_t bsn_monitor_restart_delay(struct bsn_monitor *monitor, int64_t ran_ms);
int bsn_monitor_write_exit(const struct bsn_monitor *monitor);
int64_t bsn_monitor_now_ms(void);

/* watch.c: the loop; returns when the environment is down for good. The exit
 * status of the program. */
int bsn_monitor_watch(struct bsn_monitor *monitor);
/* Tells whoever started us, once. */
void bsn_monitor_tell(struct bsn_monitor *monitor, enum bsn_report_kind kind, const struct basin_error *err);

#endif
