/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `basin features`: features.md and features-linux.md of the runtime-spec, and what --version says of it. Docker and containerd read it; it
 * says what this runtime does, whatever the host can. What becomes true changes here and nowhere else.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "runtime/caps.h"
#include "runtime/config.h"
#include "runtime/mount_options.h"
#include "runtime/runtime.h"
#include "runtime/seccomp.h"

#ifndef BASIN_COMMIT
#define BASIN_COMMIT "unknown"
#endif

enum {
	CGROUP_V1 = 1,
	SYSTEMD = 1,
	SYSTEMD_USER = 1,
	APPARMOR = 1,
	SELINUX = 1,
	INTEL_RDT = 1,
	NET_DEVICES = 1,
	CHECKPOINT = 1,
};

const char *bsn_runtime_commit(void)
{
	return BASIN_COMMIT;
}

const char *bsn_runtime_abilities(void)
{
	static char words[128];
	snprintf(words, sizeof(words), "%s%s%s+CAP +SECCOMP +EBPF%s", SYSTEMD ? "+SYSTEMD " : "", SELINUX ? "+SELINUX " : "",
		 APPARMOR ? "+APPARMOR " : "", CHECKPOINT ? " +CRIU" : "");
	return words;
}

static json_t *list_hooks(void)
{
	json_t *list = json_array();
	for (int kind = 0; kind < BSN_HOOK_KINDS; kind++)
		json_array_append_new(list, json_string(bsn_hook_name((enum bsn_hook_kind)kind)));
	return list;
}

static json_t *list_mount_options(void)
{
	json_t *list = json_array();
	for (size_t i = 0; bsn_mount_option_name(i) != NULL; i++)
		json_array_append_new(list, json_string(bsn_mount_option_name(i)));
	return list;
}

static json_t *list_namespaces(void)
{
	json_t *list = json_array();
	for (int kind = 0; kind < BSN_NAMESPACES; kind++)
		json_array_append_new(list, json_string(bsn_namespace_name((enum bsn_namespace)kind)));
	return list;
}

static json_t *list_capabilities(void)
{
	uint64_t known = bsn_cap_kernel_mask();
	json_t *list = json_array();
	for (int cap = 0; cap < bsn_cap_count(); cap++)
		if ((known & (UINT64_C(1) << cap)) != 0)
			json_array_append_new(list, json_string(bsn_cap_name(cap)));
	return list;
}

static json_t *list_words(const char *words)
{
	json_t *list = json_array();
	while (*words != '\0') {
		size_t length = strcspn(words, " ");
		json_array_append_new(list, json_stringn(words, length));
		words += length + (words[length] == ' ');
	}
	return list;
}

/*
 * Supported flags are those that hold whatever the profile says; WAIT_KILLABLE_RECV, which is nothing without a listener, is known and
 * taken. Callers try every combination of the supported ones on any profile.
 */
static json_t *seccomp_features(void)
{
	return json_pack(
		"{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions",
		list_words("SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_KILL SCMP_ACT_KILL_PROCESS SCMP_ACT_KILL_THREAD SCMP_ACT_LOG "
			   "SCMP_ACT_NOTIFY SCMP_ACT_TRACE SCMP_ACT_TRAP"),
		"operators",
		list_words("SCMP_CMP_EQ SCMP_CMP_GE SCMP_CMP_GT SCMP_CMP_LE SCMP_CMP_LT SCMP_CMP_MASKED_EQ SCMP_CMP_NE"), "archs",
		list_words("SCMP_ARCH_AARCH64 SCMP_ARCH_ARM SCMP_ARCH_MIPS SCMP_ARCH_MIPS64 SCMP_ARCH_MIPS64N32 SCMP_ARCH_MIPSEL "
			   "SCMP_ARCH_MIPSEL64 SCMP_ARCH_MIPSEL64N32 SCMP_ARCH_PARISC SCMP_ARCH_PARISC64 SCMP_ARCH_PPC "
			   "SCMP_ARCH_PPC64 SCMP_ARCH_PPC64LE SCMP_ARCH_RISCV64 SCMP_ARCH_S390 SCMP_ARCH_S390X SCMP_ARCH_X32 "
			   "SCMP_ARCH_X86 SCMP_ARCH_X86_64"),
		"knownFlags",
		list_words("SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW SECCOMP_FILTER_FLAG_TSYNC "
			   "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
		"supportedFlags", list_words("SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW SECCOMP_FILTER_FLAG_TSYNC"));
}

static json_t *memory_policy_features(void)
{
	return json_pack("{s:o, s:o}", "modes",
			 list_words("MPOL_BIND MPOL_DEFAULT MPOL_INTERLEAVE MPOL_LOCAL MPOL_PREFERRED MPOL_PREFERRED_MANY "
				    "MPOL_WEIGHTED_INTERLEAVE"),
			 "flags", list_words("MPOL_F_NUMA_BALANCING MPOL_F_RELATIVE_NODES MPOL_F_STATIC_NODES"));
}

static json_t *linux_features(void)
{
	return json_pack(
		"{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:{s:b}, s:{s:b}, s:{s:b, s:b, s:b}, s:o, s:{s:{s:b}}, s:{s:b}}",
		"namespaces", list_namespaces(), "capabilities", list_capabilities(), "cgroup", "v1", CGROUP_V1, "v2", 1,
		"systemd", SYSTEMD, "systemdUser", SYSTEMD_USER, "rdma", 1, "seccomp", seccomp_features(), "apparmor", "enabled",
		APPARMOR, "selinux", "enabled", SELINUX, "intelRdt", "enabled", INTEL_RDT, "schemata", INTEL_RDT, "monitoring",
		INTEL_RDT, "memoryPolicy", memory_policy_features(), "mountExtensions", "idmap", "enabled", 1, "netDevices",
		"enabled", NET_DEVICES);
}

/* Keys of runc's and crun's that engines look for (podman: whether checkpoint can be had), beside our own. */
static json_t *annotation_features(void)
{
	json_t *annotations = json_pack("{s:s, s:s, s:s}", "io.github.seccomp.libseccomp.version", bsn_seccomp_version(),
					"org.basin.version", basin_version(), "org.basin.commit", BASIN_COMMIT);
	if (CHECKPOINT) {
		json_object_set_new(annotations, "org.opencontainers.runc.checkpoint.enabled", json_string("true"));
		json_object_set_new(annotations, "run.oci.crun.checkpoint.enabled", json_string("true"));
	}
	return annotations;
}

int bsn_runtime_features(char **ret_json, struct basin_error *err)
{
	/* A trailing dot: every key that begins so. */
	auto_json json_t *features =
		json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:[s, s, s]}", "ociVersionMin", BSN_OCI_VERSION_MIN, "ociVersionMax",
			  BSN_OCI_VERSION, "hooks", list_hooks(), "mountOptions", list_mount_options(), "linux", linux_features(),
			  "annotations", annotation_features(), "potentiallyUnsafeConfigAnnotations", "org.systemd.property.",
			  "org.criu.config", "run.oci.");
	if (features == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot make the features document");
	return bsn_json_format(features, true, ret_json, err);
}
