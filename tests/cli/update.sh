#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin update: what a container may use, changed while it runs. The limits themselves need the controllers, which only the virtual machine
# has all of; what this machine lacks is skipped.
. "$(dirname "$0")/lib.sh"
make_rootfs
make_bundle "$T/b" '.process.args = ["sleep", "600"] | .linux.cgroupsPath = "u"'
CGROUP=$BASIN_CGROUP_ROOT/u
has() { grep -qw "$1" /sys/fs/cgroup/cgroup.controllers; }
knob() { cat "$CGROUP/$1"; }
kept() { jq -c "$1" "$BASIN_ROOT/c/config.json"; }

# --- what needs no controller ---
"$BASIN" run -d -b "$T/b" c
refused "a value that is none" 1 'invalid value for memory: "lots"' "$BASIN" update --memory lots c
refused "a number that is none" 1 'invalid value for cpu-share: "-3"' "$BASIN" update --cpu-share -3 c
refused "idle is 0 or 1" 1 'resources.cpu.idle: 2 is not between 0 and 1' "$BASIN" update --cpu-idle 2 c
refused "a document that is none" 1 'not valid JSON' sh -c "echo '{' | $BASIN update -r - c"
refused "a file that is not there" 1 'cannot read "/none"' "$BASIN" update -r /none c
refused "what is wrong in it is named" 1 'resources.pids.limit: expected an integer, found a string' sh -c "echo '{\"pids\":{\"limit\":\"x\"}}' | $BASIN update -r - c"
refused "a key of unified without a dot" 1 'not the form CONTROLLER.VALUE .NOT-A-VALID-KEY.' sh -c "echo '{\"unified\":{\"NOT-A-VALID-KEY\":\"x\"}}' | $BASIN update -r - c"
refused "a controller that is none" 1 'requested cgroup controller .foo. is not available' sh -c "echo '{\"unified\":{\"foo.bar\":\"x\"}}' | $BASIN update -r - c"
refused "caches without resctrl" 1 'l3 cache schema is not enabled' "$BASIN" update --l3-cache-schema 'L3:0=f' c
refused "bandwidth without resctrl" 1 'memory bandwidth schema is not enabled' "$BASIN" update --mem-bw-schema 'MB:0=10' c
refused "an unknown container" 1 'container does not exist' "$BASIN" update --pids-limit 5 nobody
ok "nothing to change is fine" "$BASIN" update c
ok "kernel memory is accepted" sh -c "echo '{\"cpu\":{}}' | $BASIN update -r - c"

# Device rules: in place of those before, without a moment in which none hold.
rules() { echo "{\"devices\":[$1]}" | "$BASIN" update -r - c; }
CONTROL='{"allow":true,"type":"c","major":10,"minor":237,"access":"rwm"}'
mknod "$ROOTFS/control" c 10 237
mknod "$ROOTFS/fuse" c 10 229
opens() { "$BASIN" exec c sh -c ': 3</control' 2>/dev/null; }
nok "a device that the config does not allow" opens
ok "new rules" rules '{"allow":true,"access":"rwm"}'
ok "allow it" opens
is "are kept" "$(kept '.linux.resources.devices[] | "\(.allow) \(.access)"')" '"true rwm"'
ok "others allow it alone" rules "{\"allow\":false,\"access\":\"rwm\"},$CONTROL"
ok "so it is still to be had" opens
"$BASIN" exec c sh -c 'until [ -e /dev/done ]; do : 3</control || { echo lost >/dev/lost; exit; }; done' &
loop=$!
# Forbidden by every one of the sets of rules, and so at every moment in between.
"$BASIN" exec c sh -c 'until [ -e /dev/done ]; do case $( (: 3</fuse) 2>&1 ) in *"not permitted"*) ;; *) echo gap >/dev/gap; exit ;; esac; done' &
other=$!
for _ in $(seq 20); do
	rules "{\"allow\":false,\"access\":\"rwm\"},$CONTROL" && rules "$CONTROL" || fail "rules are changed again and again" "failed"
