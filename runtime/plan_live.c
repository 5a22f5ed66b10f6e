/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of `mounts add` and `mounts remove`: the child enters the container, mounts or unmounts in it, and is gone. */
#include <sched.h>

#include "runtime/plan.h"

#include "base/str.h"

/*
 * A procfs shows the pid namespace of who makes it. Anything else is mounted from without: what comes in is open for writing until it has its
 * attributes, and must not be taken from the process that brings it.
 */
static uint64_t not_needed(const struct bsn_plan_live *request)
{
	for (size_t i = 0; !request->remove && i < request->config->mount_count; i++)
		if (request->config->mounts[i].type != NULL && bsn_streq(request->config->mounts[i].type, "proc"))
			return 0;
	return CLONE_NEWPID | CLONE_NEWTIME;
}

int bsn_plan_make_live(const struct bsn_plan_live *request, struct bsn_plan **ret_plan, struct basin_error *err)
{
	auto_of(bsn_plan_free) struct bsn_plan *plan = NULL;
	const struct bsn_config *config = request->config;
	int r = bsn_plan_new(config, &plan, err);
	if (r < 0)
		return r;
	if (!config->namespaces[BSN_NS_MOUNT].given)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "the container has no mount namespace of its own");
	plan->live = true;
	bsn_list_add_number(&plan->list, BSN_OP_UMASK, 0022);
	bsn_plan_enter_container(plan, config, not_needed(request));
	if (plan->forks)
		bsn_list_add(&plan->list, BSN_OP_FORK);
	/* Its root, as it is. */
	bsn_list_add(&plan->list, BSN_OP_ROOT);
	if (request->remove) {
		for (size_t i = config->mount_count; i-- > 0;)
			bsn_list_add_text(&plan->list, BSN_OP_UNMOUNT, config->mounts[i].destination);
	} else {
		const struct bsn_plan_request mounts = { .config = config, .bundle = request->bundle };
		r = bsn_plan_mounts(plan, &mounts, err);
		bsn_plan_late_read_only(plan, config);
	}
	if (r < 0)
		return r;
	*ret_plan = bsn_give(&plan);
	return 0;
}
