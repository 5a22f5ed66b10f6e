/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of linux.resources in other letter case. Engines written in Go read and write JSON without regard to case, so "pagesize", "CPU"
 * and "Cpus" are out there and must not be passed over silently: a limit would not hold. Here they become what the spec calls them. The
 * keys of maps (unified, rdma) are values, not names, and lists of device rules always come from engines in the spec's own spelling.
 */
#include <string.h>
#include <strings.h>

#include "runtime/config_parse.h"

static const char *const sections[] = { "memory", "cpu",     "blockIO", "pids",    "hugepageLimits",
					"rdma",   "unified", "devices", "network", NULL };
static const char *const members[] = { "limit",
				       "reservation",
				       "swap",
				       "checkBeforeUpdate",
				       "shares",
				       "quota",
				       "period",
				       "burst",
				       "cpus",
				       "mems",
				       "idle",
				       "weight",
				       "weightDevice",
				       "throttleReadBpsDevice",
				       "throttleWriteBpsDevice",
				       "throttleReadIOPSDevice",
				       "throttleWriteIOPSDevice",
				       "pageSize",
				       "major",
				       "minor",
				       "rate",
				       "leafWeight",
				       "realtimeRuntime",
				       "realtimePeriod",
				       "kernel",
				       "kernelTCP",
				       "swappiness",
				       "disableOOMKiller",
				       NULL };

/* The known key that this one is but for its case; NULL: none, or it is spelled as it should be. */
static const char *meant(const char *key, const char *const *known)
{
	for (; *known != NULL; known++)
		if (strcasecmp(key, *known) == 0)
			return strcmp(key, *known) == 0 ? NULL : *known;
	return NULL;
}

static void spell(json_t *object, const char *const *known)
{
	const char *key;
	json_t *value;
	void *next;
	json_object_foreach_safe (object, next, key, value) {
		const char *right = meant(key, known);
		if (right == NULL)
			continue;
		json_t *there = json_object_get(object, right);
		if (there == NULL)
			json_object_set(object, right, value);
		else if (json_is_object(there) && json_is_object(value))
			json_object_update(there, value); /* named twice: Go's decoder goes on filling in the same */
		json_object_del(object, key);
	}
}

static void spell_elements(json_t *array)
{
	size_t i;
	json_t *element;
	json_array_foreach (array, i, element) {
		spell(element, members);
	}
}

void bsn_config_resources_spell(json_t *resources)
{
	static const char *const inside[] = { "memory", "cpu", "blockIO", "pids", NULL };
	const char *key;
	json_t *value;
	spell(resources, sections);
	for (const char *const *name = inside; *name != NULL; name++)
		spell(json_object_get(resources, *name), members);
	spell_elements(json_object_get(resources, "hugepageLimits"));
	json_object_foreach (json_object_get(resources, "blockIO"), key, value) {
		spell_elements(value);
	}
}