done
"$BASIN" exec c touch /dev/done
wait $loop $other
nok "with no moment in which it was not" "$BASIN" exec c cat /dev/lost
nok "and none in which no rules held" "$BASIN" exec c cat /dev/gap
ok "none of them" rules '{"allow":false,"access":"rwm"}'
nok "takes it away" opens
ok "but not the usual ones" "$BASIN" exec c sh -c 'head -c 1 /dev/zero >/dev/null'
"$BASIN" delete --force c

# --- what needs one ---
if ! has memory || ! has cpu || ! has pids; then
	skip "limits" "the cgroup v2 tree has no memory, cpu and pids controllers"
	exit 0
fi
HAS_SWAP=
make_bundle "$T/b" '.process.args = ["sh", "-c", "while :; do sleep 1; done"] | .linux.cgroupsPath = "u" | .linux.resources.memory = {limit: 33554432, reservation: 25165824}
	| .linux.resources.cpu = {shares: 100, quota: 500000, period: 1000000} | .linux.resources.pids = {limit: 20}'
"$BASIN" run -d -b "$T/b" c
[ ! -e "$CGROUP/memory.swap.max" ] || HAS_SWAP=yes
all() { echo "$(knob memory.max) $(knob memory.low) $(knob cpu.weight) $(knob cpu.max) $(knob pids.max)"; }
is "the config's own limits hold" "$(all)" "33554432 25165824 17 500000 1000000 20"
is "every controller is handed down" "$(knob cgroup.controllers)" "$(cat /sys/fs/cgroup/cgroup.controllers)"
# set NAME FILE VALUE OPTION...
changes() {
	local name=$1 file=$2 value=$3
	shift 3
	if run "$BASIN" update c "$@" && [ "$(knob "$file")" = "$value" ]; then pass "$name"; else fail "$name" "update $*" "$ERR" "$(knob "$file")"; fi
}
changes "memory, in bytes" memory.max 67108864 --memory 67108864
changes "memory, with a unit" memory.max 52428800 --memory 50M
changes "its protection" memory.low 33554432 --memory-reservation 33554432
changes "the period alone keeps the quota" cpu.max "500000 900000" --cpu-period 900000
changes "the quota alone keeps the period" cpu.max "600000 900000" --cpu-quota 600000
changes "no quota" cpu.max "max 900000" --cpu-quota -1
changes "both" cpu.max "400000 800000" --cpu-quota 400000 --cpu-period 800000
changes "a burst" cpu.max.burst 300000 --cpu-burst 300000
changes "which another update leaves" cpu.max.burst 300000 --memory 60M
changes "no burst" cpu.max.burst 0 --cpu-burst 0
changes "shares" cpu.weight 29 --cpu-share 200
changes "idle" cpu.idle 1 --cpu-idle 1
changes "which another update leaves" cpu.idle 1 --cpu-period 700000
changes "not idle" cpu.idle 0 --cpu-idle 0
is "has its share back" "$(knob cpu.weight)" 29
changes "tasks" pids.max 10 --pids-limit 10
changes "no limit of tasks" pids.max max --pids-limit -1
if [ -n "$HAS_SWAP" ]; then
	changes "memory and swap" memory.swap.max $((20 << 20)) --memory 30M --memory-swap 50M
	is "memory with it" "$(knob memory.max)" $((30 << 20))
	changes "memory above the old sum" memory.max $((60 << 20)) --memory 60M --memory-swap 80M
	refused "swap below memory" 1 'is below that of memory' "$BASIN" update c --memory-swap 10M
	changes "no swap at all" memory.swap.max 0 --memory-swap 60M
	changes "any swap" memory.swap.max max --memory-swap -1
fi
changes "no limit of memory" memory.max max --memory -1
[ -z "$HAS_SWAP" ] || is "has none of swap" "$(knob memory.swap.max)" max
cat >"$T/back" <<-'JSON'
	{"memory": {"limit": 33554432, "reservation": 25165824}, "CPU": {"shares": 100, "quota": 500000, "period": 1000000, "Cpus": "0"}, "pids": {"limit": 20}}
