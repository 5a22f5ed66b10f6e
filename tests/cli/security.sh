#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What attacks on other runtimes taught: each one tried against `basin run` and `basin exec`.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
bundle() {
	make_bundle "$B" ".process.args = $1 | .root.readonly = false | ${2:-.}"
}

# A payload that keeps what is ours open keeps the starter waiting; then everything that follows would wait as long.
bundle '["sleep", "60"]'
run timeout --signal=KILL 10 "$BASIN" run -d -b "$B" c0 7</
if [ "$STATUS" != 0 ]; then
	fail "a payload has none of our descriptors" "status $STATUS"
	exit 1
fi
pid=$("$BASIN" state c0 | jq .pid)
is "a payload has none of our descriptors" "$(cd "/proc/$pid/fd" && echo *)" "0 1 2"
"$BASIN" delete -f c0

# The host's binary must not be what a container can reach as /proc/PID/exe (a program whose interpreter is /proc/self/exe).
printf '#!/proc/self/exe\n' >"$ROOTFS/bin/evil"
chmod 755 "$ROOTFS/bin/evil"
before=$(sha256sum <"$BASIN")
bundle '["evil"]'
run "$BASIN" run -b "$B" c1
is "/proc/self/exe as the interpreter leads nowhere" "$STATUS $OUT $(sha256sum <"$BASIN")" "127  $before"
bundle '["sleep", "60"]'
"$BASIN" create -b "$B" c1
pid=$("$BASIN" state c1 | jq .pid)
nok "the program in a container that waits cannot be written" sh -c "exec 9<>/proc/$pid/exe"
like "and is no file of the host's" "$(stat -f -L -c %T "/proc/$pid/exe") $(readlink "/proc/$pid/exe")" '^tmpfs /(memfd:)?basin-child'
exec 9<"/proc/$pid/exe"
image=$(sha256sum <"/proc/self/fd/9")
"$BASIN" start c1
# Somebody inside may have kept it open until nobody runs it any more, and the kernel then lets it be opened for writing.
within 5 sh -c "readlink /proc/$pid/exe | grep -v basin-child"
sh -c 'echo x >>/proc/self/fd/9' 2>/dev/null
sh -c ': >/proc/self/fd/9' 2>/dev/null
is "nor can it afterwards" "$(sha256sum <"/proc/self/fd/9")" "$image"
exec 9<&-
"$BASIN" exec c1 sh -c 'while :; do for p in /proc/[0-9]*; do e=$(readlink $p/exe); case $e in *basin) echo $e;; esac; done; done' >"$T/seen" 2>/dev/null &
watcher=$!
for _ in $(seq 30); do "$BASIN" exec c1 true; done
kill $watcher
wait $watcher 2>/dev/null
is "exec never shows the runtime's file inside" "$(cat "$T/seen")" ""
"$BASIN" delete --force c1

# Descriptors that leak into the container as its working directory.
for fd in 3 4 5 6 7 8 9; do
	bundle '["pwd"]' ".process.cwd = \"/proc/self/fd/$fd\""
	run "$BASIN" run -b "$B" c1 7</
	if [ "$STATUS" != 0 ]; then pass "cwd /proc/self/fd/$fd is refused"; else fail "cwd /proc/self/fd/$fd is refused" "$OUT"; fi
done
# One that is handed over on purpose leads there, and is refused for where it leads.
bundle '["sh", "-c", "ls"]' '.process.cwd = "/proc/self/fd/3"'
refused "a working directory that lies outside" 1 'outside the container' "$BASIN" run --preserve-fds 1 -b "$B" c1 3</
bundle '["sleep", "60"]'
"$BASIN" run -d -b "$B" c1
for fd in 3 4 5 6 7 8; do
	run "$BASIN" exec --cwd /proc/self/fd/$fd c1 sh -c 'ls ..' 7</
	if [ "$STATUS" != 0 ]; then pass "exec --cwd /proc/self/fd/$fd is refused"; else fail "exec --cwd /proc/self/fd/$fd is refused" "$OUT"; fi
done
"$BASIN" delete --force c1

