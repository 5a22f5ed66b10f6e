/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/systemd/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"
#include "runtime/systemd/properties.h"

#define SYSTEMD    "org.freedesktop.systemd1"
#define OBJECT     "/org/freedesktop/systemd1"
#define MANAGER    SYSTEMD ".Manager"
#define JOB_WAIT_S 30

struct bsn_bus {
	sd_bus *bus;
	bool user;
	int version;
	char *job;       /* the job that is waited for; NULL: its path is not known yet */
	char result[64]; /* of the job; "": it goes on */
};

typedef sd_bus_message *message_pointer;
BSN_OWNER(message_pointer, sd_bus_message_unref);
#define auto_message auto_of(sd_bus_message_unref)

void bsn_bus_close(struct bsn_bus *bus)
{
	if (bus == NULL)
		return;
	sd_bus_flush_close_unref(bus->bus);
	free(bus->job);
	free(bus);
}
BSN_OWNER(struct bsn_bus *, bsn_bus_close);

/* --- the connection --- */

static int open_address(sd_bus **ret_bus, const char *address)
{
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		return r;
	}
	*ret_bus = bus;
	return 0;
}

/* Where there is no message bus, root may talk to systemd itself, as systemctl(1) does. */
static int open_system(sd_bus **ret_bus)
{
	int r = sd_bus_open_system(ret_bus);
	return r < 0 && open_address(ret_bus, "unix:path=/run/systemd/private") >= 0 ? 0 : r;
}

/* $DBUS_SESSION_BUS_ADDRESS, $XDG_RUNTIME_DIR/bus; after su(1), which sets neither, where logind puts it. */
static int open_user(sd_bus **ret_bus)
{
	char address[64];
	int r = sd_bus_open_user(ret_bus);
	if (r >= 0)
		return r;
	snprintf(address, sizeof(address), "unix:path=/run/user/%u/bus", (unsigned int)getuid());
	return open_address(ret_bus, address) >= 0 ? 0 : r;
}

static int read_version(struct bsn_bus *bus, struct basin_error *err)
{
	sd_bus_error why = SD_BUS_ERROR_NULL;
	char *text = NULL;
	int r = sd_bus_get_property_string(bus->bus, SYSTEMD, OBJECT, MANAGER, "Version", &why, &text);
	if (r < 0)
		bsn_fail(err, BASIN_UNSUPPORTED, -r, "systemd%s does not answer on the bus: %s", bus->user ? " of this user" : "",
			 why.message != NULL ? why.message : strerror(-r));
	else
		bus->version = (int)strtol(text + (text[0] == 'v'), NULL, 10);
	sd_bus_error_free(&why);
	free(text);
	return r < 0 ? r : 0;
}

