/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint: a running container becomes files (runtime/criu.h), and unless it is to go on it is gone then. */
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/sys.h"
#include "runtime/container.h"
#include "runtime/criu.h"
#include "runtime/criu_wire.h"

#define LOG_FILE    "dump.log"
#define DESCRIPTORS "descriptors.json"

struct dump {
	struct bsn_container container;
	struct bsn_state state;
	struct bsn_config *config;
	const struct bsn_criu_options *options;
	struct bsn_str message; /* criu_opts */
	int images;
	int work;
	int root; /* the container's, as its first process sees it */
	int status_fd;
};

static void release(struct dump *dump)
{
	bsn_str_release(&dump->message);
	bsn_own_close(&dump->images);
	bsn_own_close(&dump->work);
	bsn_own_close(&dump->root);
	bsn_config_free(dump->config);
	bsn_state_release(&dump->state);
	bsn_container_release(&dump->container);
}

/* --- what lies outside of the container --- */

/* A path inside the container, without the links in it. */
static int resolve(int root, const char *path, char real[PATH_MAX])
{
	auto_fd int fd = bsn_sys_openat2(root, path, O_PATH, 0, RESOLVE_IN_ROOT);
	return fd < 0 ? fd : bsn_fd_path(fd, real);
}

static void add_mount(struct dump *dump, const char *destination)
{
	char real[PATH_MAX];
	const char *path = resolve(dump->root, destination, real) < 0 ? destination : real;
	bsn_wire_pair(&dump->message, BSN_CRIU_EXTERNAL_MOUNT, path, path);
}

/* A masked file is the host's null device; a masked directory is a file system of the container's own. */
static void add_masks(struct dump *dump)
{
	for (size_t i = 0; i < dump->config->masked_paths.count; i++) {
		struct stat st;
		const char *path = dump->config->masked_paths.of[i];
		auto_fd int fd = bsn_sys_openat2(dump->root, path, O_PATH, 0, RESOLVE_IN_ROOT);
		if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
			bsn_wire_pair(&dump->message, BSN_CRIU_EXTERNAL_MOUNT, path, "/dev/null");
	}
}

static int add_namespaces(struct dump *dump, struct basin_error *err)
{
	for (int kind = 0; kind < BSN_NAMESPACES; kind++) {
		char text[96];
		struct stat st;
		const char *path = dump->config->namespaces[kind].path;
		const char *key = bsn_criu_namespace_key((enum bsn_namespace)kind);
		if (path == NULL || key == NULL)
			continue;
		if (stat(path, &st) < 0)
			return bsn_fail_sys(err, errno, "cannot find the namespace \"%s\"", path);
		snprintf(text, sizeof(text), "%s[%llu]:%s", kind == BSN_NS_NETWORK ? "net" : "pid", (unsigned long long)st.st_ino,
			 key);
		bsn_wire_text(&dump->message, BSN_CRIU_EXTERNAL, text);
	}
	return 0;
}

static int add_freezer(struct dump *dump, struct basin_error *err)
{
	char path[PATH_MAX];
	int fd = -1;
	int r = bsn_container_cgroup(&dump->container, &dump->state, &fd, err);
	auto_fd int owned = fd;
	if (r < 0 || owned < 0)
		return r;
	r = bsn_fd_path(owned, path);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot find the container's cgroup");
	bsn_wire_text(&dump->message, BSN_CRIU_FREEZE_CGROUP, path);
	return 0;
}

/* What the standard streams are, in runc's form: a pipe among them is somebody's who will be there again at restore. */
static int write_descriptors(const struct dump *dump, struct basin_error *err)
{
	auto_json json_t *list = json_array();
	for (int fd = 0; fd < 3; fd++) {
		char link[48];
		char target[PATH_MAX];
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)dump->state.init.pid, fd);
		ssize_t n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		json_array_append_new(list, json_string(target));
	}
	return bsn_json_write(dump->images, DESCRIPTORS, list, false, err);
}

/* --- the request --- */

static int add_page_server(struct dump *dump, const char *server, struct basin_error *err)
{
	auto_str struct bsn_str inner = { 0 };
	auto_str struct bsn_str address = { 0 };
	char *end = NULL;
	const char *colon = strrchr(server, ':');
	unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);
	if (colon == NULL || colon == server || colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > 65535)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "--page-server: \"%s\" is not ADDRESS:PORT", server);
	bool bracketed = server[0] == '[' && colon[-1] == ']';
	bsn_str_add_bytes(&address, server + bracketed, (size_t)(colon - server) - 2 * (size_t)bracketed);
	bsn_wire_text(&inner, 1, bsn_str_text(&address));
	bsn_wire_number(&inner, 2, port);
	bsn_wire_message(&dump->message, BSN_CRIU_PAGE_SERVER, &inner);
	return 0;
}

static int add_outside(struct dump *dump, struct basin_error *err)
{
	const struct bsn_config *config = dump->config;
	for (size_t i = 0; i < config->mount_count; i++)
		if (config->mounts[i].bind)
			add_mount(dump, config->mounts[i].destination);
	for (size_t i = 0; i < config->device_count; i++)
		add_mount(dump, config->devices[i].path);
	add_masks(dump);
	return write_descriptors(dump, err);
}

