/* SPDX-License-Identifier: Apache-2.0 */
/* The one file that speaks to libcrypto. */
#include "image/digest.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "base/str.h"
#include "base/sys.h"

struct bsn_hash {
	EVP_MD_CTX *context;
	EVP_MD *sha256;
	bool failed;
};

static void begin(struct bsn_hash *hash)
{
	hash->failed = EVP_DigestInit_ex2(hash->context, hash->sha256, NULL) != 1;
}

int bsn_hash_new(struct bsn_hash **ret_hash, struct basin_error *err)
{
	struct bsn_hash *hash = calloc(1, sizeof(*hash));
	if (hash == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot make a digest");
	/* Fetched once: an implicit fetch per digest would cost more than digesting a small file. */
	hash->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	hash->context = EVP_MD_CTX_new();
	if (hash->sha256 == NULL || hash->context == NULL) {
		bsn_hash_free(hash);
		return bsn_fail(err, BASIN_UNSUPPORTED, ENOTSUP,
				"libcrypto offers no SHA-256: look at its configuration (openssl.cnf)");
	}
	begin(hash);
	*ret_hash = hash;
	return 0;
}

void bsn_hash_free(struct bsn_hash *hash)
{
	if (hash == NULL)
		return;
	EVP_MD_CTX_free(hash->context);
	EVP_MD_free(hash->sha256);
	free(hash);
}

void bsn_hash_add(struct bsn_hash *hash, const void *data, size_t length)
{
	if (EVP_DigestUpdate(hash->context, data, length) != 1)
		hash->failed = true;
}

int bsn_hash_finish_raw(struct bsn_hash *hash, unsigned char ret_bytes[32], struct basin_error *err)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	bool failed = hash->failed || EVP_DigestFinal_ex(hash->context, bytes, NULL) != 1;
	begin(hash);
	if (failed)
		return bsn_fail(err, BASIN_INTERNAL, EIO, "libcrypto failed to compute a digest");
	memcpy(ret_bytes, bytes, 32);
	return 0;
}

void bsn_digest_format_hex(const unsigned char *bytes, size_t length, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < length; i++) {
		ret_text[2 * i] = digits[bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_text[2 * length] = '\0';
}

int bsn_hash_finish(struct bsn_hash *hash, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err)
{
	unsigned char bytes[32];
	int r = bsn_hash_finish_raw(hash, bytes, err);
	if (r < 0)
		return r;
	memcpy(ret_digest, "sha256:", 7);
	bsn_digest_format_hex(bytes, sizeof(bytes), ret_digest + 7);
	return 0;
}

int bsn_digest_of(const void *data, size_t length, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err)
{
	auto_of(bsn_hash_free) struct bsn_hash *hash = NULL;
	int r = bsn_hash_new(&hash, err);
	if (r < 0)
		return r;
	bsn_hash_add(hash, data, length);
	return bsn_hash_finish(hash, ret_digest, err);
}

int bsn_digest_of_fd(int fd, char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err)
{
	enum { ROOM = 128 * 1024 };
	auto_of(bsn_hash_free) struct bsn_hash *hash = NULL;
	auto_free char *buffer = malloc(ROOM);
	if (buffer == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot digest a file");
	int r = bsn_hash_new(&hash, err);
	if (r < 0)
		return r;
	for (off_t at = 0;;) {
		ssize_t n = BSN_RETRY(pread(fd, buffer, ROOM, at));
		if (n < 0)
			return bsn_fail_sys(err, errno, "cannot read a file to digest it");
		if (n == 0)
			return bsn_hash_finish(hash, ret_digest, err);
		bsn_hash_add(hash, buffer, (size_t)n);
		at += n;
	}
}

int bsn_digest_check(const char *text, struct basin_error *err)
{
	if (bsn_starts_with(text, "sha256:") && strlen(text) == 7 + BSN_DIGEST_HEX &&
	    strspn(text + 7, "0123456789abcdef") == BSN_DIGEST_HEX)
		return 0;
	return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%.100s\" is not a digest: it is \"sha256:\" and 64 lower-case hex digits",
			text);
}
