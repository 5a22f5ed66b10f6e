/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to a container's first process: read, plan, record, clone, converse. Everything up to the container's directory reads
 * only; from there on a failure kills the child and undoes what the record names.
 */
#include "runtime/apply.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/activation.h"
#include "runtime/bundle.h"
#include "runtime/console.h"
#include "runtime/facts.h"
#include "runtime/hooks.h"
#include "runtime/idmap.h"
#include "runtime/idmap_default.h"
#include "runtime/legacy.h"
#include "runtime/limits.h"
#include "runtime/listener.h"
#include "runtime/net_device.h"
#include "runtime/notify.h"
#include "runtime/receiver.h"
#include "runtime/resctrl.h"
#include "runtime/rootless.h"
#include "runtime/seccomp.h"

static void close_handles(struct bsn_run *run)
{
	for (size_t i = 0; run->handles != NULL && i < run->plan->handle_count; i++)
		bsn_own_close(&run->handles[i]), run->handles[i] = -1;
}

void bsn_run_release(struct bsn_run *run)
{
	close_handles(run);
	free(run->handles);
	bsn_plan_free(run->plan);
	bsn_seccomp_filter_free(run->filter);
	bsn_record_close(run->record);
	bsn_state_release(&run->state);
	bsn_config_free(run->config);
	free(run->config_text);
	free(run->bundle);
	free(run->cgroup_path);
	free(run->legacy_text);
	bsn_legacy_release(&run->legacy);
	bsn_legacy_writes_release(&run->legacy_writes);
	free(run->scope_owned);
	free(run->scope_cgroup);
	bsn_scope_release(&run->holder);
	bsn_net_ahead_release(&run->net_ahead);
	bsn_own_close(&run->cgroup);
	bsn_own_close(&run->process);
	bsn_own_close(&run->console);
	bsn_own_close(&run->notify);
	bsn_own_close(&run->listener);
	bsn_child_release(&run->child);
	bsn_container_release(&run->container);
}

/* --- reading --- */

/* One that is not open is taken by something that the payload does not get: else it would be taken by something of ours. */
int bsn_check_kept(int preserved, int activated, struct basin_error *err)
{
	int count = preserved + activated;
	/* A caller that closed its standard streams must not have ours opened in their place, and the payload inherit those. */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) /* NOLINT: kept across execve on purpose */
			return bsn_fail_sys(err, errno, "cannot open /dev/null");
	int first = -1;
	int missing = 0;
	for (int fd = 3; fd < 3 + count; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		first = missing++ == 0 ? fd : first;
		int taken = bsn_sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
		if (taken < 0)
			return bsn_fail_sys(err, -taken, "--preserve-fds %d: cannot keep a place for descriptor %d", count, fd);
	}
	/* Engines name more than they have open, as crun lets them; where there is nothing at all, the wrong program was asked. */
	if (preserved > 0 && missing == count)
		return bsn_fail(err, BASIN_USAGE, EBADF,
				"--preserve-fds %d: preserved-fd 0 (of %d), descriptor 3, is not open, nor any other", preserved,
				preserved);
	if (missing > 0)
		bsn_debug("--preserve-fds %d: %d of the descriptors are not open, descriptor %d the first of them", count,
			  missing, first);
	return 0;
}

int bsn_run_compile_filter(struct bsn_run *run, int cache_dir, struct basin_error *err)
{
	const struct bsn_seccomp_config *seccomp = &run->config->seccomp;
	int r = bsn_listener_connect(seccomp, &run->listener, err);
	if (r < 0)
		return r;
	return bsn_seccomp_compile(seccomp, cache_dir, seccomp->notify || run->listener >= 0, &run->filter, err);
}

