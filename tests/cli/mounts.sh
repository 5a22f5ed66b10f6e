#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Mounts of a container: kinds, options, order, destinations that are missing or links, propagation, masked and read-only paths, devices.
# Driven by `basin run`.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
S=$T/source
mkdir -p "$S/dir/sub" "$S/below"
echo content >"$S/dir/file"
echo single >"$S/single"

# try SCRIPT [FILTER]: runs the script in a container whose config went through the filter.
try() {
	make_bundle "$B" ".process.args = [\"sh\", \"-c\", $(jq -Rn --arg s "$1" '$s')] | .root.readonly = false | ${2:-.}"
	run "$BASIN" run -b "$B" c1
}
# mounts JSON...: a filter that adds these mounts.
mounts() {
	local IFS=,
	echo ".mounts += [$*]"
}
# The options of the mount at $1 in mountinfo, the mount's and the file system's.
INFO='options() { while read -r a b c d at o rest; do [ "$at" = "$1" ] && echo "$o ${rest##*- }"; done </proc/self/mountinfo | tail -n 1; }; '

bind() { # DESTINATION SOURCE OPTIONS-AS-JSON
	echo "{\"destination\": \"$1\", \"type\": \"bind\", \"source\": \"$2\", \"options\": $3}"
}

# --- binds ---
try 'cat /vol/file; echo new >/vol/new' "$(mounts "$(bind /vol "$S/dir" '["rbind"]')")"
is "a directory" "$OUT $(cat "$S/dir/new" 2>/dev/null)" "content new"
rm -f "$S/dir/new"
try 'cat /made/on/the/way; ls -ld /made/on | cut -c1-10' "$(mounts "$(bind /made/on/the/way "$S/single" '["bind"]')")"
is "a file, at a destination that is made" "$OUT" "single
drwxr-xr-x"
rm -rf "$ROOTFS/made"
try 'echo x >/vol/new' "$(mounts "$(bind /vol "$S/dir" '["rbind", "ro"]')")"
like "read-only" "$ERR" "Read-only"
nok "nothing was written" test -e "$S/dir/new"
try "$INFO options /vol" "$(mounts "$(bind /vol "$S/dir" '["bind", "nosuid", "nodev", "noexec", "noatime"]')")"
like "nosuid, nodev, noexec, noatime" "$OUT" "^rw,nosuid,nodev,noexec,noatime"
mount -t tmpfs below "$S/below"
mkdir "$S/below/deep"
mount -t tmpfs -o nosuid deep "$S/below/deep"
touch "$S/below/deep/here"
try 'ls /vol/deep' "$(mounts "$(bind /vol "$S/below" '["rbind"]')")"
is "rbind takes what is mounted below" "$OUT" here
try 'ls /vol/deep' "$(mounts "$(bind /vol "$S/below" '["bind"]')")"
is "bind does not" "$OUT" ""
try "$INFO options /vol; options /vol/deep" "$(mounts "$(bind /vol "$S/below" '["rbind", "rro"]')")"
like "rro holds for all below" "$OUT" $'^ro,relatime.*\nro,nosuid,relatime'
umount "$S/below/deep" "$S/below"
refused_mount() { # NAME REGEX MOUNT
	make_bundle "$B" "$(mounts "$3")"
	refused "$1" 1 "$2" "$BASIN" run -b "$B" c1
}
refused_mount "a source that is not there" "nosuch.*no such file|nosuch.*No such file" "$(bind /vol "$S/nosuch" '["bind"]')"
refused_mount "a directory on a file" "at /etc/passwd: not a directory" "$(bind /etc/passwd "$S/dir" '["bind"]')"
refused_mount "a file on a directory" "at /etc: not a directory" "$(bind /etc "$S/single" '["bind"]')"
refused_mount "a file system that the kernel does not know" "nosuchfs" '{"destination": "/vol", "type": "nosuchfs", "source": "x"}'
ln -s /vol "$ROOTFS/link"
ln -s "$T/outside" "$ROOTFS/escape"
ln -s ../../../../../../.."$T/outside2" "$ROOTFS/escape2"
try 'cat /vol/file' "$(mounts "$(bind /link "$S/dir" '["bind"]')")"
is "a destination that is a dangling link is followed inside the root" "$OUT" content
try "cat $T/outside/file" "$(mounts "$(bind /escape "$S/dir" '["bind"]')")"
is "an absolute link leads to a place inside the root" "$OUT" content
nok "nothing was made outside" test -e "$T/outside"
try "cat $T/outside2/file" "$(mounts "$(bind /escape2 "$S/dir" '["bind"]')")"
is "nor does .. lead out" "$OUT" content
nok "nothing was made outside by it" test -e "$T/outside2"
rm -rf "$ROOTFS/link" "$ROOTFS/escape" "$ROOTFS/escape2" "$ROOTFS/vol" "${ROOTFS:?}$T"

