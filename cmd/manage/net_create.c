/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

enum { OPT_SUBNET = 1, OPT_NO_NAT, OPT_FORMAT };

static const struct cmd_option options[] = {
	{ OPT_SUBNET, "subnet", 0, "CIDR", "its range, like 10.77.0.0/24 (default: the first free one of 10.88.0.0/16)" },
	{ OPT_NO_NAT, "no-nat", 0, NULL,
	  "do not hide its addresses behind this host's: they are routed, and reachable from outside" },
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static int read_options(struct cmd_run *run, struct basin_net_options *net, enum cmd_format *ret_format)
{
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		if (option == OPT_SUBNET)
			net->subnet = value;
		else if (option == OPT_NO_NAT)
			net->no_nat = 1;
		else if (cmd_value_format(run, value, ret_format) < 0)
			return -1;
	}
	return option < 0 ? -1 : cmd_want_arguments(run, 1, 1);
}

static int create(struct cmd_run *run)
{
	struct basin_net_options net = BASIN_NET_OPTIONS_INIT;
	struct basin_error err = { 0 };
	struct basin *basin;
	enum cmd_format format = CMD_TABLE;
	char *json;
	if (read_options(run, &net, &format) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_net_create(basin, run->arguments[0], &net, &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = format == CMD_JSON ? cmd_print_json(run, json) : 0;
	basin_free(json);
	return r;
}

const struct cmd_command cmd_net_create = { .arguments = "NETWORK", .options = options, .run = create };
