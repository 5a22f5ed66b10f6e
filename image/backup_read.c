/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive has one form only, so reading is comparing: each header must be, byte for byte, the one that the writer writes for the path
 * and size that come next. Only two things are learnt from headers: the time that all entries share, and how long index.json is.
 */
#include "image/backup_read.h"

#include <stdio.h>
#include <string.h>

#include "image/backup_items.h"
#include "image/compress.h"

/* The bytes of one blob, no more. */
struct section {
	struct bsn_stream stream;
	struct bsn_backup_reader *reader;
	uint64_t left;
};

struct bsn_backup_reader {
	struct bsn_stream *from;
	const char *name;
	uint64_t position;
	int64_t created;
	char digest[BSN_DIGEST_ROOM];
	struct bsn_backup backup;
	size_t next;
	/* the layer that is being read */
	const struct bsn_backup_layer *layer;
	char what[160];
	struct section section;
	struct bsn_meter meter;
	struct bsn_inflate *inflate;
	struct bsn_backup_items items;
	struct bsn_str list;
	struct bsn_stream checked; /* items, with messages that say which blob */
	bool failed;
};

static int damaged(struct bsn_backup_reader *reader, struct basin_error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int damaged(struct bsn_backup_reader *reader, struct basin_error *err, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	reader->failed = true;
	return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "backup \"%s\" is damaged: %s", reader->name, text);
}

/* A document's own failure, said as what it is: damage, unless this host or version is at fault. */
static int bad_document(struct bsn_backup_reader *reader, struct basin_error *err)
{
	if (err == NULL || (err->code != BASIN_USAGE && err->code != BASIN_DAMAGED))
		return err == NULL ? -EBADMSG : bsn_error_prefix(err, "backup \"%s\"", reader->name);
	char text[sizeof(err->text)];
	memcpy(text, err->text, sizeof(text));
	return damaged(reader, err, "%s", text);
}

/* --- the archive --- */

