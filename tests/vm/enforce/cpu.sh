#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A pool of half a processor gives its members half a processor together, however many of them spin.
. "$(dirname "$0")/lib.sh"
import_image

ok "a pool of half a processor" "$BASIN" pool create /p --cpu 500m --memory 200MiB --storage 1GiB
is "its cap is in cpu.max" "$(pool_file /p cpu.max)" "50000 100000"
for name in a b; do
	ok "member $name spins" "$BASIN" env launch box:1 $name --pool /p --request cpu=100m --memory 32MiB --storage 20MiB -- \
		/bin/sh -c 'while :; do :; done'
done

before=$(pool_file /p cpu.stat | key usage_usec) start=$(date +%s%N)
sleep 5
after=$(pool_file /p cpu.stat | key usage_usec) end=$(date +%s%N)
percent=$(((after - before) * 100000 / (end - start)))
ok "together they get no more than it (50 % allowed, $percent % seen)" test $percent -le 57
ok "and not much less" test $percent -ge 35
ok "the kernel held them back" test "$(pool_file /p cpu.stat | key nr_throttled)" -gt 0

ok "a member's own limit is in its cpu.max" "$BASIN" env launch box:1 c --pool /p --cpu 250m --request cpu=50m --memory 32MiB --storage 20MiB
is "as it was asked for" "$(env_file /p c cpu.max)" "25000 100000"
take_away a b c /p
nok "nothing is left" test -e "$BASIN_CGROUP_ROOT/pool-p"
