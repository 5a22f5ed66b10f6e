/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/facts.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"
#include "runtime/runtime.h"

#define MOUNTINFO_MAX (16 << 20)

bool bsn_facts_capable(int capability)
{
	static struct __user_cap_data_struct data[2];
	static bool known;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	if (!known && syscall(SYS_capget, &header, data) < 0)
		return false;
	known = true;
	return (data[capability / 32].effective >> (capability % 32) & 1) != 0;
}

bool bsn_facts_selinux(void)
{
	struct statfs fs;
	return statfs("/sys/fs/selinux", &fs) == 0 && (uint32_t)fs.f_type == SELINUX_MAGIC;
}

bool bsn_facts_apparmor(void)
{
	auto_free char *enabled = NULL;
	return bsn_read_file(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &enabled, NULL) >= 0 && enabled[0] == 'Y';
}

bool bsn_facts_apparmor_directory(void)
{
	return access("/proc/self/attr/apparmor/exec", F_OK) == 0;
}

static bool read_initial(void)
{
	auto_free char *map = NULL;
	unsigned long inside;
	unsigned long outside;
	unsigned long count;
	if (bsn_read_file(AT_FDCWD, "/proc/self/uid_map", 4096, &map, NULL) < 0)
		return true;
	return sscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 && outside == 0 && count == 4294967295UL;
}

bool bsn_facts_initial_user_namespace(void)
{
	static int initial = -1;
	if (initial < 0)
		initial = read_initial();
	return initial;
}

bool bsn_facts_host_root(void)
{
	return bsn_facts_capable(CAP_SYS_ADMIN) && bsn_facts_initial_user_namespace();
}

bool bsn_runtime_of_user(void)
{
	const char *user = getenv("USER");
	return geteuid() != 0 || (!bsn_facts_initial_user_namespace() && (user == NULL || strcmp(user, "root") != 0));
}

bool bsn_facts_shared_mount(const char *path)
{
	auto_fd int fd = bsn_sys_openat(AT_FDCWD, path, O_PATH, 0);
	auto_free char *about = NULL;
	auto_free char *table = NULL;
	char id[48];
	snprintf(id, sizeof(id), "/proc/self/fdinfo/%d", fd);
	if (fd < 0 || bsn_read_file(AT_FDCWD, id, 4096, &about, NULL) < 0 || strstr(about, "mnt_id:") == NULL ||
	    bsn_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &table, NULL) < 0)
		return false;
	size_t length = (size_t)snprintf(id, sizeof(id), "%ld ", strtol(strstr(about, "mnt_id:") + 7, NULL, 10));
	for (char *line = table; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
		if (strncmp(line, id, length) != 0)
			continue;
		const char *end = strstr(line, " - ");
		const char *shared = strstr(line, " shared:");
		return shared != NULL && end != NULL && shared < end;
	}
	return false;
}
