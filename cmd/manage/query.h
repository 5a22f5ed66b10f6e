/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that ask one question and print its answer (ls, show, ...), and those that do one thing to each of their arguments (rm). */
#ifndef BSN_CMD_MANAGE_QUERY_H
#define BSN_CMD_MANAGE_QUERY_H

#include "cmd/cmd.h"

/* --format and nothing else: what cmd_query understands. */
extern const struct cmd_option cmd_query_options[];

struct cmd_query {
	int min, max; /* arguments: 0 or 1 */
	/* argument is NULL where none was given. */
	int (*ask)(struct basin *basin, const char *argument, char **ret_json, struct basin_error *err);
	int (*print)(const struct cmd_run *run, enum cmd_format format, const char *json, const struct cmd_column *columns,
		     size_t count); /* cmd_print_table, cmd_print_fields, or one's own */
	const struct cmd_column *columns;
	size_t count;
};
int cmd_query(struct cmd_run *run, const struct cmd_query *query);

/* Does it to every argument (at least one), goes on past a failure, and returns the status of the last one that failed. No options. */
int cmd_each(struct cmd_run *run, int (*act)(struct basin *basin, const char *argument, struct basin_error *err));

#endif
