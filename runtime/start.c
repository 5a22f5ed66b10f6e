/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/start.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/own.h"
#include "base/sys.h"
#include "runtime/container.h"
#include "runtime/hooks.h"
#include "runtime/notify.h"
#include "runtime/process.h"

/* A socket's address has room for 107 bytes; the directory's descriptor makes any of them short. */
static void address_of(int dir, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/start", dir);
}

int bsn_start_listen(int dir, struct basin_error *err)
{
	struct sockaddr_un address;
	auto_fd int fd = bsn_sys_socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot make the start socket");
	address_of(dir, &address);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		return bsn_fail_sys(err, errno, "cannot make the start socket");
	return bsn_fd_give(&fd);
}

int bsn_start_connect(int dir, int *ret_fd, struct basin_error *err)
{
	struct sockaddr_un address;
	auto_fd int fd = bsn_sys_socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot reach the container's first process");
	address_of(dir, &address);
	if (BSN_RETRY(connect(fd, (const struct sockaddr *)&address, sizeof(address))) < 0)
		return bsn_fail_sys(err, errno, "cannot reach the container's first process");
	*ret_fd = bsn_fd_give(&fd);
	return 0;
}

/* Why it cannot be started, in the words that engines know. */
static int refuse(const char *id, enum bsn_status status, struct basin_error *err)
{
	if (status == BSN_STOPPED)
		return bsn_fail(err, BASIN_CONFLICT, ESRCH,
				"cannot start container \"%s\": cannot start a container that has stopped", id);
	return bsn_fail(err, BASIN_CONFLICT, EBUSY, "cannot start container \"%s\": cannot start an already running container",
			id);
}

/* Tells the container's first process to go on: to its hooks, and then to the payload. */
static int ask(struct bsn_container *container, const struct bsn_state *state, int *ret_connection, struct basin_error *err)
{
	int document = -1;
	int r = bsn_start_connect(container->dir, ret_connection, err);
	if (r >= 0 && state->hooks)
		r = bsn_hooks_state(state, BSN_CREATED, &document, err);
	auto_fd int owned = document;
	return r >= 0 ? bsn_child_send(*ret_connection, BSN_MESSAGE_START, owned, err) : r;
}

static int begin_payload(struct bsn_container *container, const struct bsn_state *state, bool *ret_asked, struct basin_error *err)
{
	int connection = -1;
	struct bsn_message message = { 0 };
	int r = ask(container, state, &connection, err);
	auto_fd int owned = connection;
	*ret_asked = r >= 0;
	if (r >= 0)
		r = bsn_child_receive(owned, &message, NULL, err);
	if (r > 0)
		r = bsn_fail(err, BASIN_INTERNAL, EPROTO, "the container's first process sent message %u out of order",
			     message.type);
	/* Whether it runs or failed: it waits no more. While the socket is there it counts as waiting, so this must not fail unsaid. */
	int gone = owned >= 0 ? bsn_sys_unlinkat(container->dir, "start", 0) : 0;
	if (r >= 0 && gone < 0 && gone != -ENOENT)
		r = bsn_fail_sys(err, -gone, "cannot note that container \"%s\" runs", state->id);
	return r;
}

/* The payload did not come: a hook in the container failed, or the program. */
static void after_failure(struct bsn_container *container, const struct bsn_state *state)
{
	struct bsn_config *config = NULL;
	if (bsn_container_config(container, &config, NULL) < 0)
		return;
	auto_of(bsn_config_free) struct bsn_config *owned = config;
	bsn_hooks_run_despite(owned, state);
}

static int after_start(struct bsn_container *container, const struct bsn_state *state, struct basin_error *err)
{
	struct bsn_config *config = NULL;
	int r = bsn_container_config(container, &config, err);
	if (r < 0)
		return r;
	auto_of(bsn_config_free) struct bsn_config *owned = config;
	r = bsn_hooks_run(owned, BSN_HOOK_POSTSTART, state, BSN_RUNNING, err);
	if (r >= 0)
		return r;
	/* The spec since 1.3: a container whose poststart hook fails is stopped and deleted. */
	auto_fd int pidfd = bsn_container_pidfd(state);
	if (pidfd >= 0)
		bsn_sys_pidfd_send_signal(pidfd, SIGKILL);
	if (bsn_container_undo(container, NULL) >= 0)
		bsn_hooks_run_last(owned, state);
	return r;
}

static int await_ready(struct bsn_container *container, const struct bsn_state *state, int reports, struct basin_error *err)
{
	auto_fd int pidfd = bsn_container_pidfd(state);
	if (pidfd < 0)
		return 0;
	bsn_own_close(&container->lock);
	container->lock = -1;
	return bsn_notify_wait(reports, pidfd, state->init.pid, err);
}

int bsn_container_start(const struct bsn_runtime *runtime, const char *id, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_state struct bsn_state state = { .json = NULL };
	int r = bsn_container_open(runtime, id, true, &container, err);
	if (r >= 0)
		r = bsn_state_read(container.dir, id, &state, err);
	if (r >= 0)
		r = bsn_container_refuse_managed(runtime, &state, "start", err);
	if (r < 0)
		return r;
	enum bsn_status status = bsn_container_status(&container, &state);
	if (status != BSN_CREATED)
		return refuse(id, status, err);
	bool asked = false;
	int reports = -1;
	r = bsn_notify_bind(container.dir, &reports, err);
	auto_fd int owned = reports;
	if (r >= 0)
		r = begin_payload(&container, &state, &asked, err);
	if (r < 0 && asked && state.hooks)
		after_failure(&container, &state);
	if (r >= 0 && state.hooks)
		r = after_start(&container, &state, err);
	return r >= 0 && owned >= 0 ? await_ready(&container, &state, owned, err) : r;
}
