/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The knobs of a cgroup: one row of the table is one file. A new knob with one number is a field in struct bsn_cgroup_resources,
 * its line in the initialiser, and a row here; the rest (which controllers are needed, what --enforce available drops) follows
 * from the row.
 *
 * The order of the rows is the order of writing, and matters: cpu.idle=1 refuses a weight; memory.high before memory.max lets the
 * kernel reclaim before it kills.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/cgroup_knobs.h"

#define VALUE_ROOM 64

/* A cgroup's directory that is being written to. */
struct target {
	int fd;
	bool create;
};

static int put(const struct target *target, const char *file, const char *value)
{
	int flags = O_WRONLY | (target->create ? O_CREAT | O_TRUNC : 0);
	auto_fd int fd = bsn_sys_openat(target->fd, file, flags, 0644);
	if (fd < 0)
		return fd;
	ssize_t n = bsn_sys_write(fd, value, strlen(value));
	return n < 0 ? (int)n : 0;
}

static int fail_put(int r, const char *file, const char *value, struct basin_error *err)
{
	switch (r) {
	case -ENOENT:
	case -ENODEV:
		return bsn_fail(err, BASIN_UNSUPPORTED, -r,
				"cannot set %s to \"%s\": this kernel has no such knob or device: no such file or directory",
				file, value);
	case -EINVAL:
	case -ERANGE:
		return bsn_fail(err, BASIN_USAGE, -r, "the kernel does not take \"%s\" for %s", value, file);
	default:
		return bsn_fail_sys(err, -r, "cannot set %s to \"%s\"", file, value);
	}
}

static int put_checked(const struct target *target, const char *file, const char *value, struct basin_error *err)
{
	int r = put(target, file, value);
	return r < 0 ? fail_put(r, file, value, err) : 0;
}

/*
 * A quota below the burst that is still set, or a burst above the quota that is still set, is refused: then the burst goes first.
 */
static int write_cpu_max(const struct target *target, const struct bsn_cgroup_resources *resources, const char *value,
			 struct basin_error *err)
{
	int r = put(target, "cpu.max", value);
	if (r == -EINVAL && resources->cpu_burst >= 0) {
		char burst[VALUE_ROOM];
		snprintf(burst, sizeof(burst), "%" PRId64, resources->cpu_burst);
		if (put(target, "cpu.max.burst", burst) >= 0)
			r = put(target, "cpu.max", value);
	}
	return r < 0 ? fail_put(r, "cpu.max", value, err) : 0;
}

/* What is in use, after what is only cached above the limit was asked back; 0 where that cannot be told. */
static int64_t settled_usage(const struct target *target, int64_t limit)
{
	int64_t current = 0;
	for (int tries = 0; tries < 2; tries++) {
		auto_free char *text = NULL;
		char excess[VALUE_ROOM];
		if (bsn_cgroup_read(target->fd, "memory.current", &text) < 0)
			return 0;
		current = strtoll(text, NULL, 10);
		snprintf(excess, sizeof(excess), "%" PRId64, current - limit);
		if (current <= limit || (tries == 0 && put(target, "memory.reclaim", excess) < 0))
			break;
	}
	return current;
}

/* Refuses a limit below what is in use and stays in use, which the kernel would answer with a kill. In runc's words. */
static int check_memory(const struct target *target, const struct bsn_cgroup_resources *resources, struct basin_error *err)
{
	int64_t limit = resources->memory_max;
	int64_t usage = settled_usage(target, limit);
	if (resources->memory_swap_max > 0 && limit + resources->memory_swap_max < usage)
		return bsn_fail(err, BASIN_BUSY, EBUSY,
				"rejecting memory+swap limit %" PRId64 " <= usage %" PRId64
				": free some, or lower it without the check",
				limit + resources->memory_swap_max, usage);
	if (limit < usage)
		return bsn_fail(err, BASIN_BUSY, EBUSY,
				"rejecting memory limit %" PRId64 " <= usage %" PRId64
				": free some, or lower it without the check",
				limit, usage);
	return 0;
}

