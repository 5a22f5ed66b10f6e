#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers in a user namespace of their own: `basin run`, maps, files, devices, limits, idmapped mounts, joined namespaces.
. "$(dirname "$0")/lib.sh"
make_rootfs
chown -R 400000:400000 "$ROOTFS"
B=$T/bundle
MAPS='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 400000, size: 65536}] | .linux.gidMappings = [{containerID: 0, hostID: 400000, size: 65536}] | .root.readonly = false'
try() {
	make_bundle "$B" ".process.args = [\"sh\", \"-c\", $(jq -Rn --arg s "$1" '$s')] | $MAPS | ${2:-.}"
	run "$BASIN" run -b "$B" c1
}
try 'id -u; tr -s " " </proc/self/uid_map; cat /proc/self/setgroups; touch /tmp/made; stat -c %u:%g /tmp/made'
is "root inside, somebody outside" "$OUT" "0
 0 400000 65536
allow
0:0"
is "files belong to that somebody" "$(stat -c %u:%g "$ROOTFS/tmp/made")" 400000:400000
rm "$ROOTFS/tmp/made"
try 'id -u; id -g; id -G' '.process.user = {uid: 1000, gid: 1000, additionalGids: [10, 20]}'
is "a user in it" "$(echo "$OUT" | tr '\n' ' ')" "1000 1000 1000 10 20 "
try 'echo x >/dev/null && head -c 2 /dev/zero | wc -c; stat -c %t:%T /dev/urandom'
is "devices work" "$OUT" "2
1:9"
try 'cat /proc/self/oom_score_adj; ulimit -n' '.process.oomScoreAdj = 33 | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}]'
is "limits" "$OUT" "33
100"
try 'hostname; cat /proc/sys/net/ipv4/ip_forward' '.hostname = "inner" | .linux.sysctl = {"net.ipv4.ip_forward": "1"}'
is "names and sysctls" "$OUT" "inner
1"
try 'grep -E "^Cap(Eff|Bnd|Amb)" /proc/self/status | tr -d "\t" | tr "\n" " "'
is "capabilities are the config's and no more" "$OUT" "CapEff:0000000020000420 CapBnd:0000000020000420 CapAmb:0000000000000000 "
try 'ls /sys/class/net | tr "\n" " "; wc -c </proc/keys; ls -A /proc/acpi /sys/firmware 2>/dev/null | grep -v : | wc -l'
like "masks hold" "$(echo "$OUT" | tr '\n' ' ')" "0"
try 'id -u; cat /proc/self/uid_map | wc -l' '.linux.uidMappings = [{containerID: 0, hostID: 400000, size: 1000}, {containerID: 1000, hostID: 500000, size: 1}, {containerID: 2000, hostID: 600000, size: 10}]'
is "several ranges" "$OUT" "0
3"
try 'cat /proc/self/uid_map | tr -s " "' '.linux.uidMappings = [{containerID: 1000, hostID: 401000, size: 1}] | .linux.gidMappings = [{containerID: 1000, hostID: 401000, size: 1}] | .process.user = {uid: 1000, gid: 1000} | .mounts = [.mounts[] | .options = ((.options // []) - ["gid=5"])]'
is "a map without root" "$OUT" " 1000 401000 1"

try 'mkdir /sys/fs/cgroup/part && echo $$ >/sys/fs/cgroup/part/cgroup.procs && tail -n 1 /proc/self/cgroup' '(.mounts[] | select(.type == "cgroup")).options -= ["ro"]'
is "a writable cgroup is delegated" "$OUT" "0::/part"

# --- network namespace of the host: sysfs of ours cannot be mounted, the host's is shown ---
try 'ls /sys/class >/dev/null && echo sysfs' 'del(.linux.namespaces[] | select(.type == "network"))'
is "sysfs without a network namespace" "$OUT" sysfs
try 'grep -c " /sys[^ ]* rw" /proc/self/mountinfo' 'del(.linux.namespaces[] | select(.type == "network"))'
is "nothing in it can be written" "$OUT" 0
try 'ls -A /sys/fs/cgroup && echo empty' 'del(.linux.namespaces[] | select(.type == "network")) | del(.mounts[] | select(.type == "cgroup"))'
is "without a cgroup mount the host's cgroups are hidden" "$OUT" empty
try 'grep -c " /sys/fs/cgroup " /proc/self/mountinfo' 'del(.mounts[] | select(.type == "cgroup"))'
is "but not where there are none" "$OUT" 0

