/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/scope.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/own.h"
#include "base/proc.h"
#include "base/sys.h"
#include "runtime/apply.h"
#include "runtime/facts.h"
#include "runtime/systemd/report.h"

#define HELPER         "basin-systemd"
#define HELPER_WAIT_MS 60000 /* it gives up by itself before that */
#define ANNOTATION     "org.systemd.property."
#define SUBGROUP       "run.oci.systemd.subgroup"

/* --- names --- */

/* As systemd.slice(5) has it: "a-b.slice" lies in "a.slice", so no part between dashes may be empty; "-.slice" is the root. */
static bool is_slice(const char *name)
{
	size_t length = strlen(name);
	if (bsn_streq(name, "-.slice"))
		return true;
	return length > 6 && bsn_ends_with(name, ".slice") && strchr(name, '/') == NULL && strstr(name, "--") == NULL &&
	       name[0] != '-' && name[length - 7] != '-';
}

int bsn_scope_parse(const char *cgroups_path, const char *id, bool user, struct bsn_scope_name *ret_name, struct basin_error *err)
{
	const char *usual = user ? "user.slice" : "system.slice";
	struct bsn_scope_name name;
	int r;
	if (cgroups_path == NULL || cgroups_path[0] == '\0') {
		bsn_format(name.slice, sizeof(name.slice), "%s", usual);
		r = bsn_format(name.unit, sizeof(name.unit), "basin-%s.scope", id);
	} else {
		const char *prefix = strchr(cgroups_path, ':');
		const char *last = prefix != NULL ? strchr(prefix + 1, ':') : NULL;
		if (last == NULL || strchr(last + 1, ':') != NULL)
			return bsn_fail(err, BASIN_USAGE, EINVAL,
					"expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got "
					"\"%s\" instead",
					cgroups_path);
		if (bsn_ends_with(last, ".slice"))
			return bsn_fail(err, BASIN_USAGE, EINVAL,
					"linux.cgroupsPath: a slice (\"%s\") holds no processes; name a scope", last + 1);
		r = prefix == cgroups_path
			    ? bsn_format(name.slice, sizeof(name.slice), "%s", usual)
			    : bsn_format(name.slice, sizeof(name.slice), "%.*s", (int)(prefix - cgroups_path), cgroups_path);
		if (r >= 0)
			r = bsn_format(name.unit, sizeof(name.unit), "%.*s-%s.scope", (int)(last - prefix - 1), prefix + 1,
				       last + 1);
	}
	if (r < 0)
		return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "linux.cgroupsPath: too long for the name of a systemd unit");
	if (!is_slice(name.slice))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "linux.cgroupsPath: invalid slice name: \"%s\"", name.slice);
	*ret_name = name;
	return 0;
}

const char *bsn_scope_unit(const char *scope)
{
	const char *blank = strchr(scope, ' ');
	return blank != NULL ? blank + 1 : scope;
}

static bool is_user(const char *scope)
{
	return bsn_starts_with(scope, "user ");
}

/* --- the helper --- */

void bsn_scope_release(struct bsn_scope_holder *holder)
{
	bsn_own_close(&holder->channel);
	if (holder->pid > 0)
		BSN_RETRY(waitpid(holder->pid, NULL, 0));
	*holder = (struct bsn_scope_holder)BSN_SCOPE_HOLDER_INIT;
}

static int hear(const struct bsn_scope_holder *holder, struct bsn_scope_report *report, struct basin_error *err)
{
	struct pollfd wait = { .fd = holder->channel, .events = POLLIN };
	int r = bsn_sys_poll(&wait, 1, HELPER_WAIT_MS);
	if (r == 0)
		return bsn_fail(err, BASIN_TIMEOUT, ETIMEDOUT, HELPER " did not answer");
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot hear " HELPER);
	ssize_t n = BSN_RETRY(recv(holder->channel, report, sizeof(*report), 0));
	if (n != sizeof(*report) || report->magic != BSN_SCOPE_REPORT_MAGIC)
		return bsn_fail(err, BASIN_FAILED, EPROTO, HELPER " ended without a word");
	if (report->result >= 0)
		return 0;
	if (err != NULL)
		*err = report->err;
	return report->result;
}

/* Runs it up to its report: words are those behind the name of the program. With holder NULL it has ended when this returns. */
static int run_helper(const struct bsn_scope_words *words, struct bsn_scope_holder *ret_holder, struct bsn_scope_report *report,
		      struct basin_error *err)
{
	struct bsn_scope_holder holder = BSN_SCOPE_HOLDER_INIT;
	auto_free char *path = NULL;
	int ends[2];
	if (words->failed)
		return bsn_fail_sys(err, ENOMEM, "cannot run " HELPER);
	int r = bsn_helper_path(HELPER, &path, err);
	if (r < 0)
		return r;
	r = bsn_sys_socketpair(SOCK_SEQPACKET, ends);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot run " HELPER);
	holder.channel = ends[0];
	const int fds[] = { ends[1], -1, STDERR_FILENO };
	const struct bsn_spawn spawn = { .path = path, .argv = (const char *const *)words->of, .fds = fds, .fd_count = 3 };
	r = bsn_spawn(&spawn, &holder.pid, err);
	close(ends[1]);
	if (r >= 0)
		r = hear(&holder, report, err);
	if (r == -ETIMEDOUT)
		kill(holder.pid, SIGKILL);
	if (r >= 0 && ret_holder != NULL)
		*ret_holder = holder;
	else
		bsn_scope_release(&holder);
	return r;
}

