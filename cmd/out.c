/* SPDX-License-Identifier: Apache-2.0 */
/* Output: the library's JSON as it is, or as a table or a list of fields. The only file of cmd/ that looks into JSON. */
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/cmd.h"

#define CELL_ROOM 256

static const json_t *at_path(const json_t *object, const char *path)
{
	char key[64];
	while (object != NULL && *path != '\0') {
		size_t length = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		object = json_object_get(object, key);
		path += length + (path[length] == '.');
	}
	return object;
}

/* A list of plain values, with commas. */
static void format_list(const json_t *list, char *cell)
{
	size_t at = 0;
	cell[0] = '\0';
	for (size_t i = 0; i < json_array_size(list) && at < CELL_ROOM; i++) {
		const json_t *value = json_array_get(list, i);
		const char *comma = i > 0 ? "," : "";
		if (json_is_string(value))
			at += (size_t)snprintf(cell + at, CELL_ROOM - at, "%s%s", comma, json_string_value(value));
		else if (json_is_integer(value))
			at += (size_t)snprintf(cell + at, CELL_ROOM - at, "%s%" JSON_INTEGER_FORMAT, comma,
					       json_integer_value(value));
	}
	if (at == 0)
		strcpy(cell, "-");
}

static void format_number(json_int_t number, enum cmd_kind kind, char *cell)
{
	time_t seconds = (time_t)number;
	struct tm utc;
	switch (kind) {
	case CMD_CPU:
		basin_format_amount(BASIN_CPU, number, cell, CELL_ROOM);
		return;
	case CMD_BYTES:
		basin_format_amount(BASIN_MEMORY, number, cell, CELL_ROOM);
		return;
	case CMD_TIME:
		if (gmtime_r(&seconds, &utc) != NULL && strftime(cell, CELL_ROOM, "%Y-%m-%d %H:%M:%SZ", &utc) > 0)
			return;
		break;
	case CMD_YESNO:
		strcpy(cell, number != 0 ? "yes" : "no");
		return;
	default:
		break;
	}
	snprintf(cell, CELL_ROOM, "%" JSON_INTEGER_FORMAT, number);
}

