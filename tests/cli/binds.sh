#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bind mounts: what their options name and do not name, in and out of user namespaces; mapped ids; sources and destinations of every kind.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
S=$T/source
mkdir -p "$S/dir"
echo content >"$S/dir/file"
chown -R 100000:100000 "$ROOTFS"
USERNS='.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
# try SCRIPT [FILTER]: runs the script in a container whose config went through the filter.
try() {
	make_bundle "$B" ".process.args = [\"sh\", \"-c\", $(jq -Rn --arg s "$1" '$s')] | .root.readonly = false | ${2:-.}"
	run "$BASIN" run -b "$B" c1
}
mount_of() { # DESTINATION SOURCE OPTIONS [MEMBERS]
	echo ".mounts += [{destination: \"$1\", source: \"$2\", options: [$(echo "$3" | sed 's/[^,]*/"&"/g')]${4:+, $4}}]"
}
FLAGS='while read -r a b c d at o rest; do [ "$at" = /vol ] && echo "$o"; done </proc/self/mountinfo'

# --- flags: the source's, and what the options make of them ---
mkdir "$S/flagged"
mount -t tmpfs flagged "$S/flagged"
flags() { # NAME SOURCE-FLAGS OPTIONS EXPECTED IN-A-USER-NAMESPACE
	mount -o "remount,bind,rw,suid,dev,exec,symfollow,diratime,strictatime" "$S/flagged"
	mount -o "remount,bind,$2" "$S/flagged"
	try "$FLAGS" "$(mount_of /vol "$S/flagged" "$3")"
	is "$1" "$OUT$ERR" "$4"
	try "$FLAGS" "$(mount_of /vol "$S/flagged" "$3") | $USERNS"
	like "$1, in a user namespace" "$OUT$ERR" "$5"
}
flags "bind alone keeps the source's flags" ro,noexec,nodiratime,relatime bind ro,noexec,nodiratime,relatime '^ro,noexec,nodiratime,relatime$'
flags "any option takes away what is not named" ro,nosuid,nodev,relatime bind,noexec rw,noexec,relatime '^ro,nosuid,nodev,noexec,relatime$'
flags "read-only" nosuid,nodev,relatime bind,ro ro,relatime '^ro,nosuid,nodev,relatime$'
flags "what is asked for must be had" nodev,relatime bind,dev rw,relatime 'cannot clear locked flags'
flags "rw of a read-only source" ro,relatime bind,rw rw,relatime 'cannot clear locked flags'
flags "the access time stays unless it is named" noatime bind,nosuid rw,nosuid,noatime '^rw,nosuid,noatime$'
flags "taking one back names none" noatime bind,atime,norelatime rw,noatime '^rw,noatime$'
flags "another access time" noatime bind,strictatime rw 'cannot change locked atime'
flags "nodiratime" noatime bind,nodiratime rw,nodiratime,relatime 'cannot change locked atime'
flags "nosymfollow is not locked" nosymfollow,relatime bind,ro ro,relatime '^ro,relatime$'
umount "$S/flagged"
try "$FLAGS" "$(mount_of /vol "$S/dir" 'bind,nosuid') | .mounts += [{destination: \"/vol\", options: [\"bind\", \"remount\", \"ro\", \"nodev\"]}]"
like "remount names anew" "$OUT" '^ro,nodev'
try "grep ' /t ' /proc/self/mountinfo" '.mounts += [{destination: "/t", type: "tmpfs", source: "tmpfs", options: ["size=64k"]}, {destination: "/t", type: "tmpfs", source: "tmpfs", options: ["remount", "size=128k"]}]'
like "remount of a file system" "$OUT" 'size=128k'
try 'cat /vol/sub/file; touch /vol/x' "$(mount_of /vol "$T/empty" 'bind,ro') | $(mount_of /vol/sub "$S/dir" 'bind')" 2>/dev/null
mkdir -p "$T/empty"
try 'cat /vol/sub/file; touch /vol/x' "$(mount_of /vol "$T/empty" 'bind,ro') | $(mount_of /vol/sub "$S/dir" 'bind')"
like "a read-only bind is so once others are mounted below it" "$OUT$ERR" 'content.*Read-only'

try "sed -n 's/.* .t //p' /proc/self/mountinfo" '.mounts += [{destination: "/t", type: "tmpfs", source: "mine", options: ["iversion", "nosuid", "lazytime", "silent", "size=64k"]}]'
like "options that only mount(2) knows" "$OUT" '^rw,nosuid,relatime - tmpfs mine rw.*size=64k'

# --- propagation, one change after the other ---
mkdir "$S/shared"
mount -t tmpfs shared "$S/shared"
mount --make-shared "$S/shared"
PROPAGATION='grep " /vol " /proc/self/mountinfo'
try "$PROPAGATION" "$(mount_of /vol "$S/shared" 'bind,slave,shared')"
like "slave, then shared" "$OUT" 'shared:.*master:'
try "$PROPAGATION" "$(mount_of /vol "$S/shared" 'bind,shared,private')"
if [[ $OUT =~ (shared|master): ]]; then fail "shared, then private" "$OUT"; else pass "shared, then private"; fi
try "$PROPAGATION" "$(mount_of /vol "$S/shared" 'bind,unbindable')"
like "unbindable" "$OUT" 'unbindable'
umount "$S/shared"

