/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One buffer, filled from the stream; headers are looked at in place and file data is handed out from it without a copy.
 *
 * How long an entry's data is gets decided once, in settle(): the x header's size when it has one, else the header's, and nothing
 * for types that have no data. Handing out and skipping both count down that one number, so they cannot disagree about where the
 * next header is (the way archives were smuggled into archives before).
 */
#include "image/tar_read.h"

#include <limits.h>
#include <string.h>

#include "base/str.h"
#include "image/tar_reader.h"

const struct bsn_tar_limits bsn_tar_default_limits = {
	.entries = (uint64_t)4 << 20,
	.path_bytes = PATH_MAX - 1,
	.depth = 1024,
	.extension_bytes = (size_t)2 << 20,
	.xattr_bytes = (size_t)256 << 10,
};

int bsn_tar_damaged(const struct bsn_tar *tar, struct basin_error *err, const char *format, ...)
{
	auto_str struct bsn_str text = { 0 };
	va_list arguments;
	va_start(arguments, format);
	bsn_str_vaddf(&text, format, arguments);
	va_end(arguments);
	return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "tar entry %llu, at byte %llu: %s", (unsigned long long)tar->entry.number,
			(unsigned long long)tar->offset, bsn_str_text(&text));
}

int bsn_tar_no_memory(struct basin_error *err)
{
	return bsn_fail_sys(err, ENOMEM, "cannot read a tar archive");
}

static void consume(struct bsn_tar *tar, size_t length)
{
	tar->at += length;
	tar->offset += length;
}

/* Makes at least want bytes available in one piece, or what is left of the stream: how many there are. */
static ssize_t fill(struct bsn_tar *tar, size_t want, struct basin_error *err)
{
	if (tar->at == tar->length)
		tar->at = tar->length = 0;
	if (tar->at > BSN_TAR_BUFFER - want) {
		memmove(tar->buffer, tar->buffer + tar->at, tar->length - tar->at);
		tar->length -= tar->at;
		tar->at = 0;
	}
	while (tar->length - tar->at < want && !tar->ended) {
		ssize_t n = bsn_stream_read(tar->from, tar->buffer + tar->length, BSN_TAR_BUFFER - tar->length, err);
		if (n < 0)
			return n;
		tar->ended = n == 0;
		tar->length += (size_t)n;
	}
	return (ssize_t)(tar->length - tar->at);
}

int bsn_tar_next_block(struct bsn_tar *tar, const char **ret_block, struct basin_error *err)
{
	ssize_t n = fill(tar, BSN_TAR_UNIT, err);
	if (n <= 0)
		return (int)n;
	if ((size_t)n < BSN_TAR_UNIT)
		return bsn_tar_damaged(tar, err, "the archive ends in the middle of a block");
	*ret_block = tar->buffer + tar->at;
	consume(tar, BSN_TAR_UNIT);
	return 1;
}

