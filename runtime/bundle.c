/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bundle.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"

#define CONFIG_MAX (16 << 20)

/* Absolute, but not resolved: hooks and the state name the bundle as its owner does, who may reach it through a link. */
static int name_bundle(struct bsn_run *run, const char *bundle, struct basin_error *err)
{
	char here[PATH_MAX] = "";
	auto_str struct bsn_str path = { 0 };
	if (bundle[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return bsn_fail_sys(err, errno, "cannot tell the working directory, which the bundle is relative to");
	size_t length = strlen(bundle);
	while (length > 1 && bundle[length - 1] == '/')
		length--;
	if (length == 1 && bundle[0] == '.')
		bsn_str_add(&path, here);
	else
		bsn_str_addf(&path, "%s%s%.*s", here, bundle[0] != '/' ? "/" : "", (int)length, bundle);
	if (access(bsn_str_text(&path), F_OK) < 0)
		return bsn_fail_sys(err, errno, "cannot open the bundle \"%s\"", bundle);
	run->bundle = bsn_str_give(&path);
	return run->bundle == NULL ? bsn_fail_sys(err, ENOMEM, "cannot open the bundle \"%s\"", bundle) : 0;
}

int bsn_bundle_read(struct bsn_run *run, struct basin_error *err)
{
	const struct bsn_create_options *options = run->options;
	size_t length;
	int r = name_bundle(run, options->bundle != NULL ? options->bundle : ".", err);
	if (r < 0)
		return r;
	if (options->config_json != NULL) {
		run->config_text = strdup(options->config_json);
		if (run->config_text == NULL)
			return bsn_fail_sys(err, ENOMEM, "cannot read the config");
		length = strlen(run->config_text);
	} else {
		auto_str struct bsn_str path = { 0 };
		bsn_str_addf(&path, "%s%s", options->config != NULL ? options->config : run->bundle,
			     options->config != NULL ? "" : "/config.json");
		r = bsn_read_file(AT_FDCWD, bsn_str_text(&path), CONFIG_MAX, &run->config_text, &length);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot read \"%s\"", bsn_str_text(&path));
	}
	return bsn_config_parse(run->config_text, length, options->init ? BSN_CONFIG_NO_ARGS : 0, &run->config, err);
}
