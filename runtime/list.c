/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/list.h"

#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/sys.h"

void bsn_list_init(struct bsn_list_builder *list)
{
	*list = (struct bsn_list_builder){ .failed = false };
}

void bsn_list_release(struct bsn_list_builder *list)
{
	bsn_str_release(&list->blob);
	free(list->ops);
	list->ops = NULL;
	list->count = 0;
}

struct bsn_op *bsn_list_add(struct bsn_list_builder *list, enum bsn_op_code code)
{
	if (list->count == list->room) {
		size_t room = list->room == 0 ? 96 : list->room * 2;
		struct bsn_op *ops = realloc(list->ops, room * sizeof(*ops));
		if (ops == NULL) {
			list->failed = true;
			return &list->spare;
		}
		list->ops = ops;
		list->room = room;
	}
	struct bsn_op *op = &list->ops[list->count++];
	*op = (struct bsn_op){ .code = (uint16_t)code, .fd = -1 };
	return op;
}

struct bsn_op *bsn_list_add_text(struct bsn_list_builder *list, enum bsn_op_code code, const char *text)
{
	uint32_t at = bsn_list_text(list, text);
	struct bsn_op *op = bsn_list_add(list, code);
	op->text[0] = at;
	return op;
}

struct bsn_op *bsn_list_add_number(struct bsn_list_builder *list, enum bsn_op_code code, uint64_t number)
{
	struct bsn_op *op = bsn_list_add(list, code);
	op->number[0] = number;
	return op;
}

static uint32_t next_offset(struct bsn_list_builder *list)
{
	if (list->blob.length > BSN_LIST_MAX)
		list->failed = true;
	return (uint32_t)(sizeof(struct bsn_list) + list->blob.length);
}

static void align(struct bsn_list_builder *list)
{
	static const char zeros[8];
	size_t odd = list->blob.length % sizeof(zeros);
	if (odd > 0)
		bsn_str_add_bytes(&list->blob, zeros, sizeof(zeros) - odd);
}

uint32_t bsn_list_text(struct bsn_list_builder *list, const char *text)
{
	if (text == NULL)
		return 0;
	uint32_t at = next_offset(list);
	bsn_str_add_bytes(&list->blob, text, strlen(text) + 1);
	return at;
}

uint32_t bsn_list_bytes(struct bsn_list_builder *list, const void *bytes, size_t length)
{
	align(list);
	uint32_t at = next_offset(list);
	bsn_str_add_bytes(&list->blob, bytes, length);
	return at;
}

uint32_t bsn_list_vector(struct bsn_list_builder *list, const char *const *strings, size_t count)
{
	return bsn_list_vector_and(list, strings, count, 0);
}

uint32_t bsn_list_vector_and(struct bsn_list_builder *list, const char *const *strings, size_t count, uint32_t last)
{
	uint64_t *offsets = calloc(count + 2, sizeof(*offsets));
	if (offsets == NULL) {
		list->failed = true;
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		offsets[i] = bsn_list_text(list, strings[i]);
	offsets[count] = last;
	uint32_t at = bsn_list_bytes(list, offsets, (count + 2) * sizeof(*offsets));
	free(offsets);
	return at;
}

static int write_parts(int fd, const struct bsn_list *header, const struct bsn_str *blob, const struct bsn_op *ops, size_t count)
{
	static const char zeros[16];
	size_t tail = header->ops_at - sizeof(*header) - blob->length;
	struct iovec parts[] = {
		{ (void *)(uintptr_t)header, sizeof(*header) },
		{ blob->data, blob->length },
		{ (void *)(uintptr_t)zeros, tail },
		{ (void *)(uintptr_t)ops, count * sizeof(*ops) },
	};
	ssize_t n = BSN_RETRY(writev(fd, parts, sizeof(parts) / sizeof(parts[0])));
	if (n < 0)
		return -errno;
	return (size_t)n == header->size ? 0 : -EIO;
}

int bsn_list_write(const struct bsn_list_builder *list, struct bsn_list header, const int *handles, size_t handle_count,
		   int *ret_fd, struct basin_error *err)
{
	if (list->failed || list->blob.failed)
		return bsn_fail_sys(err, ENOMEM, "cannot write the list of operations");
	/* At least one NUL between the blob and the operations. */
	header.magic = BSN_LIST_MAGIC;
	header.ops_at = (uint32_t)((sizeof(header) + list->blob.length + 8) & ~(size_t)7);
	header.op_count = (uint32_t)list->count;
#ifdef BSN_FAULT
	bsn_fault_hand_on("operation", header.op_count, &header.fault, &header.fault_kill);
#endif
	header.size = (uint32_t)(header.ops_at + list->count * sizeof(struct bsn_op));
	struct bsn_op *ops = malloc((list->count + 1) * sizeof(*ops));
	auto_free void *owner = ops;
	auto_fd int fd = ops == NULL ? -ENOMEM : bsn_sys_memfd("basin-list", 0);
	int r = fd < 0 ? fd : 0;
	for (size_t i = 0; r >= 0 && i < list->count; i++) {
		ops[i] = list->ops[i];
		if (ops[i].fd >= 0)
			ops[i].fd = (size_t)ops[i].fd < handle_count ? handles[ops[i].fd] : -1;
	}
	if (r >= 0)
		r = write_parts(fd, &header, &list->blob, ops, list->count);
	(void)owner;
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot write the list of operations");
	*ret_fd = bsn_fd_give(&fd);
	return 0;
}
