/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as config.json, and as the process object of exec: parsed or refused with a message, never more. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The promises of the header, on what was accepted. */
static void check_config(const struct bsn_config *config, unsigned int flags)
{
	if (config->root_path == NULL || config->root_path[0] == '\0' || config->process.cwd[0] != '/')
		abort();
	if (config->process.args.count == 0 && (flags & BSN_CONFIG_NO_ARGS) == 0)
		abort();
	for (size_t i = 0; i < config->mount_count; i++)
		if (config->mounts[i].destination[0] != '/')
			abort();
	if (config->seccomp.given && config->seccomp.source == NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bsn_config *config = NULL;
	struct basin_error err = { 0 };
	unsigned int flags = (size % 2 == 0 ? 0 : BSN_CONFIG_NO_ARGS) | BSN_CONFIG_ANY;
	/* The parser is handed text with an end, as files are read. */
	char *text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (bsn_config_parse(text, size, flags, &config, &err) >= 0)
		check_config(config, flags);
	else if (err.text[0] == '\0' || strchr(err.text, '\n') != NULL || config != NULL)
		abort();
	bsn_config_free(config);
	config = NULL;
	if (bsn_config_parse_process(text, size, &config, &err) >= 0 && config->process.args.count == 0)
		abort();
	bsn_config_free(config);
	free(text);
	return 0;
}
