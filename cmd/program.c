/* SPDX-License-Identifier: Apache-2.0 */
/* The way from argv to a command. The same for both programs, so that global flags mean the same in both. */
#include "cmd/program.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/runtime.h"

enum { ROOT = 1, DATA_ROOT, CGROUP_ROOT, LOG, LOG_FORMAT, DEBUG, SYSTEMD_CGROUP, CGROUP_MANAGER, ROOTLESS, VERSION, HELP };

const struct cmd_option cmd_global_options[] = {
	{ ROOT, "root", 0, "DIR", "state of running containers (BASIN_ROOT, /run/basin)" },
	{ DATA_ROOT, "data-root", 0, "DIR", "what survives a reboot (BASIN_DATA_ROOT, /var/lib/basin)" },
	{ CGROUP_ROOT, "cgroup-root", 0, "DIR", "basin's part of the cgroup tree (BASIN_CGROUP_ROOT, \"basin\")" },
	{ LOG, "log", 0, "FILE", "append messages to this file too" },
	{ LOG_FORMAT, "log-format", 0, "text|json", "how messages are written to the log" },
	{ DEBUG, "debug", 0, NULL, "show what is done in detail" },
	{ SYSTEMD_CGROUP, "systemd-cgroup", 0, NULL, "refused: basin manages cgroups itself" },
	{ CGROUP_MANAGER, "cgroup-manager", 0, "cgroupfs", "the only manager there is" },
	{ ROOTLESS, "rootless", 0, "auto|true|false", "accepted; basin finds out itself" },
	{ VERSION, "version", 'v', NULL, "print the version" },
	{ HELP, "help", 'h', NULL, "print this help" },
	CMD_OPTIONS_END,
};

static int set_log_format(struct cmd_run *run, struct cmd_global *global, const char *value)
{
	global->log_json = strcmp(value, "json") == 0;
	if (global->log_json || strcmp(value, "text") == 0)
		return 0;
	cmd_usage(run, "--log-format: \"%s\" is neither text nor json", value);
	return -1;
}

static int set_cgroup_manager(struct cmd_run *run, struct cmd_global *global, const char *value)
{
	if (strcmp(value, "systemd") == 0)
		global->systemd_cgroup = true;
	else if (strcmp(value, "cgroupfs") != 0) {
		cmd_usage(run, "--cgroup-manager: \"%s\" is not supported, cgroupfs is", value);
		return -1;
	}
	return 0;
}

/* What a global flag leads to. */
enum outcome { WRONG = -1 /* reported */, GO_ON = 0, DONE, WANTS_HELP };

static enum outcome set_global(struct cmd_run *run, struct cmd_global *global, int option, const char *value)
{
	switch (option) {
	case ROOT:
		global->root = value;
		return GO_ON;
	case DATA_ROOT:
		global->data_root = value;
		return GO_ON;
	case CGROUP_ROOT:
		global->cgroup_root = value;
		return GO_ON;
	case LOG:
		global->log = value;
		return GO_ON;
	case LOG_FORMAT:
		return set_log_format(run, global, value) < 0 ? WRONG : GO_ON;
	case DEBUG:
		global->debug = true;
		return GO_ON;
	case SYSTEMD_CGROUP:
		global->systemd_cgroup = true;
		return GO_ON;
	case CGROUP_MANAGER:
		return set_cgroup_manager(run, global, value) < 0 ? WRONG : GO_ON;
	case VERSION:
		cmd_print_version();
		return DONE;
	case HELP:
		return WANTS_HELP;
	default:
		return GO_ON;
	}
}

/* Reads the flags before the command: stop_after 1 leaves everything from the command's name on untouched in arguments. */
static enum outcome read_global(struct cmd_run *run, struct cmd_global *global)
{
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		enum outcome outcome = set_global(run, global, option, value);
		if (outcome != GO_ON)
			return outcome;
	}
	if (option < 0)
		return WRONG;
	global->open = (struct basin_options){ .size = sizeof(global->open),
					       .root = global->root,
					       .data_root = global->data_root,
					       .cgroup_root = global->cgroup_root };
	return GO_ON;
}

static bool is_noun(const struct cmd_entry *entries, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (entries[i].noun[0] != '\0' && strcmp(entries[i].noun, word) == 0)
			return true;
	return false;
}

static const struct cmd_entry *find_entry(const struct cmd_entry *entries, size_t count, const char *noun, const char *verb)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(entries[i].noun, noun) == 0 && strcmp(entries[i].verb, verb) == 0)
			return &entries[i];
	return NULL;
}

