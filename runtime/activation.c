/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/activation.h"

#include <linux/mount.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/size.h"
#include "base/str.h"
#include "runtime/notify.h"

#define DESCRIPTORS_MAX 65536

static int64_t number_of(const char *name)
{
	int64_t value;
	const char *text = getenv(name);
	return text != NULL && bsn_parse_count(text, &value) >= 0 ? value : -1;
}

int bsn_activation_count(void)
{
	int64_t count = number_of("LISTEN_FDS");
	int64_t pid = number_of("LISTEN_PID");
	if (count <= 0 || count > DESCRIPTORS_MAX || (getenv("LISTEN_PID") != NULL && pid != getpid()))
		return 0;
	return (int)count;
}

/* Room for `more` variables behind those of the config. */
static int grow(struct bsn_config *config, size_t more)
{
	struct bsn_strings *env = &config->process.env;
	const char **of = bsn_arena_array(config->arena, env->count + more + 1, sizeof(*of));
	if (of == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < env->count; i++)
		of[i] = env->of[i];
	env->of = of;
	return 0;
}

static int add_descriptors(struct bsn_config *config, int count)
{
	struct bsn_strings *env = &config->process.env;
	const char *names = getenv("LISTEN_FDNAMES");
	if (count == 0)
		return 0;
	if (grow(config, 3) < 0)
		return -ENOMEM;
	env->of[env->count++] = bsn_arena_format(config->arena, "LISTEN_FDS=%d", count);
	env->of[env->count++] = "LISTEN_PID=1";
	if (names != NULL)
		env->of[env->count++] = bsn_arena_format(config->arena, "LISTEN_FDNAMES=%s", names);
	return env->of[env->count - 1] == NULL || env->of[env->count - 2] == NULL ? -ENOMEM : 0;
}

/* Only the directory is mounted: the socket is bound in it when there is somebody to listen. */
static int add_notify(struct bsn_run *run)
{
	struct bsn_config *config = run->config;
	const char *host = bsn_notify_host();
	const char *inside = host[0] == '/' ? host : BSN_NOTIFY_INSIDE;
	const char *variable = bsn_arena_format(config->arena, "NOTIFY_SOCKET=%s/" BSN_NOTIFY_SOCKET, inside);
	const char *source =
		bsn_arena_format(config->arena, "%s/%s/" BSN_NOTIFY_DIRECTORY, run->container.runtime->root, run->options->id);
	struct bsn_mount *mounts = bsn_arena_array(config->arena, config->mount_count + 1, sizeof(*mounts));
	if (source == NULL || variable == NULL || mounts == NULL || grow(config, 1) < 0)
		return -ENOMEM;
	if (config->mount_count > 0)
		memcpy(mounts, config->mounts, config->mount_count * sizeof(*mounts));
	mounts[config->mount_count++] = (struct bsn_mount){
		.destination = inside,
		.source = source,
		.type = "bind",
		.bind = true,
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};
	config->mounts = mounts;
	config->process.env.of[config->process.env.count++] = variable;
	run->notifies = true;
	return 0;
}

int bsn_activation_prepare(struct bsn_run *run, struct basin_error *err)
{
	if (run->options->managed)
		return 0;
	int r = add_descriptors(run->config, bsn_activation_count());
	if (r >= 0 && bsn_notify_host() != NULL)
		r = add_notify(run);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot prepare the payload's environment") : 0;
}