JSON
ok "a document" "$BASIN" update -r "$T/back" c
is "says it all at once" "$(all) $(knob cpuset.cpus)" "33554432 25165824 17 500000 1000000 20 0"
ok "from standard input" sh -c "echo '{\"unified\":{\"cpu.max\":\"max 100000\",\"memory.high\":\"30000000\"},\"hugepageLimits\":[{\"pagesize\":\"2MB\",\"limit\":2097152}]}' | $BASIN update -r - c"
is "unified" "$(knob cpu.max) $(knob memory.high)" "max 100000 29999104"
is "huge pages, and their reservation" "$(knob hugetlb.2MB.max) $(knob hugetlb.2MB.rsvd.max)" "2097152 2097152"
is "what is kept" "$(kept '.linux.resources | [.memory.limit, .pids.limit, .unified["memory.high"], .hugepageLimits[0].pageSize]')" '[33554432,20,"30000000","2MB"]'

# An update that fails in the middle leaves what was.
before=$(all)
refused "a knob that the kernel refuses" 1 'cpuset.cpus' sh -c "echo '{\"pids\":{\"limit\":7},\"memory\":{\"limit\":40000000},\"cpu\":{\"cpus\":\"4000\"}}' | $BASIN update -r - c"
is "takes the others back" "$(knob memory.max) $(knob pids.max)" "33554432 20"
like "as they were" "$before" '^33554432 '
refused "a file that does not exist" 1 'no such file or directory' sh -c "echo '{\"unified\":{\"memory.DOESNTEXIST\":\"1\"}}' | $BASIN update -r - c"

disk=$(lsblk -dno MAJ:MIN | head -n 1 | tr -d ' ')
major=${disk%:*} minor=${disk#*:}
ok "rates of a disk" sh -c "jq -n '{blockIO: {throttleReadBpsDevice: [{major: $major, minor: $minor, rate: 10485760}], throttleWriteBpsDevice: [{major: $major, minor: $minor, rate: 9437184}],
	throttleReadIOPSDevice: [{major: $major, minor: $minor, rate: 1000}], throttleWriteIOPSDevice: [{major: $major, minor: $minor, rate: 900}]}}' | $BASIN update -r - c"
is "are in io.max" "$(knob io.max)" "$disk rbps=10485760 wbps=9437184 riops=1000 wiops=900"
ok "one of them again" sh -c "jq -n '{blockIO: {throttleReadBpsDevice: [{major: $major, minor: $minor, rate: 5242880}]}}' | $BASIN update -r - c"
is "changes that one" "$(knob io.max)" "$disk rbps=5242880 wbps=9437184 riops=1000 wiops=900"
is "and is kept once" "$(kept '.linux.resources.blockIO.throttleReadBpsDevice | length')" 1
ok "a weight" "$BASIN" update c --blkio-weight 750
if [ -e "$CGROUP/io.bfq.weight" ]; then
	is "is BFQ's" "$(knob io.bfq.weight)" "default 750"
else
	is "is iocost's" "$(knob io.weight)" "default 7475"
fi

ok "a paused one" sh -c "$BASIN pause c && $BASIN update --pids-limit 30 c"
is "stays paused" "$("$BASIN" state c | jq -r .status) $(knob pids.max)" "paused 30"
ok "resume" "$BASIN" resume c
refused "memory below what is in use" 1 'rejecting memory limit 1024 <= usage' sh -c "echo '{\"memory\":{\"limit\":1024,\"checkBeforeUpdate\":true}}' | $BASIN update -r - c"
[ -z "$HAS_SWAP" ] || refused "swap too" 1 'rejecting memory\+swap limit 2048 <= usage' sh -c "echo '{\"memory\":{\"limit\":1024,\"swap\":2048,\"checkBeforeUpdate\":true}}' | $BASIN update -r - c"
is "it still runs" "$("$BASIN" state c | jq -r .status)" running
"$BASIN" update c --memory 1024 >/dev/null 2>&1
stopped() { [ "$("$BASIN" state c | jq -r .status)" = stopped ]; }
ok "without the check the kernel makes room" within 20 stopped
refused "one that has stopped" 1 'container not running' "$BASIN" update --pids-limit 5 c
ok "delete" "$BASIN" delete c
