/* SPDX-License-Identifier: Apache-2.0 */
/* Who a payload runs as: names of the image's own /etc/passwd and /etc/group, read without trusting them. */
#ifndef BSN_RUNTIME_ENV_USER_H
#define BSN_RUNTIME_ENV_USER_H

#include <sys/types.h>

#include "base/error.h"

#define BSN_USER_GROUPS 32
#define BSN_USER_HOME   256

struct bsn_user {
	uid_t uid;
	gid_t gid;
	gid_t groups[BSN_USER_GROUPS]; /* additional ones; those beyond are left out */
	size_t group_count;
	char home[BSN_USER_HOME]; /* "/" where nobody says */
};

/*
 * text: "", "name", "uid", each perhaps with ":group" or ":gid". root_fd: the root file system (any kind of descriptor of it). A number
 * needs no entry; a name that is not there is NOT_FOUND.
 */
int bsn_user_resolve(int root_fd, const char *text, struct bsn_user *ret_user, struct basin_error *err);

#endif
