/* SPDX-License-Identifier: Apache-2.0 */
/* cmd/: the option parser, the values of options, and tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "cmd/cmd.h"

enum { FLAG = 1, VALUE, LONG_ONLY };

static const struct cmd_option options[] = {
	{ FLAG, "flag", 'f', NULL, "a flag" },
	{ VALUE, "value", 'v', "X", "a value" },
	{ LONG_ONLY, "long-only", 0, "X", "a value" },
	CMD_OPTIONS_END,
};

static const struct cmd_command anywhere = { .arguments = "A [B]", .options = options };
static const struct cmd_command stops = { .arguments = "ID COMMAND ...", .options = options, .stop_after = 1 };
static const struct cmd_global global = { 0 };

#define WORDS(...) ((const char *[]){ __VA_ARGS__, NULL })

static struct cmd_run run_of(const struct cmd_command *command, const char **words)
{
	struct cmd_run run = { .global = &global, .noun = "test", .verb = "it", .summary = "", .command = command, .dashes = -1 };
	run.argv = (char **)words; /* the parser keeps them and changes none */
	while (words[run.argc] != NULL)
		run.argc++;
	return run;
}

/* What is parsed, as text: "f v=x (a b)", and "!" at a mistake. */
static const char *parsed(const struct cmd_command *command, const char **words)
{
	static char text[256];
	struct cmd_run run = run_of(command, words);
	const char *value;
	size_t at = 0;
	int option;
	while ((option = cmd_next(&run, &value)) > 0)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       option == FLAG    ? "f "
				       : option == VALUE ? "v=%s "
							 : "l=%s ",
				       value != NULL ? value : "");
	if (option < 0)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "! ");
	text[at] = '\0';
	for (int i = 0; i < run.argument_count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "(%s)", run.arguments[i]);
	char **after = cmd_after_dashes(&run);
	if (after != NULL)
		snprintf(text + at, sizeof(text) - at, "--%s", after[0] != NULL ? after[0] : "");
	free(run.arguments);
	return text;
}

static void options_stand_anywhere(void **state)
{
	(void)state;
	assert_string_equal(parsed(&anywhere, WORDS("a", "--flag", "b", "--value", "x")), "f v=x (a)(b)");
	assert_string_equal(parsed(&anywhere, WORDS("--value=x=y", "-vz", "-v", "w", "-v=u")), "v=x=y v=z v=w v=u ");
	assert_string_equal(parsed(&anywhere, WORDS("-fv", "x", "-ffvy")), "f v=x f f v=y ");
	assert_string_equal(parsed(&anywhere, WORDS("--flag=true", "--flag=false", "-")), "f (-)");
	assert_string_equal(parsed(&anywhere, WORDS("--value", "--flag")), "v=--flag ");
	assert_string_equal(parsed(&anywhere, WORDS("--long-only", "")), "l= ");
}

static void dashes_end_them(void **state)
{
	(void)state;
	assert_string_equal(parsed(&anywhere, WORDS("a", "--", "--flag", "--", "b")), "(a)(--flag)(--)(b)----flag");
	assert_string_equal(parsed(&anywhere, WORDS("a", "--")), "(a)--");
	assert_string_equal(parsed(&anywhere, WORDS("--")), "--");
}

static void commands_behind_an_id_are_left_alone(void **state)
{
	(void)state;
	assert_string_equal(parsed(&stops, WORDS("-f", "id", "ls", "-f", "--help")), "f (id)(ls)(-f)(--help)");
	assert_string_equal(parsed(&stops, WORDS("id", "--", "ls", "--")), "(id)(ls)(--)--ls");
	assert_string_equal(parsed(&stops, WORDS("id", "ls", "--", "x")), "(id)(ls)(--)(x)");
}

static void mistakes_are_refused(void **state)
{
	(void)state;
	assert_string_equal(parsed(&anywhere, WORDS("--flags")), "! ");
	assert_string_equal(parsed(&anywhere, WORDS("--fla")), "! ");
	assert_string_equal(parsed(&anywhere, WORDS("-x")), "! ");
	assert_string_equal(parsed(&anywhere, WORDS("-fx")), "f ! ");
	assert_string_equal(parsed(&anywhere, WORDS("--value")), "! ");
	assert_string_equal(parsed(&anywhere, WORDS("-v")), "! ");
	assert_string_equal(parsed(&anywhere, WORDS("--flag=maybe")), "! ");
	struct cmd_run run = run_of(&anywhere, WORDS("a", "b", "c"));
	const char *value;
	assert_int_equal(cmd_next(&run, &value), 0);
	assert_int_equal(cmd_want_arguments(&run, 1, 2), -1);
	assert_int_equal(cmd_want_arguments(&run, 4, -1), -1);
	assert_int_equal(cmd_want_arguments(&run, 1, -1), 0);
	free(run.arguments);
	assert_int_equal(cmd_usage(&run, "x"), BASIN_USAGE);
	run.noun = "";
	assert_int_equal(cmd_usage(&run, "x"), BASIN_FAILED);
}

