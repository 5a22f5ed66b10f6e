/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore: a container from the files of a checkpoint. Its directory, record and cgroup are made as for any other; its processes are made
 * by criu (runtime/criu.h), which we put into the cgroup first.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/sys.h"
#include "runtime/apply.h"
#include "runtime/attend.h"
#include "runtime/criu.h"
#include "runtime/criu_wire.h"
#include "runtime/pidfile.h"
#include "runtime/restore_mounts.h"
#include "runtime/scope.h"

#define LOG_FILE    "restore.log"
#define DESCRIPTORS "descriptors.json"
#define ROOT        "criu-root"

struct restore {
	struct bsn_run *run;
	const struct bsn_criu_options *options;
	struct bsn_str message; /* criu_opts */
	int images;
	int work;
	int extra[BSN_NAMESPACES]; /* criu's from 4 on */
	size_t extra_count;
};

static void release(struct restore *restore)
{
	bsn_str_release(&restore->message);
	bsn_own_close(&restore->images);
	bsn_own_close(&restore->work);
	for (size_t i = 0; i < restore->extra_count; i++)
		bsn_own_close(&restore->extra[i]);
}

/* --- what lies outside of the container --- */

static void inherit(struct restore *restore, const char *key, size_t fd)
{
	auto_str struct bsn_str inner = { 0 };
	bsn_wire_text(&inner, 1, key);
	bsn_wire_number(&inner, 2, fd);
	bsn_wire_message(&restore->message, BSN_CRIU_INHERIT_FD, &inner);
}

static int add_namespace(struct restore *restore, enum bsn_namespace kind, const char *path, struct basin_error *err)
{
	static const char *const names[BSN_NAMESPACES] = {
		[BSN_NS_USER] = "user", [BSN_NS_MOUNT] = "mnt", [BSN_NS_IPC] = "ipc", [BSN_NS_UTS] = "uts", [BSN_NS_TIME] = "time"
	};
	const char *key = bsn_criu_namespace_key(kind);
	if (key != NULL) {
		int fd = bsn_sys_openat(AT_FDCWD, path, O_RDONLY, 0);
		if (fd < 0)
			return bsn_fail_sys(err, -fd, "cannot open the namespace \"%s\"", path);
		inherit(restore, key, 4 + restore->extra_count);
		restore->extra[restore->extra_count++] = fd;
		return 0;
	}
	if (names[kind] == NULL)
		return bsn_fail(err, BASIN_UNSUPPORTED, ENOTSUP, "criu cannot restore into the %s namespace \"%s\"",
				bsn_namespace_name(kind), path);
	bsn_wire_pair(&restore->message, BSN_CRIU_JOIN_NAMESPACE, names[kind], path);
	return 0;
}

static void add_mounts(struct restore *restore, const struct bsn_restore_mount *mounts)
{
	const struct bsn_config *config = restore->run->config;
	for (size_t i = 0; i < config->mount_count; i++)
		if (mounts[i].source != NULL)
			bsn_wire_pair(&restore->message, BSN_CRIU_EXTERNAL_MOUNT, mounts[i].destination, mounts[i].source);
	for (size_t i = 0; i < config->device_count; i++)
		bsn_wire_pair(&restore->message, BSN_CRIU_EXTERNAL_MOUNT, config->devices[i].path, config->devices[i].path);
	bsn_wire_pair(&restore->message, BSN_CRIU_EXTERNAL_MOUNT, "/dev/null", "/dev/null");
}

/* A standard stream that was a pipe is ours of the same number. */
static int add_descriptors(struct restore *restore, struct basin_error *err)
{
	auto_free char *text = NULL;
	auto_json json_t *list = NULL;
	size_t length;
	int r = bsn_read_file(restore->images, DESCRIPTORS, 1 << 16, &text, &length);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read \"%s/%s\"", restore->options->image_path, DESCRIPTORS);
	json_error_t wrong;
	list = json_loadb(text, length, 0, &wrong);
	if (!json_is_array(list))
		return bsn_fail(err, BASIN_FAILED, EINVAL, "\"%s/%s\" is not a list", restore->options->image_path, DESCRIPTORS);
	for (size_t i = 0; i < json_array_size(list) && i < 3; i++) {
		const char *target = json_string_value(json_array_get(list, i));
		if (target != NULL && strstr(target, "pipe:") != NULL)
			inherit(restore, target, i);
	}
	return 0;
}

