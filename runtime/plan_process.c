/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of the process: from its limits to its execve. `exec` and a container's first process share it.
 *
 * A seccomp filter is loaded as late as possible: after the wait for start, and in front of the hooks inside the container, which it is to
 * hold for. Without no_new_privs loading it takes CAP_SYS_ADMIN, so it goes in front of the user and the capabilities then: nothing that
 * the runtime still has to do depends on what the filter allows, but for what sets ids, capabilities and the program.
 */
#include "runtime/plan.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "runtime/facts.h"

/* sched_setattr(2)'s structure, first version; the C library has none. */
struct sched_attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

const char *bsn_rlimit_name(int resource)
{
	static const char *const names[] = {
		[RLIMIT_CPU] = "RLIMIT_CPU",           [RLIMIT_FSIZE] = "RLIMIT_FSIZE",
		[RLIMIT_DATA] = "RLIMIT_DATA",         [RLIMIT_STACK] = "RLIMIT_STACK",
		[RLIMIT_CORE] = "RLIMIT_CORE",         [RLIMIT_RSS] = "RLIMIT_RSS",
		[RLIMIT_NPROC] = "RLIMIT_NPROC",       [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
		[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",   [RLIMIT_AS] = "RLIMIT_AS",
		[RLIMIT_LOCKS] = "RLIMIT_LOCKS",       [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
		[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE",
		[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",     [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
	};
	return resource >= 0 && (size_t)resource < sizeof(names) / sizeof(names[0]) ? names[resource] : "a resource";
}

/* lift: only what takes privileges. */
static void plan_limit(struct bsn_plan *plan, const struct bsn_rlimit *limit, bool lift)
{
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_RLIMIT, bsn_rlimit_name(limit->resource));
	op->number[0] = (uint64_t)limit->resource;
	op->number[1] = limit->soft;
	op->number[2] = limit->hard;
	op->number[3] = lift;
}

/* The number of processes; a fork that is still to come must not count as one too many. */
static void plan_late_limits(struct bsn_plan *plan, const struct bsn_process_config *process)
{
	for (size_t i = 0; i < process->rlimit_count; i++)
		if (process->rlimits[i].resource == RLIMIT_NPROC)
			plan_limit(plan, &process->rlimits[i], false);
}

/*
 * Where a user namespace is made the parent has set these already: they may need privileges of the host. Where one is joined it has raised
 * the hard ones.
 */
static void plan_limits(struct bsn_plan *plan, const struct bsn_process_config *process, bool fork_last)
{
	char number[16];
	if (plan->user && !plan->goes_first)
		return;
	if (process->oom_score_adj_given && !plan->user) {
		snprintf(number, sizeof(number), "%d", process->oom_score_adj);
		uint32_t value = bsn_list_text(&plan->list, number);
		uint32_t what = bsn_list_text(&plan->list, "process.oomScoreAdj");
		struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_PROC_WRITE, "oom_score_adj");
		op->text[1] = value;
		op->text[2] = what;
	}
	for (size_t i = 0; i < process->rlimit_count; i++)
		plan_limit(plan, &process->rlimits[i], fork_last && process->rlimits[i].resource == RLIMIT_NPROC);
}

static struct bsn_op *plan_label(struct bsn_plan *plan, const char *file, const char *value, const char *what)
{
	uint32_t text = bsn_list_text(&plan->list, value);
	uint32_t name = bsn_list_text(&plan->list, what);
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_PROC_WRITE, file);
	op->text[1] = text;
	op->text[2] = name;
	return op;
}

static bool is_label(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static void plan_apparmor(struct bsn_plan *plan, const char *profile)
{
	plan_label(plan, bsn_facts_apparmor_directory() ? "attr/apparmor/exec" : "attr/exec",
		   bsn_arena_format(plan->arena, "exec %s", profile), profile)
		->number[0] = 1;
}

/* Where two security modules share the host, each has files of its own; the older ones are one module's. */
static void plan_labels(struct bsn_plan *plan, const struct bsn_process_config *process)
{
	if (is_label(process->apparmor_profile))
		plan_apparmor(plan, process->apparmor_profile);
	if (is_label(process->selinux_label))
		plan_label(plan, "attr/exec", process->selinux_label, "process.selinuxLabel");
}

/* A process that was to be confined must not run unconfined because the host cannot. */
static int check_labels(const struct bsn_process_config *process, struct basin_error *err)
{
	if (process->selinux_label != NULL && !bsn_facts_selinux())
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"selinux label is specified in config, but selinux is disabled or not supported");
	if (process->apparmor_profile != NULL && !bsn_facts_apparmor())
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"apparmor: config provided but apparmor not supported; leave process.apparmorProfile out");
	return 0;
}

void bsn_plan_keyring(struct bsn_plan *plan, const struct bsn_process_config *process, const char *id, uint32_t permissions)
{
	bool labelled = is_label(process->selinux_label);
	if (labelled)
		plan_label(plan, "attr/keycreate", process->selinux_label, "the label of the session keyring");
	bsn_list_add_text(&plan->list, BSN_OP_KEYRING, bsn_arena_format(plan->arena, "_ses.%s", id))->number[0] = permissions;
	/* What the payload makes later has the label that the policy gives it. */
	if (labelled)
		plan_label(plan, "attr/keycreate", "\n", "the label of the session keyring");
}

/* A checked list of numbers, "0-3,7", as a mask of at most 8192 bits. */
static uint32_t add_mask(struct bsn_plan *plan, const char *list, size_t *ret_size)
{
	unsigned char mask[1024] = { 0 };
	size_t size = 8;
	for (const char *at = list; *at != '\0';) {
		char *end;
		unsigned long first = strtoul(at, &end, 10);
		unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
		for (unsigned long bit = first; bit <= last && bit < 8 * sizeof(mask); bit++) {
			mask[bit / 8] |= (unsigned char)(1u << (bit % 8));
			if (bit / 8 >= size)
				size = (bit / 64 + 1) * 8;
		}
		at = *end == ',' ? end + 1 : end;
		if (end == at && *at != '\0')
			break;
	}
	*ret_size = size;
	return bsn_list_bytes(&plan->list, mask, size);
}

void bsn_plan_affinity(struct bsn_plan *plan, const char *cpus)
{
	size_t size = 0;
	if (cpus == NULL)
		return;
	uint32_t at = add_mask(plan, cpus, &size);
	if (at != 0 && !plan->list.failed && !plan->list.blob.failed) {
		uint64_t first;
		memcpy(&first, plan->list.blob.data + (at - sizeof(struct bsn_list)), sizeof(first));
		bsn_debug("nsexec: affinity: 0x%llx", (unsigned long long)first);
	}
	struct bsn_op *op = bsn_list_add(&plan->list, BSN_OP_AFFINITY);
	op->text[0] = at;
	op->count = (uint32_t)size;
}

/* By the document: the resources lose what a cgroup of version 1 has taken. */
static bool asks_for_cpus(const struct bsn_config *config)
{
	const json_t *resources = json_object_get(json_object_get(config->json, "linux"), "resources");
	return json_string_length(json_object_get(json_object_get(resources, "cpu"), "cpus")) > 0;
}

static void plan_scheduling(struct bsn_plan *plan, const struct bsn_plan_process *request)
{
	const struct bsn_process_config *process = request->process;
	const struct bsn_memory_policy *policy = &request->config->memory_policy;
	size_t size = 0;
	/* Before the scheduler: a deadline cannot be promised on some of the CPUs only. */
	if (request->exec && process->cpu_final != NULL)
		bsn_plan_affinity(plan, process->cpu_final);
	else if (!request->exec || process->cpu_initial == NULL)
		bsn_list_add(&plan->list, BSN_OP_AFFINITY);
	if (process->scheduler.given) {
		const struct sched_attributes attr = {
			.size = sizeof(attr),
			.policy = (uint32_t)process->scheduler.policy,
			.flags = process->scheduler.flags,
			.nice = process->scheduler.nice,
			.priority = (uint32_t)process->scheduler.priority,
			.runtime = process->scheduler.runtime,
			.deadline = process->scheduler.deadline,
			.period = process->scheduler.period,
		};
		uint32_t at = bsn_list_bytes(&plan->list, &attr, sizeof(attr));
		uint32_t refused = 0;
		if (asks_for_cpus(request->config))
			refused = bsn_list_text(
				&plan->list,
				"process scheduler can't be used together with AllowedCPUs (linux.resources.cpu.cpus)");
		struct bsn_op *op = bsn_list_add(&plan->list, BSN_OP_SCHEDULER);
		op->text[0] = at;
		op->text[1] = refused;
		op->count = sizeof(attr);
	}
	if (process->io_priority >= 0)
		bsn_list_add_number(&plan->list, BSN_OP_IO_PRIORITY, (uint64_t)process->io_priority);
	if (policy->given) {
		uint32_t at = policy->nodes != NULL ? add_mask(plan, policy->nodes, &size) : 0;
		struct bsn_op *op =
			bsn_list_add_number(&plan->list, BSN_OP_MEMORY_POLICY, (unsigned int)policy->mode | policy->flags);
		op->text[0] = at;
		op->count = (uint32_t)size;
	}
	if (request->config->personality_given)
		bsn_list_add_number(&plan->list, BSN_OP_PERSONALITY, request->config->personality);
}

/* crun's name for it: the groups of whoever runs the runtime give access to what is mounted. */
bool bsn_plan_keeps_groups(const struct bsn_config *config)
{
	const char *value = bsn_config_annotation(config, "run.oci.keep_original_groups");
	return value != NULL && !bsn_streq(value, "0");
}

/* Whoever writes a map of one id by himself has to give up setgroups(2) before. */
static bool has_setgroups(const struct bsn_plan *plan, const struct bsn_config *config)
{
	return plan->privileged || !config->namespaces[BSN_NS_USER].given || config->gid_maps.count != 1 ||
	       config->gid_maps.of[0].size != 1;
}

static int check_groups(const struct bsn_plan *plan, const struct bsn_plan_process *request, struct basin_error *err)
{
	if (request->process->group_count == 0 || has_setgroups(plan, request->config) || bsn_plan_keeps_groups(request->config))
		return 0;
	return bsn_fail(
		err, BASIN_USAGE, EPERM,
		"process.user.additionalGids: cannot set any additional groups in a rootless container of one group (map more in "
		"linux.gidMappings)");
}

static void plan_user(struct bsn_plan *plan, const struct bsn_plan_process *request)
{
	const struct bsn_process_config *process = request->process;
	uint32_t groups = 0;
	if (process->group_count > 0)
		groups = bsn_list_bytes(&plan->list, process->groups, process->group_count * sizeof(*process->groups));
	struct bsn_op *op = bsn_list_add(&plan->list, BSN_OP_USER);
	op->number[0] = process->uid;
	op->number[1] = process->gid;
	op->text[0] = groups;
	op->count = (uint32_t)process->group_count;
	if (request->config->namespaces[BSN_NS_USER].given && !plan->privileged && process->group_count == 0)
		op->flags = BSN_OP_F_NO_GROUPS;
	if (bsn_plan_keeps_groups(request->config))
		op->flags = BSN_OP_F_NO_GROUPS;
}

/* A capability can be ambient only where it is permitted and inheritable; the wish for another is dropped, as runc does. One line for all: buildah asks for every one. */
static void warn_of_ambient(const struct bsn_process_config *process)
{
	auto_str struct bsn_str names = { 0 };
	uint64_t lost = process->capabilities[BSN_CAP_AMBIENT] &
			~(process->capabilities[BSN_CAP_PERMITTED] & process->capabilities[BSN_CAP_INHERITABLE]);
	if (lost == 0)
		return;
	for (int cap = 0; lost != 0; cap++, lost >>= 1)
		if (lost & 1)
			bsn_str_addf(&names, "%s%s", names.length > 0 ? ", " : "", bsn_cap_name(cap));
	bsn_warn("can't raise ambient capability %s: not both permitted and inheritable", bsn_str_text(&names));
}

static void plan_caps(struct bsn_plan *plan, const struct bsn_process_config *process)
{
	warn_of_ambient(process);
	struct bsn_op *op = bsn_list_add_number(&plan->list, BSN_OP_CAPS, process->capabilities[BSN_CAP_EFFECTIVE]);
	op->number[1] = process->capabilities[BSN_CAP_PERMITTED];
	op->number[2] = process->capabilities[BSN_CAP_INHERITABLE];
	op->number[3] = process->capabilities[BSN_CAP_AMBIENT];
}

static void plan_filter(struct bsn_plan *plan, const struct bsn_seccomp_filter *filter)
{
	if (filter == NULL)
		return;
	uint32_t at = bsn_list_bytes(&plan->list, filter->code, filter->count * sizeof(*filter->code));
	struct bsn_op *op = bsn_list_add_number(&plan->list, BSN_OP_SECCOMP, filter->flags);
	op->flags = filter->listener ? BSN_OP_F_LISTENER : 0;
	op->text[0] = at;
	op->count = (uint32_t)filter->count;
}

static void plan_chdir(struct bsn_plan *plan, const char *cwd, bool last)
{
	bsn_list_add_text(&plan->list, BSN_OP_CHDIR, cwd)->flags = last ? 0 : BSN_OP_F_TRY;
}

/* What a hook without an environment of its own inherits, as with runc: ours, or (startContainer) the payload's. */
static uint32_t add_environment(struct bsn_plan *plan)
{
	size_t count = 0;
	while (environ != NULL && environ[count] != NULL)
		count++;
	return bsn_list_vector(&plan->list, (const char *const *)environ, count);
}

static void plan_output(struct bsn_plan *plan, const char *key, int stream)
{
	const char *path = bsn_config_annotation(plan->config, key);
	if (path == NULL)
		return;
	int handle = bsn_plan_handle(plan, BSN_HANDLE_APPEND, path, NULL);
	bsn_list_add_number(&plan->list, BSN_OP_HOOK_OUTPUT, (uint64_t)stream)->fd = handle;
}

void bsn_plan_hook_ops(struct bsn_plan *plan, const struct bsn_hooks *hooks, bool create)
{
	if (hooks->count > 0) {
		plan_output(plan, BSN_CONFIG_HOOKS_STDOUT, 1);
		plan_output(plan, BSN_CONFIG_HOOKS_STDERR, 2);
	}
	for (size_t i = 0; i < hooks->count; i++) {
		const struct bsn_hook *hook = &hooks->of[i];
		uint32_t argv = hook->args.count > 0 ? bsn_list_vector(&plan->list, hook->args.of, hook->args.count)
						     : bsn_list_vector(&plan->list, &hook->path, 1);
		uint32_t envp = 0;
		if (hook->env_given)
			envp = bsn_list_vector(&plan->list, hook->env.of, hook->env.count);
		else if (create)
			envp = add_environment(plan);
		struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_HOOK, hook->path);
		op->text[1] = argv;
		op->text[2] = envp;
		op->number[0] = (uint64_t)hook->timeout;
		op->number[1] = i;
		op->number[2] = create;
	}
}