# --- new file systems ---
try "$INFO options /t; ls -ld /t | cut -c1-10" "$(mounts '{"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=64k", "mode=0700"]}')"
like "a tmpfs with size and mode" "$OUT" $'^rw,nosuid,nodev.*size=64k.*\ndrwx------'
mkdir -m 1750 "$ROOTFS/had"
try 'ls -ld /had | cut -c1-10' "$(mounts '{"destination": "/had", "type": "tmpfs", "source": "tmpfs"}')"
is "a tmpfs takes the mode of what it covers" "$OUT" drwxr-x--T
mkdir -p "$ROOTFS/filled/dir"
echo inside >"$ROOTFS/filled/dir/file"
ln -s dir/file "$ROOTFS/filled/link"
try 'cat /filled/dir/file /filled/link; echo more >/filled/new; ls /filled | tr "\n" " "' "$(mounts '{"destination": "/filled", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]}')"
is "tmpcopyup" "$OUT" "inside
inside
dir link new "
nok "what was covered is as it was" test -e "$ROOTFS/filled/new"
try 'touch /t/x; touch /t/sub/y && echo ok' "$(mounts '{"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]}' '{"destination": "/t/sub", "type": "tmpfs", "source": "tmpfs"}')"
like "a read-only tmpfs can have mounts below it" "$OUT $ERR" "ok .*Read-only"
mkdir -p "$S/lower" "$S/upper" "$S/work"
echo low >"$S/lower/file"
try 'cat /o/file; echo up >/o/file' "$(mounts "{\"destination\": \"/o\", \"type\": \"overlay\", \"source\": \"overlay\", \"options\": [\"lowerdir=$S/lower\", \"upperdir=$S/upper\", \"workdir=$S/work\"]}")"
is "an overlay" "$OUT $(cat "$S/upper/file" 2>/dev/null)" "low up"
long=$S/lower
for i in $(seq 12); do
	mkdir -p "$S/layer-with-a-rather-long-name-$i"
	long=$long:$S/layer-with-a-rather-long-name-$i
done
try 'cat /o/file' "$(mounts "{\"destination\": \"/o\", \"type\": \"overlay\", \"source\": \"overlay\", \"options\": [\"lowerdir=$long\"]}")"
is "an overlay whose options are longer than fsconfig takes" "$OUT" low
try 'tail -n 1 /proc/self/cgroup; ls /sys/fs/cgroup/cgroup.procs; touch /sys/fs/cgroup/x'
like "the container's cgroup, read-only" "$OUT $ERR" $'^0::/\n/sys/fs/cgroup/cgroup.procs .*(Read-only|Permission)'
try 'cat /sys/fs/cgroup/cgroup.procs | wc -l; ls -d /sys/fs/cgroup/*/ 2>/dev/null | wc -l' 'del(.linux.namespaces[] | select(.type == "cgroup"))'
is "without a cgroup namespace it sees what everybody sees, as its own cgroup's name is told from there" "$([ "$(echo "$OUT" | tail -n 1)" -gt 0 ] && echo all)" all
mv "$ROOTFS/proc" "$ROOTFS/proc.real"
ln -s tmp "$ROOTFS/proc"
refused_mount "/proc that is a link" "ordinary directory" "$(bind /vol "$S/dir" '["bind"]')"
rm "$ROOTFS/proc"
mv "$ROOTFS/proc.real" "$ROOTFS/proc"
try 'ls / >/dev/null && echo fine' '.mounts = []'
is "no mounts at all" "$OUT" fine

