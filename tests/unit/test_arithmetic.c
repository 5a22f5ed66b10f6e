/* SPDX-License-Identifier: Apache-2.0 */
/* pool/arithmetic: worked examples, and random trees against a naive recomputation that shares no code with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool/arithmetic.h"

#define NONE BASIN_UNSET
#define ALL(value)                                                                                                               \
	{                                                                                                                        \
		{                                                                                                                \
			(value), (value), (value), (value)                                                                       \
		}                                                                                                                \
	}

static struct bsn_node node(int parent, int64_t capacity, int64_t guarantee, int64_t overcommit, int64_t requested)
{
	return (struct bsn_node){ .parent = parent,
				  .given_capacity = ALL(capacity),
				  .given_guarantee = ALL(guarantee),
				  .overcommit = ALL(overcommit),
				  .requested = ALL(requested) };
}

static void test_guarantee_defaults_to_capacity(void **state)
{
	(void)state;
	struct bsn_node nodes[] = { node(-1, 1000, NONE, 1000, 0), node(0, 600, NONE, 1000, 0), node(0, NONE, NONE, 1000, 0),
				    node(1, 200, 50, 1000, 30) };
	bsn_nodes_compute(nodes, 4);
	assert_int_equal(nodes[1].guarantee.of[BASIN_CPU], 600);
	assert_int_equal(nodes[2].capacity.of[BASIN_CPU], 1000);
	assert_int_equal(nodes[2].guarantee.of[BASIN_CPU], 0);
	assert_int_equal(nodes[3].charged.of[BASIN_CPU], 50);
	assert_int_equal(nodes[1].promised.of[BASIN_CPU], 50);
	assert_int_equal(nodes[0].promised.of[BASIN_CPU], 600);
	assert_int_equal(bsn_nodes_room(nodes, 0, BASIN_CPU), 400);
	assert_int_equal(bsn_nodes_room(nodes, 1, BASIN_CPU), 550);
	assert_int_equal(bsn_nodes_room(nodes, 2, BASIN_CPU), 400);
	assert_int_equal(bsn_nodes_room(nodes, 3, BASIN_CPU), 170);
}

static void test_overcommit_lets_exactly_so_much_in(void **state)
{
	(void)state;
	struct bsn_node nodes[] = { node(-1, 4000, NONE, 4000, 0), node(0, 1000, NONE, 4000, 3900) };
	bsn_nodes_compute(nodes, 2);
	assert_int_equal(bsn_node_bound(&nodes[1], BASIN_CPU), 4000);
	assert_int_equal(nodes[1].charged.of[BASIN_CPU], 1000);
	assert_int_equal(bsn_nodes_room(nodes, 1, BASIN_CPU), 100);
}

static void test_no_guarantee_still_counts_above(void **state)
{
	(void)state;
	struct bsn_node nodes[] = { node(-1, 100, NONE, 1000, 0), node(0, NONE, NONE, 1000, 40), node(0, 50, 0, 1000, 30) };
	bsn_nodes_compute(nodes, 3);
	assert_int_equal(nodes[0].promised.of[BASIN_MEMORY], 70);
	assert_int_equal(bsn_nodes_room(nodes, 1, BASIN_MEMORY), 30);
	assert_int_equal(bsn_nodes_room(nodes, 2, BASIN_MEMORY), 20);
}

static void test_shrunken_host(void **state)
{
	(void)state;
	/* 60 guaranteed of which 10 are used, 40 promised without a guarantee, and a host of 50 only. */
	struct bsn_node nodes[] = { node(-1, 50, NONE, 1000, 0), node(0, 50, 50, 1000, 10), node(0, NONE, NONE, 1000, 40) };
	bsn_nodes_compute(nodes, 3);
	assert_int_equal(bsn_nodes_room(nodes, 0, BASIN_MEMORY), 0);
	assert_int_equal(bsn_nodes_room(nodes, 2, BASIN_MEMORY), 0);
	assert_int_equal(bsn_nodes_room(nodes, 1, BASIN_MEMORY), 40);
}

static void test_overflow_is_refused(void **state)
{
	(void)state;
	struct bsn_node nodes[] = { node(-1, INT64_MAX, NONE, 1000000, INT64_MAX / 2 + 10),
				    node(0, INT64_MAX, NONE, 1000, INT64_MAX) };
	bsn_nodes_compute(nodes, 2);
	assert_true(nodes[0].promised.of[BASIN_CPU] == INT64_MAX);
	assert_true(nodes[0].promised.of[BASIN_CPU] > bsn_node_bound(&nodes[0], BASIN_CPU));
	assert_int_equal(bsn_nodes_room(nodes, 1, BASIN_CPU), 0);
}

/* --- the oracle: straight from the definitions, one resource, recursion from the leaves --- */

static int64_t naive_capacity(const struct bsn_node *nodes, int at)
{
	int64_t given = nodes[at].given_capacity.of[BASIN_CPU];
	return given != NONE ? given : naive_capacity(nodes, nodes[at].parent);
}

