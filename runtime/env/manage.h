/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running basin-manage from the library, with the arguments that a person would type: whatever forks, unshares or waits happens in a
 * process of ours, and the caller's threads, signals and umask stay its own.
 */
#ifndef BSN_RUNTIME_ENV_MANAGE_H
#define BSN_RUNTIME_ENV_MANAGE_H

#include <stdbool.h>

#include "runtime/env/context.h"

#define BSN_MANAGE_ARGUMENTS 256

/* A command being put together. Words are borrowed, save those in owned. */
struct bsn_manage {
	const char *argv[BSN_MANAGE_ARGUMENTS];
	char *owned[BSN_MANAGE_ARGUMENTS];
	size_t count;
	size_t owned_count;
	bool full;
};

/* "basin-manage --root ... NOUN VERB", with this handle's roots. */
int bsn_manage_begin(struct bsn_manage *command, const struct basin *basin, const char *noun, const char *verb,
		     struct basin_error *err);
void bsn_manage_release(struct bsn_manage *command);
#define auto_manage __attribute__((cleanup(bsn_manage_release)))

/* What does not fit is noticed when it is run. */
void bsn_manage_add(struct bsn_manage *command, const char *word);
/* "OPTION VALUE"; nothing for a NULL value. */
void bsn_manage_add_option(struct bsn_manage *command, const char *option, const char *value);
/* The same for each of a NULL-terminated list; option NULL: the words alone. */
void bsn_manage_add_each(struct bsn_manage *command, const char *option, const char *const *list);
/* Nothing for BASIN_UNSET. */
void bsn_manage_add_number(struct bsn_manage *command, const char *option, int64_t value, const char *unit);
/* Hands text to the command, which frees it; returns it for use as a word, NULL when there is no room. */
const char *bsn_manage_own(struct bsn_manage *command, char *text);

/* Runs it; *ret_output (ret_output may be NULL) is what it printed. When it fails, err has its exit status and the last line that it said. */
int bsn_manage_capture(struct bsn_manage *command, char **ret_output, struct basin_error *err);
/* The same with a descriptor for its standard input. */
int bsn_manage_capture_from(struct bsn_manage *command, int in_fd, char **ret_output, struct basin_error *err);
/* The same with both given, -1: /dev/null. */
int bsn_manage_pipe(struct bsn_manage *command, int in_fd, int out_fd, struct basin_error *err);
/* Runs it on the caller's standard streams. *ret_status is its exit status, whatever that is. */
int bsn_manage_run(struct bsn_manage *command, int *ret_status, struct basin_error *err);

#endif
