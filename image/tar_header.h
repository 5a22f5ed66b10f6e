/* SPDX-License-Identifier: Apache-2.0 */
/* The 512-byte block that every tar entry begins with, as POSIX ustar and GNU tar lay it out. */
#ifndef BSN_IMAGE_TAR_HEADER_H
#define BSN_IMAGE_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BSN_TAR_UNIT ((size_t)512) /* everything in an archive is a multiple of it */

/* The header block, POSIX and GNU; all fields are text. */
struct bsn_tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[8]; /* "ustar\0" "00", or GNU's "ustar  \0" */
	char uname[32];
	char gname[32];
	char major[8];
	char minor[8];
	union {
		char prefix[155];
		struct {
			char unused[41];
			char map[4][24]; /* offset and length, twelve bytes each */
			char more;       /* blocks of the map follow */
			char real_size[12];
		} gnu;
	} tail;
	char padding[12];
};
_Static_assert(sizeof(struct bsn_tar_header) == BSN_TAR_UNIT, "a tar header is one block");

/* The value of an octal or base-256 field; negative only in base 256. 0, or -EBADMSG. */
int bsn_tar_parse_field(const char *field, size_t size, int64_t *ret_value);

/* Whether the header's check sum holds. */
bool bsn_tar_checksum_matches(const struct bsn_tar_header *header);

/* Whether a whole block is zero. */
bool bsn_tar_is_zero(const char *block);

#endif