int bsn_run_prepare(struct bsn_run *run, const struct bsn_runtime *runtime, struct basin_error *err)
{
	const struct bsn_create_options *options = run->options;
	run->container.runtime = runtime;
	run->container.id = options->id;
	run->console_socket = options->console_socket;
	run->pidfd_socket = options->pidfd_socket;
	int r = bsn_check_kept(options->preserve_fds, bsn_activation_count(), err);
	if (r >= 0)
		r = bsn_bundle_read(run, err);
	if (r >= 0)
		r = bsn_rootless_complete(run->config, &run->config_text, err);
	if (r >= 0)
		r = bsn_idmap_default(run->config, err);
	if (r < 0)
		return r;
	if (!run->restored)
		bsn_net_ahead_begin(&run->net_ahead, run->config);
	if (run->config->process.terminal && options->console_socket == NULL && run->create)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"process.terminal: cannot allocate tty if basin will detach without setting console socket: use "
				"--console-socket");
	if (options->console_socket != NULL && !run->config->process.terminal)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "--console-socket is given, but process.terminal is false");
	/* Ours from its first moment: the payload may ask at once. */
	if (run->config->process.terminal && options->console_socket == NULL)
		bsn_console_size(&run->config->process.console_height, &run->config->process.console_width);
	/* The name that crun knows it by. */
	if (run->pidfd_socket == NULL)
		run->pidfd_socket = bsn_config_annotation(run->config, "run.oci.pidfd_receiver");
	r = bsn_activation_prepare(run, err);
	if (r >= 0)
		r = bsn_legacy_prepare(run, err);
	if (r < 0)
		return r;
	if (run->config->seccomp.given) {
		int root = -1;
		r = bsn_container_open_root(runtime, true, &root, err);
		auto_fd int owned = root;
		if (r >= 0)
			r = bsn_run_compile_filter(run, owned, err);
		if (r < 0)
			return r;
	}
	const struct bsn_plan_request request = {
		.config = run->config,
		.id = options->id,
		.bundle = run->bundle,
		.filter = run->filter,
		.wait_for_start = run->create,
		.no_pivot = options->no_pivot,
		.no_new_keyring = options->no_new_keyring,
		.console_sent = options->console_socket != NULL,
		.init = options->init,
		.rootfs_given = options->rootfs_fd >= 0,
		.legacy = &run->legacy,
		.network_ahead = run->net_ahead.begun,
		.moved = bsn_run_may_be_moved(run),
	};
	return bsn_plan_make(&request, &run->plan, err);
}

/* --- the child's start --- */

/*
 * An ordinary user may not move a process from one part of the tree to another, nor clone one there; systemd may. And where a new container is to be
 * a single process, there is no room for it beside the helper that holds the scope; who is moved is not refused for that.
 */
bool bsn_run_may_be_moved(const struct bsn_run *run)
{
	bool alone = run->options != NULL && run->config->resources.pids_max == 1;
	return (run->scope != NULL || run->container.runtime->cgroup_manager == BSN_SYSTEMD) && (alone || !bsn_facts_host_root());
}

/*
 * Whether the child stays one that may be looked at until GO: newuidmap(1), and a parent that is an ordinary user, ask for that. It is none
 * any more when it enters a user namespace that exists: root of that one could take it over (CVE-2016-9962).
 */
static bool waits_open(const struct bsn_plan *plan)
{
	return plan->new_user || (plan->user && plan->goes_first && !plan->privileged);
}

