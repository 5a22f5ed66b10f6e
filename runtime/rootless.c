/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootless.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"

int bsn_rootless_complete(struct bsn_config *config, char **text, struct basin_error *err)
{
	if (config->namespaces[BSN_NS_USER].given)
		return 0;
	/* Root of somebody's user namespace is root enough. */
	if (geteuid() == 0) {
		if (config->uid_maps.count > 0 || config->gid_maps.count > 0)
			bsn_warn("linux.uidMappings, linux.gidMappings: without effect, linux.namespaces has none of type "
				 "\"user\"");
		config->uid_maps.count = 0;
		config->gid_maps.count = 0;
		return 0;
	}
	bsn_warn("linux.namespaces: an ordinary user's container needs a user namespace, and gets one");
	json_t *namespaces = json_object_get(json_object_get(config->json, "linux"), "namespaces");
	if (json_array_append_new(namespaces, json_pack("{s:s}", "type", "user")) < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot complete the config");
	config->namespaces[BSN_NS_USER].given = true;
	free(*text);
	*text = NULL;
	return bsn_json_format(config->json, false, text, err);
}
