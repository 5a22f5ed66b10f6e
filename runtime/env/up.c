/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `env up` and `env down`: an environment's kernel objects, made and taken away. Run by its monitor, below which both are children;
 * after up has ended, the payload's init is the monitor's child too, since a monitor is the reaper of all below it.
 *
 * The order in up matters in two places. What must outlive this process or be seen by others (name server, bridge, pool's cgroup) comes before
 * the private mount namespace. And the payload is let go (start) only after its network is there, so that it never sees itself without.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/store.h"
#include "pool/host.h"
#include "pool/pool_cgroup.h"
#include "runtime/env/monitor.h"
#include "runtime/env/network.h"
#include "runtime/env/oci_config.h"
#include "runtime/env/rootfs.h"
#include "runtime/monitor/report.h"

struct up {
	struct basin *basin;
	struct bsn_env *env;
	struct bsn_runtime runtime;
	struct bsn_network_address addresses[BSN_ENV_NETWORKS];
	struct bsn_user user;
	unsigned int enforced;
	char cgroups_path[PATH_MAX];
	pid_t pid;
};

/* --- before the private mount namespace --- */

static int prepare_cgroup(struct up *up, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	struct bsn_host host;
	struct bsn_pool pool;
	int r = bsn_basin_ledger(up->basin, &ledger, err);
	if (r >= 0)
		r = bsn_host_read(up->basin->data_fd, &host, err);
	if (r >= 0)
		r = bsn_pool_get(ledger, up->env->pool, &pool, err);
	if (r >= 0)
		r = bsn_pool_cgroup_ensure(ledger, &host, up->basin->cgroup_root, up->env->pool, err);
	if (r < 0)
		return r;
	up->enforced = pool.enforced;
	up->cgroups_path[0] = '/';
	return bsn_env_cgroup_path(up->basin, up->env, up->cgroups_path + 1, sizeof(up->cgroups_path) - 1, err);
}

static int prepare_networks(struct up *up, struct basin_error *err)
{
	for (size_t i = 0; i < up->env->network_count; i++) {
		int r = bsn_network_up(up->basin, up->env->networks[i], err);
		if (r >= 0)
			r = bsn_network_lease(up->basin, up->env->networks[i], up->env->name, &up->addresses[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_etc(const struct up *up, int etc, const char *file, const char *text, struct basin_error *err)
{
	int r = bsn_replace_file(etc, file, text, strlen(text), 0644, false);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write %s of environment \"%s\"", file, up->env->name) : 0;
}

static int prepare_etc(const struct up *up, struct basin_error *err)
{
	auto_fd int dir = -1;
	auto_free char *resolv = NULL;
	auto_str struct bsn_str hosts = { 0 };
	auto_str struct bsn_str hostname = { 0 };
	int r = bsn_env_dir(up->basin, up->env->name, &dir, err);
	if (r < 0)
		return r;
	auto_fd int etc = bsn_sys_openat(dir, "etc", O_RDONLY | O_DIRECTORY, 0);
	if (etc < 0)
		return bsn_fail_sys(err, -etc, "cannot open \"etc\" of environment \"%s\"", up->env->name);
	bsn_str_add(&hosts, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	const char *own = up->env->network_count > 0 ? up->addresses[0].address : "127.0.1.1";
	bsn_str_addf(&hosts, "%s\t%s\n", own, up->env->hostname);
	bsn_str_addf(&hostname, "%s\n", up->env->hostname);
	r = bsn_network_resolv_conf(up->addresses, up->env->network_count, &resolv, err);
	if (r >= 0)
		r = write_etc(up, etc, "resolv.conf", resolv, err);
	if (r >= 0)
		r = write_etc(up, etc, "hosts", bsn_str_text(&hosts), err);
	if (r >= 0)
		r = write_etc(up, etc, "hostname", bsn_str_text(&hostname), err);
	return r;
}

/* --- inside it --- */

static int open_root(struct up *up, int *ret_fd, struct basin_error *err)
{
	struct bsn_store *store;
	auto_of(bsn_image_free) struct bsn_image *image = NULL;
	int r = bsn_sys_unshare(CLONE_NEWNS);
	if (r >= 0)
		r = bsn_sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a private mount namespace");
	r = bsn_basin_reopen(up->basin, err);
	if (r >= 0)
		r = bsn_basin_store(up->basin, &store, err);
	if (r >= 0)
		r = bsn_image_resolve(store, up->env->digest, &image, err);
	if (r >= 0)
		r = bsn_env_rootfs_open(up->basin, up->env, image, ret_fd, err);
	if (r >= 0)
		r = bsn_user_resolve(*ret_fd, up->env->user, &up->user, err);
	return r;
}

static int describe(const struct up *up, char **ret_text, struct basin_error *err)
{
	auto_str struct bsn_str etc = { 0 };
	bsn_str_addf(&etc, "%s/envs/%s/etc", up->basin->data_root, up->env->name);
	const struct bsn_env_facts facts = {
		.env = up->env,
		.user = &up->user,
		.cgroups_path = up->cgroups_path,
		.etc = bsn_str_text(&etc),
		.enforced = up->enforced,
	};
	return bsn_env_oci_config(&facts, ret_text, err);
}

/* The fifo and the pipe that are its input and output become the payload's, so that it can open /dev/stdout as anybody can. */
static int give_output(const struct up *up, struct basin_error *err)
{
	uid_t uid = (uid_t)up->env->ids_first + up->user.uid;
	gid_t gid = (gid_t)up->env->ids_first + up->user.gid;
	for (int fd = 0; fd <= 2; fd++) {
		struct stat st;
		if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
			continue;
		int r = bsn_sys_fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot give environment \"%s\" its output", up->env->name);
	}
	return 0;
}

static int create(struct up *up, struct basin_error *err)
{
	auto_fd int root = -1;
	auto_free char *text = NULL;
	int r = open_root(up, &root, err);
	if (r >= 0)
		r = give_output(up, err);
	if (r >= 0)
		r = describe(up, &text, err);
	if (r < 0)
		return r;
	struct bsn_create_options options = BSN_CREATE_OPTIONS_INIT;
	options.id = up->env->name;
	options.config_json = text;
	options.rootfs_fd = root;
	options.init = up->env->init || json_array_size(up->env->args) == 0;
	options.managed = true;
	return bsn_container_create(&up->runtime, &options, &up->pid, err);
}

static int attach_networks(struct up *up, struct basin_error *err)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)up->pid);
	auto_fd int netns = bsn_sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	if (netns < 0)
		return bsn_fail_sys(err, -netns, "cannot open the network namespace of environment \"%s\"", up->env->name);
	for (size_t i = 0; i < up->env->network_count; i++) {
		char interface[16];
		snprintf(interface, sizeof(interface), "eth%zu", i);
		int r = bsn_network_attach(up->basin, up->env->networks[i], up->env->name, netns, interface, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int go_up(struct up *up, struct basin_error *err)
{
	int r = prepare_cgroup(up, err);
	if (r >= 0)
		r = prepare_networks(up, err);
	if (r >= 0)
		r = prepare_etc(up, err);
	if (r >= 0)
		r = create(up, err);
	if (r >= 0)
		r = attach_networks(up, err);
	if (r >= 0)
		r = bsn_container_start(&up->runtime, up->env->name, err);
	if (r >= 0)
		r = bsn_env_commit(up->basin, up->env->name, err);
	return r;
}

/* Told to whoever waits for the start. Without the pipe (run by hand) there is nobody. */
static void report(const struct up *up, int result, const struct basin_error *err)
{
	struct bsn_report message = { .magic = BSN_REPORT_MAGIC,
				      .kind = result < 0 ? BSN_REPORT_FAILED : BSN_REPORT_STARTED,
				      .pid = up->pid };
	if (up->env != NULL)
		message.stop_signal = up->env->stop_signal;
	if (result < 0)
		message.err = *err;
	(void)bsn_sys_write(BSN_MONITOR_REPORT_FD, &message, sizeof(message));
}

/* Whether the descriptors that a monitor hands over are there; they are not for the payload. */
static bool has_monitor(void)
{
	return fcntl(BSN_MONITOR_LOCK_FD, F_SETFD, FD_CLOEXEC) == 0 && fcntl(BSN_MONITOR_REPORT_FD, F_SETFD, FD_CLOEXEC) == 0;
}

static int check_monitor(struct basin *basin, const char *name, struct basin_error *err)
{
	int r = bsn_monitor_alive(basin, name);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot see whether environment \"%s\" has a monitor", name);
	return r > 0 ? 0 : bsn_fail(err, BASIN_CONFLICT, ESRCH, "environment \"%s\" has no monitor", name);
}

int bsn_env_up(struct basin *basin, const char *name, struct basin_error *err)
{
	struct basin_error own = { 0 };
	struct up up = { .basin = basin, .runtime = bsn_basin_runtime(basin) };
	if (err == NULL)
		err = &own;
	if (!has_monitor())
		return bsn_fail(err, BASIN_USAGE, EINVAL, "this is run by the environment's monitor: use \"basin env start %s\"",
				name);
	int r = check_monitor(basin, name, err);
	if (r >= 0)
		r = bsn_env_load(basin, name, &up.env, err);
	if (r >= 0)
		r = go_up(&up, err);
	report(&up, r, err);
	bsn_env_free(up.env);
	return r;
}

/* --- down --- */

int bsn_env_down(struct basin *basin, const char *name, bool final, struct basin_error *err)
{
	auto_env struct bsn_env *env = NULL;
	struct bsn_ledger *ledger;
	struct bsn_runtime runtime = bsn_basin_runtime(basin);
	int r = bsn_env_load(basin, name, &env, err);
	if (r < 0)
		return r;
	(void)fcntl(BSN_MONITOR_LOCK_FD, F_SETFD, FD_CLOEXEC);
	/* The container first: while it lives it uses what follows. Then all of it, whatever fails; the first failure is told. */
	r = bsn_container_delete(&runtime, name, true, err);
	for (size_t i = 0; i < env->network_count; i++) {
		int detached = bsn_network_detach(basin, env->networks[i], name, r < 0 ? NULL : err);
		r = r < 0 ? r : detached;
	}
	if (r < 0 || !final)
		return r;
	r = bsn_basin_ledger(basin, &ledger, err);
	return r < 0 ? r : bsn_charge_keep(ledger, name, BSN_RESOURCE_BIT(BASIN_STORAGE), err);
}
