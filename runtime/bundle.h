/* SPDX-License-Identifier: Apache-2.0 */
/* Where a container's config is, and what it says. */
#ifndef BSN_RUNTIME_BUNDLE_H
#define BSN_RUNTIME_BUNDLE_H

#include "runtime/apply.h"

/* Fills run->bundle, config_text and config from run->options. */
int bsn_bundle_read(struct bsn_run *run, struct basin_error *err);

#endif