static bool wants_check(const struct bsn_cgroup_resources *resources)
{
	return resources->memory_check && resources->memory_max != BSN_CGROUP_MAX && resources->memory_max != BSN_CGROUP_UNSET;
}

int bsn_cgroup_check_memory(int fd, const struct bsn_cgroup_resources *resources, struct basin_error *err)
{
	const struct target target = { .fd = fd };
	return wants_check(resources) ? check_memory(&target, resources, err) : 0;
}

static int write_memory_max(const struct target *target, const struct bsn_cgroup_resources *resources, const char *value,
			    struct basin_error *err)
{
	int r = wants_check(resources) ? check_memory(target, resources, err) : 0;
	return r < 0 ? r : put_checked(target, "memory.max", value, err);
}

/* A kernel that cannot swap has the controller without this file, and nothing to limit. */
static int write_swap_max(const struct target *target, const struct bsn_cgroup_resources *resources, const char *value,
			  struct basin_error *err)
{
	(void)resources;
	int r = put(target, "memory.swap.max", value);
	if (r == -ENOENT && faccessat(target->fd, "memory.max", F_OK, 0) == 0)
		return 0;
	return r < 0 ? fail_put(r, "memory.swap.max", value, err) : 0;
}

/*
 * Two policies share by weight: where BFQ is there it schedules, by 1 to 1000 as in version 1; the other, iocost, has 1 to 10000. device
 * is "MAJOR:MINOR " or empty.
 */
static int put_io_weight(const struct target *target, const char *device, int64_t weight, struct basin_error *err)
{
	char value[VALUE_ROOM];
	snprintf(value, sizeof(value), "%s%" PRId64, device, bsn_cgroup_io_weight_bfq(weight));
	int r = put(&(struct target){ .fd = target->fd }, "io.bfq.weight", value);
	if (r != -ENOENT)
		return r < 0 ? fail_put(r, "io.bfq.weight", value, err) : 0;
	snprintf(value, sizeof(value), "%s%" PRId64, device, weight);
	return put_checked(target, "io.weight", value, err);
}

static int write_io_weight(const struct target *target, const struct bsn_cgroup_resources *resources, const char *value,
			   struct basin_error *err)
{
	(void)value;
	return put_io_weight(target, "", resources->io_weight, err);
}

struct knob {
	const char *file;
	enum bsn_controller controller;
	size_t field; /* of the int64_t, or the char *, in struct bsn_cgroup_resources */
	bool text;    /* the field is a char * */
	/* Where a number alone is not the file's form: fills value (VALUE_ROOM) and returns true, or false for "unset". */
	bool (*format)(const struct bsn_cgroup_resources *resources, char *value);
	/* Where one write is not all there is to it. */
	int (*write)(const struct target *target, const struct bsn_cgroup_resources *resources, const char *value,
		     struct basin_error *err);
};

static bool format_cpu_weight(const struct bsn_cgroup_resources *resources, char *value)
{
	if (resources->cpu_weight == BSN_CGROUP_UNSET || resources->cpu_idle == 1)
		return false;
	snprintf(value, VALUE_ROOM, "%" PRId64, resources->cpu_weight);
	return true;
}

static bool format_cpu_max(const struct bsn_cgroup_resources *resources, char *value)
{
	char quota[24] = "max", period[24] = "";
	if (resources->cpu_quota == BSN_CGROUP_UNSET && resources->cpu_period == BSN_CGROUP_UNSET)
		return false;
	if (resources->cpu_quota > 0)
		snprintf(quota, sizeof(quota), "%" PRId64, resources->cpu_quota);
	if (resources->cpu_period != BSN_CGROUP_UNSET)
		snprintf(period, sizeof(period), " %" PRId64, resources->cpu_period);
	snprintf(value, VALUE_ROOM, "%s%s", quota, period);
	return true;
}

#define KNOB(name, of, member, ...)                                                                                              \
	{                                                                                                                        \
		.file = name, .controller = BSN_CONTROLLER_##of, .field = offsetof(struct bsn_cgroup_resources, member),         \
		__VA_ARGS__                                                                                                      \
	}