static const struct bsn_hooks *start_hooks(const struct bsn_plan_process *request)
{
	static const struct bsn_hooks none = { .count = 0 };
	return request->exec ? &none : &request->config->hooks[BSN_HOOK_START_CONTAINER];
}

/* `run` without hooks does not stop: the parent learns from the end of the channel that the program runs. */
static void plan_ready(struct bsn_plan *plan, const struct bsn_plan_process *request)
{
	bool has_hooks = start_hooks(request)->count > 0;
	if (!request->wait && !has_hooks)
		return;
	plan->ready = true;
	struct bsn_op *op = bsn_list_add_number(&plan->list, BSN_OP_READY, 1);
	if (request->wait_on_socket) {
		op->flags = BSN_OP_F_SOCKET;
		op->fd = bsn_plan_handle(plan, BSN_HANDLE_START, NULL, NULL);
	}
}

/*
 * READY and the wait, and what comes right after: basin's own init and the filter. One with an agent is loaded by create already, where
 * engines that register containers with it expect to hear of it.
 */
static void plan_ready_and_filter(struct bsn_plan *plan, const struct bsn_plan_process *request)
{
	bool by_create = request->wait_on_socket && request->filter != NULL && request->filter->listener;
	if (by_create)
		plan_filter(plan, request->filter);
	plan_ready(plan, request);
	if (request->init && request->process->args.count == 0) {
		bsn_plan_hook_ops(plan, start_hooks(request), false);
		bsn_list_add(&plan->list, BSN_OP_IDLE);
	} else if (request->init) {
		bsn_list_add(&plan->list, BSN_OP_INIT);
	}
	if (!by_create)
		plan_filter(plan, request->filter);
}

