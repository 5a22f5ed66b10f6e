/* SPDX-License-Identifier: Apache-2.0 */
/* config.json -> struct bsn_config: what is kept, and that every mistake is refused with its JSON path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sys/resource.h>

#include "base/str.h"
#include "runtime/config.h"
#include "runtime/idmap_default.h"
#include "runtime/mount_options.h"

static const char base[] =
	"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"},\"hostname\":\"box\","
	"\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"],\"env\":[\"A=b\"],\"user\":{\"uid\":1,\"gid\":2,\"additionalGids\":[3,4]}},"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"uts\"},{\"type\":\"ipc\"},{\"type\":\"network\",\"path\":\"/"
	"n\"},"
	"{\"type\":\"mount\"}]}}";

/* The base with one key, given by a dotted path, set to a value; "" takes the key away. */
static char *with(const char *path, const char *value)
{
	json_t *root = json_loads(base, 0, NULL);
	json_t *object = root;
	char part[64];
	const char *dot;
	for (; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
		snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
		if (json_object_get(object, part) == NULL)
			json_object_set_new(object, part, json_object());
		object = json_object_get(object, part);
	}
	if (value[0] == '\0') {
		json_object_del(object, path);
	} else {
		json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
		if (json == NULL)
			fail_msg("the test's own value is not JSON: %s", value);
		json_object_set_new(object, path, json);
	}
	char *text = json_dumps(root, 0);
	json_decref(root);
	return text;
}

static struct bsn_config *parsed(const char *path, const char *value)
{
	struct bsn_config *config = NULL;
	struct basin_error err = { 0 };
	char *text = with(path, value);
	if (bsn_config_parse(text, strlen(text), BSN_CONFIG_ANY, &config, &err) < 0)
		fail_msg("%s = %s: %s", path, value, err.text);
	free(text);
	return config;
}

struct mistake {
	const char *path;
	const char *value;
	const char *message; /* how the message begins */
};

