/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child program: where it begins, the table of operations, and the loop over them.
 *
 * Started by execveat from a memory file with one argument, the list's descriptor in decimal. Nothing it does before the
 * payload's execve depends on the container: the list is complete, names inside the container are resolved beneath its root, and
 * the process cannot be traced (PR_SET_DUMPABLE is off) by what it joins.
 */
#include "runtime/child/child.h"

#include <linux/close_range.h>
#include <linux/prctl.h>

struct row {
	operation *run;
	const char *what; /* what to say when it fails and said nothing itself: what
                       "text[0]" */
};

static const struct row operations[BSN_OP_CODES] = {
	[BSN_OP_PROC] = { op_proc, "cannot use /proc" },
	[BSN_OP_WAIT_GO] = { op_wait_go, "waiting for the user namespace's maps" },
	[BSN_OP_JOIN] = { op_join, "cannot join the namespace" },
	[BSN_OP_JOIN_PROCESS] = { op_join_process, "cannot join the container's namespaces" },
	[BSN_OP_TIME] = { op_time, "cannot make a time namespace" },
	[BSN_OP_FORK] = { op_fork, "cannot make the container's first process" },
	[BSN_OP_UNSHARE] = { op_unshare, "cannot make the namespace" },
	[BSN_OP_BECOME_ROOT] = { op_become_root, "cannot become root of the user namespace" },
	[BSN_OP_HOSTNAME] = { op_hostname, "cannot set the host name" },
	[BSN_OP_DOMAINNAME] = { op_domainname, "cannot set the domain name" },
	[BSN_OP_SYSCTL] = { op_sysctl, "cannot set the sysctl" },
	[BSN_OP_PROC_WRITE] = { op_proc_write, "cannot write" },
	[BSN_OP_RLIMIT] = { op_rlimit, "cannot set the limit" },
	[BSN_OP_SESSION] = { op_session, "cannot begin a session" },
	[BSN_OP_KEYRING] = { op_keyring, "cannot make a session keyring" },
	[BSN_OP_NETWORK] = { op_network, "cannot join the new network namespace" },
	[BSN_OP_LOOPBACK] = { op_loopback, "cannot bring up the loopback interface" },
	[BSN_OP_PROPAGATE] = { op_propagate, "cannot change the propagation of mounts" },
	[BSN_OP_ROOT] = { op_root, "cannot attach the root file system at" },
	[BSN_OP_ROOT_PROPAGATE] = { op_root_propagate, "cannot change the propagation of the root" },
	[BSN_OP_MOUNT] = { op_mount, "cannot mount" },
	[BSN_OP_ATTACH] = { op_attach, "cannot mount" },
	[BSN_OP_REMOUNT] = { op_remount, "cannot change the mount" },
	[BSN_OP_UNMOUNT] = { op_unmount, "cannot unmount" },
	[BSN_OP_DIRECTORY] = { op_directory, "cannot make the directory" },
	[BSN_OP_DEVICE] = { op_device, "cannot make the device" },
	[BSN_OP_DEVICES] = { op_devices, "cannot use the devices that were made" },
	[BSN_OP_SYMLINK] = { op_symlink, "cannot make the link" },
	[BSN_OP_CONSOLE] = { op_console, "cannot make a terminal" },
	[BSN_OP_CONTROL] = { op_control, "cannot control the terminal" },
	[BSN_OP_HOOKS] = { op_hooks, "waiting for the hooks" },
	[BSN_OP_MASK] = { op_mask, "cannot mask" },
	[BSN_OP_READ_ONLY] = { op_read_only, "cannot make read-only" },
	[BSN_OP_HIDE] = { op_hide, "cannot hide the host's" },
	[BSN_OP_NULL] = { op_null, "cannot open the null device" },
	[BSN_OP_PIVOT] = { op_pivot, "cannot change the root" },
	[BSN_OP_CHROOT] = { op_chroot, "cannot change the root" },
	[BSN_OP_CHDIR] = { op_chdir, "cannot change to the directory" },
	[BSN_OP_SCHEDULER] = { op_scheduler, "cannot set process.scheduler" },
	[BSN_OP_IO_PRIORITY] = { op_io_priority, "cannot set process.ioPriority" },
	[BSN_OP_AFFINITY] = { op_affinity, "cannot set process.execCPUAffinity" },
	[BSN_OP_MEMORY_POLICY] = { op_memory_policy, "cannot set linux.memoryPolicy: set_mempolicy" },
	[BSN_OP_PERSONALITY] = { op_personality, "cannot set linux.personality" },
	[BSN_OP_UMASK] = { op_umask, "cannot set the umask" },
	[BSN_OP_BOUNDING] = { op_bounding, "cannot drop capabilities from the bounding set" },
	[BSN_OP_USER] = { op_user, "cannot become process.user" },
	[BSN_OP_CAPS] = { op_caps, "cannot set process.capabilities" },
	[BSN_OP_NO_NEW_PRIVS] = { op_no_new_privs, "cannot set no_new_privs" },
	[BSN_OP_SECCOMP] = { op_seccomp, "cannot load the seccomp filter" },
	[BSN_OP_LOOKUP] = { op_lookup, "cannot find the program" },
	[BSN_OP_READY] = { op_ready, "waiting for start" },
	[BSN_OP_HOOK_OUTPUT] = { op_hook_output, "" },
	[BSN_OP_HOOK] = { op_hook, "error running a hook" },
	[BSN_OP_EXEC] = { op_exec, "exec" },
	[BSN_OP_INIT] = { op_init, "cannot start the payload" },
	[BSN_OP_IDLE] = { op_idle, "cannot wait" },
};