/* What the forking and the successor do that they would do unfiltered otherwise. */
static bool lets_fork(const struct bsn_seccomp_filter *filter, const struct bsn_process_config *process)
{
	static const struct bsn_call calls[] = {
		{ SYS_pipe2, { 0, O_CLOEXEC } },
		{ SYS_clone, { CLONE_PARENT | SIGCHLD } },
		{ SYS_sendmsg, { 0 } },
		{ SYS_write, { 0, 0, 1 } },
		{ SYS_exit_group, { 0 } },
		{ SYS_close, { 0 } },
		{ SYS_read, { 0, 0, 1 } },
		{ SYS_setsid, { 0 } },
		{ SYS_prlimit64, { 0, RLIMIT_NPROC } },
		{ SYS_ioctl, { 0, TIOCSCTTY } },
	};
	size_t count = sizeof(calls) / sizeof(calls[0]) - (process->terminal ? 0 : 1);
	for (size_t i = 0; i < count; i++)
		if (!bsn_seccomp_allows(filter, &calls[i]))
			return false;
	return true;
}

/*
 * Not where what is set before does not survive a fork (a scheduler), nor where a filter has to be loaded before that has an agent, who is told
 * of the process, or that does not let it fork.
 */
bool bsn_plan_forks_last(const struct bsn_plan *plan, const struct bsn_process_config *process,
			 const struct bsn_seccomp_filter *filter)
{
	if (!plan->forks || process->scheduler.given)
		return false;
	bool early_filter = filter != NULL && !process->no_new_privileges;
	return !early_filter || (!filter->listener && lets_fork(filter, process));
}

