/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child program's insides. Freestanding: no C library, no allocation, no global state but the one struct child on the stack
 * of the entry. Every operation returns 0 or a negative errno; fail() adds the words that say what it was doing.
 */
#ifndef BSN_RUNTIME_CHILD_CHILD_H
#define BSN_RUNTIME_CHILD_CHILD_H

#include "runtime/child/kernel.h"
#include "runtime/child/protocol.h"

#define PATH_ROOM 4096
/* By hand: no strlen calls at run time on literals. */
#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct child {
	char *base; /* the list */
	uint32_t size;
	const struct bsn_op *op; /* the one in work */
	uint32_t op_number;      /* counted from 1 */
	uint32_t op_count;
	int channel;             /* to the parent; -1 when that is over */
	int report;              /* where errors go: the channel, or a connection of the start
                  socket */
	int proc;                /* the host's /proc, or -1 */
	int root;                /* the container's root */
	int devpts;              /* the root of the new devpts, or -1 */
	int parent;              /* the directory that path_parent found last, or -1 */
	const char *parent_path; /* ... its path, which goes on after parent_length bytes */
	size_t parent_length;
	int devices;    /* a file system of device nodes, or -1 */
	int old_mounts; /* mount(2) only */
	int procfs;     /* what was mounted at /proc and at /sys, or -1 */
	int sysfs;
	int mask_directory; /* a detached empty tmpfs to hide directories with, or -1
                       */
	int mask_file;      /* the host's /dev/null, or -1 */
	int state;          /* the state document that the parent handed over, or -1 */
	int terminal;       /* our end of the terminal, or -1 */
	int placed;         /* the working directory is the payload's */
	int hook_output[2]; /* where standard output and error of hooks go, or -1 */
	uint32_t keep_fds;
	uint32_t joined; /* CLONE_NEW flags of the namespaces entered so far */
	char **argv;
	char **envp;
	char program[PATH_ROOM];                            /* what LOOKUP found */
	char text[sizeof(((struct bsn_message *)0)->text)]; /* what went wrong, for
                                                         the ERROR message */
	int said_errno;                                     /* the text explains the failure by itself */
};

/* --- text.c --- */
size_t text_length(const char *text);
int text_same(const char *a, const char *b);
int text_starts(const char *text, const char *prefix);
/* Appends to buffer of `room` bytes, cutting; returns the new length. */
size_t text_add(char *buffer, size_t at, size_t room, const char *text);
/* Decimal digits of value, in buffer of 24 bytes. */
const char *text_number(char *buffer, int64_t value);

/* --- report.c --- */
/* Sets the message, joined of up to four parts (NULL: none), and returns result. The errno is explained by the parent. */
int fail(struct child *child, int result, const char *a, const char *b, const char *c, const char *d);
/* The same for a message that needs no errno's explanation. */
int fail_plain(struct child *child, int result, const char *a, const char *b, const char *c, const char *d);
/* fd: a descriptor that goes along, or -1. */
int send_message(int channel, uint32_t type, int32_t value, uint32_t op, const char *text, int fd);
/* Waits for one message of that type; *ret_fd may be NULL. -EPROTO for another one, -EPIPE when the other side is gone. */
int expect_message(int channel, uint32_t type, int *ret_fd);
__attribute__((noreturn)) void leave(int status);
/* Reports the failure of the operation in work and ends. */
__attribute__((noreturn)) void report_failure(struct child *child, int result);

/* --- entry.c --- */
/* The text, vector or bytes of the operation, NULL when it has none. */
const char *op_text(const struct child *child, const struct bsn_op *op, int which);
char **op_vector(const struct child *child, const struct bsn_op *op, int which);
const void *op_bytes(const struct child *child, const struct bsn_op *op, int which);
/* Does the operations from the current one to the end of the list. */
__attribute__((noreturn)) void run_operations(struct child *child);

/* --- path.c --- */
/* Opens (O_PATH) what path names inside the root, never leaving it. */
int path_open(const struct child *child, const char *path, uint64_t resolve);
/* The same, making what is missing: directories, or at the end a file (type STAT_FILE). *ret_found (may be NULL) is of these: */
#define PATH_MADE 1 /* it was not there before */
#define PATH_PROC 2 /* links lead to /proc or into it */
int path_make(const struct child *child, const char *path, uint32_t type, uint32_t mode, int *ret_found);
/*
 * Opens the directory that path's last part is in, making it, and puts that part, without slashes after it, into name. The descriptor
 * belongs to the child and holds until path_forget, which every operation calls that mounts something.
 */
