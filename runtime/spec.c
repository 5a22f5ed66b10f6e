/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `basin spec`: the document that `runc spec` writes, as a start for one's own. Its ociVersion is the oldest that has all it uses, so that
 * every runtime reads it.
 */
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/json.h"
#include "pool/cgroup_legacy.h"
#include "runtime/config.h"
#include "runtime/runtime.h"

#define CAPS "[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]"

static const char process[] =
	"{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
	"\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=xterm\"],\"cwd\":\"/\","
	"\"capabilities\":{\"bounding\":" CAPS ",\"effective\":" CAPS ",\"permitted\":" CAPS "},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],\"noNewPrivileges\":true}";

static const char mounts[] =
	"[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
	"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
	"\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/"
	"mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}]";

static const char linux_part[] =
	"{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
	"{\"type\":\"cgroup\"}],"
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\",\"/proc/"
	"timer_list\","
	"\"/proc/timer_stats\",\"/proc/sched_debug\",\"/sys/firmware\",\"/proc/scsi\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]}";

/* Without a network namespace of its own the user may not mount sysfs; without the group 5 in the map, devpts takes no gid; without cgroups
 * of its own there are no devices to filter. */
static const char rootless_sys[] = "{\"destination\":\"/sys\",\"type\":\"none\",\"source\":\"/sys\","
				   "\"options\":[\"rbind\",\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}";

static json_t *constant(const char *text)
{
	return json_loads(text, 0, NULL);
}

static void drop_namespace(json_t *part, const char *type)
{
	json_t *list = json_object_get(part, "namespaces");
	for (size_t i = json_array_size(list); i-- > 0;)
		if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "type")), type) == 0)
			json_array_remove(list, i);
}

static json_t *default_spec(void)
{
	return json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", BSN_OCI_VERSION, "process", constant(process),
			 "root", "path", "rootfs", "readonly", 1, "hostname", "basin", "mounts", constant(mounts), "linux",
			 constant(linux_part));
}

static int make_rootless(json_t *spec)
{
	json_t *list = json_object_get(spec, "mounts");
	json_t *part = json_object_get(spec, "linux");
	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *destination = json_string_value(json_object_get(json_array_get(list, i), "destination"));
		json_t *options = json_object_get(json_array_get(list, i), "options");
		for (size_t j = json_array_size(options); strcmp(destination, "/dev/pts") == 0 && j-- > 0;)
			if (strcmp(json_string_value(json_array_get(options, j)), "gid=5") == 0)
				json_array_remove(options, j);
		/* Last: this frees what destination points to. */
		if (strcmp(destination, "/sys") == 0)
			json_array_set_new(list, i, constant(rootless_sys));
	}
	json_object_del(part, "resources");
	drop_namespace(part, "network");
	int r = json_array_append_new(json_object_get(part, "namespaces"), json_pack("{s:s}", "type", "user"));
	r |= json_object_set_new(part, "uidMappings",
				 json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID", (json_int_t)geteuid(), "size", 1));
	r |= json_object_set_new(part, "gidMappings",
				 json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID", (json_int_t)getegid(), "size", 1));
	return r;
}

/* As runc and crun: where controllers are in version 1, a process's place in them is looked for by its whole path. */
static int format(json_t *spec, char **ret_json, struct basin_error *err)
{
	if (bsn_legacy_host())
		drop_namespace(json_object_get(spec, "linux"), "cgroup");
	return bsn_json_format(spec, true, ret_json, err);
}

int bsn_runtime_spec(char **ret_json, struct basin_error *err)
{
	auto_json json_t *spec = default_spec();
	if (spec == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot make the default config");
	return format(spec, ret_json, err);
}

int bsn_runtime_spec_rootless(char **ret_json, struct basin_error *err)
{
	auto_json json_t *spec = default_spec();
	if (spec == NULL || make_rootless(spec) != 0)
		return bsn_fail_sys(err, ENOMEM, "cannot make the default config");
	return format(spec, ret_json, err);
}