static const struct mistake mistakes[] = {
	{ "ociVersion", "", "ociVersion: must be given" },
	{ "ociVersion", "\"1.4.0\"", "ociVersion: \"1.4.0\" is not supported" },
	{ "ociVersion", "\"2.0.0\"", "ociVersion: " },
	{ "ociVersion", "\"1.0\"", "ociVersion: " },
	{ "ociVersion", "\"+1.0.0\"", "ociVersion: " },
	{ "ociVersion", "7", "ociVersion: expected a string, found an integer" },
	{ "root", "", "root: must be given" },
	{ "root.path", "\"\"", "root.path: must not be empty" },
	{ "root.readonly", "1", "root.readonly: expected true or false, found an integer" },
	{ "annotations", "{\"a\":1}", "annotations[\"a\"]: expected a string" },
	{ "annotations", "{\"\":\"a\"}", "annotations[\"\"]: a key must not be empty" },
	{ "linux.resources.memory", "{\"swappiness\":101}", "linux.resources.memory.swappiness: 101 is not between" },
	{ "linux.resources.network", "{\"priorities\":[{\"priority\":1}]}",
	  "linux.resources.network.priorities[0].name: must be given" },
	{ "process", "", "process: must be given" },
	{ "process.args", "", "process.args: must have at least one element" },
	{ "process.args", "[]", "process.args: must have at least one element" },
	{ "process.args", "[\"a\",1]", "process.args[1]: expected a string, found an integer" },
	{ "process.cwd", "", "process.cwd: must be given" },
	{ "process.cwd", "\"tmp\"", "process.cwd: \"tmp\" is not an absolute path" },
	{ "process.env", "[\"A=b\",\"C\"]", "process.env[1]: \"C\" is not NAME=value" },
	{ "process.env", "[\"=b\"]", "process.env[0]: " },
	{ "process.consoleSize", "{\"height\":70000}", "process.consoleSize.height: 70000 is not between" },
	{ "process.user.uid", "-1", "process.user.uid: -1 is not between" },
	{ "process.user.uid", "4294967295", "process.user.uid: " },
	{ "process.user.umask", "512", "process.user.umask: " },
	{ "process.user.additionalGids", "[1,\"2\"]", "process.user.additionalGids[1]: expected a group id" },
	{ "process.capabilities", "{\"bounding\":[1]}", "process.capabilities.bounding[0]: expected a string" },
	{ "process.rlimits", "[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]",
	  "process.rlimits[0].type: \"RLIMIT_X\" is not known" },
	{ "process.rlimits", "[{\"type\":\"RLIMIT_CORE\",\"soft\":2,\"hard\":1}]", "process.rlimits[0].soft: 2 is above" },
	{ "process.rlimits", "[{\"type\":\"RLIMIT_CORE\",\"soft\":2}]", "process.rlimits[0]: soft and hard" },
	{ "process.rlimits",
	  "[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1}]",
	  "process.rlimits[1].type: given twice" },
	{ "process.rlimits", "[7]", "process.rlimits[0]: expected an object, found an integer" },
	{ "process.oomScoreAdj", "1001", "process.oomScoreAdj: " },
	{ "process.scheduler", "{\"policy\":\"SCHED_FIFO\"}", "process.scheduler.priority: " },
	{ "process.scheduler", "{\"policy\":\"SCHED_OTHER\",\"nice\":20}", "process.scheduler.nice: " },
	{ "process.scheduler", "{\"policy\":\"SCHED_OTHER\",\"period\":20}", "process.scheduler: runtime" },
	{ "process.scheduler", "{\"policy\":\"SCHED_DEADLINE\",\"runtime\":5,\"deadline\":4}",
	  "process.scheduler: sched_setattr: `SCHED_DEADLINE` runtime (5 ns) must be between 1024 and" },
	{ "process.scheduler", "{\"policy\":\"SCHED_DEADLINE\",\"runtime\":5000,\"deadline\":4000}",
	  "process.scheduler: sched_setattr: `SCHED_DEADLINE` runtime (5000 ns) must be <= deadline (4000 ns)" },
	{ "process.scheduler", "{\"policy\":\"SCHED_DEADLINE\",\"runtime\":5000,\"deadline\":6000,\"period\":5500}",
	  "process.scheduler: sched_setattr: `SCHED_DEADLINE` deadline (6000 ns) must be <= period (5500 ns)" },
	{ "process.scheduler", "{\"policy\":\"SCHED_DEADLINE\",\"runtime\":0,\"deadline\":6000}",
	  "process.scheduler: sched_setattr: `SCHED_DEADLINE` runtime must be greater than 0" },
	{ "process.scheduler", "{\"policy\":\"SCHED_DEADLINE\",\"deadline\":6000}",
	  "process.scheduler: sched_setattr: `SCHED_DEADLINE` requires `runtime`" },
	{ "process.scheduler", "{\"policy\":\"SCHED_DEADLINE\",\"runtime\":6000}",
	  "process.scheduler: sched_setattr: `SCHED_DEADLINE` requires `deadline`" },
	{ "process.ioPriority", "{\"class\":\"x\"}", "process.ioPriority.class: " },
	{ "process.ioPriority", "{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}", "process.ioPriority.priority: " },
	{ "process.execCPUAffinity", "{\"final\":\"3-1\"}", "process.execCPUAffinity.final: \"3-1\" is not a list" },
	{ "process.execCPUAffinity", "{\"initial\":\"1,\"}", "process.execCPUAffinity.initial: " },
	{ "mounts", "[{\"type\":\"tmpfs\"}]", "mounts[0].destination: must be given" },
	{ "mounts", "[{\"destination\":\"/a\"}]", "mounts[0].type: " },
	{ "mounts", "[{\"destination\":\"/a\",\"type\":\"bind\"}]", "mounts[0].source: " },
	{ "mounts", "[{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"=a\"]}]", "mounts[0].options[0]: " },
	{ "mounts", "[{\"destination\":\"/a\",\"type\":\"proc\",\"options\":[\"tmpcopyup\"]}]", "mounts[0].options: tmpcopyup" },
	{ "mounts", "[{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"idmap\"]}]",
	  "invalid mount: mounts[0]: ids can be mapped" },
	{ "mounts", "[{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"idmap\"]}]", "mounts[0]: idmap needs" },
	{ "mounts",
	  "[{\"destination\":\"/a\",\"source\":\"/"
	  "b\",\"options\":[\"bind\"],\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]",
	  "invalid mount: mounts[0]: uidMappings and gidMappings" },
	{ "hooks", "{\"poststop\":[{\"path\":\"x\"}]}", "hooks.poststop[0].path: \"x\" is not an absolute path" },
	{ "hooks", "{\"createRuntime\":[{\"args\":[]}]}", "hooks.createRuntime[0].path: must be given" },
	{ "hooks", "{\"poststart\":[{\"path\":\"/x\",\"timeout\":0}]}", "hooks.poststart[0].timeout: " },
	{ "hostname", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "hostname: longer than 64 bytes" },
	{ "linux.namespaces", "[{\"type\":\"mount\"}]", "hostname: needs a namespace of type \"uts\"" },
	{ "linux.namespaces", "[{\"type\":\"mnt\"}]", "linux.namespaces[0].type: \"mnt\" is not known" },
	{ "linux.namespaces", "[{\"type\":\"pid\"},{\"type\":\"pid\"}]", "linux.namespaces[1].type: a second" },
	{ "linux.namespaces", "[{\"type\":\"pid\",\"path\":\"x\"}]", "linux.namespaces[0].path: \"x\" is not an absolute path" },
	{ "linux.uidMappings", "[{\"containerID\":0,\"hostID\":1}]", "linux.uidMappings[0]: containerID, hostID and size" },
	{ "linux.uidMappings", "[{\"containerID\":0,\"hostID\":1,\"size\":0}]", "linux.uidMappings[0].size: " },
	{ "linux.uidMappings", "[{\"containerID\":9,\"hostID\":1,\"size\":4294967295}]", "linux.uidMappings[0]: the range" },
	{ "linux.uidMappings", "[{\"containerID\":0,\"hostID\":1,\"size\":9},{\"containerID\":10,\"hostID\":9,\"size\":9}]",
	  "linux.uidMappings[1]: overlaps linux.uidMappings[0]" },
	{ "linux.timeOffsets", "{\"boottime\":{\"secs\":1}}", "linux.timeOffsets: needs a new namespace" },
	{ "linux.timeOffsets", "{\"realtime\":{\"secs\":1}}", "linux.timeOffsets.realtime: only" },
	{ "linux.devices", "[{\"type\":\"x\",\"path\":\"/dev/x\"}]", "linux.devices[0].type: " },
	{ "linux.devices", "[{\"type\":\"c\",\"path\":\"/dev/x\",\"major\":1}]", "linux.devices[0]: major and minor" },
	{ "linux.devices", "[{\"type\":\"c\",\"path\":\"dev/x\"}]", "linux.devices[0].path: " },
	{ "linux.netDevices", "{\"a/b\":{}}", "linux.netDevices[\"a/b\"]: not the name" },
	{ "linux.netDevices", "{\"a\":{\"name\":\"x\"},\"b\":{\"name\":\"x\"}}", "linux.netDevices[\"b\"].name: " },
	{ "linux.maskedPaths", "[\"proc\"]", "linux.maskedPaths[0]: \"proc\" is not an absolute path" },
	{ "linux.rootfsPropagation", "\"sideways\"", "linux.rootfsPropagation: \"sideways\" is not known" },
	{ "linux.cgroupsPath", "\"a\\nb\"", "linux.cgroupsPath: " },
	{ "linux.personality", "{\"domain\":\"BSD\"}", "linux.personality.domain: " },
	{ "linux.memoryPolicy", "{\"mode\":\"MPOL_BIND\"}",
	  "memory policy mode requires at least one node but got 0: linux.memoryPolicy.nodes: " },
	{ "linux.memoryPolicy", "{\"mode\":\"MPOL_LOCAL\",\"nodes\":\"0-7,9\"}",
	  "memory policy mode requires 0 nodes but got 9: " },
	{ "linux.memoryPolicy", "{}", "invalid memory policy mode: linux.memoryPolicy.mode: must be given" },
	{ "linux.memoryPolicy", "{\"mode\":\"BIND\"}", "invalid memory policy mode: linux.memoryPolicy.mode: " },
	{ "linux.memoryPolicy", "{\"nodes\":\"0\"}", "invalid memory policy mode: linux.memoryPolicy.mode: must be given" },
	{ "linux.memoryPolicy", "{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-9876543210\"}",
	  "invalid memory policy nodes: linux.memoryPolicy.nodes: " },
	{ "linux.memoryPolicy", "{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"x\"]}",
	  "invalid memory policy flag: linux.memoryPolicy.flags[0]: " },
	{ "linux.sysctl", "{\".net.ipv4.ip_forward\":\"1\"}",
	  "linux.sysctl[\".net.ipv4.ip_forward\"]: contains an invalid path" },
	{ "linux.sysctl", "{\"/net/ipv4/ip_forward\":\"1\"}",
	  "linux.sysctl[\"/net/ipv4/ip_forward\"]: contains an invalid path" },
	{ "linux.intelRdt", "{\"closID\":\"../x\"}", "linux.intelRdt.closID: " },
	{ "linux.sysctl", "{\"kernel.panic\":\"1\"}", "linux.sysctl[\"kernel.panic\"]: not a setting of a namespace" },
	{ "linux.sysctl", "{\"net.../../kernel/panic\":\"1\"}", "linux.sysctl[" },
	{ "linux.sysctl", "{\"net/../kernel/panic\":\"1\"}", "linux.sysctl[\"net/../kernel/panic\"]: contains an invalid path" },
	{ "linux.sysctl", "{\"kernel.hostname\":\"1\"}", "linux.sysctl[\"kernel.hostname\"]: not allowed" },
	{ "linux.sysctl", "{\"user.max_user_namespaces\":\"1\"}", "linux.sysctl[\"user.max_user_namespaces\"]: needs" },
	{ "linux.resources", "{\"memory\":{\"limit\":\"1\"}}",
	  "linux.resources.memory.limit: expected an integer, found a string" },
	{ "linux.resources", "{\"memory\":{\"limit\":10,\"swap\":5}}", "linux.resources.memory.swap: " },
	{ "linux.resources", "{\"cpu\":{\"cpus\":\"a\"}}", "linux.resources.cpu.cpus: \"a\" is not a list" },
	{ "linux.resources", "{\"cpu\":{\"idle\":2}}", "linux.resources.cpu.idle: " },
	{ "linux.resources", "{\"blockIO\":{\"weight\":5}}", "linux.resources.blockIO.weight: " },
	{ "linux.resources", "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"rate\":5}]}}",
	  "linux.resources.blockIO.throttleReadBpsDevice[0]: major and minor" },
	{ "linux.resources", "{\"hugepageLimits\":[{\"pageSize\":\"2\",\"limit\":1}]}",
	  "linux.resources.hugepageLimits[0].pageSize: " },
	{ "linux.resources", "{\"unified\":{\"../x.y\":\"1\"}}", "linux.resources.unified[\"../x.y\"]: not a file" },
	{ "linux.resources", "{\"unified\":{\"cgroup.procs\":\"1\"}}", "linux.resources.unified[\"cgroup.procs\"]: no resource" },
	{ "linux.resources", "{\"unified\":{\"cgroup.freeze\":\"1\"}}",
	  "linux.resources.unified[\"cgroup.freeze\"]: no resource" },
	{ "linux.resources", "{\"memory\":{\"swappiness\":-1}}",
	  "linux.resources.memory.swappiness: -1 is not between 0 and 100" },
	{ "linux.resources", "{\"network\":{\"classID\":-1}}", "linux.resources.network.classID: " },
	{ "linux.resources", "{\"devices\":[{\"type\":\"c\"}]}", "linux.resources.devices[0].allow: must be given" },
	{ "linux.resources", "{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}", "linux.resources.devices[0].access: " },
	{ "linux.resources", "{\"rdma\":{\"m\":{}}}", "linux.resources.rdma[\"m\"]: " },
	{ "linux.seccomp", "{\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
	  "linux.seccomp.defaultAction: must be given" },
	{ "linux.seccomp",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/"
	  "a\",\"syscalls\":[{\"names\":[\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
	  "linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY cannot be used for the write syscall" },
	{ "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_NOTIFY\",\"listenerPath\":\"/a\"}",
	  "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action" },
	{ "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_NO\"]}",
	  "unknown seccomp option: linux.seccomp.flags[0]: \"SECCOMP_FILTER_FLAG_NO\" is not known" },
	{ "linux.seccomp", "{\"defaultAction\":\"ALLOW\"}",
	  "seccomp get action: linux.seccomp.defaultAction: \"ALLOW\" is not known" },
	{ "linux.seccomp",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_NO\"}]}",
	  "seccomp get action: linux.seccomp.syscalls[0].action: \"SCMP_ACT_NO\" is not known" },
	{ "linux.seccomp",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\","
	  "\"args\":[{\"index\":0,\"value\":1,\"op\":\"EQ\"}]}]}",
	  "seccomp get operator: linux.seccomp.syscalls[0].args[0].op: \"EQ\" is not known" },
	{ "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY" },
	{ "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}", "linux.seccomp.defaultErrnoRet: " },
	{ "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_VAX\"]}",
	  "linux.seccomp.architectures[0]: " },
	{ "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]}", "unknown seccomp option: " },
	{ "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_LOG\"}]}",
	  "linux.seccomp.syscalls[0].names: " },
	{ "linux.seccomp",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
	  "linux.seccomp.listenerPath: must be given" },
	{ "linux.seccomp",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
	  "linux.seccomp.syscalls[0].action: " },
	{ "linux.seccomp",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\","
	  "\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
	  "linux.seccomp.syscalls[0].args[0].index: " },
	{ "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerMetadata\":\"x\"}",
	  "linux.seccomp.listenerMetadata: " },
};

