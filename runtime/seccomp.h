/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json's seccomp section, compiled to the program that seccomp(2) takes.
 *
 * Compiling a profile like Docker's costs 15-20 ms, so the result is kept in a file under the state root, named by a digest of the
 * section's text. The file holds the whole text and it is compared, so a collision of the (not cryptographic) digest costs a compilation
 * and nothing else. A damaged or foreign file is recompiled. Not being able to write the cache is not an error.
 */
#ifndef BSN_RUNTIME_SECCOMP_H
#define BSN_RUNTIME_SECCOMP_H

#include <linux/filter.h>
#include <stddef.h>

#include "base/own.h"
#include "runtime/config.h"

struct bsn_seccomp_filter {
	struct sock_filter *code; /* one allocation, freed by bsn_seccomp_filter_free */
	size_t count;             /* instructions; sock_fprog.len */
	unsigned int flags;       /* SECCOMP_FILTER_FLAG_... for seccomp(2) */
	bool listener;            /* loading it makes a descriptor for an agent: NEW_LISTENER is among the flags */
	bool from_cache;
};

/*
 * cache_dir is the state root's descriptor (the cache lives in ".seccomp" below it), or -1 for none. listener: somebody waits for the
 * descriptor (runtime/listener.h). Fails with the JSON path of what libseccomp refuses. Call it only when seccomp->given.
 */
int bsn_seccomp_compile(const struct bsn_seccomp_config *seccomp, int cache_dir, bool listener,
			struct bsn_seccomp_filter **ret_filter, struct basin_error *err);
void bsn_seccomp_filter_free(struct bsn_seccomp_filter *filter);
BSN_OWNER(struct bsn_seccomp_filter *, bsn_seccomp_filter_free);

/* A system call of this machine's own architecture; pointers among the arguments are 0. */
struct bsn_call {
	int number;
	uint64_t args[6];
};
struct seccomp_data;
/* What the filter answers (SECCOMP_RET_...); -EINVAL for a program that is not understood. */
int bsn_seccomp_answer(const struct bsn_seccomp_filter *filter, const struct seccomp_data *data, uint32_t *ret_answer);
/* Whether it surely lets the call through. */
bool bsn_seccomp_allows(const struct bsn_seccomp_filter *filter, const struct bsn_call *call);

/* libseccomp's version, "2.5.4". Static storage. */
const char *bsn_seccomp_version(void);

#endif
