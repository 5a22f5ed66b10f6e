/* SPDX-License-Identifier: Apache-2.0 */
/*
 * criu, which writes a running container to files and makes it again from them. It is run as `criu swrk FD` and asked over that socket:
 *
 *     request  ------>
 *     <------ NOTIFY script [descriptor]     at certain points; it waits for the answer
 *     NOTIFY ok ----->
 *     <------ answer                         one, and criu ends
 *
 * Descriptors in a request are ours: criu opens them through our /proc/PID/fd. A process that it restores is our child.
 */
#ifndef BSN_RUNTIME_CRIU_H
#define BSN_RUNTIME_CRIU_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "runtime/config.h"
#include "runtime/runtime.h"

/* criu_req_type */
enum bsn_criu_type {
	BSN_CRIU_DUMP = 1,
	BSN_CRIU_RESTORE = 2,
	BSN_CRIU_PRE_DUMP = 4,
	BSN_CRIU_NOTIFY = 6,
	BSN_CRIU_FEATURE_CHECK = 9,
	BSN_CRIU_VERSION = 10
};

/* Fields of criu_opts. */
enum bsn_criu_field {
	BSN_CRIU_IMAGES_DIR = 1,
	BSN_CRIU_PID = 2,
	BSN_CRIU_LEAVE_RUNNING = 3,
	BSN_CRIU_EXT_UNIX_SK = 4,
	BSN_CRIU_TCP_ESTABLISHED = 5,
	BSN_CRIU_EVASIVE_DEVICES = 6,
	BSN_CRIU_SHELL_JOB = 7,
	BSN_CRIU_FILE_LOCKS = 8,
	BSN_CRIU_LOG_LEVEL = 9,
	BSN_CRIU_LOG_FILE = 10,
	BSN_CRIU_PAGE_SERVER = 11,
	BSN_CRIU_NOTIFY_SCRIPTS = 12,
	BSN_CRIU_ROOT = 13,
	BSN_CRIU_PARENT_IMAGE = 14,
	BSN_CRIU_TRACK_MEMORY = 15,
	BSN_CRIU_AUTO_DEDUP = 16,
	BSN_CRIU_WORK_DIR = 17,
	BSN_CRIU_LINK_REMAP = 18,
	BSN_CRIU_EXTERNAL_MOUNT = 23,
	BSN_CRIU_MANAGE_CGROUPS = 24,
	BSN_CRIU_CGROUP_ROOT = 25,
	BSN_CRIU_SIBLING = 26,
	BSN_CRIU_INHERIT_FD = 27,
	BSN_CRIU_CGROUPS_MODE = 34,
	BSN_CRIU_EXTERNAL = 37,
	BSN_CRIU_EMPTY_NAMESPACES = 38,
	BSN_CRIU_JOIN_NAMESPACE = 39,
	BSN_CRIU_FREEZE_CGROUP = 44,
	BSN_CRIU_TCP_SKIP_IN_FLIGHT = 46,
	BSN_CRIU_LAZY_PAGES = 48,
	BSN_CRIU_ORPHAN_TERMINAL = 50,
	BSN_CRIU_CONFIG_FILE = 51,
	BSN_CRIU_TCP_CLOSE = 52,
	BSN_CRIU_LSM_PROFILE = 53,
	BSN_CRIU_LSM_MOUNT_CONTEXT = 63,
	BSN_CRIU_NETWORK_LOCK = 64
};

/* What criu tells at a NOTIFY; fd is -1 or a descriptor that came along, which the handler may take (and set to -1). */
struct bsn_criu_event {
	char script[32];
	pid_t pid;
	int fd;
};

struct bsn_criu_answer {
	pid_t pid;      /* RESTORE: the first process, as seen here */
	bool mem_track; /* FEATURE_CHECK */
	bool lazy_pages;
	int version; /* VERSION: 31701 is 3.17.1 */
};

struct bsn_criu {
	int sock; /* -1: not running */
	pid_t pid;
};

#define BSN_CRIU_INIT                                                                                                            \
	{                                                                                                                        \
		.sock = -1, .pid = -1                                                                                            \
	}
/* Lets go of it, and waits for its end. */
void bsn_criu_release(struct bsn_criu *criu);
#define auto_criu __attribute__((cleanup(bsn_criu_release)))

/*
 * Starts it; extra[i] is its descriptor 4 + i. streams: with our standard streams, which what it restores may take over. Otherwise with none: it says
 * there what is no failure, such as that nobody asks it for more after a pre-dump.
 */
int bsn_criu_start(struct bsn_criu *criu, bool streams, const int *extra, size_t count, struct basin_error *err);

typedef int bsn_criu_handler(void *data, struct bsn_criu_event *event, struct basin_error *err);
/* Asks and follows it to its answer. options: a criu_opts message, NULL: none. handler may be NULL. Then criu has ended. */
int bsn_criu_ask(struct bsn_criu *criu, enum bsn_criu_type type, const struct bsn_str *options, bsn_criu_handler *handler,
		 void *data, struct bsn_criu_answer *ret_answer, struct basin_error *err);

/* Refuses where criu is missing, is older than 3.15, or lacks (features, FEATURE_CHECK) what was asked for. */
int bsn_criu_probe(bool mem_track, bool lazy_pages, int *ret_version, struct basin_error *err);

/* The options that checkpoint and restore share; the directories stay open in *ret_images and *ret_work. */
int bsn_criu_common(struct bsn_str *message, const struct bsn_criu_options *options, const struct bsn_config *config, bool make,
		    int *ret_images, int *ret_work, struct basin_error *err);
/* "extRootNetNS": how an external namespace is called in the images; NULL for kinds that criu joins otherwise. */
const char *bsn_criu_namespace_key(enum bsn_namespace kind);
/* Shows the lines of a log that say why, as warnings. */
void bsn_criu_quote(int dir, const char *log);

#endif
