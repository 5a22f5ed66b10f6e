/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What config.json may say and this runtime does not do. Ignoring it would run a container that is not the one asked for, so it is
 * refused, by path. What is done goes out of this file.
 */
#include "runtime/config_parse.h"

#define refuse(err, ...) bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP, __VA_ARGS__)

/* crun's way to ask for something else than a process: a WebAssembly module, a virtual machine. */
static int refuse_handler(const struct bsn_config *config, struct basin_error *err)
{
	const char *handler = bsn_config_annotation(config, "run.oci.handler");
	if (handler == NULL || handler[0] == '\0')
		return 0;
	return refuse(err, "annotations[\"run.oci.handler\"]: the handler \"%s\" is not supported, containers are processes here",
		      handler);
}

int bsn_config_refuse(const struct bsn_config *config, struct basin_error *err)
{
	static const struct {
		const char *name;
		const char *instead;
	} others[] = {
		{ "run.oci.delegate-cgroup",
		  "a cgroup2 mount that is not read-only, with a new cgroup namespace, delegates the cgroup" },
		{ "run.oci.seccomp.plugins", "linux.seccomp.listenerPath names an agent" },
		{ "run.oci.systemd.force_cgroup_v1", "cgroup version 1 is shown where the host has it" },
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const char *value = bsn_config_annotation(config, others[i].name);
		if (value != NULL && value[0] != '\0')
			return refuse(err, "annotations[\"%s\"]: not supported; %s", others[i].name, others[i].instead);
	}
	return refuse_handler(config, err);
}
