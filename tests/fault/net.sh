#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# net create, reload and rm, with gates failing and with SIGKILL at gates. Afterwards reconcile and a second rm leave no bridge, no
# rule, no name server, no row, and net.ipv4.ip_forward as it was.
. "$(dirname "$0")/lib.sh"

prepare() {
	[ -z "${PREPARED:-}" ] || return 0
	mkdir -p "$BASIN_CGROUP_ROOT"
	echo 0 >/proc/sys/net/ipv4/ip_forward
	"$BASIN" net create lab --subnet 10.77.0.0/24 && "$BASIN" net rm lab # the ledger and the directories, which stay
	"$BASIN" reconcile >/dev/null
}

before_each() { :; }
scenario() {
	"$BASIN" net create lab --subnet 10.77.0.0/24 || return
	"$BASIN" net create pit --subnet 10.78.0.0/24 || return
	"$BASIN" net reload || return
	"$BASIN" net rm lab pit
}
settle() {
	local left
	left=$("$BASIN" net ls --format json | jq -r '.[].name')
	if [ "$SAID" = 0 ] && [ -n "$left" ]; then
		WHY="rm said that they are gone, but there is: $left"
	fi
	# shellcheck disable=SC2086
	[ -z "$left" ] || "$BASIN" net rm $left >"$T/settled" 2>&1 || return
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ] || WHY="${WHY:-ip_forward is still on}"
}

# Every other gate fails, the ones between kill.
EVERY=${EVERY:-2}
sweep fail
PREPARED=1
FIRST=2
sweep kill
