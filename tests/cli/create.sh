#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The life of a container step by step: basin create, state, list, ps, start, kill, delete; and each where it does not belong.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
status() {
	"$BASIN" state "$1" 2>/dev/null | jq -r .status
}
is_status() {
	[ "$(status "$1")" = "$2" ]
}
left() {
	find "$BASIN_ROOT" -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%f ' 2>/dev/null
	find "$BASIN_CGROUP_ROOT" -mindepth 2 -type d 2>/dev/null
}

make_bundle "$B" '.process.args = ["sh", "-c", "echo started >/out/started; sleep 60"] | .mounts += [{destination: "/out", type: "bind", source: "/'"${T#/}"'/shared", options: ["rbind"]}] | .annotations = {"org.example.key": "value"}'
mkdir "$T/shared"
ok "create" "$BASIN" create -b "$B" --pid-file "$T/pid" c1
is "it is created" "$(status c1)" created
pid=$("$BASIN" state c1 | jq .pid)
is "the pid file has its pid" "$(cat "$T/pid")" "$pid"
is "what /proc/PID/exe shows is no file of the host's" "$(readlink "/proc/$pid/exe")" "/memfd:basin-child (deleted)"
is "the state has its bundle" "$("$BASIN" state c1 | jq -r .bundle)" "$B"
is "the state has its annotations" "$("$BASIN" state c1 | jq -r '.annotations["org.example.key"]')" value
is "the state says which version of the spec" "$("$BASIN" state c1 | jq -r .ociVersion | cut -d. -f1)" 1
nok "the payload does not run yet" test -e "$T/shared/started"
# What the caller has open is not open in a container that waits: exec may look into it.
: >"$T/secret"
"$BASIN" create -b "$B" waits 7<"$T/secret" 8<"$T"
run ls -l "/proc/$("$BASIN" state waits | jq .pid)/fd"
is "nothing of the caller's is open in one that waits" "$(grep -c "$T" <<<"$OUT")" 0
"$BASIN" delete waits

refused "an id is used once" 1 'container with given ID already exists: "c1"' "$BASIN" create -b "$B" c1
ok "start" "$BASIN" start c1
within 5 test -e "$T/shared/started"
ok "the payload runs" test -e "$T/shared/started"
is "it is running" "$(status c1)" running
is "list has it" "$("$BASIN" list --format json | jq -r '.[] | .id + " " + .status')" "c1 running"
is "list -q has its id" "$("$BASIN" list -q)" c1
like "ps has its processes" "$("$BASIN" ps --format json c1 | jq -c .)" "^\[.*$pid"
refused "a running one cannot be started" 1 'cannot start an already running container' "$BASIN" start c1
refused "a running one cannot be deleted" 1 'cannot delete container "c1" that is not stopped' "$BASIN" delete c1
refused "a signal that is none" 1 'NOSUCH' "$BASIN" kill c1 NOSUCH
ok "kill" "$BASIN" kill c1 KILL
within 5 is_status c1 stopped
is "it is stopped" "$(status c1)" stopped
is "a stopped one has no pid" "$("$BASIN" state c1 | jq .pid)" 0
refused "a stopped one cannot be killed" 1 'container not running' "$BASIN" kill c1 KILL
ok "but kill --all succeeds" "$BASIN" kill --all c1 KILL
refused "a stopped one cannot be started" 1 'cannot start a container that has stopped' "$BASIN" start c1
ok "delete" "$BASIN" delete c1
is "nothing is left" "$(left)" ""
for verb in state start delete ps; do
	refused "$verb of one that does not exist" 1 'container does not exist: "c1"' "$BASIN" $verb c1
done
refused "kill of one that does not exist" 1 'container does not exist: "c1"' "$BASIN" kill c1 TERM
ok "delete --force of one that does not exist" "$BASIN" delete --force c1
is "list of nothing" "$("$BASIN" list --format json | jq -c .)" '[]'