static int read_exactly(struct bsn_backup_reader *reader, void *buffer, size_t length, const char *what, struct basin_error *err)
{
	char *at = buffer;
	while (length > 0) {
		ssize_t n = bsn_stream_read(reader->from, at, length, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return damaged(reader, err, "it ends in %s", what);
		at += n;
		length -= (size_t)n;
		reader->position += (uint64_t)n;
	}
	return 0;
}

struct text_sink {
	struct bsn_sink sink;
	struct bsn_str bytes;
};

static int add_to_text(struct bsn_sink *sink, const void *data, size_t length, struct basin_error *err)
{
	int r = bsn_str_add_bytes(&((struct text_sink *)sink)->bytes, data, length);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot read the backup") : 0;
}

static int make_header(const struct bsn_backup_reader *reader, const char *path, uint64_t size, struct text_sink *text,
		       struct basin_error *err)
{
	auto_tar_writer struct bsn_tar_writer writer;
	struct bsn_tar_entry entry = bsn_backup_entry(path, size, reader->created);
	text->sink.write = add_to_text;
	bsn_tar_writer_init(&writer, &text->sink);
	return bsn_tar_write_entry(&writer, &entry, err);
}

/* The header must be the one of path and size. first: its beginning, when that was read already. */
static int expect_header(struct bsn_backup_reader *reader, const char *path, uint64_t size, const char *first,
			 struct basin_error *err)
{
	struct text_sink want = { 0 };
	char what[BSN_BACKUP_PATH_ROOM + 32];
	char got[BSN_TAR_UNIT];

	snprintf(what, sizeof(what), "the header of %s", path);
	int r = make_header(reader, path, size, &want, err);
	for (size_t at = 0; r >= 0 && at < want.bytes.length; at += sizeof(got)) {
		if (at == 0 && first != NULL)
			memcpy(got, first, sizeof(got));
		else
			r = read_exactly(reader, got, sizeof(got), what, err);
		if (r >= 0 && memcmp(got, want.bytes.data + at, sizeof(got)) != 0)
			r = damaged(reader, err, "%s is not as it was written", what);
	}
	bsn_str_release(&want.bytes);
	return r;
}

static int expect_zeros(struct bsn_backup_reader *reader, size_t length, const char *what, struct basin_error *err)
{
	static const char zeros[2 * BSN_TAR_UNIT];
	char got[2 * BSN_TAR_UNIT];
	int r = read_exactly(reader, got, length, what, err);
	return r < 0 || memcmp(got, zeros, length) == 0 ? r : damaged(reader, err, "%s is not zero", what);
}

static int expect_padding(struct bsn_backup_reader *reader, uint64_t size, const char *path, struct basin_error *err)
{
	char what[BSN_BACKUP_PATH_ROOM + 32];
	snprintf(what, sizeof(what), "the padding after %s", path);
	return expect_zeros(reader, (size_t)((BSN_TAR_UNIT - size % BSN_TAR_UNIT) % BSN_TAR_UNIT), what, err);
}

static uint64_t octal_at(const char *header, size_t offset)
{
	char digits[12];
	memcpy(digits, header + offset, 11);
	digits[11] = '\0';
	return strtoull(digits, NULL, 8);
}

/* What is behind a header that was found right, up to and with its padding; freed by the caller. */
static int read_content(struct bsn_backup_reader *reader, const char *path, uint64_t size, struct bsn_str *content,
			struct basin_error *err)
{
	char piece[32768];
	int r = 0;
	for (uint64_t left = size; r >= 0 && left > 0;) {
		size_t want = left < sizeof(piece) ? (size_t)left : sizeof(piece);
		r = read_exactly(reader, piece, want, path, err);
		if (r >= 0 && bsn_str_add_bytes(content, piece, want) < 0)
			return bsn_fail_sys(err, ENOMEM, "cannot read the backup");
		left -= want;
	}
	return r < 0 ? r : expect_padding(reader, size, path, err);
}

/* --- the documents --- */

static int read_layout(struct bsn_backup_reader *reader, struct basin_error *err)
{
	char header[BSN_TAR_UNIT];
	auto_str struct bsn_str content = { 0 };

	int r = read_exactly(reader, header, sizeof(header), "its first header", err);
	if (r < 0)
		return r;
	if (memcmp(header, "oci-layout", 11) != 0 || memcmp(header + 257, "ustar", 6) != 0) {
		reader->failed = true;
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "\"%s\" is not a backup made by basin", reader->name);
	}
	reader->created = (int64_t)octal_at(header, 136);
	r = expect_header(reader, "oci-layout", strlen(BSN_BACKUP_LAYOUT), header, err);
	if (r >= 0)
		r = read_content(reader, "oci-layout", strlen(BSN_BACKUP_LAYOUT), &content, err);
	if (r >= 0 && !bsn_streq(bsn_str_text(&content), BSN_BACKUP_LAYOUT))
		return damaged(reader, err, "oci-layout is not as it was written");
	return r;
}

static int read_index(struct bsn_backup_reader *reader, struct bsn_str *content, struct basin_error *err)
{
	char header[BSN_TAR_UNIT];
	int r = read_exactly(reader, header, sizeof(header), "the header of index.json", err);
	if (r < 0)
		return r;
	uint64_t size = octal_at(header, 124);
	if (size > BSN_BACKUP_DOCUMENT)
		return damaged(reader, err, "the header of index.json is not as it was written");
	r = expect_header(reader, "index.json", size, header, err);
	return r < 0 ? r : read_content(reader, "index.json", size, content, err);
}

/* A blob that is small enough to be held: compared with its descriptor. */
static int read_blob(struct bsn_backup_reader *reader, const struct bsn_backup_blob *blob, const char *what, uint64_t max,
		     struct bsn_str *content, struct basin_error *err)
{
	char path[BSN_BACKUP_PATH_ROOM];
	char digest[BSN_DIGEST_ROOM];

	bsn_backup_path(blob->digest, path);
	if (blob->size > max)
		return damaged(reader, err, "%s is larger than a backup's may be", what);
	int r = expect_header(reader, path, blob->size, NULL, err);
	if (r >= 0)
		r = read_content(reader, path, blob->size, content, err);
	if (r >= 0)
		r = bsn_digest_of(bsn_str_text(content), content->length, digest, err);
	if (r >= 0 && !bsn_streq(digest, blob->digest))
		return damaged(reader, err, "blob %s (%s) does not match its digest", blob->digest, what);
	return r;
}

/* No digest covers the index, but there is only one way to write it. */
static int check_index(struct bsn_backup_reader *reader, const struct bsn_str *index, size_t manifest_size,
		       struct basin_error *err)
{
	auto_free char *want = NULL;
	int r = bsn_backup_format_index(reader->backup.name, reader->digest, manifest_size, &want, err);
	if (r < 0)
		return r;
	if (index->length != strlen(want) || memcmp(bsn_str_text(index), want, index->length) != 0)
		return damaged(reader, err, "index.json is not as it was written");
	return reader->created == reader->backup.created ? 0
							 : damaged(reader, err, "its headers have another time than its config");
}