static int skip(struct bsn_tar *tar, uint64_t length, struct basin_error *err)
{
	while (length > 0) {
		ssize_t n = fill(tar, 1, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return bsn_tar_damaged(tar, err, "the archive ends in the middle of a file's data");
		size_t some = (uint64_t)n < length ? (size_t)n : (size_t)length;
		consume(tar, some);
		length -= some;
	}
	return 0;
}

/* The text of a header's body (x, g, L, K), which is limited: freed by the caller. */
static int read_body(struct bsn_tar *tar, uint64_t size, char **ret_body, struct basin_error *err)
{
	if (size > tar->limits.extension_bytes)
		return bsn_tar_damaged(tar, err, "an extension header of %llu bytes is too long", (unsigned long long)size);
	auto_free char *body = malloc((size_t)size + 1);
	if (body == NULL)
		return bsn_tar_no_memory(err);
	size_t have = 0;
	while (have < size) {
		ssize_t n = fill(tar, 1, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return bsn_tar_damaged(tar, err, "the archive ends in the middle of an extension header");
		size_t some = (size_t)n < (size_t)size - have ? (size_t)n : (size_t)size - have;
		memcpy(body + have, tar->buffer + tar->at, some);
		consume(tar, some);
		have += some;
	}
	body[have] = '\0';
	int r = skip(tar, (BSN_TAR_UNIT - size % BSN_TAR_UNIT) % BSN_TAR_UNIT, err);
	if (r >= 0)
		*ret_body = bsn_give(&body);
	return r;
}

/* GNU L and K: the long name of the next entry, NUL-terminated. */
static int take_long(struct bsn_tar *tar, char **text, uint64_t size, struct basin_error *err)
{
	char *body;
	int r = read_body(tar, size, &body, err);
	if (r < 0)
		return r;
	free(*text);
	*text = body;
	if (strnlen(body, (size_t)size) + 1 < size)
		return bsn_tar_damaged(tar, err, "a long name holds a NUL byte");
	return 0;
}

static int take_extension(struct bsn_tar *tar, char type, uint64_t size, struct basin_error *err)
{
	if (type == 'L' || type == 'K')
		return take_long(tar, type == 'L' ? &tar->long_path : &tar->long_link, size, err);
	auto_free char *body = NULL;
	const char *problem;
	int r = read_body(tar, size, &body, err);
	if (r < 0)
		return r;
	r = bsn_pax_parse(type == 'g' ? &tar->global : &tar->pax, body, (size_t)size, type == 'g', &tar->limits, &problem);
	if (r == -ENOMEM)
		return bsn_tar_no_memory(err);
	return r < 0 ? bsn_tar_damaged(tar, err, "%s", problem) : 0;
}

/* Forgets what was said about the last entry and goes past its data. */
static int leave_entry(struct bsn_tar *tar, struct basin_error *err)
{
	int r = skip(tar, tar->left, err);
	/* Some archivers end a layer right behind its last byte. */
	if (r >= 0 && tar->end_optional && tar->padding > 0) {
		ssize_t n = fill(tar, tar->padding, err);
		if (n >= 0 && (size_t)n < tar->padding)
			tar->padding = (size_t)n;
		r = n < 0 ? (int)n : 0;
	}
	if (r >= 0)
		r = skip(tar, tar->padding, err);
	tar->left = 0;
	tar->padding = 0;
	bsn_pax_release(&tar->pax);
	free(bsn_give(&tar->long_path));
	free(bsn_give(&tar->long_link));
	free(bsn_give(&tar->path));
	free(bsn_give(&tar->link));
	return r;
}

/* The next header block: 1, or 0 at the archive's end. */
static int next_header(struct bsn_tar *tar, struct bsn_tar_header *header, struct basin_error *err)
{
	const char *block;
	int r = bsn_tar_next_block(tar, &block, err);
	if (r < 0)
		return r;
	bool zero = r > 0 && bsn_tar_is_zero(block);
	if (zero)
		r = bsn_tar_next_block(tar, &block, err);
	if (r < 0)
		return r;
	if (r == 0 && tar->end_optional)
		return 0;
	if (r == 0)
		return bsn_tar_damaged(tar, err, "the archive is cut off: its two closing zero blocks are missing");
	if (zero)
		return bsn_tar_is_zero(block) ? 0 : bsn_tar_damaged(tar, err, "a lone zero block between entries");
	memcpy(header, block, sizeof(*header));
	if (!bsn_tar_checksum_matches(header))
		return bsn_tar_damaged(tar, err, "this is not a tar header: its check sum does not match");
	if (++tar->headers > tar->limits.entries)
		return bsn_tar_damaged(tar, err, "there are more than %llu headers", (unsigned long long)tar->limits.entries);
	return 1;
}

static int entry_type(const struct bsn_tar_header *header, bool slash, uint64_t size, enum bsn_tar_type *ret_type)
{
	static const char letters[] = "123456";
	static const enum bsn_tar_type types[] = { BSN_TAR_HARDLINK, BSN_TAR_SYMLINK, BSN_TAR_CHAR,
						   BSN_TAR_BLOCK,    BSN_TAR_DIR,     BSN_TAR_FIFO };
	switch (header->type) {
	case '\0':
	case '0':
		/* V7 has no type for directories: a slash at the end makes one. */
		if (slash && size > 0)
			return -EBADMSG;
		*ret_type = slash ? BSN_TAR_DIR : BSN_TAR_FILE;
		return 0;
	case '7':
	case 'S':
		*ret_type = BSN_TAR_FILE;
		return 0;
	}
	const char *letter = memchr(letters, header->type, sizeof(letters) - 1);
	if (letter == NULL)
		return -EBADMSG;
	*ret_type = types[letter - letters];
	return 0;
}

/* The path that counts: sparse name, x header, L entry, the header's own with its prefix. */
static int choose_path(struct bsn_tar *tar, const struct bsn_tar_header *header, bool *ret_slash, struct basin_error *err)
{
	bool posix = memcmp(header->magic, "ustar", 6) == 0;
	const char *said = tar->pax.sparse_name != NULL ? tar->pax.sparse_name
			   : tar->pax.path != NULL      ? tar->pax.path
							: tar->long_path;
	auto_str struct bsn_str path = { 0 };
	if (said != NULL) {
		bsn_str_add(&path, said);
	} else {
		if (posix && header->tail.prefix[0] != '\0') {
			bsn_str_add_bytes(&path, header->tail.prefix, strnlen(header->tail.prefix, sizeof(header->tail.prefix)));
			bsn_str_add(&path, "/");
		}
		bsn_str_add_bytes(&path, header->name, strnlen(header->name, sizeof(header->name)));
	}
	if (path.failed)
		return bsn_tar_no_memory(err);
	size_t length = path.length;
	while (length > 1 && path.data[length - 1] == '/')
		length--;
	*ret_slash = length < path.length;
	if (length == 0)
		return bsn_tar_damaged(tar, err, "it has no name");
	if (length > tar->limits.path_bytes)
		return bsn_tar_damaged(tar, err, "its path is longer than %zu bytes", tar->limits.path_bytes);
	path.data[length] = '\0';
	tar->path = bsn_str_give(&path);
	return 0;
}

static int choose_link(struct bsn_tar *tar, const struct bsn_tar_header *header, struct basin_error *err)
{
	const char *said = tar->pax.link != NULL ? tar->pax.link : tar->long_link;
	tar->link = said != NULL ? strdup(said) : strndup(header->link, sizeof(header->link));
	if (tar->link == NULL)
		return bsn_tar_no_memory(err);
	if (strlen(tar->link) > tar->limits.path_bytes)
		return bsn_tar_damaged(tar, err, "its link target is longer than %zu bytes", tar->limits.path_bytes);
	return 0;
}

static int check_depth(const struct bsn_tar *tar, struct basin_error *err)
{
	unsigned int depth = 0;
	for (const char *at = tar->path; *at != '\0'; at += strcspn(at, "/")) {
		at += strspn(at, "/");
		depth += *at != '\0' && strncmp(at, "./", 2) != 0;
	}
	return depth > tar->limits.depth ? bsn_tar_damaged(tar, err, "its path has more than %u parts", tar->limits.depth) : 0;
}

static int parse_id(const char *field, size_t size, uint32_t *ret_id)
{
	int64_t id;
	if (bsn_tar_parse_field(field, size, &id) < 0 || id < 0 || id >= UINT32_MAX)
		return -EBADMSG;
	*ret_id = (uint32_t)id;
	return 0;
}

/* Ids, mode, time and device numbers. */
static int take_attributes(struct bsn_tar *tar, const struct bsn_tar_header *header, struct basin_error *err)
{
	struct bsn_tar_entry *entry = &tar->entry;
	const struct bsn_pax *pax = &tar->pax;
	const struct bsn_pax *global = &tar->global;
	int64_t mode;
	int64_t mtime = 0;
	uint32_t numbers[4] = { 0 };
	int r = bsn_tar_parse_field(header->mode, sizeof(header->mode), &mode);
	if (r >= 0 && !pax->has_uid && !global->has_uid)
		r = parse_id(header->uid, sizeof(header->uid), &numbers[0]);
	if (r >= 0 && !pax->has_gid && !global->has_gid)
		r = parse_id(header->gid, sizeof(header->gid), &numbers[1]);
	if (r >= 0 && !pax->has_mtime && !global->has_mtime)
		r = bsn_tar_parse_field(header->mtime, sizeof(header->mtime), &mtime);
	if (r >= 0 && (entry->type == BSN_TAR_CHAR || entry->type == BSN_TAR_BLOCK)) {
		r = parse_id(header->major, sizeof(header->major), &numbers[2]);
		if (r >= 0)
			r = parse_id(header->minor, sizeof(header->minor), &numbers[3]);
	}
	if (r < 0)
		return bsn_tar_damaged(tar, err, "a number in the header is malformed or out of range");
	entry->mode = (mode_t)mode & 07777;
	entry->uid = pax->has_uid ? pax->uid : global->has_uid ? global->uid : numbers[0];
	entry->gid = pax->has_gid ? pax->gid : global->has_gid ? global->gid : numbers[1];
	entry->mtime = pax->has_mtime ? pax->mtime : global->has_mtime ? global->mtime : (struct timespec){ .tv_sec = mtime };
	entry->major = numbers[2];
	entry->minor = numbers[3];
	entry->xattrs = pax->xattrs;
	entry->xattr_count = pax->xattr_count;
	entry->acl_dropped = pax->acl_dropped;
	return 0;
}

/* Decides the length of the data, in the archive and of the file. */
static int settle(struct bsn_tar *tar, const struct bsn_tar_header *header, uint64_t stored, struct basin_error *err)
{
	struct bsn_tar_entry *entry = &tar->entry;
	struct bsn_pax *pax = &tar->pax;
	if (entry->type == BSN_TAR_HARDLINK && stored > 0)
		return bsn_tar_damaged(tar, err, "a hard link with data of its own");
	if (pax->sparse && entry->type != BSN_TAR_FILE)
		return bsn_tar_damaged(tar, err, "a sparse map on something that is not a file");
	if (entry->type != BSN_TAR_FILE)
		return 0;
	tar->left = stored;
	tar->padding = (BSN_TAR_UNIT - stored % BSN_TAR_UNIT) % BSN_TAR_UNIT;
	int r = 0;
	if (header->type == 'S')
		r = bsn_tar_read_gnu_map(tar, header, err);
	else if (pax->sparse && pax->sparse_major == 1)
		r = bsn_tar_read_inline_map(tar, err);
	if (r >= 0 && pax->sparse)
		r = bsn_tar_check_map(tar, err);
	if (r < 0)
		return r;
	tar->whole = (struct bsn_tar_stretch){ 0, stored };
	entry->sparse = pax->sparse;
	entry->size = pax->sparse ? pax->sparse_size : stored;
	entry->stretches = pax->sparse ? pax->stretches : &tar->whole;
	entry->stretch_count = pax->sparse ? pax->stretch_count : 1;
	return 0;
}

static int take_entry(struct bsn_tar *tar, const struct bsn_tar_header *header, uint64_t header_size, struct basin_error *err)
{
	struct bsn_tar_entry *entry = &tar->entry;
	uint64_t stored = tar->pax.has_size ? tar->pax.size : header_size;
	bool slash = false;
	int r = choose_path(tar, header, &slash, err);
	if (r >= 0 && entry_type(header, slash, stored, &entry->type) < 0)
		r = bsn_tar_damaged(tar, err, "\"%.200s\" has the unknown type \\%03o", tar->path, (unsigned char)header->type);
	if (r >= 0)
		r = choose_link(tar, header, err);
	if (r >= 0)
		r = check_depth(tar, err);
	if (r >= 0)
		r = take_attributes(tar, header, err);
	if (r >= 0)
		r = settle(tar, header, stored, err);
	if (r < 0)
		return r;
	bool links = entry->type == BSN_TAR_SYMLINK || entry->type == BSN_TAR_HARDLINK;
	if (links && tar->link[0] == '\0')
		return bsn_tar_damaged(tar, err, "\"%.200s\" is a link to nothing", tar->path);
	entry->path = tar->path;
	entry->link = links ? tar->link : "";
	return 1;
}

int bsn_tar_next(struct bsn_tar *tar, const struct bsn_tar_entry **ret_entry, struct basin_error *err)
{
	struct bsn_tar_header header;
	int r = tar->finished ? 0 : leave_entry(tar, err);
	if (r < 0 || tar->finished)
		return r;
	uint64_t number = tar->entry.path != NULL ? tar->entry.number + 1 : 0;
	tar->entry = (struct bsn_tar_entry){ .number = number };
	tar->stretch = 0;
	tar->stretch_done = 0;
	for (;;) {
		int64_t size;
		r = next_header(tar, &header, err);
		if (r <= 0)
			break;
		if (bsn_tar_parse_field(header.size, sizeof(header.size), &size) < 0 || size < 0)
			return bsn_tar_damaged(tar, err, "its size is malformed or out of range");
		if (memchr("xgLK", header.type, 4) == NULL) {
			r = take_entry(tar, &header, (uint64_t)size, err);
			if (r > 0)
				*ret_entry = &tar->entry;
			return r;
		}
		r = take_extension(tar, header.type, (uint64_t)size, err);
		if (r < 0)
			return r;
	}
	tar->finished = r == 0;
	return r;
}

ssize_t bsn_tar_data(struct bsn_tar *tar, const void **ret_data, uint64_t *ret_offset, struct basin_error *err)
{
	const struct bsn_tar_entry *entry = &tar->entry;
	while (tar->stretch < entry->stretch_count && tar->stretch_done == entry->stretches[tar->stretch].length) {
		tar->stretch++;
		tar->stretch_done = 0;
	}
	if (tar->left == 0)
		return 0;
	const struct bsn_tar_stretch *stretch = &entry->stretches[tar->stretch];
	ssize_t n = fill(tar, 1, err);
	if (n < 0)
		return n;
	if (n == 0)
		return bsn_tar_damaged(tar, err, "the archive ends in the middle of \"%.200s\"", entry->path);
	uint64_t wanted = stretch->length - tar->stretch_done;
	size_t some = (uint64_t)n < wanted ? (size_t)n : (size_t)wanted;
	*ret_data = tar->buffer + tar->at;
	*ret_offset = stretch->offset + tar->stretch_done;
	consume(tar, some);
	tar->left -= some;
	tar->stretch_done += some;
	return (ssize_t)some;
}

int bsn_tar_new(struct bsn_stream *from, const struct bsn_tar_limits *limits, bool end_optional, struct bsn_tar **ret_tar,
		struct basin_error *err)
{
	struct bsn_tar *tar = malloc(sizeof(*tar));
	if (tar == NULL)
		return bsn_tar_no_memory(err);
	memset(tar, 0, offsetof(struct bsn_tar, buffer));
	tar->from = from;
	tar->limits = limits != NULL ? *limits : bsn_tar_default_limits;
	tar->end_optional = end_optional;
	*ret_tar = tar;
	return 0;
}

void bsn_tar_free(struct bsn_tar *tar)
{
	if (tar == NULL)
		return;
	bsn_pax_release(&tar->pax);
	bsn_pax_release(&tar->global);
	free(tar->long_path);
	free(tar->long_link);
	free(tar->path);
	free(tar->link);
	free(tar);
}