static const struct knob knobs[] = {
	KNOB("cpu.idle", CPU, cpu_idle),
	KNOB("cpu.weight", CPU, cpu_weight, .format = format_cpu_weight),
	KNOB("cpu.max", CPU, cpu_quota, .format = format_cpu_max, .write = write_cpu_max),
	KNOB("cpu.max.burst", CPU, cpu_burst),
	KNOB("cpuset.cpus", CPUSET, cpuset_cpus, .text = true),
	KNOB("cpuset.mems", CPUSET, cpuset_mems, .text = true),
	KNOB("memory.min", MEMORY, memory_min),
	KNOB("memory.low", MEMORY, memory_low),
	KNOB("memory.high", MEMORY, memory_high),
	KNOB("memory.max", MEMORY, memory_max, .write = write_memory_max),
	KNOB("memory.swap.max", MEMORY, memory_swap_max, .write = write_swap_max),
	KNOB("memory.oom.group", MEMORY, memory_oom_group),
	KNOB("pids.max", PIDS, pids_max),
	KNOB("io.weight", IO, io_weight, .write = write_io_weight),
};

#define KNOBS (sizeof(knobs) / sizeof(knobs[0]))

static int64_t number_of(const struct bsn_cgroup_resources *resources, const struct knob *knob)
{
	return *(const int64_t *)((const char *)resources + knob->field);
}

static const char *text_of(const struct bsn_cgroup_resources *resources, const struct knob *knob)
{
	return *(char *const *)((const char *)resources + knob->field);
}

/* The text to write, in value or elsewhere; NULL when the knob is unset. */
static const char *format_knob(const struct bsn_cgroup_resources *resources, const struct knob *knob, char *value)
{
	if (knob->format != NULL)
		return knob->format(resources, value) ? value : NULL;
	if (knob->text)
		return text_of(resources, knob);
	int64_t number = number_of(resources, knob);
	if (number == BSN_CGROUP_UNSET)
		return NULL;
	if (number == BSN_CGROUP_MAX)
		return "max";
	snprintf(value, VALUE_ROOM, "%" PRId64, number);
	return value;
}

/* "max" where the file is missing, since its controller is: there is no limit then, and so none to lift. Engines write it as a default. */
static bool lifts(const struct bsn_cgroup_resources *resources, const struct knob *knob)
{
	return !knob->text && number_of(resources, knob) == BSN_CGROUP_MAX;
}

