/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/notify.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/receiver.h"

#define DATAGRAM_MAX 4096
#define BARRIER_MS   30000 /* as long as sd_notify_barrier's callers usually give it */

const char *bsn_notify_host(void)
{
	const char *host = getenv("NOTIFY_SOCKET");
	return host != NULL && host[0] != '\0' ? host : NULL;
}

int bsn_notify_make(int dir, struct basin_error *err)
{
	int r = bsn_sys_mkdirat(dir, BSN_NOTIFY_DIRECTORY, 0755);
	if (r >= 0)
		r = bsn_sys_fchmodat(dir, BSN_NOTIFY_DIRECTORY, 0755);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot make the directory of the notify socket") : 0;
}

int bsn_notify_bind(int dir, int *ret_fd, struct basin_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	*ret_fd = -1;
	if (bsn_notify_host() == NULL)
		return 0;
	auto_fd int at = bsn_sys_openat(dir, BSN_NOTIFY_DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (at == -ENOENT)
		return 0;
	auto_fd int fd = at < 0 ? at : bsn_sys_socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot make the notify socket");
	/* The descriptor keeps the address short, wherever the state root is. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" BSN_NOTIFY_SOCKET, at);
	/* Any user of the container may report. The mode is given here and not set afterwards: by then the name could be a link. */
	mode_t mask = umask(0);
	int r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make the notify socket");
	*ret_fd = bsn_fd_give(&fd);
	return 0;
}

/* Says text to the manager; fd: goes along, or -1. */
static int tell(const char *text, int fd)
{
	struct sockaddr_un address;
	socklen_t length;
	int r = bsn_receiver_address(bsn_notify_host(), "NOTIFY_SOCKET", &address, &length, NULL);
	if (r < 0)
		return r;
	auto_fd int sock = bsn_sys_socket(AF_UNIX, SOCK_DGRAM, 0);
	if (sock < 0)
		return sock;
	if (BSN_RETRY(connect(sock, (const struct sockaddr *)&address, length)) < 0)
		return -errno;
	return bsn_send_fds(sock, text, strlen(text), &fd, fd >= 0 ? 1 : 0);
}

/* Until the manager has read all that was said: it closes the descriptor that comes with this. Older ones keep us waiting. */
static void wait_for_manager(void)
{
	int ends[2];
	if (bsn_sys_pipe(ends) < 0)
		return;
	auto_fd int ours = ends[0];
	auto_fd int theirs = ends[1];
	struct pollfd closed = { .fd = ours, .events = POLLIN };
	if (tell("BARRIER=1", theirs) < 0)
		return;
	close(bsn_fd_give(&theirs));
	if (bsn_sys_poll(&closed, 1, BARRIER_MS) == 0)
		bsn_warn("the service manager did not answer BARRIER=1 within %d s; going on", BARRIER_MS / 1000);
}

int bsn_notify_move(int fd, pid_t pid)
{
	char text[DATAGRAM_MAX + 1];
	char line[32];
	ssize_t n = BSN_RETRY(recv(fd, text, DATAGRAM_MAX, MSG_DONTWAIT));
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	text[n] = '\0';
	int ready = 0;
	int r = 0;
	char *rest = text;
	for (char *word = strsep(&rest, "\n"); r >= 0 && word != NULL; word = strsep(&rest, "\n")) {
		if (bsn_streq(word, "STOPPING=1"))
			r = tell("STOPPING=1", -1);
		if (!bsn_streq(word, "READY=1"))
			continue;
		ready = 1;
		r = tell("READY=1", -1);
		snprintf(line, sizeof(line), "MAINPID=%d", (int)pid);
		if (r >= 0 && pid > 0)
			r = tell(line, -1);
	}
	return r < 0 ? r : ready;
}

int bsn_notify_wait(int fd, int pidfd, pid_t pid, struct basin_error *err)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	int r = 0;
	while (r == 0) {
		r = bsn_sys_poll(fds, 2, -1);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot wait for the payload to be ready");
		r = fds[0].revents != 0 ? bsn_notify_move(fd, pid) : 0;
		if (r == 0 && fds[0].revents == 0 && fds[1].revents != 0)
			return 0;
	}
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot tell \"%s\" (NOTIFY_SOCKET) that the payload is ready", bsn_notify_host());
	wait_for_manager();
	return 0;
}
