/* SPDX-License-Identifier: Apache-2.0 */
/* The child's list of operations, while it is being written (runtime/child/protocol.h says what is in it). */
#ifndef BSN_RUNTIME_LIST_H
#define BSN_RUNTIME_LIST_H

#include "base/error.h"
#include "base/str.h"
#include "runtime/child/protocol.h"
#include "runtime/config.h"

/* Failure of an allocation sticks and is told by bsn_list_write. An operation's fd is the number of a handle until it is written. */
struct bsn_list_builder {
	struct bsn_str blob;
	struct bsn_op *ops;
	size_t count;
	size_t room;
	bool failed;
	struct bsn_op spare; /* what add returns when there is no memory */
};

void bsn_list_init(struct bsn_list_builder *list);
void bsn_list_release(struct bsn_list_builder *list);

/* A new operation at the end, with fd -1; the pointer is good until the next add. */
struct bsn_op *bsn_list_add(struct bsn_list_builder *list, enum bsn_op_code code);
/* The same with text[0] and number[0], which is all that most operations have. */
struct bsn_op *bsn_list_add_text(struct bsn_list_builder *list, enum bsn_op_code code, const char *text);
struct bsn_op *bsn_list_add_number(struct bsn_list_builder *list, enum bsn_op_code code, uint64_t number);

/* Put something into the blob and return its offset; 0 for NULL. */
uint32_t bsn_list_text(struct bsn_list_builder *list, const char *text);
uint32_t bsn_list_bytes(struct bsn_list_builder *list, const void *bytes, size_t length);
uint32_t bsn_list_vector(struct bsn_list_builder *list, const char *const *strings, size_t count);
/* The same with one more at its end, which is in the blob already; 0: none. */
uint32_t bsn_list_vector_and(struct bsn_list_builder *list, const char *const *strings, size_t count, uint32_t last);

/*
 * Writes the list to a new anonymous file, with handles[op.fd] in the place of each operation's handle. header's magic, size, op_count
 * and ops_at are filled in here.
 */
int bsn_list_write(const struct bsn_list_builder *list, struct bsn_list header, const int *handles, size_t handle_count,
		   int *ret_fd, struct basin_error *err);

#endif
