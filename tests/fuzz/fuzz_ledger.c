/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of any content in the ledger's tables: what reads them answers or says that the ledger is damaged. The input is a list of rows, a
 * byte for the table, then the values; all in one transaction that is rolled back, so that nothing reaches a disk.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "pool/charge.h"
#include "pool/lease.h"
#include "pool/object.h"
#include "pool/pool.h"
#include "pool/query.h"
#include "pool/subnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t next_byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* Small ones mostly, and the edges. */
static int64_t next_number(struct input *input)
{
	static const int64_t edges[] = { -1, 0, 1, INT64_MAX, INT64_MIN, INT64_C(1) << 60, INT64_MIN + 1, -2 };
	uint8_t byte = next_byte(input);
	return byte >= 240 ? edges[byte % 8] : byte;
}

static const char *next_text(struct input *input, char buffer[400])
{
	static const char *const names[] = { "/", "/a", "/a/b", "/a/b/c", "a", "", "//", "/a/" };
	uint8_t byte = next_byte(input);
	if (byte < 128)
		return names[byte % 8];
	size_t length = byte == 255 ? 399 : byte % 16;
	for (size_t i = 0; i < length; i++)
		buffer[i] = (char)(next_byte(input) | 1);
	buffer[length] = '\0';
	return buffer;
}

static struct basin_amounts next_amounts(struct input *input)
{
	struct basin_amounts amounts;
	for (int i = 0; i < BASIN_RESOURCES; i++)
		amounts.of[i] = next_number(input);
	return amounts;
}

static struct bsn_owner next_owner(struct input *input)
{
	struct bsn_owner owner = { .process = { .pid = (pid_t)next_number(input), .start = (uint64_t)next_number(input) } };
	return owner;
}

static void insert_row(struct bsn_ledger *ledger, struct input *input)
{
	char one[400];
	char two[400];
	struct basin_amounts a = next_amounts(input);
	struct basin_amounts b = next_amounts(input);
	struct bsn_owner owner = next_owner(input);
	const char *first = next_text(input, one);
	const char *second = next_text(input, two);
	switch (next_byte(input) % 6) {
	case 0:
		bsn_query_run(ledger, NULL,
			      "INSERT OR REPLACE INTO pool VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			      "taaaaaiiiii", first, &a, &b, &a, &b, &a, next_number(input), next_number(input),
			      next_number(input), next_number(input), next_number(input));
		break;
	case 1:
		bsn_query_run(ledger, NULL, "INSERT OR REPLACE INTO charge VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			      "titaaiioi", second, next_number(input) & 1, first, &a, &b, next_number(input), next_number(input),
			      &owner, next_number(input));
		break;
	case 2:
		bsn_query_run(ledger, NULL, "INSERT OR REPLACE INTO lease VALUES (?,?,?,?,?)", "ititi", next_number(input), first,
			      next_number(input), second, next_number(input));
		break;
	case 3:
		bsn_query_run(ledger, NULL, "INSERT OR REPLACE INTO subnet VALUES (?,?,?,?)", "tiii", first, next_number(input),
			      next_number(input), next_number(input));
		break;
	case 4:
		bsn_query_run(ledger, NULL, "INSERT OR REPLACE INTO object VALUES (?,?,?,?,?,?,?,?,?,?)", "ttttiio", first,
			      second, second, first, next_number(input), next_number(input), &owner);
		break;
	case 5:
		bsn_query_run(ledger, NULL, "DELETE FROM pool WHERE name = ?", "t", first);
		break;
	}
}

static int see_pool(const struct bsn_pool *pool, void *data)
{
	(void)data;
	return strlen(pool->name) >= BSN_POOL_NAME_MAX ? -1 : 0;
}

static int see_charge(const struct bsn_charge *charge, void *data)
{
	(void)data;
	return bsn_owner_alive(&charge->owner) && charge->bound ? 1 : 0;
}

static int see_lease(const struct bsn_lease *lease, void *data)
{
	(void)data;
	return bsn_lease_kind_name(lease->kind) == NULL ? -1 : 0;
}

static int see_object(const struct bsn_object *object, void *data)
{
	(void)data;
	return object->kind == NULL || object->json == NULL ? -1 : 0;
}

static void read_all(struct bsn_ledger *ledger, struct input *input)
{
	const struct bsn_host host = { .total = next_amounts(input) };
	const struct bsn_ask ask = { .pool = "/a/b",
				     .consumer = "web",
				     .request = BASIN_AMOUNTS_UNSET,
				     .limit = next_amounts(input),
				     .cpu_weight = BASIN_UNSET,
				     .resources = BSN_RESOURCES_ALL };
	const struct bsn_lease_range range = {
		.kind = BSN_LEASE_IDS, .scope = "/a", .first = 0, .last = 200, .step = next_number(input)
	};
	struct bsn_owner self;
	struct bsn_pool_report report;
	struct bsn_object *object = NULL;
	struct basin_error err = { 0 };
	uint32_t address;
	int64_t value;
	bsn_owner_self(&self, NULL);
	bsn_pool_each(ledger, see_pool, NULL, &err);
	if (bsn_pool_report(ledger, &host, "/a/b", &report, &err) < 0 && err.text[0] == '\0')
		abort();
	bsn_charge_each(ledger, NULL, see_charge, NULL, &err);
	bsn_charge_sweep(ledger, true, NULL, NULL, &err);
	bsn_charge_reserve(ledger, &host, &ask, &self, true, NULL, &err);
	bsn_lease_each(ledger, BSN_LEASE_ANY, NULL, NULL, see_lease, NULL, &err);
	bsn_lease_take(ledger, &range, BASIN_UNSET, "web", &value, &err);
	bsn_address_take(ledger, "/a", 0, "web", &address, &err);
	bsn_object_each(ledger, NULL, see_object, NULL, &err);
	if (bsn_object_get(ledger, "/a", "/a", &object, &err) >= 0)
		free(object);
}

/* One ledger for the whole run; every input leaves it as it was. */
static struct bsn_ledger *open_scratch(void)
{
	static struct bsn_ledger *ledger;
	char path[] = "/tmp/basin-fuzz.XXXXXX";
	if (ledger != NULL)
		return ledger;
	if (mkdtemp(path) == NULL)
		abort();
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || bsn_ledger_open(fd, &ledger, NULL) < 0)
		abort();
	/* Nameless from here on: nothing stays behind however the fuzzer ends. */
	static const char *const names[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock", "ledger.spare" };
	bsn_query_run(ledger, NULL, "DELETE FROM object", "");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(fd, names[i], 0);
	close(fd);
	rmdir(path);
	return ledger;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { .at = data, .left = size };
	struct bsn_ledger *ledger = open_scratch();
	/* References are what a damaged file does not keep either; deferred, they are never looked at, for nothing is committed. */
	if (bsn_ledger_begin(ledger, NULL) < 0 || bsn_query_run(ledger, NULL, "PRAGMA defer_foreign_keys = ON", "") < 0)
		abort();
	for (int rows = 0; input.left > 0 && rows < 64; rows++)
		insert_row(ledger, &input);
	input = (struct input){ .at = data, .left = size };
	read_all(ledger, &input);
	bsn_ledger_end(ledger, -ECANCELED, NULL);
	return 0;
}
