#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is refused is refused clearly and leaves nothing; what is freed can be had again.
. "$(dirname "$0")/lib.sh"
import_image

ok "a pool" "$BASIN" pool create /team --cpu 1 --memory 256MiB --storage 300MiB --pids 1000
refused "a child larger than it is refused" 11 'memory' "$BASIN" pool create /team/dev --cpu 1 --memory 512MiB --storage 100MiB
nok "and is not there" "$BASIN" pool show /team/dev
ok "a child that fits" "$BASIN" pool create /team/dev --cpu 500m --memory 128MiB --storage 200MiB
is "has its own cap" "$(pool_file /team/dev memory.max)" $((128 * 1024 * 1024))

snapshot() {
	find "$BASIN_CGROUP_ROOT" -type d | sort
	find "$BASIN_DATA_ROOT/envs" -mindepth 1 -maxdepth 1 2>/dev/null | sort
	"$BASIN" env ls --format json
	"$BASIN" pool show /team/dev --format json | jq '[paths(scalars) as $p | select($p | tostring | test("charged|promised|free|used") ) | {key: ($p | map(tostring) | join(".")), value: getpath($p)}] | map(select(.key | test("current|cpu_usage|memory_use|usage") | not))'
}
before=$(snapshot)
refused "too much memory: says the resource, what was asked, what is free" 11 'memory.*(1GiB|1073741824).*(128|free)' \
	"$BASIN" env launch box:1 big --pool /team/dev --memory 1GiB
refused "too much storage" 11 'storage' "$BASIN" env launch box:1 big --pool /team/dev --memory 16MiB --storage 1GiB
refused "too many processes" 11 'pids|processes' "$BASIN" env launch box:1 big --pool /team/dev --memory 16MiB --pids 5000
refused "no such pool" 3 'pool' "$BASIN" env launch box:1 big --pool /team/nowhere
refused "no such image" 3 'image|nothing' "$BASIN" env launch nothing:1 big --pool /team/dev
is "none of them left anything" "$(snapshot)" "$before"

ok "one that takes all the memory" "$BASIN" env launch box:1 one --pool /team/dev --memory 128MiB --storage 50MiB
refused "leaves none for the next" 11 'memory' "$BASIN" env launch box:1 two --pool /team/dev --memory 16MiB --storage 20MiB
refused "a name is had once" 4 'one' "$BASIN" env launch box:1 one --pool /team/dev --memory 1MiB
refused "a pool with members is not removed" 12 'dev|team' "$BASIN" pool rm /team/dev
ok "when it is gone" "$BASIN" env rm --force one
ok "the next one fits" "$BASIN" env launch box:1 two --pool /team/dev --memory 128MiB --storage 50MiB
take_away two /team/dev /team
nok "nothing is left" test -e "$BASIN_CGROUP_ROOT/pool-team"