#define NAME_ROOM 256
int path_parent(struct child *child, const char *path, char *name);
void path_forget(struct child *child);

/* --- what the operations are made of --- */
typedef int operation(struct child *child, const struct bsn_op *op);

operation op_proc, op_wait_go, op_join, op_join_process, op_time, op_fork, op_unshare, op_become_root, op_hostname, op_domainname,
	op_sysctl, op_proc_write, op_network, op_loopback;                                  /* namespace.c */
operation op_mount, op_attach, op_remount, op_unmount, op_directory, op_mask, op_read_only; /* mount.c, attach.c, mask.c */
operation op_propagate, op_root, op_root_propagate, op_hide, op_pivot, op_chroot, op_chdir; /* root.c */
operation op_device, op_null, op_devices, op_symlink, op_console, op_control;               /* device.c, console.c */
operation op_rlimit, op_session, op_keyring, op_scheduler, op_io_priority, op_affinity, op_memory_policy, op_personality,
	op_umask;                                                     /* settings.c */
operation op_bounding, op_user, op_caps, op_no_new_privs, op_seccomp; /* identity.c */
operation op_hooks, op_lookup, op_ready, op_exec;                     /* payload.c */
operation op_hook, op_hook_output;                                    /* hook.c */
operation op_init, op_idle;                                           /* init.c */

/* Writes text to a file of procfs below dirfd, after making sure that it is one: a symbolic link or a bind mount cannot stand
 * for it. */
int proc_write(struct child *child, const char *path, const char *text);
/* --- mount.c --- */
/* A new file system of that type and those options, detached; a descriptor. */
int mount_detached(const char *type, char *const *options, uint64_t attributes);
/* Sets options ("key", "key=value") of the file system that fs configures. */
int configure(int fs, char *const *options);

/* --- place.c: where a mount goes, and how --- */
/* Opens the operation's destination, making it; *ret_made tells that it was not there. */
int place_open(struct child *child, const struct bsn_op *op, uint32_t type, int *ret_made);
/*
 * Puts `from`, a detached mount, at the open `at`, which is `path` in the container; without such mounts (old_mounts) what `from` is open
 * on is bound there (flags: AT_RECURSIVE). Takes both descriptors. Returns the new mount's root, open.
 */
int place_put(struct child *child, int from, int at, const char *path, unsigned int flags);
/* A clone of the mount that fd is open on, to be put somewhere (old_mounts: the same again). flags: AT_RECURSIVE */
int place_clone(const struct child *child, int fd, unsigned int flags);
/* Attributes of the mount whose root is open as fd; flags: AT_RECURSIVE. */
int place_attributes(const struct child *child, int fd, unsigned int flags, uint64_t set, uint64_t clear);
/* The changes (BSN_PROPAGATION_) in their order. */
int place_propagate(const struct child *child, int fd, uint64_t changes);
/* The mount is in its place: it gets its propagation, and becomes the root if that is where it went. Takes the descriptor. */
int place_settle(struct child *child, const struct bsn_op *op, int mount, uint64_t propagation);

/* --- attach.c --- */
/* What a user namespace keeps of a mount from outside; the access times, too. These four have the same numbers in statfs. */
#define LOCKABLE (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
/* The operation's attributes (N0, N1, N3) for the mount whose root is open as fd. */
int attach_attributes(struct child *child, const struct bsn_op *op, int fd);

/* --- old.c: the same with mount(2) --- */
int old_bind(int from, int at, unsigned int flags);
int old_attributes(int fd, unsigned int flags, uint64_t set, uint64_t clear);
int old_propagate(int fd, const char *path, unsigned long propagation);
/* A new file system at the open place: type, options as a vector, attributes, and flags as mount(2) has them. */
int old_file_system(int at, const char *type, char *const *options, uint64_t attributes, unsigned long flags);

/* Makes sure that fd is on a file system of that kind (statfs's f_type): 0 or -EXDEV. */
int check_file_system(int fd, uint64_t magic);
#define PROC_MAGIC  0x9fa0
#define SYSFS_MAGIC 0x62656572
/* Copies what the directory `at` holds into the detached mount. */
int copy_up(struct child *child, int at, int mount);
/* Closes everything but 0 to 2 and what the payload keeps. */
void close_rest(struct child *child, unsigned int flags);

/*
 * Closes what neither the operations behind this one nor the payload need: nothing of the caller's may lie open in a process that others in the
 * container can look into (CVE-2024-21626).
 */
void close_unneeded(const struct child *child, const struct bsn_op *op);

#endif
