/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root that criu restores into. It wants a mount point whose parent is not covered, with every destination of a mount in it; both are
 * made in a mount namespace of our own, in which criu is started, so that none of it is seen on the host.
 */
#ifndef BSN_RUNTIME_RESTORE_MOUNTS_H
#define BSN_RUNTIME_RESTORE_MOUNTS_H

#include "base/error.h"
#include "runtime/config.h"

/* A bind mount in the terms that criu has for it; in the config's arena. */
struct bsn_restore_mount {
	const char *destination; /* without the links in it */
	const char *source;      /* absolute; NULL: not a bind mount */
};

struct bsn_restore_place {
	int host;                         /* the mount namespace that we came from */
	int directory;                    /* and the working directory there */
	struct bsn_restore_mount *mounts; /* one for each of the config's */
};

#define BSN_RESTORE_PLACE_INIT                                                                                                   \
	{                                                                                                                        \
		.host = -1, .directory = -1                                                                                      \
	}

/*
 * Enters the namespace and mounts rootfs at root, an empty directory, with the destinations of config's mounts in it. While criu works the
 * directory must stay: removing it on the host would take the mount away.
 */
int bsn_restore_enter(struct bsn_restore_place *place, const char *root, const char *rootfs, const char *bundle,
		      const struct bsn_config *config, struct basin_error *err);
/* Back to where we were; what was mounted goes with criu. Does nothing when nothing was entered. */
int bsn_restore_leave(struct bsn_restore_place *place, struct basin_error *err);

#endif
