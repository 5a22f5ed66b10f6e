#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The systemd cgroup driver, against the real one: where the scope is and what it is told, that it goes, and who else's is left alone.
. "$(dirname "$0")/lib.sh"
SD=("$BASIN" --systemd-cgroup)
S=basintest$UNIT_BASE

# bundle NAME FILTER: one in slice $S-a.slice, named p-NAME.scope
bundle() {
	make_bundle "$T/$1" ".process.args = [\"sleep\", \"1000\"] | .linux.cgroupsPath = \"$S-a.slice:p:$1\" | del(.linux.resources) | ${2:-.}"
}
within_scope() {
	echo "$TREE2/$S.slice/$S-a.slice/p-$1.scope"
}

# --- where it is ---
bundle one '.annotations = {"org.systemd.property.TimeoutStopSec": "7", "org.systemd.property.CollectMode": "'"'inactive-or-failed'"'"}'
ok "run in a scope" "${SD[@]}" run -d -b "$T/one" one
look p-one.scope
is "the scope is in the nested slices" "$(property ControlGroup)" "/$S.slice/$S-a.slice/p-one.scope"
is "state names the scope" "$("$BASIN" state one | jq -r '.["systemd-scope"]')" p-one.scope
is "the container alone is in it" "$(<"$(within_scope one)/cgroup.procs")" "$("$BASIN" state one | jq .pid)"
is "it is delegated" "$(property Delegate)" yes
is "it has every controller, also those that systemd does not know" "$(<"$(within_scope one)/cgroup.controllers")" "$(<$TREE2/cgroup.controllers)"
is "tasks are counted" "$(property TasksAccounting)" yes
is "an annotation in seconds" "$(property TimeoutStopUSec)" 7s
is "an annotation with a text" "$(property CollectMode)" inactive-or-failed
is "only the devices of every container" "$(property DevicePolicy)" strict
ok "exec" "$BASIN" exec one cat /dev/null
ok "systemd reads its files again" systemctl daemon-reload
ok "exec after that" "$BASIN" exec one sh -c 'echo x >/dev/null && head -c 1 /dev/zero >/dev/null'
ok "pause" "$BASIN" pause one
is "it is frozen" "$(grep frozen "$(within_scope one)/cgroup.events")" "frozen 1"

# --- whose it is ---
bundle two ".linux.cgroupsPath = \"$S-a.slice:p:one\""
refused "a scope that is taken" 1 "container's cgroup is not empty" "${SD[@]}" run -d -b "$T/two" two
is "whose it was keeps it" "$("$BASIN" state one | jq -r .status)" paused
ok "delete" "$BASIN" delete -f one
ok "nothing is left of it" within 5 is_gone p-one.scope

# --- created, started, ended ---
bundle three '.process.args = ["sh", "-c", "exit 7"]'
run "${SD[@]}" run -b "$T/three" three
is "run passes the status on" "$STATUS" 7
ok "its unit went with it" within 5 is_gone p-three.scope
bundle four
ok "create" "${SD[@]}" create -b "$T/four" four
is "created" "$("$BASIN" state four | jq -r .status)" created
ok "start" "$BASIN" start four
ok "kill" "$BASIN" kill four KILL
ok "it ends" within 5 is_gone p-four.scope
ok "delete what has ended" "$BASIN" delete four
make_bundle "$T/plain" '.process.args = ["sleep", "1000"] | del(.linux.resources, .linux.cgroupsPath)'
ok "without a cgroupsPath" "${SD[@]}" run -d -b "$T/plain" "$S"
look "basin-$S.scope"
is "the default name and slice" "$(property ControlGroup)" "/system.slice/basin-$S.scope"
ok "delete -f" "$BASIN" delete -f "$S"

bundle late '.annotations = {"org.systemd.property.RuntimeMaxSec": "1", "org.systemd.property.TimeoutStopSec": "1"}'
ok "one that systemd ends" "${SD[@]}" run -d -b "$T/late" late
has_failed() { look p-late.scope && [ "$(property ActiveState)" = failed ]; }
ok "it has failed" within 20 has_failed
ok "delete forgets the failure" "$BASIN" delete late
ok "the name is free" within 5 is_gone p-late.scope

bundle below '.annotations = {"run.oci.systemd.subgroup": "inner"}'
ok "in a cgroup below the scope" "${SD[@]}" run -d -b "$T/below" below
is "the container is there" "$(<"$(within_scope below)/inner/cgroup.procs")" "$("$BASIN" state below | jq .pid)"
is "and nobody above it" "$(<"$(within_scope below)/cgroup.procs")" ""
ok "exec there" "$BASIN" exec below true
ok "delete the one below" "$BASIN" delete -f below
ok "nothing is left of that" within 5 is_gone p-below.scope