# --- propagation ---
mkdir -p "$S/shared"
mount -t tmpfs shared "$S/shared"
mount --make-shared "$S/shared"
mkdir "$S/shared/point"
try 'mount -t tmpfs inner /vol/point && touch /vol/point/x; grep " /vol " /proc/self/mountinfo' "$(mounts "$(bind /vol "$S/shared" '["rbind"]')") | .process.capabilities.bounding += [\"CAP_SYS_ADMIN\"] | .process.capabilities.effective += [\"CAP_SYS_ADMIN\"] | .process.capabilities.permitted += [\"CAP_SYS_ADMIN\"]"
like "a container hears of the host's" "$OUT" "master:"
nok "but what is mounted inside does not reach the host" test -e "$S/shared/point/x"
try 'mount -t tmpfs inner /vol/point && touch /vol/point/x' "$(mounts "$(bind /vol "$S/shared" '["rbind", "rshared"]')") | .process.capabilities.bounding += [\"CAP_SYS_ADMIN\"] | .process.capabilities.effective += [\"CAP_SYS_ADMIN\"] | .process.capabilities.permitted += [\"CAP_SYS_ADMIN\"]"
ok "unless that was asked for" test -e "$S/shared/point/x"
umount "$S/shared/point" 2>/dev/null
try 'grep " /vol " /proc/self/mountinfo' "$(mounts "$(bind /vol "$S/shared" '["rbind", "rprivate"]')")"
if [[ $OUT =~ master:|shared: ]]; then fail "private" "$OUT"; else pass "private"; fi
umount "$S/shared"
for kind in private slave shared; do
	try 'grep " / / \| / rw" /proc/self/mountinfo | head -n 1' ".linux.rootfsPropagation = \"$kind\""
	is "rootfsPropagation $kind runs" "$STATUS" 0
done

# --- options as other runtimes take them ---
try 'grep " /two " /proc/self/mountinfo | cut -d" " -f6- | sed s/,inode64//' '.mounts += [{destination: "/two", type: "tmpfs", source: "two", options: ["size=1m,mode=700", "nosuid", ",nr_inodes=9,"]}]'
is "several of the file system's options may be one element" "$OUT" "rw,nosuid,relatime - tmpfs two rw,size=1024k,nr_inodes=9,mode=700"
try 'grep " /dev " /proc/self/mountinfo | cut -d" " -f6; ls /dev/null' '.mounts += [{destination: "/dev", type: "tmpfs", source: "x", options: ["remount", "ro"]}]'
is "a /dev that is made read-only by a remount still gets its devices" "$OUT" "ro
/dev/null"
try 'true' '.linux.uidMappings = [{containerID: 0, hostID: 1000, size: 10}] | .linux.personality = {domain: "LINUX", flags: ["X"]}'
is "what has no effect" "$STATUS" 0
like "is said to have none" "$(echo "$ERR" | sort)" "linux.personality.flags: without effect.*linux.uidMappings.*without effect"
make_bundle "$T/b1" '.root.path = "/etc/passwd"'
refused "a root that is a file" 1 '"/etc/passwd": not a directory' "$BASIN" run -b "$T/b1" c1

# --- without a mount namespace ---
bare() {
	make_bundle "$T/bare" ".process.args = [\"sleep\", \"60\"] | del(.linux.namespaces[] | select(.type == \"mount\")) | .linux.maskedPaths = [] | .linux.readonlyPaths = [] | .root.readonly = false | ${1:-.}"
}
mounted() {
	grep -c " $ROOTFS" /proc/self/mountinfo
}
before=$(mounted)
bare
ok "a container in the mount namespace of its caller" "$BASIN" run -d -b "$T/bare" bare
nok "has its mounts there" test "$(mounted)" = "$before"
"$BASIN" delete -f bare
is "delete takes them away" "$(mounted)" "$before"
mount --bind "$ROOTFS" "$ROOTFS"
"$BASIN" run -d -b "$T/bare" bare
"$BASIN" delete -f bare
is "but not what was mounted there before" "$(mounted)" $((before + 1))
umount "$ROOTFS"
bare '.hooks.createRuntime = [{path: "/bin/false"}]'
refused "one that fails" 1 'createRuntime hook' "$BASIN" run -b "$T/bare" bare
is "leaves none" "$(mounted)" "$before"
bare '.linux.rootfsPropagation = "rslave"'
refused "the propagation of its root is its caller's" 1 'unable to set rootfs propagation without a private MNT namespace' "$BASIN" run -b "$T/bare" bare
bare
refused "and so is the root that --no-pivot would cover" 1 'unable to use no-pivot without a private MNT namespace' \
	"$BASIN" run --no-pivot -b "$T/bare" bare