# Masks by way of the image's own /dev/null.
mkdir -p "$ROOTFS/dev"
echo secret >"$ROOTFS/etc/secret"
ln -s /etc/secret "$ROOTFS/dev/null"
bundle '["sh", "-c", "wc -c </etc/masked"]' '.linux.maskedPaths = ["/etc/masked"] | .mounts = [.mounts[] | select(.destination | startswith("/dev") | not)] | .linux.devices = []'
echo masked >"$ROOTFS/etc/masked"
run "$BASIN" run -b "$B" c1
if [ "$STATUS" != 0 ] || [ "$OUT" = 0 ]; then pass "an image's /dev/null that is a link masks nothing else"; else fail "an image's /dev/null that is a link masks nothing else" "$OUT"; fi
is "and is not written through" "$(cat "$ROOTFS/etc/secret")" secret
rm "$ROOTFS/dev/null"
ln -s /etc/masked "$ROOTFS/lnk"
bundle '["sh", "-c", "wc -c </etc/masked"]' '.linux.maskedPaths = ["/lnk"]'
run "$BASIN" run -b "$B" c1
is "a mask's path that is a link is followed inside the root" "$OUT" 0
rm "$ROOTFS/lnk"
# ... exchanged when it has been made and looked at.
mkdir -p "$T/hook"
printf '#!/bin/sh\nrm %s/dev/null && ln -s /etc/secret %s/dev/null\n' "$ROOTFS" "$ROOTFS" >"$T/hook/swap"
chmod 755 "$T/hook/swap"
bundle '["sh", "-c", "readlink /dev/null; wc -c </etc/masked"]' ".linux.maskedPaths = [\"/etc/masked\"] | .mounts = [.mounts[] | select(.destination | startswith(\"/dev\") | not)] | .hooks.createRuntime = [{path: \"$T/hook/swap\"}]"
run "$BASIN" run -b "$B" c1
is "nor one that is exchanged before the masks are made" "$STATUS $OUT" "0 /etc/secret
0"
rm -f "$ROOTFS/dev/null"
ln -s /etc/secret "$ROOTFS/dev/console"
bundle '["true"]' '.mounts = [.mounts[] | select(.destination != "/dev")]'
run "$BASIN" run -b "$B" c1
is "the image's /dev/console link is not written through" "$(cat "$ROOTFS/etc/secret")" secret
rm -rf "${ROOTFS:?}"/dev/*

# What is written to procfs (sysctl, labels, limits) is written to one of the host's, and nothing can be put in the way of it inside.
B_PROC='.mounts = [.mounts[] | select(.destination | startswith("/proc") | not)]'
bundle '["cat", "/proc/sys/kernel/msgmax"]' ".linux.sysctl = {\"kernel.msgmax\": \"12345\"} | $B_PROC"' + [{destination: "/proc", type: "tmpfs", source: "tmpfs"}]'
refused "a /proc that is a tmpfs" 1 'not of type proc' "$BASIN" run -b "$B" c1
bundle '["true"]' '.mounts += [{destination: "//proc/../proc/sys", type: "tmpfs", source: "tmpfs"}]'
refused "something mounted inside /proc" 1 'inside /proc' "$BASIN" run -b "$B" c1
mkdir "$T/fake"
bundle '["true"]' "$B_PROC + [{destination: \"/proc\", type: \"bind\", source: \"$T/fake\", options: [\"rbind\"]}]"
refused "a directory of the host's as /proc" 1 'not of type proc' "$BASIN" run -b "$B" c1
ln -s /proc/self/attr "$ROOTFS/attr"
bundle '["true"]' '.mounts += [{destination: "/attr", type: "tmpfs", source: "tmpfs"}]'
refused "a link that leads into /proc" 1 'inside /proc' "$BASIN" run -b "$B" c1
ln -s sys "$ROOTFS/proc/x" 2>/dev/null
rm -f "$ROOTFS/attr" "$ROOTFS/proc/x"
bundle '["cat", "/proc/uptime"]' ".mounts += [{destination: \"/proc/uptime\", type: \"bind\", source: \"$T/uptime\", options: [\"bind\"]}]"
echo 12 34 >"$T/uptime"
run "$BASIN" run -b "$B" c1
is "a file that emulates one of procfs may lie there" "$OUT" "12 34"

# Without pivot_root the host's root stays below: the ways back that its /proc and /sys would be must not.
bundle '["sh", "-c", "ls / | xargs echo; ls -d /proc/1/root/home /proc/1/cwd/home 2>/dev/null; echo done"]'
run "$BASIN" run --no-pivot -b "$B" c1
like "--no-pivot shows the container's root" "$OUT" "^bin dev etc proc root run sbin sys tmp usr var.*done"

bundle '["unshare", "-mrpf", "sh", "-c", "mount -t proc none /proc && echo mounted"]' '.process.capabilities.bounding += ["CAP_SETFCAP"] | .process.capabilities.permitted += ["CAP_SETFCAP"]'
for other in "$T/otherproc" "$ROOTFS-proc"; do
	mkdir "$other"
	mount -t proc otherproc "$other"
	run "$BASIN" run --no-pivot -b "$B" c1
	like "nor any other whole procfs of the host's, which would allow a new one: ${other##*/}" "$STATUS $OUT $ERR" '^1 .*ermission denied'
	umount "$other"
	rmdir "$other"
