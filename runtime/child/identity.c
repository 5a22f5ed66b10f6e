/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the payload is and what it may do. The order is: bounding set (needs CAP_SETPCAP), ids with the permitted set kept across
 * them, the sets themselves, no_new_privs, the filter.
 */
#include "runtime/child/child.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#define CAPABILITIES_MAX 64

/* linux/filter.h's struct sock_fprog, with the program as bytes. */
struct program {
	uint16_t length;
	const void *code;
};

int op_bounding(struct child *child, const struct bsn_op *op)
{
	(void)child;
	for (int cap = 0; cap < CAPABILITIES_MAX; cap++) {
		if (op->number[0] >> cap & 1)
			continue;
		int r = (int)SYS5(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
		if (r == -EINVAL)
			break; /* the kernel knows no more of them */
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A user other than root must be able to open its own streams anew (/dev/stdout). Only pipes are given away, with their group, as crun does: a
 * terminal is made for its user (console.c), and a file or device of the host that happens to be a stream stays whose it is.
 */
static void give_streams(uint64_t uid, uint64_t gid)
{
	struct statx st;
	for (int fd = 0; uid != 0 && fd < 3; fd++)
		if (sys_statx(fd, &st) >= 0 && (st.stx_mode & STAT_TYPE) == STAT_FIFO && (st.stx_uid != uid || st.stx_gid != gid))
			SYS5(fchownat, fd, "", uid, gid, AT_EMPTY_PATH);
}

static int refuse_id(struct child *child, int r, const char *call, const char *kind, uint64_t id)
{
	char digits[24];
	char words[64];
	size_t at = text_add(words, 0, sizeof(words), "cannot ");
	at = text_add(words, at, sizeof(words), call);
	at = text_add(words, at, sizeof(words), r == -EINVAL ? " to unmapped " : " to ");
	text_add(words, at, sizeof(words), kind);
	if (r == -EINVAL)
		return fail_plain(child, r, words, " ", text_number(digits, (int64_t)id), " in user namespace");
	return fail(child, r, words, " ", text_number(digits, (int64_t)id), NULL);
}

int op_user(struct child *child, const struct bsn_op *op)
{
	give_streams(op->number[0], op->number[1]);
	int r = (int)SYS5(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (r >= 0 && !(op->flags & BSN_OP_F_NO_GROUPS)) {
		r = (int)SYS2(setgroups, op->count, op_bytes(child, op, 0));
		/* Where an unprivileged maker of a user namespace had to give it up there is no way to drop groups either. */
		if (r == -EPERM && op->count == 0)
			r = 0;
		if (r < 0)
			return fail(child, r, "cannot set process.user.additionalGids", NULL, NULL, NULL);
	}
	if (r >= 0)
		r = (int)SYS3(setresgid, op->number[1], op->number[1], op->number[1]);
	if (r < 0)
		return refuse_id(child, r, "setgid", "gid", op->number[1]);
	r = (int)SYS3(setresuid, op->number[0], op->number[0], op->number[0]);
	if (r < 0)
		return refuse_id(child, r, "setuid", "uid", op->number[0]);
	return (int)SYS5(prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0);
}

int op_caps(struct child *child, const struct bsn_op *op)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	char digits[24];
	for (int half = 0; half < 2; half++) {
		data[half].effective = (uint32_t)(op->number[0] >> (32 * half));
		data[half].permitted = (uint32_t)(op->number[1] >> (32 * half));
		data[half].inheritable = (uint32_t)(op->number[2] >> (32 * half));
	}
	SYS5(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	int r = (int)SYS2(capset, &header, data);
	for (int cap = 0; r >= 0 && cap < CAPABILITIES_MAX; cap++) {
		/* Only what is permitted and inheritable can be ambient; the rest of the wish is dropped, as runc does. */
		if (!((op->number[3] & op->number[1] & op->number[2]) >> cap & 1))
			continue;
		r = (int)SYS5(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
		if (r < 0)
			return fail(child, r, "cannot raise the ambient capability number ", text_number(digits, cap), NULL,
				    NULL);
	}
	return r;
}

int op_no_new_privs(struct child *child, const struct bsn_op *op)
{
	(void)child;
	(void)op;
	return (int)SYS5(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/*
 * The agent's descriptor. From here on the filter holds, for this program too: only write(2), which no filter may hand to its agent, and
 * read(2), which the agent answers once it has the descriptor. It is closed by the payload's execve.
 */
static int hand_on_listener(struct child *child, int fd)
{
	struct bsn_message message;
	long r;
	message.type = BSN_MESSAGE_LISTENER;
	message.value = fd;
	message.op = child->op_number;
	r = SYS3(write, child->report, &message, BSN_MESSAGE_HEAD);
	if (r < 0)
		return (int)r;
	do
		r = SYS3(read, child->report, &message, sizeof(message));
	while (r == -EINTR);
	if (r <= 0)
		return r < 0 ? (int)r : -EPIPE;
	return message.type == BSN_MESSAGE_LISTENER_TAKEN ? 0 : -EPROTO;
}

int op_seccomp(struct child *child, const struct bsn_op *op)
{
	struct program program = { (uint16_t)op->count, op_bytes(child, op, 0) };
	int r = (int)SYS3(seccomp, SECCOMP_SET_MODE_FILTER, op->number[0], &program);
	return r >= 0 && op->flags & BSN_OP_F_LISTENER ? hand_on_listener(child, r) : r;
}