int bsn_bus_open(bool user, struct bsn_bus **ret_bus, struct basin_error *err)
{
	if (sd_booted() <= 0)
		return bsn_fail(
			err, BASIN_UNSUPPORTED, ENOTCONN,
			"systemd is not running as init on this host: use another cgroup manager (--cgroup-manager cgroupfs)");
	auto_of(bsn_bus_close) struct bsn_bus *bus = calloc(1, sizeof(*bus));
	if (bus == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot talk to systemd");
	bus->user = user;
	int r = user ? open_user(&bus->bus) : open_system(&bus->bus);
	if (r < 0 && user)
		return bsn_fail(
			err, BASIN_UNSUPPORTED, -r,
			"cannot reach this user's systemd (DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR): %s; log in, or let it "
			"run without a login (loginctl enable-linger)",
			strerror(-r));
	if (r < 0)
		return bsn_fail(err, BASIN_UNSUPPORTED, -r, "cannot reach systemd over the system bus: %s", strerror(-r));
	r = read_version(bus, err);
	if (r < 0)
		return r;
	*ret_bus = bus;
	bus = NULL;
	return 0;
}

/* --- jobs --- */

static int on_job_removed(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct bsn_bus *bus = data;
	const char *job = NULL;
	const char *result = NULL;
	(void)error;
	int r = sd_bus_message_read(message, "uoss", NULL, &job, NULL, &result);
	if (r >= 0 && bus->job != NULL && bsn_streq(job, bus->job))
		snprintf(bus->result, sizeof(bus->result), "%s", result);
	return 0;
}

static uint64_t now_usec(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int wait_for_job(struct bsn_bus *bus, const char *unit, struct basin_error *err)
{
	const uint64_t end = now_usec() + JOB_WAIT_S * 1000000ull;
	while (bus->result[0] == '\0') {
		uint64_t now = now_usec();
		int r = sd_bus_process(bus->bus, NULL);
		if (r == 0 && now >= end)
			return bsn_fail(err, BASIN_TIMEOUT, ETIMEDOUT, "systemd did not finish its work on \"%s\" within %d s",
					unit, JOB_WAIT_S);
		if (r == 0)
			r = sd_bus_wait(bus->bus, end - now);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot wait for systemd's work on \"%s\"", unit);
	}
	return 0;
}

/* Sends message, whose answer is a job, and waits for that job. *ret_name: the error's name, where there was one. */
static int run_job(struct bsn_bus *bus, sd_bus_message *message, const char *unit, sd_bus_error *ret_why, struct basin_error *err)
{
	auto_message sd_bus_message *reply = NULL;
	const char *job;
	free(bus->job);
	bus->job = NULL;
	bus->result[0] = '\0';
	/* Signals that come before the answer stay queued until the path is known. */
	int r = sd_bus_call(bus->bus, message, 0, ret_why, &reply);
	if (r < 0)
		return bsn_fail(err, BASIN_FAILED, -r, "systemd refuses the unit \"%s\": %s", unit,
				ret_why->message != NULL ? ret_why->message : strerror(-r));
	r = sd_bus_message_read(reply, "o", &job);
	if (r >= 0 && (bus->job = strdup(job)) == NULL)
		r = -ENOMEM;
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read systemd's answer about \"%s\"", unit);
	return wait_for_job(bus, unit, err);
}

static int watch_jobs(struct bsn_bus *bus, struct basin_error *err)
{
	int r = sd_bus_match_signal(bus->bus, NULL, SYSTEMD, OBJECT, MANAGER, "JobRemoved", on_job_removed, bus);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot listen to systemd") : 0;
}

static void forget_failure(struct bsn_bus *bus, const char *unit)
{
	sd_bus_call_method(bus->bus, SYSTEMD, OBJECT, MANAGER, "ResetFailedUnit", NULL, NULL, "s", unit);
}

/* --- units --- */

static int add_all(struct bsn_bus *bus, sd_bus_message *message, char *const *properties, size_t count, struct basin_error *err)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = bsn_property_add(message, properties[i], bus->version, err);
	return r;
}

/* The scope's own properties come first: an annotation may say otherwise. */
static int describe_scope(struct bsn_bus *bus, sd_bus_message *message, const char *unit, const char *slice, const char *id,
			  char *const *properties, size_t count, struct basin_error *err)
{
	char description[256];
	snprintf(description, sizeof(description), "basin container %.200s", id);
	int r = sd_bus_message_append(message, "ss", unit, "replace");
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'a', "(sv)");
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)", "Description", "s", description, "Slice", "s", slice,
					  "Delegate", "b", 1, "PIDs", "au", 1, (uint32_t)getpid());
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)", "MemoryAccounting", "b", 1, "CPUAccounting", "b", 1,
					  "IOAccounting", "b", 1, "TasksAccounting", "b", 1, "DefaultDependencies", "b", 0);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot describe the unit \"%s\"", unit);
	r = add_all(bus, message, properties, count, err);
	if (r < 0)
		return r;
	r = sd_bus_message_close_container(message);
	if (r >= 0)
		r = sd_bus_message_append(message, "a(sa(sv))", 0);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot describe the unit \"%s\"", unit) : 0;
}

int bsn_bus_start_scope(struct bsn_bus *bus, const char *unit, const char *slice, const char *id, char *const *properties,
			size_t count, struct basin_error *err)
{
	int r = watch_jobs(bus, err);
	/* A failed unit of that name, which nobody reset, keeps the name: forgotten, it is free. */
	for (int tries = 0; r >= 0; tries++) {
		auto_message sd_bus_message *message = NULL;
		sd_bus_error why = SD_BUS_ERROR_NULL;
		r = sd_bus_message_new_method_call(bus->bus, &message, SYSTEMD, OBJECT, MANAGER, "StartTransientUnit");
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot talk to systemd");
		r = describe_scope(bus, message, unit, slice, id, properties, count, err);
		if (r >= 0)
			r = run_job(bus, message, unit, &why, err);
		bool exists = sd_bus_error_has_name(&why, SYSTEMD ".UnitExists");
		sd_bus_error_free(&why);
		if (r >= 0 || !exists)
			break;
		if (tries > 0)
			return bsn_fail(err, BASIN_BUSY, EBUSY, "container's cgroup is not empty: the unit \"%s\" exists", unit);
		forget_failure(bus, unit);
		r = 0;
	}
	if (r < 0)
		return r;
	if (bsn_streq(bus->result, "done"))
		return 0;
	forget_failure(bus, unit);
	return bsn_fail(err, BASIN_FAILED, EIO, "systemd could not start the unit \"%s\": its job ended as \"%s\"", unit,
			bus->result);
}