# --- binds and idmapped binds ---
mkdir "$T/vol"
echo text >"$T/vol/file"
chown 0:0 "$T/vol/file"
try 'stat -c %u /vol/file' ".mounts += [{destination: \"/vol\", type: \"bind\", source: \"$T/vol\", options: [\"rbind\"]}]"
is "a bind keeps the host's owner, who is nobody here" "$OUT" 65534
try 'stat -c %u /vol/file; touch /vol/new' ".mounts += [{destination: \"/vol\", type: \"bind\", source: \"$T/vol\", options: [\"rbind\", \"idmap\"], uidMappings: [{containerID: 0, hostID: 400000, size: 65536}], gidMappings: [{containerID: 0, hostID: 400000, size: 65536}]}]"
if [[ $ERR == *"map the ids"* ]]; then
	skip "an idmapped bind" "this file system cannot"
else
	is "an idmapped bind shows it as ours" "$OUT" 0
	is "and gives the host what is made" "$(stat -c %u "$T/vol/new")" 0
fi

# --- a pod: the second container joins the first's namespaces ---
make_bundle "$B" ".process.args = [\"sleep\", \"60\"] | $MAPS"
"$BASIN" run -d -b "$B" pod
pid=$("$BASIN" state pod | jq .pid)
join="(.linux.namespaces[] | select(.type == \"user\")).path = \"/proc/$pid/ns/user\" | (.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$pid/ns/net\" | (.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$pid/ns/pid\""
try 'readlink /proc/self/ns/user; readlink /proc/self/ns/net; readlink /proc/self/ns/pid; id -u' "$join | .process.oomScoreAdj = 5"
is "joined user, network and pid namespaces" "$OUT" "$(readlink /proc/$pid/ns/user)
$(readlink /proc/$pid/ns/net)
$(readlink /proc/$pid/ns/pid)
0"
try 'readlink /proc/self/ns/net; id -u' "(.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/self/ns/net\""
is "a new user namespace with a network namespace of the host's" "$STATUS" 0
"$BASIN" delete --force pod

# --- started by root of a user namespace, who has all capabilities and yet not those of the host ---
make_bundle "$B" '.process.args = ["sh", "-c", "id -u; echo x >/dev/null && echo device"] | .mounts = [.mounts[] | .options = ((.options // []) - ["gid=5"])]'
ok "root of a user namespace runs a container" unshare --user --mount --map-root-user "$BASIN" --root "$T/nested" run -b "$B" c4
is "in which devices work" "$OUT" "0
device"

# An engine of an ordinary user keeps its runtime's state where the user may write, and may ask for one more user namespace inside its own.
make_bundle "$B" '.process.args = ["sh", "-c", "id -u; echo x >/dev/null && echo device"] | .mounts = [.mounts[] | .options = ((.options // []) - ["gid=5"])] |
	.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .linux.gidMappings = [{containerID: 0, hostID: 0, size: 1}]'
ok "as does one that has a user namespace below it" env -u BASIN_ROOT USER=somebody XDG_RUNTIME_DIR="$T/nested" unshare --user --mount --map-root-user "$BASIN" run -b "$B" c4
is "where devices work, too" "$OUT" $'0\ndevice'
ok "its state is the user's" test -d "$T/nested/basin"

# --- without privileges: an ordinary user, with the one id it has ---
if [ "$(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null || echo 1)" = 1 ]; then
	mkdir "$T/user" "$T/rootless"
	cp "$BASIN" "$T/basin"
	chmod 755 "$T/basin"
	chown -R 1000:1000 "$T/user" "$T/rootless" "$ROOTFS"
	as_user() {
		setpriv --reuid 1000 --regid 1000 --clear-groups env BASIN_ROOT="$T/user/basin" "$@"
	}
	(cd "$T/rootless" && as_user "$T/basin" spec --rootless)
	jq --arg root "$ROOTFS" '.root.path = $root | .process.terminal = false | .process.args = ["sh", "-c", "id -u; tr -s \" \" </proc/self/uid_map; echo x >/dev/null && echo device; exec sleep 60"]' \
		"$T/rootless/config.json" >"$T/rootless/config.new"
	cat "$T/rootless/config.new" >"$T/rootless/config.json"
	ok "an ordinary user runs a container" as_user "$T/basin" run -d -b "$T/rootless" c3
	within 5 grep -q device "$T/out"
	is "in which it is root" "$(cat "$T/out")" "0
 0 1000 1
device"
	run as_user "$T/basin" exec c3 id -u
	is "and execs in it" "$OUT" 0
	ok "and deletes it" as_user "$T/basin" delete --force c3
	is "which leaves nothing" "$(ls -A "$T/user/basin")" ""
else
	skip "an ordinary user runs a container" "unprivileged user namespaces are off"
fi
