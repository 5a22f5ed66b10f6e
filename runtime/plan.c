/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's plan: which namespaces the first clone3 makes, which are joined and when, and the order of all that follows.
 *
 * One process is enough unless a pid or user namespace is joined, a new user namespace goes with others that exist, or the clocks
 * get offsets: these take effect for a child only, so the first process enters and forks the container's init as our child.
 */
#include "runtime/plan.h"

#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/facts.h"

/*
 * What a session keyring lets be done to it (keyctl(2)): what the kernel gives one that is new, and to be searched by its user, so that exec
 * finds it by its name. In a user namespace exec comes as another user than the one whose it is.
 */
#define KEYRING_USUAL     0x3f130000u
#define KEYRING_OF_OURS   (KEYRING_USUAL | 0x00080000u)
#define KEYRING_OF_OTHERS (KEYRING_USUAL | 0x00000008u)

int bsn_plan_handle(struct bsn_plan *plan, enum bsn_handle_kind kind, const char *path, const struct bsn_mount *mount)
{
	if (plan->handle_count == plan->handle_room) {
		size_t room = plan->handle_room == 0 ? 16 : plan->handle_room * 2;
		struct bsn_handle *handles = realloc(plan->handles, room * sizeof(*handles));
		if (handles == NULL) {
			plan->list.failed = true;
			return -1;
		}
		plan->handles = handles;
		plan->handle_room = room;
	}
	plan->handles[plan->handle_count] = (struct bsn_handle){ kind, path, mount };
	return (int)plan->handle_count++;
}

static bool is_new(const struct bsn_config *config, enum bsn_namespace kind)
{
	return config->namespaces[kind].given && config->namespaces[kind].path == NULL;
}

static bool is_joined(const struct bsn_config *config, enum bsn_namespace kind)
{
	return config->namespaces[kind].path != NULL;
}

/* clone3 makes these; a cgroup namespace is made by the child, once it is in the cgroup that becomes its root. */
static uint64_t clone_flags(const struct bsn_plan_request *request)
{
	const struct bsn_config *config = request->config;
	uint64_t flags = 0;
	for (int kind = 0; kind < BSN_NAMESPACES; kind++)
		if (kind != BSN_NS_CGROUP && kind != BSN_NS_TIME && is_new(config, kind))
			flags |= (uint64_t)bsn_namespace_flag(kind);
	/* Joined when it is made. */
	return request->network_ahead ? flags & ~(uint64_t)CLONE_NEWNET : flags;
}

static bool joins_any(const struct bsn_config *config)
{
	bool joins = false;
	for (int kind = 0; kind < BSN_NAMESPACES; kind++)
		joins |= is_joined(config, kind);
	return joins;
}

static bool needs_fork(const struct bsn_config *config)
{
	return is_joined(config, BSN_NS_PID) || is_joined(config, BSN_NS_USER) || config->namespaces[BSN_NS_TIME].given ||
	       (is_new(config, BSN_NS_USER) && joins_any(config));
}

/* Of the first process where it forks: an ordinary user has the privileges that clocks take in a user namespace only. */
static uint64_t first_flags(const struct bsn_config *config)
{
	return is_new(config, BSN_NS_USER) && !joins_any(config) ? CLONE_NEWUSER : 0;
}

static void plan_join(struct bsn_plan *plan, const struct bsn_config *config, enum bsn_namespace kind, int handle, uint16_t flags)
{
	uint32_t name = bsn_list_text(&plan->list, bsn_namespace_name(kind));
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_JOIN, config->namespaces[kind].path);
	op->text[1] = name;
	op->fd = handle;
	op->flags = flags;
	op->number[0] = (uint64_t)bsn_namespace_flag(kind);
}

static void plan_joins(struct bsn_plan *plan, const struct bsn_config *config)
{
	int handles[BSN_NAMESPACES];
	for (int kind = 0; kind < BSN_NAMESPACES; kind++)
		handles[kind] = is_joined(config, kind)
					? bsn_plan_handle(plan, BSN_HANDLE_NAMESPACE, config->namespaces[kind].path, NULL)
					: -1;
	bool user = handles[BSN_NS_USER] >= 0;
	/* A joined mount namespace comes last: the paths of the others were opened before, but /proc of the host goes with it. */
	for (int kind = BSN_NAMESPACES - 1; kind > BSN_NS_USER; kind--)
		if (handles[kind] >= 0)
			plan_join(plan, config, kind, handles[kind], user ? BSN_OP_F_TRY : 0);
	if (!user)
		return;
	plan_join(plan, config, BSN_NS_USER, handles[BSN_NS_USER], 0);
	for (int kind = BSN_NAMESPACES - 1; kind > BSN_NS_USER; kind--)
		if (handles[kind] >= 0)
			plan_join(plan, config, kind, handles[kind], 0);
}

