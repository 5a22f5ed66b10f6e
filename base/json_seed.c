/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_seed.h"

#include <features.h>

#ifndef __GLIBC__
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/json.h"

void bsn_json_seed(void)
{
	static bool done;
	size_t seed;
	const void *random = (const void *)getauxval(AT_RANDOM); /* NOLINT(performance-no-int-to-ptr): the kernel's */
	if (done || random == NULL)
		return;
	done = true;
	memcpy(&seed, random, sizeof(seed));
	json_object_seed(seed | 1);
}
#else
void bsn_json_seed(void)
{
}
#endif