static int refuse_systemd(struct cmd_run *run)
{
	const struct basin_error err = {
		.code = BASIN_UNSUPPORTED,
		.text = "the systemd cgroup driver is not supported; use cgroupfs (podman: --cgroup-manager cgroupfs, "
			"docker: native.cgroupdriver=cgroupfs)"
	};
	return cmd_report(run, &err);
}

static int run_entry(const struct cmd_entry *entry, const struct cmd_global *global, int argc, char **argv)
{
	struct cmd_run run = {
		.global = global,
		.noun = entry->noun,
		.verb = entry->verb,
		.summary = entry->summary,
		.command = entry->command,
		.argc = argc,
		.argv = argv,
		.dashes = -1,
	};
	int status = global->systemd_cgroup ? refuse_systemd(&run) : entry->command->run(&run);
	free(run.arguments);
	return status;
}

/* words: the command's name and all behind it. */
static int dispatch(struct cmd_run *top, const struct cmd_entry *entries, size_t count, char **argv, int (*other)(char **argv))
{
	int words = top->argument_count;
	char **word = top->arguments;
	const struct cmd_entry *entry = NULL;
	int skip = 1;
	if (strcmp(word[0], "__table") == 0) {
		cmd_print_listing(entries, count);
		return 0;
	}
	if (is_noun(entries, count, word[0])) {
		entry = find_entry(entries, count, word[0], "");
		if (entry == NULL && (words < 2 || strcmp(word[1], "--help") == 0 || strcmp(word[1], "-h") == 0)) {
			cmd_print_noun_help(entries, count, word[0]);
			return words < 2 ? BASIN_USAGE : 0;
		}
		if (entry == NULL) {
			entry = find_entry(entries, count, word[0], word[1]);
			skip = 2;
		}
		if (entry == NULL) {
			top->noun = word[0];
			return cmd_usage(top, "\"%s\" is not one of its commands", word[1]);
		}
	} else {
		entry = find_entry(entries, count, "", word[0]);
	}
	if (entry == NULL)
		return cmd_usage(top, "unknown command \"%s\"", word[0]);
	if (entry->command != NULL)
		return run_entry(entry, top->global, words - skip, word + skip);
	if (other != NULL)
		return other(argv);
	return cmd_usage(top, "\"%s\" is a command of basin, not of basin-manage", word[0]);
}

int cmd_program(int argc, char **argv, const struct cmd_entry *entries, size_t count, int (*other)(char **argv))
{
	static const struct cmd_command top_command = { .options = cmd_global_options, .stop_after = 1 };
	struct cmd_global global = { 0 };
	struct cmd_run top = {
		.global = &global, .noun = "", .verb = "", .command = &top_command, .argc = argc - 1, .dashes = -1
	};
	top.argv = argc > 0 ? argv + 1 : argv;
	if (argc < 1)
		return BASIN_USAGE;
	enum outcome outcome = read_global(&top, &global);
	if (outcome == DONE)
		return 0;
	if (outcome == WRONG)
		return BASIN_FAILED;
	if (outcome == WANTS_HELP || top.argument_count == 0) {
		cmd_print_help(entries, count);
		return outcome == WANTS_HELP ? 0 : BASIN_USAGE;
	}
	cmd_report_library(&global);
	int status = dispatch(&top, entries, count, argv, other);
	free(top.arguments);
	return status;
}

int cmd_runtime(const struct cmd_run *run, struct bsn_runtime *ret_runtime)
{
	static char root[PATH_MAX];
	const struct cmd_global *global = run->global;
	const char *given = global->root != NULL ? global->root : getenv("BASIN_ROOT");
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	int n;
	if (given != NULL && given[0] == '/')
		n = snprintf(root, sizeof(root), "%s", given);
	else if (given != NULL && given[0] != '\0') {
		if (getcwd(root, sizeof(root)) == NULL) {
			cmd_usage(run, "cannot tell the working directory, which --root is relative to");
			return -1;
		}
		size_t length = strlen(root);
		n = snprintf(root + length, sizeof(root) - length, "/%s", given) + (int)length;
	} else if (geteuid() != 0 && runtime_dir != NULL && runtime_dir[0] == '/')
		n = snprintf(root, sizeof(root), "%s/basin", runtime_dir);
	else
		n = snprintf(root, sizeof(root), "/run/basin");
	if (n < 0 || (size_t)n >= sizeof(root)) {
		cmd_usage(run, "--root is too long");
		return -1;
	}
	*ret_runtime = (struct bsn_runtime){ .root = root, .cgroup_root = global->cgroup_root, .debug = global->debug };
	return 0;
}
