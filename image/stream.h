/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of bytes, pulled (bsn_stream) and pushed (bsn_sink), so that digests, compression, archives inside archives and files are
 * stacked in any order without one knowing the other:
 *
 *     descriptor -> meter (blob digest) -> inflate -> meter (diff id) -> tar reader
 *
 * Whoever makes a link of the chain frees it, last made first; a link never owns the one below it.
 */
#ifndef BSN_IMAGE_STREAM_H
#define BSN_IMAGE_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "image/digest.h"

struct bsn_stream {
	/* Up to room bytes into buffer: how many, 0 at the end (again and again), or -errno. */
	ssize_t (*read)(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err);
};

struct bsn_sink {
	/* All of data, or -errno. */
	int (*write)(struct bsn_sink *sink, const void *data, size_t length, struct basin_error *err);
};

static inline ssize_t bsn_stream_read(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	return stream->read(stream, buffer, room, err);
}

static inline int bsn_sink_write(struct bsn_sink *sink, const void *data, size_t length, struct basin_error *err)
{
	return sink->write(sink, data, length, err);
}

/* Reads to the end and drops what it reads, so that every meter below has seen the whole. */
int bsn_stream_drain(struct bsn_stream *stream, struct basin_error *err);

/* A descriptor, read from its current offset; name is for messages. Neither is owned. */
struct bsn_fd_stream {
	struct bsn_stream stream;
	int fd;
	const char *name;
};
void bsn_fd_stream_init(struct bsn_fd_stream *self, int fd, const char *name);

struct bsn_fd_sink {
	struct bsn_sink sink;
	int fd;
	const char *name;
};
void bsn_fd_sink_init(struct bsn_fd_sink *self, int fd, const char *name);

/* Bytes in memory. */
struct bsn_memory_stream {
	struct bsn_stream stream;
	const char *data;
	size_t length;
};
void bsn_memory_stream_init(struct bsn_memory_stream *self, const void *data, size_t length);

/* What was looked at (head, not owned) and then the rest. */
struct bsn_peek_stream {
	struct bsn_stream stream;
	struct bsn_memory_stream head;
	struct bsn_stream *rest;
};
void bsn_peek_stream_init(struct bsn_peek_stream *self, const void *head, size_t length, struct bsn_stream *rest);

/*
 * Counts and digests what is read through it. max (UINT64_MAX: none) is the most that may come: one byte more fails with -EFBIG,
 * code DAMAGED, so that a blob longer than its descriptor says is noticed while reading, not after the disk is full.
 */
struct bsn_meter {
	struct bsn_stream stream;
	struct bsn_stream *from;
	struct bsn_hash *hash; /* NULL: only counts */
	uint64_t count;
	uint64_t max;
	const char *name;
};
int bsn_meter_init(struct bsn_meter *self, struct bsn_stream *from, uint64_t max, const char *name, struct basin_error *err);
void bsn_meter_release(struct bsn_meter *self);
/* The digest of all that was read; the meter is done then. */
int bsn_meter_finish(struct bsn_meter *self, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err);

/* The same for what is written. */
struct bsn_meter_sink {
	struct bsn_sink sink;
	struct bsn_sink *to; /* NULL: nowhere, only count and digest */
	struct bsn_hash *hash;
	uint64_t count;
};
int bsn_meter_sink_init(struct bsn_meter_sink *self, struct bsn_sink *to, struct basin_error *err);
void bsn_meter_sink_release(struct bsn_meter_sink *self);
int bsn_meter_sink_finish(struct bsn_meter_sink *self, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err);

#endif
