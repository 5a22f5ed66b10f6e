/* SPDX-License-Identifier: Apache-2.0 */
/* What the two programs' mains have in common: the table with what is theirs filled in, the global flags, the dispatch. */
#ifndef BSN_CMD_PROGRAM_H
#define BSN_CMD_PROGRAM_H

#include <stddef.h>

#include "cmd/cmd.h"

struct cmd_entry {
	const char *noun; /* "": an OCI verb */
	const char *verb; /* "": the command is only a noun */
	const char *summary;
	bool hidden;
	const struct cmd_command *command; /* NULL: the other program has it */
};

/*
 * Reads the global flags, finds the command, runs it; returns the exit status. other is called for a command that this program
 * has not (with the whole argv, as it came) and returns an exit status if it returns at all; NULL: say where it is.
 */
int cmd_program(int argc, char **argv, const struct cmd_entry *entries, size_t count, int (*other)(char **argv));

/* The global flags, for --help and for the listing that completions are made from. */
extern const struct cmd_option cmd_global_options[];

/* --- cmd/help.c --- */
void cmd_print_help(const struct cmd_global *global, const struct cmd_entry *entries, size_t count);
/* The verbs of one noun. */
void cmd_print_noun_help(const struct cmd_global *global, const struct cmd_entry *entries, size_t count, const char *noun);
void cmd_print_command_help(const struct cmd_run *run);
void cmd_print_version(const struct cmd_global *global);
/* The program's table, one tab-separated line per command and per option: what cmd/completion/generate.awk reads. */
void cmd_print_listing(const struct cmd_entry *entries, size_t count);

/* --- cmd/report.c --- */
/* Sends what the library says (warnings, progress) to standard error and the log. */
void cmd_report_library(const struct cmd_global *global);
/* One line of the given level to standard error and the log. */
void cmd_report_line(const struct cmd_global *global, enum cmd_level level, const char *text);

/* --- cmd/log.c --- */
const char *cmd_level_name(enum cmd_level level);
/* "warning" and the like; -1 for anything else. */
int cmd_level_parse(const char *name);
/* "[file:]PATH", "syslog:NAME", "journald:NAME", as crun takes them. */
void cmd_log_parse(const char *value, struct cmd_log *ret_log);
/* Whether it can be written to; -errno otherwise. A file is made. */
int cmd_log_check(const struct cmd_log *log);
/* One record, in runc's form: engines parse it. */
void cmd_log_format(bool json, enum cmd_level level, const char *text, char *line, size_t room);
void cmd_log_write(const struct cmd_global *global, enum cmd_level level, const char *text);

#endif
