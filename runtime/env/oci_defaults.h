/* SPDX-License-Identifier: Apache-2.0 */
/* The lists that every environment's config.json is made with. Each ends with NULL. */
#ifndef BSN_RUNTIME_ENV_OCI_DEFAULTS_H
#define BSN_RUNTIME_ENV_OCI_DEFAULTS_H

struct bsn_env_mount {
	const char *destination;
	const char *type;
	const char *source;
	const char *options; /* with commas */
};

extern const struct bsn_env_mount bsn_env_mounts[];
extern const char *const bsn_env_capabilities[];
extern const char *const bsn_env_masked_paths[];
extern const char *const bsn_env_readonly_paths[];
extern const char *const bsn_env_denied_calls[];

#endif
