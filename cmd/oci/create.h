/* SPDX-License-Identifier: Apache-2.0 */
/* The options that create and run share. */
#ifndef BSN_CMD_OCI_CREATE_H
#define BSN_CMD_OCI_CREATE_H

#include "cmd/cmd.h"
#include "runtime/runtime.h"

enum {
	CMD_CREATE_BUNDLE = 1,
	CMD_CREATE_CONFIG,
	CMD_CREATE_CONSOLE_SOCKET,
	CMD_CREATE_PIDFD_SOCKET,
	CMD_CREATE_PID_FILE,
	CMD_CREATE_PRESERVE_FDS,
	CMD_CREATE_NO_PIVOT,
	CMD_CREATE_NO_NEW_KEYRING,
	CMD_CREATE_NO_SUBREAPER,
	CMD_CREATE_LAST
};

#define CMD_CREATE_OPTIONS                                                                                                       \
	{ CMD_CREATE_BUNDLE, "bundle", 'b', "DIR", "directory with config.json (default: the working directory)" },              \
		{ CMD_CREATE_CONFIG, "config", 'f', "FILE", "read this instead of the bundle's config.json" },                   \
		{ CMD_CREATE_CONSOLE_SOCKET, "console-socket", 0, "PATH", "unix socket that receives the terminal's master" },   \
		{ CMD_CREATE_PIDFD_SOCKET, "pidfd-socket", 0, "PATH",                                                            \
		  "unix socket that receives a pidfd of the container's init" },                                                 \
		{ CMD_CREATE_PID_FILE, "pid-file", 0, "FILE", "write the pid of the container's init there" },                   \
		{ CMD_CREATE_PRESERVE_FDS, "preserve-fds", 0, "N", "hand N more descriptors, from 3 on, to the payload" },       \
		{ CMD_CREATE_NO_PIVOT, "no-pivot", 0, NULL, "move the root instead of pivoting, for roots on a ramdisk" },       \
		{ CMD_CREATE_NO_NEW_KEYRING, "no-new-keyring", 0, NULL, "keep the caller's session keyring" },                   \
	{                                                                                                                        \
		CMD_CREATE_NO_SUBREAPER, "no-subreaper", 0, NULL, "do not adopt the container's orphans"                         \
	}

/* 0, -1 (reported), or 1 for an option that is not one of these. */
int cmd_create_option(struct cmd_run *run, int option, const char *value, struct bsn_create_options *create);

#endif