# --- mapped ids ---
chown 1:2 "$S/dir/file"
mkdir "$S/dir/below" "$S/other"
mount --bind "$S/other" "$S/dir/below" # not a tmpfs, which older kernels cannot map
touch "$S/dir/below/file"
OWNERS='stat -c %u:%g /vol/file /vol/below/file | xargs'
MAPS='uidMappings: [{containerID: 0, hostID: 1000, size: 10}], gidMappings: [{containerID: 0, hostID: 2000, size: 10}]'
try "$OWNERS" "$(mount_of /vol "$S/dir" rbind,idmap "$MAPS")"
is "idmap without a user namespace, not for what is below" "$OUT" "1001:2002 0:0"
try "$OWNERS" "$(mount_of /vol "$S/dir" rbind,ridmap "$MAPS")"
is "ridmap, for all" "$OUT" "1001:2002 1000:2000"
try "$OWNERS" "$(mount_of /vol "$S/dir" rbind,idmap) | $USERNS"
is "idmap with the container's own map" "$OUT" "1:2 65534:65534"
try "$OWNERS" "$(mount_of /vol "$S/dir" 'bind,idmap=uids=1-100007-1;gids=2-100008-1') | $USERNS"
is "crun's ranges" "${OUT%% *}" "7:8"
try "$OWNERS" "$(mount_of /vol "$S/dir" 'bind,idmap=uids=@1-7-1;gids=@2-8-1') | $USERNS"
is "and relative to the user namespace" "${OUT%% *}" "7:8"
refused_by() { # NAME REGEX FILTER
	make_bundle "$B" "$3"
	refused "$1" 1 "$2" "$BASIN" run -b "$B" c1
}
refused_by "ranges that are none" 'is not an option' "$(mount_of /vol "$S/dir" 'bind,idmap=uids=1-2')"
refused_by "ids that the namespace has not" 'has not' "$(mount_of /vol "$S/dir" 'bind,idmap=uids=@1-70000-1;gids=@1-1-1') | $USERNS"
make_bundle "$B" ".process.args = [\"sleep\", \"100\"] | $USERNS"
"$BASIN" run -d -b "$B" joined
pid=$("$BASIN" state joined | jq .pid)
try "$OWNERS" "$(mount_of /vol "$S/dir" rbind,idmap) | .linux.namespaces += [{type: \"user\", path: \"/proc/$pid/ns/user\"}]"
is "idmap with the map of a namespace that is joined" "$OUT" "1:2 65534:65534"
"$BASIN" delete --force joined
umount "$S/dir/below"
try 'id -u; cat /proc/self/uid_map | head -n 1 | xargs' '.linux.namespaces += [{"type": "user"}]'
like "a user namespace without mappings has one's own id" "$OUT" $'^0\n0 0 1'

# --- sources ---
mkdir -m 700 "$S/closed"
mkdir "$S/closed/dir"
echo behind >"$S/closed/dir/file"
ln -s closed/dir "$S/link"
try 'cat /vol/file' "$(mount_of /vol "$S/link" bind) | $USERNS"
is "a link to what only the host can reach" "$OUT" behind
mkfifo "$S/fifo"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$S/sock"
try 'stat -c %F /fifo /sock | xargs' "$(mount_of /fifo "$S/fifo" bind,ro) | $(mount_of /sock "$S/sock" bind,rro)"
is "a fifo and a socket" "$OUT" "fifo socket"
mkdir -p "$B"
cp "$S/dir/file" "$B/beside"
try 'cat /made//on/./the/../way/file' "$(mount_of made//on/./the/../way/file beside bind)"
is "a relative source and destination, // and .." "$OUT" content
rm -rf "$ROOTFS/made"
ln -s nowhere "$S/broken"
ln -s ../elsewhere "$ROOTFS/had-link"
try 'readlink /a/link' "$(mount_of /a/link "$S/broken" bind,copy-symlink)"
is "copy-symlink" "$OUT" nowhere
refused_by "copy-symlink over another link" 'already exists with a different content' "$(mount_of /had-link "$S/broken" bind,copy-symlink)"
try 'readlink /had-link; stat -c %F /had-link' "$(mount_of /had-link "$S/dir/file" bind,dest-nofollow)"
is "dest-nofollow covers the link" "$OUT" "regular file"
try 'readlink /had-link' "$(mount_of /had-link "$S/broken" bind,src-nofollow,dest-nofollow)"
is "src-nofollow mounts a link" "$OUT" nowhere
rm -rf "$ROOTFS/had-link" "$ROOTFS/a"
mkdir -p "$S/a" "$S/b" "$ROOTFS/mnt"
echo from-b >"$S/b/file"
mkdir "$S/a/x"
try 'cat /final/x/file' "$(mount_of /mnt "$S/a" rbind) | $(mount_of /mnt/x "$S/b" rbind) | $(mount_of "$ROOTFS/final" "$ROOTFS/mnt" rbind)"
is "a source in the root is what was mounted there before" "$OUT" from-b
chown 0:0 "$S/b/file"
chmod 755 "$S/a" "$S/b"
try 'stat -c %u /final/file' "$(mount_of /mnt "$S/b" rbind) | $(mount_of /final "$ROOTFS/mnt" rbind,idmap) | $USERNS"
is "with its ids mapped" "$OUT" 0
