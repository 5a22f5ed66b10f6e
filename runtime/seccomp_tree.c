/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libseccomp writes a list: is it this call? else is it that one? Attaching such a program makes the kernel walk it once for every
 * system call there is (it remembers which are always allowed), 0.9 ms for a profile like Docker's. A search tree over ranges of numbers
 * takes a tenth of that.
 *
 * How. The list is read as the kernel runs it, but with the architecture and the number known: loads of the two and comparisons with
 * them disappear, and what is left is an answer, or the code that looks at arguments. On the way each comparison also says up to which
 * number it turns out the same, so the next reading is for the one behind it. This is done for every architecture that the list asks for
 * and one that it does not. Neighbours with the same rest become one range. Equal pieces are kept once, so the result is a graph; it is
 * written from its end, and every jump goes forward.
 *
 * What is not understood (arithmetic on a number, scratch memory) leaves the program as it was: this can make it faster, and never
 * another one. tests/unit/test_seccomp_tree.c runs both in an interpreter and compares.
 */
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/seccomp_parts.h"

#define NODES      65536 /* of the graph, at most */
#define BUCKETS    16384
#define NONE       UINT32_MAX
#define MAX_ARCHES 32
#define MAX_RANGES (2 * BPF_MAXINSNS + 1)
#define REACH      253 /* of a conditional jump, with room for two detours */

#define IS_LOAD    (BPF_LD | BPF_W | BPF_ABS)
#define IS_RETURN  (BPF_RET | BPF_K)
#define OFFSET(of) ((uint32_t)offsetof(struct seccomp_data, of))

/* What the accumulator holds: nothing yet (0), the number, the architecture, or something that only the running call knows. */
enum held { NOTHING, NUMBER, ARCH, DATA };

/* An instruction with its successors; yes and no are the same where it does not branch, NONE where it ends. */
struct node {
	uint16_t code;
	uint32_t k;
	uint32_t yes;
	uint32_t no;
	uint32_t chain;
};

struct range {
	uint32_t first;
	uint32_t node;
};

struct tree {
	const struct sock_filter *code;
	size_t count;
	uint32_t number;
	uint32_t last; /* the highest number that reads like it, as far as seen */
	uint32_t arch;
	uint32_t arches[MAX_ARCHES]; /* that the list compares with */
	size_t arch_count;
	uint32_t turn; /* memo is of this reading */
	struct {
		uint32_t turn;
		uint32_t node;
	} memo[BPF_MAXINSNS]; /* where an instruction leads, with DATA in the accumulator */
	uint32_t buckets[BUCKETS];
	struct node nodes[NODES];
	uint32_t node_count;
	uint32_t places[NODES];
	struct range ranges[MAX_RANGES];
	struct sock_filter out[BPF_MAXINSNS]; /* from the end */
	uint32_t written;
	bool failed;
};

static uint32_t make_node(struct tree *tree, uint16_t code, uint32_t k, uint32_t yes, uint32_t no)
{
	if (BPF_CLASS(code) == BPF_JMP && yes == no)
		return yes;
	uint32_t hash = ((code * 31u + k) * 2654435761u) ^ (yes * 40503u) ^ (no * 69069u);
	uint32_t *bucket = &tree->buckets[(hash ^ hash >> 16) % BUCKETS];
	for (uint32_t at = *bucket; at != NONE; at = tree->nodes[at].chain) {
		const struct node *node = &tree->nodes[at];
		if (node->code == code && node->k == k && node->yes == yes && node->no == no)
			return at;
	}
	if (tree->node_count == NODES) {
		tree->failed = true;
		return 0;
	}
	tree->nodes[tree->node_count] = (struct node){ code, k, yes, no, *bucket };
	*bucket = tree->node_count;
	return tree->node_count++;
}

static void note_arch(struct tree *tree, uint32_t arch)
{
	for (size_t i = 0; i < tree->arch_count; i++)
		if (tree->arches[i] == arch)
			return;
	/* 0 stands for an architecture that the list does not know. */
	if (arch == 0 || tree->arch_count == MAX_ARCHES)
		tree->failed = true;
	else
		tree->arches[tree->arch_count++] = arch;
}

