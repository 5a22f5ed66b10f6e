#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hooks of `basin run`, `create`, `start` and `delete`: order, namespaces, the state on standard input, environment, timeouts, failures.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
LOG=$T/log
cat >"$T/hook" <<'HOOK'
#!/bin/sh
state=$(cat)
echo "$1 $(echo "$state" | jq -r '.status + " " + .id' 2>/dev/null) $(readlink /proc/self/ns/mnt) ${VALUE:-}" >>"$LOG"
HOOK
chmod 755 "$T/hook"
cp "$(command -v busybox)" "$ROOTFS/hookbox"
export LOG

hook() { # NAME [more of the object]
	echo "{\"path\": \"$T/hook\", \"args\": [\"hook\", \"$1\"], \"env\": [\"LOG=$LOG\", \"PATH=/usr/bin:/bin\", \"VALUE=v-$1\"]${2:+, $2}}"
}
make_bundle "$B" ".process.args = [\"true\"] | .root.readonly = false | .hooks = {
	prestart: [$(hook prestart)], createRuntime: [$(hook createRuntime1), $(hook createRuntime2)], createContainer: [$(hook createContainer)],
	startContainer: [{path: \"/hookbox\", args: [\"sh\", \"-c\", \"echo startContainer \$(grep -o '.status.: .created' | grep -o created) >/started\"], env: [\"PATH=/bin\"]}],
	poststart: [$(hook poststart)], poststop: [$(hook poststop)]}"
ours=$(readlink /proc/self/ns/mnt)
ok "create runs with hooks" "$BASIN" create -b "$B" c1
is "before start these have run" "$(cut -d' ' -f1 "$LOG" | tr '\n' ' ')" "prestart createRuntime1 createRuntime2 createContainer "
is "in our namespaces" "$(grep -cF "creating c1 $ours" "$LOG")" 3
is "createContainer in the container's" "$(grep createContainer "$LOG" | grep -cF "$ours")" 0
is "each with its environment" "$(grep -c 'v-createRuntime2' "$LOG")" 1
ok "start" "$BASIN" start c1
is "startContainer ran inside, with the state" "$(cat "$ROOTFS/started")" "startContainer created"
is "poststart ran" "$(tail -n 1 "$LOG" | cut -d' ' -f1-3)" "poststart running c1"
stopped() { [ "$("$BASIN" state c1 | jq -r .status)" = stopped ]; }
within 5 stopped
ok "delete" "$BASIN" delete c1
is "poststop ran" "$(tail -n 1 "$LOG" | cut -d' ' -f1-3)" "poststop stopped c1"
rm "$LOG" "$ROOTFS/started"
ok "run does the same" "$BASIN" run -b "$B" c1
is "all of them, in order" "$(cut -d' ' -f1 "$LOG" | tr '\n' ' ')" "prestart createRuntime1 createRuntime2 createContainer poststart poststop "

failing() { # KIND REGEX NAME
	make_bundle "$B" ".process.args = [\"true\"] | .hooks = {$1: [{path: \"$2\"${3:+, $3}}]}"
}
failing createRuntime /bin/false
refused "a hook that fails stops create" 1 'createRuntime hook #0 "/bin/false" failed: exit status 1' "$BASIN" create -b "$B" c1
refused "and leaves nothing" 1 'does not exist' "$BASIN" state c1
failing createContainer /bin/false
refused "a hook that fails in the container" 1 'hook "/bin/false" failed: exit status 1' "$BASIN" create -b "$B" c1
failing startContainer /bin/false
"$BASIN" create -b "$B" c1
refused "one of start" 1 'hook "/bin/false" failed: exit status 1' "$BASIN" start c1
"$BASIN" delete --force c1
failing createRuntime /nosuch/hook
refused "a hook that is not there" 1 '/nosuch/hook' "$BASIN" create -b "$B" c1
failing createRuntime /bin/sleep '"args": ["sleep", "30"], "timeout": 1'
refused "a hook that takes too long" 1 'longer than its 1 s' "$BASIN" create -b "$B" c1
failing createContainer /bin/sleep '"args": ["sleep", "30"], "timeout": 1'
refused "one in the container that takes too long" 1 'longer than its timeout' "$BASIN" create -b "$B" c1
failing poststart /bin/false
refused "a poststart hook that fails ends the container" 1 'poststart hook #0' "$BASIN" run -b "$B" c1
refused "which is gone" 1 'does not exist' "$BASIN" state c1
failing poststop /bin/false
ok "a poststop hook that fails is a warning" "$BASIN" run -b "$B" c1
