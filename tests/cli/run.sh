#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin run: the default config, the payload's exit status, what a process is made of, and that nothing is left behind.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
make_bundle "$B"

# bundle ARGS-AS-JSON [FILTER]: the bundle runs that command.
bundle() {
	make_bundle "$B" ".process.args = $1 | ${2:-.}"
}
sh_bundle() {
	make_bundle "$B" ".process.args = [\"sh\", \"-c\", $(jq -Rn --arg s "$1" '$s')] | ${2:-.}"
}
left() {
	find "$BASIN_ROOT" -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%f ' 2>/dev/null
	find "$BASIN_CGROUP_ROOT" -mindepth 2 -type d 2>/dev/null
}

bundle '["echo", "hello"]'
ok "the default config runs" "$BASIN" run -b "$B" c1
is "the payload's output is ours" "$OUT" hello
is "nothing is left of it" "$(left)" ""

sh_bundle 'exit 7'
run "$BASIN" run -b "$B" c1
is "the payload's exit status is ours" "$STATUS" 7
sh_bundle 'kill -TERM $$' '.linux.namespaces -= [{type: "pid"}]'
run "$BASIN" run -b "$B" c1
is "a signal's number comes as 128 and it" "$STATUS" 143

bundle '["nosuchprogram"]'
refused "a program that is not in PATH" 1 'exec: "nosuchprogram": executable file not found in \$PATH' "$BASIN" run -b "$B" c1
bundle '["/nosuch/program"]'
refused "a program whose file is missing" 1 'exec: "/nosuch/program": no such file or directory' "$BASIN" run -b "$B" c1
bundle '["/etc/passwd"]'
refused "a file that may not be executed" 1 'exec: "/etc/passwd": permission denied' "$BASIN" run -b "$B" c1
bundle '["/etc"]'
refused "a directory" 1 'exec: "/etc": permission denied' "$BASIN" run -b "$B" c1
is "refusals leave nothing" "$(left)" ""
rm "$B/config.json"
refused "a bundle without a config" 1 'config.json.*no such file|config.json.*No such file' "$BASIN" run -b "$B" c1
refused "a bundle that is not there" 1 'nosuchbundle' "$BASIN" run -b "$T/nosuchbundle" c1
bundle '["true"]'
refused "an id that is no id" 1 'id' "$BASIN" run -b "$B" ../c1

# --- the process ---
sh_bundle 'id -u; id -g; id -G; umask; pwd; echo $HOME' '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 6], umask: 63} | .process.cwd = "/tmp"'
ok "user, groups, umask and directory" "$BASIN" run -b "$B" c1
is "user, groups, umask and directory are the config's" "$(echo "$OUT" | head -n 5 | tr '\n' ' ')" "1000 1001 1001 5 6 0077 /tmp "
for home in 0:/root 1000:/tmp 4242:/; do
	bundle '["/bin/busybox", "env"]' ".process.user.uid = ${home%:*}"
	run "$BASIN" run -b "$B" c1
	like "user ${home%:*} is at home in ${home#*:}" "$OUT" "HOME=${home#*:}("$'\n'"|$)"
done
bundle '["/bin/busybox", "env"]' '.process.env += ["HOME=/given"]'
run "$BASIN" run -b "$B" c1
like "a home that is given stays" "$OUT" "HOME=/given"
run bash -c "exec 0<&- 1>&- 2>&-; '$BASIN' run -b '$B' c1"
is "closed standard streams are /dev/null" "$STATUS" 0
sh_bundle 'pwd' '.process.cwd = "/made/here" | .root.readonly = false'
run "$BASIN" run -b "$B" c1
is "a working directory that is missing is made" "$OUT" /made/here
rmdir "$ROOTFS/made/here" "$ROOTFS/made"
sh_bundle 'ulimit -n; ulimit -Hn'
run "$BASIN" run -b "$B" c1
is "limits are set" "$OUT" "1024
1024"
hard=$(ulimit -Hu)
if [ "$hard" != unlimited ] && ! bash -c "ulimit -Hu $((hard + 1))" 2>/dev/null; then
	bundle '["true"]' ".process.rlimits = [{type: \"RLIMIT_NPROC\", soft: $((hard + 1)), hard: $((hard + 1))}]"
	refused "raising a hard limit says what it takes" 1 'RLIMIT_NPROC.*CAP_SYS_RESOURCE' "$BASIN" run -b "$B" c1