done

# Paths of the root exchanged for links while containers are made in it.
cat >"$T/swap.py" <<'SWAP'
import ctypes, sys
libc = ctypes.CDLL(None)
while True:
    libc.renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2)
SWAP
swapping() { # PATH LINK-TARGET: exchanges them until swapped
	ln -s "$2" "$T/swap-link"
	mkdir -p "$1"
	mv "$T/swap-link" "$1-link"
	python3 "$T/swap.py" "$1" "$1-link" &
	SWAPPER=$!
}
swapped() {
	kill $SWAPPER 2>/dev/null
	wait $SWAPPER 2>/dev/null
	rm -rf "$1" "$1-link"
}
# All are counted inside, wherever they lie. Of those with many hardly one is made, since each mount may meet the exchange.
for count in 5 100; do
	bundle '["sh", "-c", "grep -c \" - tmpfs attack \" /proc/self/mountinfo"]' ".mounts += [range($count) | {destination: \"/swap/madeNTH/m\(.)\", type: \"tmpfs\", source: \"attack\"}]"
	cp "$B/config.json" "$T/config-$count.json"
done
swapping "$ROOTFS/swap" "$T/host"
outside='' made=0
for n in $(seq 40); do
	mkdir -p "$T/host/made$n"/m{0..99}
	count=$((n % 2 ? 100 : 5))
	sed "s/madeNTH/made$n/" "$T/config-$count.json" >"$B/config.json"
	run "$BASIN" run -b "$B" c1
	[ "$STATUS" != 0 ] || made=$((made + 1))
	[ "$STATUS $OUT" = "0 $count" ] || [ -z "$OUT" ] || outside="only $OUT mounts came inside "
done
swapped "$ROOTFS/swap"
is "a mount's destination that is exchanged for a link leads nowhere outside" "$outside$(find "$T/host" -mindepth 2 | wc -l)" 4000
if [ $made -gt 0 ]; then pass "containers were made meanwhile"; else fail "containers were made meanwhile" "$OUT $ERR"; fi
rm -rf "${ROOTFS:?}$T"
# The payload finds its procfs at one name or the other, or for a moment at none, and masked wherever it is.
bundle '["sh", "-c", "cat /proc/version /proc-link/version 2>/dev/null; test -e /tmp/self && echo elsewhere; true"]' '.linux.maskedPaths += ["/proc/version"]'
rmdir "$ROOTFS/proc"
swapping "$ROOTFS/proc" tmp
wrong=''
for _ in $(seq 40); do
	run "$BASIN" run -b "$B" c1
	[ "$STATUS$OUT" = 0 ] || [[ $STATUS$ERR =~ ^1.*(ordinary directory|file exists|no such file|symbolic link) ]] || wrong="$STATUS $OUT $ERR"
done
swapped "$ROOTFS/proc"
mkdir "$ROOTFS/proc"
is "/proc that is exchanged for a link is nowhere without its masks" "$wrong" ""

# A device that is exchanged for a link as soon as it is there: its mode is not given to what the link names.
cat >"$T/follow.py" <<'FOLLOW'
import ctypes, os, sys
libc = ctypes.CDLL(None)
where, secret = sys.argv[1:]
pairs = []
for n in range(40):
    os.symlink(secret, "%s/link%d" % (where, n))
    pairs.append((("%s/n%d" % (where, n)).encode(), ("%s/link%d" % (where, n)).encode()))
