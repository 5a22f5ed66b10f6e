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
is "in our namespaces" "$(grep -cF "created c1 $ours" "$LOG")" 3
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
refused "a hook that fails stops create" 1 '^error running createRuntime hook #0: failed with exit code 1: "/bin/false"$' "$BASIN" create -b "$B" c1
refused "and leaves nothing" 1 'does not exist' "$BASIN" state c1
failing createContainer /bin/false
refused "a hook that fails in the container" 1 '^error running createContainer hook #0: failed with exit code 1: "/bin/false"$' "$BASIN" create -b "$B" c1
failing startContainer /bin/false
"$BASIN" create -b "$B" c1
refused "one of start" 1 '^error running startContainer hook #0: failed with exit code 1: "/bin/false"$' "$BASIN" start c1
"$BASIN" delete --force c1
for verb in run start; do
	make_bundle "$B" ".process.args = [\"true\"] | .hooks = {startContainer: [{path: \"/bin/false\"}], poststart: [$(hook poststart)], poststop: [$(hook poststop)]}"
	rm -f "$LOG"
	bundle=(-b "$B")
	[ $verb = run ] || { "$BASIN" create "${bundle[@]}" c1 && bundle=(); }
	refused "$verb: it is told when others follow" 1 '^error running startContainer hook #0' "$BASIN" $verb "${bundle[@]}" c1
	[ $verb = run ] || ok "what start left is deleted" "$BASIN" delete c1
	is "$verb: poststart and poststop run all the same" "$(cut -d' ' -f1,2 "$LOG" | tr '\n' ' ')" "poststart stopped poststop stopped "
done
failing createRuntime /nosuch/hook
refused "a hook that is not there" 1 '/nosuch/hook' "$BASIN" create -b "$B" c1
failing createRuntime /bin/sleep '"args": ["sleep", "30"], "timeout": 1'
refused "a hook that takes too long" 1 'error running createRuntime hook #0: ran past its timeout of 1 s' "$BASIN" create -b "$B" c1
failing createRuntime /bin/sh '"args": ["sh", "-c", "sleep 7771 & sleep 7772"], "timeout": 1'
refused "one that has started others" 1 'error running createRuntime hook #0: ran past' "$BASIN" create -b "$B" c1
gone() { ! pgrep -f '^sleep 777'; }
ok "takes them with it" within 5 gone
failing createContainer /bin/sleep '"args": ["sleep", "30"], "timeout": 1'
refused "one in the container that takes too long" 1 'error running createContainer hook #0: ran past its timeout of seconds: 1' "$BASIN" create -b "$B" c1
failing poststart /bin/false
refused "a poststart hook that fails ends the container" 1 'poststart hook #0' "$BASIN" run -b "$B" c1
refused "which is gone" 1 'does not exist' "$BASIN" state c1
failing poststop /bin/false
ok "a poststop hook that fails is a warning" "$BASIN" run -b "$B" c1

