/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX ACLs as tar archives write them ("user::rwx,user:1000:r-x,...") into the binary form that setxattr(2) takes. */
#ifndef BSN_IMAGE_ACL_H
#define BSN_IMAGE_ACL_H

#include <stddef.h>

/*
 * Entries are separated by commas or newlines: TYPE:[NAME]:PERMISSIONS[:ID]. Only numeric ids count: an entry that names a user or
 * group of the host that wrote it, without a number, is -ENOTSUP. Else malformed text is -EBADMSG. *ret_value is freed by the caller.
 */
int bsn_acl_parse(const char *text, size_t length, unsigned char **ret_value, size_t *ret_size);

#endif