static void format_cell(const json_t *value, enum cmd_kind kind, char *cell)
{
	if (json_is_string(value))
		snprintf(cell, CELL_ROOM, "%s", json_string_value(value));
	else if (json_is_integer(value))
		format_number(json_integer_value(value), kind, cell);
	else if (json_is_real(value))
		snprintf(cell, CELL_ROOM, "%g", json_real_value(value));
	else if (json_is_boolean(value))
		strcpy(cell, json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		format_list(value, cell);
	else
		strcpy(cell, "-");
	if (cell[0] == '\0')
		strcpy(cell, "-");
	/* What a terminal would obey is not printed to one. */
	for (char *at = cell; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
}

static bool is_right(enum cmd_kind kind)
{
	return kind == CMD_NUMBER || kind == CMD_CPU || kind == CMD_BYTES || kind == CMD_AMOUNT;
}

static json_t *parse(const struct cmd_run *run, const char *json)
{
	json_error_t problem;
	json_t *document = json_loads(json, JSON_DECODE_ANY, &problem);
	if (document == NULL) {
		struct basin_error err = { .code = BASIN_INTERNAL };
		snprintf(err.text, sizeof(err.text), "the answer is not JSON: %s", problem.text);
		cmd_report(run, &err);
	}
	return document;
}

int cmd_print_json(const struct cmd_run *run, const char *json)
{
	bool newline = json[0] != '\0' && json[strlen(json) - 1] == '\n';
	if (fputs(json, stdout) >= 0 && (newline || putchar('\n') >= 0) && fflush(stdout) == 0)
		return 0;
	const struct basin_error err = { .code = BASIN_INTERNAL, .text = "cannot write to standard output" };
	return cmd_report(run, &err);
}

/* A row's cell. An amount is in the unit of the resource that the row is about. */
static void format_column(const json_t *row, const struct cmd_column *column, char *cell)
{
	enum cmd_kind kind = column->kind;
	const char *resource = json_string_value(json_object_get(row, "resource"));
	if (kind == CMD_AMOUNT && resource != NULL)
		kind = strcmp(resource, "cpu") == 0 ? CMD_CPU : strcmp(resource, "pids") == 0 ? CMD_NUMBER : CMD_BYTES;
	format_cell(at_path(row, column->path), kind, cell);
}

static int print_rows(const json_t *rows, const struct cmd_column *columns, size_t count)
{
	int *widths = calloc(count + 1, sizeof(*widths));
	char cell[CELL_ROOM];
	if (widths == NULL)
		return BASIN_INTERNAL;
	for (size_t i = 0; i < count; i++)
		widths[i] = (int)strlen(columns[i].title);
	for (size_t row = 0; row < json_array_size(rows); row++)
		for (size_t i = 0; i < count; i++) {
			format_column(json_array_get(rows, row), &columns[i], cell);
			if ((int)strlen(cell) > widths[i])
				widths[i] = (int)strlen(cell);
		}
	/* Row -1 is the titles. The last column is not padded. */
	for (long row = -1; row < (long)json_array_size(rows); row++)
		for (size_t i = 0; i < count; i++) {
			bool last = i + 1 == count;
			if (row < 0)
				snprintf(cell, sizeof(cell), "%s", columns[i].title);
			else
				format_column(json_array_get(rows, (size_t)row), &columns[i], cell);
			printf(is_right(columns[i].kind) ? "%*s%s" : "%-*s%s", last && !is_right(columns[i].kind) ? 0 : widths[i],
			       cell, last ? "\n" : "  ");
		}
	free(widths);
	return 0;
}

int cmd_print_table(const struct cmd_run *run, enum cmd_format format, const char *json, const struct cmd_column *columns,
		    size_t count)
{
	if (format == CMD_JSON)
		return cmd_print_json(run, json);
	json_t *rows = parse(run, json);
	int status = rows == NULL ? BASIN_INTERNAL : print_rows(rows, columns, count);
	json_decref(rows);
	return status;
}

int cmd_print_resources(const struct cmd_run *run, const char *json, const struct cmd_column *columns, size_t count)
{
	json_t *object = parse(run, json);
	json_t *rows = json_array();
	const char *name;
	json_t *member;
	json_object_foreach (json_object_get(object, "resources"), name, member) {
		json_t *row = json_copy(member);
		json_object_set_new(row, "resource", json_string(name));
		json_array_append_new(rows, row);
	}
	int status = object == NULL ? BASIN_INTERNAL : print_rows(rows, columns, count);
	json_decref(rows);
	json_decref(object);
	return status;
}

/* A table shouts its titles; a list of fields does not: "WHY NOT BETTER" is "why not better:" there. */
static void print_title(const char *title, int width)
{
	int length = 0;
	for (; title[length] != '\0'; length++)
		putchar(tolower((unsigned char)title[length]));
	printf(":%*s ", width - length, "");
}

int cmd_print_fields(const struct cmd_run *run, enum cmd_format format, const char *json, const struct cmd_column *columns,
		     size_t count)
{
	if (format == CMD_JSON)
		return cmd_print_json(run, json);
	json_t *object = parse(run, json);
	int width = 0;
	char cell[CELL_ROOM];
	if (object == NULL)
		return BASIN_INTERNAL;
	for (size_t i = 0; i < count; i++)
		if ((int)strlen(columns[i].title) > width)
			width = (int)strlen(columns[i].title);
	for (size_t i = 0; i < count; i++) {
		format_cell(at_path(object, columns[i].path), columns[i].kind, cell);
		print_title(columns[i].title, width);
		puts(cell);
	}
	json_decref(object);
	return 0;
}

int cmd_print_lines(const struct cmd_run *run, const char *json, const char *path)
{
	json_t *rows = parse(run, json);
	char cell[CELL_ROOM];
	if (rows == NULL)
		return BASIN_INTERNAL;
	for (size_t row = 0; row < json_array_size(rows); row++) {
		const json_t *value = json_array_get(rows, row);
		format_cell(path != NULL ? at_path(value, path) : value, CMD_TEXT, cell);
		puts(cell);
	}
	json_decref(rows);
	return 0;
}
