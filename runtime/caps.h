/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities: their names, and masks of them (bit N is capability number N, linux/capability.h). */
#ifndef BSN_RUNTIME_CAPS_H
#define BSN_RUNTIME_CAPS_H

#include <stddef.h>
#include <stdint.h>

/* The five sets of a process, in the order of process.capabilities. */
enum bsn_cap_set { BSN_CAP_BOUNDING, BSN_CAP_EFFECTIVE, BSN_CAP_INHERITABLE, BSN_CAP_PERMITTED, BSN_CAP_AMBIENT, BSN_CAP_SETS };

/* The number of "CAP_CHOWN" or "chown", in any case; -EINVAL for a name that no kernel known to this build has. */
int bsn_cap_parse(const char *name);
/* "CAP_CHOWN"; NULL when there is no such number. Static storage. */
const char *bsn_cap_name(int cap);
/* How many there are in this build: names exist for 0 to count - 1. */
int bsn_cap_count(void);
/* The set's key in config.json: "bounding". */
const char *bsn_cap_set_name(enum bsn_cap_set set);
/* The capabilities that the running kernel knows. */
uint64_t bsn_cap_kernel_mask(void);

#endif
