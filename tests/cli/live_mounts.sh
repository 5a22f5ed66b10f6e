#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `basin mounts add` and `basin mounts remove`: mounts that come into a running container and leave it, also where the container is hostile.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
S=$T/source
mkdir -p "$S/dir"
echo content >"$S/dir/file"
echo single >"$S/single"

start() { # [FILTER]
	make_bundle "$B" ".process.args = [\"sleep\", \"100\"] | .root.readonly = false | ${1:-.}"
	"$BASIN" run -d -b "$B" c1
}
stop() { "$BASIN" delete --force c1; }
mounts() { echo "$1" >"$T/mounts.json"; }
inside() { "$BASIN" exec c1 sh -c "$1"; }

start '.linux.maskedPaths += ["/proc/version"]'
mounts "[{\"destination\": \"/vol\", \"type\": \"bind\", \"source\": \"$S/dir\", \"options\": [\"bind\", \"ro\"]},
	{\"destination\": \"/one/file\", \"type\": \"bind\", \"source\": \"$S/single\", \"options\": [\"bind\"]},
	{\"destination\": \"/foo/tmpfs\", \"type\": \"tmpfs\", \"source\": \"tmpfs\", \"options\": [\"size=64k\", \"nosuid\"]}]"
ok "add" "$BASIN" mounts add c1 "$T/mounts.json"
is "a directory and a file of the host's" "$(inside 'cat /vol/file /one/file')" "content
single"
like "with their options" "$(inside 'touch /vol/x 2>&1; grep " /foo/tmpfs " /proc/self/mountinfo')" $'Read-only.*\n.*/foo/tmpfs rw,nosuid,relatime - tmpfs tmpfs rw,size=64k'
is "the container's first process sees them" "$(cat "/proc/$("$BASIN" state c1 | jq .pid)/root/vol/file")" content
nok "the host does not" grep -q "$ROOTFS/vol" /proc/self/mountinfo
ok "remove" "$BASIN" mounts remove c1 "$T/mounts.json"
is "and they are gone" "$(inside 'ls /vol /one; grep -c -E "/(vol|file|tmpfs) " /proc/self/mountinfo')" "/one:
file

/vol:
0"
refused "remove what is not there" 1 'nothing is mounted at "/one/file"|nothing is mounted at "/foo/tmpfs"' "$BASIN" mounts remove c1 "$T/mounts.json"
mounts "{\"mounts\": [{\"destination\": \"/vol\", \"source\": \"$S/dir\", \"options\": [\"bind\"]}]}"
ok "the section with its name" "$BASIN" mounts add c1 "$T/mounts.json"
mounts '[{"destination": "/vol"}]'
ok "to remove takes destinations only" "$BASIN" mounts remove c1 "$T/mounts.json"
mounts '[{"destination": "/vol"}]'
refused "to add takes more" 1 'mounts\[0\].type' "$BASIN" mounts add c1 "$T/mounts.json"
mounts '{"x": 1}'
refused "not a list" 1 'mounts: expected an array' "$BASIN" mounts add c1 "$T/mounts.json"
mounts '[]'
refused "no such file" 1 'cannot read' "$BASIN" mounts add c1 "$T/nosuch"
refused "no such verb" 1 'neither' "$BASIN" mounts move c1 "$T/mounts.json"
refused "no such container" 1 'does not exist' "$BASIN" mounts add c2 "$T/mounts.json"

# --- what the container has made of its own paths ---
for where in /proc/sys/kernel /proc; do
	mounts "[{\"destination\": \"$where\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}]"
	refused "nothing is mounted at $where" 1 'inside /proc|not of type proc' "$BASIN" mounts add c1 "$T/mounts.json"
done
inside 'ln -s /proc/1 /trap; ln -s / /loop; ln -s /../../../../.. /up; ln -s /proc /etc/link'
mounts '[{"destination": "/trap/attr", "type": "tmpfs", "source": "tmpfs"}]'
refused "nor through a link that leads there" 1 'inside /proc' "$BASIN" mounts add c1 "$T/mounts.json"
mkdir -p "$T/outside"
mounts "[{\"destination\": \"/up$T/outside/made\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}]"
ok "a path that leads up" "$BASIN" mounts add c1 "$T/mounts.json"
nok "ends inside" test -e "$T/outside/made"
mounts '[{"destination": "/etc/link/version"}]'
refused "a mask is not removed by way of a link" 1 'in /proc' "$BASIN" mounts remove c1 "$T/mounts.json"
mounts '[{"destination": "/loop/proc"}]'
refused "nor is /proc itself" 1 'in /proc' "$BASIN" mounts remove c1 "$T/mounts.json"
like "the mask is there" "$(inside 'grep " /proc/version " /proc/self/mountinfo')" null
stop

# --- a user namespace, a paused container, one that is gone ---
chown -R 100000:100000 "$ROOTFS"
start '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
mkdir -m 700 "$S/closed"
mkdir "$S/closed/dir"
echo behind >"$S/closed/dir/file"
mounts "[{\"destination\": \"/vol\", \"source\": \"$S/closed/dir\", \"options\": [\"bind\", \"idmap\"]}, {\"destination\": \"/t\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}]"
ok "add in a user namespace" "$BASIN" mounts add c1 "$T/mounts.json"
is "what only the host can reach, with the container's ids" "$(inside 'cat /vol/file; stat -c %u:%g /vol/file; touch /t/x && echo fine')" "behind
0:0
fine"
ok "remove in a user namespace" "$BASIN" mounts remove c1 "$T/mounts.json"
"$BASIN" pause c1
ok "add in a paused container" "$BASIN" mounts add c1 "$T/mounts.json"
"$BASIN" resume c1
is "is there when it goes on" "$(inside 'cat /vol/file')" behind
"$BASIN" kill c1 KILL
within 5 sh -c '[ "$("$BASIN" state c1 | jq -r .status)" = stopped ]'
refused "a stopped container" 1 'not running' "$BASIN" mounts add c1 "$T/mounts.json"
stop
