/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage by a fixed-size image on a loop device, for file systems without project quota.
 *
 * A loop device belongs to the image behind it: it is found again by that (the device and inode of its backing file, asked of the kernel),
 * never by a number that somebody wrote down. It is set up with LO_FLAGS_AUTOCLEAR, so that it goes when its last user does: the mount,
 * which lives in a private mount namespace, or the process that was about to mount. So nothing of this outlives a crash but
 * the files. Two loop devices on one image would tear it apart; disk.lock is held while one is looked for and set up. Who finds one
 * keeps it open from before asking what is behind it until its mount holds it, and an open device is not cleared.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/storage_backend.h"

#define LOCK_NAME  "disk.lock"
#define LOOP_MAJOR 7
#define RESIZE_FS  _IOW('f', 16, uint64_t) /* EXT4_IOC_RESIZE_FS: the new number of blocks */

static int probe(int data_fd, const char *file_system, char *reason, size_t room, struct basin_error *err)
{
	(void)data_fd, (void)file_system, (void)err;
	auto_fd int control = bsn_sys_openat(AT_FDCWD, "/dev/loop-control", O_RDWR, 0);
	if (control < 0) {
		snprintf(reason, room, "no loop devices: /dev/loop-control: %s (load the module \"loop\"; needs root)",
			 strerror(-control));
		return 1;
	}
	if (access("/sbin/mke2fs", X_OK) != 0 && access("/usr/sbin/mke2fs", X_OK) != 0) {
		snprintf(reason, room, "no loop file system: mke2fs is missing (install e2fsprogs)");
		return 1;
	}
	return 0;
}

static int create(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	int r = bsn_sys_mkdirat(dirfd, BSN_STORAGE_MOUNT, 0700);
	if (r < 0 && r != -EEXIST)
		return bsn_fail_sys(err, -r, "cannot make the mount point \"%s\"", BSN_STORAGE_MOUNT);
	return bsn_storage_image_create(dirfd, storage, err);
}

/* --- loop devices --- */

/* Whether the open loop device is backed by that file. The kernel gives the device number in its own packing. */
static bool is_backed_by(int loop, const struct stat *image)
{
	struct loop_info64 info;
	if (ioctl(loop, LOOP_GET_STATUS64, &info) < 0)
		return false;
	uint64_t device = (minor(image->st_dev) & 0xff) | ((uint64_t)major(image->st_dev) << 8) |
			  ((uint64_t)(minor(image->st_dev) & ~0xffU) << 12);
	return info.lo_device == device && info.lo_inode == image->st_ino;
}

/* Opens loop device n; a /dev that has not heard of it yet (no udev, a copy) is told. */
static int open_loop(int n, int flags)
{
	char path[32];
	snprintf(path, sizeof(path), "/dev/loop%d", n);
	int fd = bsn_sys_openat(AT_FDCWD, path, flags, 0);
	if (fd != -ENOENT)
		return fd;
	int r = bsn_sys_mknodat(AT_FDCWD, path, S_IFBLK | 0660, makedev(LOOP_MAJOR, n));
	return r < 0 && r != -EEXIST ? r : bsn_sys_openat(AT_FDCWD, path, flags, 0);
}

/* The bound loop device from number *n on whose backing file is the image, opened; -ENOENT when there is no more. */
static int find_loop(const struct stat *image, int *n)
{
	auto_dir DIR *dir = opendir("/sys/block");
	if (dir == NULL)
		return -errno;
	int best = -1;
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		char bound[300];
		int number;
		if (sscanf(entry->d_name, "loop%d", &number) != 1 || number < *n || (best >= 0 && number >= best))
			continue;
		snprintf(bound, sizeof(bound), "/sys/block/%s/loop/backing_file", entry->d_name);
		if (access(bound, F_OK) != 0)
			continue;
		auto_fd int fd = open_loop(number, O_RDONLY);
		if (fd >= 0 && is_backed_by(fd, image))
			best = number;
	}
	if (best < 0)
		return -ENOENT;
	*n = best;
	int fd = open_loop(best, O_RDWR);
	if (fd >= 0 && !is_backed_by(fd, image)) {
		close(fd);
		return -EAGAIN;
	}
	return fd;
}

