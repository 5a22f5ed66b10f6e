/* SPDX-License-Identifier: Apache-2.0 */
/* libcap knows the names; a number that it has no name for does not exist in this build. */
#include "runtime/caps.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>
#include <sys/capability.h>

#define COUNT     (CAP_LAST_CAP + 1)
#define NAME_ROOM 32

static const char *const set_names[BSN_CAP_SETS] = {
	[BSN_CAP_BOUNDING] = "bounding",   [BSN_CAP_EFFECTIVE] = "effective", [BSN_CAP_INHERITABLE] = "inheritable",
	[BSN_CAP_PERMITTED] = "permitted", [BSN_CAP_AMBIENT] = "ambient",
};

int bsn_cap_parse(const char *name)
{
	char full[NAME_ROOM];
	cap_value_t cap;
	int n = snprintf(full, sizeof(full), "%s%s", strncasecmp(name, "CAP_", 4) == 0 ? "" : "cap_", name);
	/* libcap takes a bare number for a name too; config.json does not. */
	if (n < 0 || (size_t)n >= sizeof(full) || cap_from_name(full, &cap) < 0 || cap < 0 || cap >= COUNT)
		return -EINVAL;
	return cap;
}

const char *bsn_cap_name(int cap)
{
	static char names[COUNT][NAME_ROOM];
	if (cap < 0 || cap >= COUNT)
		return NULL;
	if (names[cap][0] == '\0') {
		char *name = cap_to_name(cap);
		if (name == NULL)
			return NULL;
		for (size_t i = 0; name[i] != '\0' && i + 1 < NAME_ROOM; i++)
			names[cap][i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
		cap_free(name);
	}
	return names[cap];
}

int bsn_cap_count(void)
{
	return COUNT;
}

const char *bsn_cap_set_name(enum bsn_cap_set set)
{
	return set_names[set];
}

uint64_t bsn_cap_kernel_mask(void)
{
	int count = cap_max_bits();
	return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}