static int make_request(struct dump *dump, struct basin_error *err)
{
	const struct bsn_criu_options *options = dump->options;
	struct bsn_str *message = &dump->message;
	int r = bsn_criu_common(message, options, dump->config, true, &dump->images, &dump->work, err);
	if (r < 0)
		return r;
	bsn_wire_text(message, BSN_CRIU_LOG_FILE, LOG_FILE);
	bsn_wire_text(message, BSN_CRIU_ROOT, dump->state.rootfs);
	bsn_wire_number(message, BSN_CRIU_PID, (uint64_t)dump->state.init.pid);
	bsn_wire_number(message, BSN_CRIU_LEAVE_RUNNING, options->leave_running);
	bsn_wire_text(message, BSN_CRIU_PARENT_IMAGE, options->parent_path);
	if (options->parent_path != NULL || options->pre_dump)
		bsn_wire_number(message, BSN_CRIU_TRACK_MEMORY, 1);
	r = add_namespaces(dump, err);
	if (r >= 0)
		r = add_freezer(dump, err);
	if (r >= 0 && options->page_server != NULL)
		r = add_page_server(dump, options->page_server, err);
	return r >= 0 && !options->pre_dump ? add_outside(dump, err) : r;
}

static int hear(void *data, struct bsn_criu_event *event, struct basin_error *err)
{
	struct dump *dump = data;
	(void)err;
	if (!bsn_streq(event->script, "status-ready") || dump->status_fd < 0)
		return 0;
	/* The page server listens: whoever restores may begin. */
	if (write(dump->status_fd, "", 1) < 0)
		bsn_warn("--status-fd: cannot write to descriptor %d: %s", dump->status_fd, strerror(errno));
	close(dump->status_fd);
	dump->status_fd = -1;
	return 0;
}

static int write_images(struct dump *dump, struct basin_error *err)
{
	auto_criu struct bsn_criu criu = BSN_CRIU_INIT;
	struct bsn_criu_answer answer;
	int r = bsn_criu_start(&criu, false, NULL, 0, err);
	if (r >= 0)
		r = bsn_criu_ask(&criu, dump->options->pre_dump ? BSN_CRIU_PRE_DUMP : BSN_CRIU_DUMP, &dump->message, hear, dump,
				 &answer, err);
	if (r < 0)
		bsn_criu_quote(dump->work >= 0 ? dump->work : dump->images, LOG_FILE);
	return r;
}

/* --- the whole --- */

static int check_parent(const struct bsn_criu_options *options, struct basin_error *err)
{
	char path[PATH_MAX];
	struct stat st;
	if (options->parent_path == NULL)
		return 0;
	if (options->parent_path[0] == '/')
		return bsn_fail(err, BASIN_USAGE, EINVAL, "--parent-path must be relative");
	if (snprintf(path, sizeof(path), "%s/%s", options->image_path, options->parent_path) >= (int)sizeof(path))
		return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "invalid --parent-path: too long");
	if (stat(path, &st) < 0)
		return bsn_fail_sys(err, errno, "invalid --parent-path: \"%s\"", path);
	return S_ISDIR(st.st_mode) ? 0 : bsn_fail_sys(err, ENOTDIR, "invalid --parent-path: \"%s\"", path);
}

static int check_status_fd(const struct bsn_criu_options *options, struct basin_error *err)
{
	if (!options->lazy_pages || options->status_fd < 0)
		return 0;
	int flags = fcntl(options->status_fd, F_GETFL);
	if (flags < 0)
		return bsn_fail_sys(err, errno, "invalid --status-fd argument %d", options->status_fd);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid --status-fd argument %d: not writable", options->status_fd);
	return 0;
}

static int open_container(struct dump *dump, const struct bsn_runtime *runtime, const char *id, struct basin_error *err)
{
	char path[48];
	int r = bsn_container_open(runtime, id, true, &dump->container, err);
	if (r >= 0)
		r = bsn_state_read(dump->container.dir, id, &dump->state, err);
	if (r >= 0)
		r = bsn_container_refuse_managed(runtime, &dump->state, "checkpoint", err);
	if (r >= 0)
		r = bsn_container_config(&dump->container, &dump->config, err);
	if (r < 0)
		return r;
	enum bsn_status status = bsn_container_status(&dump->container, &dump->state);
	if (status == BSN_CREATED || status == BSN_CREATING || status == BSN_STOPPED)
		return bsn_fail(err, BASIN_CONFLICT, EBUSY, "Container cannot be checkpointed in %s state",
				bsn_status_name(status));
	snprintf(path, sizeof(path), "/proc/%d/root", (int)dump->state.init.pid);
	dump->root = bsn_sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	return dump->root < 0 ? bsn_fail_sys(err, -dump->root, "cannot look into container \"%s\"", id) : 0;
}

/* The directory of images may be several levels deep, as with runc. */
static int make_images(const char *path, struct basin_error *err)
{
	auto_fd int fd = bsn_open_dirs(AT_FDCWD, path, 0700);
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot make the directory of images \"%s\"", path) : 0;
}

int bsn_container_checkpoint(const struct bsn_runtime *runtime, const char *id, const struct bsn_criu_options *options,
			     struct basin_error *err)
{
	int version;
	__attribute__((cleanup(release))) struct dump dump = { .container = BSN_CONTAINER_INIT,
							       .options = options,
							       .images = -1,
							       .work = -1,
							       .root = -1,
							       .status_fd = options->status_fd };
	int r = open_container(&dump, runtime, id, err);
	if (r >= 0)
		r = make_images(options->image_path, err);
	if (r >= 0)
		r = check_parent(options, err);
	if (r >= 0)
		r = check_status_fd(options, err);
	if (r >= 0)
		r = bsn_criu_probe(options->pre_dump, options->lazy_pages, &version, err);
	if (r >= 0)
		r = make_request(&dump, err);
	if (r >= 0)
		r = write_images(&dump, err);
	if (r < 0 || options->leave_running || options->pre_dump)
		return r;
	bsn_own_close(&dump.container.lock);
	dump.container.lock = -1;
	return bsn_container_delete(runtime, id, true, err);
}
