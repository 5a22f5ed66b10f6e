#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Where a container's cgroup is, whose it is, and what becomes of it.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/lib.sh"
make_rootfs
BASE=${BASIN_CGROUP_ROOT##*/}
SLEEP='.process.args = ["sleep", "600"]'
# started NAME FILTER: a container of the sleeping config with these changes.
started() {
	make_bundle "$T/$1" "$SLEEP | ${2:-.}" && run "$BASIN" run -d -b "$T/$1" "$1"
}
gone() { "$BASIN" delete --force "$1" >/dev/null; }

# --- where ---
started c '.linux.cgroupsPath = "deep/in/it"'
ok "a relative path is below the root" grep -q . "$BASIN_CGROUP_ROOT/deep/in/it/cgroup.procs"
gone c
nok "and is removed" test -e "$BASIN_CGROUP_ROOT/deep/in/it"
started c ".linux.cgroupsPath = \"//$BASE//abs/one\""
ok "an absolute one is below the mount" grep -q . "$BASIN_CGROUP_ROOT/abs/one/cgroup.procs"
gone c
for path in ../x a/../../x /.. / /./x; do
	make_bundle "$T/bad" "$SLEEP | .linux.cgroupsPath = \"$path\""
	refused "\"$path\" is refused" 1 'cgroup' "$BASIN" run -d -b "$T/bad" bad
done
mkdir -p "$BASIN_CGROUP_ROOT/mine"
started c '.linux.cgroupsPath = "mine"'
ok "an empty one that is there is taken" grep -q . "$BASIN_CGROUP_ROOT/mine/cgroup.procs"
gone c

# --- what becomes of it ---
started c
cgroup=$BASIN_CGROUP_ROOT/oci/c
mkdir -p "$cgroup/a/b" "$cgroup/frozen"
"$BASIN" exec --cgroup a/b -d c sleep 600
"$BASIN" exec --cgroup frozen -d c sleep 600
echo 1 >"$cgroup/frozen/cgroup.freeze"
ok "sub-cgroups go with it, frozen ones too" "$BASIN" delete --force c
nok "nothing is left" test -e "$cgroup"

# --- whose ---
USERS='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
RW='(.mounts[] | select(.destination == "/sys/fs/cgroup")).options -= ["ro"]'
owner() { stat -c %u "$BASIN_CGROUP_ROOT/oci/$1/${2:-}"; }
started c "$USERS"
is "a read-only view is nobody's but the host's" "$(owner c)" 0
gone c
started c "$USERS | $RW"
is "a writable one is the payload's" "$(owner c) $("$BASIN" exec c stat -c %u /sys/fs/cgroup)" "100000 0"
delegated=$(cat /sys/kernel/cgroup/delegate 2>/dev/null || printf 'cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n')
for file in $delegated; do
	[ ! -e "$BASIN_CGROUP_ROOT/oci/c/$file" ] || [ "$(owner c "$file")" = 100000 ] || fail "$file is the payload's" "$(owner c "$file")"
done
is "files that a delegate may not write are not" "$(owner c cgroup.freeze) $(owner c cgroup.kill)" "0 0"
gone c
started c "$USERS | $RW | .process.user = {uid: 7, gid: 7}"
is "it is of the user who runs the payload" "$(owner c)" 100007
gone c
started c "$USERS | $RW | .linux.namespaces |= map(select(.type != \"cgroup\"))"
is "without a cgroup namespace it is the host's" "$(owner c)" 0
gone c
started c "$RW | .process.user = {uid: 7, gid: 7}"
is "it needs no user namespace" "$(owner c)" 7
gone c

# --- none ---
before=$(cut -d: -f3 /proc/self/cgroup | tail -n 1)
make_bundle "$T/none" '.process.args = ["sh", "-c", "cat /proc/self/cgroup"] | .linux.namespaces |= map(select(.type != "cgroup")) | .linux.resources.pids.limit = 5'
ok "--cgroup-manager disabled" "$BASIN" --cgroup-manager disabled run -b "$T/none" none
is "leaves it where its caller is" "$(printf '%s' "$OUT" | cut -d: -f3 | tail -n 1)" "$before"
make_bundle "$T/none" "$SLEEP"
ok "a container without a cgroup" "$BASIN" --cgroup-manager disabled run -d -b "$T/none" none
nok "has none" test -e "$BASIN_CGROUP_ROOT/oci/none"
ok "exec" "$BASIN" exec none ls /sys/fs/cgroup
refused "pause" 1 'it has no cgroup' "$BASIN" pause none
refused "update" 1 'it has no cgroup' "$BASIN" update --pids-limit 5 none
refused "events" 1 'has no cgroup' "$BASIN" events --stats none
refused "exec --cgroup" 255 'has no cgroup' "$BASIN" exec --cgroup a none true
ok "kill --all" "$BASIN" kill --all none KILL
stopped() { [ "$("$BASIN" state none | jq -r .status)" = stopped ]; }
ok "ends it" within 5 stopped
ok "delete" "$BASIN" delete none

# --- threaded ---
# A parent with processes whose children are threaded: what needs no other controller than cpu, cpuset and pids can run there.
parent=$BASIN_CGROUP_ROOT/threads
mkdir -p "$parent/first"
sleep 600 &
echo $! >"$parent/cgroup.procs"
echo threaded >"$parent/first/cgroup.type"
started c '.linux.cgroupsPath = "threads/second"'
is "a container below a threaded domain" "$STATUS $(cat "$parent/second/cgroup.type" 2>/dev/null)" "0 threaded"
is "runs, and is listed" "$("$BASIN" state c | jq -r .status) $("$BASIN" ps --format json c | jq length)" "running 1"
ok "exec" "$BASIN" exec c true
ok "pause" "$BASIN" pause c
ok "resume" "$BASIN" resume c
ok "kill --all" "$BASIN" kill --all c KILL
running() { [ "$("$BASIN" state c | jq -r .status)" = running ]; }
ok "ends it" within 5 eval '! running'
ok "delete" "$BASIN" delete c
nok "its cgroup is gone" test -e "$parent/second"
started c '.linux.cgroupsPath = "threads/second"'
ok "delete --force of a running one" "$BASIN" delete --force c
nok "its cgroup is gone" test -e "$parent/second"
if grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
	make_bundle "$T/mem" "$SLEEP | .linux.cgroupsPath = \"threads/second\" | .linux.resources.memory.limit = 33554432"
	refused "one with a limit of memory is refused" 1 'cannot enter cgroupv2 .* with domain controllers' "$BASIN" run -d -b "$T/mem" c
	make_bundle "$T/pids" "$SLEEP | .linux.cgroupsPath = \"threads/second\" | .linux.resources.pids.limit = 33"
	ok "one with a limit of tasks is not" "$BASIN" run -d -b "$T/pids" c
	is "and has it" "$(cat "$parent/second/pids.max")" 33
	gone c
fi
kill %1

# --- where the kernel ends a clone into another cgroup ---
# Some kernels compare how often the caller's cgroup was killed as a whole with the target's.
mkdir "$BASIN_CGROUP_ROOT/once"
echo 1 >"$BASIN_CGROUP_ROOT/once/cgroup.kill"
make_bundle "$T/again" '.process.args = ["sh", "-c", "cut -d: -f3 /proc/self/cgroup | tail -1; exit 3"]'
inside() { (echo 0 >"$BASIN_CGROUP_ROOT/once/cgroup.procs" && "$@"); }
run inside "$BASIN" run -b "$T/again" k
is "a caller whose cgroup was killed once can run a container" "$STATUS $OUT" "3 /"
started c .
run inside "$BASIN" exec c cut -d: -f3 /proc/self/cgroup
is "and exec in one" "$STATUS ${OUT##*$'\n'}" "0 /"
is "which is where it belongs" "$(inside "$BASIN" exec c cat /sys/fs/cgroup/cgroup.procs | wc -l)" 2
gone c
