/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes between basin (the parent) and the child program that turns a cloned process into a container's first process, or into
 * a process that `exec` adds. Both sides include this file; it needs no C library.
 *
 * The list. Everything the child will do was decided by the parent. It is one flat block of memory in an anonymous file: a header, a
 * blob of strings, vectors of strings and binary data that operations name by their offset, and an array of operations. The child maps
 * it, checks every offset once, and carries the operations out in order; the first one that fails ends it.
 *
 * The ladder. Messages go over one SOCK_SEQPACKET pair (`channel`), one per record. A side that gets something else than the
 * ladder allows at that point has found a protocol error and says so.
 *
 *     parent                                     child
 *     clone3, execveat ------------------------>
 *     GO ------------------------------------->   where it enters a container, or a user namespace that exists: the runtime has done
 *                                                 all that it must reach the process for
 *                      <----- FORKED pid -------  a joiner only: it has entered existing namespaces and cloned its successor
 *     GO ------------------------------------->   where a user namespace is made: maps and limits are written
 *                      <----- MAP_IDS fd -------  a mount of something in the container wants its ids mapped (value: which of the config's)
 *     IDS_MAPPED ---------------------------->
 *                      <----- HOOKS ------------  hooks that run before the pivot: mounts are made, the old root is still there
 *     HOOKS_DONE [state] --------------------->   the runtime's hooks have run; state is the document for the container's own
 *                      <----- CONSOLE [fd] -----  the terminal's master
 *                      <----- READY ------------  all is set up
 *     START [state] -------------------------->   over the channel (run, exec), or over a connection to the start socket (start)
 *                      <----- LISTENER number --  a filter with an agent is loaded; by write(2), since the filter may forbid the rest
 *     LISTENER_TAKEN ------------------------->   the descriptor of that number was fetched and the agent has it
 *                      <----- ERROR or EOF -----  end of file: execve succeeded
 *
 * GO comes once. Of an exec, CONSOLE may come before FORKED. ERROR can come instead of anything the child sends. With the start socket what follows it goes to the connection.
 */
#ifndef BSN_RUNTIME_CHILD_PROTOCOL_H
#define BSN_RUNTIME_CHILD_PROTOCOL_H

#include <stdint.h>

#define BSN_LIST_MAGIC 0x31747362u /* "bst1" */
#define BSN_LIST_MAX   (8u << 20)
#define BSN_OP_TEXTS   3
#define BSN_OP_NUMBERS 4

struct bsn_list {
	uint32_t magic;
	uint32_t size; /* of the whole, header included */
	uint32_t op_count;
	uint32_t ops_at;     /* where the array of operations is: after the blob, on a multiple of 8 */
	int32_t channel;     /* descriptor of the child's end */
	uint32_t keep_fds;   /* the payload keeps descriptors 0 to 2 and this many more */
	uint32_t fault;      /* in a FAULT build: the operation, counted from 1, that fails; 0: none */
	uint32_t fault_kill; /* ... by SIGKILL instead of an error */
	uint32_t wait_open;  /* may be looked into (/proc/PID/uid_map) by an unprivileged parent until GO */
	uint32_t
		old_mounts; /* there is no open_tree(2) and its kin here: mount(2) is to be used, and no mount comes as a descriptor */
};

struct bsn_op {
	uint16_t code; /* enum bsn_op_code */
	uint16_t flags;
	int32_t fd;                  /* a descriptor handed over, or -1 */
	uint32_t text[BSN_OP_TEXTS]; /* offsets from the start of the list; 0: none */
	uint32_t count;              /* of a vector or of bytes, where an operation has one */
	uint64_t number[BSN_OP_NUMBERS];
};

/*
 * A vector of strings is an array of 64-bit offsets, ended by 0; the child turns them into pointers where they are.
 * T0.. are text[], N0.. number[], C count, D descriptor.
 */
enum bsn_op_code {
	BSN_OP_NONE,
	/* --- who and where --- */
	BSN_OP_PROC,    /* D the host's /proc, for writes to self/ and sys/; without D: it is no more needed */
	BSN_OP_WAIT_GO, /* until maps and limits are written */
	BSN_OP_JOIN, /* D a namespace, N0 its CLONE_NEW flag, T0 its path, T1 its kind; F_TRY: EPERM is for a second attempt to solve */
	BSN_OP_JOIN_PROCESS, /* D a pidfd, N0 CLONE_NEW flags */
	BSN_OP_TIME,    /* a new time namespace for what is forked next; T0 the offsets as /proc/self/timens_offsets wants them */
	BSN_OP_FORK,    /* N0 CLONE_NEW flags: the successor is the parent's child; this process ends */
	BSN_OP_UNSHARE, /* N0 CLONE_NEW flags */
	BSN_OP_BECOME_ROOT, /* N0 uid, N1 gid: 0, or the least that the user namespace has; F_NO_GROUPS */
	BSN_OP_HOSTNAME,    /* T0 */
	BSN_OP_DOMAINNAME,  /* T0 */
	BSN_OP_SYSCTL,      /* T0 path below /proc/sys, T1 value */
	BSN_OP_PROC_WRITE,  /* T0 path below /proc/self, T1 value, T2 what it is, for messages; N0 1: T2 is an AppArmor profile */
	BSN_OP_RLIMIT,      /* N0 resource, N1 soft, N2 hard, T0 name; N3 1: only its hard limit, and only up */
	BSN_OP_SESSION,     /* setsid */
	BSN_OP_KEYRING,     /* T0 name; N0 the permissions it gets, 0: as it is */
	BSN_OP_NETWORK,     /* waits for NETWORK, whose descriptor is the network namespace to join */
	BSN_OP_LOOPBACK,    /* the interface lo of a new network namespace goes up */
	/* --- mounts; destinations are resolved inside the root --- */
	BSN_OP_PROPAGATE, /* N0 MS_ flags, on "/" */
	BSN_OP_UNMOUNT,   /* T0, never below /proc and /sys */
	BSN_OP_ROOT, /* nothing: the root that is there. D the detached root (without D: T1 is its path, to be cloned here), T0 where to attach, N0 propagation */
	BSN_OP_ROOT_PROPAGATE, /* N0: of "/" once it is the container's */
	BSN_OP_MOUNT, /* a new file system: T0 destination, T1 type, T2 vector of options, N0 attributes, N1 propagation; F_OLD: N2 MS_ flags */
	BSN_OP_ATTACH, /* D a detached mount, T0 destination, T1 its source, N0 attributes to set | << 32 to clear, N1 those that must not
			* stay, N2 propagation, N3 as N0 for it and all below. Without D the source is cloned here (F_RECURSIVE,
			* F_NO_FOLLOW); F_IN_ROOT: T1 is a path in the container; F_MAP_IDS: the parent maps the ids, C is the mount's
			* number + 1 in the config */
	BSN_OP_REMOUNT,   /* T0 destination, N0, N1, N3 as for ATTACH; T2 a vector of options for its file system */
	BSN_OP_DIRECTORY, /* T0 made if missing, N0 mode */
	BSN_OP_DEVICE, /* T0 path, N0 mode with type, N1 major << 32 | minor, N2 uid, N3 gid; F_BIND: T0 of the host (C > 0: of DEVICES),
			* not a node; F_TRY: another file that is there is left alone */
	BSN_OP_SYMLINK, /* T0 path, T1 target; a file that is there stays. F_MOVE: it goes; F_TRY: it must be the same link */
	BSN_OP_DEVICES, /* D a detached file system whose files, named by DEVICE's C in decimal, are device nodes to mount from here on;
			   * without D: they are no more needed */
	BSN_OP_CONSOLE, /* a terminal for the standard streams; N0 height, N1 width, N2 owner, N3 1: lines end as they were written (no ONLCR);
			   * F_BIND: put it at /dev/console; sends the master */
	BSN_OP_CONTROL,   /* it controls the session that this process leads */
	BSN_OP_HOOKS,     /* asks the parent to run its hooks, takes the state document */
	BSN_OP_MASK,      /* T0; nothing there is fine */
	BSN_OP_READ_ONLY, /* T0; nothing there is fine */
	BSN_OP_HIDE,      /* T0: the host's mount there is taken away, or covered */
	BSN_OP_NULL,      /* bit i of N0: descriptor i is the host's null device, and becomes the container's */
	BSN_OP_PIVOT,     /* F_MOVE: by MS_MOVE and chroot, where pivot_root cannot work */
	BSN_OP_CHROOT,    /* the same in the host's mount namespace */
	/* --- the process --- */
	BSN_OP_CHDIR,         /* T0; refused when it is outside the root; F_TRY: a later one will solve EACCES */
	BSN_OP_SCHEDULER,     /* T0 a struct sched_attr, C its size; T1 what EPERM means, in words */
	BSN_OP_IO_PRIORITY,   /* N0 */
	BSN_OP_AFFINITY,      /* T0 a cpu_set as bytes, C its size; C 0: every CPU that the cgroup allows */
	BSN_OP_MEMORY_POLICY, /* N0 mode with flags, T0 the nodes as bytes, C their size */
	BSN_OP_PERSONALITY,   /* N0 */
	BSN_OP_UMASK,         /* N0 */
	BSN_OP_BOUNDING,      /* N0 the set that stays */
	BSN_OP_USER,          /* N0 uid, N1 gid, T0 groups as uint32_t, C how many; F_NO_GROUPS: they stay as they are;
			   * F_TRY: where they cannot be set too */
	BSN_OP_CAPS,          /* N0 effective, N1 permitted, N2 inheritable, N3 ambient */
	BSN_OP_NO_NEW_PRIVS,
	BSN_OP_SECCOMP, /* T0 a BPF program, C instructions, N0 SECCOMP_FILTER_FLAG_s; F_LISTENER: hands on what loading it returns */
	BSN_OP_LOOKUP, /* T0 vector: argv; T1 vector: environment. Finds argv[0]. T2: "HOME=/" with room for C bytes in all, to be
			 * filled in for user N0 from the container's /etc/passwd */
	BSN_OP_READY,  /* says so; N0: then waits for START (F_SOCKET: on D, a listening socket) */
	BSN_OP_HOOK_OUTPUT, /* D a file that hooks' standard output (N0 1) or error (2) is appended to */
	BSN_OP_HOOK, /* T0 path, T1 vector argv, T2 vector environment (without: that of LOOKUP), N0 seconds, N1 its number among its kind; N2:
			* it is of createContainer, whose working directory is the container's root; else of startContainer */
	BSN_OP_EXEC, /* execve of what LOOKUP found */
	BSN_OP_INIT, /* stays, as pid 1: the operations that follow are the payload's, done by a child of it */
	BSN_OP_IDLE, /* stays, as pid 1, with no payload: waits for a signal to end */
	BSN_OP_CODES
};

#define BSN_OP_F_TRY          1u
#define BSN_OP_F_RECURSIVE    2u
#define BSN_OP_F_BIND         4u
#define BSN_OP_F_MOVE         8u
#define BSN_OP_F_SOCKET       16u
#define BSN_OP_F_NO_GROUPS    32u
#define BSN_OP_F_MOUNTED      32u /* MASK: only where something is mounted */
#define BSN_OP_F_INHERIT_MODE 64u /* MOUNT of tmpfs: no mode= was given, take that of the directory underneath */
#define BSN_OP_F_LISTENER     256u
#define BSN_OP_F_NO_FOLLOW                                                                                                       \
	128u /* MOUNT: the destination must not be reached through a link; ATTACH: a source that is one is taken */
#define BSN_OP_F_OLD      256u  /* MOUNT by mount(2), for what fsconfig(2) cannot say */
#define BSN_OP_F_FALLBACK 512u  /* MOUNT: where the kernel refuses, attach D, or a clone of the host's same path */
#define BSN_OP_F_COPY_UP  1024u /* MOUNT of tmpfs: fill it with what it covers */
#define BSN_OP_F_LOCKED   2048u /* ATTACH: what the source's mount forbids stays forbidden, as in a user namespace */
#define BSN_OP_F_LINK     4096u /* the mount covers the destination's last part even if that is a symbolic link */
#define BSN_OP_F_IN_ROOT  8192u
#define BSN_OP_F_MAP_IDS  16384u
#define BSN_OP_F_PROC     32768u /* ATTACH: only a procfs may go there */

/*
 * Changes of a mount's propagation in their order, one byte each from the lowest up; 0 ends them. Access-time attributes: as
 * mount_setattr(2) has them.
 */
#define BSN_PROPAGATION_PRIVATE    1u
#define BSN_PROPAGATION_SLAVE      2u
#define BSN_PROPAGATION_SHARED     3u
#define BSN_PROPAGATION_UNBINDABLE 4u
#define BSN_PROPAGATION_RECURSIVE  8u
#define BSN_PROPAGATION_MAX        8

enum bsn_message_type {
	BSN_MESSAGE_NONE,
	BSN_MESSAGE_FORKED,
	BSN_MESSAGE_GO,
	BSN_MESSAGE_NETWORK,
	BSN_MESSAGE_HOOKS,
	BSN_MESSAGE_HOOKS_DONE,
	BSN_MESSAGE_CONSOLE,
	BSN_MESSAGE_MAP_IDS,
	BSN_MESSAGE_IDS_MAPPED,
	BSN_MESSAGE_READY,
	BSN_MESSAGE_START,
	BSN_MESSAGE_LISTENER,
	BSN_MESSAGE_LISTENER_TAKEN,
	BSN_MESSAGE_ERROR
};

/* text is cut at its end: a message is the three numbers and strlen(text) bytes. */
struct bsn_message {
	uint32_t type;
	int32_t value; /* FORKED: the pid; LISTENER: the descriptor's number; ERROR: the errno, 0 where the text says it all */
	uint32_t op;   /* ERROR: the operation's number in the list */
	char text[500];
};

#define BSN_MESSAGE_HEAD 12u

#endif
