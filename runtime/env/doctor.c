/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host can do. Each check tries the real thing where that changes nothing (a detached mount, a namespace of a process that ends
 * at once) and otherwise reads; each says what it found and, where that is too little, the remedy.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "net/link.h"
#include "net/netlink.h"
#include "net/nft.h"
#include "pool/cgroup.h"
#include "pool/storage.h"
#include "runtime/env/make.h"
#include "runtime/env/rootfs.h"

#define KERNEL_MAJOR 5
#define KERNEL_MINOR 14 /* cgroup.kill; mount_setattr and idmapped mounts came just before */

struct doctor {
	struct basin *basin;
	json_t *checks;
};

/* ok: works; limited: basin works without, less well; missing: what needs it is refused. */
static void tell(struct doctor *doctor, const char *check, const char *result, const char *found, const char *remedy)
{
	json_array_append_new(doctor->checks,
			      json_pack("{ss ss ss ss}", "check", check, "result", result, "found", found, "remedy", remedy));
}

static char *read_line(const char *path)
{
	char *text = NULL;
	if (bsn_read_file(AT_FDCWD, path, 64 * 1024, &text, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static const char *find_program(const char *name, char *buffer, size_t room)
{
	static const char *const places[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin" };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (bsn_format(buffer, room, "%s/%s", places[i], name) >= 0 && access(buffer, X_OK) == 0)
			return buffer;
	return NULL;
}

static void check_kernel(struct doctor *doctor)
{
	struct utsname name;
	int major = 0;
	int minor = 0;
	uname(&name);
	bool ok = sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
		  (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR));
	tell(doctor, "kernel", ok ? "ok" : "missing", name.release,
	     ok ? "" : "use Linux 5.14 or newer, 5.19 for user namespaces");
}

static void check_privileges(struct doctor *doctor)
{
	bool resource = prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1;
	if (geteuid() != 0)
		tell(doctor, "privileges", "limited", "not root",
		     "run as root: environments need mounts, networks and id ranges that a plain user does not have");
	else
		tell(doctor, "privileges", resource ? "ok" : "limited", resource ? "root" : "root without CAP_SYS_RESOURCE",
		     resource ? ""
			      : "guaranteed environments are not protected from the OOM killer here, and hard rlimits cannot be "
				"raised");
}

static void check_cgroups(struct doctor *doctor)
{
	static const enum bsn_controller wanted[] = { BSN_CONTROLLER_CPU, BSN_CONTROLLER_MEMORY, BSN_CONTROLLER_PIDS };
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	struct basin_error err = { 0 };
	uint32_t mask = 0;
	if (bsn_cgroup_tree_open(doctor->basin->cgroup_root, &tree, &err) < 0 || bsn_cgroup_controllers(&tree, &mask, &err) < 0) {
		tell(doctor, "cgroup2", "missing", err.text, "mount it: mount -t cgroup2 none /sys/fs/cgroup");
		return;
	}
	tell(doctor, "cgroup2", "ok", tree.mount, "");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char check[64];
		char remedy[512];
		bool there = (mask & BSN_CONTROLLER_BIT(wanted[i])) != 0;
		snprintf(check, sizeof(check), "%s controller", bsn_controller_name(wanted[i]));
		tell(doctor, check, there ? "ok" : "missing", there ? "enforced" : "not in this cgroup2 tree",
		     there ? "" : bsn_cgroup_remedy(&tree, wanted[i], remedy, sizeof(remedy)));
	}
}

static void check_overlay(struct doctor *doctor)
{
	auto_fd int fd = bsn_sys_fsopen("overlay");
	tell(doctor, "overlay", fd >= 0 ? "ok" : "missing", fd >= 0 ? "available" : "not in this kernel",
	     fd >= 0 ? "" : "load it: modprobe overlay");
}

static void check_user_namespaces(struct doctor *doctor)
{
	struct basin_error err = { 0 };
	auto_fd int userns = -1;
	if (bsn_userns_open(0x10000000, BSN_ENV_IDS, &userns, &err) < 0) {
		tell(doctor, "user namespaces", "missing", err.text,
		     "allow them: sysctl user.max_user_namespaces=10000; or use --userns host");
		return;
	}
	tell(doctor, "user namespaces", "ok", "available", "");
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };
	auto_fd int tree = bsn_sys_open_tree(doctor->basin->data_fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	int r = tree < 0 ? tree : bsn_sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr);
	tell(doctor, "idmapped mounts", r < 0 ? "missing" : "ok",
	     r < 0 ? "the data root's file system refuses" : "the data root's file system can",
	     r < 0 ? "keep the data root on ext4, xfs or btrfs with Linux 5.19 or newer, or use --userns host" : "");
}

static void check_storage(struct doctor *doctor)
{
	struct bsn_storage_probe probe;
	struct basin_error err = { 0 };
	char path[64];
	if (bsn_storage_probe(doctor->basin->data_fd, &probe, &err) < 0) {
		tell(doctor, "storage limits", "missing", err.text, "");
		return;
	}
	auto_str struct bsn_str found = { 0 };
	bsn_str_addf(&found, "%s on %s", bsn_storage_kind_format(probe.kind), probe.file_system);
	tell(doctor, "storage limits",
	     probe.kind == BSN_STORAGE_PROJECT ? "ok"
	     : probe.kind == BSN_STORAGE_LOOP  ? "limited"
					       : "missing",
	     bsn_str_text(&found), probe.reason);
	if (probe.kind != BSN_STORAGE_PROJECT && find_program("mke2fs", path, sizeof(path)) == NULL)
		tell(doctor, "mke2fs", "missing", "not found", "install e2fsprogs");
}

#define PROBE_RANGE                                                                                                              \
	{                                                                                                                        \
		.base = 0x0a000000, .prefix = 24                                                                                 \
	} /* 10.0.0.0/24 */

/* In a process of its own, in a network namespace of its own. */
static int try_links(void *data, struct basin_error *err)
{
	struct bsn_bridge bridge = { .name = "bsn-probe", .alias = "basin probe", .subnet = PROBE_RANGE };
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	(void)data;
	int r = bsn_sys_unshare(CLONE_NEWNET);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a network namespace");
	r = bsn_netlink_open(&netlink, err);
	return r < 0 ? r : bsn_bridge_create(netlink, &bridge, err);
}

static int try_rules(void *data, struct basin_error *err)
{
	struct bsn_nft_network network = { .name = "probe", .bridge = "bsn-probe", .subnet = PROBE_RANGE, .nat = true };
	auto_of(bsn_nft_close) struct bsn_nft *nft = NULL;
	(void)data;
	int r = bsn_sys_unshare(CLONE_NEWNET);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a network namespace");
	r = bsn_nft_open("basin-probe", &nft, err);
	return r < 0 ? r : bsn_nft_network_create(nft, &network, err);
}

static void check_network(struct doctor *doctor)
{
	struct basin_error err = { 0 };
	char path[64];
	int r = bsn_env_in_private(try_links, NULL, &err);
	tell(doctor, "bridges", r < 0 ? "missing" : "ok", r < 0 ? err.text : "available",
	     r < 0 ? "load them: modprobe bridge veth" : "");
	err = (struct basin_error){ 0 };
	r = bsn_env_in_private(try_rules, NULL, &err);
	tell(doctor, "nftables", r < 0 ? "missing" : "ok", r < 0 ? err.text : "available",
	     r < 0 ? "load them: modprobe nf_tables nft_masq nft_chain_nat; networks cannot be made without" : "");
	bool dnsmasq = find_program("dnsmasq", path, sizeof(path)) != NULL;
	tell(doctor, "dnsmasq", dnsmasq ? "ok" : "missing", dnsmasq ? path : "not found", dnsmasq ? "" : "install dnsmasq-base");
}

static void check_execution(struct doctor *doctor)
{
	auto_free char *noexec = read_line("/proc/sys/vm/memfd_noexec");
	auto_free char *actions = read_line("/proc/sys/kernel/seccomp/actions_avail");
	bool strict = noexec != NULL && noexec[0] == '2';
	tell(doctor, "memfd execution", strict ? "limited" : "ok", strict ? "vm.memfd_noexec is 2" : "allowed",
	     strict ? "containers start through a read-only mount instead, a little slower: sysctl vm.memfd_noexec=1" : "");
	tell(doctor, "seccomp", actions != NULL ? "ok" : "missing", actions != NULL ? actions : "not in this kernel",
	     actions != NULL ? "" : "use a kernel with CONFIG_SECCOMP_FILTER");
	char path[64];
	if (doctor->basin->rootless && find_program("newuidmap", path, sizeof(path)) == NULL)
		tell(doctor, "newuidmap", "missing", "not found",
		     "install uidmap, and give the user a range in /etc/subuid and /etc/subgid");
}

int basin_doctor(struct basin *basin, char **ret_json, struct basin_error *err)
{
	auto_json json_t *checks = json_array();
	struct doctor doctor = { .basin = basin, .checks = checks };
	check_kernel(&doctor);
	check_privileges(&doctor);
	check_cgroups(&doctor);
	check_overlay(&doctor);
	check_user_namespaces(&doctor);
	check_storage(&doctor);
	check_network(&doctor);
	check_execution(&doctor);
	return bsn_json_format(checks, true, ret_json, err);
}
