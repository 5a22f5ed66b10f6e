/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's side of the child: starting it from a memory file, and the conversation of runtime/child/protocol.h. */
#ifndef BSN_RUNTIME_PROCESS_H
#define BSN_RUNTIME_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/child/protocol.h"

struct bsn_child {
	pid_t pid;
	int pidfd;
	int channel; /* our end */
};

#define BSN_CHILD_INIT                                                                                                           \
	{                                                                                                                        \
		.pid = -1, .pidfd = -1, .channel = -1                                                                            \
	}

/* Closes the descriptors; the process stays what it is. */
void bsn_child_release(struct bsn_child *child);
#define auto_child __attribute__((cleanup(bsn_child_release)))

struct bsn_child_start {
	uint64_t flags;  /* CLONE_NEW... */
	int cgroup;      /* the directory of the cgroup to start in; -1: ours */
	int list;        /* what bsn_list_write made */
	int channel;     /* the child's end */
	const int *pass; /* further descriptors to hand over; -1s are skipped */
	size_t pass_count;
};

/* Starts the child program. channel of *child is not touched. */
int bsn_child_start(const struct bsn_child_start *start, struct bsn_child *child, struct basin_error *err);

/*
 * The next message; *ret_fd (may be NULL) is a descriptor that came along or -1. 1, or 0 at the end of the channel. A message of type
 * ERROR becomes the failure that it tells of.
 */
int bsn_child_receive(int channel, struct bsn_message *ret_message, int *ret_fd, struct basin_error *err);
/* The same where only one type may come: the end or another type is a protocol error. */
int bsn_child_expect(int channel, uint32_t type, struct bsn_message *ret_message, int *ret_fd, struct basin_error *err);
/* fd: a descriptor to send along, or -1. */
int bsn_child_send(int channel, uint32_t type, int fd, struct basin_error *err);

/* Kills the child and waits for it; for one that failed before anybody else could. */
void bsn_child_kill(struct bsn_child *child);

#endif
