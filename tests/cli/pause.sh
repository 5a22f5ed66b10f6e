#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin pause, basin resume: the processes of a container stand still, and the other verbs say so, wait, or end it all the same.
. "$(dirname "$0")/lib.sh"
make_rootfs
make_bundle "$T/b" '.process.args = ["sh", "-c", "while :; do echo x >>/ticks; sleep 0.02; done"] | .root.readonly = false'
TICKS=$ROOTFS/ticks
status() { "$BASIN" state "$1" | jq -r .status; }
stopped() { [ "$(status "$1")" = stopped ]; }
# Whether the payload writes meanwhile.
ticks() {
	local before
	before=$(stat -c %s "$TICKS" 2>/dev/null || echo 0)
	sleep 0.2
	[ "$(stat -c %s "$TICKS" 2>/dev/null || echo 0)" != "$before" ]
}

"$BASIN" run -d -b "$T/b" c
ok "it runs" within 5 ticks
ok "pause" "$BASIN" pause c
is "state says so" "$(status c)" paused
is "list too" "$("$BASIN" list --format json | jq -r '.[] | select(.id == "c").status')" paused
nok "nothing moves in it" ticks
refused "pausing it again" 1 'paused already' "$BASIN" pause c
refused "exec is refused" 255 'cannot exec in a paused container' "$BASIN" exec c true
is "ps still lists it" "$("$BASIN" ps --format json c | jq 'length > 0')" true
refused "delete is refused" 1 'cannot delete container "c" that is not stopped: paused' "$BASIN" delete c
"$BASIN" exec --ignore-paused c echo waited >"$T/waited" 2>&1 &
waiting=$!
sleep 0.3
is "exec --ignore-paused waits" "$(cat "$T/waited")" ""
ok "resume" "$BASIN" resume c
wait $waiting
is "and goes on then" "$? $(cat "$T/waited")" "0 waited"
is "state says that it runs" "$(status c)" running
ok "it moves again" ticks
refused "resuming it again" 1 'container not paused' "$BASIN" resume c

ok "a signal to a paused container waits" sh -c "$BASIN pause c && $BASIN kill c TERM"
is "so it stays paused" "$(status c)" paused
ok "but KILL does not" "$BASIN" kill c KILL
ok "and ends it" within 5 stopped c
refused "one that has stopped is not paused" 1 'container not running' "$BASIN" pause c
refused "nor resumed" 1 'container not paused' "$BASIN" resume c
ok "delete" "$BASIN" delete c

ok "one that was not started yet is paused" sh -c "$BASIN create -b $T/b d && $BASIN pause d"
is "as state says" "$(status d)" paused
refused "and does not start" 1 'cannot start' "$BASIN" start d
ok "resume" "$BASIN" resume d
is "makes it what it was" "$(status d)" created
ok "and it starts" "$BASIN" start d
ok "delete --force ends a paused one" sh -c "$BASIN pause d && $BASIN delete --force d"
nok "its cgroup is gone" test -e "$BASIN_CGROUP_ROOT/oci/d"
refused "an unknown container" 1 'container does not exist' "$BASIN" pause nobody
refused "an unknown container" 1 'container does not exist' "$BASIN" resume nobody
refused "no container" 1 'an argument is missing' "$BASIN" pause

# Two containers may not share a cgroup, and one that somebody froze would never start.
make_bundle "$T/same" '.process.args = ["sleep", "600"] | .linux.cgroupsPath = "same"'
ok "a container in a cgroup of its choice" "$BASIN" run -d -b "$T/same" one
refused "a second one in it is refused" 1 "container's cgroup is not empty" "$BASIN" run -d -b "$T/same" two
refused "create too" 1 "container's cgroup is not empty" "$BASIN" create -b "$T/same" two
ok "the first one is unharmed" test "$(status one)" = running
ok "delete" "$BASIN" delete --force one
mkdir -p "$BASIN_CGROUP_ROOT/same"
echo 1 >"$BASIN_CGROUP_ROOT/same/cgroup.freeze"
refused "a frozen cgroup is refused" 1 "container's cgroup unexpectedly frozen" "$BASIN" run -d -b "$T/same" one
ok "and left alone" test -d "$BASIN_CGROUP_ROOT/same"
rmdir "$BASIN_CGROUP_ROOT/same"
