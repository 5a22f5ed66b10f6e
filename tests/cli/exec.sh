#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin exec: a process joins a container that runs, is what the container's own is, and is told apart where it fails.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
make_bundle "$B" '.process.args = ["sleep", "600"] | .hostname = "box"'
"$BASIN" run -d -b "$B" c1
init=$("$BASIN" state c1 | jq .pid)

ok "exec" "$BASIN" exec c1 hostname
is "it is in the container" "$OUT" box
for kind in mnt pid net ipc uts cgroup; do
	run "$BASIN" exec c1 readlink /proc/self/ns/$kind
	is "it is in the container's $kind namespace" "$OUT" "$(readlink "/proc/$init/ns/$kind")"
done
run "$BASIN" exec c1 sh -c 'grep -E "^(Cap(Eff|Bnd)|NoNew)" /proc/self/status | tr -d "\t" | tr "\n" " "'
is "it has the container's privileges" "$OUT" "CapEff:0000000020000420 CapBnd:0000000020000420 NoNewPrivs:1 "
run "$BASIN" exec c1 sh -c 'cat /proc/self/cgroup | tail -n 1'
is "it is in the container's cgroup" "$OUT" "0::/"
run "$BASIN" exec --cwd /tmp --user 1000:1001 --env A=b c1 sh -c 'pwd; id -u; id -g; echo $A'
is "directory, user and environment" "$(echo "$OUT" | tr '\n' ' ')" "/tmp 1000 1001 b "
run "$BASIN" exec --additional-gids 7 --additional-gids 8 c1 id -G
is "groups" "$OUT" "0 7 8"
run "$BASIN" exec --cap CAP_CHOWN c1 sh -c 'grep CapEff /proc/self/status | tr -d "\t"'
is "a capability more" "$OUT" "CapEff:0000000020000421"
run "$BASIN" exec c1 sh -c 'exit 9'
is "the exit status is the process's" "$STATUS" 9
run "$BASIN" exec c1 sh -c 'kill -KILL $$'
is "a signal comes as 128 and its number" "$STATUS" 137
refused "a program that is not there" 255 'exec: "nosuch": executable file not found in \$PATH' "$BASIN" exec c1 nosuch
refused "a directory that is not there" 255 'nosuchdir' "$BASIN" exec --cwd /nosuchdir c1 true
refused "a user that is a name" 255 'numbers' "$BASIN" exec --user root c1 true
refused "wrong usage is 1, as in runc" 1 'exec: unknown option "--nosuch"' "$BASIN" exec --nosuch c1 true
refused "no container" 1 'an argument is missing' "$BASIN" exec
refused "no command" 255 'a command is missing' "$BASIN" exec c1
refused "a container that is not there" 255 'container does not exist: "c2"' "$BASIN" exec c2 true
refused "a sub-cgroup outside the container's" 255 'bad sub cgroup path: \.\./\.\. is not a sub cgroup path' "$BASIN" exec --cgroup ../.. c1 true
refused "one that is not there" 255 'adding pid to cgroups: .*/none/cgroup.procs: ' "$BASIN" exec --cgroup none c1 true
refused "one of a single controller" 255 'unknown controller memory' "$BASIN" exec --cgroup memory:sub c1 true
refused "two" 255 'a process is in one cgroup' "$BASIN" exec --cgroup / --cgroup a c1 true
run bash -c "echo text | '$BASIN' exec c1 cat"
is "its standard input is ours" "$OUT" text
run "$BASIN" exec c1 sh -c 'ls /proc/self/fd | wc -l' 9<"$T"
is "descriptors of ours do not leak in" "$OUT" 4

jq -n '{args: ["sh", "-c", "pwd; id -u; echo $X"], cwd: "/tmp", env: ["PATH=/bin", "X=y"], user: {uid: 5, gid: 5}}' >"$T/process.json"
run "$BASIN" exec --process "$T/process.json" c1
is "a process as an engine gives it" "$(echo "$OUT" | tr '\n' ' ')" "/tmp 5 y "
run "$BASIN" exec --process "$T/process.json" --user 9:9 --cwd / c1
is "and the other options have no part in it" "$(echo "$OUT" | tr '\n' ' ')" "/tmp 5 y "
for env in X =x ""; do
	refused "--env \"$env\"" 255 '^error: --env: "'"$env"'" is not NAME=value' "$BASIN" exec --env "$env" c1 true