const char *op_text(const struct child *child, const struct bsn_op *op, int which)
{
	return op->text[which] == 0 ? NULL : child->base + op->text[which];
}

char **op_vector(const struct child *child, const struct bsn_op *op, int which)
{
	return op->text[which] == 0 ? NULL : (char **)(void *)(child->base + op->text[which]);
}

const void *op_bytes(const struct child *child, const struct bsn_op *op, int which)
{
	return op->text[which] == 0 ? NULL : child->base + op->text[which];
}

static void gate(struct child *child, const struct bsn_list *list)
{
#ifdef BSN_FAULT
	if (list->fault != child->op_number)
		return;
	if (list->fault_kill)
		SYS2(kill, SYS0(getpid), 9);
	fail(child, -EIO, "a failure was asked for", NULL, NULL, NULL);
	report_failure(child, -EIO);
#else
	(void)child;
	(void)list;
#endif
}

void run_operations(struct child *child)
{
	const struct bsn_list *list = (const struct bsn_list *)(void *)child->base;
	const struct bsn_op *ops = (const struct bsn_op *)(void *)(child->base + list->ops_at);
	while (child->op_number < child->op_count) {
		const struct bsn_op *op = &ops[child->op_number++];
		const struct row *row = &operations[op->code];
		child->op = op;
		child->text[0] = '\0';
		child->said_errno = 0;
		gate(child, list);
		int r = row->run(child, op);
		if (r >= 0)
			continue;
		if (child->text[0] == '\0') {
			const char *subject =
				op->text[0] != 0 && (op->count == 0 || op->code == BSN_OP_DEVICE) ? op_text(child, op, 0) : NULL;
			fail(child, r, row->what, subject != NULL ? " \"" : NULL, subject, subject != NULL ? "\"" : NULL);
		}
		report_failure(child, r);
	}
	leave(0);
}

/* Turns a vector's offsets into pointers, once; whatever does not lie inside the list ends the program before it did anything. */
static int relocate(struct child *child, uint32_t offset)
{
	if (offset % sizeof(uint64_t) != 0)
		return -EINVAL;
	for (uint64_t at = offset;; at += sizeof(uint64_t)) {
		if (at + sizeof(uint64_t) > child->size)
			return -EINVAL;
		uint64_t *slot = (uint64_t *)(void *)(child->base + at);
		if (*slot == 0)
			return 0;
		if (*slot >= child->size)
			return -EINVAL;
		*slot = (uint64_t)(uintptr_t)(child->base + *slot);
	}
}

static int is_vector(const struct bsn_op *op, int which)
{
	return ((op->code == BSN_OP_MOUNT || op->code == BSN_OP_REMOUNT) && which == 2) ||
	       (op->code == BSN_OP_LOOKUP && which < 2) || (op->code == BSN_OP_HOOK && which > 0);
}

