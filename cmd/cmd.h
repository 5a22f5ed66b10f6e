/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command: its options, its arguments, its function. cmd/table.def names every command once; the parser, --help, the completions and
 * the lint read the same structs.
 */
#ifndef BSN_CMD_CMD_H
#define BSN_CMD_CMD_H

#include <stdbool.h>
#include <stdio.h>

#include "basin.h"
#include "runtime/runtime.h"

struct cmd_option {
	int id;               /* what cmd_next returns; > 0, unique within the command */
	const char *name;     /* long name, without -- */
	char letter;          /* short name, 0: none */
	const char *argument; /* how --help names the argument; NULL: a flag */
	const char *help;     /* one line */
};

#define CMD_OPTIONS_END                                                                                                          \
	{                                                                                                                        \
		0, NULL, 0, NULL, NULL                                                                                           \
	}

/* Where --log sends messages. */
enum cmd_log_kind { CMD_LOG_NONE, CMD_LOG_FILE, CMD_LOG_SYSLOG, CMD_LOG_JOURNAL };
struct cmd_log {
	enum cmd_log_kind kind;
	const char *name; /* a file's path, or whom syslog and the journal name */
};

/* From the gravest on. */
enum cmd_level { CMD_ERROR, CMD_WARNING, CMD_INFO, CMD_DEBUG };

/* The flags before the command's name, the same for all. */
struct cmd_global {
	const char *root;
	const char *data_root;
	const char *cgroup_root;
	const char *program; /* the name that it was called by, for help and version: "basin" */
	struct cmd_log log;  /* where messages go besides standard error */
	bool log_json;
	enum cmd_level level; /* what is said at all; --debug is CMD_DEBUG */
	bool bare;            /* an OCI verb: engines put the runtime's name before its messages themselves */
	enum bsn_cgroup_manager cgroup_manager;
	enum bsn_rootless rootless;
	struct basin_options open; /* the three roots as given, for basin_open */
};

/* What the functions of runtime/runtime.h want: the state root with its default filled in. -1: reported. */
struct cmd_run;
int cmd_runtime(const struct cmd_run *run, struct bsn_runtime *ret_runtime);

struct cmd_command {
	const char *arguments; /* as --help shows them: "IMAGE NAME [-- COMMAND ...]" */
	const struct cmd_option *options;
	int stop_after; /* after so many arguments everything is an argument (exec ID COMMAND ...); 0: options may stand anywhere. A "--"
			 * that comes right there is not an argument */
	int (*run)(struct cmd_run *run); /* returns the exit status */
};

/* One call of a command. */
struct cmd_run {
	const struct cmd_global *global;
	const char *noun;    /* "pool"; "" for the OCI verbs */
	const char *verb;    /* "create"; "" for a command that is only a noun */
	const char *summary; /* from the table, for --help */
	const struct cmd_command *command;
	int argc;
	char **argv;
	/* the parser's state */
	int at;
	const char *inside; /* what is left of "-abc" */
	bool rest;          /* "--" was seen, or stop_after reached */
	int dashes;         /* how many arguments came before "--"; -1: there was none */
	int argument_count;
	char **arguments; /* what is not an option, in order; complete once cmd_next returned 0; NULL-terminated */
};

/*
 * The next option: its id with *ret_value set (NULL for a flag), 0 at the end, -1 after a malformed one, which has been reported:
 *
 *     while ((option = cmd_next(run, &value)) > 0)
 *             switch (option) { ... }
 *     if (option < 0 || cmd_want_arguments(run, 1, 2) < 0)
 *             return BASIN_USAGE;
 *
 * The OCI verbs return BASIN_FAILED there, as runc does.
 */
int cmd_next(struct cmd_run *run, const char **ret_value);
int cmd_want_arguments(struct cmd_run *run, int min, int max);

/* The text behind "--", as a NULL-terminated list (the command to run), or NULL when there was no "--". Part of arguments too. */
char **cmd_after_dashes(const struct cmd_run *run);

/* Reports one line on stderr (and to --log) and returns the exit status that belongs to it: the error's code, or 1 for the OCI verbs. */
int cmd_report(const struct cmd_run *run, const struct basin_error *err);
int cmd_usage(const struct cmd_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An errno in words as engines look for them, "no such file or directory"; good until the next call. */
const char *cmd_words(int sys);

/* 1 and 0 as Go's strconv.ParseBool takes them; -1: neither. */
int cmd_bool_parse(const char *text);

/* Values of options; each reports and returns -1 on a malformed one. */
int cmd_value_cpu(const struct cmd_run *run, const char *option, const char *value, int64_t *ret);
int cmd_value_bytes(const struct cmd_run *run, const char *option, const char *value, int64_t *ret);
int cmd_value_count(const struct cmd_run *run, const char *option, const char *value, int64_t *ret);
int cmd_value_duration(const struct cmd_run *run, const char *option, const char *value, int64_t *ret_ms);
/* "cpu=500m,memory=1GiB,..." */
int cmd_value_amounts(const struct cmd_run *run, const char *option, const char *value, struct basin_amounts *ret);

/* --- output: one JSON document, printed as it is (--format json) or as a table or a list of its fields --- */

enum cmd_format { CMD_TABLE, CMD_JSON };
int cmd_value_format(const struct cmd_run *run, const char *value, enum cmd_format *ret);

enum cmd_kind {
	CMD_TEXT,
	CMD_NUMBER,
	CMD_CPU,
	CMD_BYTES,
	CMD_TIME /* seconds since the epoch */,
	CMD_YESNO,
	CMD_AMOUNT /* of the row's resource */
};
struct cmd_column {
	const char *title;
	const char *path; /* keys with dots: "resources.cpu.used" */
	enum cmd_kind kind;
};

/* Prints an array of objects as a table, or as JSON. Returns 0 or BASIN_INTERNAL, reported. */
int cmd_print_table(const struct cmd_run *run, enum cmd_format format, const char *json, const struct cmd_column *columns,
		    size_t count);
/* Prints an object as "title: value" lines, or as JSON. */
int cmd_print_fields(const struct cmd_run *run, enum cmd_format format, const char *json, const struct cmd_column *columns,
		     size_t count);
/* Prints the members of the object's "resources" (cpu, memory, ...) as a table, a row each, whose key is the column "resource". */
int cmd_print_resources(const struct cmd_run *run, const char *json, const struct cmd_column *columns, size_t count);
int cmd_print_json(const struct cmd_run *run, const char *json);
/* Prints one field of every object of an array, a line each (the -q forms); path NULL: the elements themselves. */
int cmd_print_lines(const struct cmd_run *run, const char *json, const char *path);

#endif