static void plan_time(struct bsn_plan *plan, const struct bsn_config *config)
{
	auto_str struct bsn_str text = { 0 };
	if (!is_new(config, BSN_NS_TIME))
		return;
	if (config->monotonic.given)
		bsn_str_addf(&text, "monotonic %lld %u\n", (long long)config->monotonic.seconds, config->monotonic.nanoseconds);
	if (config->boottime.given)
		bsn_str_addf(&text, "boottime %lld %u\n", (long long)config->boottime.seconds, config->boottime.nanoseconds);
	bsn_list_add_text(&plan->list, BSN_OP_TIME, bsn_str_text(&text));
}

static bool needs_proc(const struct bsn_config *config)
{
	return config->sysctl.count > 0 || config->process.oom_score_adj_given || is_new(config, BSN_NS_TIME) ||
	       config->process.apparmor_profile != NULL || config->process.selinux_label != NULL;
}

void bsn_plan_use_proc(struct bsn_plan *plan)
{
	plan->uses_proc = true;
	bsn_list_add(&plan->list, BSN_OP_PROC)->fd = bsn_plan_handle(plan, BSN_HANDLE_PROC, "/proc", NULL);
}

/* The least id that the namespace has: what owns the files that are made. */
static uint64_t least_id(const struct bsn_id_maps *maps)
{
	uint64_t least = maps->count > 0 ? maps->of[0].container : 0;
	for (size_t i = 1; i < maps->count; i++)
		if (maps->of[i].container < least)
			least = maps->of[i].container;
	return least;
}

static void plan_become_root(struct bsn_plan *plan, const struct bsn_config *config)
{
	struct bsn_op *op = bsn_list_add_number(&plan->list, BSN_OP_BECOME_ROOT, least_id(&config->uid_maps));
	op->number[1] = least_id(&config->gid_maps);
	op->flags = bsn_plan_keeps_groups(config) ? BSN_OP_F_NO_GROUPS : 0;
}

/* Everything up to the point where the process is in its namespaces and is root in them. */
static void plan_entry(struct bsn_plan *plan, const struct bsn_plan_request *request)
{
	const struct bsn_config *config = request->config;
	uint64_t flags = clone_flags(request);
	bool user = config->namespaces[BSN_NS_USER].given;

	plan->new_user = is_new(config, BSN_NS_USER);
	plan->forks = needs_fork(config);
	plan->user = user;
	/* What the parent does meanwhile: maps and limits, cgroups of version 1, network devices. */
	plan->waits_go = user || (request->legacy != NULL && request->legacy->count > 0) || config->net_devices.count > 0 ||
			 config->intel_rdt.given || request->moved;
	plan->clone_flags = plan->forks ? first_flags(config) : flags;
	bsn_list_add_number(&plan->list, BSN_OP_UMASK, 0022);
	if (needs_proc(config))
		bsn_plan_use_proc(plan);
	/* Devices move into a namespace that is made by the fork. */
	plan->goes_first = is_joined(config, BSN_NS_USER) && config->net_devices.count == 0;
	if (plan->goes_first)
		bsn_list_add(&plan->list, BSN_OP_WAIT_GO);
	plan_joins(plan, config);
	plan_time(plan, config);
	if (plan->forks)
		bsn_list_add_number(&plan->list, BSN_OP_FORK, flags & ~plan->clone_flags);
	if (plan->waits_go && !plan->goes_first)
		bsn_list_add(&plan->list, BSN_OP_WAIT_GO);
	if (user)
		plan_become_root(plan, config);
	if (is_new(config, BSN_NS_CGROUP))
		bsn_list_add_number(&plan->list, BSN_OP_UNSHARE, CLONE_NEWCGROUP);
	bsn_list_add(&plan->list, BSN_OP_SESSION);
	if (!request->no_new_keyring)
		bsn_plan_keyring(plan, &config->process, request->id, user ? KEYRING_OF_OTHERS : KEYRING_OF_OURS);
	plan->network = request->network_ahead;
	if (is_new(config, BSN_NS_NETWORK))
		bsn_list_add(&plan->list, plan->network ? BSN_OP_NETWORK : BSN_OP_LOOPBACK);
	if (config->hostname != NULL)
		bsn_list_add_text(&plan->list, BSN_OP_HOSTNAME, config->hostname);
	if (config->domainname != NULL)
		bsn_list_add_text(&plan->list, BSN_OP_DOMAINNAME, config->domainname);
}