static void values_are_read_or_refused(void **state)
{
	(void)state;
	struct cmd_run run = run_of(&anywhere, WORDS("a"));
	struct basin_amounts amounts = BASIN_AMOUNTS_UNSET;
	int64_t n = 5;
	assert_int_equal(cmd_value_cpu(&run, "--cpu", "500m", &n), 0);
	assert_int_equal(n, 500);
	assert_int_equal(cmd_value_bytes(&run, "--memory", "1MiB", &n), 0);
	assert_int_equal(n, 1048576);
	assert_int_equal(cmd_value_bytes(&run, "--memory", "10M", &n), -1);
	assert_int_equal(cmd_value_count(&run, "--pids", "-3", &n), -1);
	assert_int_equal(cmd_value_duration(&run, "--time", "2m", &n), 0);
	assert_int_equal(n, 120000);
	assert_int_equal(cmd_value_amounts(&run, "--request", "cpu=2,memory=1KiB", &amounts), 0);
	assert_int_equal(amounts.of[BASIN_CPU], 2000);
	assert_int_equal(amounts.of[BASIN_MEMORY], 1024);
	assert_int_equal(amounts.of[BASIN_PIDS], BASIN_UNSET);
	static const char *const wrong[] = { "cpu", "cpu2=1", "=1", "cp=1", "cpu=1,", "cpu=1,,pids=1", "cpu=x", "memory=" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct basin_amounts before = amounts;
		bool refused = cmd_value_amounts(&run, "--request", wrong[i], &amounts) < 0;
		/* A comma at the end is forgiven; nothing else is. */
		assert_int_equal(refused, strcmp(wrong[i], "cpu=1,") != 0);
		if (refused)
			assert_memory_equal(&before, &amounts, sizeof(before));
	}
	enum cmd_format format = CMD_TABLE;
	assert_int_equal(cmd_value_format(&run, "json", &format), 0);
	assert_int_equal(format, CMD_JSON);
	assert_int_equal(cmd_value_format(&run, "yaml", &format), -1);
}

/* Runs print with standard output in a file, and returns what it wrote. */
static char *output_of(int (*print)(const struct cmd_run *run), const struct cmd_run *run)
{
	static char text[1024];
	FILE *file = tmpfile();
	fflush(stdout);
	int saved = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	int status = print(run);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_int_equal(status, 0);
	return text;
}

static const char rows[] =
	"[{\"a\":\"x\\u001b[2J\",\"b\":{\"n\":1500},\"c\":[1,\"z\"]},{\"a\":\"longer\",\"b\":{\"n\":20},\"d\":true}]";
static const struct cmd_column columns[] = {
	{ "A", "a", CMD_TEXT }, { "CPU", "b.n", CMD_CPU }, { "LIST", "c", CMD_TEXT }, { "D", "d", CMD_YESNO }
};

static int print_rows(const struct cmd_run *run)
{
	return cmd_print_table(run, CMD_TABLE, rows, columns, 4);
}

static int print_one(const struct cmd_run *run)
{
	return cmd_print_fields(run, CMD_TABLE, "{\"a\":\"x\",\"b\":{\"n\":250}}", columns, 3);
}

static void tables_are_aligned_and_harmless(void **state)
{
	(void)state;
	struct cmd_run run = run_of(&anywhere, WORDS("a"));
	assert_string_equal(output_of(print_rows, &run), "A       CPU  LIST  D\nx?[2J   1.5  1,z   -\nlonger  20m  -     yes\n");
	assert_string_equal(output_of(print_one, &run), "a:    x\ncpu:  250m\nlist: -\n");
	assert_int_not_equal(cmd_print_table(&run, CMD_TABLE, "[", columns, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(dashes_end_them),
		cmocka_unit_test(commands_behind_an_id_are_left_alone),
		cmocka_unit_test(mistakes_are_refused),
		cmocka_unit_test(values_are_read_or_refused),
		cmocka_unit_test(tables_are_aligned_and_harmless),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
