/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ustar is POSIX.1-1988's 512-byte header, all numbers octal text; PAX (POSIX.1-2001) is a file of "length key=value\n" records
 * that stands before the header it overrules. A field that PAX overrules is still filled as well as it can be, so that an old reader
 * shows something sensible; a number that does not fit is written as 0 there.
 */
#include "image/tar_write.h"

#include <stdio.h>
#include <string.h>

#define OCTAL_7  07777777U     /* the most that 7 digits hold: ids, device numbers */
#define OCTAL_11 077777777777U /* 11 digits: sizes, times */

/* The ustar header, field by field. */
struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char uname[32];
	char gname[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char unused[12];
};
_Static_assert(sizeof(struct header) == BSN_TAR_UNIT, "a tar header is one block");

static const char zeros[2 * BSN_TAR_UNIT];

void bsn_tar_writer_init(struct bsn_tar_writer *writer, struct bsn_sink *to)
{
	*writer = (struct bsn_tar_writer){ .to = to };
}

void bsn_tar_writer_release(struct bsn_tar_writer *writer)
{
	bsn_str_release(&writer->pax);
}

static int emit(struct bsn_tar_writer *writer, const void *bytes, size_t length, struct basin_error *err)
{
	int r = bsn_sink_write(writer->to, bytes, length, err);
	if (r >= 0)
		writer->written += length;
	return r;
}

/* Zeros up to the next block. */
static int pad(struct bsn_tar_writer *writer, struct basin_error *err)
{
	size_t over = (size_t)(writer->written % BSN_TAR_UNIT);
	return over == 0 ? 0 : emit(writer, zeros, BSN_TAR_UNIT - over, err);
}

/* room - 1 octal digits and a NUL. */
static void put_octal(char *field, size_t room, uint64_t value, uint64_t max)
{
	char text[24];
	snprintf(text, sizeof(text), "%0*llo", (int)room - 1, (unsigned long long)(value > max ? 0 : value));
	memcpy(field, text, room);
}

static void put_text(char *field, size_t room, const char *text)
{
	memcpy(field, text, strnlen(text, room));
}

/* The sum of all bytes with the field itself blank: six digits, a NUL, and a blank. */
static void put_checksum(struct header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	unsigned int sum = 0;

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += bytes[i];
	put_octal(header->checksum, sizeof(header->checksum) - 1, sum, 0777777U);
}

static void start_header(struct header *header, char type)
{
	*header = (struct header){ .type = type };
	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
}

/* "LENGTH key=value\n", where LENGTH counts its own digits too. */
static void add_record(struct bsn_str *pax, const char *key, const void *value, size_t length)
{
	size_t rest = strlen(key) + length + 3; /* blank, '=', newline */
	size_t total = rest + 1;

	while (rest + (size_t)snprintf(NULL, 0, "%zu", total) > total)
		total++;
	bsn_str_addf(pax, "%zu %s=", total, key);
	bsn_str_add_bytes(pax, value, length);
	bsn_str_add(pax, "\n");
}

static void add_number(struct bsn_str *pax, const char *key, uint64_t value)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	add_record(pax, key, text, (size_t)length);
}

/* Decimal seconds with as many digits as it takes; -1.5 is what stat calls second -2 and 500000000 ns. */
static void add_time(struct bsn_str *pax, const char *key, struct timespec time)
{
	char text[48];
	bool negative = time.tv_sec < 0;
	uint64_t whole = negative ? 0 - (uint64_t)time.tv_sec : (uint64_t)time.tv_sec;
	long ns = time.tv_nsec;

	if (negative && ns > 0) {
		whole--;
		ns = 1000000000 - ns;
	}
	int length = snprintf(text, sizeof(text), "%s%llu", negative ? "-" : "", (unsigned long long)whole);
	if (ns > 0) {
		length += snprintf(text + length, sizeof(text) - (size_t)length, ".%09ld", ns);
		while (text[length - 1] == '0')
			length--;
	}
	add_record(pax, key, text, (size_t)length);
}

static bool is_sparse(const struct bsn_tar_entry *entry)
{
	return entry->type == BSN_TAR_FILE && entry->sparse;
}