static int make_request(struct restore *restore, const char *root, int version, struct basin_error *err)
{
	const struct bsn_criu_options *options = restore->options;
	const struct bsn_config *config = restore->run->config;
	struct bsn_str *message = &restore->message;
	int r = bsn_criu_common(message, options, config, false, &restore->images, &restore->work, err);
	if (r >= 0 && (options->lsm_profile != NULL || options->lsm_mount_context != NULL) && version < 31600)
		r = bsn_fail(err, BASIN_UNSUPPORTED, ENOTSUP, "--lsm-profile and --lsm-mount-context require at least CRIU 3.16");
	if (r < 0)
		return r;
	bsn_wire_text(message, BSN_CRIU_LOG_FILE, LOG_FILE);
	bsn_wire_text(message, BSN_CRIU_ROOT, root);
	bsn_wire_number(message, BSN_CRIU_EVASIVE_DEVICES, 1);
	bsn_wire_number(message, BSN_CRIU_SIBLING, 1);
	bsn_wire_text(message, BSN_CRIU_LSM_PROFILE, options->lsm_profile);
	bsn_wire_text(message, BSN_CRIU_LSM_MOUNT_CONTEXT, options->lsm_mount_context);
	for (int kind = 0; r >= 0 && kind < BSN_NAMESPACES; kind++)
		if (config->namespaces[kind].path != NULL)
			r = add_namespace(restore, (enum bsn_namespace)kind, config->namespaces[kind].path, err);
	return r >= 0 ? add_descriptors(restore, err) : r;
}

/* --- criu --- */

/* criu's own cgroups are where the container's processes begin, and where those of the images are put below. */
static int move_criu(struct restore *restore, pid_t pid, struct basin_error *err)
{
	struct bsn_run *run = restore->run;
	char path[48];
	auto_free char *text = NULL;
	size_t length;
	int r = run->outside ? bsn_scope_attach(run->scope, run->cgroup_path, pid, err) : 0;
	if (r >= 0 && run->cgroup >= 0)
		r = bsn_cgroup_attach(run->cgroup, pid, err);
	if (r >= 0)
		r = bsn_legacy_join(&run->legacy, pid, err);
	bsn_scope_release(&run->holder);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	r = bsn_read_file(AT_FDCWD, path, 1 << 16, &text, &length);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot find criu's cgroups");
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		(void)strsep(&line, ":");
		const char *controllers = line == NULL ? NULL : strsep(&line, ":");
		if (controllers != NULL && line != NULL)
			bsn_wire_pair(&restore->message, BSN_CRIU_CGROUP_ROOT, controllers, line);
	}
	return 0;
}

