/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/device_nodes.h"

#include <linux/mount.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/sys.h"

#define NOBODY 65534 /* who owns what belongs to nobody in the namespace */

mode_t bsn_device_type_bits(char type)
{
	return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

static uint32_t outside(const struct bsn_id_maps *maps, uint32_t id)
{
	for (size_t i = 0; i < maps->count; i++)
		if (id >= maps->of[i].container && id - maps->of[i].container < maps->of[i].size)
			return maps->of[i].host + (id - maps->of[i].container);
	return NOBODY;
}

static int make_node(int mount, const char *name, const struct bsn_device *device, uint32_t uid, uint32_t gid)
{
	int r = bsn_sys_mknodat(mount, name, bsn_device_type_bits(device->type) | device->mode,
				makedev(device->major, device->minor));
	/* The mode again, since mknod applies the umask. */
	if (r >= 0)
		r = bsn_sys_fchownat(mount, name, uid, gid, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? r : bsn_sys_fchmodat(mount, name, device->mode);
}

int bsn_device_nodes(const struct bsn_device *devices, size_t count, const struct bsn_id_maps *uids,
		     const struct bsn_id_maps *gids, struct basin_error *err)
{
	char name[16];
	auto_fd int fs = bsn_sys_fsopen("tmpfs");
	int r = fs < 0 ? fs : bsn_sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "755", 0);
	if (r >= 0)
		r = bsn_sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	auto_fd int mount = r < 0 ? r : bsn_sys_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (mount < 0)
		return bsn_fail_sys(err, -mount, "cannot make a file system for the container's devices");
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%zu", i + 1);
		r = make_node(mount, name, &devices[i], outside(uids, devices[i].uid), outside(gids, devices[i].gid));
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot make the device \"%s\"", devices[i].path);
	}
	return bsn_fd_give(&mount);
}
