/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs say about themselves: help, version, and the listing that the shells' completions are made from. */
#include <stdio.h>
#include <string.h>

#include "cmd/program.h"

#define NAME_COLUMN 34

static void print_option(const struct cmd_option *option)
{
	char shown[128];
	char letter[8] = "    ";
	if (option->letter != 0)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	snprintf(shown, sizeof(shown), "%s--%s%s%s", letter, option->name, option->argument != NULL ? " " : "",
		 option->argument != NULL ? option->argument : "");
	printf("  %-*s %s\n", NAME_COLUMN, shown, option->help);
}

static void print_entry(const struct cmd_entry *entry)
{
	char shown[64];
	snprintf(shown, sizeof(shown), "%s%s%s", entry->noun, entry->noun[0] != '\0' && entry->verb[0] != '\0' ? " " : "",
		 entry->verb);
	printf("  %-*s %s\n", NAME_COLUMN, shown, entry->summary);
}

void cmd_print_help(const struct cmd_global *global, const struct cmd_entry *entries, size_t count)
{
	printf("NAME:\n   %s - Open Container Initiative runtime, and environments in pools\n\n"
	       "USAGE:\n   %s [options] command [options] [arguments]\n\nCONTAINERS, as OCI engines drive them:\n",
	       global->program, global->program);
	for (size_t i = 0; i < count; i++)
		if (entries[i].noun[0] == '\0' && !entries[i].hidden)
			print_entry(&entries[i]);
	puts("\nENVIRONMENTS, and what they live on:");
	for (size_t i = 0; i < count; i++)
		if (entries[i].noun[0] != '\0' && !entries[i].hidden)
			print_entry(&entries[i]);
	puts("\nOPTIONS:");
	for (const struct cmd_option *option = cmd_global_options; option->id != 0; option++)
		print_option(option);
	printf("\n\"%s help COMMAND\" tells more; basin(1) tells all.\n", global->program);
}

void cmd_print_noun_help(const struct cmd_global *global, const struct cmd_entry *entries, size_t count, const char *noun)
{
	printf("USAGE:\n   %s %s command [options] [arguments]\n\nCOMMANDS:\n", global->program, noun);
	for (size_t i = 0; i < count; i++)
		if (strcmp(entries[i].noun, noun) == 0 && !entries[i].hidden)
			print_entry(&entries[i]);
}

void cmd_print_command_help(const struct cmd_run *run)
{
	const struct cmd_option *option = run->command->options;
	const char *arguments = run->command->arguments != NULL ? run->command->arguments : "";
	bool any = option != NULL && option->id != 0;
	char name[128];
	snprintf(name, sizeof(name), "%s%s%s%s%s", run->global->program, run->noun[0] != '\0' ? " " : "", run->noun,
		 run->verb[0] != '\0' ? " " : "", run->verb);
	printf("NAME:\n   %s - %s\n\nUSAGE:\n   %s%s%s%s\n", name, run->summary, name, any ? " [options]" : "",
	       arguments[0] != '\0' ? " " : "", arguments);
	if (any)
		puts("\nOPTIONS:");
	for (; any && option->id != 0; option++)
		print_option(option);
}

void cmd_print_version(const struct cmd_global *global)
{
	bool renamed = strcmp(global->program, "basin") != 0;
	printf("%s version %s%s\ncommit: %s\nspec: 1.3.0\n%s\n", global->program, basin_version(), renamed ? " (basin)" : "",
	       bsn_runtime_commit(), bsn_runtime_abilities());
}

static void list_options(const char *noun, const char *verb, const struct cmd_option *option)
{
	for (; option != NULL && option->id != 0; option++)
		printf("option\t%s\t%s\t%s\t%c\t%s\t%s\n", noun, verb, option->name, option->letter != 0 ? option->letter : '-',
		       option->argument != NULL ? option->argument : "-", option->help);
}

void cmd_print_listing(const struct cmd_entry *entries, size_t count)
{
	list_options("-", "-", cmd_global_options);
	for (size_t i = 0; i < count; i++) {
		const struct cmd_entry *entry = &entries[i];
		const char *noun = entry->noun[0] != '\0' ? entry->noun : "-";
		const char *verb = entry->verb[0] != '\0' ? entry->verb : "-";
		if (entry->hidden || entry->command == NULL)
			continue;
		printf("command\t%s\t%s\t%s\n", noun, verb, entry->summary);
		list_options(noun, verb, entry->command->options);
	}
}
