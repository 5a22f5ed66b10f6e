/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 digests in the OCI form "sha256:<64 hex digits>", computed while data streams by. */
#ifndef BSN_IMAGE_DIGEST_H
#define BSN_IMAGE_DIGEST_H

#include <stddef.h>

#include "base/error.h"
#include "base/own.h"

#define BSN_DIGEST_ROOM 72 /* "sha256:", 64 digits, NUL */
#define BSN_DIGEST_HEX  64

/* A running SHA-256, used again after each finish. */
struct bsn_hash;

int bsn_hash_new(struct bsn_hash **ret_hash, struct basin_error *err);
void bsn_hash_free(struct bsn_hash *hash);
BSN_OWNER(struct bsn_hash *, bsn_hash_free);

/* A failure of libcrypto (memory) sticks and comes out of finish. */
void bsn_hash_add(struct bsn_hash *hash, const void *data, size_t length);
/* Writes "sha256:..." and begins anew. */
int bsn_hash_finish(struct bsn_hash *hash, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err);
/* The same as 32 raw bytes. */
int bsn_hash_finish_raw(struct bsn_hash *hash, unsigned char ret_bytes[32], struct basin_error *err);

/* Of bytes in memory, and of a file from its beginning to its end (read with pread: the offset stays). */
int bsn_digest_of(const void *data, size_t length, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err);
int bsn_digest_of_fd(int fd, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err);

/*
 * Whether text is exactly "sha256:" and 64 lower-case hex digits; code USAGE otherwise. Nothing from a foreign document may become part
 * of a path before this has passed it.
 */
int bsn_digest_check(const char *text, struct basin_error *err);
/* The digits of a checked digest. */
static inline const char *bsn_digest_hex(const char *digest)
{
	return digest + 7;
}
/* length bytes as 2*length lower-case hex digits and NUL. */
void bsn_digest_format_hex(const unsigned char *bytes, size_t length, char *ret_text);

#endif
