#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An ordinary user's containers: one id or a range of them, without a cgroup and in one that was handed over. Nothing here is done as root but the
# preparation, in files of this sandbox's own.
. "$(dirname "$0")/lib.sh"
USER_ID=4242 FIRST=700000
U=$T/user
for program in newuidmap newgidmap setpriv; do
	command -v $program >/dev/null || skip_all "$program is not installed"
done
for file in passwd group subuid subgid; do
	cp /etc/$file "$T/$file" 2>/dev/null || : >"$T/$file"
	[ -e /etc/$file ] || skip_all "there is no /etc/$file to stand in for"
done
echo "basinuser:x:$USER_ID:$USER_ID::$U:/bin/sh" >>"$T/passwd"
echo "basinuser:x:$USER_ID:" >>"$T/group"
echo "basinuser:$FIRST:65536" | tee -a "$T/subuid" >>"$T/subgid"
for file in passwd group subuid subgid; do
	mount --bind "$T/$file" /etc/$file
done
make_rootfs "$U/rootfs"
mkdir -p "$U/xdg"
chmod 700 "$U/xdg"
chown -R $USER_ID:$USER_ID "$U"
chmod 1777 "$U/rootfs/tmp"
as_user() {
	setpriv --reuid $USER_ID --regid $USER_ID --clear-groups --inh-caps=-all env -u BASIN_ROOT -u BASIN_CGROUP_ROOT -u TMPDIR HOME="$U" XDG_RUNTIME_DIR="$U/xdg" "$@"
}
setpriv --reuid $USER_ID --regid $USER_ID --clear-groups "$BASIN" --version >/dev/null 2>&1 || skip_all "an ordinary user cannot run $BASIN here"

# bundle NAME FILTER: from spec --rootless
bundle() {
	as_user mkdir -p "$U/$1"
	(cd "$U/$1" && rm -f config.json && as_user "$BASIN" spec --rootless)
	jq ".process.terminal = false | .root.readonly = false | .root.path = \"$U/rootfs\" | ${2:-.}" "$U/$1/config.json" >"$T/config" && cp "$T/config" "$U/$1/config.json"
}
RANGE=".linux.uidMappings += [{containerID: 1, hostID: $FIRST, size: 999}, {containerID: 1000, hostID: $((FIRST + 1000)), size: 1}] |
	.linux.gidMappings += [{containerID: 1, hostID: $FIRST, size: 2000}]"

# --- one id ---
bundle one '.process.args = ["sh", "-c", "id -u; cat /proc/self/uid_map; cat /proc/self/setgroups; touch /tmp/made; exit 5"]'
run as_user "$BASIN" run -b "$U/one" one
is "run passes the status on" "$STATUS" 5
is "root inside, the user outside" "$(tr -s ' ' <<<"$OUT" | tr '\n' ';')" "0; 0 $USER_ID 1;deny;"
is "what it makes is the user's" "$(stat -c %u "$U/rootfs/tmp/made")" $USER_ID
is "the state root is the user's" "$(ls -d "$U/xdg/basin")" "$U/xdg/basin"
bundle groups '.process.user.additionalGids = [5]'
refused "further groups with one id" 1 'additionalGids|setgroups|groups' as_user "$BASIN" run -b "$U/groups" groups