/* A comparison with the number turned out one way, and turns out the other from `change` on. */
static void note_change(struct tree *tree, uint64_t change)
{
	if (change > tree->number && change - 1 < tree->last)
		tree->last = (uint32_t)(change - 1);
}

/* How a comparison with what is known turns out. */
static bool decide(struct tree *tree, const struct sock_filter *at, enum held held)
{
	uint32_t value = held == NUMBER ? tree->number : held == ARCH ? tree->arch : 0;
	if (held == ARCH && at->code != (BPF_JMP | BPF_JEQ | BPF_K))
		tree->failed = true;
	if (held == ARCH)
		note_arch(tree, at->k);
	if (held == NUMBER && at->code != (BPF_JMP | BPF_JGT | BPF_K))
		note_change(tree, at->k);
	if (held == NUMBER && at->code != (BPF_JMP | BPF_JGE | BPF_K))
		note_change(tree, (uint64_t)at->k + 1);
	if (at->code == (BPF_JMP | BPF_JEQ | BPF_K))
		return value == at->k;
	if (at->code == (BPF_JMP | BPF_JGT | BPF_K))
		return value > at->k;
	if (at->code == (BPF_JMP | BPF_JGE | BPF_K))
		return value >= at->k;
	tree->failed = true; /* the bits of a number do not come in ranges */
	return false;
}

static bool is_branch(uint16_t code)
{
	return BPF_CLASS(code) == BPF_JMP && BPF_OP(code) != BPF_JA && BPF_SRC(code) == BPF_K;
}

/* What is left of the list from pc on. Jumps go forward, so this ends. */
static uint32_t read_from(struct tree *tree, size_t pc, enum held held);

static uint32_t read_branch(struct tree *tree, size_t pc)
{
	const struct sock_filter *at = &tree->code[pc];
	if (tree->memo[pc].turn == tree->turn)
		return tree->memo[pc].node;
	uint32_t yes = read_from(tree, pc + 1 + at->jt, DATA);
	uint32_t no = read_from(tree, pc + 1 + at->jf, DATA);
	tree->memo[pc].node = make_node(tree, at->code, at->k, yes, no);
	tree->memo[pc].turn = tree->turn;
	return tree->memo[pc].node;
}

static uint32_t read_from(struct tree *tree, size_t pc, enum held held)
{
	while (pc < tree->count && !tree->failed) {
		const struct sock_filter *at = &tree->code[pc];
		if (at->code == IS_RETURN)
			return make_node(tree, at->code, at->k, NONE, NONE);
		if (at->code == (BPF_JMP | BPF_JA)) {
			pc += (size_t)1 + at->k;
		} else if (at->code == IS_LOAD && (at->k == OFFSET(nr) || at->k == OFFSET(arch))) {
			held = at->k == OFFSET(nr) ? NUMBER : ARCH;
			pc++;
		} else if (is_branch(at->code) && held == DATA) {
			return read_branch(tree, pc);
		} else if (is_branch(at->code)) {
			pc += (size_t)1 + (decide(tree, at, held) ? at->jt : at->jf);
		} else if (at->code == IS_LOAD || (at->code == (BPF_ALU | BPF_AND | BPF_K) && held == DATA)) {
			uint32_t next = read_from(tree, pc + 1, DATA);
			return make_node(tree, at->code, at->k, next, next);
		} else {
			break;
		}
	}
	tree->failed = true;
	return 0;
}

/* --- ranges --- */

/* The ranges from `from` to before `to` as a balanced tree. */
static uint32_t balance(struct tree *tree, size_t from, size_t to)
{
	if (to - from == 1)
		return tree->ranges[from].node;
	size_t middle = from + (to - from) / 2;
	uint32_t no = balance(tree, from, middle);
	uint32_t yes = balance(tree, middle, to);
	return make_node(tree, BPF_JMP | BPF_JGE | BPF_K, tree->ranges[middle].first, yes, no);
}

