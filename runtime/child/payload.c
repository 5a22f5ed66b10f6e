/* SPDX-License-Identifier: Apache-2.0 */
/* The last steps: the wait for start, finding the program and becoming it. */
#include "runtime/child/child.h"

#define SA_RESTORER  0x04000000u
#define PASSWD_READS 512 /* of at most 4 KiB */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void close_rest(struct child *child, unsigned int flags)
{
	SYS3(close_range, 3 + child->keep_fds, ~0u, flags);
}

int op_hooks(struct child *child, const struct bsn_op *op)
{
	(void)op;
	int r = send_message(child->channel, BSN_MESSAGE_HOOKS, 0, child->op_number, "", -1);
	return r < 0 ? r : expect_message(child->channel, BSN_MESSAGE_HOOKS_DONE, &child->state);
}

__attribute__((noreturn)) static void end_by(int signal)
{
	leave(128 + signal);
}

/*
 * The first process of a pid namespace gets no signal that it has no handler for, but SIGKILL. One that waits to be started must end when
 * it is asked to. The payload's execve takes the handlers away.
 */
static void end_when_asked(void)
{
	static const uint8_t signals[] = { 1 /* HUP */, 2 /* INT */, 3 /* QUIT */, 15 /* TERM */ };
	/* struct kernel_sigaction: handler, flags, restorer (wanted, but never returned to), mask */
	uint64_t action[4] = { (uint64_t)(uintptr_t)end_by, SA_RESTORER, (uint64_t)(uintptr_t)end_by, 0 };
	for (size_t i = 0; i < ARRAY_COUNT(signals); i++)
		SYS4(rt_sigaction, signals[i], action, NULL, 8);
}

/* The lowest descriptor from `from` on that this process will still use; -1: none. */
static int next_needed(const struct child *child, const struct bsn_op *op, int from)
{
	const int ours[] = { child->channel, child->report, child->proc, child->root, child->state, child->terminal };
	int lowest = -1;
	for (size_t i = 0; i < ARRAY_COUNT(ours); i++)
		if (ours[i] >= from && (lowest < 0 || ours[i] < lowest))
			lowest = ours[i];
	/* What is still to be done names the others. */
	for (uint32_t i = child->op_number; i <= child->op_count; i++, op++)
		if (op->fd >= from && (lowest < 0 || op->fd < lowest))
			lowest = op->fd;
	return lowest;
}

void close_unneeded(const struct child *child, const struct bsn_op *op)
{
	int from = 3 + (int)child->keep_fds;
	for (int needed; (needed = next_needed(child, op, from)) >= 0; from = needed + 1)
		if (needed > from)
			SYS3(close_range, from, needed - 1, 0);
	SYS3(close_range, from, ~0u, 0);
}

int op_ready(struct child *child, const struct bsn_op *op)
{
	int state = -1;
	/* First: who hears READY may look and ask at once, and a container that waits to be started be looked into with exec. */
	if (op->flags & BSN_OP_F_SOCKET) {
		close_unneeded(child, op);
		end_when_asked();
	}
	int r = send_message(child->channel, BSN_MESSAGE_READY, 0, child->op_number, "", -1);
	if (r < 0 || op->number[0] == 0)
		return r;
	if (op->flags & BSN_OP_F_SOCKET) {
		child->report = -1;
		do
			r = (int)SYS4(accept4, op->fd, NULL, NULL, 0x80000 /* SOCK_CLOEXEC */);
		while (r == -EINTR || r == -ECONNABORTED);
		if (r < 0)
			return r;
		child->report = r;
		sys_close(op->fd);
		sys_close(child->channel);
		child->channel = -1;
	}
	r = expect_message(child->report, BSN_MESSAGE_START, &state);
	if (state >= 0)
		child->state = state;
	return r;
}

/* --- the program --- */

static const char *search_path(char **envp)
{
	for (; envp != NULL && *envp != NULL; envp++)
		if (text_starts(*envp, "PATH="))
			return *envp + 5;
	return DEFAULT_PATH;
}

/* Whether path is a file that somebody may execute. */
static int check_program(const char *path)
{
	struct statx st;
	int r = (int)SYS5(statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &st);
	if (r < 0)
		return r;
	/* As execve says it, and as engines know a command that cannot be invoked (status 126). */
	int directory = (st.stx_mode & STAT_TYPE) == STAT_DIRECTORY;
	return directory || (st.stx_mode & 0111) == 0 ? -EACCES : 0;
}