/* criu gives what it restores a time namespace, so that clocks go on from where they were. exec has to join it. */
static bool has_own_time(pid_t pid)
{
	char path[48];
	struct stat ours;
	struct stat theirs;
	snprintf(path, sizeof(path), "/proc/%d/ns/time", (int)pid);
	return stat("/proc/self/ns/time", &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino != theirs.st_ino;
}

static int know_process(struct bsn_run *run, pid_t pid, struct basin_error *err)
{
	run->child.pid = pid;
	run->state.own_time = has_own_time(pid);
	bsn_own_close(&run->child.pidfd);
	run->child.pidfd = bsn_sys_pidfd_open(pid);
	return run->child.pidfd < 0 ? bsn_fail_sys(err, -run->child.pidfd, "cannot hold the restored process") : 0;
}

static int hear(void *data, struct bsn_criu_event *event, struct basin_error *err)
{
	struct restore *restore = data;
	struct bsn_run *run = restore->run;
	int r;
	if (bsn_streq(event->script, "setup-namespaces") &&
	    run->config->hooks[BSN_HOOK_PRESTART].count + run->config->hooks[BSN_HOOK_CREATE_RUNTIME].count > 0) {
		r = know_process(run, event->pid, err);
		if (r >= 0)
			r = bsn_run_describe(run, err);
		return r >= 0 ? bsn_run_first_hooks(run, err) : r;
	}
	if (bsn_streq(event->script, "post-restore")) {
		r = know_process(run, event->pid, err);
		return r >= 0 ? bsn_run_describe(run, err) : r;
	}
	if (bsn_streq(event->script, "orphan-pts-master") && event->fd >= 0)
		return bsn_run_take_console(run, bsn_fd_give(&event->fd), err);
	return 0;
}

/* criu mounts things in its working directory, which must be of its mount namespace: the same directory, by the mount that is there. */
static int open_again(int fd, const char *path, struct basin_error *err)
{
	if (fd < 0)
		return 0;
	auto_fd int again = bsn_sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (again < 0 || dup3(again, fd, O_CLOEXEC) < 0)
		return bsn_fail_sys(err, again < 0 ? -again : errno, "cannot open \"%s\" for criu", path);
	return 0;
}

static int start_criu(struct restore *restore, struct bsn_criu *criu, const char *root, struct basin_error *err)
{
	struct bsn_restore_place place = BSN_RESTORE_PLACE_INIT;
	struct basin_error ignored;
	int r = bsn_restore_enter(&place, root, restore->run->plan->root_path, restore->run->bundle, restore->run->config, err);
	if (r >= 0)
		r = open_again(restore->images, restore->options->image_path, err);
	if (r >= 0)
		r = open_again(restore->work, restore->options->work_path, err);
	if (r >= 0) {
		add_mounts(restore, place.mounts);
		r = bsn_criu_start(criu, true, restore->extra, restore->extra_count, err);
	}
	int back = bsn_restore_leave(&place, r < 0 ? &ignored : err);
	return r < 0 ? r : back;
}

static int restore_processes(struct bsn_run *run, void *data, struct basin_error *err)
{
	struct restore *restore = data;
	auto_criu struct bsn_criu criu = BSN_CRIU_INIT;
	struct bsn_criu_answer answer = { .pid = -1 };
	char root[PATH_MAX];
	int version;
	int r = bsn_criu_probe(false, false, &version, err);
	if (r < 0)
		return r;
	if (snprintf(root, sizeof(root), "%s/%s/" ROOT, run->container.runtime->root, run->options->id) >= (int)sizeof(root))
		return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "--root is too long");
	r = bsn_sys_mkdirat(run->container.dir, ROOT, 0755);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make \"%s\"", root);
	r = make_request(restore, root, version, err);
	if (r >= 0)
		r = start_criu(restore, &criu, root, err);
	if (r >= 0)
		r = move_criu(restore, criu.pid, err);
	if (r >= 0)
		r = bsn_criu_ask(&criu, BSN_CRIU_RESTORE, &restore->message, hear, restore, &answer, err);
	if (r >= 0 && run->child.pidfd < 0)
		r = bsn_fail(err, BASIN_INTERNAL, EPROTO, "criu did not say which process it restored");
	if (r < 0)
		bsn_criu_quote(restore->work >= 0 ? restore->work : restore->images, LOG_FILE);
	(void)bsn_sys_unlinkat(run->container.dir, ROOT, AT_REMOVEDIR);
	return r;
}

/* --- the whole --- */

static int attend(struct bsn_run *run, int signals, int *ret_status, struct basin_error *err)
{
	const struct bsn_attend what = {
		.signals = signals, .pidfd = run->child.pidfd, .pid = run->child.pid, .master = run->console, .notify = -1
	};
	bsn_own_close(&run->container.lock);
	run->container.lock = -1;
	int r = bsn_attend(&what, ret_status, err);
	return r < 0 ? r : bsn_container_delete(run->container.runtime, run->options->id, true, err);
}

int bsn_container_restore(const struct bsn_runtime *runtime, const struct bsn_create_options *options,
			  const struct bsn_criu_options *criu, bool detach, int *ret_status, struct basin_error *err)
{
	auto_run struct bsn_run run = BSN_RUN_INIT;
	__attribute__((cleanup(release))) struct restore restore = { .run = &run, .options = criu, .images = -1, .work = -1 };
	run.options = options;
	run.restored = true;
	int r = bsn_run_prepare(&run, runtime, err);
	if (r >= 0 && detach && run.config->process.terminal && options->console_socket == NULL)
		r = bsn_fail(err, BASIN_USAGE, EINVAL, "process.terminal is true: restore --detach needs --console-socket");
	if (r < 0)
		return r;
	auto_fd int signals = detach ? -1 : bsn_attend_begin(false, err);
	if (!detach && signals < 0)
		return signals;
	r = bsn_run_apply_with(&run, restore_processes, &restore, err);
	if (r >= 0)
		r = bsn_pidfile_write(options->pid_file, run.child.pid, err);
	*ret_status = 0;
	return r < 0 || detach ? r : attend(&run, signals, ret_status, err);
}