int bsn_run_start(struct bsn_run *run, int keep_fds, struct basin_error *err)
{
	int ends[2];
	int list = -1;
	int r = bsn_sys_socketpair(SOCK_SEQPACKET, ends);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a channel to the container's first process");
	run->child.channel = ends[0];
	auto_fd int theirs = ends[1];
	const struct bsn_list header = { .channel = theirs,
					 .keep_fds = (uint32_t)keep_fds,
					 .wait_open = waits_open(run->plan),
					 .old_mounts = run->old_mounts };
	r = bsn_list_write(&run->plan->list, header, run->handles, run->plan->handle_count, &list, err);
	auto_fd int owned = list;
	if (r < 0)
		return r;
	struct bsn_child_start start = {
		.flags = run->plan->clone_flags,
		.cgroup = run->cgroup,
		.list = owned,
		.channel = theirs,
		.pass = run->handles,
		.pass_count = run->plan->handle_count,
	};
	r = bsn_child_start(&start, &run->child, err);
	bool refused = r == -EACCES || r == -EPERM || (r == -EAGAIN && run->holder.pid > 0);
	if (refused && run->scope != NULL && run->plan->waits_go && start.cgroup >= 0) {
		start.cgroup = -1;
		run->outside = true;
		r = bsn_child_start(&start, &run->child, err);
	}
	/* Where the parent is threaded only threaded cgroups take processes, which is not asked before it has to be. */
	if (r == -EOPNOTSUPP && run->cgroup_path != NULL && bsn_cgroup_thread(&run->container.tree, run->cgroup_path, err) > 0)
		r = bsn_child_start(&start, &run->child, err);
	if (r < 0)
		return r;
	bsn_debug("nsexec container setup: process %d cloned, namespaces %#llx", (int)run->child.pid,
		  (unsigned long long)run->plan->clone_flags);
	/* The child has them now. The start socket among them must not stay open here: it would hide that the child is gone. */
	close_handles(run);
	return 0;
}

/* The joiner has forked: its successor is the process that counts, and the joiner's end is waited for. */
static int take_successor(struct bsn_run *run, pid_t pid, struct basin_error *err)
{
	siginfo_t info;
	bsn_sys_waitid_pidfd(run->child.pidfd, &info, WEXITED);
	close(run->child.pidfd);
	run->child.pid = pid;
	/* It is our child and nobody else reaps it: the pid is still its own. Whoever is inside may have made it say another's. */
	run->child.pidfd = bsn_sys_pidfd_open(pid);
	if (run->child.pidfd < 0)
		return bsn_fail_sys(err, -run->child.pidfd, "cannot hold the container's first process");
	run->forked = true;
	if (bsn_sys_waitid_pidfd(run->child.pidfd, &info, WEXITED | WNOHANG | WNOWAIT) >= 0)
		return 0;
	bsn_child_release(&run->child);
	return bsn_fail(err, BASIN_INTERNAL, EPROTO, "the process that was to fork named one that is not ours");
}

