#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A container's run, create, start and exec with every gate failing in turn, and with the runtime killed at every gate: `delete --force`
# then leaves the host as it was, and a failure is never silent. Needs a build with FAULT=1.
BUILD=${FAULT_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build/fault}
BASIN=$BUILD/basin
. "$(dirname "$0")/../cli/lib.sh"
[ -x "$BASIN" ] || skip_all "there is no build with FAULT=1"
make_rootfs
B=$T/bundle
SHARED=$T/fault
left() {
	find "$BASIN_ROOT" -mindepth 1 -maxdepth 1 ! -name '.*'
	find "$BASIN_CGROUP_ROOT" -mindepth 2 -type d
	find "$ROOTFS" -newer "$T/begin" ! -type d ! -path "$ROOTFS/dev/*"
}
is_clean() { [ -z "$(left)" ]; }
# at WHAT COMMAND...: runs it with that fault.
at() {
	local what=$1
	shift
	head -c 16 /dev/zero >"$SHARED"
	BASIN_FAULT_FILE=$SHARED BASIN_FAULT=$what timeout 20 "$@" >"$T/o" 2>"$T/e" </dev/null
}
number() {
	od -An -tu8 -j"$1" -N8 "$SHARED" | tr -d ' '
}
# sweep NAME PREPARE COMMAND: PREPARE makes what COMMAND needs, without faults; COMMAND is swept.
sweep() {
	local name=$1 prepare=$2 gates i how status bad=() silent=()
	shift 2
	$prepare
	at 0:count "$@"
	gates=$(number 0)
	"$BASIN" delete --force c1
	[ "$gates" -ge 5 ] || { fail "$name: has gates" "$gates"; return; }
	for how in fail kill; do
		for i in $(seq "$gates"); do
			$prepare
			{ at "$i:$how" "$@"; } 2>/dev/null # the shell tells of each kill
			status=$?
			[ $status = 124 ] && bad+=("gate $i ($how) hangs")
			[ "$(number 8)" = 1 ] && [ $status != 0 ] && [ $how = fail ] && [ ! -s "$T/e" ] && silent+=("gate $i: exit $status and no message")
			"$BASIN" delete --force c1 2>"$T/e" || bad+=("gate $i ($how): delete: $(cat "$T/e")")
			within 2 is_clean || bad+=("gate $i ($how): left: $(left)")
		done
	done
	if [ ${#bad[@]} = 0 ]; then pass "$name: nothing is left by any of $gates gates"; else fail "$name: nothing is left by any of $gates gates" "${bad[@]}"; fi
	if [ ${#silent[@]} = 0 ]; then pass "$name: every failure is told"; else fail "$name: every failure is told" "${silent[@]}"; fi
}
none() { :; }
created() { "$BASIN" create -b "$B" c1; }
running() { "$BASIN" run -d -b "$B" c1; }

make_bundle "$B" '.process.args = ["true"]'
"$BASIN" run -b "$B" c0
touch "$T/begin"
sleep 0.1
sweep "run" none "$BASIN" run -b "$B" c1
make_bundle "$B" '.process.args = ["sleep", "30"]'
sweep "create" none "$BASIN" create -b "$B" c1
sweep "start" created "$BASIN" start c1
sweep "exec" running "$BASIN" exec c1 true
sweep "delete" running "$BASIN" delete --force c1

# In a scope of systemd's, which something stands in for; an empty scope goes by itself, a moment later.
mount -t tmpfs systemd /run/systemd && mkdir /run/systemd/system
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent
python3 "$TESTS/cli/systemd_stand_in.py" /run/systemd/private "$BASIN_CGROUP_ROOT" &
within 5 test -S /run/systemd/private
scoped() { "$BASIN" --systemd-cgroup run -d -b "$B" c1; }
make_bundle "$B" '.process.args = ["true"]'
sweep "run in a scope" none "$BASIN" --systemd-cgroup run -b "$B" c1
make_bundle "$B" '.process.args = ["sleep", "30"]'
sweep "delete of one in a scope" scoped "$BASIN" delete --force c1
