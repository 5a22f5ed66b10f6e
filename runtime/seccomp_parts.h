/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that make a seccomp program share. */
#ifndef BSN_RUNTIME_SECCOMP_PARTS_H
#define BSN_RUNTIME_SECCOMP_PARTS_H

#include "runtime/seccomp.h"

/* "SCMP_ARCH_X86_64" -> libseccomp's token, which is the kernel's AUDIT_ARCH_... (x32, which shares the one of x86-64, has a token of
 * its own). -EINVAL when this libseccomp does not know it. */
int bsn_seccomp_arch(const char *name, uint32_t *ret_arch);

/*
 * Fills filter->code with code, behind a prologue that answers ENOSYS to system calls newer than the profile: a C library that probes
 * for a new call falls back on ENOSYS, while the EPERM that a profile gives by default breaks the program. As in runc.
 */
int bsn_seccomp_join_enosys(const struct bsn_seccomp_config *seccomp, const struct sock_filter *code, size_t count,
			    struct bsn_seccomp_filter *filter, struct basin_error *err);

/* Fills filter->code with the program as libseccomp writes it, behind the prologue. */
int bsn_seccomp_make_list(const struct bsn_seccomp_config *seccomp, struct bsn_seccomp_filter *filter, struct basin_error *err);
/* Rewrites it as a search tree that gives the same answers; leaves what it cannot read as it is. */
void bsn_seccomp_make_tree(struct bsn_seccomp_filter *filter);

/* Fills filter->code and count from the cache: 0, or a negative errno when there is nothing that fits. */
int bsn_seccomp_cache_get(int root, const char *source, struct bsn_seccomp_filter *filter);
int bsn_seccomp_cache_put(int root, const char *source, const struct bsn_seccomp_filter *filter);

#endif
