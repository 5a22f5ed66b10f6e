/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup: one tar archive that is an OCI image layout, so that tar lists it, skopeo copies it, and any engine runs what is in it. Its
 * one manifest is an image's (base layers, then the environment's own layer on top); what makes it a backup is a member of the image
 * config, which such tools carry along.
 *
 *     oci-layout
 *     index.json
 *     blobs/sha256/<manifest>     artifactType BSN_BACKUP_ARTIFACT
 *     blobs/sha256/<config>       an OCI image config with the member BSN_BACKUP_MEMBER
 *     blobs/sha256/<list>         then, for each layer, lowest first, the list of its entries
 *     blobs/sha256/<layer>        and the layer itself, tar+zstd
 *
 * in exactly this order, as plain regular files (mode 0644, owner 0:0, one time for all), two blocks of zeros at the end and nothing more. All but
 * index.json is named by a digest; what is not is compared with what it must be, to the byte. So no byte can change unnoticed.
 *
 * Why base layers are packed anew: the store keeps a layer's tree, not the blob it came in. So a base layer has two names here: "source", the diff
 * id under which its store had it, and "diff_id", that of the archive made from the tree. Who restores and has "source" uses that and skips the
 * packed one; who has not adds it under its own diff id, since only that can be verified.
 *
 * A list is zstd-compressed text, a line per entry of the layer's archive, in its order, and one without a path for the archive's end:
 *
 *     <sha256 of the entry's bytes: headers, data, padding> <how many bytes> <path, escaped as in image/mtree.h>
 *
 * It is what lets verify say which path is the first damaged one.
 */
#ifndef BSN_IMAGE_BACKUP_FORMAT_H
#define BSN_IMAGE_BACKUP_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "image/digest.h"
#include "image/tar_write.h"

#define BSN_BACKUP_ARTIFACT "application/vnd.basin.backup.v1"
#define BSN_BACKUP_MEMBER   "vnd.basin.backup"
#define BSN_BACKUP_VERSION  1
#define BSN_BACKUP_LAYERS   256         /* the most that a backup has */
#define BSN_BACKUP_DOCUMENT (4 << 20)   /* the largest index, manifest or config */
#define BSN_BACKUP_LIST     (256 << 20) /* the largest list, compressed */
#define BSN_BACKUP_LAYOUT   "{\"imageLayoutVersion\":\"1.0.0\"}"

struct bsn_backup_blob {
	char digest[BSN_DIGEST_ROOM];
	uint64_t size;
	int fd; /* being written: where it is staged, without a name; -1 otherwise */
};

struct bsn_backup_layer {
	bool base;                    /* of the image; the environment's own otherwise, which is the last one */
	bool present;                 /* false: left out (--thin), only source is known */
	char source[BSN_DIGEST_ROOM]; /* a base layer's diff id in the store that it came from; "" */
	char diff_id[BSN_DIGEST_ROOM];
	struct bsn_backup_blob blob;
	struct bsn_backup_blob list;
	uint64_t entries;
	uint64_t bytes; /* of the unpacked archive */
};

struct bsn_backup {
	const char *name; /* the environment's; belongs to about once read */
	int64_t created;  /* seconds since the epoch */
	json_t *config;   /* the image's OCI config, to build the backup's from; after reading: the backup's */
	json_t *about;    /* the member: what the writer put there, and "version", "name", "created", "layers" */
	struct bsn_backup_layer layers[BSN_BACKUP_LAYERS];
	size_t layer_count;
};

void bsn_backup_init(struct bsn_backup *backup);
/* Drops the documents and closes what is staged. */
void bsn_backup_release(struct bsn_backup *backup);
#define auto_backup __attribute__((cleanup(bsn_backup_release)))

struct bsn_backup_documents {
	char *index;
	char *manifest;
	char *config;
	char manifest_digest[BSN_DIGEST_ROOM];
	char config_digest[BSN_DIGEST_ROOM];
};

void bsn_backup_documents_release(struct bsn_backup_documents *documents);
#define auto_backup_documents __attribute__((cleanup(bsn_backup_documents_release)))

/* The texts of a backup whose layers are all known. */
int bsn_backup_format(const struct bsn_backup *backup, struct bsn_backup_documents *ret_documents, struct basin_error *err);

/* The index of a manifest: there is only one way to write it. */
int bsn_backup_format_index(const char *name, const char *manifest_digest, size_t manifest_size, char **ret_index,
			    struct basin_error *err);

/* Digest and size of the manifest that an index names; code DAMAGED. */
int bsn_backup_parse_index(const char *text, size_t length, struct bsn_backup_blob *ret_manifest, struct basin_error *err);
/* Digest and size of the config that a manifest names, and that it is a backup's manifest at all. */
int bsn_backup_parse_manifest(const char *text, size_t length, json_t **ret_manifest, struct bsn_backup_blob *ret_config,
			      struct basin_error *err);
/* Fills *backup from the config, which must agree with the manifest. */
int bsn_backup_parse_config(const char *text, size_t length, json_t *manifest, struct bsn_backup *backup,
			    struct basin_error *err);

/* An entry of the archive: "blobs/sha256/<hex>" for a digest, else the name itself. */
#define BSN_BACKUP_PATH_ROOM 96
void bsn_backup_path(const char *digest_or_name, char ret_path[BSN_BACKUP_PATH_ROOM]);
struct bsn_tar_entry bsn_backup_entry(const char *path, uint64_t size, int64_t created);

#endif
