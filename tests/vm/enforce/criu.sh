#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# checkpoint and restore with a real criu, where its kernel is one that it works on: what a container has comes back as it was.
. "$(dirname "$0")/lib.sh"
command -v criu >/dev/null || skip_all "criu is not installed"
criu check >"$T/check" 2>&1 || skip_all "criu does not work on this kernel: $(grep Error "$T/check" | head -n 1)"
make_rootfs
B=$T/bundle
# Shared with others, as engines have it: the container's root is a slave of it then.
mount --bind "$ROOTFS" "$ROOTFS" && mount --make-shared "$ROOTFS"
at_end() {
	umount -l "$ROOTFS"
}

# What went wrong in what was just run, from criu's own logs.
why() {
	[ "$STATUS" = 0 ] || grep -h Error "$T"/images*/*.log "$T/work"/*.log 2>/dev/null | head -n 5 | sed 's/^/#   /'
}
checkpoint() { # NAME OPTION... ID
	local name=$1
	shift
	ok "$name" timeout 60 "$BASIN" checkpoint "$@"
	why
}
restore() {
	local name=$1
	shift
	ok "$name" timeout 60 "$BASIN" restore -d -b "$B" "$@"
	why
}
# Payloads whose memory tells that it is the same: they count.
COUNT=$ROOTFS/tmp/count
counted() { # N
	[ -s "$COUNT" ] && [ "$(cat "$COUNT")" -gt "$1" ]
}
counts_on() {
	local before
	before=$(cat "$COUNT")
	ok "it counts on" within 10 counted "$before"
}

start() { # ID
	rm -f "$COUNT"
	# Its streams lead nowhere, so that nothing of the host is in it.
	"$BASIN" run -d -b "$B" "$1" </dev/null >/dev/null 2>&1 && within 10 counted 3
}
# shellcheck disable=SC2016
COUNTER='i=0; while :; do [ -e /tmp/hold ] || { i=$((i + 1)); echo $i >/tmp/count; }; sleep 0.1; done'
FULL=".process.args = [\"sh\", \"-c\", \"$COUNTER\"] | .root.readonly = false"

# --- there and back; a terminal; in steps; what lies outside ---
make_bundle "$B" "$FULL"
ok "a counter" start c1
checkpoint "checkpoint" --image-path "$T/images2" --work-path "$T/work" c1
refused "the container is gone" 1 'does not exist' "$BASIN" state c1
is "its cgroup too" "$(find "$BASIN_CGROUP_ROOT" -name c1)" ""
ok "the descriptors are told" jq -e 'length == 3 and .[0] == "/dev/null"' "$T/images2/descriptors.json"
ok "the log is in the working directory" test -s "$T/work/dump.log" -a ! -e "$T/images2/dump.log"
restore "restore" --image-path "$T/images2" --work-path "$T/work" --pid-file "$T/pid" c1
is "it runs" "$("$BASIN" state c1 | jq -r .status)" running
is "as the process that --pid-file names" "$("$BASIN" state c1 | jq -r .pid)" "$(cat "$T/pid")"
counts_on
is "in its cgroup" "$(grep -c '/c1$' "/proc/$(cat "$T/pid")/cgroup")" 1
is "nothing of the way is left" "$(find "$BASIN_ROOT/c1" -name "criu*")$(grep criu-root /proc/self/mountinfo)" ""
touch "$ROOTFS/tmp/hold" # so that the file is not open, which is another when the container is restored
ok "exec leaves a process" "$BASIN" exec c1 sh -c 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >/tmp/left'
checkpoint "a checkpoint that leaves it running" --leave-running --auto-dedup --image-path "$T/images1" c1
is "does" "$("$BASIN" state c1 | jq -r .status)" running
ok "delete" "$BASIN" delete -f c1
restore "another from the one that was left running" --auto-dedup --image-path "$T/images1" --manage-cgroups-mode ignore c2
is "is in its own cgroup" "$(grep -c '/c2$' "/proc/$("$BASIN" state c2 | jq -r .pid)/cgroup")" 1
rm "$ROOTFS/tmp/hold"
counts_on
ok "what exec left is there, too" "$BASIN" exec c2 sh -c 'kill -0 "$(cat /tmp/left)"'
ok "delete that" "$BASIN" delete -f c2

# Once with a terminal, whose master goes to whoever waits at the socket.
cat >"$T/receive.py" <<'RECEIVE'
import array, os, socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(2)
kept = []
while True:
    _, control, _, _ = server.accept()[0].recvmsg(64, socket.CMSG_SPACE(4))
    fds = array.array("i", control[0][2][:4])
    kept.append(fds[0])
    print(os.readlink("/proc/self/fd/%d" % fds[0]), flush=True)
RECEIVE
python3 "$T/receive.py" "$T/console" >"$T/masters" &
mkdir -p "$T/outside/sub" "$T/inner" "$B/own" "$ROOTFS/real"
ln -s /real "$ROOTFS/link"
make_bundle "$B" "$FULL | .process.terminal = true | .mounts += [{source: \"$T/outside\", destination: \"/link\", options: [\"bind\"]},
	{source: \"$T/inner\", destination: \"/link/sub/deep\", options: [\"bind\"]},
	{source: \"own/.\", destination: \"/own\", options: [\"bind\"]}] |
	.hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >$T/state; readlink /proc/self/ns/mnt >$T/ns\"]}]"
rm -f "$COUNT"
within 5 test -S "$T/console"
ok "a terminal, and binds, one inside the other, through a link, and one of the bundle's" "$BASIN" run -d -b "$B" --console-socket "$T/console" c1
ok "counts" within 10 counted 3
before=()
if criu check --feature mem_dirty_track >/dev/null 2>&1; then
	checkpoint "a pre-dump" --pre-dump --image-path "$T/images3" c1
	is "leaves it running" "$("$BASIN" state c1 | jq -r .status)" running
	before=(--parent-path ../images3)
else
	skip "a pre-dump" "this kernel does not track dirty memory"
fi
checkpoint "checkpoint, after that" "${before[@]}" --image-path "$T/images4" c1
[ ${#before[@]} = 0 ] || ok "which points to it" test -e "$T/images4/parent"
rm -rf "$T/outside/sub" "$T/state"
restore "restore makes the destination again" --console-socket "$T/console" --image-path "$T/images4" c1
ok "and mounts there" "$BASIN" exec c1 grep -q ' /real/sub/deep ' /proc/mounts
counts_on
is "the terminal's master went to the socket" "$(grep -c '/ptmx$' "$T/masters")" 2
is "hooks run" "$(jq -r .status "$T/state")" created
is "in the host's namespaces" "$(cat "$T/ns")" "$(readlink /proc/self/ns/mnt)"
ok "delete it" "$BASIN" delete -f c1

# --- connections, locks, and a network namespace that was there ---
cat >"$ROOTFS/payload.py" <<'PAYLOAD'
import fcntl, os, socket, sys, time
lock = open("/tmp/lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
posix = open("/tmp/posix", "w")
fcntl.lockf(posix, fcntl.LOCK_EX)
server = socket.create_server(("127.0.0.1", 7777))
client = socket.create_connection(("127.0.0.1", 7777))
peer, _ = server.accept()
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
out.connect(sys.argv[1])
number = 0
while True:
    number += 1
    client.sendall(b"%08d" % number)
    got = peer.recv(8, socket.MSG_WAITALL)
    out.send(got)
    with open("/tmp/new", "w") as count:
        count.write("%d\n" % int(got))
    os.rename("/tmp/new", "/tmp/count")
    time.sleep(0.05)
PAYLOAD
cat >"$T/hear.py" <<'HEAR'
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1])
while True:
    got = server.recv(8)
    with open(sys.argv[2], "w") as heard:
        heard.write("%d\n" % int(got))
HEAR
mkdir -p "$ROOTFS/lib" "$ROOTFS/lib64"
mkdir -p /run/netns
make_netns() {
	ip netns add basin-criu && ip -n basin-criu link set lo up
}
make_netns
# In the same network namespace: criu finds the other ends of unix sockets there only. And by the name that it has here.
nsenter --net=/run/netns/basin-criu python3 "$T/hear.py" "$T/outside/socket" "$T/heard" &
within 5 test -S "$T/outside/socket"
make_bundle "$B" ".process.args = [\"/usr/bin/python3\", \"/payload.py\", \"$T/outside/socket\"] | .root.readonly = false |
	(.linux.namespaces[] | select(.type == \"network\")).path = \"/run/netns/basin-criu\" | .mounts += [
	{source: \"/usr\", destination: \"/usr\", options: [\"bind\", \"ro\"]}, {source: \"/usr/lib\", destination: \"/lib\", options: [\"bind\", \"ro\"]},
	{source: \"/usr/lib64\", destination: \"/lib64\", options: [\"bind\", \"ro\"]}, {source: \"$T/outside\", destination: \"$T/outside\", options: [\"bind\"]}]"
ok "one with connections and locks" start c1
nok "is not written without being asked to" "$BASIN" checkpoint --image-path "$T/images5" c1
like "and basin says why" "$ERR" 'Error.*(--tcp-established|--file-locks|--ext-unix-sk|Connected TCP|lock|external)'
ok "it goes on" within 10 counted "$(cat "$COUNT")"
SOCKETS=(--tcp-established --ext-unix-sk --file-locks)
checkpoint "if asked to it is" "${SOCKETS[@]}" --image-path "$T/images6" c1
rm -f "$T/heard"
# Made anew, as engines do: where criu has held the connections back they stay so.
ip netns del basin-criu
make_netns
restore "and comes back" "${SOCKETS[@]}" --image-path "$T/images6" c1
counts_on # through the connection
ok "the socket outside is heard of" within 5 test -s "$T/heard"
python3 - "$ROOTFS/tmp" >"$T/locks" <<'LOCKS'
import fcntl, sys
for name, lock in (("lock", fcntl.flock), ("posix", fcntl.lockf)):
    try:
        lock(open(sys.argv[1] + "/" + name, "w"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print(name)
LOCKS
is "the locks are held" "$(cat "$T/locks")" $'lock\nposix'
is "it is in the network namespace that was there" "$(stat -Lc %i "/proc/$("$BASIN" state c1 | jq -r .pid)/ns/net")" "$(stat -Lc %i /run/netns/basin-criu)"
ok "delete it too" "$BASIN" delete -f c1
ip netns del basin-criu

# --- in the foreground, and a pipe ---
make_bundle "$B" '.process.args = ["sh", "-c", "until [ -e /tmp/go ]; do sleep 0.1; done; echo back; exit 7"]'
"$BASIN" run -d -b "$B" c1 </dev/null 2>/dev/null | cat >/dev/null &
runs() { [ "$("$BASIN" state c1 | jq -r .status)" = running ]; }
within 5 runs
checkpoint "one that will end" --image-path "$T/images7" c1
touch "$ROOTFS/tmp/go"
timeout 60 "$BASIN" restore -b "$B" --image-path "$T/images7" c1 </dev/null 2>/dev/null | cat >"$T/piped"
is "restore in the foreground passes its status on" "${PIPESTATUS[0]}" 7
is "what was a pipe is the caller's" "$(cat "$T/piped")" back
refused "and it is removed" 1 'does not exist' "$BASIN" state c1

# --- memory that moves when it is asked for ---
if ! criu check --feature uffd-noncoop >/dev/null 2>&1; then
	skip "--lazy-pages" "this kernel has no userfaultfd that criu can use"
	exit 0
fi
make_bundle "$B" "$FULL"
ok "one that moves" start c1
mkfifo "$T/ready"
timeout 90 "$BASIN" checkpoint --lazy-pages --page-server 127.0.0.1:27277 --status-fd 9 --manage-cgroups-mode ignore --work-path "$T/work" --image-path "$T/images8" c1 9>"$T/ready" &
server=$!
is "--status-fd tells when its memory can be had" "$(timeout 60 head -c 1 <"$T/ready" | od -An -tx1 | tr -d ' ')" 00
timeout 90 criu lazy-pages --page-server --address 127.0.0.1 --port 27277 -D "$T/images8" >"$T/work/lazy.log" 2>&1 &
daemon=$!
restore "restore --lazy-pages" --lazy-pages --manage-cgroups-mode ignore --work-path "$T/images8" --image-path "$T/images8" c2
counts_on
ok "checkpoint comes to its end" wait $server
ok "and so does criu's" wait $daemon
is "one container is left" "$("$BASIN" list -q)" c2
ok "delete the one that moved" "$BASIN" delete -f c2
