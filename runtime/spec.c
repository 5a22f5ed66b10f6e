/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `basin spec`: the document that `runc spec` writes, as a start for one's own. Its ociVersion is the oldest that has all it uses, so that
 * every runtime reads it.
 */
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/json.h"
#include "pool/cgroup_legacy.h"
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
static const char rootless_namespaces[] = "[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
					  "{\"type\":\"cgroup\"},{\"type\":\"user\"}]";

static json_t *constant(const char *text)
{
	return json_loads(text, 0, NULL);
}

/* As runc: where version 1 holds the cgroups, a container sees the host's names of them, and what is bound there needs that. */
static void drop_cgroup_namespace(json_t *part)
{
	json_t *list = json_object_get(part, "namespaces");
	for (size_t i = json_array_size(list); i-- > 0;)
		if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "type")), "cgroup") == 0)
			json_array_remove(list, i);
}

static json_t *linux_section(void)
{
	struct statfs fs;
	json_t *part = constant(linux_part);
	if (part != NULL && statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type != CGROUP2_SUPER_MAGIC)
		drop_cgroup_namespace(part);
	return part;
}

static json_t *default_spec(void)
{
	return json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", "1.0.2", "process", constant(process), "root",
			 "path", "rootfs", "readonly", 1, "hostname", "basin", "mounts", constant(mounts), "linux",
			 linux_section());
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
		/* Last: these two free what destination points to. */
		if (strcmp(destination, "/sys") == 0)
			json_array_set_new(list, i, constant(rootless_sys));
		else if (strcmp(destination, "/sys/fs/cgroup") == 0)
			json_array_remove(list, i);
	}
	json_object_del(part, "resources");
	int r = json_object_set_new(part, "namespaces", constant(rootless_namespaces));
	r |= json_object_set_new(part, "uidMappings",
				 json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID", (json_int_t)geteuid(), "size", 1));
	r |= json_object_set_new(part, "gidMappings",
				 json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID", (json_int_t)getegid(), "size", 1));
	return r;
}

/* As runc and crun: where controllers are in version 1, a process's place in them is looked for by its whole path. */
static int format(json_t *spec, char **ret_json, struct basin_error *err)
{
	json_t *namespaces = json_object_get(json_object_get(spec, "linux"), "namespaces");
	bool legacy = bsn_legacy_host();
	for (size_t i = json_array_size(namespaces); legacy && i-- > 0;)
		if (strcmp(json_string_value(json_object_get(json_array_get(namespaces, i), "type")), "cgroup") == 0)
			json_array_remove(namespaces, i);
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
