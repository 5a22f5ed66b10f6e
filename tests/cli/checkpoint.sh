#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `basin checkpoint` and `basin restore`: with criu where it works (Debian's on Debian's kernel), and what is said where it does not.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
mkdir "$T/images" "$T/work"

make_bundle "$B" '.process.args = ["sleep", "60"]'
refused "an unknown container" 1 'does not exist' "$BASIN" checkpoint c1
"$BASIN" create -b "$B" c1
refused "one that does not run" 1 'cannot be checkpointed in created state' "$BASIN" checkpoint c1
"$BASIN" start c1
refused "an absolute --parent-path" 1 '--parent-path must be relative' "$BASIN" checkpoint --image-path "$T/images" --parent-path "$T" c1
refused "one that is not there" 1 'invalid --parent-path' "$BASIN" checkpoint --image-path "$T/images" --parent-path ../no c1
refused "a status descriptor that is not open" 1 'invalid --status-fd argument 77' "$BASIN" checkpoint --image-path "$T/images" --lazy-pages --status-fd 77 c1
refused "no criu" 1 'criu.*executable file not found in \$PATH' env PATH="$T" "$BASIN" checkpoint --image-path "$T/images" c1
is "and the container goes on" "$("$BASIN" state c1 | jq -r .status)" running
refused "no criu for restore" 1 'criu.*executable file not found in \$PATH' env PATH="$T" "$BASIN" restore -d -b "$B" --image-path "$T/images" c2
refused "which leaves nothing" 1 'does not exist' "$BASIN" state c2
printf '#!/bin/sh\nexit 1\n' >"$T/tmp/criu"
chmod 755 "$T/tmp/criu"
refused "one that does not answer" 1 'criu ended without an answer' env PATH="$T/tmp" "$BASIN" checkpoint --image-path "$T/images" c1
rm "$T/tmp/criu"

