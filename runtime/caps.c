/* SPDX-License-Identifier: Apache-2.0 */
/* The names are a table of our own: libcap's would cost the hot path a library for forty strings. */
#include "runtime/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <strings.h>

#include "base/io.h"
#include "base/own.h"

static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

#define COUNT ((int)(sizeof(names) / sizeof(names[0])))
_Static_assert(COUNT > CAP_LAST_CAP, "the kernel's headers know a capability that the table lacks");

static const char *const set_names[BSN_CAP_SETS] = {
	[BSN_CAP_BOUNDING] = "bounding",   [BSN_CAP_EFFECTIVE] = "effective", [BSN_CAP_INHERITABLE] = "inheritable",
	[BSN_CAP_PERMITTED] = "permitted", [BSN_CAP_AMBIENT] = "ambient",
};

int bsn_cap_parse(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (int cap = 0; cap < COUNT; cap++)
		if (strcasecmp(name, names[cap] + 4) == 0)
			return cap;
	return -EINVAL;
}

const char *bsn_cap_name(int cap)
{
	return cap >= 0 && cap < COUNT ? names[cap] : NULL;
}

int bsn_cap_count(void)
{
	return COUNT;
}

const char *bsn_cap_set_name(enum bsn_cap_set set)
{
	return set_names[set];
}

uint64_t bsn_cap_kernel_mask(void)
{
	auto_free char *text = NULL;
	int last = CAP_LAST_CAP;
	if (bsn_read_file(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", 32, &text, NULL) >= 0)
		last = atoi(text);
	return last >= 63 ? UINT64_MAX : (UINT64_C(1) << (last + 1)) - 1;
}