static int check_list(struct child *child)
{
	const struct bsn_list *list = (const struct bsn_list *)(void *)child->base;
	if (list->magic != BSN_LIST_MAGIC || list->size != child->size)
		return -EINVAL;
	/* The blob ends with a NUL, so that every text in it ends. */
	if (list->ops_at < sizeof(*list) || list->ops_at % 8 != 0 || list->ops_at > child->size ||
	    child->base[list->ops_at - 1] != '\0')
		return -EINVAL;
	if (list->op_count > (child->size - list->ops_at) / sizeof(struct bsn_op))
		return -EINVAL;
	const struct bsn_op *ops = (const struct bsn_op *)(void *)(child->base + list->ops_at);
	for (uint32_t i = 0; i < list->op_count; i++) {
		if (ops[i].code == BSN_OP_NONE || ops[i].code >= BSN_OP_CODES)
			return -EINVAL;
		for (int which = 0; which < BSN_OP_TEXTS; which++) {
			if (ops[i].text[which] >= list->ops_at)
				return -EINVAL;
			if (ops[i].text[which] != 0 && is_vector(&ops[i], which) && relocate(child, ops[i].text[which]) < 0)
				return -EINVAL;
		}
	}
	child->op_count = list->op_count;
	child->channel = list->channel;
	child->report = list->channel;
	child->keep_fds = list->keep_fds;
	child->old_mounts = list->old_mounts != 0;
	return 0;
}

static int map_list(struct child *child, int fd)
{
	struct statx st;
	int r = sys_statx(fd, &st);
	if (r < 0)
		return r;
	if (st.stx_size <= sizeof(struct bsn_list) || st.stx_size > BSN_LIST_MAX)
		return -EINVAL;
	long at = SYS6(mmap, 0, st.stx_size, 3 /* PROT_READ|WRITE */, 0x8002 /* MAP_PRIVATE|POPULATE */, fd, 0);
	if (at < 0 && at > -4096)
		return (int)at;
	child->base = (char *)at;
	child->size = (uint32_t)st.stx_size;
	sys_close(fd);
	return check_list(child);
}

/* Signals as a fresh program expects them: nothing blocked, nothing ignored. */
static void reset_signals(void)
{
	uint64_t none = 0;
	uint64_t action[4] = { 0 }; /* struct kernel_sigaction, SIG_DFL */
	SYS4(rt_sigprocmask, 2 /* SIG_SETMASK */, &none, 0, sizeof(none));
	for (int signal = 1; signal <= 64; signal++)
		SYS4(rt_sigaction, signal, action, 0, sizeof(none));
}

__attribute__((noreturn, used)) void child_main(const long *stack);
void child_main(const long *stack)
{
	struct child child;
	int fd = 0;
	char nothing[1] = "";
	char *digits = stack[0] > 1 ? (char *)stack[2] : nothing;

	/* Erased as it is read: where this stays as init it is no business of whoever looks at its arguments. */
	for (; *digits >= '0' && *digits <= '9' && fd < 1000000; *digits++ = '\0')
		fd = fd * 10 + (*digits - '0');
	child = (struct child){ .channel = -1,
				.report = -1,
				.proc = -1,
				.root = -1,
				.devpts = -1,
				.parent = -1,
				.devices = -1,
				.procfs = -1,
				.sysfs = -1,
				.mask_directory = -1,
				.mask_file = -1,
				.state = -1,
				.hook_output = { -1, -1 },
				.terminal = -1 };
	if (fd < 3 || map_list(&child, fd) < 0)
		leave(127);
	/* The parent hands over only what the list names, and all of that ends with the payload's execve. */
	close_rest(&child, CLOSE_RANGE_CLOEXEC);
	if (!((const struct bsn_list *)(void *)child.base)->wait_open)
		SYS5(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	reset_signals();
	run_operations(&child);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp,%ebp\n\tmov %rsp,%rdi\n\tand "
	"$-16,%rsp\n\tcall child_main\n\thlt\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29,#0\n\tmov x0,sp\n\tbl "
	"child_main\n\tbrk #1\n");
#endif
