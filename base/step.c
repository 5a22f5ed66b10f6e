/* SPDX-License-Identifier: Apache-2.0 */
#include "base/step.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"

#define RECORD_MAX (1024 * 1024)

struct entry {
	char *step;
	char *value;
	bool done;
};

struct bsn_record {
	int fd;
	bool durable;
	struct entry *entries;
	size_t count;
};

static struct entry *find(const struct bsn_record *record, const char *step)
{
	for (size_t i = 0; i < record->count; i++)
		if (bsn_streq(record->entries[i].step, step))
			return &record->entries[i];
	return NULL;
}

static void forget(struct bsn_record *record, const char *step)
{
	struct entry *entry = find(record, step);
	if (entry == NULL)
		return;
	free(entry->step);
	free(entry->value);
	size_t after = (size_t)(record->entries + record->count - (entry + 1));
	memmove(entry, entry + 1, after * sizeof(*entry));
	record->count--;
}

static int remember(struct bsn_record *record, const char *step, const char *value)
{
	forget(record, step);
	struct entry *entries = realloc(record->entries, (record->count + 1) * sizeof(*entries));
	if (entries == NULL)
		return -ENOMEM;
	record->entries = entries;
	struct entry *entry = &entries[record->count];
	*entry = (struct entry){ .step = strdup(step), .value = strdup(value) };
	if (entry->step == NULL || entry->value == NULL) {
		free(entry->step);
		free(entry->value);
		return -ENOMEM;
	}
	record->count++;
	return 0;
}

/* Takes one line of the file. An unknown or torn line (the last one, after a power cut) announces nothing that was begun. */
static int replay(struct bsn_record *record, char *line)
{
	char *rest = line;
	const char *word = strsep(&rest, " ");
	const char *step = rest != NULL ? strsep(&rest, " ") : NULL;
	if (step == NULL)
		return 0;
	if (bsn_streq(word, "intend"))
		return remember(record, step, rest != NULL ? rest : "");
	if (bsn_streq(word, "undone"))
		forget(record, step);
	struct entry *entry = bsn_streq(word, "done") ? find(record, step) : NULL;
	if (entry != NULL)
		entry->done = true;
	return 0;
}

static int load(struct bsn_record *record)
{
	auto_free char *text = NULL;
	int r = bsn_read_fd(record->fd, RECORD_MAX, &text, NULL);
	if (r < 0)
		return r;
	char *rest = text;
	while (rest != NULL && r >= 0) {
		char *line = rest;
		char *end = strchr(line, '\n');
		if (end == NULL)
			break;
		*end = '\0';
		rest = end + 1;
		r = replay(record, line);
	}
	return r;
}

int bsn_record_open(int dirfd, const char *name, bool durable, struct bsn_record **ret_record, struct basin_error *err)
{
	struct bsn_record *record = calloc(1, sizeof(*record));
	if (record == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot open the record \"%s\"", name);
	record->durable = durable;
	record->fd = bsn_sys_openat(dirfd, name, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
	int r = record->fd < 0 ? record->fd : load(record);
	if (r < 0) {
		bsn_record_close(record);
		return bsn_fail_sys(err, -r, "cannot open the record \"%s\"", name);
	}
	*ret_record = record;
	return 0;
}

void bsn_record_close(struct bsn_record *record)
{
	if (record == NULL)
		return;
	for (size_t i = 0; i < record->count; i++) {
		free(record->entries[i].step);
		free(record->entries[i].value);
	}
	free(record->entries);
	if (record->fd >= 0)
		close(record->fd);
	free(record);
}

const char *bsn_record_value(const struct bsn_record *record, const char *step)
{
	const struct entry *entry = find(record, step);
	return entry != NULL ? entry->value : NULL;
}

bool bsn_record_done(const struct bsn_record *record, const char *step)
{
	const struct entry *entry = find(record, step);
	return entry != NULL && entry->done;
}

bool bsn_record_clean(const struct bsn_record *record)
{
	return record->count == 0;
}

static int append(struct bsn_record *record, const char *word, const char *step, const char *value)
{
	auto_str struct bsn_str line = { 0 };
	bsn_str_addf(&line, "%s %s%s%s\n", word, step, value != NULL ? " " : "", value != NULL ? value : "");
	if (line.failed)
		return -ENOMEM;
	int r = bsn_write_all(record->fd, line.data, line.length);
	if (r >= 0 && record->durable)
		r = bsn_sys_fsync(record->fd);
	return r;
}

static int announce(struct bsn_record *record, const struct bsn_step *step, const char *value, struct basin_error *err)
{
	if (strchr(value, '\n') != NULL)
		return bsn_fail(err, BASIN_INTERNAL, EINVAL, "step \"%s\" names an object with a newline", step->name);
	int r = append(record, "intend", step->name, value);
	if (r >= 0)
		r = remember(record, step->name, value);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot record step \"%s\"", step->name) : 0;
}

static int run_step(const struct bsn_step *step, struct bsn_record *record, void *run, struct basin_error *err)
{
	auto_str struct bsn_str value = { 0 };
	int r = step->intend != NULL ? step->intend(run, &value, err) : 0;
	if (r == BSN_STEP_SKIP)
		return 0;
	if (r >= 0 && value.failed)
		r = bsn_fail_sys(err, ENOMEM, "step \"%s\"", step->name);
	if (r >= 0)
		r = announce(record, step, bsn_str_text(&value), err);
	if (r < 0)
		return r;
	int fault = bsn_fault_gate(step->name);
	if (fault < 0)
		return bsn_fail_sys(err, -fault, "step \"%s\"", step->name);
	r = step->apply(run, bsn_str_text(&value), err);
	if (r < 0)
		return r;
	r = append(record, "done", step->name, NULL);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot record step \"%s\"", step->name);
	find(record, step->name)->done = true;
	return 0;
}

int bsn_steps_apply(const struct bsn_step *steps, size_t count, struct bsn_record *record, void *run, void *world,
		    struct basin_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = run_step(&steps[i], record, run, err);
		if (r < 0) {
			/* The first error is the one to tell; what could not be undone stays in the record. */
			bsn_steps_undo(steps, count, record, world, NULL);
			return r;
		}
	}
	return 0;
}

static int undo_step(const struct bsn_step *step, struct bsn_record *record, void *world, struct basin_error *err)
{
	const char *value = bsn_record_value(record, step->name);
	if (value == NULL)
		return 0;
	int r = bsn_fault_gate(step->name);
	if (r < 0)
		return bsn_fail_sys(err, -r, "undoing step \"%s\"", step->name);
	r = step->undo != NULL ? step->undo(world, value, err) : 0;
	if (r < 0)
		return r;
	r = append(record, "undone", step->name, NULL);
	/* On a full file system it is undone once more by whoever comes next; what makes room again must not fail for want of it. */
	if (r < 0 && r != -ENOSPC && r != -EDQUOT)
		return bsn_fail_sys(err, -r, "cannot record the undoing of step \"%s\"", step->name);
	forget(record, step->name);
	return 0;
}

int bsn_steps_undo(const struct bsn_step *steps, size_t count, struct bsn_record *record, void *world, struct basin_error *err)
{
	int first = 0;
	for (size_t i = count; i-- > 0;) {
		int r = undo_step(&steps[i], record, world, first < 0 ? NULL : err);
		if (r < 0 && first >= 0)
			first = r;
	}
	return first;
}