static int64_t naive_promised(const struct bsn_node *nodes, int count, int at);

static int64_t naive_charged(const struct bsn_node *nodes, int count, int at)
{
	int64_t capacity = naive_capacity(nodes, at);
	int64_t guarantee = nodes[at].given_guarantee.of[BASIN_CPU];
	if (guarantee == NONE)
		guarantee = nodes[at].given_capacity.of[BASIN_CPU] == NONE ? 0 : capacity;
	if (guarantee > capacity)
		guarantee = capacity;
	int64_t promised = naive_promised(nodes, count, at);
	int64_t used = promised < capacity ? promised : capacity;
	return used > guarantee ? used : guarantee;
}

static int64_t naive_promised(const struct bsn_node *nodes, int count, int at)
{
	int64_t sum = nodes[at].requested.of[BASIN_CPU];
	for (int i = at + 1; i < count; i++)
		if (nodes[i].parent == at)
			sum += naive_charged(nodes, count, i);
	return sum;
}

/* Whether one more member of nodes[at] that requests so much breaks no bound it did not leave alone. */
static int naive_admits(struct bsn_node *nodes, int count, int at, int64_t request)
{
	for (int p = at; p >= 0; p = nodes[p].parent) {
		int64_t before = naive_promised(nodes, count, p);
		nodes[at].requested.of[BASIN_CPU] += request;
		int64_t after = naive_promised(nodes, count, p);
		nodes[at].requested.of[BASIN_CPU] -= request;
		if (after > before && after > naive_capacity(nodes, p) * nodes[p].overcommit.of[BASIN_CPU] / 1000)
			return 0;
	}
	return 1;
}

static int64_t pick(int64_t below)
{
	return random() % below;
}

static int random_tree(struct bsn_node *nodes)
{
	int count = 1 + (int)pick(9);
	nodes[0] = node(-1, pick(120), NONE, 500 + 250 * pick(6), 0);
	for (int i = 1; i < count; i++) {
		int64_t capacity = pick(3) == 0 ? NONE : pick(100);
		int64_t guarantee = pick(3) == 0 ? NONE : pick(60);
		nodes[i] = node((int)pick(i), capacity, guarantee, 500 + 250 * pick(6), pick(40));
	}
	return count;
}

static void test_random_trees(void **state)
{
	(void)state;
	srandom(20240229);
	for (int round = 0; round < 4000; round++) {
		struct bsn_node nodes[10];
		struct bsn_node after[10];
		enum basin_resource resource;
		int count = random_tree(nodes);
		bsn_nodes_compute(nodes, (size_t)count);
		for (int i = 0; i < count; i++) {
			assert_int_equal(nodes[i].promised.of[BASIN_CPU], naive_promised(nodes, count, i));
			if (i > 0)
				assert_int_equal(nodes[i].charged.of[BASIN_CPU], naive_charged(nodes, count, i));
		}
		/* room is exactly the largest that is admitted, and compare agrees on it and on one more. */
		int at = (int)pick(count);
		int64_t room = bsn_nodes_room(nodes, (size_t)at, BASIN_CPU);
		assert_true(naive_admits(nodes, count, at, room));
		assert_false(naive_admits(nodes, count, at, room + 1));
		for (int64_t more = 0; more <= 1; more++) {
			memcpy(after, nodes, sizeof(after));
			after[at].requested.of[BASIN_CPU] += room + more;
			bsn_nodes_compute(after, (size_t)count);
			int refused_by = bsn_nodes_compare(nodes, after, (size_t)count, &resource);
			assert_int_equal(refused_by >= 0, more);
		}
	}
}

/* A change of settings is judged at the pool it changes, even where nothing more is promised. */
static void test_shrinking_is_judged(void **state)
{
	(void)state;
	enum basin_resource resource = BASIN_PIDS;
	struct bsn_node before[] = { node(-1, 100, NONE, 1000, 0), node(0, 50, NONE, 1000, 40) };
	struct bsn_node after[] = { node(-1, 100, NONE, 1000, 0), node(0, 39, NONE, 1000, 40) };
	bsn_nodes_compute(before, 2);
	bsn_nodes_compute(after, 2);
	assert_int_equal(bsn_nodes_compare(before, after, 2, &resource), 1);
	assert_int_equal(resource, BASIN_CPU);
	assert_int_equal(bsn_nodes_compare(before, before, 2, &resource), -1);
	/* One that was over before and only gets better is let. */
	assert_int_equal(bsn_nodes_compare(after, before, 2, &resource), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guarantee_defaults_to_capacity),
		cmocka_unit_test(test_overcommit_lets_exactly_so_much_in),
		cmocka_unit_test(test_no_guarantee_still_counts_above),
		cmocka_unit_test(test_shrunken_host),
		cmocka_unit_test(test_overflow_is_refused),
		cmocka_unit_test(test_random_trees),
		cmocka_unit_test(test_shrinking_is_judged),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("arithmetic", tests, NULL, NULL);
}