open(where + "/ready", "w").close()
for node, link in pairs:
    while libc.renameat2(-100, node, -100, link, 2) != 0:
        pass
FOLLOW
echo secret >"$T/secret"
chmod 600 "$T/secret"
bundle '["true"]' '.linux.devices = [range(40) | {path: "/nodes/n\(.)", type: "c", major: 1, minor: 3, fileMode: 438}]'
for _ in 1 2 3 4 5; do
	mkdir "$ROOTFS/nodes"
	python3 "$T/follow.py" "$ROOTFS/nodes" "$T/secret" &
	SWAPPER=$!
	within 5 test -e "$ROOTFS/nodes/ready"
	run "$BASIN" run -b "$B" c1
	swapped "$ROOTFS/nodes"
done
is "a device that is exchanged for a link does not change a file of the host's" "$(stat -c %a "$T/secret")" 600

# ... surely, after the mounts and before the masks.
printf '#!/bin/sh\nmv %s/proc %s/moved && mkdir %s/proc\n' "$ROOTFS" "$ROOTFS" "$ROOTFS" >"$T/hook/swap"
bundle '["sh", "-c", "ls /proc; test -e /moved/self && cat /moved/version"]' ".linux.maskedPaths += [\"/proc/version\"] | .hooks.createRuntime = [{path: \"$T/hook/swap\"}]"
run "$BASIN" run -b "$B" c1
is "a procfs whose directory was moved has its masks" "$STATUS$OUT" 0
rmdir "$ROOTFS/moved"

