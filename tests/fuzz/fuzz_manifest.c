/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image's documents from anywhere: the input is a manifest, a NUL byte and a config. "@" in the manifest stands for the config's digest,
 * which a fuzzer could not guess. What is taken must hold: a config with as many diff ids as layers, all of them digests, and settings whose
 * lists end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *with_digest(const char *manifest, const char *config)
{
	struct bsn_str text = { 0 };
	char digest[BSN_DIGEST_ROOM];
	if (bsn_digest_of(config, strlen(config), digest, NULL) < 0)
		abort();
	for (const char *at = manifest; *at != '\0'; at++)
		if (*at == '@')
			bsn_str_add(&text, digest);
		else
			bsn_str_add_bytes(&text, at, 1);
	bsn_str_add(&text, "");
	return bsn_str_give(&text);
}

static void check_documents(const char *manifest, const char *config)
{
	struct bsn_manifest parsed;
	struct basin_error err = { 0 };
	if (bsn_manifest_parse(manifest, config, &parsed, &err) < 0) {
		if (err.code != BASIN_DAMAGED || strchr(err.text, '\n') != NULL)
			abort();
		return;
	}
	size_t count = json_array_size(json_object_get(parsed.manifest, "layers"));
	if (count == 0 || count != json_array_size(parsed.diff_ids))
		abort();
	for (size_t i = 0; i < count; i++)
		if (bsn_digest_check(json_string_value(json_array_get(parsed.diff_ids, i)), NULL) < 0)
			abort();
	bsn_manifest_release(&parsed);
}

static void count_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		if (strlen(list[i]) > (16 << 20))
			abort();
}

static void check_settings(const char *config)
{
	struct bsn_image *image = calloc(1, sizeof(*image));
	struct basin_error err = { 0 };
	image->lease = -1;
	image->config = strdup(config);
	if (bsn_image_take_config(image, &err) >= 0) {
		count_list(image->cmd);
		count_list(image->entrypoint);
		count_list(image->env);
		count_list(image->exposed_ports);
		if (image->user == NULL || image->working_dir == NULL || image->stop_signal == NULL)
			abort();
	}
	bsn_image_free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *manifest = malloc(size + 2);
	memcpy(manifest, data, size);
	manifest[size] = manifest[size + 1] = '\0';
	const char *config = manifest + strlen(manifest) + 1;
	if (config > manifest + size)
		config = "";
	char *text = with_digest(manifest, config);
	if (text != NULL)
		check_documents(text, config);
	check_settings(config);
	free(text);
	free(manifest);
	return 0;
}
