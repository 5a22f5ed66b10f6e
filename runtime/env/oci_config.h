/* SPDX-License-Identifier: Apache-2.0 */
/* The config.json of an environment's container: the definition, and what every environment gets. */
#ifndef BSN_RUNTIME_ENV_OCI_CONFIG_H
#define BSN_RUNTIME_ENV_OCI_CONFIG_H

#include "runtime/env/definition.h"
#include "runtime/env/user.h"

struct bsn_env_facts {
	const struct bsn_env *env;
	const struct bsn_user *user;
	const char *cgroups_path; /* below the cgroup2 mount, "/basin/pool-team/env-web" */
	const char *etc;          /* directory with the environment's own hosts, hostname and resolv.conf */
	unsigned int enforced;    /* resources that the kernel can hold it to, as BSN_RESOURCE_BITs */
};

/*
 * Decisions worth knowing: the capabilities are podman's default eleven. A seccomp filter lets all pass but what administers the host or has
 * no place in a container (modules, kexec, clocks, swap, keys, bpf, perf, ptrace-like reads across users, new user namespaces): see the list.
 * /proc paths that leak or reach the host are masked as everybody does. The payload cannot gain privileges beyond its capabilities.
 */
int bsn_env_oci_config(const struct bsn_env_facts *facts, char **ret_text, struct basin_error *err);

/* guaranteed (request = limit, in CPU and memory), besteffort (no memory promised), else burstable. */
enum bsn_env_class { BSN_CLASS_GUARANTEED, BSN_CLASS_BURSTABLE, BSN_CLASS_BESTEFFORT };
enum bsn_env_class bsn_env_class(const struct bsn_env *env);
const char *bsn_env_class_name(enum bsn_env_class class);

#endif