else
	skip "raising a hard limit says what it takes" "this user may raise it"
fi
sh_bundle 'grep -E "^(Cap|NoNew)" /proc/self/status | tr -d "\t" | tr "\n" " "'
run "$BASIN" run -b "$B" c1
is "capabilities are the config's" "$OUT" "CapInh:0000000000000000 CapPrm:0000000020000420 CapEff:0000000020000420 CapBnd:0000000020000420 CapAmb:0000000000000000 NoNewPrivs:1 "
caps='["CAP_CHOWN", "CAP_KILL"]'
sh_bundle 'grep -E "^Cap" /proc/self/status | tr -d "\t" | tr "\n" " "' ".process.user.uid = 1000 | .process.capabilities = {bounding: $caps, permitted: $caps, effective: $caps, inheritable: $caps, ambient: $caps}"
run "$BASIN" run -b "$B" c1
is "ambient capabilities reach a user's program" "$OUT" "CapInh:0000000000000021 CapPrm:0000000000000021 CapEff:0000000000000021 CapBnd:0000000000000021 CapAmb:0000000000000021 "
sh_bundle 'cat /proc/self/oom_score_adj' '.process.oomScoreAdj = 77'
run "$BASIN" run -b "$B" c1
is "the oom score is set" "$OUT" 77
sh_bundle 'ls /proc/self/fd | wc -l'
run "$BASIN" run -b "$B" c1 9<"$T" 8</dev/null
is "descriptors of ours do not leak in" "$OUT" 4
sh_bundle 'cat <&3; ls /proc/self/fd | wc -l'
echo kept >"$T/kept"
run "$BASIN" run -b "$B" --preserve-fds 1 c1 3<"$T/kept" 9<"$T"
is "the ones that are asked for are kept" "$OUT" "kept
5"
sh_bundle 'ls /proc/self/fd | grep -c "^[5678]"; test -e /proc/self/fd/9 && echo 9'
run "$BASIN" run -b "$B" --preserve-fds 7 c1 3</dev/null 5<&- 9</dev/null
is "a descriptor to keep that is not open stays closed, whatever ours are" "$OUT" $'0\n9'
is "and is no reason to say something" "$ERR" ""
run bash -c "exec 3<&-; exec '$BASIN' run -b '$B' --preserve-fds 1 c1"
like "but none at all is a mistake" "$STATUS $ERR" '^1 .*preserved-fd 0 \(of 1\)'
sh_bundle 'grep -E "Sig(Ign|Blk)" /proc/self/status | tr -d "\t" | tr "\n" " "'
run bash -c "trap '' PIPE HUP; exec '$BASIN' run -b '$B' c1"
is "no signal is ignored or blocked" "$OUT" "SigBlk:0000000000000000 SigIgn:0000000000000000 "