/*
 * Binds a free loop device to the image. Others look for free ones too: a device that is taken meanwhile is not the last one. The
 * kernel calls one free, and busy, until who binds it is done, and a laden machine draws that out: it gets 5 s.
 */
static int bind_loop(int image, int *ret_number)
{
	auto_fd int control = bsn_sys_openat(AT_FDCWD, "/dev/loop-control", O_RDWR, 0);
	if (control < 0)
		return control;
	for (int tries = 0; tries < 5000; tries++) {
		int n = bsn_sys_ioctl(control, LOOP_CTL_GET_FREE, NULL);
		auto_fd int fd = n < 0 ? n : open_loop(n, O_RDWR);
		if (fd < 0)
			return fd;
		struct loop_config config = { .fd = (uint32_t)image,
					      .block_size = 4096,
					      .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };
		snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "basin:%s", BSN_STORAGE_IMAGE);
		int r = bsn_sys_ioctl(fd, LOOP_CONFIGURE, &config);
		if (r >= 0) {
			*ret_number = n;
			return bsn_fd_give(&fd);
		}
		if (r != -EBUSY)
			return r;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return -EBUSY;
}

/* The image's loop device, opened: the one it has, or a new one. */
static int take_loop(int dirfd, int *ret_number, struct basin_error *err)
{
	struct stat st;
	auto_fd int image = bsn_sys_openat(dirfd, BSN_STORAGE_IMAGE, O_RDWR | O_NOFOLLOW, 0);
	if (image < 0 || fstat(image, &st) < 0)
		return bsn_fail_sys(err, image < 0 ? -image : errno, "cannot open the image \"%s\"", BSN_STORAGE_IMAGE);
	auto_fd int lock = -1;
	int r = bsn_lock_take(dirfd, LOCK_NAME, BSN_LOCK_EXCLUSIVE, 30000, &lock);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot lock the image \"%s\"", BSN_STORAGE_IMAGE);
	int n = 0, fd;
	do
		fd = find_loop(&st, &n);
	while (fd == -EAGAIN);
	if (fd == -ENOENT)
		fd = bind_loop(image, &n);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot set up a loop device for \"%s\"", BSN_STORAGE_IMAGE);
	*ret_number = n;
	return fd;
}

