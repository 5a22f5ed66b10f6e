/* SPDX-License-Identifier: Apache-2.0 */
/* clone3 with shared memory and a stack of the child's own: what posix_spawn does, with the flags that a container needs. */
#ifndef BSN_RUNTIME_CLONE_H
#define BSN_RUNTIME_CLONE_H

#include <linux/sched.h>
#include <stddef.h>

/*
 * Runs fn(data) in a child that shares our memory (CLONE_VM | CLONE_VFORK are added) on the given stack; we sleep until it has
 * executed a program or ended, so it may read what it is pointed to. fn must not return. The pid, or -errno.
 */
long bsn_clone_shared(struct clone_args *args, void *stack, size_t size, void (*fn)(void *data), void *data);

#endif
