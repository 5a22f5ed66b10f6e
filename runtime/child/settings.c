/* SPDX-License-Identifier: Apache-2.0 */
/* What a process has of its own: limits, session, scheduling, umask, personality. One system call each. */
#include "runtime/child/child.h"

#define KEYCTL_JOIN_SESSION_KEYRING 1
#define KEYCTL_SETPERM              5
#define IOPRIO_WHO_PROCESS          1
#define CPUS_MAX                    8192

int op_rlimit(struct child *child, const struct bsn_op *op)
{
	uint64_t limit[2] = { op->number[1], op->number[2] };
	uint64_t now[2];
	if (op->number[3] != 0) {
		int known = (int)SYS4(prlimit64, 0, op->number[0], NULL, now);
		if (known < 0 || limit[1] <= now[1])
			return known;
		limit[0] = now[0];
	}
	int r = (int)SYS4(prlimit64, 0, op->number[0], limit, NULL);
	if (r == -EPERM)
		return fail_plain(child, r, "cannot raise the hard limit of ", op_text(child, op, 0),
				  ": that takes CAP_SYS_RESOURCE; ask for at most what the caller has", NULL);
	return r;
}

int op_session(struct child *child, const struct bsn_op *op)
{
	(void)child;
	(void)op;
	int r = (int)SYS0(setsid);
	return r == -EPERM ? 0 : r; /* leads one already */
}

int op_keyring(struct child *child, const struct bsn_op *op)
{
	long r = SYS2(keyctl, KEYCTL_JOIN_SESSION_KEYRING, op_text(child, op, 0));
	/* A kernel without keys, or a user over the quota of them, is no reason not to run. */
	if (r == -ENOSYS || r == -EDQUOT)
		return 0;
	if (r < 0 || op->number[0] == 0)
		return r < 0 ? (int)r : 0;
	/* EACCES: one of that name is there already, and belongs to another user who may not be told apart from ours by its name. */
	r = SYS3(keyctl, KEYCTL_SETPERM, r, op->number[0]);
	return r == -EACCES || r >= 0 ? 0 : (int)r;
}

int op_scheduler(struct child *child, const struct bsn_op *op)
{
	int r = (int)SYS3(sched_setattr, 0, op_bytes(child, op, 0), 0);
	return r == -EPERM && op->text[1] != 0 ? fail_plain(child, r, op_text(child, op, 1), NULL, NULL, NULL) : r;
}

int op_io_priority(struct child *child, const struct bsn_op *op)
{
	(void)child;
	return (int)SYS3(ioprio_set, IOPRIO_WHO_PROCESS, 0, op->number[0]);
}

int op_affinity(struct child *child, const struct bsn_op *op)
{
	uint64_t all[CPUS_MAX / 64];
	if (op->count > 0)
		return (int)SYS3(sched_setaffinity, 0, op->count, op_bytes(child, op, 0));
	for (size_t i = 0; i < ARRAY_COUNT(all); i++)
		all[i] = ~0ull;
	/* The kernel cuts it to what the cgroup has. Where that cannot be asked for, the caller's CPUs are better than no container. */
	SYS3(sched_setaffinity, 0, sizeof(all), all);
	return 0;
}

int op_memory_policy(struct child *child, const struct bsn_op *op)
{
	return (int)SYS3(set_mempolicy, op->number[0], op_bytes(child, op, 0), op->count * 8u + (op->count > 0 ? 1 : 0));
}

int op_personality(struct child *child, const struct bsn_op *op)
{
	(void)child;
	return (int)SYS1(personality, op->number[0]);
}

int op_umask(struct child *child, const struct bsn_op *op)
{
	(void)child;
	return (int)SYS1(umask, op->number[0]) < 0 ? -EINVAL : 0;
}
