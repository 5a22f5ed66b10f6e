/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading is in small pieces: where the compressed data stops making sense, the decoder drops what it had already unpacked in the
 * same call, and a large piece would put the blame on a path before the damaged one. zstd works in blocks that are multiples of the piece.
 */
#include "image/backup_items.h"

#include <string.h>

#define PIECE    4096
#define LINE_MAX 32768 /* a path of 4095 bytes, all escaped, has 16380 */

static int bad_list(struct basin_error *err)
{
	return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the list of a layer's entries is malformed");
}

/* The next line in *ret_line, valid until the next call; 0 at the end of the list. */
static int next_line(struct bsn_backup_items *items, char **ret_line, struct basin_error *err)
{
	struct bsn_str *lines = &items->lines;
	char piece[PIECE];

	for (;;) {
		char *from = lines->data == NULL ? NULL : lines->data + items->lines_at;
		char *end = from == NULL ? NULL : memchr(from, '\n', lines->length - items->lines_at);
		if (end != NULL) {
			*end = '\0';
			items->lines_at = (size_t)(end + 1 - lines->data);
			*ret_line = from;
			return 1;
		}
		if (lines->length - items->lines_at > LINE_MAX)
			return bad_list(err);
		if (from != NULL) {
			memmove(lines->data, from, lines->length - items->lines_at);
			lines->length -= items->lines_at;
			items->lines_at = 0;
		}
		ssize_t n = bsn_stream_read(bsn_inflate_stream(items->list), piece, sizeof(piece), err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return lines->length == 0 ? 0 : bad_list(err);
		if (bsn_str_add_bytes(lines, piece, (size_t)n) < 0)
			return bsn_fail_sys(err, ENOMEM, "cannot read the list of a layer's entries");
	}
}

/* "<64 hex digits> <bytes> <path>" */
static int take_line(struct bsn_backup_items *items, const char *line, struct basin_error *err)
{
	char *end;

	if (strlen(line) < BSN_DIGEST_HEX + 4 || line[BSN_DIGEST_HEX] != ' ' || line[BSN_DIGEST_HEX + 1] < '1' ||
	    line[BSN_DIGEST_HEX + 1] > '9')
		return bad_list(err);
	errno = 0;
	items->left = strtoull(line + BSN_DIGEST_HEX + 1, &end, 10);
	if (errno != 0 || *end != ' ' || items->left > INT64_MAX)
		return bad_list(err);
	memcpy(items->digest, line, BSN_DIGEST_HEX);
	items->digest[BSN_DIGEST_HEX] = '\0';
	bsn_str_clear(&items->path);
	items->entries++;
	return bsn_str_add(&items->path, end + 1) < 0 ? bsn_fail_sys(err, ENOMEM, "cannot read the list of a layer's entries")
						      : 0;
}

static int damaged(struct bsn_backup_items *items, struct basin_error *err)
{
	items->damaged = true;
	return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the layer does not match the list of its entries");
}

/* Goes on to the next entry: 1, or 0 when there is none and the layer ends there too. */
static int next_item(struct bsn_backup_items *items, struct basin_error *err)
{
	char *line = NULL;
	char byte;

	int r = next_line(items, &line, err);
	if (r > 0)
		return take_line(items, line, err) < 0 ? -EBADMSG : 1;
	if (r < 0)
		return r;
	bsn_str_clear(&items->path);
	ssize_t n = bsn_stream_read(items->from, &byte, 1, err);
	items->damaged = n < 0;
	items->ended = n == 0;
	return n > 0 ? damaged(items, err) : (int)n;
}

static int end_item(struct bsn_backup_items *items, struct basin_error *err)
{
	unsigned char digest[32];
	char hex[BSN_DIGEST_HEX + 1];
	int r = bsn_hash_finish_raw(items->hash, digest, err);
	if (r < 0)
		return r;
	bsn_digest_format_hex(digest, sizeof(digest), hex);
	return bsn_streq(hex, items->digest) ? 0 : damaged(items, err);
}

static ssize_t read_items(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	struct bsn_backup_items *items = (struct bsn_backup_items *)stream;

	if (items->ended || room == 0)
		return 0;
	if (items->left == 0) {
		int r = next_item(items, err);
		if (r <= 0)
			return r;
	}
	size_t want = room < PIECE ? room : PIECE;
	want = items->left < want ? (size_t)items->left : want;
	ssize_t n = bsn_stream_read(items->from, buffer, want, err);
	items->damaged = n <= 0;
	if (n <= 0)
		return n < 0 ? n : damaged(items, err);
	bsn_hash_add(items->hash, buffer, (size_t)n);
	items->left -= (uint64_t)n;
	int r = items->left == 0 ? end_item(items, err) : 0;
	return r < 0 ? r : n;
}

int bsn_backup_items_init(struct bsn_backup_items *items, struct bsn_stream *from, const struct bsn_str *list,
			  struct basin_error *err)
{
	*items = (struct bsn_backup_items){ .stream = { read_items }, .from = from };
	bsn_memory_stream_init(&items->list_bytes, list->data, list->length);
	int r = bsn_hash_new(&items->hash, err);
	return r < 0 ? r : bsn_inflate_new(&items->list_bytes.stream, &items->list, err);
}

void bsn_backup_items_release(struct bsn_backup_items *items)
{
	bsn_inflate_free(items->list);
	bsn_hash_free(items->hash);
	bsn_str_release(&items->lines);
	bsn_str_release(&items->path);
	*items = (struct bsn_backup_items){ 0 };
}