static void plan_root(struct bsn_plan *plan, const struct bsn_plan_request *request)
{
	struct bsn_op *op;
	bool binds = false;
	/* What is bound goes on hearing of the host's mounts below it. The host's own mounts stay what they are. */
	for (size_t i = 0; i < request->config->mount_count; i++)
		binds |= request->config->mounts[i].bind;
	if (request->config->namespaces[BSN_NS_MOUNT].given)
		bsn_list_add_number(&plan->list, BSN_OP_PROPAGATE, (binds ? MS_SLAVE : MS_PRIVATE) | MS_REC);
	op = bsn_list_add_text(&plan->list, BSN_OP_ROOT, plan->root_path);
	op->text[1] = op->text[0];
	op->number[0] = request->config->rootfs_propagation & MS_PRIVATE ? MS_PRIVATE : MS_SLAVE;
	if (plan->privileged || request->rootfs_given)
		op->fd = bsn_plan_handle(plan, BSN_HANDLE_ROOT, plan->root_path, NULL);
}

/* A network namespace that is joined may be the one we are in: its settings would be the host's. */
static int check_sysctl(const struct bsn_config *config, struct basin_error *err)
{
	struct stat ours;
	struct stat theirs;
	const char *path = config->namespaces[BSN_NS_NETWORK].path;
	for (size_t i = 0; path != NULL && i < config->sysctl.count; i++) {
		if (!bsn_starts_with(config->sysctl.of[i].key, "net/"))
			continue;
		if (stat("/proc/self/ns/net", &ours) == 0 && stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
		    ours.st_ino == theirs.st_ino)
			return bsn_fail(err, BASIN_USAGE, EINVAL,
					"linux.sysctl[\"%s\"]: not allowed in host network namespace, which \"%s\" is",
					config->sysctl.of[i].key, path);
		break;
	}
	return 0;
}

static void plan_sysctl(struct bsn_plan *plan, const struct bsn_config *config)
{
	for (size_t i = 0; i < config->sysctl.count; i++) {
		/* "net.ipv4.ip_forward", and as sysctl(8) has it "net/ipv4/conf/eth0.1/forwarding", whose dots are the name's own. */
		char *path = bsn_arena_strdup(plan->arena, config->sysctl.of[i].key);
		if (path != NULL && strchr(path, '/') == NULL)
			for (char *at = path; *at != '\0'; at++)
				if (*at == '.')
					*at = '/';
		uint32_t value = bsn_list_text(&plan->list, config->sysctl.of[i].value);
		bsn_list_add_text(&plan->list, BSN_OP_SYSCTL, path)->text[1] = value;
	}
}

static void plan_hook_ops(struct bsn_plan *plan, const struct bsn_config *config)
{
	plan->hooks = config->hooks[BSN_HOOK_PRESTART].count + config->hooks[BSN_HOOK_CREATE_RUNTIME].count +
			      config->hooks[BSN_HOOK_CREATE_CONTAINER].count >
		      0;
	if (!plan->hooks)
		return;
	bsn_list_add(&plan->list, BSN_OP_HOOKS);
	bsn_plan_hook_ops(plan, &config->hooks[BSN_HOOK_CREATE_CONTAINER], true);
}

/* sent: the terminal goes to an engine, who wants it as terminals are. */
static void plan_console(struct bsn_plan *plan, const struct bsn_process_config *process, bool bind, bool sent)
{
	plan->console = process->terminal;
	if (!process->terminal)
		return;
	struct bsn_op *op = bsn_list_add_number(&plan->list, BSN_OP_CONSOLE, process->console_height);
	op->number[1] = process->console_width;
	op->number[2] = process->uid;
	op->number[3] = !sent;
	op->flags = bind ? BSN_OP_F_BIND : 0;
}

static void plan_control(struct bsn_plan *plan)
{
	if (plan->console)
		bsn_list_add(&plan->list, BSN_OP_CONTROL);
}

/* By pivot_root, also in a namespace that is joined, which becomes the container's by that; in the host's only the root of the process can
 * change. */