# --- namespaces ---
sh_bundle 'hostname; cat /proc/sys/kernel/domainname; echo $$; ip link show lo | head -n 1; ls /sys/class/net | tr "\n" " "' '.hostname = "box" | .domainname = "example"'
run "$BASIN" run -b "$B" c1
like "names and numbers are the container's own" "$OUT" $'^box\nexample\n1\n1: lo: <LOOPBACK,UP,LOWER_UP>.*\nlo $'
sh_bundle 'cat /proc/sys/kernel/domainname' '.domainname = "example" | .linux.sysctl = {"kernel.domainname": "example"}'
run "$BASIN" run -b "$B" c1
is "a domain name may be given twice when it is the same" "$OUT" example
sh_bundle true '.domainname = "example" | .linux.sysctl = {"kernel.domainname": "other"}'
refused "and not when they differ" 1 'conflicts with domainname' "$BASIN" run -b "$B" c1
sh_bundle 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced' '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1"}'
run "$BASIN" run -b "$B" c1
is "sysctls are set in the container" "$OUT" "1
1"
unshare --net --ipc sleep 30 &
other=$!
within 5 [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]
sh_bundle 'readlink /proc/self/ns/net; readlink /proc/self/ns/ipc' "(.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$other/ns/net\" | (.linux.namespaces[] | select(.type == \"ipc\")).path = \"/proc/$other/ns/ipc\""
run "$BASIN" run -b "$B" c1
is "namespaces are joined by path" "$OUT" "$(readlink /proc/$other/ns/net)
$(readlink /proc/$other/ns/ipc)"
kill $other
unshare --pid --fork --mount-proc sleep 30 &
forker=$!
within 5 test -e "/proc/$forker/ns/pid_for_children"
within 5 pgrep -P $forker
inner=$(pgrep -P $forker)
sh_bundle 'readlink /proc/self/ns/pid; echo $$' "(.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$inner/ns/pid\""
run "$BASIN" run -b "$B" c1
is "a pid namespace is joined" "$(echo "$OUT" | head -n 1)" "$(readlink "/proc/$inner/ns/pid")"
kill "$inner"
sh_bundle 'cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime' '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1000000, nanosecs: 0}}'
run "$BASIN" run -b "$B" c1
if [ "$STATUS" = 0 ] && [ "$(echo "$OUT" | tail -n 1)" -gt 1000000 ]; then pass "clocks have the offsets of a time namespace"; else fail "clocks have the offsets of a time namespace" "$OUT" "$ERR"; fi
refused_config() {
	make_bundle "$B" "$3"
	refused "$1" 1 "$2" "$BASIN" run -b "$B" c1
}
refused_config "no mount namespace is refused" 'mount namespace' 'del(.linux.namespaces[] | select(.type == "mount"))'
refused_config "a namespace that cannot be joined is named" '/nosuch/ns' '(.linux.namespaces[] | select(.type == "network")).path = "/nosuch/ns"'

# --- seccomp ---
sh_bundle 'mkdir /tmp/x; echo $?' '.root.readonly = false | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}'
run "$BASIN" run -b "$B" c1
like "a system call is refused by the filter" "$ERR" "Not supported|not supported"
sh_bundle 'mkdir /tmp/x; echo $?' '.process.noNewPrivileges = false | .root.readonly = false | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat", "accept4", "sendmsg", "recvmsg"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}'
run "$BASIN" run -b "$B" c1
like "also without no_new_privs" "$ERR" "Not supported|not supported"

# --- signals, pid file, detach ---
sh_bundle 'trap "exit 9" USR1; echo ready; while :; do sleep 0.1; done'
"$BASIN" run -b "$B" c1 >"$T/ready" &
pid=$!
within 5 grep -q ready "$T/ready"
kill -USR1 $pid
wait $pid
is "a signal to run reaches the payload" $? 9
sh_bundle 'sleep 60'
ok "a detached container goes on" "$BASIN" run -d -b "$B" --pid-file "$T/pid" c1
is "its pid is in the file" "$(cat "$T/pid")" "$("$BASIN" state c1 | jq .pid)"
refused "an id is used once" 1 'container with given ID already exists: "c1"' "$BASIN" run -b "$B" c1
ok "it is deleted by force" "$BASIN" delete --force c1
is "nothing is left after all" "$(left)" ""
bundle '["true"]'
ok "--keep keeps a container that has ended" "$BASIN" run --keep -b "$B" c1
is "it is stopped" "$("$BASIN" state c1 | jq -r .status)" stopped
"$BASIN" delete c1
sh_bundle 'for fd in 0 2; do stat -Lc %d:%i /proc/self/fd/$fd; done; stat -c %d:%i /dev/null'
"$BASIN" run -b "$B" c1 </dev/null >"$T/null" 2>/dev/null
is "a stream that leads nowhere leads to the container's nowhere" "$(sort -u "$T/null" | wc -l)" 1
