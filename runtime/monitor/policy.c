/* SPDX-License-Identifier: Apache-2.0 */
/* The restart policy: what the user wants comes first, then the policy's word,
 * then a wait that doubles while starts keep failing. */
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "runtime/monitor/monitor.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   (60 * 1000)
#define STEADY_MS                                                                                                                \
	(10 * 1000) /* a payload that ran this long was no failed start: the wait    \
                 begins anew */

int64_t bsn_monitor_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int bsn_monitor_parse_restart(const char *word, enum bsn_restart *ret)
{
	static const char *const words[] = { "no", "on-failure", "always", "unless-stopped" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (bsn_streq(word, words[i])) {
			*ret = (enum bsn_restart)i;
			return 0;
		}
	return -EINVAL;
}

bool bsn_monitor_user_stopped(const struct bsn_monitor *monitor)
{
	auto_free char *text = NULL;
	if (bsn_read_file(monitor->env_fd, BSN_MONITOR_INTENT, 64, &text, NULL) < 0)
		return false;
	return bsn_starts_with(text, "stopped");
}

static bool wants_restart(const struct bsn_monitor *monitor)
{
	switch (monitor->restart) {
	case BSN_RESTART_NO:
		return false;
	case BSN_RESTART_ON_FAILURE:
		return monitor->status != 0 && (monitor->restart_max == 0 || monitor->restarts < monitor->restart_max);
	case BSN_RESTART_ALWAYS:
	case BSN_RESTART_UNLESS_STOPPED:
		return true;
	}
	return false;
}

int64_t bsn_monitor_restart_delay(struct bsn_monitor *monitor, int64_t ran_ms)
{
	if (monitor->stopping || bsn_monitor_user_stopped(monitor) || !wants_restart(monitor))
		return -1;
	if (ran_ms >= STEADY_MS || monitor->backoff_ms == 0) {
		monitor->backoff_ms = BACKOFF_FIRST_MS;
		return monitor->backoff_ms;
	}
	monitor->backoff_ms *= 2;
	if (monitor->backoff_ms > BACKOFF_MAX_MS)
		monitor->backoff_ms = BACKOFF_MAX_MS;
	return monitor->backoff_ms;
}

int bsn_monitor_write_exit(const struct bsn_monitor *monitor)
{
	auto_str struct bsn_str text = { 0 };
	int r = bsn_str_addf(&text,
			     "{\"status\": %d, \"started\": %lld, \"finished\": "
			     "%lld, \"restarts\": %lld}\n",
			     monitor->status, (long long)monitor->started_at, (long long)time(NULL),
			     (long long)monitor->restarts);
	return r < 0 ? r : bsn_replace_file(monitor->env_fd, BSN_MONITOR_EXIT, text.data, text.length, 0600, false);
}