static void plan_fork_last(struct bsn_plan *plan, const struct bsn_process_config *process)
{
	if (plan->forks)
		bsn_list_add(&plan->list, BSN_OP_FORK);
	bsn_list_add(&plan->list, BSN_OP_SESSION);
	if (process->terminal)
		bsn_list_add(&plan->list, BSN_OP_CONTROL);
	plan_late_limits(plan, process);
}

int bsn_plan_process(struct bsn_plan *plan, const struct bsn_plan_process *request, struct basin_error *err)
{
	const struct bsn_process_config *process = request->process;
	bool payload = process->args.count > 0;
	bool early_filter = request->filter != NULL && !process->no_new_privileges;

	if (!payload && !request->init)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "process.args: must not be empty");
	int r = check_labels(process, err);
	if (r >= 0)
		r = check_groups(plan, request, err);
	if (r < 0)
		return r;
	const char *cwd = process->cwd != NULL ? process->cwd : "/";
	plan_limits(plan, process, request->fork_last);
	plan_scheduling(plan, request);
	plan_labels(plan, process);
	/* Nothing of the host's is left open in a process that the container will see. */
	if (plan->uses_proc)
		bsn_list_add(&plan->list, BSN_OP_PROC);
	if (process->umask >= 0)
		bsn_list_add_number(&plan->list, BSN_OP_UMASK, (uint64_t)process->umask);
	plan_chdir(plan, cwd, false);
	bsn_list_add_number(&plan->list, BSN_OP_BOUNDING, process->capabilities[BSN_CAP_BOUNDING]);
	if (early_filter) {
		if (payload)
			bsn_plan_lookup(plan, process);
		plan_ready_and_filter(plan, request);
	}
	plan_user(plan, request);
	plan_caps(plan, process);
	if (process->no_new_privileges)
		bsn_list_add(&plan->list, BSN_OP_NO_NEW_PRIVS);
	if (request->fork_last)
		plan_fork_last(plan, process);
	plan_chdir(plan, cwd, true);
	if (payload)
		bsn_plan_lookup(plan, process);
	if (!early_filter)
		plan_ready_and_filter(plan, request);
	if (!payload)
		return 0;
	bsn_plan_hook_ops(plan, start_hooks(request), false);
	bsn_list_add(&plan->list, BSN_OP_EXEC);
	return 0;
}
