#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Device nodes: made, or in a user namespace mounted; their modes and owners; what an image has in their places; the host's own stay as they are.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
USERNS='.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 0, "size": 4294967295}] | .linux.gidMappings = .linux.uidMappings'
NODE='{path: "/dev/foo", type: "b", major: 1, minor: 5, uid: 10, gid: 11, fileMode: 111}'
try() {
	make_bundle "$B" ".process.args = [\"sh\", \"-c\", $(jq -Rn --arg s "$1" '$s')] | .root.readonly = false | ${2:-.}"
	run "$BASIN" run -b "$B" c1
}
LOOK='stat -c "%F %t:%T %a %u:%g" /dev/foo'
umask 077
try "$LOOK" ".linux.devices = [$NODE]"
is "a node, whatever the umask" "$OUT" "block special file 1:5 157 10:11"
try "$LOOK" ".linux.devices = [$NODE] | $USERNS"
is "the same in a user namespace, where none can be made" "$OUT" "block special file 1:5 157 10:11"
umask 022
try 'stat -c "%F %a %u:%g" /dev/pipe' '.linux.devices = [{path: "/dev/pipe", type: "p", fileMode: 432, uid: 1, gid: 2}]'
is "a fifo" "$OUT" "fifo 660 1:2"
before=$(stat -c '%a %u:%g' /dev/null)
CAPS='.process.capabilities[] += ["CAP_CHOWN", "CAP_FOWNER"]'
try 'chown 5:6 /dev/null && chmod 600 /dev/null && stat -c "%a %u:%g" /dev/null' "$USERNS | $CAPS"
is "a container may do to its /dev/null what it likes" "$OUT" "600 5:6"
is "the host's is as it was" "$(stat -c '%a %u:%g' /dev/null)" "$before"
try 'echo x >/dev/null && head -c 3 /dev/zero | wc -c' "$USERNS"
is "and it works" "$OUT" 3
nok "no mount of it is left in the root" sh -c "echo \"\$1\" | grep -q ' / / .*tmpfs'" - "$OUT"
try 'stat -c "%t:%T" -L /dev/tty /dev/ptmx | xargs; readlink /dev/ptmx; readlink /dev/core' '.linux.devices = [{path: "/dev/tty", type: "c", major: 5, minor: 0}, {path: "/dev/ptmx", type: "c", major: 5, minor: 2}]'
is "the usual ones, named once more" "$OUT" "5:0 5:2
pts/ptmx
/proc/kcore"
try 'stat -c %F /mnt /bar' '.linux.devices = [{path: "/bar/", type: "c", major: 1, minor: 3}, {path: "/mnt/", type: "b", major: 10, minor: 229}]' 
like "slashes at the end" "$STATUS $OUT" "^0 block special file.character special file"
rm -f "$ROOTFS/bar" "$ROOTFS/mnt"
mkdir "$ROOTFS/mnt"
try 'stat -c %F /mnt' '.linux.devices = [{path: "/mnt/", type: "b", major: 10, minor: 229}]'
is "a directory that is there stays" "$OUT" directory
mkdir "$ROOTFS/nodes"
touch "$ROOTFS/nodes/file"
mknod "$ROOTFS/nodes/null" c 1 3
mknod "$ROOTFS/nodes/zero" c 1 5
node() {
	echo ".linux.devices = [{path: \"/nodes/$1\", type: \"c\", major: 1, minor: 3}]"
}
try 'stat -c %t:%T /nodes/null' "$(node null)"
is "a node that is there already may be the one" "$OUT" 1:3
make_bundle "$B" "$(node file)"
refused "but no file" 1 '/nodes/file has incorrect ftype' "$BASIN" run -b "$B" c1
make_bundle "$B" "$(node zero)"
refused "nor another device" 1 "/nodes/zero has incorrect major:minor: 1:5 doesn't match expected 1:3" "$BASIN" run -b "$B" c1
NO_DEV='.mounts = [.mounts[] | select(.destination | startswith("/dev") | not)]'
echo file >"$ROOTFS/dev/null"
make_bundle "$B" "$NO_DEV"
refused "an image's /dev/null that is none" 1 '/dev/null has incorrect ftype: it exists and is not the device' "$BASIN" run -b "$B" c1
rm "$ROOTFS/dev/null"
ln -s /etc/passwd "$ROOTFS/dev/ptmx"
try 'readlink /dev/ptmx' "$NO_DEV"
is "an image's /dev/ptmx gives way" "$OUT" pts/ptmx
rm -rf "${ROOTFS:?}"/dev
ln -s "$T/outside" "$ROOTFS/dev"
mkdir "$T/outside"
try 'true' "$NO_DEV"
is "/dev that leads out is followed inside only" "$(ls -A "$T/outside")" ""
rm -rf "${ROOTFS:?}"/dev "${ROOTFS:?}$T"
mkdir "$ROOTFS/dev"
try 'grep " /dev " /proc/self/mountinfo; touch /dev/x' '.mounts |= map(if .destination == "/dev" then .options += ["ro"] else . end)'
like "a read-only /dev has its nodes" "$OUT$ERR" ' /dev ro,.*Read-only'
try 'ls /dev' '.mounts |= map(if .destination == "/dev" then {destination: "/dev", type: "bind", source: "/dev", options: ["rbind"]} else . end) | .linux.devices = [{path: "/dev/foo-of-ours", type: "c", major: 1, minor: 3}]'
nok "into the host's /dev nothing is put" sh -c 'ls /dev | grep -q foo-of-ours'