# --- failures are told by the command that met them ---
make_bundle "$B" '.process.args = ["nosuch"]'
refused "create finds the program missing" 1 'exec: "nosuch": executable file not found in \$PATH' "$BASIN" create -b "$B" c1
is "a failed create leaves nothing" "$(left)" ""
printf '#!/nosuch/interpreter\n' >"$ROOTFS/bin/broken"
chmod 755 "$ROOTFS/bin/broken"
make_bundle "$B" '.process.args = ["broken"]'
"$BASIN" create -b "$B" c1
refused "start tells of an execve that failed" 1 '^exec /.*broken: no such file or directory' "$BASIN" start c1
within 5 is_status c1 stopped
is "after that it is stopped" "$(status c1)" stopped
ok "and can be deleted" "$BASIN" delete c1
make_bundle "$B" '.process.args = ["sleep", "60"]'
"$BASIN" create -b "$B" c1
ok "a created one can be deleted" "$BASIN" delete c1
"$BASIN" create -b "$B" c1
ok "a created one can be killed" "$BASIN" kill c1 KILL
within 5 is_status c1 stopped
"$BASIN" delete c1

# --- a maker that is killed leaves what delete can find ---
"$BASIN" create -b "$B" c1
rm "$BASIN_ROOT/c1/state.json"
ok "delete --force takes what was half made" "$BASIN" delete --force c1
is "nothing is left of it" "$(left)" ""

# --- cgroups that are not ours ---
cgroup=${BASIN_CGROUP_ROOT#/sys/fs/cgroup}
make_bundle "$T/same" '.process.args = ["sleep", "60"]'
"$BASIN" run -d -b "$T/same" same
nok "the same id in another state root has no cgroup of its own" "$BASIN" --root "$T/run/elsewhere" run -d -b "$T/same" same
is "and its failure leaves the first one alone" "$(status same)" running
"$BASIN" delete -f same
mkdir -p "$BASIN_CGROUP_ROOT/foreign"
sleep 60 &
foreign=$!
echo $foreign >"$BASIN_CGROUP_ROOT/foreign/cgroup.procs"
make_bundle "$B" ".process.args = [\"true\"] | .linux.cgroupsPath = \"$cgroup/foreign\""
refused "a cgroup that others are in is refused" 1 'has processes in it' "$BASIN" create -b "$B" c1
ok "and they live" kill -0 $foreign
kill $foreign
wait $foreign 2>/dev/null
rmdir "$BASIN_CGROUP_ROOT/foreign"
for path in / // "$cgroup/../elsewhere" "$cgroup/./here"; do
	make_bundle "$B" ".process.args = [\"true\"] | .linux.cgroupsPath = \"$path\""
	refused "cgroupsPath $path is refused" 1 'linux.cgroupsPath' "$BASIN" create -b "$B" c1
done
is "all of which leaves nothing" "$(left)" ""
make_bundle "$B" ".process.args = [\"true\"] | .linux.cgroupsPath = \"/$cgroup//deep/er/\""
ok "an absolute cgroupsPath" "$BASIN" create -b "$B" c1
ok "is below the mount" grep -q . "$BASIN_CGROUP_ROOT/deep/er/cgroup.procs"
"$BASIN" delete c1
nok "and goes with the container" test -d "$BASIN_CGROUP_ROOT/deep/er"
rmdir "$BASIN_CGROUP_ROOT/deep"

# --- many processes ---
make_bundle "$B" '.process.args = ["sh", "-c", "sleep 60 & sleep 60 & wait"] | .linux.namespaces -= [{type: "pid"}]'
"$BASIN" create -b "$B" c1
"$BASIN" start c1
count() { [ "$("$BASIN" ps --format json c1 | jq length)" = "$1" ]; }
within 5 count 3
ok "kill --all reaches all of them" "$BASIN" kill --all c1 TERM
within 5 count 0
is "without a pid namespace none is left" "$("$BASIN" ps --format json c1 | jq -c .)" "[]"
ok "and the container can be deleted" "$BASIN" delete c1
is "in the end nothing is left" "$(left)" ""
