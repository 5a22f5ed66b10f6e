/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new network namespace, made ahead. It takes the kernel longer than all other namespaces and mounts of a container together, and
 * needs nothing that is planned: a thread makes it, and brings up its loopback interface, while the rest is read and prepared.
 */
#ifndef BSN_RUNTIME_NET_AHEAD_H
#define BSN_RUNTIME_NET_AHEAD_H

#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"
#include "runtime/config.h"

struct bsn_net_ahead {
	bool begun;
	pthread_t thread;
	const char *what; /* what failed, when it did */
	int fd;           /* the namespace, or a negative errno; the thread's until it is joined */
};

#define BSN_NET_AHEAD_INIT                                                                                                       \
	{                                                                                                                        \
		.fd = -1                                                                                                         \
	}
void bsn_net_ahead_release(struct bsn_net_ahead *ahead);

/*
 * Begins where config asks for a new one that belongs to our own user namespace, and we may make it; else, and where there is no thread to
 * be had, it stays as it is and clone3 makes the namespace.
 */
void bsn_net_ahead_begin(struct bsn_net_ahead *ahead, const struct bsn_config *config);
/* Waits for it. Returns the namespace, which is the caller's then. */
int bsn_net_ahead_take(struct bsn_net_ahead *ahead, struct basin_error *err);

#endif
