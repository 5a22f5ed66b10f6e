/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_column columns[] = {
	{ "NAMES", "names", CMD_TEXT },
	{ "DIGEST", "digest", CMD_TEXT },
	{ "CONFIG DIGEST", "config_digest", CMD_TEXT },
	{ "PLATFORM", "platform", CMD_TEXT },
	{ "LAYERS", "layer_count", CMD_NUMBER },
	{ "SIZE", "size", CMD_BYTES },
	{ "CREATED", "created", CMD_TEXT },
	{ "IMPORTED", "imported", CMD_TIME },
	{ "ENTRYPOINT", "config.Entrypoint", CMD_TEXT },
	{ "COMMAND", "config.Cmd", CMD_TEXT },
	{ "ENVIRONMENT", "config.Env", CMD_TEXT },
	{ "USER", "config.User", CMD_TEXT },
	{ "WORKING DIR", "config.WorkingDir", CMD_TEXT },
	{ "STOP SIGNAL", "config.StopSignal", CMD_TEXT },
};

static int show(struct cmd_run *run)
{
	return cmd_query(run, &(const struct cmd_query){ 1, 1, basin_image_show, cmd_print_fields, columns,
							 sizeof(columns) / sizeof(columns[0]) });
}

const struct cmd_command cmd_image_show = { .arguments = "NAME[:TAG]|DIGEST", .options = cmd_query_options, .run = show };
