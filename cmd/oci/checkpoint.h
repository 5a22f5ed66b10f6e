/* SPDX-License-Identifier: Apache-2.0 */
/* The options that checkpoint and restore share. */
#ifndef BSN_CMD_OCI_CHECKPOINT_H
#define BSN_CMD_OCI_CHECKPOINT_H

#include "cmd/oci/create.h"

enum {
	CMD_CRIU_IMAGE_PATH = CMD_CREATE_LAST,
	CMD_CRIU_WORK_PATH,
	CMD_CRIU_TCP_ESTABLISHED,
	CMD_CRIU_EXT_UNIX_SK,
	CMD_CRIU_SHELL_JOB,
	CMD_CRIU_FILE_LOCKS,
	CMD_CRIU_MANAGE_CGROUPS_MODE,
	CMD_CRIU_EMPTY_NS,
	CMD_CRIU_AUTO_DEDUP,
	CMD_CRIU_LAZY_PAGES,
	CMD_CRIU_LINK_REMAP,
	CMD_CRIU_PARENT_PATH,
	CMD_CRIU_NETWORK_LOCK,
	CMD_CRIU_LAST
};

#define CMD_CRIU_OPTIONS                                                                                                         \
	{ CMD_CRIU_IMAGE_PATH, "image-path", 0, "DIR", "directory of the images (default: checkpoint)" },                        \
		{ CMD_CRIU_WORK_PATH, "work-path", 0, "DIR", "directory of criu's log (default: that of the images)" },          \
		{ CMD_CRIU_TCP_ESTABLISHED, "tcp-established", 0, NULL, "allow open TCP connections" },                          \
		{ CMD_CRIU_EXT_UNIX_SK, "ext-unix-sk", 0, NULL, "allow unix sockets that lead outside" },                        \
		{ CMD_CRIU_SHELL_JOB, "shell-job", 0, NULL, "allow a session and a terminal of somebody else's" },               \
		{ CMD_CRIU_FILE_LOCKS, "file-locks", 0, NULL, "keep file locks" },                                               \
		{ CMD_CRIU_MANAGE_CGROUPS_MODE, "manage-cgroups-mode", 0, "MODE", "soft, full, strict or ignore" },              \
		{ CMD_CRIU_EMPTY_NS, "empty-ns", 0, "network", "make the namespace, but not what was in it (always so)" },       \
		{ CMD_CRIU_AUTO_DEDUP, "auto-dedup", 0, NULL, "keep each page of memory once" },                                 \
		{ CMD_CRIU_LAZY_PAGES, "lazy-pages", 0, NULL, "move memory when it is asked for" },                              \
		{ CMD_CRIU_LINK_REMAP, "link-remap", 0, NULL, "link unlinked files back where that is possible" },               \
		{ CMD_CRIU_NETWORK_LOCK, "network-lock", 0, "iptables|nftables|skip", "how connections are held meanwhile" },    \
	{                                                                                                                        \
		CMD_CRIU_PARENT_PATH, "parent-path", 0, "DIR", "images of an earlier --pre-dump, relative to --image-path"       \
	}

/* 0, -1 (reported), or 1 for an option that is not one of these. */
int cmd_criu_option(struct cmd_run *run, int option, const char *value, struct bsn_criu_options *criu);
/* Not by root of the machine: said, as runc does, since criu may not be able to. */
void cmd_criu_warn(const struct cmd_run *run);

#endif
