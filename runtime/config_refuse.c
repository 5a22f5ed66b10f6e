/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What config.json may say and this runtime does not do. Ignoring it would run a container that is not the one asked for, so it is
 * refused, by path. What is done goes out of this file.
 */
#include "runtime/config_parse.h"

#define refuse(err, ...) bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP, __VA_ARGS__)

int bsn_config_refuse(const struct bsn_config *config, struct basin_error *err)
{
	if (config->net_devices.count > 0)
		return refuse(err,
			      "linux.netDevices: moving the host's network devices is not supported; attach a network instead");
	if (config->intel_rdt.given)
		return refuse(err, "linux.intelRdt: cache and bandwidth allocation is not supported");
	return 0;
}
