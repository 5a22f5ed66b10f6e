/* SPDX-License-Identifier: Apache-2.0 */
/* The mount options of config.md ("mounts", "Linux mount options") that do not go to the file system itself, in the kernel's terms. */
#ifndef BSN_RUNTIME_MOUNT_OPTIONS_H
#define BSN_RUNTIME_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/config.h"

/*
 * Applies one option to the mount: true, or false when it is not in the table and so is data for the file system. *ret_propagation is
 * set (MS_SHARED and friends) for an option that changes propagation, which the caller collects, and 0 for any other.
 */
bool bsn_mount_option_apply(struct bsn_mount *mount, const char *option, unsigned long *ret_propagation);

/* The options' names, sorted; NULL beyond the last. */
const char *bsn_mount_option_name(size_t i);

#endif
