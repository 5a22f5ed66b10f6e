/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of buffers between two threads. The reader fills the buffer at `filled`, the caller empties the one at `taken`; each counts up,
 * and the difference, at most BUFFERS, is what is full. An end or a failure is a last, empty buffer with its result, and stays.
 *
 * A reader that waits for a pipe nobody writes to could not be told to stop, so it may be cancelled while it is in from->read: what that
 * calls owns nothing that the caller does not free afterwards.
 */
#include "image/ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#define BUFFERS     4
#define BUFFER_ROOM ((size_t)256 * 1024)

struct buffer {
	ssize_t result; /* bytes, 0 at the end, -errno */
	char data[BUFFER_ROOM];
};

struct bsn_ahead {
	struct bsn_stream stream;
	struct bsn_stream *from;
	pthread_t thread;
	bool threaded;
	bool stop;
	pthread_mutex_t lock; /* guards stop, filled, taken and the results of full buffers */
	pthread_cond_t changed;
	unsigned long filled;
	unsigned long taken;
	size_t at; /* in the buffer at taken */
	struct basin_error err;
	struct buffer buffers[BUFFERS];
};

/* Fills a buffer to the brim: fewer hand-overs, and no more waiting than an unpacker does anyway. */
static ssize_t fill(struct bsn_ahead *ahead, struct buffer *buffer)
{
	size_t length = 0;
	while (length < BUFFER_ROOM) {
		ssize_t n = bsn_stream_read(ahead->from, buffer->data + length, BUFFER_ROOM - length, &ahead->err);
		if (n < 0 && length == 0)
			return n;
		if (n <= 0)
			break; /* asked again, the stream says it again */
		length += (size_t)n;
	}
	return (ssize_t)length;
}

static void *run(void *data)
{
	struct bsn_ahead *ahead = data;
	bool going = true;
	while (going) {
		int state;
		struct buffer *buffer = &ahead->buffers[ahead->filled % BUFFERS];
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
		ssize_t result = fill(ahead, buffer);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
		pthread_mutex_lock(&ahead->lock);
		buffer->result = result;
		ahead->filled++;
		pthread_cond_signal(&ahead->changed);
		while (ahead->filled - ahead->taken == BUFFERS && !ahead->stop)
			pthread_cond_wait(&ahead->changed, &ahead->lock);
		going = result > 0 && !ahead->stop;
		pthread_mutex_unlock(&ahead->lock);
	}
	return NULL;
}

/* The oldest full buffer, waiting for one. */
static struct buffer *oldest(struct bsn_ahead *ahead)
{
	struct buffer *buffer = &ahead->buffers[ahead->taken % BUFFERS];
	pthread_mutex_lock(&ahead->lock);
	while (ahead->filled == ahead->taken)
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	pthread_mutex_unlock(&ahead->lock);
	return buffer;
}

static void give_back(struct bsn_ahead *ahead)
{
	pthread_mutex_lock(&ahead->lock);
	ahead->taken++;
	pthread_cond_signal(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
	ahead->at = 0;
}

static ssize_t read_ahead(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	struct bsn_ahead *ahead = (struct bsn_ahead *)stream;
	if (!ahead->threaded)
		return bsn_stream_read(ahead->from, buffer, room, err);
	struct buffer *full = oldest(ahead);
	if (full->result < 0 && err != NULL)
		*err = ahead->err;
	if (full->result <= 0)
		return full->result; /* not given back: the end stays the end */
	size_t length = (size_t)full->result - ahead->at;
	length = length < room ? length : room;
	memcpy(buffer, full->data + ahead->at, length);
	ahead->at += length;
	if (ahead->at == (size_t)full->result)
		give_back(ahead);
	return (ssize_t)length;
}

int bsn_ahead_new(struct bsn_stream *from, struct bsn_ahead **ret_ahead, struct basin_error *err)
{
	sigset_t all;
	sigset_t before;
	struct bsn_ahead *ahead = malloc(sizeof(*ahead));
	if (ahead == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot read ahead");
	memset(ahead, 0, offsetof(struct bsn_ahead, buffers));
	ahead->stream.read = read_ahead;
	ahead->from = from;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	/* A thread begins with its maker's mask: signals are for the caller's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	ahead->threaded = pthread_create(&ahead->thread, NULL, run, ahead) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	*ret_ahead = ahead;
	return 0;
}

struct bsn_stream *bsn_ahead_stream(struct bsn_ahead *ahead)
{
	return &ahead->stream;
}

void bsn_ahead_free(struct bsn_ahead *ahead)
{
	if (ahead == NULL)
		return;
	if (ahead->threaded) {
		pthread_mutex_lock(&ahead->lock);
		ahead->stop = true;
		pthread_cond_signal(&ahead->changed);
		pthread_mutex_unlock(&ahead->lock);
		pthread_cancel(ahead->thread);
		pthread_join(ahead->thread, NULL);
	}
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}
