/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what the child says, and any config as what the child is told. The first byte chooses. A message is understood or refused
 * with one line; a plan is refused with one line, or its list is one that the child would believe: every offset inside it, every
 * text ended.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/plan.h"
#include "runtime/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct basin_error *err)
{
	if (err->text[0] == '\0' || strchr(err->text, '\n') != NULL || err->code == 0)
		abort();
}

static void hear(const uint8_t *data, size_t size)
{
	int ends[2];
	struct bsn_message message;
	struct basin_error err = { 0 };
	int fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	ssize_t n = send(ends[1], data, size < 4096 ? size : 4096, MSG_NOSIGNAL);
	close(ends[1]);
	int r = n < 0 ? 0 : bsn_child_receive(ends[0], &message, &fd, &err);
	if (r < 0)
		check_error(&err);
	if (r > 0 && memchr(message.text, '\0', sizeof(message.text)) == NULL)
		abort();
	close(ends[0]);
}

static void check_vector(const char *base, uint32_t ops_at, uint32_t at)
{
	for (;; at += sizeof(uint64_t)) {
		uint64_t offset;
		if (at % sizeof(offset) != 0 || at + sizeof(offset) > ops_at)
			abort();
		memcpy(&offset, base + at, sizeof(offset));
		if (offset >= ops_at)
			abort();
		if (offset == 0)
			return;
	}
}

static void check_list(const char *base, size_t size)
{
	const struct bsn_list *list = (const struct bsn_list *)(const void *)base;
	if (list->size != size || list->ops_at % 8 != 0 || base[list->ops_at - 1] != '\0' ||
	    size - list->ops_at != list->op_count * sizeof(struct bsn_op))
		abort();
	const struct bsn_op *ops = (const struct bsn_op *)(const void *)(base + list->ops_at);
	for (uint32_t i = 0; i < list->op_count; i++) {
		if (ops[i].code == BSN_OP_NONE || ops[i].code >= BSN_OP_CODES)
			abort();
		for (int which = 0; which < BSN_OP_TEXTS; which++)
			if (ops[i].text[which] >= list->ops_at)
				abort();
		if (ops[i].code == BSN_OP_LOOKUP)
			check_vector(base, list->ops_at, ops[i].text[0]);
	}
}

static void write_list(const struct bsn_plan *plan)
{
	struct basin_error err = { 0 };
	struct stat st;
	int fd = -1;
	if (bsn_list_write(&plan->list, (struct bsn_list){ .channel = 3 }, NULL, 0, &fd, &err) < 0) {
		check_error(&err);
		return;
	}
	if (fstat(fd, &st) < 0)
		abort();
	char *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		abort();
	check_list(base, (size_t)st.st_size);
	munmap(base, (size_t)st.st_size);
	close(fd);
}

static void tell(const uint8_t *data, size_t size)
{
	struct basin_error err = { 0 };
	struct bsn_config *config = NULL;
	struct bsn_plan *plan = NULL;
	if (bsn_config_parse((const char *)data, size, BSN_CONFIG_NO_ARGS, &config, &err) < 0) {
		check_error(&err);
		return;
	}
	const struct bsn_plan_request request = {
		.config = config, .id = "id", .bundle = "/b", .init = true, .wait_for_start = true
	};
	if (bsn_plan_make(&request, &plan, &err) < 0) {
		check_error(&err);
	} else {
		write_list(plan);
		bsn_plan_free(plan);
	}
	bsn_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'm')
		hear(data + 1, size - 1);
	else
		tell(data, size);
	return 0;
}
