/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a stream ahead, in a thread: what is below it (reading, decompressing, digesting) runs beside what is above it (unpacking). The
 * thread touches nothing but the stream it was given and takes no signals.
 */
#ifndef BSN_IMAGE_AHEAD_H
#define BSN_IMAGE_AHEAD_H

#include "base/own.h"
#include "image/stream.h"

struct bsn_ahead;

/* From now on, until bsn_ahead_free, from belongs to the thread. Where no thread can be had, reading is simply not ahead. */
int bsn_ahead_new(struct bsn_stream *from, struct bsn_ahead **ret_ahead, struct basin_error *err);
struct bsn_stream *bsn_ahead_stream(struct bsn_ahead *ahead);
/* Waits for the thread, which gives up at its next read. from, and what the thread put there, is the caller's again. */
void bsn_ahead_free(struct bsn_ahead *ahead);
BSN_OWNER(struct bsn_ahead *, bsn_ahead_free);

#endif
