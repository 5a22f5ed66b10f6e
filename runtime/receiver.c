/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/receiver.h"

#include <stddef.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"

int bsn_receiver_address(const char *path, const char *option, struct sockaddr_un *ret_address, socklen_t *ret_length,
			 struct basin_error *err)
{
	size_t length = strlen(path);
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (length == 0 || length >= sizeof(ret_address->sun_path))
		return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "%s: \"%s\" is no path of a socket (1 to %zu bytes)", option,
				path, sizeof(ret_address->sun_path) - 1);
	memcpy(ret_address->sun_path, path, length);
	bool abstract = path[0] == '@';
	if (abstract)
		ret_address->sun_path[0] = '\0';
	*ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (abstract ? 0 : 1));
	return 0;
}

int bsn_receiver_send(const char *path, const char *option, const char *text, int fd, struct basin_error *err)
{
	struct sockaddr_un address;
	socklen_t length;
	int r = bsn_receiver_address(path, option, &address, &length, err);
	if (r < 0)
		return r;
	auto_fd int sock = bsn_sys_socket(AF_UNIX, SOCK_STREAM, 0);
	if (sock < 0)
		return bsn_fail_sys(err, -sock, "cannot make a socket");
	if (BSN_RETRY(connect(sock, (const struct sockaddr *)&address, length)) < 0)
		return bsn_fail_sys(err, errno, "%s: cannot connect to \"%s\"", option, path);
	r = bsn_send_fds(sock, text, strlen(text), &fd, 1);
	return r < 0 ? bsn_fail_sys(err, -r, "%s: cannot send to \"%s\"", option, path) : 0;
}