/* The words that every call begins with. */
static void begin(struct bsn_scope_words *words, const char *verb, const char *scope)
{
	bsn_scope_add(words, HELPER);
	bsn_scope_add(words, "%s", verb);
	bsn_scope_add(words, "%s", is_user(scope) ? "user" : "system");
	bsn_scope_add(words, "%s", bsn_scope_unit(scope));
}

int bsn_scope_attach(const char *scope, const char *cgroup, pid_t pid, struct basin_error *err)
{
	auto_scope_words struct bsn_scope_words words = { .of = NULL };
	struct bsn_scope_report report;
	const char *unit = cgroup != NULL ? strstr(cgroup, bsn_scope_unit(scope)) : NULL;
	begin(&words, "attach", scope);
	bsn_scope_add(&words, "%d", (int)pid);
	bsn_scope_add(&words, "%s", unit != NULL ? unit + strlen(bsn_scope_unit(scope)) : "");
	return run_helper(&words, NULL, &report, err);
}

int bsn_scope_update(const char *scope, const struct bsn_cgroup_resources *resources, struct basin_error *err)
{
	auto_scope_words struct bsn_scope_words words = { .of = NULL };
	struct bsn_scope_report report;
	if (scope == NULL)
		return 0;
	begin(&words, "set", scope);
	size_t before = words.count;
	int r = bsn_scope_properties(resources, resources->device_count > 0 && !is_user(scope), &words, err);
	return r < 0 || words.count == before ? r : run_helper(&words, NULL, &report, err);
}

int bsn_scope_stop(const char *scope, struct basin_error *err)
{
	auto_scope_words struct bsn_scope_words words = { .of = NULL };
	struct bsn_scope_report report;
	begin(&words, "stop", scope);
	return run_helper(&words, NULL, &report, err);
}

/* --- the step --- */

/* A user's own systemd, for whoever is not root of this machine. */
static bool wants_user(const struct bsn_runtime *runtime)
{
	if (runtime->rootless != BSN_ROOTLESS_AUTO)
		return runtime->rootless == BSN_ROOTLESS_TRUE;
	return !bsn_facts_host_root();
}

int bsn_scope_intend(void *data, struct bsn_str *value, struct basin_error *err)
{
	const struct bsn_run *run = data;
	struct bsn_scope_name name;
	if (run->container.runtime->cgroup_manager != BSN_SYSTEMD)
		return BSN_STEP_SKIP;
	bool user = wants_user(run->container.runtime);
	int r = bsn_scope_parse(run->config->cgroups_path, run->container.id, user, &name, err);
	if (r < 0)
		return r;
	/* The slice is no name of ours to undo, and found again from the config when the unit is made. */
	return bsn_str_addf(value, "%s %s", user ? "user" : "system", name.unit);
}

static void add_annotations(const struct bsn_run *run, struct bsn_scope_words *words)
{
	json_t *annotations = json_object_get(run->config->json, "annotations");
	const char *key;
	json_t *value;
	json_object_foreach (annotations, key, value)
		if (bsn_starts_with(key, ANNOTATION) && json_is_string(value))
			bsn_scope_add(words, "%s=%s", key + strlen(ANNOTATION), json_string_value(value));
}

/* crun's: the container's cgroup is one below the scope, which systemd then leaves alone. */
static int find_cgroup(struct bsn_run *run, const char *scope_cgroup, struct basin_error *err)
{
	const char *below = bsn_config_annotation(run->config, SUBGROUP);
	bool own = below != NULL && below[0] != '\0';
	if (own && (strchr(below, '/') != NULL || below[0] == '.' || strlen(below) > NAME_MAX))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "annotations[\"" SUBGROUP "\"]: \"%s\" is not the name of one cgroup",
				below);
	int n = asprintf(&run->scope_cgroup, "%s%s%s", scope_cgroup, own ? "/" : "", own ? below : "");
	if (n < 0)
		run->scope_cgroup = NULL;
	return n < 0 ? bsn_fail_sys(err, ENOMEM, "cannot make a scope") : 0;
}

int bsn_scope_apply(void *data, const char *value, struct basin_error *err)
{
	struct bsn_run *run = data;
	auto_scope_words struct bsn_scope_words words = { .of = NULL };
	struct bsn_scope_report report;
	struct bsn_scope_name name;
	int r = bsn_scope_parse(run->config->cgroups_path, run->container.id, is_user(value), &name, err);
	if (r < 0)
		return r;
	begin(&words, "start", value);
	bsn_scope_add(&words, "%s", name.slice);
	bsn_scope_add(&words, "%s", run->container.id);
	add_annotations(run, &words);
	r = bsn_scope_properties(&run->config->resources, !is_user(value), &words, err);
	if (r >= 0)
		r = run_helper(&words, &run->holder, &report, err);
	if (r < 0)
		return r;
	report.cgroup[sizeof(report.cgroup) - 1] = '\0';
	run->scope = run->scope_owned = strdup(value);
	if (run->scope == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot make the unit \"%s\"", name.unit);
	return find_cgroup(run, report.cgroup, err);
}

int bsn_scope_undo(void *world, const char *value, struct basin_error *err)
{
	(void)world;
	return bsn_scope_stop(value, err);
}
