/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage by project quota (ext4, xfs): both directories carry the environment's project id and hand it down to whatever is made in
 * them, and the kernel refuses what would take the project over its limit (EDQUOT). overlayfs shows the limit as the size of the root.
 *
 * The quota is set before the directories exist, and the id before anything is written beneath them, so nothing is ever uncounted. All
 * of it goes by descriptor (quotactl_fd, Linux 5.14), so no device has to be found. A file system may count without
 * enforcing; that is no limit, and the probe says so. Inside a user namespace of its own an environment cannot change its project id; with
 * the host's user namespace it could (CAP_FOWNER is enough), so there the id is no fence against its root.
 */
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/quota.h>

#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/storage_backend.h"

/* <sys/quota.h> and <linux/quota.h> cannot be included together; these are the kernel's numbers. */
#define PROJECT_QUOTA    2
#define GET_NEXT_QUOTA   0x800009
#define COMMAND(command) ((unsigned int)QCMD((unsigned int)(command), PROJECT_QUOTA))

struct next_quota {
	uint64_t block_hard, block_soft, space, inode_hard, inode_soft, inodes, block_time, inode_time;
	uint32_t valid, id;
};

static const char how_to[] =
	"mount it with the option \"prjquota\"; on ext4 first run \"tune2fs -O project,quota -Q prjquota\" on the "
	"unmounted device";

static int probe(int data_fd, const char *file_system, char *reason, size_t room, struct basin_error *err)
{
	(void)err;
	if (!bsn_streq(file_system, "ext4") && !bsn_streq(file_system, "xfs")) {
		snprintf(reason, room, "no project quota: the data root is on %s (put it on ext4 or xfs with project quota)",
			 file_system);
		return 1;
	}
	struct fs_quota_statv state = { .qs_version = FS_QSTATV_VERSION1 };
	int r = bsn_sys_quotactl_fd(data_fd, COMMAND(Q_XGETQSTATV), 0, &state);
	if (r < 0)
		snprintf(reason, room, "no project quota on this %s, or not in this kernel (%s)", file_system, how_to);
	else if ((state.qs_flags & FS_QUOTA_PDQ_ENFD) == 0)
		snprintf(reason, room, "project quota is %s on this %s (%s)",
			 (state.qs_flags & FS_QUOTA_PDQ_ACCT) != 0 ? "counted but not enforced" : "off", file_system, how_to);
	return r < 0 || (state.qs_flags & FS_QUOTA_PDQ_ENFD) == 0;
}

/* -1 lifts a limit. The kernel counts blocks of 1 KiB. */
static int set_limits(int fd, uint32_t project, int64_t bytes, int64_t inodes)
{
	struct dqblk limits = {
		.dqb_bhardlimit = bytes > 0 ? (uint64_t)bytes / 1024 : 0,
		.dqb_ihardlimit = inodes > 0 ? (uint64_t)inodes : 0,
		.dqb_valid = QIF_BLIMITS | QIF_ILIMITS,
	};
	return bsn_sys_quotactl_fd(fd, COMMAND(Q_SETQUOTA), project, &limits);
}

static int set_project(int dirfd, const char *name, uint32_t project, struct basin_error *err)
{
	struct fsxattr attributes;
	auto_fd int fd = bsn_sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	int r = fd < 0 ? fd : bsn_sys_ioctl(fd, FS_IOC_FSGETXATTR, &attributes);
	if (r >= 0) {
		attributes.fsx_projid = project;
		attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
		r = bsn_sys_ioctl(fd, FS_IOC_FSSETXATTR, &attributes);
	}
	return r < 0 ? bsn_fail_sys(err, -r, "cannot give \"%s\" the project id %u", name, project) : 0;
}

static int create(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	if (storage->project == 0)
		return bsn_fail(err, BASIN_INTERNAL, EINVAL, "project id 0 is everything's: it holds no quota");
	int r = set_limits(dirfd, storage->project, storage->bytes, storage->inodes);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot set the quota of project %u", storage->project);
	r = bsn_storage_make_layers(dirfd, storage, err);
	if (r >= 0)
		r = set_project(dirfd, "upper", storage->project, err);
	if (r >= 0)
		r = set_project(dirfd, "work", storage->project, err);
	return r;
}

static int open_layers(int dirfd, int *ret_fd, struct basin_error *err)
{
	int fd = bsn_sys_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the writable layer");
	*ret_fd = fd;
	return 0;
}

static int measure(int dirfd, const struct bsn_storage *storage, int live_fd, struct bsn_storage_usage *ret_usage,
		   struct basin_error *err)
{
	(void)live_fd;
	struct dqblk quota = { 0 };
	int r = bsn_sys_quotactl_fd(dirfd, COMMAND(Q_GETQUOTA), storage->project, &quota);
	if (r < 0 && r != -ENOENT) /* xfs: a project that nobody used yet */
		return bsn_fail_sys(err, -r, "cannot read the quota of project %u", storage->project);
	*ret_usage = (struct bsn_storage_usage){
		.bytes = (int64_t)quota.dqb_curspace,
		.bytes_max = quota.dqb_bhardlimit > 0 ? (int64_t)quota.dqb_bhardlimit * 1024 : -1,
		.inodes = (int64_t)quota.dqb_curinodes,
		.inodes_max = quota.dqb_ihardlimit > 0 ? (int64_t)quota.dqb_ihardlimit : -1,
	};
	return 0;
}

static int resize(int dirfd, const struct bsn_storage *storage, int64_t bytes, struct basin_error *err)
{
	struct bsn_storage_usage usage;
	int r = measure(dirfd, storage, -1, &usage, err);
	if (r >= 0)
		r = bsn_storage_check_size(&usage, bytes, err);
	if (r < 0)
		return r;
	r = set_limits(dirfd, storage->project, bytes, storage->inodes);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot set the quota of project %u", storage->project) : 0;
}

static int destroy(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	int r = storage->project > 0 ? set_limits(dirfd, storage->project, -1, -1) : 0;
	if (r == -ESRCH || r == -ENOENT || r == -ENOSYS) /* quota was switched off meanwhile: there is nothing to lift */
		r = 0;
	return r < 0 ? bsn_fail_sys(err, -r, "cannot lift the quota of project %u", storage->project) : 0;
}

const struct bsn_storage_backend bsn_storage_project = {
	.name = "project",
	.probe = probe,
	.create = create,
	.open = open_layers,
	.usage = measure,
	.resize = resize,
	.destroy = destroy,
};

int bsn_storage_next_project(int data_fd, uint32_t min, uint32_t *ret_id)
{
	struct next_quota next = { 0 };
	int r = bsn_sys_quotactl_fd(data_fd, COMMAND(GET_NEXT_QUOTA), min, &next);
	if (r < 0)
		return r;
	*ret_id = next.id;
	return 0;
}