static int read_documents(struct bsn_backup_reader *reader, struct basin_error *err)
{
	auto_str struct bsn_str index = { 0 };
	auto_str struct bsn_str manifest = { 0 };
	auto_str struct bsn_str config = { 0 };
	auto_json json_t *parsed = NULL;
	struct bsn_backup_blob manifest_blob;
	struct bsn_backup_blob config_blob;

	int r = read_layout(reader, err);
	if (r >= 0)
		r = read_index(reader, &index, err);
	if (r < 0)
		return r;
	if (bsn_backup_parse_index(bsn_str_text(&index), index.length, &manifest_blob, err) < 0)
		return bad_document(reader, err);
	memcpy(reader->digest, manifest_blob.digest, sizeof(reader->digest));
	r = read_blob(reader, &manifest_blob, "the manifest", BSN_BACKUP_DOCUMENT, &manifest, err);
	if (r < 0)
		return r;
	if (bsn_backup_parse_manifest(bsn_str_text(&manifest), manifest.length, &parsed, &config_blob, err) < 0)
		return bad_document(reader, err);
	r = read_blob(reader, &config_blob, "the config", BSN_BACKUP_DOCUMENT, &config, err);
	if (r < 0)
		return r;
	if (bsn_backup_parse_config(bsn_str_text(&config), config.length, parsed, &reader->backup, err) < 0)
		return bad_document(reader, err);
	return check_index(reader, &index, manifest.length, err);
}

/* --- layers --- */

static int torn(struct bsn_backup_reader *reader, struct basin_error *err)
{
	const char *path = bsn_str_text(&reader->items.path);
	return damaged(reader, err, "it ends in blob %s (%s)%s%.200s%s", reader->layer->blob.digest, reader->what,
		       path[0] != '\0' ? ", from path \"" : "", path, path[0] != '\0' ? "\" on" : "");
}

static ssize_t read_section(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	struct section *section = (struct section *)stream;
	size_t want = section->left < room ? (size_t)section->left : room;
	if (want == 0)
		return 0;
	ssize_t n = bsn_stream_read(section->reader->from, buffer, want, err);
	if (n == 0)
		return torn(section->reader, err);
	if (n > 0) {
		section->left -= (uint64_t)n;
		section->reader->position += (uint64_t)n;
	}
	return n;
}

/* Says which blob, and what in it. */
static int bad_layer(struct bsn_backup_reader *reader, struct basin_error *err)
{
	const struct bsn_backup_items *items = &reader->items;
	const char *digest = reader->layer->blob.digest;

	if (reader->failed) /* said already: it ends too early */
		return -EBADMSG;
	if (err != NULL && err->code != BASIN_DAMAGED)
		return bsn_error_prefix(err, "backup \"%s\"", reader->name);
	if (!items->damaged)
		return damaged(reader, err, "blob %s (the list of %s) is malformed", reader->layer->list.digest, reader->what);
	if (items->path.length == 0)
		return damaged(reader, err, "blob %s (%s): what is damaged is its end, every path in it is whole", digest,
			       reader->what);
	return damaged(reader, err, "blob %s (%s): the first damaged path is \"%.200s\"", digest, reader->what, items->path.data);
}

static ssize_t read_checked(struct bsn_stream *stream, void *buffer, size_t room, struct basin_error *err)
{
	struct bsn_backup_reader *reader =
		(struct bsn_backup_reader *)((char *)stream - offsetof(struct bsn_backup_reader, checked));
	ssize_t n = bsn_stream_read(&reader->items.stream, buffer, room, err);
	return n < 0 ? bad_layer(reader, err) : n;
}

static void release_layer(struct bsn_backup_reader *reader)
{
	bsn_backup_items_release(&reader->items);
	bsn_inflate_free(reader->inflate);
	bsn_meter_release(&reader->meter);
	bsn_str_release(&reader->list);
	reader->inflate = NULL;
	reader->layer = NULL;
}