# --- a stand-in, for the conversation ---
mkdir "$T/bin"
cp "$TESTS/cli/criu_stand_in.py" "$T/bin/criu"
export CRIU_LOG=$T/log
with() { # WHAT-CRIU-SAYS COMMAND...
	local says=$1
	shift
	env "PATH=$T/bin:$PATH" "CRIU_SAYS=$says" "$@"
}
refused "one that is too old" 1 'CRIU version 31000 must be 31500 or higher' with old "$BASIN" checkpoint --image-path "$T/images" c1
refused "a kernel that does not track memory" 1 'criu is missing features: .MemTrack' with new "$BASIN" checkpoint --pre-dump --image-path "$T/images" c1
refused "a dump that fails" 1 'criu failed: type DUMP errno 52: it is tired$' with no "$BASIN" checkpoint --image-path "$T/images" c1
is "it was for the container's process" "$(cat "$T/log")" "dump $("$BASIN" state c1 | jq .pid)"
ok "one that does not" with new "$BASIN" checkpoint --image-path "$T/images" c1
refused "ends the container" 1 'does not exist' "$BASIN" state c1
mkdir -p "$T/far/sub" "$T/near" "$ROOTFS/there"
ln -sfn /there "$ROOTFS/link"
make_bundle "$B" ".process.args = [\"sleep\", \"60\"] | .mounts += [{source: \"$T/far\", destination: \"/link\", options: [\"bind\"]},
	{source: \"../near\", destination: \"/link/sub/deep\", options: [\"bind\"]}] | .hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >$T/state\"]}]"
rm "$T/log"
ok "restore" with new "$BASIN" restore -d -b "$B" --image-path "$T/images" --pid-file "$T/pid" c1
is "the container runs" "$("$BASIN" state c1 | jq -r '.status, .pid' | tr '\n' ' ')" "running $(cat "$T/pid") "
is "criu was in its cgroup" "$(grep -c "^cgroup 0::.*/c1\$" "$T/log")" 1
is "the root was a mount point" "$(grep mounted "$T/log")" "mounted 1"
is "binds are told without links" "$(grep '^mount /there' "$T/log" | cut -d' ' -f2 | tr '\n' ' ')" "/there /there/sub/deep "
is "with their sources" "$(grep '^mount /there' "$T/log" | cut -d' ' -f3 | tr '\n' ' ')" "$T/far $B/../near "
ok "whose destinations were made" test -d "$T/far/sub/deep"
is "the hook saw the process" "$(jq -r '.status, .pid' "$T/state" | tr '\n' ' ')" "created $(cat "$T/pid") "
is "nothing of the way is left" "$(find "$BASIN_ROOT/c1" -name "criu*")$(grep criu-root /proc/self/mountinfo)" ""
"$BASIN" delete -f c1
ok "in the foreground" with new "$BASIN" restore -b "$B" --image-path "$T/images" c1
refused "it is removed at its end" 1 'does not exist' "$BASIN" state c1
rm "$ROOTFS/link"
if [ -e /proc/self/ns/time ]; then
	ok "restored into a time namespace" with time "$BASIN" restore -d -b "$B" --image-path "$T/images" --pid-file "$T/pid" c1
	is "exec joins it" "$("$BASIN" exec c1 readlink /proc/self/ns/time)" "$(readlink "/proc/$(cat "$T/pid")/ns/time")"
	"$BASIN" delete -f c1
else
	skip "restored into a time namespace" "this kernel has none"
fi

if ! command -v criu >/dev/null; then
	skip "with criu" "criu is not installed"
	exit 0
fi
if ! criu check >"$T/check" 2>&1; then
	skip "with criu" "criu does not work on this kernel: $(grep Error "$T/check" | head -n 1)"
	exit 0
fi

# A payload whose memory tells that it is the same: it counts.
counter='i=0; while :; do i=$((i + 1)); echo $i >/tmp/count; sleep 0.1; done'
FULL=".process.args = [\"sh\", \"-c\", \"$counter\"] | .root.readonly = false"
count() {
	"$BASIN" exec "$1" cat /tmp/count
}
passed() { # ID N
	local now
	now=$(count "$1") && [ -n "$now" ] && [ "$now" -gt "$2" ]
}
start_counter() { # ID; its streams lead nowhere, so that nothing of the host is in it
	"$BASIN" run -d -b "$B" "$1" </dev/null >/dev/null 2>&1 && within 5 passed "$1" 3
}
why() {
	[ "$STATUS" = 0 ] || grep -h Error "$T"/images*/*.log "$T/work"/*.log 2>/dev/null | head -n 5 | sed 's/^/#   /'
}

make_bundle "$B" "$FULL"
ok "a counter" start_counter c1
ok "checkpoint" "$BASIN" checkpoint --image-path "$T/images" --work-path "$T/work" c1
why
refused "the container is gone" 1 'does not exist' "$BASIN" state c1
is "its cgroup too" "$(find "$BASIN_CGROUP_ROOT" -name c1)" ""
ok "the descriptors are told" jq -e 'length == 3 and .[0] == "/dev/null"' "$T/images/descriptors.json"
before=$(cat "$ROOTFS/tmp/count")
ok "restore" "$BASIN" restore -d -b "$B" --image-path "$T/images" --work-path "$T/work" --pid-file "$T/pid" c1
why
is "it runs" "$("$BASIN" state c1 | jq -r .status)" running
is "as the process that --pid-file names" "$("$BASIN" state c1 | jq -r .pid)" "$(cat "$T/pid")"
ok "and counts on" within 5 passed c1 "$before"
is "in its cgroup" "$(grep -c '/c1$' "/proc/$(cat "$T/pid")/cgroup")" 1
is "nothing of the way is left" "$(find "$BASIN_ROOT/c1" -name "criu*")$(grep criu-root /proc/self/mountinfo)" ""
ok "exec leaves a process" "$BASIN" exec c1 sh -c 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >/tmp/left'
ok "once more" "$BASIN" checkpoint --image-path "$T/images2" c1
why
ok "with another directory" "$BASIN" restore -d -b "$B" --image-path "$T/images2" c1
why
ok "what exec left is there, too" "$BASIN" exec c1 sh -c 'kill -0 "$(cat /tmp/left)"'
ok "a checkpoint that leaves it running" "$BASIN" checkpoint --leave-running --image-path "$T/images3" c1
why
is "does" "$("$BASIN" state c1 | jq -r .status)" running
ok "kill" "$BASIN" delete -f c1
ok "from which another can be made" "$BASIN" restore -d -b "$B" --image-path "$T/images3" --manage-cgroups-mode ignore c2
why
ok "delete" "$BASIN" delete -f c2

# --- what lies outside ---
mkdir -p "$T/outside/sub" "$T/inner" "$ROOTFS/real"
ln -s /real "$ROOTFS/link"
make_bundle "$B" "$FULL | .mounts += [{source: \"$T/outside\", destination: \"/link\", options: [\"bind\"]},
	{source: \"$T/inner\", destination: \"/link/sub/deep\", options: [\"bind\"]}] |
	.hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >$T/state; readlink /proc/self/ns/mnt >$T/ns\"]}]"
ok "binds, one inside the other, through a link" start_counter c1
ok "checkpoint" "$BASIN" checkpoint --image-path "$T/images4" c1
why
rm -rf "$T/outside/sub" "$T/state"
ok "restore makes the destination again" "$BASIN" restore -d -b "$B" --image-path "$T/images4" c1
why
ok "and mounts there" "$BASIN" exec c1 grep -q ' /real/sub/deep ' /proc/mounts
is "hooks run" "$(jq -r .status "$T/state")" created
is "in the host's namespaces" "$(cat "$T/ns")" "$(readlink /proc/self/ns/mnt)"
"$BASIN" delete -f c1

# --- in steps ---
make_bundle "$B" "$FULL"
if criu check --feature mem_dirty_track >/dev/null 2>&1; then
	start_counter c1
	ok "a pre-dump" "$BASIN" checkpoint --pre-dump --image-path "$T/parent" c1
	why
	is "leaves it running" "$("$BASIN" state c1 | jq -r .status)" running
	mkdir -p "$T/images5"
	ok "the rest" "$BASIN" checkpoint --parent-path ../parent --image-path "$T/images5" c1
	why
	ok "which points to it" test -e "$T/images5/parent"
	ok "restore of both" "$BASIN" restore -d -b "$B" --image-path "$T/images5" c1
	why
	"$BASIN" delete -f c1
else
	skip "a pre-dump" "this kernel does not track dirty memory"
fi

# --- a network namespace of the host's ---
ip netns add "basin-$$" 2>/dev/null || mkdir -p /run/netns
if [ -e "/run/netns/basin-$$" ]; then
	make_bundle "$B" "$FULL | (.linux.namespaces[] | select(.type == \"network\")).path = \"/run/netns/basin-$$\""
	start_counter c1
	ok "one in a network namespace that was there" "$BASIN" checkpoint --image-path "$T/images6" c1
	why
	ok "comes back into it" "$BASIN" restore -d -b "$B" --image-path "$T/images6" c1
	why
	is "the same" "$(stat -Lc %i "/proc/$("$BASIN" state c1 | jq -r .pid)/ns/net")" "$(stat -Lc %i "/run/netns/basin-$$")"
	"$BASIN" delete -f c1
	ip netns del "basin-$$"
fi

# --- in the foreground, and a terminal ---
make_bundle "$B" '.process.args = ["sh", "-c", "sleep 2; exit 7"]'
"$BASIN" run -d -b "$B" c1 </dev/null >/dev/null 2>&1
ok "one that will end" "$BASIN" checkpoint --image-path "$T/images7" c1
why
run "$BASIN" restore -b "$B" --image-path "$T/images7" c1
is "restore in the foreground passes its status on" "$STATUS" 7
refused "and removes it" 1 'does not exist' "$BASIN" state c1
cat >"$T/receive.py" <<'RECEIVE'
import array, os, socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(2)
masters = []
for _ in range(2):
    connection, _ = server.accept()
    _, control, _, _ = connection.recvmsg(64, socket.CMSG_SPACE(4))
    fds = array.array("i")
    fds.frombytes(control[0][2][:4])
    masters.append(fds[0])
    open(sys.argv[2], "a").write(os.readlink("/proc/self/fd/%d" % fds[0]) + "\n")
time.sleep(60)
RECEIVE
python3 "$T/receive.py" "$T/console" "$T/masters" &
within 5 test -S "$T/console"
make_bundle "$B" "$FULL | .process.terminal = true"
ok "one with a terminal" "$BASIN" run -d -b "$B" --console-socket "$T/console" c1
ok "checkpoint" "$BASIN" checkpoint --image-path "$T/images8" c1
why
ok "restore" "$BASIN" restore -d -b "$B" --console-socket "$T/console" --image-path "$T/images8" c1
why
within 5 test "$(wc -l <"$T/masters")" = 2
is "its master goes to the socket" "$(grep -c '/ptmx$' "$T/masters")" 2
"$BASIN" delete -f c1
