/* SPDX-License-Identifier: Apache-2.0 */
#include "image/stream.h"

#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sys.h"

int bsn_stream_drain(struct bsn_stream *stream, struct basin_error *err)
{
	char buffer[32 * 1024];
	ssize_t n;
	do
		n = bsn_stream_read(stream, buffer, sizeof(buffer), err);
	while (n > 0);
	return (int)n;
}

static ssize_t read_fd(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	const struct bsn_fd_stream *self = (struct bsn_fd_stream *)stream;
	ssize_t n = BSN_RETRY(read(self->fd, buffer, room));
	if (n < 0)
		return bsn_fail_sys(err, errno, "cannot read \"%s\"", self->name);
	return n;
}

void bsn_fd_stream_init(struct bsn_fd_stream *self, int fd, const char *name)
{
	*self = (struct bsn_fd_stream){ .stream = { read_fd }, .fd = fd, .name = name };
}

static int write_fd(struct bsn_sink *sink, const void *data, size_t length, struct basin_error *err)
{
	const struct bsn_fd_sink *self = (struct bsn_fd_sink *)sink;
	int r = bsn_write_all(self->fd, data, length);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write \"%s\"", self->name) : 0;
}

void bsn_fd_sink_init(struct bsn_fd_sink *self, int fd, const char *name)
{
	*self = (struct bsn_fd_sink){ .sink = { write_fd }, .fd = fd, .name = name };
}

static ssize_t read_memory(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	struct bsn_memory_stream *self = (struct bsn_memory_stream *)stream;
	(void)err;
	size_t n = room < self->length ? room : self->length;
	if (n > 0)
		memcpy(buffer, self->data, n);
	self->data += n;
	self->length -= n;
	return (ssize_t)n;
}

void bsn_memory_stream_init(struct bsn_memory_stream *self, const void *data, size_t length)
{
	*self = (struct bsn_memory_stream){ .stream = { read_memory }, .data = data, .length = length };
}

static ssize_t read_peeked(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	struct bsn_peek_stream *self = (struct bsn_peek_stream *)stream;
	ssize_t n = bsn_stream_read(&self->head.stream, buffer, room, err);
	return n != 0 ? n : bsn_stream_read(self->rest, buffer, room, err);
}

void bsn_peek_stream_init(struct bsn_peek_stream *self, const void *head, size_t length, struct bsn_stream *rest)
{
	self->stream.read = read_peeked;
	self->rest = rest;
	bsn_memory_stream_init(&self->head, head, length);
}

static ssize_t read_metered(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	struct bsn_meter *self = (struct bsn_meter *)stream;
	ssize_t n = bsn_stream_read(self->from, buffer, room, err);
	if (n <= 0)
		return n;
	self->count += (uint64_t)n;
	if (self->count > self->max)
		return bsn_fail(err, BASIN_DAMAGED, EFBIG, "\"%s\" is longer than the %llu bytes it is said to have", self->name,
				(unsigned long long)self->max);
	if (self->hash != NULL)
		bsn_hash_add(self->hash, buffer, (size_t)n);
	return n;
}

int bsn_meter_init(struct bsn_meter *self, struct bsn_stream *from, uint64_t max, const char *name, struct basin_error *err)
{
	*self = (struct bsn_meter){ .stream = { read_metered }, .from = from, .max = max, .name = name };
	return bsn_hash_new(&self->hash, err);
}

void bsn_meter_release(struct bsn_meter *self)
{
	bsn_hash_free(self->hash);
	self->hash = NULL;
}

int bsn_meter_finish(struct bsn_meter *self, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err)
{
	return bsn_hash_finish(self->hash, ret_digest, err);
}

static int write_metered(struct bsn_sink *sink, const void *data, size_t length, struct basin_error *err)
{
	struct bsn_meter_sink *self = (struct bsn_meter_sink *)sink;
	self->count += length;
	bsn_hash_add(self->hash, data, length);
	return self->to != NULL ? bsn_sink_write(self->to, data, length, err) : 0;
}

int bsn_meter_sink_init(struct bsn_meter_sink *self, struct bsn_sink *to, struct basin_error *err)
{
	*self = (struct bsn_meter_sink){ .sink = { write_metered }, .to = to };
	return bsn_hash_new(&self->hash, err);
}

void bsn_meter_sink_release(struct bsn_meter_sink *self)
{
	bsn_hash_free(self->hash);
	self->hash = NULL;
}

int bsn_meter_sink_finish(struct bsn_meter_sink *self, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err)
{
	return bsn_hash_finish(self->hash, ret_digest, err);
}