/* Everything that has not been read yet, then the digest of the whole. */
static int end_layer(struct bsn_backup_reader *reader, struct basin_error *err)
{
	const struct bsn_backup_layer *layer = reader->layer;
	char path[BSN_BACKUP_PATH_ROOM];
	char digest[BSN_DIGEST_ROOM];

	int r = bsn_stream_drain(&reader->checked, err);
	if (r >= 0)
		r = bsn_stream_drain(&reader->meter.stream, err);
	if (r >= 0)
		r = bsn_meter_finish(&reader->meter, digest, err);
	if (r < 0)
		return r;
	if (!bsn_streq(digest, layer->blob.digest))
		return damaged(reader, err, "blob %s (%s) does not match its digest, though every path in it is whole",
			       layer->blob.digest, reader->what);
	bsn_backup_path(layer->blob.digest, path);
	r = expect_padding(reader, layer->blob.size, path, err);
	release_layer(reader);
	return r;
}

static int begin_layer(struct bsn_backup_reader *reader, const struct bsn_backup_layer *layer, struct basin_error *err)
{
	char path[BSN_BACKUP_PATH_ROOM];
	char what[sizeof(reader->what) + 16];

	if (layer->base)
		snprintf(reader->what, sizeof(reader->what), "base layer %zu of %zu", reader->next,
			 reader->backup.layer_count - 1);
	else
		snprintf(reader->what, sizeof(reader->what), "the environment's own layer");
	snprintf(what, sizeof(what), "the list of %s", reader->what);
	int r = read_blob(reader, &layer->list, what, BSN_BACKUP_LIST, &reader->list, err);
	if (r < 0)
		return r;
	bsn_backup_path(layer->blob.digest, path);
	r = expect_header(reader, path, layer->blob.size, NULL, err);
	if (r < 0)
		return r;
	reader->layer = layer;
	reader->section = (struct section){ .stream = { read_section }, .reader = reader, .left = layer->blob.size };
	r = bsn_meter_init(&reader->meter, &reader->section.stream, UINT64_MAX, reader->what, err);
	if (r >= 0)
		r = bsn_inflate_new(&reader->meter.stream, &reader->inflate, err);
	if (r < 0)
		return r;
	bsn_inflate_expect(reader->inflate, layer->bytes); /* an environment may well be full of zeros */
	return bsn_backup_items_init(&reader->items, bsn_inflate_stream(reader->inflate), &reader->list, err);
}

static int read_end(struct bsn_backup_reader *reader, struct basin_error *err)
{
	char byte;
	int r = expect_zeros(reader, (size_t)(2 * BSN_TAR_UNIT), "its end", err);
	if (r < 0)
		return r;
	ssize_t n = bsn_stream_read(reader->from, &byte, 1, err);
	return n <= 0 ? (int)n : damaged(reader, err, "something follows its end");
}

int bsn_backup_next_layer(struct bsn_backup_reader *reader, size_t *ret_index, struct bsn_stream **ret_stream,
			  struct basin_error *err)
{
	struct bsn_backup *backup = &reader->backup;

	int r = reader->layer != NULL ? end_layer(reader, err) : 0;
	while (r >= 0 && reader->next < backup->layer_count && !backup->layers[reader->next].present)
		reader->next++;
	if (r < 0)
		return r;
	if (reader->next == backup->layer_count)
		return read_end(reader, err);
	size_t index = reader->next++;
	r = begin_layer(reader, &backup->layers[index], err);
	if (r < 0)
		return r;
	*ret_index = index;
	*ret_stream = &reader->checked;
	return 1;
}

int bsn_backup_open(struct bsn_stream *from, const char *name, struct bsn_backup_reader **ret_reader, struct basin_error *err)
{
	auto_backup_reader struct bsn_backup_reader *reader = calloc(1, sizeof(*reader));
	if (reader == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot read the backup");
	reader->from = from;
	reader->name = name;
	reader->checked.read = read_checked;
	bsn_backup_init(&reader->backup);
	int r = read_documents(reader, err);
	if (r < 0)
		return r;
	*ret_reader = bsn_give(&reader);
	return 0;
}

void bsn_backup_close(struct bsn_backup_reader *reader)
{
	if (reader == NULL)
		return;
	release_layer(reader);
	bsn_backup_release(&reader->backup);
	free(reader);
}

const struct bsn_backup *bsn_backup_described(const struct bsn_backup_reader *reader)
{
	return &reader->backup;
}

const char *bsn_backup_digest(const struct bsn_backup_reader *reader)
{
	return reader->digest;
}

uint64_t bsn_backup_position(const struct bsn_backup_reader *reader)
{
	return reader->position;
}
