/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units, as people type them and as tables show them. Every parser takes the whole string or refuses it (-EINVAL). */
#ifndef BSN_BASE_SIZE_H
#define BSN_BASE_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* "500m", "0.5", "2" -> thousandths of a CPU; more than three decimals are refused. */
int bsn_parse_cpu(const char *text, int64_t *ret_milli);
/* "512MiB", "1GB", "4096" -> bytes. Bare "10M" is refused: it is said two ways. */
int bsn_parse_bytes(const char *text, int64_t *ret_bytes);
/* Decimal digits only, 0 to INT64_MAX. */
int bsn_parse_count(const char *text, int64_t *ret_count);
/* "10s", "500ms", "2m", "1h", "10" (seconds) -> milliseconds. */
int bsn_parse_duration(const char *text, int64_t *ret_ms);

/* Short forms for tables: "500m", "1.5", "128MiB", "1.2GiB". buffer of 32 bytes is enough. Return buffer. */
const char *bsn_format_cpu(int64_t milli, char *buffer, size_t room);
const char *bsn_format_bytes(int64_t bytes, char *buffer, size_t room);

#endif