int bsn_storage_loops(int dirfd, struct basin_error *err)
{
	struct stat st;
	if (fstatat(dirfd, BSN_STORAGE_IMAGE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : bsn_fail_sys(err, errno, "cannot look at \"%s\"", BSN_STORAGE_IMAGE);
	int count = 0;
	for (int n = 0;; n++) {
		auto_fd int fd = find_loop(&st, &n);
		if (fd == -ENOENT)
			return count;
		if (fd < 0 && fd != -EAGAIN)
			return bsn_fail_sys(err, -fd, "cannot look for loop devices");
		count += fd >= 0;
	}
}

/* --- its mount --- */

static bool is_mounted(int dirfd)
{
	struct statx sx;
	return statx(dirfd, BSN_STORAGE_MOUNT, AT_SYMLINK_NOFOLLOW, 0, &sx) == 0 &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* A mount of the loop device's file system that is nowhere yet. A device that is mounted already gives one more of the same. */
static int mount_detached(int loop_number)
{
	char device[32];
	snprintf(device, sizeof(device), "/dev/loop%d", loop_number);
	auto_fd int fs = bsn_sys_fsopen("ext4");
	if (fs < 0)
		return fs;
	int r = bsn_sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", device, 0);
	if (r >= 0)
		r = bsn_sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	return r < 0 ? r : bsn_sys_fsmount(fs, MOUNT_ATTR_NODEV);
}

/*
 * Mounts the image at dirfd/disk and opens its root. A directory that was opened in another mount namespace takes no mount from
 * this one (EINVAL); then the mount stays detached, and lives as long as the descriptor: good for all but an overlay on kernels
 * before 6.5.
 */
static int mount_image(int dirfd, int loop_number)
{
	auto_fd int mount = mount_detached(loop_number);
	if (mount < 0)
		return mount;
	int r = bsn_sys_move_mount(mount, "", dirfd, BSN_STORAGE_MOUNT, MOVE_MOUNT_F_EMPTY_PATH);
	return r < 0 && r != -EINVAL ? r : bsn_sys_openat(mount, ".", O_RDONLY | O_DIRECTORY, 0);
}

static int open_image(int dirfd, int *ret_fd, struct basin_error *err)
{
	int n = 0;
	auto_fd int loop = -1;
	int fd;
	if (is_mounted(dirfd)) {
		fd = bsn_sys_openat(dirfd, BSN_STORAGE_MOUNT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	} else {
		loop = take_loop(dirfd, &n, err);
		if (loop < 0)
			return loop;
		fd = mount_image(dirfd, n);
	}
	if (fd == -EINVAL || fd == -EUCLEAN)
		return bsn_fail(err, BASIN_DAMAGED, -fd, "the kernel does not mount the image \"%s\" (check it with e2fsck)",
				BSN_STORAGE_IMAGE);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot mount the image \"%s\"", BSN_STORAGE_IMAGE);
	*ret_fd = fd;
	return 0;
}

/*
 * The root of an image that somebody uses, without mounting it anywhere; -ENOENT where nobody does. The superblock on disk is of no
 * use then: ext4 keeps the counts in memory until it is unmounted.
 */
static int peek(int dirfd)
{
	struct stat st;
	int n = 0;
	if (fstatat(dirfd, BSN_STORAGE_IMAGE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	auto_fd int loop = find_loop(&st, &n);
	if (loop < 0)
		return loop;
	auto_fd int mount = mount_detached(n);
	return mount < 0 ? mount : bsn_sys_openat(mount, ".", O_RDONLY | O_DIRECTORY, 0);
}

/* What is used is what can no longer be written: so the file system's own needs are nobody's use. */
static int measure(int dirfd, const struct bsn_storage *storage, int live_fd, struct bsn_storage_usage *ret_usage,
		   struct basin_error *err)
{
	struct bsn_storage_image_size size;
	struct statfs fs;
	auto_fd int seen = live_fd < 0 ? peek(dirfd) : -1;
	if (live_fd < 0)
		live_fd = seen;
	if (live_fd >= 0 && fstatfs(live_fd, &fs) < 0)
		return bsn_fail_sys(err, errno, "cannot read the state of the file system");
	if (live_fd >= 0) {
		size.available = (int64_t)fs.f_bavail * fs.f_bsize;
		size.inodes = (int64_t)fs.f_files;
		size.inodes_free = (int64_t)fs.f_ffree;
	} else {
		int r = bsn_storage_image_size(dirfd, &size, err);
		if (r < 0)
			return r;
	}
	*ret_usage = (struct bsn_storage_usage){
		.bytes = size.available < storage->bytes ? storage->bytes - size.available : 0,
		.bytes_max = storage->bytes,
		.inodes = size.inodes - size.inodes_free,
		.inodes_max = size.inodes,
	};
	return 0;
}

/* --- another size --- */

static int64_t available(int fs_fd)
{
	struct statfs fs;
	return fstatfs(fs_fd, &fs) < 0 ? -errno : (int64_t)fs.f_bavail * fs.f_bsize;
}

/* One round: lengthens the file, tells the loop device, tells the file system. */
static int lengthen(int image, int loop, int fs, int64_t by)
{
	struct stat st;
	if (fstat(image, &st) < 0)
		return -errno;
	uint64_t blocks = (uint64_t)(st.st_size + by) / 4096;
	int r = bsn_sys_fallocate(image, 0, st.st_size, by);
	if (r == -EOPNOTSUPP)
		r = bsn_sys_ftruncate(image, st.st_size + by);
	if (r >= 0)
		r = bsn_sys_ioctl(loop, LOOP_SET_CAPACITY, NULL);
	return r < 0 ? r : bsn_sys_ioctl(fs, RESIZE_FS, &blocks);
}

/* Grows an image in use, until as much more can be written as was asked for. */
static int grow_live(int dirfd, int64_t more, struct basin_error *err)
{
	int n = 0;
	auto_fd int fs = -1, loop = -1;
	auto_fd int image = bsn_sys_openat(dirfd, BSN_STORAGE_IMAGE, O_RDWR | O_NOFOLLOW, 0);
	if (image < 0)
		return bsn_fail_sys(err, -image, "cannot open the image \"%s\"", BSN_STORAGE_IMAGE);
	int r = open_image(dirfd, &fs, err);
	if (r >= 0)
		r = loop = take_loop(dirfd, &n, err);
	if (r < 0)
		return r;
	int64_t wanted = available(fs) + more;
	for (int tries = 0; tries < 6 && available(fs) < wanted; tries++) {
		int64_t missing = wanted - available(fs);
		r = lengthen(image, loop, fs, (missing + missing / 48 + 4095) / 4096 * 4096);
		if (r == -EPERM)
			return bsn_fail(
				err, BASIN_DENIED, EPERM,
				"growing storage in use needs CAP_SYS_RESOURCE (stop the environment first, then it does not)");
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot grow the image \"%s\"", BSN_STORAGE_IMAGE);
	}
	return 0;
}

static int resize(int dirfd, const struct bsn_storage *storage, int64_t bytes, struct basin_error *err)
{
	int loops = bsn_storage_loops(dirfd, err);
	if (loops < 0 || bytes == storage->bytes)
		return loops < 0 ? loops : 0;
	if (loops > 0 && bytes > storage->bytes)
		return grow_live(dirfd, bytes - storage->bytes, err);
	if (loops > 0)
		return bsn_fail(err, BASIN_BUSY, EBUSY,
				"storage on a loop image only shrinks while it is not in use (stop the environment first)");
	struct bsn_storage_usage usage;
	int r = measure(dirfd, storage, -1, &usage, err);
	if (r >= 0)
		r = bsn_storage_check_size(&usage, bytes, err);
	return r < 0 ? r : bsn_storage_image_resize(dirfd, bytes - storage->bytes, err);
}

/* A device whose mount is not gone yet is cleared when it goes (the kernel defers LOOP_CLR_FD); the image has no name from here on. */
static int destroy(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	(void)storage;
	struct stat st;
	if (fstatat(dirfd, BSN_STORAGE_IMAGE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		for (int n = 0;; n++) {
			auto_fd int fd = find_loop(&st, &n);
			if (fd < 0 && fd != -EAGAIN)
				break;
			int r = fd < 0 ? fd : bsn_sys_ioctl(fd, LOOP_CLR_FD, NULL);
			if (r < 0 && r != -ENXIO && r != -EAGAIN)
				return bsn_fail_sys(err, -r, "cannot clear /dev/loop%d", n);
		}
	static const char *const names[] = { BSN_STORAGE_IMAGE, BSN_STORAGE_MOUNT, LOCK_NAME, "disk.new" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = bsn_remove_tree(dirfd, names[i]);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot remove \"%s\"", names[i]);
	}
	return 0;
}

const struct bsn_storage_backend bsn_storage_loop = {
	.name = "loop",
	.probe = probe,
	.create = create,
	.open = open_image,
	.usage = measure,
	.resize = resize,
	.destroy = destroy,
};