# --- masked, read-only, devices ---
try 'touch /x' '.root.readonly = true'
like "a read-only root" "$ERR" "Read-only"
echo secret >"$ROOTFS/etc/secret"
mkdir -p "$ROOTFS/secrets/dir"
touch "$ROOTFS/etc/relative"
try 'echo x >/etc/relative' '.linux.readonlyPaths = ["etc/relative", "nosuch", "../etc/passwd"]'
like "a relative path is taken from the container's root" "$ERR" "Read-only"
try 'wc -c </etc/secret; ls -A /secrets | wc -l; touch /secrets/x; echo x >/etc/passwd' '.linux.maskedPaths = ["/etc/secret", "/secrets", "/nosuch", "/etc/secret/below"] | .linux.readonlyPaths = ["/etc/passwd", "/nosuch"]'
is "masked files and directories are empty" "$OUT" "0
0"
like "and cannot be written, nor read-only ones" "$ERR" "Read-only.*Read-only"
try 'grep -c " /etc/secret " /proc/self/mountinfo; grep -c " /secrets " /proc/self/mountinfo' '.linux.maskedPaths = ["/etc/secret", "/secrets", "/secrets", "/etc/secret"]'
is "once each, however often they are named" "$OUT" "1
1"
try 'for d in null zero full random urandom tty; do stat -c "%n %t:%T %a" /dev/$d; done; ls -l /dev/fd /dev/ptmx /dev/stdin | sed "s/.* -> //" | tr "\n" " "'
is "the usual devices and links" "$OUT" "/dev/null 1:3 666
/dev/zero 1:5 666
/dev/full 1:7 666
/dev/random 1:8 666
/dev/urandom 1:9 666
/dev/tty 5:0 666
/proc/self/fd pts/ptmx /proc/self/fd/0 "
try 'stat -c "%n %t:%T %a %u:%g" /dev/mine /dev/deep/er; echo x >/dev/mine && echo written; test -p /dev/pipe && echo pipe' '.linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 432, uid: 7, gid: 8}, {path: "/dev/deep/er", type: "c", major: 1, minor: 5}, {path: "/dev/pipe", type: "p"}] | .process.capabilities.bounding += ["CAP_DAC_OVERRIDE"] | .process.capabilities.effective += ["CAP_DAC_OVERRIDE"] | .process.capabilities.permitted += ["CAP_DAC_OVERRIDE"]'
is "linux.devices" "$OUT" "/dev/mine 1:3 660 7:8
/dev/deep/er 1:5 666 0:0
written
pipe"
try 'mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg | head -c 1' '.process.capabilities.bounding += ["CAP_MKNOD"] | .process.capabilities.effective += ["CAP_MKNOD"] | .process.capabilities.permitted += ["CAP_MKNOD"]'
like "a device that was not allowed cannot be opened" "$ERR" "not permitted"
rm -f "$ROOTFS/tmp/kmsg"
try 'mknod /tmp/kmsg c 1 11 && echo x >/tmp/kmsg && echo allowed' '.linux.resources.devices += [{allow: true, type: "c", major: 1, minor: 11, access: "rw"}] | .process.capabilities.bounding += ["CAP_MKNOD"] | .process.capabilities.effective += ["CAP_MKNOD"] | .process.capabilities.permitted += ["CAP_MKNOD"]'
is "one that was can" "$OUT" allowed