# --- what is refused ---
bundle bad '.annotations = {"run.oci.systemd.subgroup": "../x"}'
refused "a way out of the scope" 1 'not the name of one cgroup' "${SD[@]}" run -d -b "$T/bad" bad
bundle bad '.linux.cgroupsPath = "/a/b"'
refused "a path that is none of systemd's" 1 'expected cgroupsPath to be of format "slice:prefix:name"' "${SD[@]}" run -d -b "$T/bad" bad
bundle bad '.linux.cgroupsPath = "a--b.slice:p:x"'
refused "no slice" 1 'invalid slice name: "a--b.slice"' "${SD[@]}" run -d -b "$T/bad" bad
bundle bad '.linux.cgroupsPath = "a.slice:p:x.slice"'
refused "a slice for processes" 1 'a slice .* holds no processes' "${SD[@]}" run -d -b "$T/bad" bad
bundle bad '.annotations = {"org.systemd.property.CollectMode": "uint64 x"}'
refused "an annotation that is no value" 1 'CollectMode.*not a value' "${SD[@]}" run -d -b "$T/bad" bad
bundle bad '.annotations = {"org.systemd.property.No Such": "1"}'
refused "an annotation that is no name" 1 'not the name of a systemd property' "${SD[@]}" run -d -b "$T/bad" bad
bundle bad '.annotations = {"org.systemd.property.NoSuch": "1"}'
refused "a property that systemd does not know" 1 'systemd refuses the unit .*NoSuch' "${SD[@]}" run -d -b "$T/bad" bad
is "none of them left a container" "$("$BASIN" list -q)" ""

systemd-run -q --unit "p-theirs.scope" --scope --slice "$S-a.slice" sleep 100 &
theirs=$!
within 5 test -d "$(within_scope theirs)"
bundle theirs
refused "somebody else's unit" 1 "container's cgroup is not empty" "${SD[@]}" run -d -b "$T/theirs" theirs
ok "it goes on" kill -0 $theirs
kill $theirs
mkdir -p "$(within_scope cold)" && echo 1 >"$(within_scope cold)/cgroup.freeze"
bundle cold
refused "a frozen cgroup, at once" 1 "container's cgroup unexpectedly frozen" timeout 20 "${SD[@]}" run -d -b "$T/cold" cold
rmdir "$(within_scope cold)"

# --- the runtime is killed ---
cat >"$T/hook" <<-'HOOK'
	#!/bin/sh
	echo $$ >"$1.new" && mv "$1.new" "$1"
	exec sleep 100
HOOK
chmod +x "$T/hook"
bundle killed ".hooks = {\"createRuntime\": [{\"path\": \"$T/hook\", \"args\": [\"hook\", \"$T/hooked\"]}]}"
"${SD[@]}" run -d -b "$T/killed" killed >/dev/null 2>&1 &
runtime=$!
ok "the runtime is in its hook" within 20 test -s "$T/hooked"
kill -9 $runtime
kill -9 "$(cat "$T/hooked")"
ok "delete --force" "$BASIN" delete --force killed
ok "nothing is left of the killed one" within 5 is_gone p-killed.scope
is "nor its directory" "$(ls "$BASIN_ROOT")" ""

bundle early
strace -qq -o /dev/null -e trace=fsetxattr -e inject=fsetxattr:signal=KILL "${SD[@]}" run -d -b "$T/early" early >/dev/null 2>&1
ok "killed before the cgroup was marked, the scope goes by itself" within 10 is_gone p-early.scope
ok "delete --force of that" "$BASIN" delete --force early
is "its directory went too" "$(ls "$BASIN_ROOT")" ""

# --- no bus, no systemd ---
bundle bus
ok "without a message bus root talks to systemd itself" env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent "${SD[@]}" run -d -b "$T/bus" bus
ok "and ends it so" env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent "$BASIN" delete -f bus
ok "which it did" within 5 is_gone p-bus.scope
hidden() {
	# shellcheck disable=SC2016
	unshare --mount sh -c 'mount -t tmpfs none /run/systemd && exec "$@"' sh "$@"
}
refused "without systemd" 1 'systemd is not running as init' hidden "${SD[@]}" run -d -b "$T/bus" bus
