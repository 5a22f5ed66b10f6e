#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin features: what engines read to know what they may ask for.
. "$(dirname "$0")/lib.sh"

ok "features prints JSON" "$BASIN" features
F=$OUT
has() {
	if jq -e "$2" <<<"$F" >/dev/null; then pass "$1"; else fail "$1" "$2" "$F"; fi
}
has "the range of versions" '.ociVersionMin == "1.0.0" and .ociVersionMax == "1.3.0"'
has "the hooks" '.hooks == ["prestart","createRuntime","createContainer","startContainer","poststart","poststop"]'
has "mount options, sorted" '.mountOptions == (.mountOptions | sort) and (.mountOptions | index("rro")) != null and
	(.mountOptions | index("copy-symlink")) != null'
has "all namespaces" '(.linux.namespaces | sort) == ["cgroup","ipc","mount","network","pid","time","user","uts"]'
has "both versions of cgroups, and systemd" '.linux.cgroup.v1 and .linux.cgroup.v2 and .linux.cgroup.systemd and .linux.cgroup.systemdUser'
has "labels, policies, devices, ids" '.linux.apparmor.enabled and .linux.selinux.enabled and (.linux.memoryPolicy.modes | index("MPOL_BIND")) != null and
	.linux.netDevices.enabled and .linux.intelRdt.schemata and .linux.mountExtensions.idmap.enabled'
has "the commit that --version names" ".annotations[\"org.basin.commit\"] == \"$("$BASIN" --version | sed -n 's/^commit: //p')\""
has "whose annotations are not for everybody" '.potentiallyUnsafeConfigAnnotations | index("run.oci.") != null and index("org.systemd.property.") != null'
has "seccomp" '.linux.seccomp.enabled and (.linux.seccomp.actions | index("SCMP_ACT_NOTIFY")) != null'
is "as many capabilities as the kernel has" "$(jq '.linux.capabilities | length' <<<"$F")" "$(($(cat /proc/sys/kernel/cap_last_cap) + 1))"
refused "features takes no argument" 1 '"x" is too much' "$BASIN" features x

# A mount option that is listed must be one that is taken: each is given to a tmpfs or a bind.
make_bundle "$T/b" '.process.args = ["true"]'
cp "$T/b/config.json" "$T/plain.json"
rejected=
for option in $(jq -r '.mountOptions[]' <<<"$F"); do
	case $option in
	bind | rbind | idmap | ridmap | remount | *-symlink | *-nofollow) continue ;; # they mean something only with a source, and are tested with run
	esac
	jq --arg o "$option" '.mounts += [{destination: "/tmp", type: "tmpfs", source: "x", options: [$o]}]' "$T/plain.json" >"$T/b/config.json"
	run "$BASIN" run -b "$T/b" feature || rejected+=" $option ($ERR)"
done
is "every listed mount option is taken for a tmpfs" "$rejected" ""