/* The list of stretches that PAX sparse 1.0 puts before the data: a count, then offset and length of each, a line each. */
static int format_map(const struct bsn_tar_entry *entry, struct bsn_str *map)
{
	bsn_str_addf(map, "%zu\n", entry->stretch_count);
	for (size_t i = 0; i < entry->stretch_count; i++)
		bsn_str_addf(map, "%llu\n%llu\n", (unsigned long long)entry->stretches[i].offset,
			     (unsigned long long)entry->stretches[i].length);
	return bsn_str_add_bytes(map, zeros, (BSN_TAR_UNIT - map->length % BSN_TAR_UNIT) % BSN_TAR_UNIT);
}

static int collect_xattrs(struct bsn_str *pax, const struct bsn_tar_entry *entry)
{
	for (size_t i = 0; i < entry->xattr_count && entry->type != BSN_TAR_HARDLINK; i++) {
		char key[300];
		if (bsn_format(key, sizeof(key), "SCHILY.xattr.%s", entry->xattrs[i].name) < 0)
			return -ENAMETOOLONG;
		add_record(pax, key, entry->xattrs[i].value, entry->xattrs[i].size);
	}
	return pax->failed ? -ENOMEM : 0;
}

/* What ustar cannot say about the entry. stored: bytes that follow the header. */
static int collect_pax(struct bsn_str *pax, const struct bsn_tar_entry *entry, const char *name, uint64_t stored)
{
	bool sparse = is_sparse(entry);

	bsn_str_clear(pax);
	if (sparse) {
		add_number(pax, "GNU.sparse.major", 1);
		add_number(pax, "GNU.sparse.minor", 0);
		add_record(pax, "GNU.sparse.name", name, strlen(name));
		add_number(pax, "GNU.sparse.realsize", entry->size);
	} else if (strlen(name) > sizeof(((struct header *)0)->name)) {
		add_record(pax, "path", name, strlen(name));
	}
	if (strlen(entry->link) > sizeof(((struct header *)0)->link))
		add_record(pax, "linkpath", entry->link, strlen(entry->link));
	if (stored > OCTAL_11)
		add_number(pax, "size", stored);
	if (entry->uid > OCTAL_7)
		add_number(pax, "uid", entry->uid);
	if (entry->gid > OCTAL_7)
		add_number(pax, "gid", entry->gid);
	if (entry->mtime.tv_nsec > 0 || entry->mtime.tv_sec < 0 || (uint64_t)entry->mtime.tv_sec > OCTAL_11)
		add_time(pax, "mtime", entry->mtime);
	return collect_xattrs(pax, entry);
}

static int write_pax(struct bsn_tar_writer *writer, struct basin_error *err)
{
	struct header header;

	start_header(&header, 'x');
	put_text(header.name, sizeof(header.name), "PaxHeaders/entry");
	put_octal(header.mode, sizeof(header.mode), 0644, OCTAL_7);
	put_octal(header.uid, sizeof(header.uid), 0, OCTAL_7);
	put_octal(header.gid, sizeof(header.gid), 0, OCTAL_7);
	put_octal(header.size, sizeof(header.size), writer->pax.length, OCTAL_11);
	put_octal(header.mtime, sizeof(header.mtime), 0, OCTAL_11);
	put_checksum(&header);
	int r = emit(writer, &header, sizeof(header), err);
	if (r >= 0)
		r = emit(writer, writer->pax.data, writer->pax.length, err);
	return r < 0 ? r : pad(writer, err);
}

static const char type_letters[] = {
	[BSN_TAR_FILE] = '0',  [BSN_TAR_HARDLINK] = '1', [BSN_TAR_SYMLINK] = '2', [BSN_TAR_CHAR] = '3',
	[BSN_TAR_BLOCK] = '4', [BSN_TAR_DIR] = '5',      [BSN_TAR_FIFO] = '6',
};

static int write_header(struct bsn_tar_writer *writer, const struct bsn_tar_entry *entry, const char *name, uint64_t stored,
			struct basin_error *err)
{
	struct header header;

	start_header(&header, type_letters[entry->type]);
	put_text(header.name, sizeof(header.name), name);
	put_octal(header.mode, sizeof(header.mode), entry->mode & 07777, OCTAL_7);
	put_octal(header.uid, sizeof(header.uid), entry->uid, OCTAL_7);
	put_octal(header.gid, sizeof(header.gid), entry->gid, OCTAL_7);
	put_octal(header.size, sizeof(header.size), stored, OCTAL_11);
	put_octal(header.mtime, sizeof(header.mtime), entry->mtime.tv_sec < 0 ? 0 : (uint64_t)entry->mtime.tv_sec, OCTAL_11);
	put_text(header.link, sizeof(header.link), entry->link);
	if (entry->type == BSN_TAR_CHAR || entry->type == BSN_TAR_BLOCK) {
		put_octal(header.major, sizeof(header.major), entry->major, OCTAL_7);
		put_octal(header.minor, sizeof(header.minor), entry->minor, OCTAL_7);
	}
	put_checksum(&header);
	return emit(writer, &header, sizeof(header), err);
}