/* Before the channel is followed: a child that has ended has said on it why. */
static int tell(const struct bsn_run *run, uint32_t type, int fd, struct basin_error *err)
{
	int r = bsn_child_send(run->child.channel, type, fd, err);
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

/* Into the namespace that the child is in, or will be in: an engine's, or its own. */
static int move_devices(const struct bsn_run *run, struct basin_error *err)
{
	char own[48];
	const struct bsn_pairs *devices = &run->config->net_devices;
	const char *path = run->config->namespaces[BSN_NS_NETWORK].path;
	if (!run->made || devices->count == 0)
		return 0;
	snprintf(own, sizeof(own), "/proc/%d/ns/net", (int)run->child.pid);
	auto_fd int ns = bsn_sys_openat(AT_FDCWD, path != NULL ? path : own, O_RDONLY, 0);
	if (ns < 0)
		return bsn_fail_sys(err, -ns, "cannot open the container's network namespace for linux.netDevices");
	return bsn_net_devices_move(devices, ns, err);
}

static int enter_resctrl(const struct bsn_run *run, struct basin_error *err)
{
	if (run->record == NULL || bsn_record_value(run->record, "resctrl") == NULL)
		return 0;
	auto_fd int root = bsn_resctrl_open();
	if (root < 0)
		return bsn_fail_sys(err, -root, "linux.intelRdt: resctrl is gone");
	return bsn_resctrl_enter(root, &run->config->intel_rdt, run->options->id, run->child.pid, err);
}

static int go(struct bsn_run *run, const struct bsn_process_config *process, struct basin_error *err)
{
	int r = 0;
	if (!run->plan->waits_go)
		return 0;
	if (run->plan->new_user)
		r = bsn_idmap_write(run->child.pid, &run->config->uid_maps, &run->config->gid_maps, err);
	if (r >= 0 && run->plan->user)
		r = bsn_limits_set(run->child.pid, process, run->plan->goes_first, err);
	if (r >= 0)
		r = bsn_legacy_join(&run->legacy, run->child.pid, err);
	if (r >= 0)
		r = move_devices(run, err);
	if (r >= 0)
		r = enter_resctrl(run, err);
	return r < 0 ? r : tell(run, BSN_MESSAGE_GO, -1, err);
}

static int give_network(struct bsn_run *run, struct basin_error *err)
{
	auto_fd int fd = bsn_net_ahead_take(&run->net_ahead, err);
	return fd < 0 ? fd : tell(run, BSN_MESSAGE_NETWORK, fd, err);
}

/* --- the ladder --- */

int bsn_run_first_hooks(struct bsn_run *run, struct basin_error *err)
{
	run->hooked = true;
	int r = bsn_hooks_run(run->config, BSN_HOOK_PRESTART, &run->state, BSN_CREATED, err);
	return r >= 0 ? bsn_hooks_run(run->config, BSN_HOOK_CREATE_RUNTIME, &run->state, BSN_CREATED, err) : r;
}

static int run_hooks(struct bsn_run *run, struct basin_error *err)
{
	int fd = -1;
	int r = bsn_run_first_hooks(run, err);
	if (r >= 0)
		r = bsn_hooks_state(&run->state, BSN_CREATED, &fd, err);
	auto_fd int owned = fd;
	return r < 0 ? r : bsn_child_send(run->child.channel, BSN_MESSAGE_HOOKS_DONE, owned, err);
}

int bsn_run_take_console(struct bsn_run *run, int fd, struct basin_error *err)
{
	if (fd < 0)
		return bsn_fail(err, BASIN_INTERNAL, EPROTO, "the container's first process sent no terminal");
	run->console = fd;
	if (run->console_socket == NULL)
		return 0;
	int r = bsn_receiver_send(run->console_socket, "--console-socket", "/dev/ptmx", fd, err);
	bsn_own_close(&run->console);
	run->console = -1;
	return r;
}

/* The last rung. The words of the debug lines are runc's, whose log people search for them. */
static int climbed(const struct bsn_run *run, int result)
{
	if (run->made)
		bsn_debug("init: closing the pipe to signal completion");
	else
		bsn_debug("setns_init: about to exec");
	return result;
}

static int give_listener(struct bsn_run *run, int number, struct basin_error *err)
{
	const struct bsn_listener_of of = {
		.pidfd = run->child.pidfd,
		.pid = run->child.pid,
		.number = number,
		.state = &run->state,
		.status = run->made ? BSN_CREATING : BSN_RUNNING,
	};
	int r = bsn_listener_give(run->listener, &of, run->config->seccomp.listener_metadata, err);
	return r < 0 ? r : bsn_child_send(run->child.channel, BSN_MESSAGE_LISTENER_TAKEN, -1, err);
}

static int give_pidfd(const struct bsn_run *run, struct basin_error *err)
{
	if (run->pidfd_socket == NULL)
		return 0;
	return bsn_receiver_send(run->pidfd_socket, "--pidfd-socket", run->made ? "standard" : "setns", run->child.pidfd, err);
}

/* Of an exec; one that is being made is taken before. */
static int take_exec(struct bsn_run *run, pid_t pid, struct basin_error *err)
{
	int r = take_successor(run, pid, err);
	return r < 0 ? r : give_pidfd(run, err);
}

int bsn_run_follow(struct bsn_run *run, struct basin_error *err)
{
	struct bsn_message message;
	int fd = -1;
	for (;;) {
		int r = bsn_child_receive(run->child.channel, &message, &fd, err);
		if (r < 0)
			return r;
		if (r == 0)
			return climbed(run, 1);
		if (message.type == BSN_MESSAGE_FORKED && run->plan->forks && !run->forked)
			r = take_exec(run, message.value, err);
		else if (message.type == BSN_MESSAGE_HOOKS && run->plan->hooks)
			r = run_hooks(run, err);
		else if (message.type == BSN_MESSAGE_CONSOLE && run->plan->console)
			r = bsn_run_take_console(run, bsn_fd_give(&fd), err);
		else if (message.type == BSN_MESSAGE_MAP_IDS && run->made)
			r = bsn_run_map_ids(run, message.value, fd, err);
		else if (message.type == BSN_MESSAGE_LISTENER && run->listener >= 0)
			r = give_listener(run, message.value, err);
		else if (message.type == BSN_MESSAGE_READY && run->plan->ready)
			return climbed(run, 0);
		else
			r = bsn_fail(err, BASIN_INTERNAL, EPROTO, "the container's first process sent message %u out of order",
				     message.type);
		bsn_own_close(&fd);
		fd = -1;
		if (r < 0)
			return r;
	}
}

/* --- the whole --- */

static void stamp(struct bsn_run *run)
{
	struct timespec now;
	struct tm tm;
	char text[24];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(run->created, sizeof(run->created), "%s.%09ldZ", text, now.tv_nsec);
}

int bsn_run_describe(struct bsn_run *run, struct basin_error *err)
{
	int r = bsn_process_identify(run->child.pid, &run->state.init);
	/* A child that has ended already says why on the channel. */
	if (r < 0)
		run->state.init = (struct bsn_process){ .pid = run->child.pid };
	stamp(run);
	run->state.oci_version = run->config->oci_version;
	run->state.id = run->options->id;
	run->state.bundle = run->bundle;
	run->state.rootfs = run->plan->root_path;
	run->state.created = run->created;
	run->state.cgroup = run->cgroup_path;
	run->state.legacy = run->legacy_text;
	run->state.scope = run->scope;
	run->state.managed = run->options->managed;
	run->state.host_pids = !run->config->namespaces[BSN_NS_PID].given || run->config->namespaces[BSN_NS_PID].path != NULL;
	run->state.keyring = !run->options->no_new_keyring;
	for (int kind = BSN_HOOK_START_CONTAINER; kind < BSN_HOOK_KINDS; kind++)
		run->state.hooks |= run->config->hooks[kind].count > 0;
	run->state.annotations = json_object_get(run->config->json, "annotations");
	return bsn_state_write(run->container.dir, &run->state, err);
}

/* Where it could not be cloned into: systemd moves it. */
static int place(struct bsn_run *run, struct basin_error *err)
{
	int r = 0;
	if (run->outside)
		r = bsn_scope_attach(run->scope, run->made ? run->cgroup_path : run->state.cgroup, run->child.pid, err);
	/* To the place below the scope that is meant; from within it, that is allowed. */
	if (r >= 0 && run->outside)
		r = bsn_cgroup_attach(run->cgroup, run->child.pid, err);
	bsn_scope_release(&run->holder);
	return r;
}

static int expect_successor(struct bsn_run *run, struct basin_error *err)
{
	struct bsn_message message;
	int r = bsn_child_expect(run->child.channel, BSN_MESSAGE_FORKED, &message, NULL, err);
	return r < 0 ? r : take_successor(run, message.value, err);
}

/* What is done with the process that counts: at once, or (an exec that forks) when it is there. */
static int take_first(struct bsn_run *run, struct basin_error *err)
{
	if (!run->made)
		return run->plan->forks ? 0 : give_pidfd(run, err);
	int r = bsn_run_describe(run, err);
	return r < 0 ? r : give_pidfd(run, err);
}

int bsn_run_enter(struct bsn_run *run, const struct bsn_process_config *process, struct basin_error *err)
{
	const bool first = run->plan->goes_first;
	int r = first ? place(run, err) : 0;
	if (r >= 0 && first)
		r = go(run, process, err);
	if (r >= 0 && run->made && run->plan->forks)
		r = expect_successor(run, err);
	if (r >= 0 && !first)
		r = place(run, err);
	if (r >= 0)
		r = take_first(run, err);
	if (r >= 0 && !first)
		r = go(run, process, err);
	if (r >= 0 && run->plan->network)
		r = give_network(run, err);
	if (r >= 0)
		bsn_debug("child process in init(): pid %d", (int)run->child.pid);
	return r;
}

void bsn_run_abandon(struct bsn_run *run)
{
	struct bsn_message message;
	struct pollfd heard = { .fd = run->child.channel, .events = POLLIN };
	bsn_child_kill(&run->child);
	/* The joiner has ended: what it said is here to be read, and without FORKED its successor has not begun. */
	while (run->plan->forks && !run->forked && bsn_sys_poll(&heard, 1, 0) > 0) {
		if (bsn_child_receive(run->child.channel, &message, NULL, NULL) <= 0)
			return;
		if (message.type == BSN_MESSAGE_FORKED && take_successor(run, message.value, NULL) >= 0)
			bsn_child_kill(&run->child);
	}
}

static int write_config(const struct bsn_run *run, struct basin_error *err)
{
	auto_fd int fd = bsn_sys_openat(run->container.dir, "config.json", O_WRONLY | O_CREAT | O_EXCL, 0600);
	int r = fd < 0 ? fd : bsn_write_all(fd, run->config_text, strlen(run->config_text));
	return r < 0 ? bsn_fail_sys(err, -r, "cannot keep a copy of the config") : 0;
}

static int start_child(struct bsn_run *run, void *data, struct basin_error *err)
{
	(void)data;
	int r = bsn_run_open_handles(run, err);
	if (r >= 0)
		r = bsn_run_start(run, run->options->preserve_fds + bsn_activation_count(), err);
	if (r >= 0)
		r = bsn_run_enter(run, &run->config->process, err);
	if (r >= 0)
		r = bsn_run_follow(run, err);
	if (r < 0)
		return r;
	/* READY where it was planned, the end of the channel where it was not. */
	if (run->plan->ready == (r > 0))
		return bsn_fail(err, BASIN_INTERNAL, EPROTO, "the container's first process ended without a word");
	return 0;
}

static int make(struct bsn_run *run, bsn_run_maker *maker, void *data, struct basin_error *err)
{
	int r = write_config(run, err);
	if (r >= 0 && run->notifies)
		r = bsn_notify_make(run->container.dir, err);
	if (r >= 0 && run->notifies && !run->create)
		r = bsn_notify_bind(run->container.dir, &run->notify, err);
	if (r >= 0)
		r = bsn_record_open(run->container.dir, "record", false, &run->record, err);
	if (r >= 0)
		r = bsn_steps_apply(bsn_container_steps, bsn_container_step_count, run->record, run, &run->container, err);
	return r >= 0 ? maker(run, data, err) : r;
}

/* Unmaking takes descriptors as well, and that there were too few may be why it failed. */
static void close_work(struct bsn_run *run)
{
	close_handles(run);
	bsn_record_close(run->record);
	run->record = NULL;
	bsn_own_close(&run->cgroup);
	run->cgroup = -1;
	bsn_child_release(&run->child);
}

int bsn_run_apply_with(struct bsn_run *run, bsn_run_maker *maker, void *data, struct basin_error *err)
{
	struct bsn_container container = BSN_CONTAINER_INIT;
	int r = bsn_container_make(run->container.runtime, run->options->id, &container, err);
	if (r < 0)
		return r;
	run->container = container;
	run->made = true;
	r = make(run, maker, data, err);
	if (r < 0) {
		if (run->cgroup >= 0 && bsn_cgroup_oom_kills(run->cgroup) > 0)
			bsn_error_prefix(err, "container init was OOM-killed (memory limit too low?)");
		bsn_run_abandon(run);
		bsn_scope_release(&run->holder);
		close_work(run);
		bsn_container_undo(&run->container, NULL);
		if (run->hooked)
			bsn_hooks_run_last(run->config, &run->state);
	}
	return r;
}

int bsn_run_apply(struct bsn_run *run, struct basin_error *err)
{
	return bsn_run_apply_with(run, start_child, NULL, err);
}
