#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two members of 80 MiB each, in a pool of 100 MiB, never have more than 100 MiB together: the pool's cap is the kernel's.
. "$(dirname "$0")/lib.sh"
import_image

MIB=$((1024 * 1024))
ok "a pool of 100 MiB" "$BASIN" pool create /p --cpu 2 --memory 100MiB --storage 1GiB
is "its cap is in memory.max" "$(pool_file /p memory.max)" $((100 * MIB))
is "and it has no swap" "$(pool_file /p memory.swap.max)" 0

# The members hold what they read in one large buffer, again and again.
for name in a b; do
	ok "member $name of 80 MiB, promised 40" "$BASIN" env launch box:1 $name --pool /p --memory 80MiB --request memory=40MiB --cpu 1 \
		--storage 20MiB --pids 20 -- /bin/sh -c 'while :; do dd if=/dev/zero of=/dev/null bs=70M count=3 2>/dev/null; sleep 0.1; done'
	is "its limit is in memory.max" "$(env_file /p $name memory.max)" $((80 * MIB))
done

most=0 together=0
for _ in $(seq 60); do
	now=$(pool_file /p memory.current)
	[ "$now" -le "$most" ] || most=$now
	a=$(env_file /p a memory.current 2>/dev/null || echo 0)
	b=$(env_file /p b memory.current 2>/dev/null || echo 0)
	[ $((a + b)) -le "$together" ] || together=$((a + b))
	[ "$(pool_file /p memory.events | key max)" -lt 20 ] || [ "$(pool_file /p memory.events | key oom_kill)" = 0 ] || break
	sleep 0.2
done
ok "the pool never has more than its 100 MiB (at most $((most / MIB)) MiB were seen)" test "$most" -le $((100 * MIB))
ok "they did want more: the kernel stopped the pool at its cap" test "$(pool_file /p memory.events | key max)" -gt 0
ok "and one of them paid for it" test "$(pool_file /p memory.events | key oom_kill)" -gt 0
echo "# members together: at most $((together / MIB)) MiB seen"

refused "a third whose promise does not fit is refused" 11 'memory' "$BASIN" env launch box:1 c --pool /p --memory 90MiB --storage 20MiB --cpu 100m
nok "and leaves no cgroup" test -e "$BASIN_CGROUP_ROOT/pool-p/env-c"

ok "the members go" "$BASIN" env rm --force a
ok "both of them" "$BASIN" env rm --force b
ok "and the pool" "$BASIN" pool rm /p
nok "with its cgroup" test -e "$BASIN_CGROUP_ROOT/pool-p"