/* All that the list does for one architecture. */
static uint32_t read_arch(struct tree *tree, uint32_t arch)
{
	size_t count = 0;
	uint64_t number = 0;
	tree->arch = arch;
	while (number <= UINT32_MAX && !tree->failed) {
		tree->number = (uint32_t)number;
		tree->last = UINT32_MAX;
		tree->turn++;
		uint32_t node = read_from(tree, 0, NOTHING);
		if (count == MAX_RANGES)
			tree->failed = true;
		else if (count == 0 || tree->ranges[count - 1].node != node)
			tree->ranges[count++] = (struct range){ (uint32_t)number, node };
		number = (uint64_t)tree->last + 1;
	}
	if (tree->failed)
		return 0;
	if (count == 1)
		return tree->ranges[0].node;
	uint32_t root = balance(tree, 0, count);
	return make_node(tree, IS_LOAD, OFFSET(nr), root, root);
}

static uint32_t read_all(struct tree *tree)
{
	uint32_t roots[MAX_ARCHES];
	uint32_t root = read_arch(tree, 0);
	for (size_t i = 0; i < tree->arch_count && !tree->failed; i++)
		roots[i] = read_arch(tree, tree->arches[i]);
	if (tree->failed || tree->arch_count == 0)
		return root;
	for (size_t i = tree->arch_count; i-- > 0;)
		root = make_node(tree, BPF_JMP | BPF_JEQ | BPF_K, tree->arches[i], roots[i], root);
	return make_node(tree, IS_LOAD, OFFSET(arch), root, root);
}

/* --- writing, from the end --- */

static void put(struct tree *tree, uint16_t code, uint32_t jt, uint32_t jf, uint32_t k)
{
	if (tree->written == BPF_MAXINSNS) {
		tree->failed = true;
		return;
	}
	tree->out[tree->written++] = (struct sock_filter){ code, (uint8_t)jt, (uint8_t)jf, k };
}

/* Instructions between the next one to be written and the node. */
static uint32_t distance(const struct tree *tree, uint32_t node)
{
	return tree->written - 1 - tree->places[node];
}

/* A node that a jump of the next instruction would not reach gets a second place: an answer again, anything else a way to it. */
static void bring_near(struct tree *tree, uint32_t node, uint32_t reach)
{
	if (distance(tree, node) <= reach)
		return;
	if (tree->nodes[node].code == IS_RETURN)
		put(tree, IS_RETURN, 0, 0, tree->nodes[node].k);
	else
		put(tree, BPF_JMP | BPF_JA, 0, 0, distance(tree, node));
	tree->places[node] = tree->written - 1;
}

static void write_node(struct tree *tree, uint32_t at)
{
	const struct node *node = &tree->nodes[at];
	if (tree->places[at] != NONE || tree->failed)
		return;
	if (node->code == IS_RETURN) {
		put(tree, node->code, 0, 0, node->k);
	} else {
		write_node(tree, node->yes);
		write_node(tree, node->no);
		if (tree->failed)
			return;
		bool branch = is_branch(node->code);
		bring_near(tree, node->yes, branch ? REACH : 0);
		bring_near(tree, node->no, branch ? REACH : 0);
		put(tree, node->code, branch ? distance(tree, node->yes) : 0, branch ? distance(tree, node->no) : 0, node->k);
	}
	tree->places[at] = tree->written - 1;
}

void bsn_seccomp_make_tree(struct bsn_seccomp_filter *filter)
{
	if (filter->count == 0 || filter->count > BPF_MAXINSNS)
		return;
	struct tree *tree = calloc(1, sizeof(*tree));
	if (tree == NULL)
		return;
	tree->code = filter->code;
	tree->count = filter->count;
	memset(tree->buckets, 0xff, sizeof(tree->buckets));
	memset(tree->places, 0xff, sizeof(tree->places));
	uint32_t root = read_all(tree);
	if (!tree->failed)
		write_node(tree, root);
	struct sock_filter *code = tree->failed ? NULL : malloc(tree->written * sizeof(*code));
	if (code != NULL) {
		for (uint32_t i = 0; i < tree->written; i++)
			code[i] = tree->out[tree->written - 1 - i];
		free(filter->code);
		filter->code = code;
		filter->count = tree->written;
	}
	free(tree);
}