bundle life ".process.args = [\"sleep\", \"1000\"] | .hooks = {\"poststart\": [{\"path\": \"$ROOTFS/bin/touch\", \"args\": [\"touch\", \"$U/started\"]}], \"poststop\": [{\"path\": \"$ROOTFS/bin/touch\", \"args\": [\"touch\", \"$U/stopped\"]}]}"
ok "create" as_user "$BASIN" create -b "$U/life" life
is "created" "$(as_user "$BASIN" state life | jq -r .status)" created
ok "start" as_user "$BASIN" start life
is "listed, with its owner" "$(as_user "$BASIN" list -f json | jq -r '.[0] | .id + " " + .status + " " + .owner')" "life running basinuser"
ok "a hook ran as the user" test "$(stat -c %u "$U/started")" = $USER_ID
run as_user "$BASIN" exec life sh -c 'id -u; echo $$'
is "exec is root inside" "$(head -n 1 <<<"$OUT")" 0
run as_user "$BASIN" exec life cat /proc/1/cmdline
is "exec sees the container's processes" "$STATUS" 0
nok "another user knows nothing of it" "$BASIN" state life
ok "kill" as_user "$BASIN" kill life KILL
stopped() { [ "$(as_user "$BASIN" state life | jq -r .status)" = stopped ]; }
ok "it stops" within 5 stopped
ok "delete" as_user "$BASIN" delete life
ok "and its last hook" test -e "$U/stopped"
ok "delete --force of a running one" as_user sh -c "'$BASIN' run -d -b '$U/life' again && '$BASIN' delete --force again"
is "nothing is left" "$(as_user "$BASIN" list -q)" ""

# --- a range of ids, through newuidmap and newgidmap ---
bundle range ".process.args = [\"sh\", \"-c\", \"id; touch /tmp/theirs\"] | .process.user = {uid: 1000, gid: 100, additionalGids: [7]} | $RANGE"
run as_user "$BASIN" run -b "$U/range" range
is "another id of the range" "$OUT" "uid=1000(user) gid=100 groups=7"
is "what that makes is its" "$(stat -c %u:%g "$U/rootfs/tmp/theirs")" "$((FIRST + 1000)):$((FIRST + 99))"
bundle stolen '.linux.uidMappings += [{containerID: 1, hostID: 1, size: 10}]'
refused "ids that were not given to the user" 1 '/etc/subuid' as_user "$BASIN" run -b "$U/stolen" stolen

# --- what an ordinary user cannot mount, and gets as the host has it ---
bundle sys '.process.args = ["sh", "-c", "ls /sys/kernel >/dev/null && ! touch /sys/x 2>/dev/null && ls /dev/mqueue && echo x >/dev/null && test -c /dev/pts/ptmx"] |
	.mounts |= map(select(.destination != "/sys")) | .mounts += [{destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]}] |
	.mounts |= sort_by(.destination | length)'
