/* SPDX-License-Identifier: Apache-2.0 */
/* The way from argv to a command. The same for both programs, so that global flags mean the same in both. */
#include "cmd/program.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/runtime.h"

enum {
	ROOT = 1,
	DATA_ROOT,
	CGROUP_ROOT,
	LOG,
	LOG_FORMAT,
	LOG_LEVEL,
	DEBUG,
	SYSTEMD_CGROUP,
	CGROUP_MANAGER,
	ROOTLESS,
	CRIU,
	VERSION,
	VERSION_TOO,
	HELP
};

const struct cmd_option cmd_global_options[] = {
	{ ROOT, "root", 0, "DIR", "state of running containers (BASIN_ROOT, /run/basin)" },
	{ DATA_ROOT, "data-root", 0, "DIR", "what survives a reboot (BASIN_DATA_ROOT, /var/lib/basin)" },
	{ CGROUP_ROOT, "cgroup-root", 0, "DIR", "basin's part of the cgroup tree (BASIN_CGROUP_ROOT, \"basin\")" },
	{ LOG, "log", 0, "[file:]PATH|syslog:NAME|journald:NAME", "send messages there too" },
	{ LOG_FORMAT, "log-format", 0, "text|json", "how messages are written to the log" },
	{ LOG_LEVEL, "log-level", 0, "error|warning|info|debug", "leave out what is less grave" },
	{ DEBUG, "debug", 0, NULL, "show what is done in detail" },
	{ SYSTEMD_CGROUP, "systemd-cgroup", 0, NULL, "the same as --cgroup-manager systemd" },
	{ CGROUP_MANAGER, "cgroup-manager", 0, "cgroupfs|systemd|disabled", "who makes a container's cgroup" },
	{ ROOTLESS, "rootless", 0, "auto|true|false", "whether a refused cgroup is no error" },
	{ CRIU, "criu", 0, "PATH", "ignored, as in runc: the criu in PATH is used" },
	{ VERSION, "version", 'v', NULL, "print the version" },
	{ VERSION_TOO, "version", 'V', NULL, "the same" },
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

static int set_log(struct cmd_run *run, struct cmd_global *global, const char *value)
{
	cmd_log_parse(value, &global->log);
	int r = cmd_log_check(&global->log);
	if (r < 0) {
		global->log.kind = CMD_LOG_NONE;
		cmd_usage(run, "--log: cannot open \"%s\": %s", global->log.name, cmd_words(-r));
	}
	return r;
}

static int set_log_level(struct cmd_run *run, struct cmd_global *global, const char *value)
{
	int level = cmd_level_parse(value);
	if (level < 0) {
		cmd_usage(run, "--log-level: \"%s\" is none of error, warning, info, debug", value);
		return -1;
	}
	global->level = (enum cmd_level)level;
	return 0;
}

static int set_cgroup_manager(struct cmd_run *run, struct cmd_global *global, const char *value)
{
	static const char *const names[] = {
		[BSN_CGROUPFS] = "cgroupfs", [BSN_SYSTEMD] = "systemd", [BSN_CGROUP_DISABLED] = "disabled"
	};
	for (int manager = BSN_CGROUPFS; manager <= BSN_CGROUP_DISABLED; manager++)
		if (strcmp(value, names[manager]) == 0) {
			global->cgroup_manager = (enum bsn_cgroup_manager)manager;
			return 0;
		}
	cmd_usage(run, "--cgroup-manager: \"%s\" is none of cgroupfs, systemd, disabled", value);
	return -1;
}

static int set_rootless(struct cmd_run *run, struct cmd_global *global, const char *value)
{
	int on = cmd_bool_parse(value);
	if (on < 0 && strcmp(value, "auto") != 0) {
		cmd_usage(run, "--rootless: \"%s\" is none of auto, true, false", value);
		return -1;
	}
	global->rootless = on < 0 ? BSN_ROOTLESS_AUTO : on ? BSN_ROOTLESS_TRUE : BSN_ROOTLESS_FALSE;
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
		return set_log(run, global, value) < 0 ? WRONG : GO_ON;
	case LOG_FORMAT:
		return set_log_format(run, global, value) < 0 ? WRONG : GO_ON;
	case LOG_LEVEL:
		return set_log_level(run, global, value) < 0 ? WRONG : GO_ON;
	case DEBUG:
		global->level = CMD_DEBUG;
		return GO_ON;
	case SYSTEMD_CGROUP:
		global->cgroup_manager = BSN_SYSTEMD;
		return GO_ON;
	case CGROUP_MANAGER:
		return set_cgroup_manager(run, global, value) < 0 ? WRONG : GO_ON;
	case ROOTLESS:
		return set_rootless(run, global, value) < 0 ? WRONG : GO_ON;
	case CRIU:
		cmd_report_line(global, CMD_WARNING, "--criu is ignored: the criu in PATH is used");
		return GO_ON;
	case VERSION:
	case VERSION_TOO:
		cmd_print_version(global);
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

static int run_entry(const struct cmd_entry *entry, struct cmd_global *global, int argc, char **argv)
{
	global->bare = entry->noun[0] == '\0';
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
	int status = entry->command->run(&run);
	free(run.arguments);
	return status;
}

/* The table of a program, and what its main gave it. */
struct program {
	struct cmd_global *global;
	const struct cmd_entry *entries;
	size_t count;
	char **argv;
	int (*other)(char **argv);
};

/* The entry that the words name, and how many of them that takes; NULL: *ret_status says how that was answered. */
static const struct cmd_entry *choose(struct cmd_run *top, const struct program *program, int words, char **word, int *ret_skip,
				      int *ret_status)
{
	const struct cmd_entry *entries = program->entries;
	const struct cmd_entry *entry = find_entry(entries, program->count, "", word[0]);
	*ret_skip = 1;
	if (entry != NULL)
		return entry;
	if (!is_noun(entries, program->count, word[0])) {
		/* The second half is runc's. */
		*ret_status = cmd_usage(top, "unknown command \"%s\" (No help topic for '%s')", word[0], word[0]);
		return NULL;
	}
	entry = find_entry(entries, program->count, word[0], "");
	if (entry != NULL)
		return entry;
	*ret_skip = 2;
	if (words < 2 || strcmp(word[1], "--help") == 0 || strcmp(word[1], "-h") == 0) {
		cmd_print_noun_help(program->global, entries, program->count, word[0]);
		*ret_status = words < 2 ? BASIN_USAGE : 0;
		return NULL;
	}
	entry = find_entry(entries, program->count, word[0], word[1]);
	if (entry == NULL) {
		top->noun = word[0];
		*ret_status = cmd_usage(top, "\"%s\" is not one of its commands", word[1]);
	}
	return entry;
}

/* top->arguments: the command's name and all behind it. */
static int dispatch(struct cmd_run *top, const struct program *program)
{
	static char help[] = "--help";
	int words = top->argument_count;
	char **word = top->arguments;
	int skip;
	int status;
	if (strcmp(word[0], "__table") == 0) {
		cmd_print_listing(program->entries, program->count);
		return 0;
	}
	bool helping = words > 1 && strcmp(word[0], "help") == 0;
	word += helping;
	words -= helping;
	const struct cmd_entry *entry = choose(top, program, words, word, &skip, &status);
	if (entry == NULL)
		return helping && words < 2 && status == BASIN_USAGE ? 0 : status;
	if (entry->command != NULL && helping)
		return run_entry(entry, program->global, 1, (char *[]){ help, NULL });
	if (entry->command != NULL)
		return run_entry(entry, program->global, words - skip, word + skip);
	if (program->other != NULL)
		return program->other(program->argv);
	return cmd_usage(top, "\"%s\" is a command of basin, not of basin-manage", word[0]);
}

/* Help and version speak of the program by the name that it was called by: one may be installed in another's place. */
static const char *name_of(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	const char *name = slash != NULL ? slash + 1 : argv0;
	return name[0] != '\0' && strcmp(name, "basin-manage") != 0 ? name : "basin";
}

static int run_program(int argc, char **argv, const struct cmd_entry *entries, size_t count, int (*other)(char **argv))
{
	static const struct cmd_command top_command = { .options = cmd_global_options, .stop_after = 1 };
	struct cmd_global global = { .program = "basin", .level = CMD_INFO };
	struct cmd_run top = {
		.global = &global,
		.noun = "",
		.verb = "",
		.command = &top_command,
		.argc = argc - 1,
		.dashes = 0 /* a "--" is the command's */
	};
	const struct program program = { &global, entries, count, argv, other };
	if (argc < 1)
		return BASIN_USAGE;
	top.argv = argv + 1;
	global.program = name_of(argv[0]);
	enum outcome outcome = read_global(&top, &global);
	if (outcome == DONE)
		return 0;
	if (outcome == WRONG)
		return BASIN_FAILED;
	bool help = outcome == WANTS_HELP || (top.argument_count == 1 && strcmp(top.arguments[0], "help") == 0);
	if (help || top.argument_count == 0) {
		cmd_print_help(&global, entries, count);
		return help ? 0 : BASIN_USAGE;
	}
	cmd_report_library(&global);
	int status = dispatch(&top, &program);
	free(top.arguments);
	return status;
}

int cmd_program(int argc, char **argv, const struct cmd_entry *entries, size_t count, int (*other)(char **argv))
{
	int status = run_program(argc, argv, entries, count, other);
	/* What was asked for and did not get out is no success. */
	if (status != 0 || (fflush(stdout) == 0 && !ferror(stdout)))
		return status;
	fputs("basin: cannot write to standard output\n", stderr);
	/* Only the program of the OCI verbs has another to hand over to. */
	return other != NULL ? BASIN_FAILED : BASIN_INTERNAL;
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
	} else if (runtime_dir != NULL && runtime_dir[0] == '/' && bsn_runtime_of_user())
		n = snprintf(root, sizeof(root), "%s/basin", runtime_dir);
	else
		n = snprintf(root, sizeof(root), "/run/basin");
	if (n < 0 || (size_t)n >= sizeof(root)) {
		cmd_usage(run, "--root is too long");
		return -1;
	}
	if (root[strspn(root, "/.")] == '\0') {
		cmd_usage(run, "--root must not be /");
		return -1;
	}
	*ret_runtime = (struct bsn_runtime){ .root = root,
					     .root_given = global->root != NULL && global->root[0] != '\0',
					     .cgroup_root = global->cgroup_root,
					     .debug = global->level == CMD_DEBUG,
					     .cgroup_manager = global->cgroup_manager,
					     .rootless = global->rootless };
	return 0;
}
