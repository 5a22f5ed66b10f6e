/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/env: the handle, definitions, users of an image, and the config.json that a definition becomes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/config.h"
#include "runtime/env/oci_config.h"
#include "runtime/env/user.h"

static int scratch_open(char path[64])
{
	strcpy(path, "/tmp/basin-unit.XXXXXX");
	assert_non_null(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void scratch_close(int fd, const char *path)
{
	close(fd);
	assert_int_equal(bsn_remove_tree(AT_FDCWD, path), 0);
}

/* --- the handle --- */

static void test_open_makes_private_roots(void **state)
{
	(void)state;
	char path[64];
	int dir = scratch_open(path);
	auto_str struct bsn_str root = { 0 };
	auto_str struct bsn_str data = { 0 };
	struct stat st;
	bsn_str_addf(&root, "%s/run/deep", path);
	bsn_str_addf(&data, "%s/data", path);
	const struct basin_options options = {
		.size = sizeof(options), .root = root.data, .data_root = data.data, .cgroup_root = "/sys/fs/cgroup/x"
	};
	struct basin *basin;
	assert_int_equal(basin_open(&options, &basin, NULL), 0);
	assert_string_equal(basin->root, root.data);
	assert_string_equal(basin->cgroup_root, "/sys/fs/cgroup/x");
	assert_int_equal(fstat(basin->data_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	basin_close(basin);
	scratch_close(dir, path);
}

static void test_open_refuses_an_unset_size(void **state)
{
	(void)state;
	const struct basin_options options = { .root = "/tmp" };
	struct basin *basin = NULL;
	struct basin_error err = { 0 };
	assert_int_equal(basin_open(&options, &basin, &err), -EINVAL);
	assert_int_equal(err.code, BASIN_USAGE);
	assert_null(basin);
}

static void test_open_takes_the_variables(void **state)
{
	(void)state;
	char path[64];
	int dir = scratch_open(path);
	auto_str struct bsn_str data = { 0 };
	bsn_str_addf(&data, "%s/data", path);
	setenv("BASIN_ROOT", path, 1);
	setenv("BASIN_DATA_ROOT", data.data, 1);
	setenv("BASIN_CGROUP_ROOT", "/sys/fs/cgroup/y", 1);
	struct basin *basin;
	assert_int_equal(basin_open(NULL, &basin, NULL), 0);
	assert_string_equal(basin->root, path);
	assert_string_equal(basin->data_root, data.data);
	assert_string_equal(basin->cgroup_root, "/sys/fs/cgroup/y");
	basin_close(basin);
	unsetenv("BASIN_ROOT");
	unsetenv("BASIN_DATA_ROOT");
	unsetenv("BASIN_CGROUP_ROOT");
	scratch_close(dir, path);
}

/* --- definitions --- */

#define DEFINITION                                                                                                               \
	"{\"version\": 1, \"name\": \"web\", \"pool\": \"/team\", \"created\": 7, \"image\": {\"name\": \"bb:1\", \"digest\": "  \
	"\"sha256:1\"}, \"resources\": {\"request\": {\"cpu\": 100, \"memory\": 1024}, \"limit\": {\"cpu\": 500, \"memory\": "   \
	"2048, \"pids\": 64}, \"cpu_weight\": 10}, \"ids\": {\"first\": 65536, \"count\": 65536}, \"storage\": {\"kind\": "      \
	"\"loop\", \"bytes\": 4096}, \"networks\": [\"lab\"], \"process\": {\"args\": [\"/bin/sh\"], \"env\": [\"A=b\"], "       \
	"\"user\": \"0\", \"workdir\": \"/tmp\", \"init\": false}, \"restart\": {\"policy\": \"on-failure\", \"max\": 3}, "      \
	"\"stop_signal\": \"SIGINT\", \"labels\": {}, \"autostart\": true}"

static int parse(const char *text, struct bsn_env **ret_env, struct basin_error *err)
{
	auto_json json_t *json = NULL;
	assert_int_equal(bsn_json_parse(text, strlen(text), "definition", &json, NULL), 0);
	return bsn_env_parse(json, ret_env, err);
}

static void test_definition(void **state)
{
	(void)state;
	auto_env struct bsn_env *env = NULL;
	assert_int_equal(parse(DEFINITION, &env, NULL), 0);
	assert_string_equal(env->name, "web");
	assert_string_equal(env->hostname, "web");
	assert_string_equal(env->pool, "/team");
	assert_int_equal(env->request.of[BASIN_CPU], 100);
	assert_int_equal(env->limit.of[BASIN_STORAGE], BASIN_UNSET);
	assert_true(env->own_ids);
	assert_int_equal(env->storage.uid, 65536);
	assert_int_equal(env->storage.kind, BSN_STORAGE_LOOP);
	assert_int_equal(env->network_count, 1);
	assert_int_equal(env->stop_signal, SIGINT);
	assert_int_equal(env->restart_max, 3);
	assert_true(env->autostart);
}

/* A definition may come from an archive: whatever is wrong in it is refused, with the key. */
static void test_bad_definitions(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{ "{}", "name" },
		{ "{\"name\": \"../x\", \"resources\": {}}", "../x" },
		{ "{\"name\": \"web\"}", "resources" },
		{ "{\"name\": \"web\", \"resources\": {\"limit\": {\"cpu\": -4}}}", "cpu" },
		{ "{\"name\": \"web\", \"resources\": {}, \"ids\": {\"first\": 4294967295}}", "first" },
		{ "{\"name\": \"web\", \"resources\": {}, \"storage\": {\"kind\": \"tape\"}}", "tape" },
		{ "{\"name\": \"web\", \"resources\": {}, \"process\": {\"args\": [1]}}", "process.args[0]" },
		{ "{\"name\": \"web\", \"resources\": {}, \"networks\": [\"A/b\"]}", "A/b" },
		{ "{\"name\": \"web\", \"resources\": {}, \"networks\": [\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]}",
		  "networks" },
		{ "{\"name\": \"web\", \"resources\": {}, \"stop_signal\": \"SIGNOT\"}", "SIGNOT" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bsn_env *env = NULL;
		struct basin_error err = { 0 };
		assert_true(parse(bad[i].text, &env, &err) < 0);
		assert_null(env);
		assert_non_null(strstr(err.text, bad[i].says));
	}
}

static void test_signals(void **state)
{
	(void)state;
	assert_int_equal(bsn_signal_parse("SIGTERM"), SIGTERM);
	assert_int_equal(bsn_signal_parse("TERM"), SIGTERM);
	assert_int_equal(bsn_signal_parse("9"), 9);
	assert_int_equal(bsn_signal_parse("SIGRTMIN+3"), SIGRTMIN + 3);
	assert_int_equal(bsn_signal_parse("SIGRTMIN"), SIGRTMIN);
	static const char *const bad[] = { "", "SIG", "0", "-1", "65", "SIGRTMIN+99", "SIGRTMIN-1", "term", "TERM " };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bsn_signal_parse(bad[i]), -EINVAL);
}

/* --- users --- */

static void write_file(int dir, const char *name, const char *text)
{
	assert_int_equal(bsn_replace_file(dir, name, text, strlen(text), 0644, false), 0);
}

static void test_users(void **state)
{
	(void)state;
	char path[64];
	int root = scratch_open(path);
	struct bsn_user user;
	struct basin_error err = { 0 };
	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	int etc = openat(root, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file(etc, "passwd", "root:x:0:0:root:/root:/bin/sh\nbroken\nwww:x:33:33::/var/www:/bin/sh\nbad:x:no:1::/:/\n");
	write_file(etc, "group", "root:x:0:\nwww:x:33:\nlog:x:4:www,other\nadm:x:5:other\n");

	assert_int_equal(bsn_user_resolve(root, "", &user, NULL), 0);
	assert_int_equal(user.uid, 0);
	assert_string_equal(user.home, "/root");
	assert_int_equal(bsn_user_resolve(root, "www", &user, NULL), 0);
	assert_int_equal(user.gid, 33);
	assert_int_equal(user.group_count, 1);
	assert_int_equal(user.groups[0], 4);
	assert_int_equal(bsn_user_resolve(root, "www:adm", &user, NULL), 0);
	assert_int_equal(user.gid, 5);
	assert_int_equal(user.group_count, 0);
	assert_int_equal(bsn_user_resolve(root, "1234:77", &user, NULL), 0);
	assert_int_equal(user.uid, 1234);
	assert_int_equal(user.gid, 77);
	assert_string_equal(user.home, "/");
	assert_int_equal(bsn_user_resolve(root, "nobody", &user, &err), -ENOENT);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_int_equal(bsn_user_resolve(root, "www:nogroup", &user, NULL), -ENOENT);
	assert_int_equal(bsn_user_resolve(root, "bad", &user, NULL), -ENOENT);
	close(etc);
	scratch_close(root, path);
}

/* A passwd file that is a link out of the image is looked up inside it, where it is not. */
static void test_users_stay_inside(void **state)
{
	(void)state;
	char path[64];
	int root = scratch_open(path);
	struct bsn_user user;
	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	assert_int_equal(symlinkat("../../../../../../etc/passwd", root, "etc/passwd"), 0);
	assert_int_equal(bsn_user_resolve(root, "root", &user, NULL), -ENOENT);
	scratch_close(root, path);
}

/* --- config.json --- */

static void make_config(const char *definition, unsigned int enforced, struct bsn_config **ret_config)
{
	auto_env struct bsn_env *env = NULL;
	auto_free char *text = NULL;
	struct basin_error err = { 0 };
	static const struct bsn_user user = { .uid = 7, .gid = 8, .home = "/home" };
	assert_int_equal(parse(definition, &env, NULL), 0);
	const struct bsn_env_facts facts = {
		.env = env, .user = &user, .cgroups_path = "/basin/env-web", .etc = "/data/etc", .enforced = enforced
	};
	assert_int_equal(bsn_env_oci_config(&facts, &text, NULL), 0);
	if (bsn_config_parse(text, strlen(text), 0, ret_config, &err) < 0)
		fail_msg("%s", err.text);
}

static bool has_string(const struct bsn_strings *strings, const char *text)
{
	for (size_t i = 0; i < strings->count; i++)
		if (bsn_streq(strings->of[i], text))
			return true;
	return false;
}

static void test_config_is_a_config(void **state)
{
	(void)state;
	auto_of(bsn_config_free) struct bsn_config *config = NULL;
	make_config(DEFINITION, BSN_RESOURCES_ALL, &config);
	assert_int_equal(config->process.uid, 7);
	assert_string_equal(config->process.cwd, "/tmp");
	assert_true(has_string(&config->process.env, "A=b"));
	assert_true(has_string(&config->process.env, "HOME=/home"));
	assert_true(has_string(&config->process.env, "container=basin"));
	assert_true(config->namespaces[BSN_NS_USER].given);
	assert_true(config->namespaces[BSN_NS_NETWORK].given);
	assert_int_equal(config->uid_maps.of[0].host, 65536);
	assert_string_equal(config->cgroups_path, "/basin/env-web");
	assert_int_equal(config->resources.cpu_quota, 50000);
	assert_int_equal(config->resources.memory_max, 2048);
	assert_int_equal(config->resources.memory_swap_max, 0);
	assert_int_equal(config->resources.pids_max, 64);
	assert_true(config->seccomp.given);
}

static void test_config_leaves_out_what_is_not_enforced(void **state)
{
	(void)state;
	auto_of(bsn_config_free) struct bsn_config *config = NULL;
	make_config(DEFINITION, 0, &config);
	assert_int_equal(bsn_cgroup_resources_controllers(&config->resources), 0);
}

static void test_classes(void **state)
{
	(void)state;
	struct bsn_env env = { .request = { { 100, 1024, 0, 0 } }, .limit = { { 100, 1024, 0, 0 } } };
	assert_int_equal(bsn_env_class(&env), BSN_CLASS_GUARANTEED);
	env.limit.of[BASIN_CPU] = BASIN_UNSET;
	assert_int_equal(bsn_env_class(&env), BSN_CLASS_BURSTABLE);
	env.request.of[BASIN_MEMORY] = 0;
	assert_int_equal(bsn_env_class(&env), BSN_CLASS_BESTEFFORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_makes_private_roots),
		cmocka_unit_test(test_open_refuses_an_unset_size),
		cmocka_unit_test(test_open_takes_the_variables),
		cmocka_unit_test(test_definition),
		cmocka_unit_test(test_bad_definitions),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_users_stay_inside),
		cmocka_unit_test(test_config_is_a_config),
		cmocka_unit_test(test_config_leaves_out_what_is_not_enforced),
		cmocka_unit_test(test_classes),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
