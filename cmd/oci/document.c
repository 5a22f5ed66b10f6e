/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/oci/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

#define ROOM_FIRST 4096
#define ROOM_MAX   (16 << 20)

/* 0, or the errno. */
static int read_all(int fd, char **ret_text)
{
	size_t room = 0;
	size_t length = 0;
	ssize_t n;
	do {
		if (length + 1 >= room) {
			room = room == 0 ? ROOM_FIRST : room * 2;
			char *more = room > ROOM_MAX ? NULL : realloc(*ret_text, room);
			if (more == NULL)
				return room > ROOM_MAX ? EFBIG : ENOMEM;
			*ret_text = more;
		}
		n = read(fd, *ret_text + length, room - length - 1);
		length += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	(*ret_text)[length] = '\0';
	return n < 0 ? errno : 0;
}

char *cmd_document_read(const char *path, bool dash, struct basin_error *err)
{
	char *text = NULL;
	bool standard = dash && strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? errno : read_all(fd, &text);
	if (fd >= 0 && !standard)
		close(fd);
	if (r == 0)
		return text;
	free(text);
	snprintf(err->text, sizeof(err->text), "cannot read \"%s\": %s", path, cmd_words(r));
	return NULL;
}
