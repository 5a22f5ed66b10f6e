/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners: what dies with the process (memory, descriptors) is freed when its variable leaves scope.
 *
 *   auto_fd int fd = bsn_sys_openat(...);
 *   auto_free char *text = NULL;
 *   *ret_fd = bsn_fd_give(&fd);          // passes ownership on
 *
 * What outlives the process is a step (base/step.h). Nothing is both.
 */
#ifndef BSN_BASE_OWN_H
#define BSN_BASE_OWN_H

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void bsn_own_close(const int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void bsn_own_free(void *pointer)
{
	int saved = errno;
	free(*(void **)pointer);
	errno = saved;
}

static inline void bsn_own_closedir(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

#define auto_fd   __attribute__((cleanup(bsn_own_close)))
#define auto_free __attribute__((cleanup(bsn_own_free)))
#define auto_dir  __attribute__((cleanup(bsn_own_closedir)))

/* Defines auto_<name>'s clean-up function for a type with a free function: BSN_OWNER(struct bsn_thing *, bsn_thing_free). */
#define BSN_OWNER(type, release)                                                                                                 \
	static inline void release##_owned(type *pointer)                                                                        \
	{                                                                                                                        \
		if (*pointer != NULL)                                                                                            \
			release(*pointer);                                                                                       \
	}                                                                                                                        \
	_Static_assert(1, "ends with a semicolon")
#define auto_of(release) __attribute__((cleanup(release##_owned)))

/* Gives away what *fd owns. */
static inline int bsn_fd_give(int *fd)
{
	int given = *fd;
	*fd = -1;
	return given;
}

/* Gives away what *pointer owns; use as (char *)bsn_give(&text). */
static inline void *bsn_give(void *pointer)
{
	void *given = *(void **)pointer;
	*(void **)pointer = NULL;
	return given;
}

#endif
