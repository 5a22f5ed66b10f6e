/* SPDX-License-Identifier: Apache-2.0 */
/* The payload's output: from a pipe to a file whose size is bounded, rotated
 * once. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "runtime/monitor/monitor.h"

#define LOG_OLD BSN_MONITOR_LOG ".1"
#define CHUNK   16384

int bsn_monitor_log_open(struct bsn_monitor *monitor, struct basin_error *err)
{
	struct stat st;
	int fd = bsn_sys_openat(monitor->env_fd, BSN_MONITOR_LOG, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the log of environment \"%s\"", monitor->name);
	monitor->log_fd = fd;
	monitor->log_size = fstat(fd, &st) == 0 ? st.st_size : 0;
	return 0;
}

/* A reader that follows keeps the old file open, reads it to its end, and then
 * finds the new one. */
static void rotate(struct bsn_monitor *monitor)
{
	if (bsn_sys_renameat2(monitor->env_fd, BSN_MONITOR_LOG, monitor->env_fd, LOG_OLD, 0) < 0)
		return;
	int fd = bsn_sys_openat(monitor->env_fd, BSN_MONITOR_LOG, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	close(monitor->log_fd);
	monitor->log_fd = fd;
	monitor->log_size = 0;
}

static void append(struct bsn_monitor *monitor, const char *data, size_t length)
{
	if (monitor->log_size + (int64_t)length > monitor->log_max)
		rotate(monitor);
	while (length > 0) {
		ssize_t n = bsn_sys_write(monitor->log_fd, data, length);
		if (n <= 0)
			return; /* a full disk must not stop the payload */
		data += n;
		length -= (size_t)n;
		monitor->log_size += n;
	}
}

int bsn_monitor_log_pump(struct bsn_monitor *monitor)
{
	static char chunk[CHUNK];
	ssize_t n = BSN_RETRY(read(monitor->pipe_in, chunk, sizeof(chunk)));
	if (n <= 0)
		return 0;
	append(monitor, chunk, (size_t)n);
	return 1;
}

void bsn_monitor_log_text(struct bsn_monitor *monitor, const char *text)
{
	append(monitor, text, strlen(text));
}
