/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_column columns[] = {
	{ "REF", "ref", CMD_TEXT },           { "DIGEST", "digest", CMD_TEXT },
	{ "PLATFORM", "platform", CMD_TEXT }, { "LAYERS", "layer_count", CMD_NUMBER },
	{ "SIZE", "size", CMD_BYTES },        { "IMPORTED", "imported", CMD_TIME },
};

static int ask(struct basin *basin, const char *none, char **ret_json, struct basin_error *err)
{
	(void)none;
	return basin_image_list(basin, ret_json, err);
}

static int list(struct cmd_run *run)
{
	return cmd_query(run,
			 &(const struct cmd_query){ 0, 0, ask, cmd_print_table, columns, sizeof(columns) / sizeof(columns[0]) });
}

const struct cmd_command cmd_image_ls = { .arguments = "", .options = cmd_query_options, .run = list };
