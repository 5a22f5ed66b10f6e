/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/net_ahead.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "base/own.h"
#include "runtime/facts.h"

/* Any socket reaches the interfaces of the namespace that it was made in. */
static int raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	auto_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -1 : 0;
}

/* Without base/sys.h: its fault gates are numbered in one order, which two threads would not keep. Nothing of this outlives a failure. */
static int make(struct bsn_net_ahead *ahead)
{
	ahead->what = "cannot make a network namespace";
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	ahead->what = "cannot bring up the loopback interface";
	if (raise_loopback() < 0)
		return -errno;
	ahead->what = "cannot open the new network namespace (/proc/thread-self/ns/net)";
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void *work(void *data)
{
	struct bsn_net_ahead *ahead = data;
	ahead->fd = make(ahead);
	return NULL;
}

static bool is_wanted(const struct bsn_config *config)
{
	const struct bsn_namespace_config *network = &config->namespaces[BSN_NS_NETWORK];
	/* Devices are moved into the namespace of the child, which has to be in it then. */
	return network->given && network->path == NULL && !config->namespaces[BSN_NS_USER].given &&
	       config->net_devices.count == 0 && bsn_facts_capable(CAP_SYS_ADMIN);
}

/* A scheduler keeps a new thread where its maker is for a while, and there it would only run once that waits for it. */
static void send_elsewhere(pthread_t thread)
{
	cpu_set_t cpus;
	int here = sched_getcpu();
	if (here < 0 || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	CPU_CLR((size_t)here, &cpus);
	/* It has no other to run on, or may not: then it stays. */
	(void)pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
}

void bsn_net_ahead_begin(struct bsn_net_ahead *ahead, const struct bsn_config *config)
{
	sigset_t all;
	sigset_t before;
	if (!is_wanted(config))
		return;
	/* Signals are the main thread's, which blocks them where they would come amiss. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ahead->begun = pthread_create(&ahead->thread, NULL, work, ahead) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ahead->begun)
		send_elsewhere(ahead->thread);
}

int bsn_net_ahead_take(struct bsn_net_ahead *ahead, struct basin_error *err)
{
	pthread_join(ahead->thread, NULL);
	ahead->begun = false;
	auto_fd int fd = bsn_fd_give(&ahead->fd);
	int fault = bsn_fault_gate("unshare");
	if (fault < 0)
		return bsn_fail_sys(err, -fault, "cannot make a network namespace");
	return fd < 0 ? bsn_fail_sys(err, -fd, "%s", ahead->what) : bsn_fd_give(&fd);
}

void bsn_net_ahead_release(struct bsn_net_ahead *ahead)
{
	if (ahead->begun)
		pthread_join(ahead->thread, NULL);
	ahead->begun = false;
	bsn_own_close(&ahead->fd);
	ahead->fd = -1;
}
