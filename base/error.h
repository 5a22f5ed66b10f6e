/* SPDX-License-Identifier: Apache-2.0 */
/* How a failure is reported inside basin: fill the caller's basin_error, return a negative errno, in one statement. */
#ifndef BSN_BASE_ERROR_H
#define BSN_BASE_ERROR_H

#include <errno.h>
#include <stdarg.h>

#include "basin.h"

/*
 * return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "pool \"%s\" does not exist", name);
 *
 * code is an enum basin_code, sys a positive errno. Where sys explains the failure and the text does not, say so with
 * bsn_fail_sys, which appends ": " and strerror(sys). Both return -sys (-EIO when sys is 0). err may be NULL.
 */
#define bsn_fail(err, code, sys, ...) bsn_error_set((err), (code), (sys), 0, __func__, __VA_ARGS__)
#define bsn_fail_sys(err, sys, ...)   bsn_error_set((err), bsn_error_code_of(sys), (sys), 1, __func__, __VA_ARGS__)

int bsn_error_set(struct basin_error *err, int code, int sys, int append, const char *where, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* The errno in the words that engines know from runc, whichever C library we have: "no such file or directory". */
#define BSN_ERROR_WORDS 64
const char *bsn_error_words(int sys, char room[BSN_ERROR_WORDS]);

/* The code a bare errno stands for: EPERM and EACCES are DENIED, EBUSY is BUSY, the rest INTERNAL. */
int bsn_error_code_of(int sys);

/* Puts "context: " before the text of an error already set, and returns its -sys: for adding the object's name on the way up. */
int bsn_error_prefix(struct basin_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