static void mistakes_are_named_by_their_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct bsn_config *config = NULL;
		struct basin_error err = { 0 };
		char *text = with(mistakes[i].path, mistakes[i].value);
		if (bsn_config_parse(text, strlen(text), 0, &config, &err) >= 0)
			fail_msg("taken: %s = %s", mistakes[i].path, mistakes[i].value);
		if (!bsn_starts_with(err.text, mistakes[i].message))
			fail_msg("%s = %s: \"%s\" does not begin with \"%s\"", mistakes[i].path, mistakes[i].value, err.text,
				 mistakes[i].message);
		assert_int_equal(err.code, BASIN_USAGE);
		assert_null(config);
		free(text);
	}
}

static void what_is_not_done_is_refused_by_its_path(void **state)
{
	(void)state;
	static const struct mistake refused[] = {
		{ "annotations", "{\"run.oci.handler\":\"krun\"}", "annotations[\"run.oci.handler\"]" },
		{ "annotations", "{\"run.oci.delegate-cgroup\":\"x\"}", "annotations[\"run.oci.delegate-cgroup\"]" },
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct bsn_config *config = NULL;
		struct basin_error err = { 0 };
		char *text = with(refused[i].path, refused[i].value);
		assert_true(bsn_config_parse(text, strlen(text), 0, &config, &err) < 0);
		assert_true(bsn_starts_with(err.text, refused[i].message));
		assert_int_equal(err.code, BASIN_UNSUPPORTED);
		free(text);
	}
}