# The console is put on the name itself, not on what the image's link says.
bundle '["sh", "-c", "test -c /dev/console && test -f /etc/secret && cat /etc/secret"]' '.process.terminal = true | .mounts = [.mounts[] | select(.destination != "/dev")]'
ln -s /etc/secret "$ROOTFS/dev/console"
run script -qec "$BASIN run -b $B c1" /dev/null </dev/null
like "an image's /dev/console link does not move the terminal elsewhere" "$OUT" secret
rm -rf "${ROOTFS:?}"/dev/*

# Writes to procfs go to the kernel's, whatever has been put in the way: by the host, or by the container that exec enters.
echo fake >"$T/fake-file"
bundle '["cat", "/proc/sys/kernel/msgmax"]' '.linux.sysctl = {"kernel.msgmax": "12345"}'
run unshare -m sh -c "mount --bind $T/fake-file /proc/sys/kernel/msgmax && exec $BASIN run -b $B c1"
like "a file over the host's sysctl" "$STATUS $OUT" '^(1 |0 12345)'
is "gets nothing" "$(cat "$T/fake-file")" fake
run unshare -m sh -c "mount --bind $T/fake /proc/sys && mkdir -p $T/fake/kernel && echo fake >$T/fake/kernel/msgmax; exec $BASIN run -b $B c1"
is "nor does a directory" "$STATUS $(cat "$T/fake/kernel/msgmax")" "1 fake"
bundle '["cat", "/proc/sys/kernel/msgmax"]' '.linux.sysctl = {"net.msgmax": "12345"}'
run unshare -m sh -c "mount --bind /proc/sys/kernel /proc/sys/net && exec $BASIN run -b $B c1"
is "nor another part of procfs" "$STATUS $OUT" "1 "
bundle '["true"]' '.linux.maskedPaths = ["/etc/masked"]'
refused "what lies on the host's /dev/null masks nothing" 1 'not the null device' unshare -m sh -c "mount --bind $T/fake-file /dev/null && exec $BASIN run -b $B c1 </dev/zero"
CAPS='.process.capabilities[] += ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]'
bundle '["sh", "-c", "mount -t tmpfs x /proc && mkdir /proc/self && echo fake >/proc/self/oom_score_adj && cp -r /proc/self /proc/1; exec sleep 100"]' "$CAPS"
"$BASIN" run -d -b "$B" c1
pid=$("$BASIN" state c1 | jq .pid)
within 5 grep -q fake "/proc/$pid/root/proc/1/oom_score_adj"
jq '.process | .args = ["sleep", "50"] | .oomScoreAdj = 321' "$B/config.json" >"$T/process.json"
run "$BASIN" exec -d --pid-file "$T/exec.pid" --process "$T/process.json" c1
is "exec into a container with a procfs of its own making" "$STATUS $(cat "/proc/$(cat "$T/exec.pid")/oom_score_adj")" "0 321"
is "whose files stay as they were" "$(cat "/proc/$pid/root/proc/self/oom_score_adj")" fake
"$BASIN" delete --force c1

# What the payload may see.
bundle '["sh", "-c", "cat /proc/1/environ | tr \"\\\\0\" \"\\n\" | grep -c SECRET"]'
run env SECRET=1 "$BASIN" run -b "$B" c1
is "our environment does not come along" "$OUT" 0
bundle '["sh", "-c", "cat /proc/sysrq-trigger; echo b >/proc/sysrq-trigger; echo 1 >/proc/sys/kernel/sysrq; mount -t tmpfs x /tmp; mknod /tmp/sda b 8 0; echo done"]'
run "$BASIN" run -b "$B" c1
is "privileged acts are refused inside" "$OUT" "done"
nok "nothing came of them" test -e "$ROOTFS/tmp/sda"

# The filter of devices: the first container loads it, the next ones have the same program; one with rules of its own has another.
for n in first second third; do
	bundle '["sh", "-c", "mknod /tmp/fuse-'$n' c 10 229; (: <>/tmp/fuse-'$n') 2>/dev/null && echo open; : >/dev/null && echo null"]' '.root.readonly = false | .process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	run "$BASIN" run -b "$B" "devices-$n"
	is "a $n container opens the devices that all may, and no other" "$OUT" null
done
bundle '["sh", "-c", "mknod /tmp/fuse-own c 10 229; : <>/tmp/fuse-own; echo $?"]' '.root.readonly = false | .process.capabilities |= map_values(. + ["CAP_MKNOD"]) | .linux.resources.devices += [{allow: true, type: "c", major: 10, minor: 229, access: "rwm"}]'
run "$BASIN" run -b "$B" devices-own
mknod "$T/fuse" c 10 229
if (: <>"$T/fuse") 2>&1 | grep -q 'not permitted'; then
	skip "one with a rule of its own is not held by that filter" "this machine lets nobody open the device"
else
	nok "one with a rule of its own is not held by that filter" grep -q 'not permitted' <<<"$ERR"
fi
bundle '["sh", "-c", "(: <>/tmp/fuse-first) 2>/dev/null && echo open; : >/dev/null && echo null"]' '.'
run "$BASIN" run -b "$B" devices-last
is "and the next one is" "$OUT" null

# A place to keep state in that others can write to says what they want: whom to kill, what to run, which system calls are let through.
bundle '["sleep", "60"]' '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}'
"$BASIN" run -d -b "$B" c1
chown 4242 "$BASIN_ROOT/c1"
refused "no exec by another's state" 255 'belongs to user 4242' "$BASIN" exec c1 true
for verb in kill pause delete; do
	refused "nor $verb" 1 'belongs to user 4242' "$BASIN" $verb c1
done
is "it may be looked at" "$("$BASIN" state c1 | jq -r .status) $("$BASIN" list -q)" "running c1"
chown 0 "$BASIN_ROOT/c1"
"$BASIN" delete -f c1
mkdir -m 755 "$T/theirs"
chown 4242 "$T/theirs"
refused "no container in another's state root" 1 'belongs to another user' "$BASIN" --root "$T/theirs" run -b "$B" c1
mkdir -m 777 "$T/anybodys"
chmod 777 "$T/anybodys"
refused "nor in one that anybody may write" 1 'anybody may write' "$BASIN" --root "$T/anybodys" run -b "$B" c1
chmod 1777 "$T/anybodys"
bundle '["mkdir", "/tmp/made"]' '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}'
nok "a filter holds" "$BASIN" --root "$T/anybodys" run -b "$B" c1
# The program in the cache, all of it: let everything through.
python3 - "$T"/anybodys/.seccomp/* <<'PY'
import struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
count = struct.unpack_from("=I", data, 32)[0]
data[len(data) - 8 * count:] = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000) * count
open(sys.argv[1], "wb").write(data)
PY
ok "(the cache is what is believed)" "$BASIN" --root "$T/anybodys" run -b "$B" c1
rmdir "$ROOTFS/tmp/made"
chown 4242 "$T/anybodys/.seccomp"
nok "but not one that another user owns" "$BASIN" --root "$T/anybodys" run -b "$B" c1
