/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: one parser for every command. --name value, --name=value, -n value, -nvalue, -ab for flags; "--" ends them. Go programs, and so
 * those who drive runc, write -name and --n as well: a word that is an option's whole name is that option, however many hyphens it has.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/program.h"

static int keep_argument(struct cmd_run *run, char *argument)
{
	if (run->arguments == NULL)
		run->arguments = calloc((size_t)run->argc + 1, sizeof(*run->arguments));
	if (run->arguments == NULL) {
		cmd_usage(run, "out of memory");
		return -1;
	}
	run->arguments[run->argument_count++] = argument;
	if (run->command->stop_after > 0 && run->argument_count >= run->command->stop_after)
		run->rest = true;
	return 0;
}

static const struct cmd_option *find_long(const struct cmd_command *command, const char *name, size_t length)
{
	for (const struct cmd_option *option = command->options; option != NULL && option->id != 0; option++)
		if (strncmp(option->name, name, length) == 0 && option->name[length] == '\0')
			return option;
	return NULL;
}

static const struct cmd_option *find_short(const struct cmd_command *command, char letter)
{
	for (const struct cmd_option *option = command->options; option != NULL && option->id != 0; option++)
		if (option->letter == letter)
			return option;
	return NULL;
}

/* By its whole name, which for a Go program may be the letter too. */
static const struct cmd_option *find_named(const struct cmd_command *command, const char *name)
{
	size_t length = strcspn(name, "=");
	const struct cmd_option *option = find_long(command, name, length);
	return option == NULL && length == 1 ? find_short(command, name[0]) : option;
}

int cmd_bool_parse(const char *text)
{
	static const char *const words[] = { "0", "1", "f", "t", "F", "T", "false", "true", "False", "True", "FALSE", "TRUE" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0)
			return (int)(i % 2);
	return -1;
}

/* The value behind an option that wants one: what is attached, or the next word. */
static int take_value(struct cmd_run *run, const char *shown, const char *attached, const char **ret_value)
{
	if (attached == NULL && run->at < run->argc)
		attached = run->argv[run->at++];
	if (attached == NULL) {
		/* runc's words: podman learns from them whether a runtime knows the flag. */
		cmd_usage(run, "flag needs an argument: %s", shown);
		return -1;
	}
	*ret_value = attached;
	return 0;
}

static void help_and_leave(const struct cmd_run *run)
{
	cmd_print_command_help(run);
	exit(0);
}

/* name points into word, behind its hyphens. 0: a flag that was switched off again ("--force=false", as Go programs write it). */
static int parse_long(struct cmd_run *run, const char *word, const char *name, const char **ret_value)
{
	size_t length = strcspn(name, "=");
	const char *attached = name[length] == '=' ? name + length + 1 : NULL;
	const struct cmd_option *option = find_named(run->command, name);
	if (option == NULL) {
		if (strcmp(name, "help") == 0 || strcmp(name, "h") == 0)
			help_and_leave(run);
		cmd_usage(run, "unknown option \"%.*s\"", (int)(name + length - word), word);
		return -1;
	}
	*ret_value = NULL;
	if (option->argument != NULL)
		return take_value(run, word, attached, ret_value) < 0 ? -1 : option->id;
	int on = attached != NULL ? cmd_bool_parse(attached) : 1;
	if (on < 0) {
		cmd_usage(run, "--%s: \"%s\" is neither true nor false", option->name, attached);
		return -1;
	}
	return on ? option->id : 0;
}

/* run->inside points at the letters of "-abc" that are still to come. */
static int parse_short(struct cmd_run *run, const char **ret_value)
{
	char shown[3] = { '-', *run->inside, '\0' };
	const struct cmd_option *option = find_short(run->command, *run->inside++);
	const char *rest = *run->inside != '\0' ? run->inside : NULL;
	if (rest == NULL)
		run->inside = NULL;
	if (option == NULL) {
		if (shown[1] == 'h')
			help_and_leave(run);
		cmd_usage(run, "unknown option \"%s\"", shown);
		return -1;
	}
	*ret_value = NULL;
	if (option->argument == NULL)
		return option->id;
	run->inside = NULL;
	if (rest != NULL && *rest == '=')
		rest++;
	return take_value(run, shown, rest, ret_value) < 0 ? -1 : option->id;
}

static bool is_dashes(struct cmd_run *run, const char *word)
{
	if (strcmp(word, "--") != 0 || run->dashes >= 0)
		return false;
	return !run->rest || run->argument_count == run->command->stop_after;
}

/* What stands behind one hyphen: "bundle", "q=false" and "help", but not "it", which is two letters. */
static bool is_name(const struct cmd_command *command, const char *name)
{
	return find_named(command, name) != NULL || strcmp(name, "help") == 0;
}

int cmd_next(struct cmd_run *run, const char **ret_value)
{
	if (run->inside != NULL)
		return parse_short(run, ret_value);
	while (run->at < run->argc) {
		char *word = run->argv[run->at++];
		if (is_dashes(run, word)) {
			run->dashes = run->argument_count;
			run->rest = true;
		} else if (run->rest || word[0] != '-' || word[1] == '\0') {
			if (keep_argument(run, word) < 0)
				return -1;
		} else if (word[1] == '-' || (word[2] != '\0' && is_name(run->command, word + 1))) {
			int id = parse_long(run, word, word + (word[1] == '-' ? 2 : 1), ret_value);
			if (id != 0)
				return id;
		} else {
			run->inside = word + 1;
			return parse_short(run, ret_value);
		}
	}
	return 0;
}

static bool has_arguments(const struct cmd_run *run)
{
	return run->command->arguments != NULL && run->command->arguments[0] != '\0';
}

int cmd_want_arguments(struct cmd_run *run, int min, int max)
{
	const char *wanted = has_arguments(run) ? run->command->arguments : "no arguments";
	if (run->argument_count < min) {
		cmd_usage(run, "an argument is missing, it wants %s", wanted);
		return -1;
	}
	if (max >= 0 && run->argument_count > max) {
		cmd_usage(run, "\"%s\" is too much, it wants %s", run->arguments[max], wanted);
		return -1;
	}
	return 0;
}

char **cmd_after_dashes(const struct cmd_run *run)
{
	static char *none[] = { NULL };
	if (run->dashes < 0)
		return NULL;
	return run->arguments == NULL ? none : run->arguments + run->dashes;
}