static int plan_way_in(struct bsn_plan *plan, const struct bsn_plan_request *request, struct basin_error *err)
{
	if (!request->config->namespaces[BSN_NS_MOUNT].given) {
		bsn_list_add(&plan->list, BSN_OP_CHROOT);
		return 0;
	}
	int r = request->no_pivot ? bsn_plan_hide(plan, err) : 0;
	bsn_list_add(&plan->list, BSN_OP_PIVOT)->flags = request->no_pivot ? BSN_OP_F_MOVE : 0;
	return r;
}

/* As runc: standard streams that are the host's /dev/null become the container's. A terminal has taken their places otherwise. */
static void plan_null(struct bsn_plan *plan, const struct bsn_plan_request *request)
{
	uint64_t streams = 0;
	struct stat st;
	for (int fd = 0; fd < 3 && !request->config->process.terminal; fd++)
		if (fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
			streams |= 1u << fd;
	if (streams != 0)
		bsn_list_add_number(&plan->list, BSN_OP_NULL, streams);
}

/* What is made in the mount namespace, and then the way into it. */
static int plan_filesystem(struct bsn_plan *plan, const struct bsn_plan_request *request, struct basin_error *err)
{
	const struct bsn_config *config = request->config;
	plan_root(plan, request);
	int r = bsn_plan_mounts(plan, request, err);
	if (r >= 0)
		r = bsn_plan_devices(plan, config, err);
	if (r < 0)
		return r;
	/* As runc does: a working directory that the image lacks is made. */
	if (config->process.given)
		bsn_list_add_text(&plan->list, BSN_OP_DIRECTORY, config->process.cwd)->number[0] = 0755;
	plan_hook_ops(plan, config);
	plan_console(plan, &config->process, true, request->console_sent);
	plan_control(plan);
	plan_null(plan, request);
	bsn_plan_masks(plan, config);
	r = plan_way_in(plan, request, err);
	if (r >= 0 && config->rootfs_propagation != 0)
		bsn_list_add_number(&plan->list, BSN_OP_ROOT_PROPAGATE, config->rootfs_propagation);
	return r;
}

static int find_root(struct bsn_plan *plan, const struct bsn_plan_request *request, struct basin_error *err)
{
	const char *path = request->config->root_path;
	if (path == NULL && !request->rootfs_given)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "root.path: missing, and a container needs a root file system");
	if (path != NULL)
		plan->root_path = path[0] == '/' ? path : bsn_arena_format(plan->arena, "%s/%s", request->bundle, path);
	return path != NULL && plan->root_path == NULL ? bsn_fail_sys(err, ENOMEM, "cannot make a plan") : 0;
}

int bsn_plan_new(const struct bsn_config *config, struct bsn_plan **ret_plan, struct basin_error *err)
{
	struct bsn_plan *plan = calloc(1, sizeof(*plan));
	if (plan == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot make a plan");
	bsn_list_init(&plan->list);
	plan->config = config;
	plan->privileged = bsn_facts_capable(CAP_SYS_ADMIN);
	plan->arena = bsn_arena_new();
	if (plan->arena == NULL) {
		bsn_plan_free(plan);
		return bsn_fail_sys(err, ENOMEM, "cannot make a plan");
	}
	*ret_plan = plan;
	return 0;
}

void bsn_plan_free(struct bsn_plan *plan)
{
	if (plan == NULL)
		return;
	bsn_list_release(&plan->list);
	bsn_arena_free(plan->arena);
	free(plan->handles);
	free(plan);
}

static int make_plan(struct bsn_plan *plan, const struct bsn_plan_request *request, struct basin_error *err)
{
	const struct bsn_config *config = request->config;
	int r = find_root(plan, request, err);
	if (r >= 0)
		r = check_sysctl(config, err);
	if (r < 0)
		return r;
	plan_entry(plan, request);
	r = plan_filesystem(plan, request, err);
	if (r < 0)
		return r;
	plan_sysctl(plan, config);
	const struct bsn_plan_process process = {
		.config = config,
		.process = &config->process,
		.filter = request->filter,
		.wait = request->wait_for_start,
		.wait_on_socket = request->wait_for_start,
		.init = request->init,
	};
	return bsn_plan_process(plan, &process, err);
}

/* What would change the caller's mounts where the container has none of its own is refused, as runc does. */
static int check_mount_namespace(const struct bsn_plan_request *request, struct basin_error *err)
{
	const struct bsn_config *config = request->config;
	if (config->namespaces[BSN_NS_MOUNT].given)
		return 0;
	if (config->masked_paths.count + config->readonly_paths.count > 0)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"linux.maskedPaths: unable to restrict sys entries without a private mount namespace");
	if (config->rootfs_propagation != 0)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"linux.rootfsPropagation: unable to set rootfs propagation without a private MNT namespace: "
				"leave it out, or add \"mount\" to linux.namespaces");
	if (request->no_pivot)
		return bsn_fail(
			err, BASIN_USAGE, EINVAL,
			"--no-pivot: unable to use no-pivot without a private MNT namespace: leave it out, or add \"mount\" "
			"to linux.namespaces");
	return 0;
}