static int write_table(const struct target *target, const struct bsn_cgroup_resources *resources, struct basin_error *err)
{
	for (size_t i = 0; i < KNOBS; i++) {
		char room[VALUE_ROOM];
		const char *value = format_knob(resources, &knobs[i], room);
		if (value == NULL ||
		    (!target->create && lifts(resources, &knobs[i]) && faccessat(target->fd, knobs[i].file, F_OK, 0) < 0))
			continue;
		int r = knobs[i].write != NULL ? knobs[i].write(target, resources, value, err)
					       : put_checked(target, knobs[i].file, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_io(const struct target *target, const struct bsn_cgroup_io *io, struct basin_error *err)
{
	static const char *const keys[] = {
		[BSN_IO_RBPS] = "rbps=", [BSN_IO_WBPS] = "wbps=", [BSN_IO_RIOPS] = "riops=", [BSN_IO_WIOPS] = "wiops="
	};
	char value[96], device[32], number[24] = "max";
	snprintf(device, sizeof(device), "%u:%u ", io->major, io->minor);
	if (io->kind == BSN_IO_WEIGHT)
		return put_io_weight(target, device, io->value, err);
	if (io->value != BSN_CGROUP_MAX)
		snprintf(number, sizeof(number), "%" PRId64, io->value);
	snprintf(value, sizeof(value), "%s%s%s", device, keys[io->kind], number);
	return put_checked(target, "io.max", value, err);
}

static int write_hugetlb(const struct target *target, const struct bsn_cgroup_hugetlb *hugetlb, struct basin_error *err)
{
	char file[64], value[24] = "max";
	if (strchr(hugetlb->page_size, '/') != NULL || bsn_format(file, sizeof(file), "hugetlb.%s.max", hugetlb->page_size) < 0)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" is no size of huge pages (as in \"2MB\")", hugetlb->page_size);
	if (hugetlb->limit != BSN_CGROUP_MAX)
		snprintf(value, sizeof(value), "%" PRId64, hugetlb->limit);
	int r = put_checked(target, file, value, err);
	if (r < 0)
		return r;
	/* The reservation limit is newer than the other one; what reserves and never touches is held by it. */
	bsn_format(file, sizeof(file), "hugetlb.%s.rsvd.max", hugetlb->page_size);
	r = put(target, file, value);
	return r < 0 && r != -ENOENT ? fail_put(r, file, value, err) : 0;
}

static int write_rdma(const struct target *target, const struct bsn_cgroup_rdma *rdma, struct basin_error *err)
{
	auto_str struct bsn_str value = { 0 };
	bsn_str_add(&value, rdma->device);
	const struct {
		const char *key;
		int64_t value;
	} parts[] = { { "hca_handle", rdma->handles }, { "hca_object", rdma->objects } };
	for (size_t i = 0; i < 2; i++)
		if (parts[i].value == BSN_CGROUP_MAX)
			bsn_str_addf(&value, " %s=max", parts[i].key);
		else if (parts[i].value != BSN_CGROUP_UNSET)
			bsn_str_addf(&value, " %s=%" PRId64, parts[i].key, parts[i].value);
	if (value.failed)
		return bsn_fail_sys(err, ENOMEM, "cannot set rdma.max");
	return put_checked(target, "rdma.max", bsn_str_text(&value), err);
}

/* The controller whose knob a file name is: what stands before its first dot; BSN_CONTROLLERS for "cgroup" and unknown ones. */
static enum bsn_controller controller_of(const char *file)
{
	for (int i = 0; i < BSN_CONTROLLERS; i++) {
		const char *name = bsn_controller_name((enum bsn_controller)i);
		size_t length = strlen(name);
		if (strncmp(file, name, length) == 0 && file[length] == '.')
			return (enum bsn_controller)i;
	}
	return BSN_CONTROLLERS;
}

/* What stands before the first dot is no controller at all, as opposed to one that is not enabled here (yet). */
static int check_controller(const struct target *target, const char *file, struct basin_error *err)
{
	int length = (int)strcspn(file, ".");
	if (controller_of(file) != BSN_CONTROLLERS || strncmp(file, "cgroup.", 7) == 0 ||
	    faccessat(target->fd, file, F_OK, 0) == 0)
		return 0;
	return bsn_fail(err, BASIN_UNSUPPORTED, EINVAL, "cannot set %s: the requested cgroup controller `%.*s` is not available",
			file, length, file);
}

static int write_unified(const struct target *target, const struct bsn_cgroup_unified *unified, struct basin_error *err)
{
	if (strchr(unified->file, '/') != NULL || strchr(unified->file, '.') == NULL || unified->file[0] == '.')
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" is not the name of a cgroup file", unified->file);
	int checked = target->create ? 0 : check_controller(target, unified->file, err);
	if (checked < 0)
		return checked;
	auto_free char *copy = strdup(unified->value);
	if (copy == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot set %s", unified->file);
	char *rest = copy;
	for (const char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		int r = *line != '\0' ? put_checked(target, unified->file, line, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int bsn_cgroup_write_knobs(int fd, bool create, const struct bsn_cgroup_resources *resources, struct basin_error *err)
{
	const struct target target = { .fd = fd, .create = create };
	int r = write_table(&target, resources, err);
	for (size_t i = 0; r >= 0 && i < resources->io_count; i++)
		r = write_io(&target, &resources->io[i], err);
	for (size_t i = 0; r >= 0 && i < resources->hugetlb_count; i++)
		r = write_hugetlb(&target, &resources->hugetlb[i], err);
	for (size_t i = 0; r >= 0 && i < resources->rdma_count; i++)
		r = write_rdma(&target, &resources->rdma[i], err);
	for (size_t i = 0; r >= 0 && i < resources->unified_count; i++)
		r = write_unified(&target, &resources->unified[i], err);
	return r;
}

/* --- which controllers they need --- */

static bool is_set(const struct bsn_cgroup_resources *resources, const struct knob *knob)
{
	char room[VALUE_ROOM];
	return format_knob(resources, knob, room) != NULL && !lifts(resources, knob);
}

uint32_t bsn_cgroup_resources_controllers(const struct bsn_cgroup_resources *resources)
{
	uint32_t mask = 0;
	for (size_t i = 0; i < KNOBS; i++)
		if (is_set(resources, &knobs[i]))
			mask |= BSN_CONTROLLER_BIT(knobs[i].controller);
	for (size_t i = 0; i < resources->unified_count; i++)
		mask |= BSN_CONTROLLER_BIT(controller_of(resources->unified[i].file));
	mask |= resources->io_count > 0 ? BSN_CONTROLLER_BIT(BSN_CONTROLLER_IO) : 0;
	mask |= resources->hugetlb_count > 0 ? BSN_CONTROLLER_BIT(BSN_CONTROLLER_HUGETLB) : 0;
	mask |= resources->rdma_count > 0 ? BSN_CONTROLLER_BIT(BSN_CONTROLLER_RDMA) : 0;
	return mask & (BSN_CONTROLLER_BIT(BSN_CONTROLLERS) - 1);
}

static void clear_knob(struct bsn_cgroup_resources *resources, const struct knob *knob)
{
	char *field = (char *)resources + knob->field;
	if (!knob->text) {
		*(int64_t *)field = BSN_CGROUP_UNSET;
		return;
	}
	free(*(char **)field);
	*(char **)field = NULL;
}

uint32_t bsn_cgroup_resources_restrict(struct bsn_cgroup_resources *resources, uint32_t mask)
{
	uint32_t dropped = bsn_cgroup_resources_controllers(resources) & ~mask;
	for (size_t i = 0; i < KNOBS; i++)
		if ((dropped & BSN_CONTROLLER_BIT(knobs[i].controller)) != 0)
			clear_knob(resources, &knobs[i]);
	if ((dropped & BSN_CONTROLLER_BIT(BSN_CONTROLLER_CPU)) != 0)
		resources->cpu_period = BSN_CGROUP_UNSET;
	size_t kept = 0;
	for (size_t i = 0; i < resources->unified_count; i++) {
		struct bsn_cgroup_unified *unified = &resources->unified[i];
		if ((dropped & BSN_CONTROLLER_BIT(controller_of(unified->file))) == 0) {
			resources->unified[kept++] = *unified;
			continue;
		}
		free(unified->file);
		free(unified->value);
	}
	resources->unified_count = kept;
	if ((dropped & BSN_CONTROLLER_BIT(BSN_CONTROLLER_IO)) != 0)
		resources->io_count = 0;
	for (; (dropped & BSN_CONTROLLER_BIT(BSN_CONTROLLER_HUGETLB)) != 0 && resources->hugetlb_count > 0;
	     resources->hugetlb_count--)
		free(resources->hugetlb[resources->hugetlb_count - 1].page_size);
	for (; (dropped & BSN_CONTROLLER_BIT(BSN_CONTROLLER_RDMA)) != 0 && resources->rdma_count > 0; resources->rdma_count--)
		free(resources->rdma[resources->rdma_count - 1].device);
	return dropped;
}

void bsn_cgroup_resources_release(struct bsn_cgroup_resources *resources)
{
	bsn_cgroup_resources_restrict(resources, 0);
	/* What no controller owns ("cgroup.max.depth") is left: nothing is wanted of these either. */
	for (size_t i = 0; i < resources->unified_count; i++) {
		free(resources->unified[i].file);
		free(resources->unified[i].value);
	}
	free(resources->io);
	free(resources->hugetlb);
	free(resources->rdma);
	free(resources->unified);
	free(resources->devices);
	*resources = (struct bsn_cgroup_resources)BSN_CGROUP_RESOURCES_INIT;
}