static void text_that_is_not_a_config_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = { "",     "{",     "[]",
					     "null", "\"x\"", "{\"ociVersion\":\"1.0.0\",\"ociVersion\":\"1.0.0\"}",
					     "{} x" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bsn_config *config = NULL;
		struct basin_error err;
		assert_true(bsn_config_parse(texts[i], strlen(texts[i]), 0, &config, &err) < 0);
		assert_int_equal(err.code, BASIN_USAGE);
	}
}

static void versions_one_zero_to_one_three_are_taken(void **state)
{
	(void)state;
	bsn_config_free(parsed("ociVersion", "\"1.0.0\""));
	bsn_config_free(parsed("ociVersion", "\"1.0.2-dev\""));
	bsn_config_free(parsed("ociVersion", "\"1.1.0+dev\""));
	bsn_config_free(parsed("ociVersion", "\"1.3.7\""));
	bsn_config_free(parsed("someFutureThing", "{\"a\":[1]}"));
}

static void a_process_keeps_what_it_says(void **state)
{
	(void)state;
	struct bsn_config *config = parsed(
		"process",
		"{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},\"cwd\":\"/w\",\"args\":[\"a\",\"b c\"],"
		"\"user\":{\"uid\":7,\"gid\":8,\"umask\":18,\"additionalGids\":[9]},\"noNewPrivileges\":true,\"oomScoreAdj\":-5,"
		"\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_NEXT_DECADE\"],\"ambient\":[\"CAP_CHOWN\"]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1024,\"hard\":4096}],"
		"\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":3,\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\"]},"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":4},\"execCPUAffinity\":{\"initial\":\"0-1,3\"}}");
	const struct bsn_process_config *process = &config->process;
	assert_true(process->terminal);
	assert_int_equal(process->console_height, 24);
	assert_int_equal(process->console_width, 80);
	assert_string_equal(process->cwd, "/w");
	assert_int_equal(process->args.count, 2);
	assert_string_equal(process->args.of[1], "b c");
	assert_null(process->args.of[2]);
	assert_int_equal(process->uid, 7);
	assert_int_equal(process->gid, 8);
	assert_int_equal(process->umask, 18);
	assert_int_equal(process->group_count, 1);
	assert_int_equal(process->groups[0], 9);
	assert_true(process->no_new_privileges && process->oom_score_adj_given);
	assert_int_equal(process->oom_score_adj, -5);
	assert_int_equal(process->capabilities[BSN_CAP_BOUNDING], 1 << 5);
	assert_int_equal(process->capabilities[BSN_CAP_AMBIENT], 1);
	assert_int_equal(process->rlimit_count, 1);
	assert_int_equal(process->rlimits[0].resource, RLIMIT_NOFILE);
	assert_int_equal(process->scheduler.policy, 3);
	assert_int_equal(process->scheduler.flags, 1);
	assert_int_equal(process->io_priority, 2 << 13 | 4);
	assert_string_equal(process->cpu_initial, "0-1,3");
	assert_null(process->cpu_final);
	bsn_config_free(config);
}

