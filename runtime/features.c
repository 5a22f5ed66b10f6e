/* SPDX-License-Identifier: Apache-2.0 */
/* `basin features`: features.md and features-linux.md of the runtime-spec. Docker and containerd read it; it says what is true here. */
#include <string.h>

#include "base/json.h"
#include "runtime/caps.h"
#include "runtime/config.h"
#include "runtime/mount_options.h"
#include "runtime/runtime.h"
#include "runtime/seccomp.h"

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
	for (size_t i = 0; bsn_mount_option_name(i) != NULL; i++) {
		const char *name = bsn_mount_option_name(i);
		/* Known to the parser, and refused: runtime/config_refuse.c. */
		if (strcmp(name, "copy-symlink") != 0 && strcmp(name, "dest-nofollow") != 0)
			json_array_append_new(list, json_string(name));
	}
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

static json_t *seccomp_features(void)
{
	return json_pack(
		"{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions",
		list_words("SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_KILL SCMP_ACT_KILL_PROCESS SCMP_ACT_KILL_THREAD SCMP_ACT_LOG "
			   "SCMP_ACT_TRACE SCMP_ACT_TRAP"),
		"operators",
		list_words("SCMP_CMP_EQ SCMP_CMP_GE SCMP_CMP_GT SCMP_CMP_LE SCMP_CMP_LT SCMP_CMP_MASKED_EQ SCMP_CMP_NE"), "archs",
		list_words("SCMP_ARCH_AARCH64 SCMP_ARCH_ARM SCMP_ARCH_MIPS SCMP_ARCH_MIPS64 SCMP_ARCH_MIPS64N32 SCMP_ARCH_MIPSEL "
			   "SCMP_ARCH_MIPSEL64 SCMP_ARCH_MIPSEL64N32 SCMP_ARCH_PARISC SCMP_ARCH_PARISC64 SCMP_ARCH_PPC "
			   "SCMP_ARCH_PPC64 "
			   "SCMP_ARCH_PPC64LE SCMP_ARCH_RISCV64 SCMP_ARCH_S390 SCMP_ARCH_S390X SCMP_ARCH_X32 SCMP_ARCH_X86 "
			   "SCMP_ARCH_X86_64"),
		"knownFlags",
		list_words("SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW SECCOMP_FILTER_FLAG_TSYNC "
			   "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
		"supportedFlags",
		list_words("SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW SECCOMP_FILTER_FLAG_TSYNC "
			   "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
}

static json_t *linux_features(void)
{
	return json_pack("{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:{s:b}, s:{s:b}, s:{s:b}, s:{s:{s:b}}}", "namespaces",
			 list_namespaces(), "capabilities", list_capabilities(), "cgroup", "v1", 0, "v2", 1, "systemd", 0,
			 "systemdUser", 0, "rdma", 1, "seccomp", seccomp_features(), "apparmor", "enabled", 0, "selinux",
			 "enabled", 0, "intelRdt", "enabled", 0, "mountExtensions", "idmap", "enabled", 1);
}

int bsn_runtime_features(char **ret_json, struct basin_error *err)
{
	auto_json json_t *features =
		json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:s, s:s}, s:[s]}", "ociVersionMin", BSN_OCI_VERSION_MIN, "ociVersionMax",
			  BSN_OCI_VERSION, "hooks", list_hooks(), "mountOptions", list_mount_options(), "linux", linux_features(),
			  "annotations", "io.github.seccomp.libseccomp.version", bsn_seccomp_version(), "org.basin.version",
			  basin_version(), "potentiallyUnsafeConfigAnnotations", "run.oci.");
	if (features == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot make the features document");
	return bsn_json_format(features, true, ret_json, err);
}
