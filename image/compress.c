/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking looks at the first bytes and takes the decoder they call for; all three fill the caller's buffer from one input
 * buffer. */
#include "image/compress.h"

#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#define INPUT_ROOM ((size_t)128 * 1024)
#define BOMB_FLOOR ((uint64_t)1 << 30)
#define BOMB_RATIO 1000
#define EXPECT_MAX ((uint64_t)1 << 40)

struct bsn_inflate {
	struct bsn_stream stream;
	struct bsn_stream *from;
	enum bsn_compression kind;
	ZSTD_DStream *zstd;
	struct inflate_state *gzip;
	bool within; /* in the middle of a frame or member: the input must not end
                  here */
	bool ended;  /* the input is used up */
	uint64_t in;
	uint64_t out;
	uint64_t expected;
	size_t at; /* of the input buffer, what is not yet decoded: [at, length) */
	size_t length;
	unsigned char input[INPUT_ROOM];
};

const char *bsn_compression_suffix(enum bsn_compression compression)
{
	return compression == BSN_GZIP ? "+gzip" : compression == BSN_ZSTD ? "+zstd" : "";
}

/* Makes at least want bytes of input available, or what there is until the end: how many. */
static ssize_t fill(struct bsn_inflate *self, size_t want, struct basin_error *err)
{
	if (self->at > 0 && self->length - self->at < want) {
		memmove(self->input, self->input + self->at, self->length - self->at);
		self->length -= self->at;
		self->at = 0;
	}
	while (self->length - self->at < want && !self->ended) {
		ssize_t n = bsn_stream_read(self->from, self->input + self->length, INPUT_ROOM - self->length, err);
		if (n < 0)
			return n;
		self->ended = n == 0;
		self->length += (size_t)n;
		self->in += (uint64_t)n;
	}
	return (ssize_t)(self->length - self->at);
}

static ssize_t torn(struct basin_error *err)
{
	return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the compressed data ends in the middle");
}

static ssize_t inflate_zstd(struct bsn_inflate *self, void *buffer, size_t room, struct basin_error *err)
{
	ZSTD_outBuffer output = { buffer, room, 0 };
	while (output.pos == 0) {
		ssize_t n = fill(self, 1, err);
		if (n < 0)
			return n;
		if (n == 0 && !self->within)
			return 0;
		ZSTD_inBuffer input = { self->input + self->at, (size_t)n, 0 };
		size_t r = ZSTD_decompressStream(self->zstd, &output, &input);
		if (ZSTD_isError(r))
			return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the zstd data is damaged: %s", ZSTD_getErrorName(r));
		if (n == 0 && output.pos == 0)
			return torn(err);
		self->at += input.pos;
		self->within = r != 0;
	}
	return (ssize_t)output.pos;
}

/* Between gzip members: 1 when another begins, 0 at the end (padding with zeros is allowed, as gzip(1) does). */
static int next_member(struct bsn_inflate *self, struct basin_error *err)
{
	ssize_t n = fill(self, 2, err);
	if (n <= 0)
		return (int)n;
	if (n >= 2 && self->input[self->at] == 0x1f && self->input[self->at + 1] == 0x8b) {
		isal_inflate_reset(self->gzip);
		self->gzip->crc_flag = ISAL_GZIP;
		self->within = true;
		return 1;
	}
	while ((n = fill(self, 1, err)) > 0)
		if (self->input[self->at++] != 0)
			return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "something that is not gzip follows the gzip data");
	return (int)n;
}

static ssize_t inflate_gzip(struct bsn_inflate *self, void *buffer, size_t room, struct basin_error *err)
{
	struct inflate_state *gzip = self->gzip;
	size_t taken = room > UINT32_MAX ? UINT32_MAX : room;
	gzip->next_out = buffer;
	gzip->avail_out = (uint32_t)taken;
	while (gzip->avail_out == taken) {
		if (!self->within) {
			int r = next_member(self, err);
			if (r <= 0)
				return r;
		}
		ssize_t n = fill(self, 1, err);
		if (n < 0)
			return n;
		gzip->next_in = self->input + self->at;
		gzip->avail_in = (uint32_t)n;
		int r = isal_inflate(gzip);
		if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT)
			return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the gzip data is damaged (%s)",
					r == ISAL_INCORRECT_CHECKSUM ? "its check sum does not match" : "it does not decode");
		self->at += (size_t)n - gzip->avail_in;
		self->within = gzip->block_state != ISAL_BLOCK_FINISH;
		if (n == 0 && self->within && gzip->avail_out == taken)
			return torn(err);
	}
	return (ssize_t)(taken - gzip->avail_out);
}

static ssize_t inflate_plain(struct bsn_inflate *self, void *buffer, size_t room, struct basin_error *err)
{
	size_t n = self->length - self->at;
	if (n == 0) /* the looked-at bytes are gone: read straight into the caller's
                 buffer */
		return bsn_stream_read(self->from, buffer, room, err);
	n = n < room ? n : room;
	memcpy(buffer, self->input + self->at, n);
	self->at += n;
	return (ssize_t)n;
}