static void unlimited_survives_the_parser(void **state)
{
	(void)state;
	struct bsn_config *config = NULL;
	struct basin_error err;
	static const char process[] = "{\"cwd\":\"/\",\"args\":[\"18446744073709551615\"],\"rlimits\":[{\"type\":\"RLIMIT_CORE\","
				      "\"soft\":9223372036854775808,\"hard\":18446744073709551615}]}";
	assert_int_equal(bsn_config_parse_process(process, strlen(process), &config, &err), 0);
	assert_true(config->process.rlimits[0].soft == UINT64_C(9223372036854775808));
	assert_true(config->process.rlimits[0].hard == UINT64_MAX);
	assert_string_equal(config->process.args.of[0], "18446744073709551615");
	bsn_config_free(config);
	assert_true(bsn_config_parse_process("{}", 2, &config, &err) < 0);
	assert_string_equal(err.text, "process.cwd: must be given");
}

static void no_arguments_are_fine_where_init_waits(void **state)
{
	(void)state;
	struct bsn_config *config = NULL;
	struct basin_error err;
	char *text = with("process.args", "");
	assert_int_equal(bsn_config_parse(text, strlen(text), BSN_CONFIG_NO_ARGS, &config, &err), 0);
	assert_int_equal(config->process.args.count, 0);
	free(text);
	bsn_config_free(config);
}

static void namespaces_and_paths(void **state)
{
	(void)state;
	struct bsn_config *config = parsed("linux.sysctl", "{\"net.ipv4.conf.eth0/1.x\":\"1\",\"kernel/sem\":\"2\"}");
	assert_true(config->namespaces[BSN_NS_PID].given && config->namespaces[BSN_NS_PID].path == NULL);
	assert_string_equal(config->namespaces[BSN_NS_NETWORK].path, "/n");
	assert_false(config->namespaces[BSN_NS_USER].given);
	assert_string_equal(config->sysctl.of[0].key, "net/ipv4/conf/eth0.1/x");
	assert_string_equal(config->sysctl.of[1].key, "kernel/sem");
	bsn_config_free(config);
	config = parsed("linux.rootfsPropagation", "\"rslave\"");
	assert_int_equal(config->rootfs_propagation, MS_SLAVE | MS_REC);
	bsn_config_free(config);
}

