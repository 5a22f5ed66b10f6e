/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of the program: its arguments, its environment and how it is found. Of several variables with one name the last holds, as
 * every shell would have it; programs that search from the front would otherwise see another value than those that search from the end.
 */
#include <stdlib.h>

#include "runtime/plan.h"

#define HOME_ROOM 256

static size_t name_length(const char *variable)
{
	return strcspn(variable, "=");
}

/* Where the name is in the table, or belongs. The table is never full. */
static size_t slot_of(const char *const *table, size_t room, const char *variable)
{
	size_t length = name_length(variable);
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)variable[i]) * 16777619u;
	size_t slot = hash & (room - 1);
	while (table[slot] != NULL && (strncmp(table[slot], variable, length) != 0 || name_length(table[slot]) != length))
		slot = (slot + 1) & (room - 1);
	return slot;
}

/* Puts the last variable of each name into kept (room for all of them), in the order in which those stand; how many, or -ENOMEM. */
static ssize_t keep_last(const struct bsn_strings *env, const char **kept)
{
	size_t room = 16;
	while (room < env->count * 2)
		room *= 2;
	const char **table = calloc(room, sizeof(*table));
	size_t count = env->count;
	if (table == NULL)
		return -ENOMEM;
	for (size_t i = env->count; i-- > 0;) {
		size_t slot = slot_of(table, room, env->of[i]);
		if (table[slot] != NULL)
			continue;
		table[slot] = env->of[i];
		kept[--count] = env->of[i];
	}
	free(table);
	memmove(kept, kept + count, (env->count - count) * sizeof(*kept));
	return (ssize_t)(env->count - count);
}

/* Takes an empty HOME out; whether there is one that says something. */
static bool take_home(const char **env, size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		if (!bsn_starts_with(env[i], "HOME="))
			continue;
		if (env[i][5] != '\0')
			return true;
		memmove(env + i, env + i + 1, (--*count - i) * sizeof(*env));
		return false;
	}
	return false;
}

/* The environment without doubles. Without a home directory in it there is room for one at its end, which the child looks up. */
static uint32_t add_environment(struct bsn_plan *plan, const struct bsn_strings *env, uint32_t *ret_home)
{
	static const char home[HOME_ROOM] = "HOME=/";
	const char **kept = calloc(env->count + 1, sizeof(*kept));
	ssize_t n = kept == NULL ? -ENOMEM : keep_last(env, kept);
	if (n < 0) {
		plan->list.failed = true;
		free(kept);
		return 0;
	}
	size_t count = (size_t)n;
	*ret_home = take_home(kept, &count) ? 0 : bsn_list_bytes(&plan->list, home, sizeof(home));
	uint32_t at = bsn_list_vector_and(&plan->list, kept, count, *ret_home);
	free(kept);
	return at;
}

void bsn_plan_lookup(struct bsn_plan *plan, const struct bsn_process_config *process)
{
	uint32_t home = 0;
	uint32_t argv = bsn_list_vector(&plan->list, process->args.of, process->args.count);
	uint32_t envp = add_environment(plan, &process->env, &home);
	struct bsn_op *op = bsn_list_add_number(&plan->list, BSN_OP_LOOKUP, process->uid);
	op->text[0] = argv;
	op->text[1] = envp;
	op->text[2] = home;
	op->count = home != 0 ? HOME_ROOM : 0;
}