static int search(struct child *child, const char *name)
{
	int refused = 0;
	for (const char *at = search_path(child->envp);;) {
		size_t length = 0;
		while (at[length] != '\0' && at[length] != ':' && length + 2 < sizeof(child->program)) {
			child->program[length] = at[length];
			length++;
		}
		at += length;
		if (length == 0)
			child->program[length++] = '.';
		child->program[length++] = '/';
		length = text_add(child->program, length, sizeof(child->program), name);
		int r = check_program(child->program);
		if (r == 0)
			return 0;
		if (r == -EACCES)
			refused = 1;
		while (*at != '\0' && *at != ':')
			at++;
		if (*at++ == '\0')
			break;
	}
	child->program[0] = '\0';
	return refused ? -EACCES : -ENOENT;
}

/* The next field of a line of passwd(5), ended at its colon; *at moves behind it. */
static char *next_field(char **at)
{
	char *field = *at;
	while (**at != '\0' && **at != ':')
		(*at)++;
	if (**at == ':')
		*(*at)++ = '\0';
	return field;
}

/* The home directory of the user with that number, when the line is his. */
static const char *home_in(char *line, const char *uid)
{
	char *field = NULL;
	char *at = line;
	int ours = 0;
	for (int i = 0; i < 6; i++) {
		field = next_field(&at);
		if (i == 2)
			ours = text_same(field, uid);
	}
	return ours && field[0] == '/' ? field : NULL;
}

/* The whole lines of text, of which *length bytes are there; what is behind the last of them moves to the beginning. */
static const char *home_in_lines(char *text, size_t *length, const char *uid)
{
	size_t from = 0;
	for (size_t at = 0; at < *length; at++) {
		if (text[at] != '\n')
			continue;
		text[at] = '\0';
		const char *found = home_in(text + from, uid);
		if (found != NULL)
			return found;
		from = at + 1;
	}
	for (size_t at = from; at < *length; at++)
		text[at - from] = text[at];
	*length -= from;
	text[*length] = '\0';
	return NULL;
}

/*
 * Fills in "HOME=": "/" stays where the container's own passwd does not know the user. It may be any file, or none: what is not there yet is
 * not waited for, and what does not end is left.
 */
static void find_home(char *home, size_t room, uint64_t uid)
{
	char passwd[4096];
	char digits[24];
	const char *wanted = text_number(digits, (int64_t)uid);
	const char *found = NULL;
	size_t length = 0;
	int fd = sys_openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	for (int reads = 0; fd >= 0 && found == NULL && reads < PASSWD_READS && length < sizeof(passwd) - 1; reads++) {
		long n = SYS3(read, fd, passwd + length, sizeof(passwd) - 1 - length);
		length += n > 0 ? (size_t)n : 0;
		/* The last line may have no end. */
		if (n <= 0 && length > 0)
			passwd[length++] = '\n';
		found = home_in_lines(passwd, &length, wanted);
		if (n <= 0)
			break;
	}
	if (fd >= 0)
		sys_close(fd);
	if (found != NULL && text_length(found) + sizeof("HOME=") <= room)
		text_add(home, sizeof("HOME=") - 1, room, found);
}

int op_lookup(struct child *child, const struct bsn_op *op)
{
	if (op->text[2] != 0)
		find_home(child->base + op->text[2], op->count, op->number[0]);
	child->argv = op_vector(child, op, 0);
	child->envp = op_vector(child, op, 1);
	const char *name = child->argv[0];
	int slash = 0;
	for (const char *at = name; *at != '\0'; at++)
		slash |= *at == '/';
	int r = name[0] == '\0' ? -ENOENT : slash ? check_program(name) : search(child, name);
	if (slash)
		text_add(child->program, 0, sizeof(child->program), name);
	if (r == -ENOENT && !slash)
		return fail_plain(child, r, "exec: \"", name, "\": executable file not found in $PATH", NULL);
	return r < 0 ? fail(child, r, "exec: \"", name, "\"", NULL) : 0;
}

int op_exec(struct child *child, const struct bsn_op *op)
{
	(void)op;
	int r = (int)SYS3(execve, child->program, child->argv, child->envp);
	return fail(child, r, "exec ", child->program, NULL, NULL);
}