ok "sysfs without a network namespace, mqueue, devices" as_user "$BASIN" run -b "$U/sys" sys
jq '.process.args = ["grep", " /sys ", "/proc/self/mountinfo"]' "$U/sys/config.json" >"$T/config" && cp "$T/config" "$U/sys/config.json"
run as_user "$BASIN" run -b "$U/sys" sys
like "which is as closed as it was to be" "$OUT" 'ro,nosuid,nodev,noexec'
bundle pts '.process.args = ["test", "-c", "/dev/pts/ptmx"] | .mounts |= map(if .destination == "/dev/pts" then .options += ["gid=5"] else . end)'
ok "a terminal's group that is not mapped" as_user "$BASIN" run -b "$U/pts" pts
bundle clocks '.process.args = ["cat", "/proc/self/timens_offsets"] | .linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1234}}'
run as_user "$BASIN" run -b "$U/clocks" clocks
like "clocks of its own" "$OUT" 'boottime +1234 '
bundle net '.process.args = ["sh", "-c", "ls /sys/class/net"] | .linux.namespaces += [{type: "network"}] |
	.mounts |= map(if .destination == "/sys" then {destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro"]} else . end)'
run as_user "$BASIN" run -b "$U/net" net
is "a network of its own, with its own sysfs" "$OUT" lo

# --- cgroups ---
bundle shared '.process.args = ["true"] | .linux.namespaces |= map(select(.type != "pid")) |
	.mounts |= map(if .destination == "/proc" then {destination: "/proc", type: "none", source: "/proc", options: ["rbind"]} else . end)'
run as_user "$BASIN" run -b "$U/shared" shared
like "neither cgroup nor pid namespace: a warning" "$STATUS $ERR" '^0 .*strongly discouraged'
bundle named '.process.args = ["true"] | .linux.cgroupsPath = "/nobodys/cgroup"'
refused "a cgroup that is named and not to be had" 1 'unable to apply cgroup configuration.*permission denied' as_user "$BASIN" run -b "$U/named" named
bundle limited '.process.args = ["true"] | .linux.resources = {pids: {limit: 10}}'
run as_user "$BASIN" run -b "$U/limited" limited
is "limits without a cgroup are refused" "$STATUS" 1
is "nothing is left of the refused" "$(as_user "$BASIN" list -q)" ""

# Handed over: the place for containers, and where the user's own processes are.
GIVEN=/sys/fs/cgroup/${T##*/}-given
mkdir "$GIVEN" "$GIVEN/shell"
at_end() {
	echo 1 >"$GIVEN/cgroup.kill" 2>/dev/null
	within 5 sh -c "rmdir '$GIVEN'/*/*/ '$GIVEN'/*/ '$GIVEN' 2>/dev/null; [ ! -d '$GIVEN' ]"
}
chown $USER_ID "$GIVEN" "$GIVEN"/{cgroup.procs,cgroup.subtree_control,cgroup.threads} "$GIVEN/shell" "$GIVEN"/shell/cgroup.procs
in_given() {
	# shellcheck disable=SC2016
	sh -c 'echo $$ >"$0/shell/cgroup.procs" && exec "$@"' "$GIVEN" "$@"
}
bundle given '.process.args = ["sleep", "1000"]'
given() { in_given setpriv --reuid $USER_ID --regid $USER_ID --clear-groups env -u BASIN_ROOT -u TMPDIR BASIN_CGROUP_ROOT="$GIVEN" HOME="$U" XDG_RUNTIME_DIR="$U/xdg" "$@"; }
ok "run in a cgroup that was handed over" given "$BASIN" run -d -b "$U/given" given
is "it is there" "$(cat "$GIVEN/oci/given/cgroup.procs")" "$(as_user "$BASIN" state given | jq .pid)"
ok "pause" given "$BASIN" pause given
is "paused" "$(given "$BASIN" state given | jq -r .status)" paused
ok "resume" given "$BASIN" resume given
ok "exec in it" given "$BASIN" exec given true
ok "delete --force of that" given "$BASIN" delete --force given
nok "its cgroup went" test -d "$GIVEN/oci/given"

if grep -qw pids /sys/fs/cgroup/cgroup.subtree_control; then
	bundle given '.process.args = ["sleep", "1000"] | .linux.resources = {pids: {limit: 10}}'
	ok "with a limit there" given "$BASIN" run -d -b "$U/given" given
	is "it holds" "$(cat "$GIVEN/oci/given/pids.max")" 10
	ok "delete --force of the limited" given "$BASIN" delete --force given
else
	skip "a limit in a cgroup that was handed over" "this machine's cgroup v2 tree hands no pids controller down"
fi

# --- a config of somebody else's making, without a user namespace ---
bundle bare '.process.args = ["sleep", "1000"] | .linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings)'
run as_user "$BASIN" run -d -b "$U/bare" bare
like "one without a user namespace gets one" "$STATUS $ERR" '^0 .*needs a user namespace, and gets one'
run as_user "$BASIN" exec bare cat /proc/self/uid_map
like "with the ids that the user has" "$OUT" "^ +0 +$USER_ID +1"
ok "delete of that" as_user "$BASIN" delete -f bare
bundle bare '.process.args = ["cat", "/proc/self/gid_map"] | .linux.namespaces |= map(select(.type != "user")) | .linux.gidMappings[0].containerID = 7 | .process.user.gid = 7'
run as_user "$BASIN" run -b "$U/bare" bare
like "or with those of the config, where it has some" "$STATUS $OUT" "^0 +7 +[0-9]+ +1"
