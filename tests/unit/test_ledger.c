/* SPDX-License-Identifier: Apache-2.0 */
/* pool/ledger, lease, subnet, object: one file that many processes write, some of which are killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"
#include "pool/lease.h"
#include "pool/ledger.h"
#include "pool/object.h"
#include "pool/query.h"
#include "pool/subnet.h"

struct scratch {
	char path[64];
	int fd;
	struct bsn_ledger *ledger;
};

static int set_up(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	strcpy(scratch->path, "/tmp/basin-unit.XXXXXX");
	if (mkdtemp(scratch->path) == NULL)
		return -1;
	scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = scratch;
	return bsn_ledger_open(scratch->fd, &scratch->ledger, NULL);
}

static int tear_down(void **state)
{
	struct scratch *scratch = *state;
	bsn_ledger_close(scratch->ledger);
	close(scratch->fd);
	int r = bsn_remove_tree(AT_FDCWD, scratch->path);
	free(scratch);
	return r;
}

/* --- the file --- */

static void test_is_private_and_reopens(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	struct bsn_ledger *again = NULL;
	struct stat st;
	assert_int_equal(fstatat(scratch->fd, "ledger.db", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(bsn_object_create(scratch->ledger, "env", "web", "ready", "{}", NULL, &err), 0);
	assert_int_equal(bsn_ledger_open(scratch->fd, &again, &err), 0);
	struct bsn_object *object = NULL;
	assert_int_equal(bsn_object_get(again, "env", "web", &object, &err), 0);
	assert_string_equal(object->state, "ready");
	free(object);
	bsn_ledger_close(again);
	assert_int_equal(bsn_ledger_check(scratch->ledger, &err), 0);
}

static void test_newer_schema_is_refused(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	struct bsn_ledger *again = NULL;
	assert_true(bsn_query_run(scratch->ledger, &err, "PRAGMA user_version = 999", "") >= 0);
	assert_true(bsn_ledger_open(scratch->fd, &again, &err) < 0);
	assert_int_equal(err.code, BASIN_CONFLICT);
	assert_non_null(strstr(err.text, "schema 999"));
	assert_null(again);
}

static void open_with(const void *data, size_t length, int expected_code)
{
	char path[] = "/tmp/basin-unit.XXXXXX";
	struct basin_error err = { 0 };
	struct bsn_ledger *ledger = NULL;
	assert_non_null(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(bsn_replace_file(fd, "ledger.db", data, length, 0600, false), 0);
	assert_true(bsn_ledger_open(fd, &ledger, &err) < 0);
	assert_int_equal(err.code, expected_code);
	close(fd);
	bsn_remove_tree(AT_FDCWD, path);
}

static void test_what_is_no_ledger_is_refused(void **state)
{
	(void)state;
	char noise[8192];
	memset(noise, 'x', sizeof(noise));
	open_with(noise, sizeof(noise), BASIN_DAMAGED);
	memcpy(noise, "SQLite format 3", 16);
	open_with(noise, sizeof(noise), BASIN_DAMAGED);
}

static void test_a_link_is_not_followed(void **state)
{
	(void)state;
	char path[] = "/tmp/basin-unit.XXXXXX";
	struct basin_error err = { 0 };
	struct bsn_ledger *ledger = NULL;
	assert_non_null(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("elsewhere.db", fd, "ledger.db"), 0);
	assert_true(bsn_ledger_open(fd, &ledger, &err) < 0);
	assert_int_equal(faccessat(fd, "elsewhere.db", F_OK, 0), -1);
	close(fd);
	bsn_remove_tree(AT_FDCWD, path);
}

/* --- brackets --- */

static int names(const struct bsn_object *object, void *data)
{
	strcat(data, object->name);
	strcat(data, " ");
	return 0;
}

static const char *all_names(struct bsn_ledger *ledger, char *buffer)
{
	buffer[0] = '\0';
	assert_int_equal(bsn_object_each(ledger, NULL, names, buffer, NULL), 0);
	return buffer;
}

static void test_brackets_are_one_transaction(void **state)
{
	struct bsn_ledger *ledger = ((struct scratch *)*state)->ledger;
	char buffer[256];
	struct basin_error err = { 0 };
	assert_int_equal(bsn_ledger_begin(ledger, &err), 0);
	assert_int_equal(bsn_object_create(ledger, "env", "a", "x", "{}", NULL, &err), 0);
	/* The inner failure takes back nothing but itself. */
	assert_true(bsn_object_create(ledger, "env", "a", "x", "{}", NULL, &err) < 0);
	assert_int_equal(err.code, BASIN_EXISTS);
	assert_int_equal(bsn_object_create(ledger, "net", "b", "x", "{}", NULL, &err), 0);
	assert_int_equal(bsn_ledger_end(ledger, 0, &err), 0);
	assert_string_equal(all_names(ledger, buffer), "a b ");
	assert_int_equal(bsn_ledger_begin(ledger, &err), 0);
	assert_int_equal(bsn_object_create(ledger, "env", "c", "x", "{}", NULL, &err), 0);
	assert_int_equal(bsn_ledger_end(ledger, -EIO, &err), -EIO);
	assert_string_equal(all_names(ledger, buffer), "a b ");
	assert_int_equal(bsn_ledger_begin_read(ledger, &err), 0);
	assert_true(bsn_object_remove(ledger, "env", "a", &err) < 0);
	assert_int_equal(bsn_ledger_end(ledger, 0, &err), 0);
	assert_string_equal(all_names(ledger, buffer), "a b ");
}

/* --- owners --- */

static void test_owners(void **state)
{
	(void)state;
	struct bsn_owner owner;
	struct basin_error err = { 0 };
	assert_int_equal(bsn_owner_self(&owner, &err), 0);
	assert_true(bsn_owner_alive(&owner));
	struct bsn_owner other = owner;
	other.process.start++;
	assert_false(bsn_owner_alive(&other));
	other = owner;
	other.boot[0] = other.boot[0] == '0' ? '1' : '0';
	assert_false(bsn_owner_alive(&other));
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(bsn_owner_of(child, &other, &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
}

/* --- objects --- */

static void test_objects(void **state)
{
	struct bsn_ledger *ledger = ((struct scratch *)*state)->ledger;
	struct bsn_object *object = NULL;
	struct bsn_owner owner;
	struct basin_error err = { 0 };
	assert_int_equal(bsn_owner_self(&owner, &err), 0);
	assert_true(bsn_object_get(ledger, "env", "web", &object, &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_int_equal(bsn_object_create(ledger, "env", "web", "creating", "{\"a\":1}", &owner, &err), 0);
	assert_int_equal(bsn_object_get(ledger, "env", "web", &object, &err), 0);
	assert_true(object->owned && bsn_owner_alive(&object->owner));
	assert_int_equal(object->generation, 1);
	struct bsn_object_change change = BSN_OBJECT_CHANGE_INIT;
	change.state = "ready";
	change.disown = true;
	change.generation = 1;
	assert_int_equal(bsn_object_set(ledger, "env", "web", &change, &err), 0);
	assert_true(bsn_object_set(ledger, "env", "web", &change, &err) < 0);
	assert_int_equal(err.code, BASIN_CONFLICT);
	free(object);
	assert_int_equal(bsn_object_get(ledger, "env", "web", &object, &err), 0);
	assert_false(object->owned);
	assert_string_equal(object->state, "ready");
	assert_string_equal(object->json, "{\"a\":1}");
	assert_string_equal(object->kind, "env");
	free(object);
	/* Kinds are name spaces of their own. */
	assert_int_equal(bsn_object_create(ledger, "net", "web", "ready", "{}", NULL, &err), 0);
	assert_int_equal(bsn_object_remove(ledger, "env", "web", &err), 0);
	assert_int_equal(bsn_object_remove(ledger, "env", "web", &err), 0);
	assert_int_equal(bsn_object_get(ledger, "net", "web", &object, &err), 0);
	free(object);
}

/* --- leases --- */

static void test_leases(void **state)
{
	struct bsn_ledger *ledger = ((struct scratch *)*state)->ledger;
	const struct bsn_lease_range range = { .kind = BSN_LEASE_IDS, .first = 100, .last = 140, .step = 10 };
	struct basin_error err = { 0 };
	int64_t value = 0;
	assert_int_equal(bsn_lease_take(ledger, &range, BASIN_UNSET, "a", &value, &err), 0);
	assert_int_equal(value, 100);
	assert_int_equal(bsn_lease_take(ledger, &range, 120, "b", &value, &err), 0);
	assert_int_equal(bsn_lease_take(ledger, &range, 120, "b", &value, &err), 0);
	assert_int_equal(value, 120);
	assert_true(bsn_lease_take(ledger, &range, 120, "c", &value, &err) < 0);
	assert_int_equal(err.code, BASIN_CONFLICT);
	assert_non_null(strstr(err.text, "\"b\""));
	assert_true(bsn_lease_take(ledger, &range, 125, "c", &value, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	assert_true(bsn_lease_take(ledger, &range, 150, "c", &value, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	static const int64_t expected[] = { 110, 130, 140 };
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bsn_lease_take(ledger, &range, BASIN_UNSET, "c", &value, &err), 0);
		assert_int_equal(value, expected[i]);
	}
	assert_true(bsn_lease_take(ledger, &range, BASIN_UNSET, "d", &value, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_non_null(strstr(err.text, "all 5 are taken"));
	assert_true(bsn_lease_give(ledger, BSN_LEASE_IDS, NULL, 110, "a", &err) < 0);
	assert_int_equal(err.code, BASIN_CONFLICT);
	assert_int_equal(bsn_lease_give(ledger, BSN_LEASE_IDS, NULL, 110, "c", &err), 0);
	assert_int_equal(bsn_lease_give(ledger, BSN_LEASE_IDS, NULL, 110, "c", &err), 0);
	assert_int_equal(bsn_lease_give_all(ledger, BSN_LEASE_PORT, "c", &err), 0);
	assert_int_equal(bsn_lease_give_all(ledger, BSN_LEASE_ANY, "c", &err), 2);
	assert_true(bsn_lease_take(ledger, &range, BASIN_UNSET, "", &value, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
}

static void test_subnets(void **state)
{
	struct bsn_ledger *ledger = ((struct scratch *)*state)->ledger;
	struct basin_error err = { 0 };
	struct bsn_subnet subnet;
	static const char *const bad[] = {
		"",           "10.77.0.0",    "10.77.0.0/",   "10.77.0.0/24x", "10.77.0.5/24", "10.77.0.0/31",
		"10.0.0.0/7", "300.1.1.0/24", "127.0.0.0/24", "224.0.0.0/24",  "10.77.0/24",   "::/64"
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(bsn_subnet_parse(bad[i], &subnet, &err) < 0);
		assert_int_equal(err.code, BASIN_USAGE);
	}
	assert_int_equal(bsn_subnet_parse("10.77.0.0/16", &subnet, &err), 0);
	assert_int_equal(bsn_subnet_claim(ledger, "lab", &subnet, &err), 0);
	assert_int_equal(bsn_subnet_claim(ledger, "lab", &subnet, &err), 0);
	assert_int_equal(bsn_subnet_parse("10.77.9.0/24", &subnet, &err), 0);
	assert_true(bsn_subnet_claim(ledger, "two", &subnet, &err) < 0);
	assert_int_equal(err.code, BASIN_CONFLICT);
	assert_non_null(strstr(err.text, "\"lab\""));
	assert_int_equal(bsn_subnet_parse("10.78.0.0/16", &subnet, &err), 0);
	assert_int_equal(bsn_subnet_claim(ledger, "two", &subnet, &err), 0);
	assert_int_equal(bsn_subnet_disclaim(ledger, "lab", &err), 0);
	assert_int_equal(bsn_subnet_disclaim(ledger, "lab", &err), 0);
	assert_true(bsn_subnet_get(ledger, "lab", &subnet, &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
}

static void test_addresses(void **state)
{
	struct bsn_ledger *ledger = ((struct scratch *)*state)->ledger;
	struct basin_error err = { 0 };
	struct bsn_subnet subnet;
	uint32_t address = 0;
	uint32_t wanted = 0;
	char text[BSN_ADDRESS_TEXT_MAX];
	char owner[16];
	assert_int_equal(bsn_subnet_parse("10.77.0.0/29", &subnet, &err), 0);
	assert_int_equal(bsn_subnet_claim(ledger, "lab", &subnet, &err), 0);
	assert_int_equal(bsn_address_parse("10.77.0.4", &wanted, &err), 0);
	assert_int_equal(bsn_address_take(ledger, "lab", wanted, "four", &address, &err), 0);
	assert_string_equal(bsn_address_format(address, text), "10.77.0.4");
	assert_true(bsn_address_take(ledger, "lab", wanted, "five", &address, &err) < 0);
	assert_int_equal(err.code, BASIN_CONFLICT);
	assert_true(bsn_address_take(ledger, "lab", subnet.network + 1, "five", &address, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	assert_true(bsn_address_take(ledger, "nowhere", 0, "five", &address, &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	/* 8 addresses less network, gateway and broadcast; one is given: four remain. */
	for (int i = 0; i < 4; i++) {
		snprintf(owner, sizeof(owner), "e%d", i);
		assert_int_equal(bsn_address_take(ledger, "lab", 0, owner, &address, &err), 0);
		assert_int_equal(bsn_address_take(ledger, "lab", 0, owner, &wanted, &err), 0);
		assert_int_equal(wanted, address);
	}
	assert_true(bsn_address_take(ledger, "lab", 0, "five", &address, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_non_null(strstr(err.text, "all 5 of 10.77.0.0/29"));
	assert_true(bsn_subnet_disclaim(ledger, "lab", &err) < 0);
	assert_int_equal(err.code, BASIN_BUSY);
	assert_int_equal(bsn_address_give(ledger, "lab", "e2", &err), 0);
	assert_int_equal(bsn_address_take(ledger, "lab", 0, "five", &address, &err), 0);
	assert_string_equal(bsn_address_format(address, text), "10.77.0.5");
}

/* --- many processes --- */

#define TAKERS 20
#define EACH   10

static void take_many(const struct scratch *scratch, int taker)
{
	struct bsn_ledger *ledger = NULL;
	char owner[16];
	uint32_t address;
	if (bsn_ledger_open(scratch->fd, &ledger, NULL) < 0)
		_exit(2);
	for (int i = 0; i < EACH; i++) {
		snprintf(owner, sizeof(owner), "e%d-%d", taker, i);
		if (bsn_address_take(ledger, "lab", 0, owner, &address, NULL) < 0)
			_exit(1);
	}
	_exit(0);
}

static int count_leases(const struct bsn_lease *lease, void *data)
{
	int *seen = data;
	seen[lease->value & 0xff]++;
	return 0;
}

static void test_no_address_is_given_twice(void **state)
{
	struct scratch *scratch = *state;
	struct bsn_subnet subnet;
	struct basin_error err = { 0 };
	int seen[256] = { 0 };
	int total = 0;
	assert_int_equal(bsn_subnet_parse("10.77.0.0/24", &subnet, &err), 0);
	assert_int_equal(bsn_subnet_claim(scratch->ledger, "lab", &subnet, &err), 0);
	for (int i = 0; i < TAKERS; i++)
		if (fork() == 0)
			take_many(scratch, i);
	for (int i = 0; i < TAKERS; i++) {
		int status = -1;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(bsn_lease_each(scratch->ledger, BSN_LEASE_ADDRESS, "lab", NULL, count_leases, seen, &err), 0);
	for (int i = 0; i < 256; i++) {
		assert_true(seen[i] <= 1);
		total += seen[i];
	}
	assert_int_equal(total, TAKERS * EACH);
	assert_int_equal(seen[0] + seen[1] + seen[255], 0);
}

/* Writers told to go on until they are killed; each notes in shared memory the last that it was promised. */
static void write_until_killed(const struct scratch *scratch, int writer, volatile int64_t *promised)
{
	struct bsn_ledger *ledger = NULL;
	const struct bsn_lease_range range = { .kind = BSN_LEASE_PROJECT, .first = 1, .last = 1000000 };
	char owner[16];
	int64_t value;
	snprintf(owner, sizeof(owner), "w%d", writer);
	if (bsn_ledger_open(scratch->fd, &ledger, NULL) < 0)
		_exit(2);
	for (;;) {
		if (bsn_lease_take(ledger, &range, BASIN_UNSET, owner, &value, NULL) < 0)
			_exit(1);
		promised[writer]++;
	}
}

static int count_owner(const struct bsn_lease *lease, void *data)
{
	(void)lease;
	(*(int64_t *)data)++;
	return 0;
}

static void test_survives_sigkill(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	volatile int64_t *promised = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int round = 0; round < 5; round++) {
		pid_t writers[4];
		for (int i = 0; i < 4; i++) {
			writers[i] = fork();
			if (writers[i] == 0)
				write_until_killed(scratch, i, promised);
		}
		/* However slow the machine: killed when they are at it. */
		int64_t sum = 0;
		for (int tries = 0; tries < 5000 && sum < 5 * (round + 1); tries++) {
			usleep(1000 + 300 * (unsigned int)round);
			sum = promised[0] + promised[1] + promised[2] + promised[3];
		}
		for (int i = 0; i < 4; i++) {
			int status = 0;
			kill(writers[i], SIGKILL);
			assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
			assert_true(WIFSIGNALED(status));
		}
		struct bsn_ledger *again = NULL;
		assert_int_equal(bsn_ledger_open(scratch->fd, &again, &err), 0);
		assert_int_equal(bsn_ledger_check(again, &err), 0);
		for (int i = 0; i < 4; i++) {
			char owner[16];
			int64_t there = 0;
			snprintf(owner, sizeof(owner), "w%d", i);
			assert_int_equal(bsn_lease_each(again, BSN_LEASE_PROJECT, NULL, owner, count_owner, &there, &err), 0);
			/* Killed between the commit and the note, one per round may be there that was not noted; none is missing. */
			assert_true(there >= promised[i] && there <= promised[i] + round + 1);
		}
		bsn_ledger_close(again);
	}
	assert_true(promised[0] + promised[1] + promised[2] + promised[3] >= 25);
	munmap((void *)(uintptr_t)promised, 4096);
}

/* Fifty first users at once: the schema is made once. */
static void test_made_by_many_at_once(void **state)
{
	(void)state;
	char path[] = "/tmp/basin-unit.XXXXXX";
	struct basin_error err = { 0 };
	assert_non_null(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 50; i++)
		if (fork() == 0) {
			struct bsn_ledger *ledger = NULL;
			char name[16];
			snprintf(name, sizeof(name), "e%d", i);
			if (bsn_ledger_open(fd, &ledger, &err) < 0 ||
			    bsn_object_create(ledger, "env", name, "x", "{}", NULL, &err) < 0) {
				fprintf(stderr, "# %s\n", err.text);
				_exit(1);
			}
			_exit(0);
		}
	for (int i = 0; i < 50; i++) {
		int status = -1;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	close(fd);
	bsn_remove_tree(AT_FDCWD, path);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_is_private_and_reopens),
		TEST(test_newer_schema_is_refused),
		TEST(test_what_is_no_ledger_is_refused),
		TEST(test_a_link_is_not_followed),
		TEST(test_brackets_are_one_transaction),
		TEST(test_owners),
		TEST(test_objects),
		TEST(test_leases),
		TEST(test_subnets),
		TEST(test_addresses),
		TEST(test_no_address_is_given_twice),
		TEST(test_survives_sigkill),
		TEST(test_made_by_many_at_once),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
