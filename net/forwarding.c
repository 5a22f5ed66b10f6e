/* SPDX-License-Identifier: Apache-2.0 */
#include "net/forwarding.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"

#define SYSCTL "/proc/sys/net/ipv4/ip_forward"
#define KEPT   "ip_forward"

/* "0" or "1". */
static int read_switch(int dirfd, const char *path, char *ret_value)
{
	auto_free char *text = NULL;
	int r = bsn_read_file(dirfd, path, 64, &text, NULL);
	if (r >= 0)
		*ret_value = text[0] == '1' ? '1' : '0';
	return r;
}

static int write_switch(char value)
{
	const char text[] = { value, '\n', '\0' };
	char now = '\0';
	int r = read_switch(AT_FDCWD, SYSCTL, &now);
	return r < 0 || now == value ? r : bsn_write_file(AT_FDCWD, SYSCTL, text);
}

int bsn_forwarding_enable(int dirfd, struct basin_error *err)
{
	char before = '\0';
	int r = read_switch(dirfd, KEPT, &before);
	if (r == -ENOENT) {
		r = read_switch(AT_FDCWD, SYSCTL, &before);
		if (r >= 0)
			r = bsn_replace_file(dirfd, KEPT, &before, 1, 0600, false);
	}
	if (r >= 0)
		r = write_switch('1');
	return r < 0 ? bsn_fail_sys(err, -r, "cannot turn on net.ipv4.ip_forward") : 0;
}

int bsn_forwarding_restore(int dirfd, struct basin_error *err)
{
	char before = '\0';
	int r = read_switch(dirfd, KEPT, &before);
	if (r == -ENOENT)
		r = 0;
	if (r >= 0 && before != '\0')
		r = write_switch(before);
	if (r >= 0 && before != '\0')
		r = bsn_sys_unlinkat(dirfd, KEPT, 0);
	return r < 0 && r != -ENOENT ? bsn_fail_sys(err, -r, "cannot restore net.ipv4.ip_forward") : 0;
}

int bsn_forwarding_kept(int dirfd)
{
	return faccessat(dirfd, KEPT, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
