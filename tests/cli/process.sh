#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a process is given by basin run and basin exec: environment, capabilities, user, CPUs, scheduling, keyring.
. "$(dirname "$0")/lib.sh"
make_rootfs
echo 'temp:x:2000:2000:temp:/home/temp:/bin/sh' >>"$ROOTFS/etc/passwd"
B=$T/bundle

# sh_bundle SCRIPT [FILTER], run_bundle: what it prints is in $OUT
sh_bundle() {
	make_bundle "$B" "$(jq -n --arg s "$1" '$s | ".process.args = [\"sh\", \"-c\", " + tojson + "]"' -r) | ${2:-.}"
}
run_bundle() {
	sh_bundle "$@"
	run "$BASIN" run -b "$B" c1
}
refused_config() {
	sh_bundle true "$3"
	refused "$1" 1 "$2" "$BASIN" run -b "$B" c1
}
background() {
	make_bundle "$B" ".process.args = [\"sleep\", \"600\"] | ${1:-.}"
	"$BASIN" run -d -b "$B" c1
}
flat() { echo "$OUT" | tr '\n' ' '; }

# --- environment ---
run_bundle 'echo $HOME' '.process.env += ["HOME=/override"]'
is "a home directory that is given is kept" "$OUT" /override
run_bundle 'echo $HOME' '.process.env += ["HOME=/override", "HOME="]'
is "an empty one is looked up" "$OUT" /root
run_bundle 'echo $HOME' '.process.user.uid = 2000'
is "in the container's passwd" "$OUT" /home/temp
run_bundle 'echo $HOME' '.process.user.uid = 2001'
is "and is / for a user who is not in it" "$OUT" /
cp "$ROOTFS/etc/passwd" "$T/passwd"
{
	for n in $(seq 3000 3400); do echo "user$n:x:$n:$n:somebody with a name:/home/user$n:/bin/sh"; done
	printf 'last:x:2001:2001::/home/last'
} >"$ROOTFS/etc/passwd"
run_bundle 'echo $HOME' '.process.user.uid = 3399'
is "also in a long passwd" "$OUT" /home/user3399
run_bundle 'echo $HOME' '.process.user.uid = 2001'
is "to its end" "$OUT" /home/last
head -c 100000 /dev/zero | tee "$ROOTFS/etc/passwd" >/dev/null
run_bundle 'echo $HOME' '.process.user.uid = 2001'
is "and one that is none is read to no harm" "$OUT" /
cp "$T/passwd" "$ROOTFS/etc/passwd"
make_bundle "$B" '.process.args = ["env"] | .process.env = ["ONE=two", "PATH=/bin", "ONEX=1", "ONE=", "HOME=/", "TWO=\n"]'
run "$BASIN" run -b "$B" c1
is "the last of several holds, where it stands" "$OUT" $'PATH=/bin\nONEX=1\nONE=\nHOME=/\nTWO='
refused_config "a variable without a name" 'process.env\[0\]' '.process.env = ["=x"]'

# --- capabilities ---
caps='grep -E "^Cap(Inh|Prm|Bnd|Amb)" /proc/self/status | tr -d "\t"'
background '.process.capabilities = {}'
run "$BASIN" exec --cap CAP_KILL --cap CAP_AUDIT_WRITE c1 sh -c "$caps"
is "exec --cap does not make capabilities inheritable" "$(flat)" "CapInh:0000000000000000 CapPrm:0000000020000020 CapBnd:0000000020000020 CapAmb:0000000000000000 "
"$BASIN" delete -f c1
background '.process.capabilities = {inheritable: ["CAP_CHOWN", "CAP_SYSLOG"], permitted: ["CAP_KILL", "CAP_CHOWN"], effective: ["CAP_KILL"], bounding: ["CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"], ambient: ["CAP_CHOWN"]}'
run "$BASIN" exec --cap CAP_SYSLOG c1 sh -c "$caps"
is "but makes them ambient where some are" "$(flat)" "CapInh:0000000400000001 CapPrm:0000000400000021 CapBnd:0000000400000021 CapAmb:0000000400000001 "
"$BASIN" delete -f c1
run_bundle "$caps" '.process.capabilities.inheritable = ["CAP_KILL"] | .process.capabilities.ambient = ["CAP_KILL", "CAP_CHOWN"]'
like "an ambient capability that cannot be is left out" "$OUT" 'CapAmb:0000000000000020$'
like "with a warning" "$ERR" "can't raise ambient capability CAP_CHOWN: "

# --- what exec --process leaves open is the container's ---
if [ "$(nproc)" -gt 1 ]; then final='.process.execCPUAffinity = {final: "1"}'; else final=.; fi
background "$final"' | .process.user.umask = 63 | .process.oomScoreAdj = 78 | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 77, hard: 78}] | .process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 3}
	| .process.scheduler = {policy: "SCHED_BATCH", nice: 9}'
jq -n '{cwd: "/", args: ["sh", "-c", "umask; cat /proc/self/oom_score_adj; ulimit -n; ionice; cut -d \" \" -f 41 /proc/self/stat; grep CapPrm /proc/self/status | tr -d \"\\t\"; grep NoNew /proc/self/status | tr -d \"\\t\""], env: ["PATH=/bin"]}' >"$T/p.json"
run "$BASIN" exec --process "$T/p.json" c1
like "umask, oom score, limits, priorities, scheduler and capabilities" "$(flat)" '^0077 78 77 best-effort: prio 3 3 CapPrm:0000000020000420 NoNewPrivs:0 $'
jq '. + {ioPriority: {class: "IOPRIO_CLASS_IDLE"}, oomScoreAdj: 79, scheduler: {policy: "SCHED_OTHER"}, user: {uid: 0, gid: 0, umask: 2}, capabilities: {}}' "$T/p.json" >"$T/q.json"
run "$BASIN" exec --process "$T/q.json" c1
like "what it says is its own" "$(flat)" '^0002 79 77 idle 0 CapPrm:0000000000000000 '
cpus='grep Cpus_allowed_list /proc/self/status | cut -f 2'
all=$(eval "$cpus")
if [ "$(nproc)" -gt 1 ]; then
	run "$BASIN" exec c1 sh -c "$cpus"
	is "exec runs on the final CPUs" "$OUT" 1
	jq --arg s "$cpus" '. + {execCPUAffinity: {initial: "1"}, args: ["sh", "-c", $s]}' "$T/p.json" >"$T/q.json"
	run "$BASIN" exec --process "$T/q.json" c1
	is "on the initial ones where no other are given" "$OUT" 1
	"$BASIN" delete -f c1
	background
	run taskset -c 0 "$BASIN" exec c1 sh -c "$cpus"
	is "and not on the caller's where none are" "$OUT" "$all"
	sh_bundle "$cpus"
	run taskset -c 0 "$BASIN" run -b "$B" c2
	is "a container does not inherit the caller's CPUs" "$OUT" "$all"
else
	skip "exec runs on the final CPUs" "there is one CPU"
fi
"$BASIN" delete -f c1

# --- scheduling ---
run_bundle 'exec cut -d " " -f 41 /proc/self/stat' '.process.scheduler = {policy: "SCHED_DEADLINE", nice: 19, flags: ["SCHED_FLAG_RESET_ON_FORK"], runtime: 42000, deadline: 100000, period: 1000000}'
is "a deadline, whatever the niceness" "$OUT" 6
refused_config "a deadline without a run time" 'SCHED_DEADLINE` requires `runtime`' '.process.scheduler = {policy: "SCHED_DEADLINE", deadline: 100000}'

# --- memory policy ---
POLICY='read -r _ policy _ </proc/self/numa_maps; echo $policy'
if [ -e /proc/self/numa_maps ]; then
	run_bundle "$POLICY" '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}'
	is "memory is interleaved where it was asked for" "$OUT" interleave:0
	make_bundle "$T/policy" '.process.args = ["sleep", "60"] | .linux.memoryPolicy = {mode: "MPOL_PREFERRED", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES"]}'
	"$BASIN" run -d -b "$T/policy" policy
	like "exec keeps to the policy" "$("$BASIN" exec policy sh -c "$POLICY")" 'prefer=relative:0|prefer.*relative.*:0'
	"$BASIN" delete -f policy
	refused_config "flags that exclude each other are the kernel's to refuse" 'set_mempolicy: invalid argument' \
		'.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]}'
else
	skip "memory policies" "this kernel has no /proc/self/numa_maps"
fi

# --- AppArmor ---
if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
	refused_config "a profile that is not loaded" 'apply apparmor profile `basin-no-such-profile`: profile not loaded' \
		'.process.apparmorProfile = "basin-no-such-profile"'
else
	skip "a profile that is not loaded" "this kernel runs without AppArmor"
fi
refused_config "realtime wants a priority" 'process.scheduler.priority' '.process.scheduler = {policy: "SCHED_FIFO"}'

# --- memory ---
if [ -r /proc/self/numa_maps ]; then
	run_bundle 'exec head -n 1 /proc/self/numa_maps' '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
	like "memory comes from the nodes of the policy" "$OUT" ' interleave=static:0 '
	refused_config "a node that is not there" 'linux.memoryPolicy: set_mempolicy: invalid argument' '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "900"}'
else
	skip "memory comes from the nodes of the policy" "this kernel knows no nodes"
fi
refused_config "a policy that needs nodes" 'linux.memoryPolicy.nodes' '.linux.memoryPolicy = {mode: "MPOL_BIND"}'

# --- working directory ---
mkdir "$ROOTFS/private"
chown 42 "$ROOTFS/private"
chmod 700 "$ROOTFS/private"
background '.process.cwd = "/private" | .process.user.uid = 42'
ok "a directory that the runtime may enter and the user may not" "$BASIN" exec --user 0 c1 true
"$BASIN" delete -f c1

# --- clocks ---
run_bundle 'cat /proc/self/timens_offsets | tr -s " "' '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = null'
is "a time namespace without offsets" "$OUT" $'monotonic 0 0\nboottime 0 0'

# --- user ---
sh_bundle 'echo through >/dev/stdout' '.process.user = {uid: 1000, gid: 1000}'
is "a user can open the pipe that is its output" "$("$BASIN" run -b "$B" c1 | cat)" through
sh_bundle 'stat -L -c %u:%g /proc/self/fd/1' '.process.user = {uid: 1000, gid: 1001}'
is "it is the user's and the group's" "$("$BASIN" run -b "$B" c1 | cat)" 1000:1001
sh_bundle 'echo through >/dev/stdout' '.process.user = {uid: 1000, gid: 1000}'
touch "$T/plain"
"$BASIN" run -b "$B" c1 >"$T/plain" 2>&1
is "a file of the caller's stays the caller's" "$(stat -c %u "$T/plain")" 0
userns='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 300000, size: 10}] | .linux.gidMappings = [{containerID: 0, hostID: 300000, size: 10}]'
refused_config "a user that the namespace lacks" 'setuid to unmapped uid 11 in user namespace' "$userns | .process.user = {uid: 11, gid: 0}"
refused_config "a group that it lacks" 'setgid to unmapped gid 11 in user namespace' "$userns | .process.user = {uid: 0, gid: 11}"

# --- namespaces ---
for kind in user ipc; do
	refused_config "a namespace of another kind than $kind" "failed to setns into $kind namespace" ".linux.namespaces |= (map(select(.type != \"$kind\")) + [{type: \"$kind\", path: \"/proc/self/ns/uts\"}])"
done
unshare --mount sleep 60 &
holder=$!
within 5 [ "$(readlink "/proc/$holder/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
run_bundle 'readlink /proc/self/ns/mnt; ls /etc' "(.linux.namespaces[] | select(.type == \"mount\")).path = \"/proc/$holder/ns/mnt\""
is "a mount namespace that is joined becomes the container's" "$(flat)" "$(readlink "/proc/$holder/ns/mnt") group passwd "
kill "$holder"

# --- session keyring ---
keyring='sed -n "s/^\([0-9a-f]*\).* \([0-9a-f]\{8\}\) .*keyring *\(_ses.c1\):.*/\1 \2 \3/p" /proc/keys'
if [ -r /proc/keys ]; then
	background '.linux.maskedPaths = []'
	run "$BASIN" exec c1 sh -c "$keyring"
	like "the session keyring is the container's, and can be found by its name" "$OUT" '^[0-9a-f]+ 3f1b0000 _ses.c1$'
	id=$OUT
	run "$BASIN" exec c1 sh -c "$keyring"
	is "every exec joins that one" "$OUT" "$id"
	"$BASIN" delete -f c1
else
	skip "the session keyring is the container's" "this kernel has no keys"
fi
if [ "$(stat -f -c %T /sys/fs/resctrl 2>/dev/null)" != resctrl ]; then
	refused_config "cache shares where there are none" 'Intel RDT/CAT is not enabled' '.linux.intelRdt = {l3CacheSchema: "L3:0=f"}'
	refused_config "bandwidth shares" 'Intel RDT/MBA is not enabled' '.linux.intelRdt = {memBwSchema: "MB:0=10"}'
	refused_config "a class that cannot be there" 'resctrl is not mounted' '.linux.intelRdt = {closID: "gold"}'
	run_bundle 'echo runs' '.linux.intelRdt = {}'
	is "nothing asked, nothing wanted" "$OUT" runs
fi
refused_config "a class that is a path" 'linux.intelRdt.closID' '.linux.intelRdt = {closID: "../x"}'
refused_config "a setting of the host's network" 'not allowed in host network namespace' '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/net" | .linux.sysctl = {"net.ipv4.ip_forward": "1"}'
refused_config "a label where there is no SELinux" 'selinux is disabled or not supported' '.process.selinuxLabel = "a:b:c:s0"'

# --- warnings are said once ---
make_bundle "$T/warned" '.process.args = ["sleep", "600"] | .process.capabilities.bounding += ["CAP_NEVER"]'
run "$BASIN" create -b "$T/warned" warned
like "create warns of an unknown capability" "$STATUS $ERR" '^0 warning: process.capabilities.bounding.*CAP_NEVER'
run "$BASIN" start warned
is "start does not do so again" "$STATUS $ERR" "0 "
run "$BASIN" exec warned true
is "nor does exec" "$STATUS $ERR" "0 "
run "$BASIN" exec --cap CAP_NEVER warned true
like "but of its own" "$STATUS $ERR" '^0 warning: --cap: "CAP_NEVER"'
"$BASIN" delete -f warned
