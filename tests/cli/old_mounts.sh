#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers where the kernel (or a sandbox around us) has no open_tree, move_mount, fsopen and mount_setattr: all is done with mount(2).
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
S=$T/source
mkdir -p "$S/dir" "$S/below"
echo content >"$S/dir/file"
echo single >"$S/single"
old() { python3 "$TESTS/cli/no_mount_calls.py" "$@"; }
try() { # SCRIPT [FILTER] [OPTIONS...]
	local script=$1 filter=${2:-.}
	shift
	shift
	make_bundle "$B" ".process.args = [\"sh\", \"-c\", $(jq -Rn --arg s "$script" '$s')] | .root.readonly = false | $filter"
	run old "$BASIN" run "$@" -b "$B" c1
}
bind() { # DESTINATION SOURCE OPTIONS-AS-JSON
	echo "{\"destination\": \"$1\", \"type\": \"bind\", \"source\": \"$2\", \"options\": $3}"
}
INFO='options() { while read -r a b c d at o rest; do [ "$at" = "$1" ] && echo "$o ${rest##*- }"; done </proc/self/mountinfo | tail -n 1; }; '

nok "the calls are not there" old python3 -c 'import ctypes, sys; l = ctypes.CDLL(None, use_errno=True); sys.exit(0 if l.syscall(428, -100, b"/", 1) >= 0 or ctypes.get_errno() != 38 else 1)'
try 'echo fine; ls -d /proc/self /sys/kernel /dev/pts/ptmx /dev/shm /dev/mqueue | wc -l; cat /dev/null; touch /x' .
is "the default config" "$OUT" "fine
5"
rm -f "$ROOTFS/x"
try 'touch /x' '.root.readonly = true'
like "a read-only root" "$ERR" "Read-only"
try "$INFO"'cat /vol/file /made/on/the/way; options /vol; options /t; touch /vol/x' \
	".mounts += [$(bind /vol "$S/dir" '["rbind", "ro", "nosuid", "nodev", "noexec", "noatime"]'), $(bind /made/on/the/way "$S/single" '["bind"]'), {\"destination\": \"/t\", \"type\": \"tmpfs\", \"source\": \"tmpfs\", \"options\": [\"nosuid\", \"size=64k\", \"mode=0700\"]}]"
like "binds and new file systems with their options" "$OUT" $'^content\nsingle\nro,nosuid,nodev,noexec,noatime.*\nrw,nosuid,relatime.*size=64k'
like "read-only is" "$ERR" "Read-only"
rm -rf "$ROOTFS/made" "$ROOTFS/vol" "$ROOTFS/t"
mount -t tmpfs below "$S/below"
mkdir "$S/below/deep"
mount -t tmpfs deep "$S/below/deep"
touch "$S/below/deep/here"
try 'ls /vol/deep' ".mounts += [$(bind /vol "$S/below" '["rbind"]')]"
is "what is mounted below comes along" "$OUT" here
try 'true' ".mounts += [$(bind /vol "$S/below" '["rbind", "rro"]')]"
like "recursive attributes cannot be had, and that is said" "$STATUS $ERR" "^1 error: cannot mount"
umount "$S/below/deep" "$S/below"
ln -s "$T/outside" "$ROOTFS/escape"
try "cat $T/outside/file" ".mounts += [$(bind /escape "$S/dir" '["bind"]')]"
is "an absolute link leads to a place inside the root" "$OUT" content
nok "and nothing was made outside" test -e "$T/outside"
rm -rf "$ROOTFS/escape" "${ROOTFS:?}$T"
echo secret >"$ROOTFS/etc/secret"
mkdir -p "$ROOTFS/secrets/dir" "$ROOTFS/more/dir"
try 'wc -c </etc/secret; ls -A /secrets /more; touch /secrets/x; echo x >/etc/passwd' '.linux.maskedPaths = ["/etc/secret", "/secrets", "/more", "/nosuch"] | .linux.readonlyPaths = ["/etc/passwd"]'
is "masks" "$OUT" "0
/more:

/secrets:"
like "and read-only paths" "$ERR" "Read-only.*Read-only"
mkdir -p "$ROOTFS/filled/dir"
echo inside >"$ROOTFS/filled/dir/file"
try 'cat /filled/dir/file; echo more >/filled/new' '.mounts += [{"destination": "/filled", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]}]'
is "tmpcopyup" "$OUT" inside
nok "what was covered is as it was" test -e "$ROOTFS/filled/new"
for kind in private slave shared; do
	try 'echo fine' ".linux.rootfsPropagation = \"$kind\""
	is "rootfsPropagation $kind" "$OUT" fine
done
is "the machine's mounts are what they were" "$(grep -c "$ROOTFS" /proc/self/mountinfo)" 0
make_bundle "$B" '.process.args = ["sh", "-c", "test -t 1 && grep -c /dev/console /proc/self/mountinfo"] | .process.terminal = true'
run old script -qec "$BASIN run -b $B c1" /dev/null </dev/null
like "a terminal" "$OUT" "1"
chown -R 100000:100000 "$ROOTFS"
chmod 755 "$T"
USER='.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
try 'cat /proc/self/uid_map | xargs; cat /vol/file; echo x >/dev/null && stat -c "%n %t:%T" /dev/null' "$USER | .mounts += [$(bind /vol "$S/dir" '["bind", "ro"]')]"
is "a user namespace" "$OUT$ERR" "0 100000 65536
content
/dev/null 1:3"
try 'true' "$USER | .mounts += [$(bind /vol "$S/dir" '["bind", "idmap"]')]"
like "ids cannot be mapped, and that is said" "$ERR" "needs Linux 5.12"
