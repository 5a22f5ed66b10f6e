#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin kill: signals by name and number, and what runc says when there is nobody to send them to.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/lib.sh"

# Says which signal came, and stays.
make_bundle "$T/b" '.process.args = ["sh", "-c", "for s in TERM HUP USR1 36; do trap \"echo $s >>/got\" $s; done; echo ready >>/got; while :; do sleep 0.1; done"] |
	.root.readonly = false'
GOT=$ROOTFS/got
"$BASIN" run -d -b "$T/b" c >"$T/log" 2>&1
within 5 grep -q ready "$GOT" || fail "the container came up" "$(cat "$T/log")"

# kill ARGUMENT ...: what the container received.
received() {
	: >"$GOT"
	run "$BASIN" kill c "$@" && within 5 test -s "$GOT"
	cat "$GOT"
}
is "no signal is TERM" "$(received)" TERM
is "by number" "$(received 1)" HUP
is "by name" "$(received HUP)" HUP
is "by full name" "$(received SIGUSR1)" USR1
is "in lower case" "$(received sigusr1)" USR1
is "a real-time signal" "$(received RTMIN+2)" 36
is "with --all" "$(received --all HUP)" HUP
refused "an unknown signal" 1 'unknown signal "SIGNOPE"' "$BASIN" kill c SIGNOPE
refused "a number that is none" 1 'unknown signal "99"' "$BASIN" kill c 99
ok "zero asks whether it is there" "$BASIN" kill c 0
refused "a number below" 1 'unknown signal "-1"' "$BASIN" kill -- c -1
refused "an unknown container" 1 'container does not exist: "nobody"' "$BASIN" kill nobody
refused "no container" 1 'an argument is missing' "$BASIN" kill

ok "KILL" "$BASIN" kill c KILL
ok "ends it" within 5 sh -c "$BASIN state c | jq -e '.status == \"stopped\"'"
refused "a stopped one" 1 'container not running' "$BASIN" kill c TERM
ok "a stopped one with --all" "$BASIN" kill --all c
ok "delete" "$BASIN" delete c

make_bundle "$T/e" '.process.args = ["sh", "-c", "trap exit TERM; while :; do echo here >/here; sleep 0.03; done"] | .root.readonly = false'
"$BASIN" run -d -b "$T/e" e >"$T/log" 2>&1
within 5 grep -q here "$ROOTFS/here"
ok "one that was told to end a moment ago can be deleted" sh -c "$BASIN kill e TERM && $BASIN delete e"

ok "one that was not started yet" sh -c "$BASIN create -b $T/b d && $BASIN kill d KILL"
ended() { [ "$("$BASIN" state d | jq -r .status)" = stopped ]; }
within 5 ended
"$BASIN" delete d
"$BASIN" create -b "$T/b" d
"$BASIN" kill d TERM
ok "also when it is asked kindly, which the first process of a pid namespace must want" within 5 ended
ok "is stopped then" within 5 sh -c "$BASIN state d | jq -e '.status == \"stopped\"'"
ok "and deleted" "$BASIN" delete d

# Several at once.
make_bundle "$T/sleep" '.process.args = ["sleep", "1000"]'
for id in re-1 re-2 other; do "$BASIN" run -d -b "$T/sleep" $id >/dev/null 2>&1; done
ok "kill --regex" "$BASIN" kill --regex '^re-[0-9]$' KILL
statuses() { "$BASIN" list -f json | jq -r 'map(select(.id != "c" and .id != "d") | .id + "=" + .status) | join(" ")'; }
settled() { [ "$(statuses)" = "other=running re-1=stopped re-2=stopped" ]; }
ok "reaches those that match" within 5 settled
ok "delete --regex" "$BASIN" delete --regex 're-*[12]'
is "removes those that match" "$("$BASIN" list -q)" other
run "$BASIN" delete --regex .
is "one that runs is refused" "$STATUS" 1
refused "a pattern that is none" 1 'not a regular expression' "$BASIN" delete --regex '('
ok "delete --force --regex" "$BASIN" delete --force --regex .

# Everything in the container, not only its init.
make_bundle "$T/many" '.process.args = ["sh", "-c", "sleep 1000 & sleep 1000 & wait"] | .linux.namespaces |= map(select(.type != "pid"))'
"$BASIN" run -d -b "$T/many" many >/dev/null 2>&1
within 5 sh -c "[ \$($BASIN ps -f json many | jq length) = 3 ]"
ok "kill --all of a container without a pid namespace" "$BASIN" kill --all many KILL
ok "leaves no process" within 5 sh -c "! grep -q . $BASIN_CGROUP_ROOT/oci/many/cgroup.procs"
ok "delete" "$BASIN" delete many
"$BASIN" run -d -b "$T/many" many >/dev/null 2>&1
within 5 sh -c "[ \$($BASIN ps -f json many | jq length) = 3 ]"
kill -9 "$("$BASIN" state many | jq .pid)"
within 5 sh -c "$BASIN state many | jq -e '.status == \"stopped\"'"
refused "its init is gone, so is what other signals are for" 1 'container not running' "$BASIN" kill many TERM
ok "KILL ends what init left behind" "$BASIN" kill many KILL
ok "all of it" within 5 sh -c "! grep -q . $BASIN_CGROUP_ROOT/oci/many/cgroup.procs"
refused "and then there is nobody" 1 'container not running' "$BASIN" kill many KILL
ok "delete" "$BASIN" delete many
