# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2030,SC2031,SC2119 # variables of the files that source this; exports meant for one subshell
# A sweep: a scenario is run again and again in one sandbox, each time with the next of the gates it passes (base/fault.h) failing, or killing
# the process that passes it; then whatever was interrupted is reconciled, and the host is compared with what it was.
#
#   prepare      called once              before_each  puts the host into the state that the scenario starts from
#   scenario     what is swept            settle       after reconcile: back to where prepare left it, by what a user would type
#
#   sweep KIND   fail or kill. FIRST=N EVERY=K look at a part of the gates; BUDGET=SECONDS for a sweep.
BUILD=${FAULT_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/fault}
BASIN=$BUILD/basin
# shellcheck source=../cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
[ -x "$BUILD/basin-manage" ] || skip_all "there is no build with FAULT=1"

# What basin may leave nowhere: processes, cgroups, mounts, links, rules, loop devices, files, rows.
host() {
	pgrep -l "^(basin|sleep)" | cut -d" " -f2 | sort
	find "$BASIN_CGROUP_ROOT" -mindepth 1 -type d ! -name monitor ! -name "devices-*"
	# Not what others have mounted below /tmp: it goes with their directories.
	cut -d' ' -f3- /proc/self/mountinfo | grep -vE "^[^ ]+ [^ ]+ /(var/)?tmp/"
	grep -F " $T" /proc/self/mountinfo | cut -d' ' -f3-
	ip -o link show | sed -E 's/^[0-9]+: //; s/<[^>]*>//; s/ state [A-Z]+//; s/@if[0-9]+//'
	nft list ruleset
	cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -F "$T"
	find "$BASIN_ROOT" "$BASIN_DATA_ROOT" ! -name '*.db-*' ! -path '*/.seccomp/*' | sort
	sqlite3 -readonly "$BASIN_DATA_ROOT/ledger.db" .dump | grep -E '^INSERT' | sed -E "$ROW_FILTER"
}
ROW_FILTER=${ROW_FILTER:-s/^//}

gates_passed() { od -A n -t u8 -N 8 "$T/fault" | tr -d ' '; }
was_hit() { [ "$(od -A n -t u8 -j 8 -N 8 "$T/fault" | tr -d ' ')" = 1 ]; }

# Until nothing of an interrupted command is on its way any more: a monitor may be at its last step while we look.
reconciled() {
	local tries=100
	while [ $tries -gt 0 ]; do
		"$BASIN" reconcile >"$T/reconciled" 2>&1 || return 1
		if grep -q '^nothing to do' "$T/reconciled" && ! pgrep -x basin-manage >/dev/null; then
			return 0
		fi
		tries=$((tries - 1))
		sleep 0.02
	done
	return 1
}

# One round: gate N. Sets WHY when something is wrong. Returns 1 when the scenario has fewer gates.
round() {
	WHY=''
	before_each || WHY="the scenario's beginning could not be set up"
	head -c 16 /dev/zero >"$T/fault"
	(
		export BASIN_FAULT_FILE=$T/fault BASIN_FAULT=$2:$1 BASIN_FAULT_TRACE=$T/trace
		: >"$T/trace"
		scenario
	) >"$T/said" 2>&1
	SAID=$?
	was_hit || MORE=0
	reconciled || WHY="reconcile does not come to an end: $(cat "$T/reconciled")"
	settle "$1" || WHY="${WHY:-cannot return to the beginning: $(tail -n 1 "$T/settled" 2>/dev/null)}"
	host >"$T/after"
	cmp -s "$T/before" "$T/after" || WHY="${WHY:-the host is not what it was:} $(diff "$T/before" "$T/after" | grep '^[<>]' | head -n 20)"
}

# How many gates the scenario has when nothing fails; they vary a little from run to run.
count_gates() {
	before_each
	head -c 16 /dev/zero >"$T/fault"
	(
		export BASIN_FAULT_FILE=$T/fault BASIN_FAULT=0:count
		scenario
	) >"$T/said" 2>&1
	SAID=$?
	sleep 0.3
	GATES=$(gates_passed)
	reconciled
	settle count
}

# The budget is for one sweep. On a slow machine gates are left out evenly, and that is said, rather than the sweep cut short.
pace() { # GATE ROUNDS SPENT
	local left=$((GATES - $1)) budget=$((${BUDGET:-300} - $3)) every
	[ $(($2 % 20)) = 0 ] && [ $left -gt 0 ] || return
	[ $budget -gt 10 ] || budget=10
	every=$(((left * $3 + $2 * budget - 1) / ($2 * budget)))
	[ $every -gt 1 ] || every=1
	[ $every -le "$STEP" ] || echo "# ${0##*/}: from gate $1 on every ${every}th of $GATES, to stay within ${BUDGET:-300} s"
	[ $every -le "$STEP" ] || STEP=$every
}

sweep() {
	local kind=$1 n=${FIRST:-1} bad=0 started=$SECONDS rounds=0
	MORE=1 STEP=${EVERY:-1}
	prepare
	count_gates
	host >"$T/before"
	while [ $MORE = 1 ]; do
		round "$kind" "$n"
		rounds=$((rounds + 1))
		if [ -n "$WHY" ]; then
			bad=$((bad + 1))
			fail "${0##*/} gate $n ($(sed -n "s/^$n //p" "$T/trace")): $kind" "the scenario exited with $SAID: $(tail -n 1 "$T/said")" "$WHY"
			[ $bad -lt "${BAD_MAX:-20}" ] || break
			"$BASIN" env rm --force web >/dev/null 2>&1
			host >"$T/before" # go on from here: one leak is told once
		fi
		pace "$n" $rounds $((SECONDS - started))
		n=$((n + STEP))
	done
	echo "# ${0##*/}: $kind at $rounds of $GATES gates, $((SECONDS - started)) s"
	[ "$rounds" -ge 20 ] || fail "the sweep saw $rounds gates only"
	[ $bad = 0 ] && pass "${0##*/}: after every gate $kind, reconcile leaves the host as it was"
}
