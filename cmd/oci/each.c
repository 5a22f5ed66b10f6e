/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/oci/each.h"

int cmd_each(const struct cmd_run *run, const struct bsn_runtime *runtime, bool regex, cmd_each_fn *fn, const void *data)
{
	struct basin_error err = { 0 };
	char **ids = NULL;
	int status = 0;
	if (!regex)
		return fn(runtime, run->arguments[0], data, &err) < 0 ? cmd_report(run, &err) : 0;
	if (bsn_container_match(runtime, run->arguments[0], &ids, &err) < 0)
		return cmd_report(run, &err);
	for (size_t i = 0; ids[i] != NULL; i++)
		if (fn(runtime, ids[i], data, &err) < 0)
			status = cmd_report(run, &err);
	bsn_container_ids_free(ids);
	return status;
}
