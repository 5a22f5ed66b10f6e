/* SPDX-License-Identifier: Apache-2.0 */
/* The child's side of the conversation: messages, descriptors that go with them, and how a failure is told. */
#include "runtime/child/child.h"

/* sendmsg(2)'s structures, as the kernel has them. */
struct iovec {
	void *base;
	size_t length;
};
struct header {
	void *name;
	uint32_t name_length;
	struct iovec *parts;
	size_t part_count;
	void *control;
	size_t control_length;
	uint32_t flags;
};
struct fd_message {
	size_t length;
	int32_t level; /* SOL_SOCKET */
	int32_t type;  /* SCM_RIGHTS */
	int32_t fd;
	int32_t pad;
};
#define SOCKET_LEVEL  1
#define RIGHTS        1
#define NO_SIGNAL     0x4000
#define CLOSE_ON_EXEC 0x40000000

static int add_text(struct child *child, const char *a, const char *b, const char *c, const char *d)
{
	const char *parts[] = { a, b, c, d };
	size_t at = 0;
	child->text[0] = '\0';
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
		if (parts[i] != NULL)
			at = text_add(child->text, at, sizeof(child->text), parts[i]);
	return 0;
}

int fail(struct child *child, int result, const char *a, const char *b, const char *c, const char *d)
{
	add_text(child, a, b, c, d);
	child->said_errno = 0;
	return result;
}

int fail_plain(struct child *child, int result, const char *a, const char *b, const char *c, const char *d)
{
	add_text(child, a, b, c, d);
	child->said_errno = 1;
	return result;
}

int send_message(int channel, uint32_t type, int32_t value, uint32_t op, const char *text, int fd)
{
	struct bsn_message message;
	message.type = type;
	message.value = value;
	message.op = op;
	size_t length = text_add(message.text, 0, sizeof(message.text), text);
	struct iovec part = { &message, BSN_MESSAGE_HEAD + length };
	struct fd_message rights = {
		.length = sizeof(rights) - sizeof(rights.pad), .level = SOCKET_LEVEL, .type = RIGHTS, .fd = fd
	};
	struct header header = { .parts = &part, .part_count = 1 };
	if (fd >= 0) {
		header.control = &rights;
		header.control_length = sizeof(rights);
	}
	long r;
	do
		r = SYS3(sendmsg, channel, &header, NO_SIGNAL);
	while (r == -EINTR);
	return r < 0 ? (int)r : 0;
}

int expect_message(int channel, uint32_t type, int *ret_fd)
{
	struct bsn_message message;
	message.type = BSN_MESSAGE_NONE;
	struct iovec part = { &message, sizeof(message) };
	struct fd_message rights = { .fd = -1 };
	struct header header = { .parts = &part, .part_count = 1, .control = &rights, .control_length = sizeof(rights) };
	long r;
	do
		r = SYS3(recvmsg, channel, &header, CLOSE_ON_EXEC);
	while (r == -EINTR);
	if (r <= 0)
		return r < 0 ? (int)r : -EPIPE;
	int fd = header.control_length >= sizeof(rights) - sizeof(rights.pad) && rights.type == RIGHTS ? rights.fd : -1;
	if (r < (long)BSN_MESSAGE_HEAD || message.type != type) {
		if (fd >= 0)
			sys_close(fd);
		return -EPROTO;
	}
	if (ret_fd != NULL)
		*ret_fd = fd;
	else if (fd >= 0)
		sys_close(fd);
	return 0;
}

void leave(int status)
{
	SYS1(exit_group, status);
	/* A seccomp filter may deny even that. */
	for (;;)
		__builtin_trap();
}

void report_failure(struct child *child, int result)
{
	if (child->report >= 0)
		send_message(child->report, BSN_MESSAGE_ERROR, child->said_errno ? 0 : -result, child->op_number, child->text,
			     -1);
	leave(1);
}