static const struct bsn_mount *one_mount(struct bsn_config **config, const char *json)
{
	char list[512];
	snprintf(list, sizeof(list), "[%s]", json);
	*config = parsed("mounts", list);
	assert_int_equal((*config)->mount_count, 1);
	return &(*config)->mounts[0];
}

static void mount_options_become_flags(void **state)
{
	(void)state;
	struct bsn_config *config;
	const struct bsn_mount *mount =
		one_mount(&config, "{\"destination\":\"dev\",\"type\":\"tmpfs\",\"source\":\"t\",\"options\":"
				   "[\"nosuid\",\"strictatime\",\"mode=755\",\"size=64k\",\"ro\",\"sync\",\"dev\",\"shared\","
				   "\"rslave\",\"tmpcopyup\"]}");
	assert_string_equal(mount->destination, "/dev");
	assert_int_equal(mount->attr_set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_RDONLY);
	assert_int_equal(mount->attr_clear, MOUNT_ATTR__ATIME | MOUNT_ATTR_NODEV);
	assert_int_equal(mount->sb_flags, MS_RDONLY | MS_SYNCHRONOUS);
	assert_string_equal(mount->data.of[1], "size=64k");
	assert_int_equal(mount->data.count, 2);
	assert_int_equal(mount->propagation_count, 2);
	assert_int_equal(mount->propagation[1], MS_SLAVE | MS_REC);
	assert_true(mount->tmpcopyup && !mount->bind);
	bsn_config_free(config);

	mount = one_mount(
		&config,
		"{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"rsync\",\"rdirsync\",\"rmand\",\"rnomand\"]}");
	assert_int_equal(mount->sb_flags, MS_SYNCHRONOUS | MS_DIRSYNC);
	assert_int_equal(mount->sb_clear, MS_MANDLOCK);
	assert_int_equal(mount->data.count, 0);
	bsn_config_free(config);

	mount = one_mount(&config,
			  "{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"rbind\",\"ro\",\"rw\",\"rro\",\"rnoatime\","
			  "\"noatime\",\"strictatime\",\"nosuid\",\"suid\"]}");
	assert_true(mount->bind && mount->bind_recursive);
	assert_int_equal(mount->attr_set, MOUNT_ATTR_STRICTATIME);
	assert_int_equal(mount->attr_clear, MOUNT_ATTR_RDONLY | MOUNT_ATTR__ATIME | MOUNT_ATTR_NOSUID);
	assert_int_equal(mount->rec_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME);
	assert_int_equal(mount->rec_clear, MOUNT_ATTR__ATIME);
	assert_int_equal(mount->data.count, 0);
	bsn_config_free(config);

	mount = one_mount(&config, "{\"destination\":\"/a\",\"source\":\"/b\",\"type\":\"bind\","
				   "\"uidMappings\":[{\"containerID\":0,\"hostID\":9,\"size\":1}],"
				   "\"gidMappings\":[{\"containerID\":0,\"hostID\":9,\"size\":1}]}");
	assert_true(mount->bind && !mount->bind_recursive && mount->idmap && !mount->idmap_recursive);
	bsn_config_free(config);
}

