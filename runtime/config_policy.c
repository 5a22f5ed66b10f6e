/* SPDX-License-Identifier: Apache-2.0 */
/* How the kernel is to schedule a process: process.scheduler, ioPriority, execCPUAffinity. */
#include <linux/ioprio.h>
#include <linux/sched.h>

#include "base/str.h"
#include "runtime/config_parse.h"

static const struct bsn_config_word policy_words[] = {
	{ "SCHED_OTHER", SCHED_NORMAL },
	{ "SCHED_FIFO", SCHED_FIFO },
	{ "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH },
	{ "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", SCHED_DEADLINE },
	{ NULL, 0 },
};

static const struct bsn_config_word flag_words[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },   { "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },         { "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },       { "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX }, { NULL, 0 },
};

static const struct bsn_config_word io_class_words[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
	{ NULL, 0 },
};

#define DEADLINE         "sched_setattr: `SCHED_DEADLINE`"
#define DEADLINE_RUN_MIN 1024 /* ns, sched_setattr(2) */

/* The kernel has one errno for all of this; the words are crun's. */
static int check_deadline(const struct bsn_scheduler *scheduler, const json_t *json, const char *path, struct basin_error *err)
{
	static const char *const required[] = { "runtime", "deadline" };
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		if (json_object_get(json, required[i]) == NULL)
			return bsn_config_wrong(err, "%s: " DEADLINE " requires `%s`", path, required[i]);
	unsigned long long runtime = scheduler->runtime;
	unsigned long long deadline = scheduler->deadline;
	unsigned long long period = scheduler->period;
	if (runtime == 0)
		return bsn_config_wrong(err, "%s: " DEADLINE " runtime must be greater than 0", path);
	if (runtime < DEADLINE_RUN_MIN || runtime > INT64_MAX)
		return bsn_config_wrong(err, "%s: " DEADLINE " runtime (%llu ns) must be between %d and %lld", path, runtime,
					DEADLINE_RUN_MIN, (long long)INT64_MAX);
	if (runtime > deadline)
		return bsn_config_wrong(err, "%s: " DEADLINE " runtime (%llu ns) must be <= deadline (%llu ns)", path, runtime,
					deadline);
	if (period != 0 && deadline > period)
		return bsn_config_wrong(err, "%s: " DEADLINE " deadline (%llu ns) must be <= period (%llu ns)", path, deadline,
					period);
	return 0;
}

/* A nice value where the policy has no use for it is passed over, by the kernel as by other runtimes. */
static int check_scheduler(const struct bsn_scheduler *scheduler, const json_t *json, const char *path, struct basin_error *err)
{
	bool realtime = scheduler->policy == SCHED_FIFO || scheduler->policy == SCHED_RR;
	if (scheduler->priority != 0 && !realtime)
		return bsn_config_wrong(err, "%s.priority: only SCHED_FIFO and SCHED_RR have one", path);
	if (realtime && scheduler->priority == 0)
		return bsn_config_wrong(err, "%s.priority: SCHED_FIFO and SCHED_RR need one from 1 to 99", path);
	if (scheduler->policy == SCHED_DEADLINE)
		return check_deadline(scheduler, json, path, err);
	if (scheduler->runtime != 0 || scheduler->deadline != 0 || scheduler->period != 0)
		return bsn_config_wrong(err, "%s: runtime, deadline and period are for SCHED_DEADLINE only", path);
	return 0;
}

static int parse_scheduler(struct bsn_scheduler *scheduler, const json_t *json, const char *path, struct basin_error *err)
{
	uint64_t policy = 0;
	int64_t nice = 0;
	int64_t priority = 0;
	int r = bsn_config_word(json, path, "policy", policy_words, &policy, err);
	if (r == 0)
		r = bsn_config_wrong(err, "%s.policy: must be given", path);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "nice", -20, 19, &nice, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "priority", 0, 99, &priority, err);
	if (r >= 0)
		r = bsn_config_word_mask(json, path, "flags", flag_words, &scheduler->flags, NULL, err);
	if (r >= 0)
		r = bsn_json_get_u64(json, path, "runtime", &scheduler->runtime, err);
	if (r >= 0)
		r = bsn_json_get_u64(json, path, "deadline", &scheduler->deadline, err);
	if (r >= 0)
		r = bsn_json_get_u64(json, path, "period", &scheduler->period, err);
	if (r < 0)
		return r;
	scheduler->given = true;
	scheduler->policy = (int)policy;
	scheduler->nice = (int32_t)nice;
	scheduler->priority = (int32_t)priority;
	return check_scheduler(scheduler, json, path, err);
}

static int parse_io_priority(struct bsn_process_config *process, const json_t *json, const char *path, struct basin_error *err)
{
	uint64_t class = 0;
	int64_t priority = 0;
	int r = bsn_config_word(json, path, "class", io_class_words, &class, err);
	if (r == 0)
		r = bsn_config_wrong(err, "%s.class: must be given", path);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "priority", 0, 7, &priority, err);
	if (r < 0)
		return r;
	process->io_priority = IOPRIO_PRIO_VALUE((int)class, (int)priority);
	return 0;
}

int bsn_config_process_policy(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	json_t *object = NULL;
	char at[BSN_CONFIG_PATH];
	int r = bsn_json_get_object(json, path, "scheduler", &object, err);
	if (r > 0) {
		bsn_format(at, sizeof(at), "%s.scheduler", path);
		r = parse_scheduler(&process->scheduler, object, at, err);
	}
	if (r >= 0)
		r = bsn_json_get_object(json, path, "ioPriority", &object, err);
	if (r > 0) {
		bsn_format(at, sizeof(at), "%s.ioPriority", path);
		r = parse_io_priority(process, object, at, err);
	}
	if (r >= 0)
		r = bsn_json_get_object(json, path, "execCPUAffinity", &object, err);
	if (r > 0) {
		bsn_format(at, sizeof(at), "%s.execCPUAffinity", path);
		r = bsn_config_list(object, at, "initial", &process->cpu_initial, err);
		if (r >= 0)
			r = bsn_config_list(object, at, "final", &process->cpu_final, err);
	}
	return r < 0 ? r : 0;
}