done
refused "a relative --cwd" 255 '^error: --cwd: "tmp" is not an absolute path' "$BASIN" exec --cwd tmp c1 true
run "$BASIN" exec --cwd "" --user "" c1 pwd
is "options that are empty are none" "$STATUS $OUT" "0 /"
refused "a process file that is missing" 255 'cannot read "/nosuch": no such file or directory' "$BASIN" exec --process /nosuch c1
jq '.args = ["sh", "-c", "env | wc -c"] | .env += [range(20) | "V\(.)=" + ("x" * 100000)]' "$T/process.json" >"$T/large.json"
run "$BASIN" exec --process "$T/large.json" c1
ok "a process file may be as large as what can be executed" [ "$OUT" -gt 2000000 ]
ok "a detached one goes on" "$BASIN" exec -d --pid-file "$T/pid" c1 sleep 300
like "its pid is in the file and in the container" " $("$BASIN" ps --format json c1 | jq -r 'map(tostring) | join(" ")') " " $(cat "$T/pid") "
"$BASIN" exec c1 sh -c 'trap "exit 4" TERM; echo ready; while :; do sleep 0.1; done' >"$T/ready" &
pid=$!
within 5 grep -q ready "$T/ready"
kill -TERM $pid
wait $pid
is "a signal to exec reaches the process" $? 4

cgroup=$(find "$BASIN_CGROUP_ROOT" -name c1 -type d)
mkdir "$cgroup/sub"
run "$BASIN" exec --cgroup sub c1 sh -c 'tail -n 1 /proc/self/cgroup'
is "a sub-cgroup of the container's" "$OUT" "0::/sub"
run "$BASIN" exec --cgroup /sub c1 sh -c 'tail -n 1 /proc/self/cgroup'
is "the same with a slash" "$OUT" "0::/sub"
# A payload that hands controllers down to cgroups of its own making: none may run in the container's cgroup itself any more.
controller=$(cut -d' ' -f1 "$cgroup/cgroup.controllers")
if [ -n "$controller" ]; then
	while read -r process; do echo "$process" >"$cgroup/sub/cgroup.procs"; done < <(cat "$cgroup/cgroup.procs")
	run "$BASIN" exec c1 sh -c 'tail -n 1 /proc/self/cgroup'
	is "where the init has gone does not matter" "$OUT" "0::/"
	echo "+$controller" >"$cgroup/cgroup.subtree_control"
	run "$BASIN" exec c1 sh -c 'tail -n 1 /proc/self/cgroup'
	is "unless it must: then it is the init's" "$OUT" "0::/sub"
	refused "a choice stands" 255 'adding pid of the new process to cgroups: .*/cgroup.procs: ' "$BASIN" exec --cgroup / c1 true
	echo "-$controller" >"$cgroup/cgroup.subtree_control"
else
	skip "an init in a cgroup of its own making" "the container's cgroup has no controllers here"
fi
"$BASIN" pause c1
refused "a paused container is refused" 255 'cannot exec in a paused container' "$BASIN" exec c1 true
is "state says that it is paused" "$("$BASIN" state c1 | jq -r .status)" paused
"$BASIN" resume c1
"$BASIN" kill c1 KILL
stopped() { [ "$("$BASIN" state c1 | jq -r .status)" = stopped ]; }
within 5 stopped
refused "a stopped container is refused" 255 'container not running' "$BASIN" exec c1 true
ok "delete removes its sub-cgroups" "$BASIN" delete c1
nok "no cgroup is left" test -d "$cgroup"
mkdir -p "$BASIN_CGROUP_ROOT/elsewhere"
"$BASIN" run -d -b "$B" c1
"$BASIN" state c1 | jq .pid >"$BASIN_CGROUP_ROOT/elsewhere/cgroup.procs"
rmdir "$cgroup"
run "$BASIN" exec c1 sh -c 'tail -n 1 /proc/self/cgroup'
like "where the container's cgroup is gone, exec goes to its init's, not to ours" "$OUT" '/elsewhere$'
"$BASIN" delete --force c1

# --- what happens with a seccomp filter and a user namespace ---
make_bundle "$B" '.process.args = ["sleep", "600"] | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]} | .root.readonly = false
	| .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 300000, size: 65536}] | .linux.gidMappings = [{containerID: 0, hostID: 300000, size: 65536}]'
"$BASIN" run -d -b "$B" c2
run "$BASIN" exec c2 sh -c 'id -u; cat /proc/self/uid_map | tr -s " "; mkdir /tmp/dir'
like "it is root in the user namespace" "$OUT" $'^0\n 0 300000 65536'
like "the container's filter holds for it" "$ERR" "Not supported|not supported"
"$BASIN" delete --force c2