/* bsearch needs it. */
static void a_bind_names_access_times_or_not(void **state)
{
	static const struct {
		const char *options;
		bool named;
	} cases[] = {
		{ "\"bind\",\"noatime\"", true },
		{ "\"bind\",\"atime\"", false },
		{ "\"bind\",\"noatime\",\"atime\"", false },
		{ "\"bind\",\"relatime\"", true },
		{ "\"bind\",\"norelatime\",\"nostrictatime\",\"diratime\"", false },
		{ "\"bind\",\"nodiratime\"", true },
		{ "\"bind\",\"nosuid\"", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char json[256];
		struct bsn_config *config;
		snprintf(json, sizeof(json), "{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[%s]}", cases[i].options);
		assert_int_equal(one_mount(&config, json)->access_time, cases[i].named);
		bsn_config_free(config);
	}
}

static void ranges_of_ids_in_an_option(void **state)
{
	struct bsn_config *config;
	(void)state;
	const struct bsn_mount *mount = one_mount(&config, "{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\","
							   "\"ridmap=uids=0-1-10#10-11-5;gids=7-8-9\"]}");
	assert_true(mount->idmap && mount->idmap_recursive && !mount->uid_maps_relative);
	assert_int_equal(mount->uid_maps.count, 2);
	assert_int_equal(mount->uid_maps.of[1].container, 10);
	assert_int_equal(mount->uid_maps.of[1].host, 11);
	assert_int_equal(mount->uid_maps.of[1].size, 5);
	assert_int_equal(mount->gid_maps.count, 1);
	assert_int_equal(mount->data.count, 0);
	bsn_config_free(config);
}

static void default_maps_come_from_subids(void **state)
{
	struct bsn_id_map ranges[3];
	const char *subids = "other:1:2\nme:100000:65536\n7:5:5\n";
	(void)state;
	assert_int_equal(bsn_idmap_default_ranges(subids, 1000, "me", 0, 1000, ranges), 2);
	assert_true(ranges[0].container == 0 && ranges[0].host == 1000 && ranges[0].size == 1);
	assert_true(ranges[1].container == 1 && ranges[1].host == 100000 && ranges[1].size == 65536);
	assert_int_equal(bsn_idmap_default_ranges(subids, 1000, "me", 10, 1000, ranges), 3);
	assert_true(ranges[0].container == 0 && ranges[0].host == 100000 && ranges[0].size == 10);
	assert_true(ranges[1].container == 10 && ranges[1].host == 1000 && ranges[1].size == 1);
	assert_true(ranges[2].container == 11 && ranges[2].host == 100010 && ranges[2].size == 65526);
	assert_int_equal(bsn_idmap_default_ranges(subids, 7, NULL, 0, 7, ranges), 2);
	assert_int_equal(ranges[1].host, 5);
	assert_int_equal(bsn_idmap_default_ranges(subids, 8, "nobody", 0, 8, ranges), 1);
	assert_int_equal(bsn_idmap_default_ranges(NULL, 8, NULL, 3, 8, ranges), 1);
	assert_int_equal(ranges[0].container, 3);
}

static void mount_options_are_sorted(void **state)
{
	(void)state;
	for (size_t i = 1; bsn_mount_option_name(i) != NULL; i++)
		assert_true(strcmp(bsn_mount_option_name(i - 1), bsn_mount_option_name(i)) < 0);
	for (size_t i = 0; bsn_mount_option_name(i) != NULL; i++) {
		struct bsn_mount mount = { 0 };
		unsigned long propagation;
		assert_true(bsn_mount_option_apply(&mount, bsn_mount_option_name(i), &propagation));
	}
}

static void a_limit_of_nought_is_none(void **state)
{
	(void)state;
	struct bsn_config *config = parsed("linux.resources", "{\"memory\":{\"limit\":0,\"swap\":0,\"reservation\":0},"
							      "\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0}}");
	const struct bsn_cgroup_resources *resources = &config->resources;
	assert_true(resources->memory_max == BSN_CGROUP_UNSET);
	assert_true(resources->memory_swap_max == BSN_CGROUP_UNSET);
	assert_true(resources->memory_low == BSN_CGROUP_UNSET);
	assert_true(resources->cpu_weight == BSN_CGROUP_UNSET);
	assert_true(resources->cpu_quota == BSN_CGROUP_UNSET);
	bsn_config_free(config);
	/* But who speaks of nothing but swap, and says 0, wants none. */
	config = parsed("linux.resources", "{\"memory\":{\"swap\":0}}");
	assert_int_equal(config->resources.memory_swap_max, 0);
	assert_true(config->resources.memory_max == BSN_CGROUP_UNSET);
	bsn_config_free(config);
}

static void resources_are_in_the_kernels_terms(void **state)
{
	(void)state;
	struct bsn_config *config =
		parsed("linux.resources",
		       "{\"memory\":{\"limit\":1048576,\"swap\":2097152,\"reservation\":-1},\"pids\":{\"limit\":0},"
		       "\"cpu\":{\"shares\":1024,\"quota\":-1,\"period\":50000,\"cpus\":\"0-1\"},"
		       "\"blockIO\":{\"weight\":100,\"throttleWriteBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":7}]},"
		       "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4096}],"
		       "\"unified\":{\"memory.high\":\"max\"},\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
		       "{\"allow\":true,\"type\":\"u\",\"major\":10,\"minor\":-1,\"access\":\"r\"}]}");
	const struct bsn_cgroup_resources *resources = &config->resources;
	assert_int_equal(resources->memory_max, 1048576);
	assert_int_equal(resources->memory_swap_max, 1048576);
	assert_int_equal(resources->memory_low, BSN_CGROUP_MAX);
	assert_int_equal(resources->pids_max, 1);
	assert_int_equal(resources->cpu_weight, 100);
	assert_int_equal(resources->cpu_quota, BSN_CGROUP_MAX);
	assert_int_equal(resources->cpu_period, 50000);
	assert_true(resources->cpu_burst == BSN_CGROUP_UNSET);
	assert_string_equal(resources->cpuset_cpus, "0-1");
	assert_int_equal(resources->io_count, 1);
	assert_int_equal(resources->io[0].kind, BSN_IO_WBPS);
	assert_int_equal(resources->io[0].value, 7);
	assert_int_equal(resources->hugetlb_count, 1);
	assert_int_equal(resources->hugetlb[0].limit, 4096);
	assert_string_equal(resources->unified[0].file, "memory.high");
	assert_int_equal(resources->device_count, 2);
	assert_int_equal(resources->devices[0].type, 'a');
	assert_false(resources->devices[0].allow);
	assert_int_equal(resources->devices[1].type, 'c');
	assert_int_equal(resources->devices[1].minor, BSN_DEVICE_ANY);
	assert_int_equal(resources->devices[1].access, BSN_DEVICE_READ);
	bsn_config_free(config);
}