int bsn_plan_make(const struct bsn_plan_request *request, struct bsn_plan **ret_plan, struct basin_error *err)
{
	struct bsn_plan *plan = NULL;
	int r = check_mount_namespace(request, err);
	if (r >= 0)
		r = bsn_plan_new(request->config, &plan, err);
	if (r < 0)
		return r;
	r = make_plan(plan, request, err);
	if (r < 0) {
		bsn_plan_free(plan);
		return r;
	}
	*ret_plan = plan;
	return 0;
}

/* --- exec --- */

static uint64_t join_flags(const struct bsn_config *config)
{
	uint64_t flags = 0;
	for (int kind = 0; kind < BSN_NAMESPACES; kind++)
		if (config->namespaces[kind].given)
			flags |= (uint64_t)bsn_namespace_flag(kind);
	return flags;
}

void bsn_plan_enter_container(struct bsn_plan *plan, const struct bsn_config *config, uint64_t without)
{
	uint64_t flags = join_flags(config) & ~without;
	plan->forks = (flags & (CLONE_NEWPID | CLONE_NEWTIME)) != 0;
	plan->user = config->namespaces[BSN_NS_USER].given;
	plan->waits_go |= plan->user;
	plan->goes_first = true;
	if (plan->waits_go)
		bsn_list_add(&plan->list, BSN_OP_WAIT_GO);
	bsn_list_add_number(&plan->list, BSN_OP_JOIN_PROCESS, flags)->fd = bsn_plan_handle(plan, BSN_HANDLE_PROCESS, NULL, NULL);
	if (plan->user)
		plan_become_root(plan, config);
}

/*
 * Whatever has CAP_SYS_PTRACE in a container can take over what it sees there, dumpable or not. So the process that it sees is forked off when
 * all is done that takes more than the container has: up to then it is in none of the container's pid namespaces.
 */
static void plan_exec(struct bsn_plan *plan, const struct bsn_plan_exec *request)
{
	const struct bsn_process_config *process = &request->process->process;
	bsn_list_add_number(&plan->list, BSN_OP_UMASK, 0022);
	bsn_plan_affinity(plan, process->cpu_initial);
	if (process->oom_score_adj_given || process->apparmor_profile != NULL || process->selinux_label != NULL)
		bsn_plan_use_proc(plan);
	bsn_plan_enter_container(plan, request->config, 0);
	if (!bsn_plan_forks_last(plan, process, request->filter)) {
		if (plan->forks)
			bsn_list_add(&plan->list, BSN_OP_FORK);
		bsn_list_add(&plan->list, BSN_OP_SESSION);
	}
	if (!request->no_new_keyring)
		bsn_plan_keyring(plan, process, request->id, 0);
	plan_console(plan, process, false, request->console_sent);
}

int bsn_plan_make_exec(const struct bsn_plan_exec *request, struct bsn_plan **ret_plan, struct basin_error *err)
{
	struct bsn_plan *plan = NULL;
	int r = bsn_plan_new(request->config, &plan, err);
	if (r < 0)
		return r;
	plan->waits_go = request->moved;
	plan_exec(plan, request);
	const struct bsn_process_config *process = &request->process->process;
	const struct bsn_plan_process what = {
		.config = request->config,
		.process = process,
		.filter = request->filter,
		.exec = true,
		.fork_last = bsn_plan_forks_last(plan, process, request->filter),
	};
	if (!what.fork_last)
		plan_control(plan);
	r = bsn_plan_process(plan, &what, err);
	if (r < 0) {
		bsn_plan_free(plan);
		return r;
	}
	*ret_plan = plan;
	return 0;
}
