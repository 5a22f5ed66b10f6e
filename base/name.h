/* SPDX-License-Identifier: Apache-2.0 */
/* Names that users choose. They become file names, cgroups, DNS labels and parts of messages, so the rules are strict. */
#ifndef BSN_BASE_NAME_H
#define BSN_BASE_NAME_H

#include <stdbool.h>

#include "base/error.h"

/* An OCI container id: [A-Za-z0-9_+.-], 1 to 1024 bytes as in runc, not "." or "..". */
int bsn_name_check_id(const char *id, struct basin_error *err);
/* An environment or network: [a-z0-9] then [a-z0-9-], at most 40 bytes, so that it is a DNS label too. what: "environment", "network". */
int bsn_name_check(const char *what, const char *name, struct basin_error *err);
/* A pool: "/a/b", each part as above, at most 8 deep; "/" itself is the host. */
int bsn_name_check_pool(const char *pool, struct basin_error *err);

#endif
