/* SPDX-License-Identifier: Apache-2.0 */
/* tmpcopyup: a new tmpfs that holds a copy of the directory it is going to cover. Files, directories, links; owners and modes. */
#include "runtime/child/child.h"

#define DEPTH_MAX 32

/* getdents64(2)'s record. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

static int copy_tree(int from, int to, int depth);

static int copy_owner(int to, const char *name, const struct statx *st)
{
	int r = (int)SYS5(fchownat, to, name, st->stx_uid, st->stx_gid, AT_SYMLINK_NOFOLLOW);
	if (r >= 0 && (st->stx_mode & STAT_TYPE) != STAT_LINK)
		r = (int)SYS3(fchmodat, to, name, st->stx_mode & 07777);
	return r;
}

static int copy_file(int from, int to, const char *name)
{
	struct statx st;
	/* Looked at again: what was a file may have been exchanged for a pipe, which would not end, or for a device. */
	int in = sys_openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	int found = in < 0 ? in : sys_statx(in, &st);
	if (found >= 0 && (st.stx_mode & STAT_TYPE) != STAT_FILE)
		found = -EAGAIN;
	int out = found < 0 ? found : sys_openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	long r = out < 0 ? out : 1;
	while (r > 0)
		r = SYS4(sendfile, out, in, NULL, 1 << 20);
	if (in >= 0)
		sys_close(in);
	if (out >= 0)
		sys_close(out);
	return r < 0 ? (int)r : 0;
}

static int copy_link(int from, int to, const char *name)
{
	char target[PATH_ROOM];
	long n = SYS4(readlinkat, from, name, target, sizeof(target) - 1);
	if (n < 0)
		return (int)n;
	target[n] = '\0';
	return (int)SYS3(symlinkat, target, to, name);
}

static int copy_directory(int from, int to, const char *name, int depth)
{
	int r = (int)SYS3(mkdirat, to, name, 0700);
	int in = r < 0 ? r : sys_openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	int out = in < 0 ? in : sys_openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	r = out < 0 ? out : copy_tree(in, out, depth + 1);
	if (in >= 0)
		sys_close(in);
	if (out >= 0)
		sys_close(out);
	return r;
}

static int copy_entry(int from, int to, const char *name, int depth)
{
	struct statx st;
	int r = (int)SYS5(statx, from, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st);
	if (r < 0)
		return r;
	switch (st.stx_mode & STAT_TYPE) {
	case STAT_DIRECTORY:
		r = copy_directory(from, to, name, depth);
		break;
	case STAT_FILE:
		r = copy_file(from, to, name);
		break;
	case STAT_LINK:
		r = copy_link(from, to, name);
		break;
	default:
		return 0; /* sockets, pipes and devices are not content */
	}
	return r < 0 ? r : copy_owner(to, name, &st);
}

static int copy_tree(int from, int to, int depth)
{
	char buffer[2048] __attribute__((aligned(8)));
	if (depth > DEPTH_MAX)
		return -ELOOP;
	for (;;) {
		long n = SYS3(getdents64, from, buffer, sizeof(buffer));
		if (n <= 0)
			return (int)n;
		for (long at = 0; at < n;) {
			const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
			at += entry->length;
			if (text_same(entry->name, ".") || text_same(entry->name, ".."))
				continue;
			int r = copy_entry(from, to, entry->name, depth);
			if (r < 0)
				return r;
		}
	}
}

int copy_up(struct child *child, int at, int mount)
{
	int in = sys_openat(at, ".", O_RDONLY | O_DIRECTORY, 0);
	int out = sys_openat(mount, ".", O_RDONLY | O_DIRECTORY, 0);
	int r = in < 0 ? in : out;
	if (r >= 0)
		r = copy_tree(in, out, 0);
	if (in >= 0)
		sys_close(in);
	if (out >= 0)
		sys_close(out);
	return r < 0 ? fail(child, r, "cannot copy what the tmpfs \"", op_text(child, child->op, 0), "\" covers", NULL) : 0;
}
