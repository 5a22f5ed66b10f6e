/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression as streams. Reading finds out by itself: gzip (many members; ISA-L), zstd (many frames, skippable ones too), or plain.
 * Writing is zstd only, in one deterministic frame: the same bytes at the same level give the same blob.
 */
#ifndef BSN_IMAGE_COMPRESS_H
#define BSN_IMAGE_COMPRESS_H

#include "base/own.h"
#include "image/stream.h"

enum bsn_compression { BSN_PLAIN, BSN_GZIP, BSN_ZSTD };

/* The OCI media type suffix: "", "+gzip", "+zstd". */
const char *bsn_compression_suffix(enum bsn_compression compression);

struct bsn_inflate;

/*
 * Looks at the first bytes of from. Its stream reads what they unpack to; trailing garbage, a torn stream and a failed check sum are
 * code DAMAGED. More than 1000 bytes out per byte in, past the first GiB, is a bomb and refused the same way.
 */
int bsn_inflate_new(struct bsn_stream *from, struct bsn_inflate **ret_inflate, struct basin_error *err);
void bsn_inflate_free(struct bsn_inflate *inflate);
BSN_OWNER(struct bsn_inflate *, bsn_inflate_free);
struct bsn_stream *bsn_inflate_stream(struct bsn_inflate *inflate);
/* So many bytes are expected, from a document that has been checked: up to there, and at most up to 1 TiB, nothing is a bomb. */
void bsn_inflate_expect(struct bsn_inflate *inflate, uint64_t bytes);
enum bsn_compression bsn_inflate_kind(const struct bsn_inflate *inflate);

struct bsn_deflate;

/* zstd at level (3 is the house's default) with a content check sum. */
int bsn_deflate_new(struct bsn_sink *to, int level, struct bsn_deflate **ret_deflate, struct basin_error *err);
void bsn_deflate_free(struct bsn_deflate *deflate);
BSN_OWNER(struct bsn_deflate *, bsn_deflate_free);
struct bsn_sink *bsn_deflate_sink(struct bsn_deflate *deflate);
/* Ends the frame and writes what is left. */
int bsn_deflate_finish(struct bsn_deflate *deflate, struct basin_error *err);

#endif
