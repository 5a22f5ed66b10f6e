/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that knows the version; the makefile gives it. */
#include "basin.h"

#ifndef BASIN_VERSION
#define BASIN_VERSION "0"
#endif

const char *basin_version(void)
{
	return BASIN_VERSION;
}
