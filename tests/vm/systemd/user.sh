#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The systemd driver as an ordinary user: a scope of the user's own systemd, from a session that is elsewhere in the tree.
. "$(dirname "$0")/lib.sh"
[ -S /run/user/$USER_ID/bus ] || within 10 test -S /run/user/$USER_ID/bus || skip_all "user $USER_ID has no session bus here"
MANAGER=$TREE2/user.slice/user-$USER_ID.slice/user@$USER_ID.service
make_rootfs "$U/rootfs"
chown -R $USER_ID:$USER_ID "$U"
ROOT=(--root "$U/run")
SD=("$BASIN" "${ROOT[@]}" --systemd-cgroup)
N=user$UNIT_BASE

bundle() {
	as_user mkdir -p "$U/$1"
	(cd "$U/$1" && rm -f config.json && as_user "$BASIN" spec --rootless)
	jq ".process.terminal = false | .process.args = [\"sleep\", \"1000\"] | .root.path = \"$U/rootfs\" | ${2:-.}" "$U/$1/config.json" >"$T/config" &&
		cp "$T/config" "$U/$1/config.json"
}
user_property() {
	as_user systemctl --user show --property "$2" --value "$1"
}
is_gone_for_user() {
	[ "$(user_property "$1" LoadState)" = not-found ] && [ -z "$(find "$MANAGER" -type d -name "$1")" ]
}

bundle one
ok "run" as_user "${SD[@]}" run -d -b "$U/one" "$N"
is "the scope is the user's systemd's" "$(user_property "basin-$N.scope" ControlGroup)" "${MANAGER#"$TREE2"}/user.slice/basin-$N.scope"
pid=$(as_user "$BASIN" "${ROOT[@]}" state "$N" | jq .pid)
is "the container is in it" "$(sed -n 's/^0:://p' "/proc/$pid/cgroup")" "${MANAGER#"$TREE2"}/user.slice/basin-$N.scope"
is "and alone" "$(cat "$MANAGER/user.slice/basin-$N.scope/cgroup.procs")" "$pid"
ok "exec" as_user "$BASIN" "${ROOT[@]}" exec -d --pid-file "$U/pid" "$N" sleep 500
is "what exec added is in it too" "$(sed -n 's/^0:://p' "/proc/$(cat "$U/pid")/cgroup")" "${MANAGER#"$TREE2"}/user.slice/basin-$N.scope"
ok "pause" as_user "$BASIN" "${ROOT[@]}" pause "$N"
is "paused" "$(as_user "$BASIN" "${ROOT[@]}" state "$N" | jq -r .status)" paused
ok "resume" as_user "$BASIN" "${ROOT[@]}" resume "$N"
ok "delete" as_user "$BASIN" "${ROOT[@]}" delete -f "$N"
ok "nothing is left" within 5 is_gone_for_user "basin-$N.scope"

if has_controller memory "$MANAGER" && has_controller pids "$MANAGER"; then
	bundle two ".linux.cgroupsPath = \"$N.slice:p:$N\" | .linux.resources = {memory: {limit: 33554432}, pids: {limit: 50}}"
	ok "run with limits" as_user "${SD[@]}" run -d -b "$U/two" "$N"
	is "systemd: MemoryMax" "$(user_property "p-$N.scope" MemoryMax)" 33554432
	is "the kernel: memory.max" "$(cat "$MANAGER/$N.slice/p-$N.scope/memory.max")" 33554432
	is "the kernel: pids.max" "$(cat "$MANAGER/$N.slice/p-$N.scope/pids.max")" 50
	ok "delete that" as_user "$BASIN" "${ROOT[@]}" delete -f "$N"
else
	skip "limits" "the user's systemd has no memory and pids controllers"
fi

# As an engine does it: in a user namespace that it has made, and whose root it is; the container has none of its own.
bundle inside '.linux.namespaces |= map(select(.type != "user" and .type != "cgroup")) | del(.linux.uidMappings, .linux.gidMappings) |
	.mounts |= map(select(.destination | startswith("/sys") | not))'
in_own() { as_user unshare --user --map-root-user --mount "$@"; }
ok "run in somebody's user namespace" in_own "${SD[@]}" run -d -b "$U/inside" "$N"
pid=$(as_user "$BASIN" "${ROOT[@]}" state "$N" | jq .pid)
is "its scope" "$(sed -n 's/^0:://p' "/proc/$pid/cgroup")" "${MANAGER#"$TREE2"}/user.slice/basin-$N.scope"
ok "delete that too" as_user "$BASIN" "${ROOT[@]}" delete -f "$N"

bundle below '.annotations = {"run.oci.systemd.subgroup": "inner"}'
ok "in a cgroup below the scope" as_user "${SD[@]}" run -d -b "$U/below" "$N"
ok "exec there" as_user "$BASIN" "${ROOT[@]}" exec -d --pid-file "$U/pid" "$N" sleep 500
is "what exec added is there" "$(sed -n 's/^0:://p' "/proc/$(cat "$U/pid")/cgroup")" "${MANAGER#"$TREE2"}/user.slice/basin-$N.scope/inner"
ok "delete that as well" as_user "$BASIN" "${ROOT[@]}" delete -f "$N"

hidden() {
	# shellcheck disable=SC2016
	unshare --mount bash -c 'mount -t tmpfs none /run/user && exec "$@"' bash "$@"
}
export -f as_user
bundle three
export USER_ID U
refused "without a session bus" 1 "cannot reach this user's systemd .*enable-linger" hidden bash -c 'as_user "$@"' bash "${SD[@]}" run -d -b "$U/three" "$N"
is "which leaves nothing" "$(ls "$U/run")" ""
