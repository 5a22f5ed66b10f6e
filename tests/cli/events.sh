#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin events: what a container uses, in the form that containerd reads, and the kernel's kills for want of memory.
. "$(dirname "$0")/lib.sh"
make_rootfs
make_bundle "$T/b" '.process.args = ["sleep", "600"] | .linux.resources.memory = {} '
has() { grep -qw "$1" /sys/fs/cgroup/cgroup.controllers; }

"$BASIN" run -d -b "$T/b" c
ok "events --stats" "$BASIN" events --stats c
is "is one line" "$(printf '%s\n' "$OUT" | wc -l)" 1
like "that begins as runc's does" "$OUT" '^\{"type":"stats","id":"c","data":\{'
is "with all sections" "$(jq -c '.data | keys' <<<"$OUT")" '["blkio","cpu","cpuset","hugetlb","intel_rdt","memory","network_interfaces","pids"]'
is "processor time is counted" "$(jq '.data.cpu.usage | .total > 0 and .total >= .user + .kernel - 2000' <<<"$OUT")" true
is "its one process" "$(jq .data.pids.current <<<"$OUT")" 1
if has memory && has pids && has io; then
	cgroup=$BASIN_CGROUP_ROOT/oci/c
	is "memory in use" "$(jq '.data.memory | .usage.usage > 0 and .usage.max >= .usage.usage and .raw.anon > 0' <<<"$OUT")" true
	like "no limit is 2^64-1" "$OUT" '"usage":\{"limit":18446744073709551615,'
	ok "limits" "$BASIN" update --memory 64M --pids-limit 9 c
	run "$BASIN" events --stats c
	stats=$OUT
	is "are in it" "$(jq -c '[.data.memory.usage.limit, .data.pids.limit]' <<<"$stats")" '[67108864,9]'
	[ ! -e "$cgroup/memory.swap.max" ] || like "swap is memory and swap" "$stats" '"swap":\{"limit":(18446744073709551615|[0-9]+),"usage":[0-9]+'
	ok "no more kinds of huge pages than the kernel has" test "$(jq '.data.hugetlb | length' <<<"$stats")" = "$(find "$cgroup" -name 'hugetlb.*.current' | grep -vc rsvd)"
	if [ -e "$cgroup/cpu.pressure" ] && cat "$cgroup/cpu.pressure" >/dev/null 2>&1; then
		is "pressure" "$(jq -c '[.data.cpu.psi, .data.memory.psi, .data.blkio.psi] | map(keys)' <<<"$stats")" '[["full","some"],["full","some"],["full","some"]]'
	fi
else
	skip "memory, tasks and input" "the cgroup v2 tree lacks their controllers"
fi

"$BASIN" events --interval 100ms c >"$T/events" 2>"$T/errors" &
events=$!
many() { [ "$(grep -c '"type":"stats"' "$T/events")" -ge 3 ]; }
ok "they come at intervals" within 10 many
ok "also of a paused one" "$BASIN" pause c
ok "resume" "$BASIN" resume c
"$BASIN" kill c KILL
wait $events
is "and end with the container" "$? $(cat "$T/errors")" "0 "
is "each line is a document" "$(jq -r .type "$T/events" | sort -u)" stats
refused "of one that has stopped" 1 'container with id c is not running' "$BASIN" events --stats c
"$BASIN" delete c
refused "of none" 1 'container does not exist' "$BASIN" events nobody
refused "an interval of nothing" 1 'duration interval must be greater than 0' "$BASIN" events --interval 0s nobody
refused "an interval that is none" 1 'is not a time like' "$BASIN" events --interval soon nobody

if ! has memory; then
	skip "kills for want of memory" "the cgroup v2 tree has no memory controller"
	exit 0
fi
make_bundle "$T/b" '.process.args = ["sleep", "600"] | .linux.resources.memory = {limit: 33554432, swap: 33554432}'
"$BASIN" run -d -b "$T/b" c
"$BASIN" events --interval 1h c >"$T/events" 2>"$T/errors" &
events=$!
sleep 1
"$BASIN" exec c sh -c 'x=$(head -c 60000000 /dev/zero | tr "\000" x)' >/dev/null 2>&1
ok "a kill is told of" within 20 grep -qx '{"type":"oom","id":"c"}' "$T/events"
is "once" "$(wc -l <"$T/events")" 1
ok "delete" "$BASIN" delete --force c
wait $events
is "ends it" "$? $(cat "$T/errors")" "0 "
