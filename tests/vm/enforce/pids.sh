#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A fork bomb stops at the limit of its environment, and all environments together at that of their pool.
. "$(dirname "$0")/lib.sh"
import_image

ok "a pool of 40 processes" "$BASIN" pool create /p --cpu 1 --memory 200MiB --storage 1GiB --pids 40
is "its cap is in pids.max" "$(pool_file /p pids.max)" 40
FORKS='i=0; while [ $i -lt 60 ]; do sleep 1000 & i=$((i + 1)); done; wait'
ok "a member with a limit of 15 forks 60 times" "$BASIN" env launch box:1 a --pool /p --pids 15 --memory 32MiB --storage 20MiB --cpu 500m -- \
	/bin/sh -c "while :; do ($FORKS); sleep 0.2; done"
is "its limit is in pids.max" "$(env_file /p a pids.max)" 15
stopped() {
	[ "$(env_file /p a pids.events | key max)" -gt 0 ]
}
ok "the kernel stops it" within 20 stopped
ok "at 15" test "$(env_file /p a pids.current)" -le 15

ok "another with room for 30 forks too, promised 20" "$BASIN" env launch box:1 b --pool /p --pids 30 --request pids=20 --memory 32MiB --storage 20MiB \
	--cpu 500m -- /bin/sh -c "while :; do ($FORKS); sleep 0.2; done"
pool_stopped() {
	[ "$(pool_file /p pids.events | key max)" -gt 0 ] || [ "$(env_file /p b pids.events | key max)" -gt 0 ]
}
ok "something stops it" within 20 pool_stopped
most=0
for _ in $(seq 20); do
	now=$(pool_file /p pids.current)
	[ "$now" -le $most ] || most=$now
	sleep 0.1
done
ok "together they stay within the pool (40 allowed, $most seen)" test $most -le 40
take_away a b /p
nok "nothing is left" test -e "$BASIN_CGROUP_ROOT/pool-p"
