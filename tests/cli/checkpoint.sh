#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `basin checkpoint` and `basin restore`: what is asked of criu, by way of a stand-in, and what is said where there is none (tests/vm/enforce/criu.sh has
# a real one).
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
is "with their sources" "$(grep '^mount /there' "$T/log" | cut -d' ' -f3 | tr '\n' ' ')" "$T/far $T/near "
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