int bsn_bus_set(struct bsn_bus *bus, const char *unit, char *const *properties, size_t count, struct basin_error *err)
{
	auto_message sd_bus_message *message = NULL;
	sd_bus_error why = SD_BUS_ERROR_NULL;
	int r = sd_bus_message_new_method_call(bus->bus, &message, SYSTEMD, OBJECT, MANAGER, "SetUnitProperties");
	if (r >= 0)
		r = sd_bus_message_append(message, "sb", unit, 1);
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'a', "(sv)");
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot talk to systemd");
	r = add_all(bus, message, properties, count, err);
	if (r < 0)
		return r;
	r = sd_bus_message_close_container(message);
	if (r >= 0)
		r = sd_bus_call(bus->bus, message, 0, &why, NULL);
	if (r < 0)
		bsn_fail(err, BASIN_FAILED, -r, "systemd refuses the properties of \"%s\": %s", unit,
			 why.message != NULL ? why.message : strerror(-r));
	sd_bus_error_free(&why);
	return r < 0 ? r : 0;
}

int bsn_bus_attach(struct bsn_bus *bus, const char *unit, const char *below, pid_t pid, struct basin_error *err)
{
	sd_bus_error why = SD_BUS_ERROR_NULL;
	int r = sd_bus_call_method(bus->bus, SYSTEMD, OBJECT, MANAGER, "AttachProcessesToUnit", &why, NULL, "ssau", unit, below,
				   1, (uint32_t)pid);
	if (r < 0)
		bsn_fail(err, BASIN_FAILED, -r, "systemd does not move process %d to \"%s\": %s", (int)pid, unit,
			 why.message != NULL ? why.message : strerror(-r));
	sd_bus_error_free(&why);
	return r < 0 ? r : 0;
}

int bsn_bus_stop(struct bsn_bus *bus, const char *unit, struct basin_error *err)
{
	auto_message sd_bus_message *message = NULL;
	sd_bus_error why = SD_BUS_ERROR_NULL;
	int r = watch_jobs(bus, err);
	if (r < 0)
		return r;
	r = sd_bus_message_new_method_call(bus->bus, &message, SYSTEMD, OBJECT, MANAGER, "StopUnit");
	if (r >= 0)
		r = sd_bus_message_append(message, "ss", unit, "replace");
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot talk to systemd");
	r = run_job(bus, message, unit, &why, err);
	bool gone = sd_bus_error_has_name(&why, SYSTEMD ".NoSuchUnit");
	sd_bus_error_free(&why);
	if (r < 0 && !gone)
		return r;
	forget_failure(bus, unit);
	return 0;
}

/* --- where a cgroup is --- */

static int unit_cgroup(struct bsn_bus *bus, const char *unit, char **ret_path)
{
	auto_message sd_bus_message *reply = NULL;
	const char *object;
	int r = sd_bus_call_method(bus->bus, SYSTEMD, OBJECT, MANAGER, "GetUnit", NULL, &reply, "s", unit);
	if (r < 0) { /* not loaded: it has none */
		*ret_path = strdup("");
		return *ret_path == NULL ? -ENOMEM : 0;
	}
	r = sd_bus_message_read(reply, "o", &object);
	return r < 0 ? r
		     : sd_bus_get_property_string(bus->bus, SYSTEMD, object, SYSTEMD ".Scope", "ControlGroup", NULL, ret_path);
}

int bsn_bus_cgroup(struct bsn_bus *bus, const char *unit, char **ret_path, struct basin_error *err)
{
	int r = unit != NULL ? unit_cgroup(bus, unit, ret_path)
			     : sd_bus_get_property_string(bus->bus, SYSTEMD, OBJECT, MANAGER, "ControlGroup", NULL, ret_path);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot ask systemd where a cgroup is") : 0;
}
