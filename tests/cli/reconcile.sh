#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# reconcile: each kind of thing that a killed process can leave is made here by hand, found by a dry run, and gone after the real one.
# shellcheck disable=SC2016,SC2119 # commands for other shells are in single quotes
. "$(dirname "$0")/lib.sh"

make_rootfs
"$BASIN" image import "$T/rootfs.tar" bb:1 >/dev/null
"$BASIN" pool create /team --cpu 2 --memory 512MiB --storage 512MiB --pids 1024 --enforce available
"$BASIN" net create lab --subnet 10.77.0.0/24 >/dev/null

env_() { "$BASIN" env "$@"; }
launch() { env_ launch bb:1 "$1" --pool /team --memory 16MiB --storage 16MiB "${@:2}"; }
monitor_of() { cut -d' ' -f1 "$BASIN_DATA_ROOT/envs/$1/monitor.lock"; }
clean() { [ "$("$BASIN" reconcile --dry-run)" = "nothing to do" ]; }
found() { "$BASIN" reconcile --dry-run --format json | jq -e --arg kind "$1" --arg name "$2" 'any(.[]; .kind == $kind and .name == $name and .done == false)'; }
# Waits until the process is gone: a kill is not instant.
kill_and_wait() {
	kill -KILL "$1"
	within 5 sh -c "! kill -0 $1"
}

ok "on a clean host there is nothing to do" clean
is "and its JSON is an empty array" "$("$BASIN" reconcile --format json | jq -c .)" "[]"

# --- a monitor that died, its payload alive ---
launch web --net lab -- sleep 1000
kill_and_wait "$(monitor_of web)"
is "without its monitor it counts as stopped" "$(env_ show web --format json | jq -r .status)" stopped
ok "a dry run finds the payload without a monitor" found environment web
ok "and changes nothing" found environment web
ok "reconcile" "$BASIN" reconcile
is "the payload is gone" "$(find "$BASIN_CGROUP_ROOT" -name env-web)" ""
is "its link is gone" "$(ip -o link show type veth | wc -l)" 0
is "its memory is given back" "$("$BASIN" pool show /team --format json | jq .resources.memory.promised)" 0
ok "a second run has nothing to do" clean
ok "it can be started again" env_ start web
kill_and_wait "$(monitor_of web)"
ok "start alone cleans up after a dead monitor too" env_ start web
kill_and_wait "$(monitor_of web)"
ok "stop alone does" env_ stop web
ok "and nothing is left" clean
env_ start web
kill_and_wait "$(monitor_of web)"
ok "rm alone does" env_ rm --force web
ok "and nothing is left of it" clean

# --- a restart policy outlives its monitor ---
launch always --restart always -- sleep 1000
kill_and_wait "$(monitor_of always)"
ok "reconcile, with a policy that wants it up" "$BASIN" reconcile
is "it runs again" "$(env_ show always --format json | jq -r .status)" running
env_ rm --force always

# --- launches that were killed as soon as there was a sign of how far they were (tests/fault/launch_kill.sh does it at every gate) ---
row() { [ -n "$(sqlite3 -readonly "$BASIN_DATA_ROOT/ledger.db" "SELECT 1 FROM object WHERE kind = 'env' AND name = 'half'")" ]; }
directory() { [ -e "$BASIN_DATA_ROOT/envs/half" ]; }
monitor() { [ -e "$BASIN_DATA_ROOT/envs/half/monitor.lock" ]; }
container() { [ -e "$BASIN_ROOT/half" ]; }
status() { env_ ls --format json | jq -r '.[] | select(.name == "half") | .status'; }
for sign in row directory monitor container; do
	"$BASIN" env launch bb:1 half --pool /team --memory 16MiB --storage 16MiB -- sleep 1000 >/dev/null &
	launcher=$!
	until $sign || ! kill -0 $launcher; do :; done 2>/dev/null
	ok "a launch that has its $sign" $sign
	kill -KILL $launcher 2>/dev/null
	wait $launcher 2>/dev/null # dead, it has let go of its locks
	"$BASIN" reconcile >"$T/out"
	like "and is killed is there whole or not at all" "\"$(status)\" after: $(cat "$T/out")" '^"(running)?"'
	env_ rm --force half 2>/dev/null
	ok "and leaves nothing" clean
done

# --- cgroups, links ---
mkdir -p "$BASIN_CGROUP_ROOT/pool-gone/env-lost"
ok "a dry run finds a cgroup without an owner" found cgroup pool-gone/env-lost
ip link add bsnveth type veth peer name bsnpeer
"$BASIN" reconcile >/dev/null
is "the cgroup is removed" "$(ls -d "$BASIN_CGROUP_ROOT/pool-gone" 2>/dev/null)" ""
is "a link that is not ours stays" "$(ip -o link show bsnveth | wc -l)" 1
ip link del bsnveth

# --- a directory that the ledger does not know is nobody's to delete ---
mkdir "$BASIN_DATA_ROOT/envs/mine"
echo precious >"$BASIN_DATA_ROOT/envs/mine/file"
"$BASIN" reconcile >"$T/out"
like "it is told of" "$(cat "$T/out")" 'directory +mine +left alone'
is "and left alone" "$(cat "$BASIN_DATA_ROOT/envs/mine/file")" precious
rm -r "$BASIN_DATA_ROOT/envs/mine"

# --- a reboot: everything in the kernel and in /run is gone ---
launch web --net lab --autostart -- sleep 1000
kill_and_wait "$(monitor_of web)"
"$BASIN" kill web KILL
within 5 sh -c "! pgrep -f 'sleep 1000'"
kill $(pgrep -x dnsmasq) # of this sandbox: there is no other in its pid namespace
ip -o link | grep -oE 'bsn-[a-z]+|bsv[0-9a-f]+' | sort -u | while read -r link; do ip link del "$link" 2>/dev/null; done
nft flush ruleset
umount -l "$T/run"
mount -t tmpfs -o mode=700 run "$T/run"
find "$BASIN_CGROUP_ROOT" -depth -type d -exec rmdir {} \; 2>/dev/null
ok "reconcile after a reboot" "$BASIN" reconcile
ok "start --all --autostart" env_ start --all --autostart
is "it runs" "$(env_ show web --format json | jq -r .status)" running
is "with its address" "$(env_ exec web -- ip -o -4 addr show eth0 | grep -c '10.77.0.2/24')" 1
env_ rm --force web
"$BASIN" net rm lab
ok "nothing is left at the end" clean
refused "reconcile takes no argument" 2 'too much' "$BASIN" reconcile all
