#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A pool's whole life with each gate failing once, and with SIGKILL at each: a pool is there or not, and never a cgroup without its pool.
. "$(dirname "$0")/lib.sh"

ENFORCE=()
for controller in cpu memory pids; do
	[[ " $(cat /sys/fs/cgroup/cgroup.controllers) " == *" $controller "* ]] || ENFORCE=(--enforce available)
done

prepare() {
	"$BASIN" pool create /kept --memory 1MiB "${ENFORCE[@]}"
	"$BASIN" reconcile >/dev/null # makes its own directories once
}
before_each() {
	:
}
scenario() {
	"$BASIN" pool create /p --memory 8MiB "${ENFORCE[@]}" || return
	"$BASIN" pool create /p/q --memory 4MiB "${ENFORCE[@]}" || return
	"$BASIN" pool set /p --memory 16MiB --pids 100 || return
	"$BASIN" pool rm /p/q /p
}
settle() {
	local pool
	for pool in $("$BASIN" pool ls --format json | jq -r '[.[].name] | map(select(startswith("/p"))) | reverse[]'); do
		"$BASIN" pool rm "$pool" >"$T/settled" 2>&1 || return 1
	done
}

# Each kind looks at every other gate, and together they look at all.
FIRST=1 EVERY=2 sweep fail
"$BASIN" pool rm /kept
FIRST=2 EVERY=2 sweep kill
