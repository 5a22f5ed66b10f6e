/* SPDX-License-Identifier: Apache-2.0 */
/* Library code never prints: warnings and progress go to the one hook that the program (or the embedding one) set, or nowhere. */
#ifndef BSN_BASE_LOG_H
#define BSN_BASE_LOG_H

#include "basin.h"

void bsn_log(const char *level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define bsn_warn(...)  bsn_log("warning", __VA_ARGS__)
#define bsn_info(...)  bsn_log("info", __VA_ARGS__)
#define bsn_debug(...) bsn_log("debug", __VA_ARGS__)

#endif