# What a failing hook said is in the message; what a good one said is nowhere, or where the annotations send it.
failing prestart /bin/sh '"args": ["sh", "-c", "echo out; echo err >&2; exit 3"]'
refused "its words are told" 1 'prestart hook #0: failed with exit code 3: "/bin/sh": out err$' "$BASIN" create -b "$B" c1
failing startContainer /bin/sh '"args": ["sh", "-c", "echo from inside >&2; exit 4"]'
refused "those of one inside too" 1 'startContainer hook #0: failed with exit code 4: "/bin/sh": from inside$' "$BASIN" run -b "$B" c1
failing createContainer /nosuch
refused "one inside that is not there" 1 'createContainer hook #0: failed with exit code 127: "/nosuch": no such file' "$BASIN" run -b "$B" c1
failing prestart /bin/sh '"args": ["sh", "-c", "kill -9 $$"]'
refused "one that is killed" 1 'prestart hook #0: was killed by signal 9: "/bin/sh"' "$BASIN" run -b "$B" c1
make_bundle "$B" ".process.args = [\"true\"] | .hooks = {prestart: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo out; echo err >&2\"]}]}"
run "$BASIN" run -b "$B" c1
is "a good one is quiet" "$OUT$ERR" ""
make_bundle "$B" ".process.args = [\"true\"] | .hooks = {prestart: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo out; echo err >&2\"]}]} |
	.annotations = {\"run.oci.hooks.stdout\": \"$T/hook.out\", \"run.oci.hooks.stderr\": \"$T/hook.err\"}"
"$BASIN" run -b "$B" c1
is "annotations send it to files" "$(cat "$T/hook.out" "$T/hook.err")" "out
err"

make_bundle "$B" ".process.args = [\"true\"] | .root.readonly = false | .hooks = {createContainer: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo create; cat >&2\"]}],
	startContainer: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo start; cat >&2\"]}]} |
	.annotations = {\"run.oci.hooks.stdout\": \"$T/inside.out\", \"run.oci.hooks.stderr\": \"$T/inside.err\"}"
ln -s "$B" "$T/link"
for verb in run create; do
	rm -f "$T"/inside.*
	"$BASIN" $verb -b "$T/link/" c1
	[ $verb = run ] || "$BASIN" start c1
	is "$verb: of those inside too" "$(tr '\n' ' ' <"$T/inside.out")" "create start "
	is "$verb: they hear the bundle's name as it was given, and that they are created" "$(jq -rs 'map("\(.bundle) \(.status) \(.pid)") | join(",")' "$T/inside.err")" \
		"$T/link created 1,$T/link created 1"
done
within 5 sh -c "$BASIN delete c1"

# Where they run, and with what.
inside() { # KIND SCRIPT [more]: a hook of busybox's, which is at the same place inside and outside
	make_bundle "$B" ".process.args = [\"true\"] | .root.readonly = false | .process.env = [\"ONE=two\", \"PATH=/bin\"] |
		.hooks = {$1: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"$2\"]${3:+, $3}}]}"
	run "$BASIN" run -b "$B" c1
}
inside prestart "pwd >$T/where"
is "the runtime's in the bundle" "$(cat "$T/where")" "$B"
inside createContainer "pwd >$T/where; touch ./here"
is "createContainer in the root" "$(cat "$T/where")" "$ROOTFS"
ok "by its place" test -e "$ROOTFS/here"
inside createContainer "echo \$FROM >$T/where"
FROM=outside inside createContainer "echo \$FROM >$T/where"
is "createContainer inherits our environment" "$(cat "$T/where")" outside
inside startContainer "echo \$ONE \${HOME:+home} >/where"
is "startContainer the payload's" "$(cat "$ROOTFS/where")" "two home"
inside startContainer "echo \${ONE:-none} >/where" 'env: []'
is "unless it has one, though empty" "$(cat "$ROOTFS/where")" "none"
inside startContainer "grep -o 'pid[^,]*' >/where"
is "its pid is the container's" "$(tr -dc 0-9 <"$ROOTFS/where")" 1
inside prestart "exec <&-; exit 0"
is "one that does not read its input" "$STATUS" 0
inside prestart "sleep 1000 >/dev/null 2>&1 & echo \$! >$T/left"
is "one that leaves a process behind does not hold us" "$STATUS" 0
kill "$(cat "$T/left")"

# However it ends, poststop has the last word.
last() { # KIND
	rm -f "$T/last"
	make_bundle "$B" ".process.args = [\"true\"] | .hooks = {$1: [{path: \"/bin/false\"}], poststop: [{path: \"/bin/false\"},
		{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"grep -c stopped >$T/last\"]}]}"
}
for kind in prestart createRuntime createContainer; do
	last $kind
	"$BASIN" create -b "$B" c1 2>/dev/null
	is "poststop runs, all of it, when create fails in $kind" "$(cat "$T/last")" 1
done
for kind in startContainer poststart; do
	last $kind
	"$BASIN" run -b "$B" c1 2>/dev/null
	is "and when run fails in $kind" "$(cat "$T/last")" 1
done
last poststart
"$BASIN" create -b "$B" c1
refused "start fails in poststart" 1 'error running poststart hook #0' "$BASIN" --log "$T/warnings" start c1
is "which deletes it" "$(cat "$T/last")" 1
like "poststop's own failure is a warning" "$(cat "$T/warnings")" 'level=warning msg="poststop hook failed with exit code 1'
refused "it is gone" 1 'does not exist' "$BASIN" state c1
