/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps: what survives kill -9 (cgroups, links, nft elements, directories, loop devices) is made and unmade by these.
 *
 * A step names what it is about to make before it makes it; the record keeps the name; then it is made; then the record says
 * so. Taking down is the same table in reverse, and so is recovery, which has nothing but the record:
 *
 *     intend --record "intend NAME VALUE"--> apply --record "done NAME"-->    ...    undo --record "undone NAME"-->
 *
 * undo is idempotent, takes "already gone" for success, knows only VALUE and the world (roots, sockets: no state of the run), and
 * checks that what it is about to remove is really the one in the record.
 */
#ifndef BSN_BASE_STEP_H
#define BSN_BASE_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

/* Returned by intend when this run does not need the step: nothing is recorded, apply and undo are not called. */
#define BSN_STEP_SKIP 1

struct bsn_step {
	const char *name; /* stable: it is in record files; [a-z0-9-]+ */
	/* Writes the value (one line, no newline) that apply and undo will get: every name chosen, nothing made yet. NULL: empty. */
	int (*intend)(void *run, struct bsn_str *value, struct basin_error *err);
	int (*apply)(void *run, const char *value, struct basin_error *err);
	/* NULL: nothing to undo (what it made lives inside something an earlier step's undo removes). */
	int (*undo)(void *world, const char *value, struct basin_error *err);
};

/* An append-only file of what was intended, done and undone. */
struct bsn_record;

/*
 * Opens dirfd/name, made if missing. durable: each line is fsync'ed before the work that it announces (for records that must
 * outlive a power cut; in /run the reboot takes the objects too).
 */
int bsn_record_open(int dirfd, const char *name, bool durable, struct bsn_record **ret_record, struct basin_error *err);
void bsn_record_close(struct bsn_record *record);

/* The recorded value of a step that is intended or done and not undone; NULL when it is neither. Owned by the record. */
const char *bsn_record_value(const struct bsn_record *record, const char *step);
/* Whether the step was done (and not undone). */
bool bsn_record_done(const struct bsn_record *record, const char *step);
/* Whether nothing is left that would have to be undone. */
bool bsn_record_clean(const struct bsn_record *record);

/*
 * Runs the table in order. On a failure everything that was intended is undone in reverse and the first error is returned; where
 * an undo fails too, the record keeps it for reconcile. world is handed to undo.
 */
int bsn_steps_apply(const struct bsn_step *steps, size_t count, struct bsn_record *record, void *run, void *world,
		    struct basin_error *err);

/* Undoes, in reverse, what the record says is there. Goes on past a failing step; returns the first failure. */
int bsn_steps_undo(const struct bsn_step *steps, size_t count, struct bsn_record *record, void *world, struct basin_error *err);

#endif
