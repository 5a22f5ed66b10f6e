#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# checkpoint and restore with the systemd driver: the scope goes with the container, and is made again around what criu restores.
. "$(dirname "$0")/lib.sh"
criu check >"$T/check" 2>&1 || skip_all "criu does not work on this kernel: $(grep Error "$T/check" | head -n 1)"
SD=("$BASIN" --systemd-cgroup)
S=basincriu$UNIT_BASE
B=$T/b
bundle() { # NAME: of its scope
	# shellcheck disable=SC2016
	make_bundle "$B" '.process.args = ["sh", "-c", "i=0; while :; do i=$((i + 1)); echo $i >/tmp/count; sleep 0.1; done"] | .root.readonly = false |
		.linux.cgroupsPath = "'"$S.slice:p:$1"'" | .linux.resources = {pids: {limit: 50}, memory: {limit: 67108864}}'
}
counted() {
	[ -s "$ROOTFS/tmp/count" ] && [ "$(cat "$ROOTFS/tmp/count")" -gt "$1" ]
}
why() {
	[ "$STATUS" = 0 ] || grep -h Error "$T"/images/*.log 2>/dev/null | head -n 5 | sed 's/^/#   /'
}
# What is so of every container in the scope NAME.
is_in_scope() {
	look "p-$1.scope"
	is "the scope is there" "$(property ControlGroup)" "/$S.slice/p-$1.scope"
	is "the container is in it" "$(grep -c "/$S.slice/p-$1.scope\$" "/proc/$(cat "$T/pid")/cgroup")" 1
	is "with its limits" "$(property TasksMax) $(cat "$TREE2/$S.slice/p-$1.scope"/{pids,memory}.max | tr '\n' ' ')" "50 50 67108864 "
	is "state names the scope" "$("$BASIN" state c1 | jq -r '.["systemd-scope"], .status' | tr '\n' ' ')" "p-$1.scope running "
}

bundle one
# Its streams lead nowhere, so that nothing of the host is in it.
"${SD[@]}" run -d -b "$B" c1 </dev/null >/dev/null 2>&1
ok "a counter in a scope" within 10 counted 3
ok "checkpoint" "${SD[@]}" checkpoint --image-path "$T/images" c1
why
ok "the scope is gone" within 5 is_gone p-one.scope
before=$(cat "$ROOTFS/tmp/count")
ok "restore" "${SD[@]}" restore -d -b "$B" --image-path "$T/images" --pid-file "$T/pid" c1 </dev/null
why
is_in_scope one
ok "it counts on" within 10 counted "$before"
ok "exec" "${SD[@]}" exec c1 true
ok "delete" "$BASIN" delete -f c1
ok "nothing is left" within 5 is_gone p-one.scope
bundle two
ok "restore into another scope" "${SD[@]}" restore -d -b "$B" --manage-cgroups-mode ignore --image-path "$T/images" --pid-file "$T/pid" c1 </dev/null
why
is_in_scope two
is "and not into that of before" "$(find "$TREE2/$S.slice" -name p-one.scope)" ""
ok "delete that" "$BASIN" delete -f c1
ok "nothing is left of it" within 5 is_gone p-two.scope