static int check_entry(const struct bsn_tar_entry *entry, struct basin_error *err)
{
	if (entry->major > OCTAL_7 || entry->minor > OCTAL_7)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOVERFLOW, "device \"%s\" has a number that tar cannot hold",
				entry->path);
	if (entry->mtime.tv_nsec < 0 || entry->mtime.tv_nsec >= 1000000000)
		return bsn_fail(err, BASIN_INTERNAL, EINVAL, "\"%s\" has a time that is none", entry->path);
	uint64_t end = 0;
	for (size_t i = 0; is_sparse(entry) && i < entry->stretch_count; i++) {
		const struct bsn_tar_stretch *stretch = &entry->stretches[i];
		bool last = i + 1 == entry->stretch_count;
		if (stretch->offset < end || stretch->offset > entry->size || stretch->length > entry->size - stretch->offset ||
		    (!last && stretch->length % BSN_TAR_UNIT != 0))
			return bsn_fail(err, BASIN_INTERNAL, EINVAL,
					"the stretches of sparse file \"%s\" are not in order, or cut blocks", entry->path);
		end = stretch->offset + stretch->length;
	}
	return 0;
}

static uint64_t data_size(const struct bsn_tar_entry *entry)
{
	uint64_t size = 0;
	if (entry->type != BSN_TAR_FILE)
		return 0;
	if (!entry->sparse)
		return entry->size;
	for (size_t i = 0; i < entry->stretch_count; i++)
		size += entry->stretches[i].length;
	return size;
}

static int write_named(struct bsn_tar_writer *writer, const struct bsn_tar_entry *entry, const char *name,
		       struct basin_error *err)
{
	auto_str struct bsn_str map = { 0 };
	uint64_t data = data_size(entry);

	if (is_sparse(entry) && format_map(entry, &map) < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot write \"%s\" to the archive", entry->path);
	int r = collect_pax(&writer->pax, entry, name, map.length + data);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot write \"%s\" to the archive", entry->path);
	if (writer->pax.length > 0)
		r = write_pax(writer, err);
	if (r >= 0)
		r = write_header(writer, entry, name, map.length + data, err);
	if (r >= 0 && map.length > 0)
		r = emit(writer, map.data, map.length, err);
	if (r >= 0)
		writer->left = data;
	return r;
}

int bsn_tar_write_entry(struct bsn_tar_writer *writer, const struct bsn_tar_entry *entry, struct basin_error *err)
{
	auto_str struct bsn_str name = { 0 };

	if (writer->left > 0)
		return bsn_fail(err, BASIN_INTERNAL, EINVAL, "\"%s\" begins before the entry before it is complete", entry->path);
	int r = check_entry(entry, err);
	if (r < 0)
		return r;
	bsn_str_add(&name, entry->path);
	if (entry->type == BSN_TAR_DIR)
		bsn_str_add(&name, "/");
	if (name.failed)
		return bsn_fail_sys(err, ENOMEM, "cannot write \"%s\" to the archive", entry->path);
	return write_named(writer, entry, bsn_str_text(&name), err);
}

int bsn_tar_write_data(struct bsn_tar_writer *writer, const void *bytes, size_t length, struct basin_error *err)
{
	if (length == 0)
		return 0;
	if (length > writer->left)
		return bsn_fail(err, BASIN_INTERNAL, EFBIG, "an archive entry got more data than its header says");
	int r = emit(writer, bytes, length, err);
	if (r < 0)
		return r;
	writer->left -= length;
	return writer->left == 0 ? pad(writer, err) : 0;
}

int bsn_tar_write_end(struct bsn_tar_writer *writer, struct basin_error *err)
{
	if (writer->left > 0)
		return bsn_fail(err, BASIN_INTERNAL, EINVAL, "the archive ends before its last entry is complete");
	return emit(writer, zeros, sizeof(zeros), err);
}