static ssize_t read_inflated(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	struct bsn_inflate *self = (struct bsn_inflate *)stream;
	if (room == 0)
		return 0;
	if (self->kind == BSN_PLAIN)
		return inflate_plain(self, buffer, room, err);
	ssize_t n = self->kind == BSN_ZSTD ? inflate_zstd(self, buffer, room, err) : inflate_gzip(self, buffer, room, err);
	if (n <= 0)
		return n;
	self->out += (uint64_t)n;
	if (self->out > BOMB_FLOOR && self->out > self->expected && self->out / BOMB_RATIO > self->in)
		return bsn_fail(err, BASIN_DAMAGED, EFBIG, "the data unpacks to more than %d times its size", BOMB_RATIO);
	return n;
}

static int choose(struct bsn_inflate *self, struct basin_error *err)
{
	ssize_t n = fill(self, 4, err);
	if (n < 0)
		return (int)n;
	uint32_t magic = 0;
	if (n >= 4)
		memcpy(&magic, self->input, sizeof(magic));
	if (magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START) {
		self->kind = BSN_ZSTD;
		self->zstd = ZSTD_createDStream();
		return self->zstd == NULL ? -ENOMEM : 0;
	}
	if (n >= 2 && self->input[0] == 0x1f && self->input[1] == 0x8b) {
		self->kind = BSN_GZIP;
		self->gzip = malloc(sizeof(*self->gzip));
		if (self->gzip != NULL)
			isal_inflate_init(self->gzip);
		return self->gzip == NULL ? -ENOMEM : 0;
	}
	self->kind = BSN_PLAIN;
	return 0;
}

int bsn_inflate_new(struct bsn_stream *from, struct bsn_inflate **ret_inflate, struct basin_error *err)
{
	auto_of(bsn_inflate_free) struct bsn_inflate *self = malloc(sizeof(*self));
	if (self == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot unpack");
	*self = (struct bsn_inflate){ .stream = { read_inflated }, .from = from };
	int r = choose(self, err);
	if (r == -ENOMEM)
		return bsn_fail_sys(err, ENOMEM, "cannot unpack");
	if (r < 0)
		return r;
	*ret_inflate = bsn_give(&self);
	return 0;
}

void bsn_inflate_free(struct bsn_inflate *inflate)
{
	if (inflate == NULL)
		return;
	ZSTD_freeDStream(inflate->zstd);
	free(inflate->gzip);
	free(inflate);
}

struct bsn_stream *bsn_inflate_stream(struct bsn_inflate *inflate)
{
	return &inflate->stream;
}

void bsn_inflate_expect(struct bsn_inflate *inflate, uint64_t bytes)
{
	inflate->expected = bytes < EXPECT_MAX ? bytes : EXPECT_MAX;
}

enum bsn_compression bsn_inflate_kind(const struct bsn_inflate *inflate)
{
	return inflate->kind;
}

struct bsn_deflate {
	struct bsn_sink sink;
	struct bsn_sink *to;
	ZSTD_CCtx *zstd;
	size_t room;
	char output[];
};

static int deflate_some(struct bsn_deflate *self, ZSTD_inBuffer *input, ZSTD_EndDirective directive, struct basin_error *err)
{
	for (;;) {
		ZSTD_outBuffer output = { self->output, self->room, 0 };
		size_t left = ZSTD_compressStream2(self->zstd, &output, input, directive);
		if (ZSTD_isError(left))
			return bsn_fail(err, BASIN_INTERNAL, EIO, "zstd failed: %s", ZSTD_getErrorName(left));
		int r = output.pos > 0 ? bsn_sink_write(self->to, self->output, output.pos, err) : 0;
		if (r < 0)
			return r;
		if (directive == ZSTD_e_end ? left == 0 : input->pos == input->size)
			return 0;
	}
}

static int write_deflated(struct bsn_sink *sink, const void *data, size_t length, struct basin_error *err)
{
	ZSTD_inBuffer input = { data, length, 0 };
	return deflate_some((struct bsn_deflate *)sink, &input, ZSTD_e_continue, err);
}

int bsn_deflate_new(struct bsn_sink *to, int level, struct bsn_deflate **ret_deflate, struct basin_error *err)
{
	size_t room = ZSTD_CStreamOutSize();
	auto_of(bsn_deflate_free) struct bsn_deflate *self = malloc(sizeof(*self) + room);
	if (self == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot compress");
	*self = (struct bsn_deflate){ .sink = { write_deflated }, .to = to, .zstd = ZSTD_createCCtx(), .room = room };
	if (self->zstd == NULL || ZSTD_isError(ZSTD_CCtx_setParameter(self->zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(self->zstd, ZSTD_c_checksumFlag, 1)))
		return bsn_fail_sys(err, ENOMEM, "cannot compress");
	*ret_deflate = bsn_give(&self);
	return 0;
}

void bsn_deflate_free(struct bsn_deflate *deflate)
{
	if (deflate == NULL)
		return;
	ZSTD_freeCCtx(deflate->zstd);
	free(deflate);
}

struct bsn_sink *bsn_deflate_sink(struct bsn_deflate *deflate)
{
	return &deflate->sink;
}

int bsn_deflate_finish(struct bsn_deflate *deflate, struct basin_error *err)
{
	ZSTD_inBuffer input = { NULL, 0, 0 };
	return deflate_some(deflate, &input, ZSTD_e_end, err);
}
