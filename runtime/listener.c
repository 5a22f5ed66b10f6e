/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/listener.h"

#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/sys.h"
#include "runtime/receiver.h"

/* The version of this document as crun sends it, and agents were seen to expect; the state inside names the spec's. */
#define DOCUMENT_VERSION "0.2.0"

static int connect_to(const char *path)
{
	struct sockaddr_un address;
	socklen_t length;
	int r = bsn_receiver_address(path, "linux.seccomp.listenerPath", &address, &length, NULL);
	auto_fd int fd = r < 0 ? r : bsn_sys_socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	if (BSN_RETRY(connect(fd, (const struct sockaddr *)&address, length)) < 0)
		return -errno;
	return bsn_fd_give(&fd);
}

int bsn_listener_connect(const struct bsn_seccomp_config *seccomp, int *ret_fd, struct basin_error *err)
{
	*ret_fd = -1;
	if (seccomp->listener_path == NULL)
		return 0;
	int fd = connect_to(seccomp->listener_path);
	if (fd < 0 && seccomp->notify)
		return bsn_fail_sys(err, -fd, "failed to connect with seccomp agent \"%s\" (linux.seccomp.listenerPath)",
				    seccomp->listener_path);
	if (fd < 0)
		bsn_debug("nobody is at linux.seccomp.listenerPath \"%s\", and no rule needs it", seccomp->listener_path);
	*ret_fd = fd < 0 ? -1 : fd;
	return 0;
}

static int format_document(const struct bsn_listener_of *of, const char *metadata, char **ret_text, struct basin_error *err)
{
	json_t *state = NULL;
	int r = bsn_state_object(of->state, of->status, &state, err);
	if (r < 0)
		return r;
	auto_json json_t *document = json_pack("{s:s, s:[s], s:i, s:s, s:o}", "ociVersion", DOCUMENT_VERSION, "fds", "seccompFd",
					       "pid", (int)of->pid, "metadata", metadata, "state", state);
	if (document == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot describe the process to the seccomp agent");
	return bsn_json_format(document, false, ret_text, err);
}

int bsn_listener_give(int sock, const struct bsn_listener_of *of, const char *metadata, struct basin_error *err)
{
	auto_free char *text = NULL;
	auto_fd int fd = bsn_sys_pidfd_getfd(of->pidfd, of->number);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot fetch the seccomp listener from the container's process");
	int r = format_document(of, metadata, &text, err);
	if (r < 0)
		return r;
	r = bsn_send_fds(sock, text, strlen(text), &fd, 1);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot send the seccomp listener to its agent") : 0;
}