static void no_tasks_means_what_the_version_says(void **state)
{
	(void)state;
	static const struct {
		const char *version;
		int64_t limit;
	} cases[] = { { "1.0.2-dev", BSN_CGROUP_MAX }, { "1.2.1", BSN_CGROUP_MAX }, { "1.3.0", 1 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bsn_config *config = NULL;
		struct basin_error err;
		char text[512];
		snprintf(text, sizeof(text),
			 "{\"ociVersion\":\"%s\",\"root\":{\"path\":\"r\"},\"process\":{\"cwd\":\"/\",\"args\":[\"a\"]},"
			 "\"linux\":{\"resources\":{\"pids\":{\"limit\":0}}}}",
			 cases[i].version);
		assert_int_equal(bsn_config_parse(text, strlen(text), 0, &config, &err), 0);
		assert_int_equal(config->resources.pids_max, cases[i].limit);
		bsn_config_free(config);
	}
}

static void seccomp_is_kept_without_its_listener(void **state)
{
	(void)state;
	struct bsn_config *config = parsed(
		"linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"listenerPath\":\"/s\",\"listenerMetadata\":\"m\","
				 "\"syscalls\":[{\"names\":[\"openat\"],\"action\":\"SCMP_ACT_NOTIFY\"},"
				 "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":7}]}");
	const struct bsn_seccomp_config *seccomp = &config->seccomp;
	assert_true(seccomp->given && seccomp->notify);
	assert_int_equal(seccomp->default_action, SECCOMP_RET_ERRNO | 1);
	assert_int_equal(seccomp->flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	assert_int_equal(seccomp->rules[1].action, SECCOMP_RET_TRACE | 7);
	assert_string_equal(seccomp->listener_path, "/s");
	assert_null(strstr(seccomp->source, "listener"));
	assert_non_null(strstr(seccomp->source, "openat"));
	bsn_config_free(config);
}

static void hooks_and_annotations(void **state)
{
	(void)state;
	struct bsn_config *config =
		parsed("hooks", "{\"createRuntime\":[{\"path\":\"/bin/a\",\"args\":[\"a\",\"b\"],\"env\":[\"X=y\"],"
				"\"timeout\":3}],\"poststop\":[{\"path\":\"/bin/b\"},{\"path\":\"/bin/c\"}]}");
	assert_int_equal(config->hooks[BSN_HOOK_CREATE_RUNTIME].count, 1);
	assert_int_equal(config->hooks[BSN_HOOK_CREATE_RUNTIME].of[0].timeout, 3);
	assert_true(config->hooks[BSN_HOOK_CREATE_RUNTIME].of[0].env_given);
	assert_int_equal(config->hooks[BSN_HOOK_POSTSTOP].count, 2);
	assert_string_equal(config->hooks[BSN_HOOK_POSTSTOP].of[1].path, "/bin/c");
	assert_false(config->hooks[BSN_HOOK_POSTSTOP].of[1].env_given);
	bsn_config_free(config);
	config = parsed("annotations", "{\"a\":\"b\"}");
	assert_string_equal(bsn_config_annotation(config, "a"), "b");
	assert_null(bsn_config_annotation(config, "b"));
	bsn_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_named_by_their_path),
		cmocka_unit_test(what_is_not_done_is_refused_by_its_path),
		cmocka_unit_test(text_that_is_not_a_config_is_refused),
		cmocka_unit_test(versions_one_zero_to_one_three_are_taken),
		cmocka_unit_test(a_process_keeps_what_it_says),
		cmocka_unit_test(unlimited_survives_the_parser),
		cmocka_unit_test(no_arguments_are_fine_where_init_waits),
		cmocka_unit_test(namespaces_and_paths),
		cmocka_unit_test(mount_options_become_flags),
		cmocka_unit_test(a_bind_names_access_times_or_not),
		cmocka_unit_test(ranges_of_ids_in_an_option),
		cmocka_unit_test(default_maps_come_from_subids),
		cmocka_unit_test(mount_options_are_sorted),
		cmocka_unit_test(a_limit_of_nought_is_none),
		cmocka_unit_test(resources_are_in_the_kernels_terms),
		cmocka_unit_test(no_tasks_means_what_the_version_says),
		cmocka_unit_test(seccomp_is_kept_without_its_listener),
		cmocka_unit_test(hooks_and_annotations),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
