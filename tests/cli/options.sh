#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The flags before the command, logs in the format engines read, help, version, and the completions.
. "$(dirname "$0")/lib.sh"

run "$BASIN" --version
like "--version names program and version" "$OUT" '^basin version [0-9]+\.[0-9]+\.[0-9]+'
like "--version names the spec" "$OUT" $'\nspec: 1\\.3\\.0'
like "--version lists features" "$OUT" $'\n\\+.*\\+CAP .*\\+SECCOMP'
ok "--help" "$BASIN" --help
like "--help lists commands" "$OUT" 'create .*make a container'
run "$BASIN"
is "no command is a usage error" "$STATUS" 2
ok "a command's --help" "$BASIN" exec --help
like "a command's --help lists its options" "$OUT" '-u, --user UID'
ok "-h" "$BASIN" run -h
refused "an unknown command" 1 'unknown command "frobnicate"' "$BASIN" frobnicate
refused "an unknown global flag" 1 'unknown option "--frobnicate"' "$BASIN" --frobnicate list
refused "an unknown flag of a command" 1 'list: unknown option "-z"' "$BASIN" list -z
refused "a flag that lacks its value" 1 'flag needs an argument: --root' "$BASIN" --root
refused "a command's, which is how podman asks whether it can restore into pods" 1 'flag needs an argument' "$BASIN" restore --lsm-mount-context
refused "a noun's unknown command" 2 'env: "frobnicate" is not one of its commands' "$BASIN" env frobnicate

# What containerd (go-runc), conmon, podman, CRI-O and buildah call; --help behind it all asks whether it is understood.
ROOTED=("$BASIN" --root "$T/run" --debug --log "$T/run/log" --log-format json --systemd-cgroup --rootless=false)
IMAGES=(--image-path i --work-path w --tcp-established --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode soft --empty-ns network --lazy-pages --parent-path ../p --link-remap)
ok "create, as engines call it" "${ROOTED[@]}" create --bundle b --pid-file p --console-socket s --no-pivot --no-new-keyring --preserve-fds 2 --help
ok "run" "${ROOTED[@]}" run --bundle b --detach --pid-file p --keep --help
ok "exec" "${ROOTED[@]}" exec --process p --console-socket s --detach --pid-file f --preserve-fds 1 --help
ok "kill" "${ROOTED[@]}" kill --all -a --help
ok "delete" "${ROOTED[@]}" delete --force --help
ok "events" "${ROOTED[@]}" events --interval=5s --stats --help
ok "ps" "${ROOTED[@]}" ps --format json --help
ok "update" "${ROOTED[@]}" update --resources - --help
ok "checkpoint" "${ROOTED[@]}" checkpoint "${IMAGES[@]}" --page-server 127.0.0.1:1 --status-fd 3 --leave-running --pre-dump --help
ok "restore" "${ROOTED[@]}" restore "${IMAGES[@]}" --detach --pid-file p --console-socket s --no-pivot --no-new-keyring -no-subreaper --bundle b --tcp-close \
	--lsm-mount-context=x --lsm-profile=selinux:y --help

ok "--systemd-cgroup" "$BASIN" --systemd-cgroup list
ok "--cgroup-manager systemd" "$BASIN" --cgroup-manager=systemd list
refused "--cgroup-manager of an unknown kind" 1 '"x" is none of cgroupfs, systemd, disabled' "$BASIN" --cgroup-manager x list
ok "--cgroup-manager cgroupfs" "$BASIN" --cgroup-manager cgroupfs list
ok "--rootless" "$BASIN" --rootless=false list
refused "--log-format of an unknown kind" 1 'neither text nor json' "$BASIN" --log-format xml list

refused "--log: stderr has the message all the same" 1 '^error: container does not exist: "x"' \
	"$BASIN" --log "$T/log" --log-format json state x
is "--log-format json: level" "$(jq -r .level "$T/log")" error
is "--log-format json: msg" "$(jq -r .msg "$T/log")" 'container does not exist: "x"'
ok "--log-format json: time is RFC 3339" date -d "$(jq -r .time "$T/log")"
run "$BASIN" --log "$T/log" --log-format json state 'a"b'
ok "what is quoted is escaped" jq -e .msg "$T/log"
rm -f "$T/bytes"
run "$BASIN" --log "$T/bytes" --log-format json run -b "$T/a"$'\xff\xc3\xa9' x
ok "and UTF-8 whatever is named" python3 -c 'import json, sys; json.loads(open(sys.argv[1], encoding="utf-8").read())' "$T/bytes"
is "--log appends" "$(wc -l <"$T/log")" 2
run "$BASIN" --log "$T/text" state x
like "--log-format text" "$(cat "$T/text")" '^time=".*" level=error msg="container does not exist: \\"x\\""'
run "$BASIN" --log-format json state x
is "without a file json goes to stderr" "$(jq -r .level <<<"$ERR")" error
refused "a log that cannot be written is an error, as in runc and crun" 1 'cannot open "/nonexistent/dir/log"' \
	"$BASIN" --log /nonexistent/dir/log list
run "$BASIN" --log "file:$T/prefixed" state x
like "--log file:PATH, as crun takes it" "$(cat "$T/prefixed")" 'level=error'
refused "--log-level of an unknown kind" 1 '"loud" is none of' "$BASIN" --log-level loud list
python3 - "$T/journal" "$T/said" <<-'SERVER' &
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	open(sys.argv[2], "wb").write(s.recv(65536))
SERVER
SERVER=$!
mkdir -p "$T/run/systemd/journal"
within 5 test -S "$T/journal"
run unshare --mount sh -c "mount -t tmpfs run /run && mkdir -p /run/systemd/journal && : >/run/systemd/journal/socket &&
	mount --bind $T/journal /run/systemd/journal/socket && $BASIN --log journald:tester state x"
wait "$SERVER"
is "--log journald:NAME" "$(cat "$T/said")" 'PRIORITY=3
SYSLOG_IDENTIFIER=tester
MESSAGE=container does not exist: "x"'

# Debugging: on standard error, unless there is a log, which then has it alone. Warnings the same.
make_bundle "$T/d" '.process.args = ["true"]'
run "$BASIN" --debug run -b "$T/d" d
like "--debug is on standard error" "$ERR" 'level=debug msg='
run "$BASIN" --debug --log "$T/debug" --log-format json run -b "$T/d" d
is "--debug with --log: in the log alone" "$ERR" ""
ok "as records" jq -es 'all(.level == "debug") and length > 0' "$T/debug"

# As Go programs take options.
mkdir -p "$T/run/r3"
ok "one hyphen before a long option" "$BASIN" -root "$T/run/r3" list -format=json -quiet
ok "a false flag" "$BASIN" list -q=false
ok "two before a letter" "$BASIN" list --q=T --f json
refused "a flag that is neither true nor false" 1 '"maybe" is neither' "$BASIN" list --quiet=maybe
refused "-- behind the verb ends the options" 1 'invalid character' "$BASIN" state -- 'a/b'
ok "help COMMAND" "$BASIN" help kill
like "says what --help says" "$OUT" $'NAME:\n   basin kill - '
ok "help NOUN COMMAND" "$BASIN" help env ls
like "says what --help says, in the other program" "$OUT" $'NAME:\n   basin env ls - '
ok "-help" "$BASIN" kill -help
refused "help of an unknown command" 1 "No help topic for 'frob'" "$BASIN" help frob
ln -s "$BASIN" "$T/runc"
run "$T/runc" -v
like "called by another name, the version says both" "$OUT" $'^runc version [0-9.]+ \\(basin\\)\ncommit: .+\nspec: 1'
refused "--root /" 1 'must not be /' "$BASIN" --root / list

# Roots.
make_bundle "$T/b" '.process.args = ["true"]'
ok "--root" "$BASIN" --root "$T/run/r2" create -b "$T/b" c
ok "--root: the container is there" test -d "$T/run/r2/c"
ok "--root may be relative" sh -c "cd $T/run && $BASIN --root r2 delete -f c"
ok "--root: and gone" test ! -e "$T/run/r2/c"

# Completions: they load, and know the table.
C=$BUILD/completions
if [ -f "$C/basin.bash" ]; then
	ok "bash completion has no syntax error" bash -n "$C/basin.bash"
	complete_bash() {
		bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _basin; echo "${COMPREPLY[*]}"' - "$C/basin.bash" "$@"
	}
	is "bash completes a command" "$(complete_bash basin ex)" exec
	is "bash completes an option" "$(complete_bash basin run --bu)" --bundle
	is "bash completes behind a global flag" "$(complete_bash basin --root /x feat)" features
	like "bash completes a noun's commands" "$(complete_bash basin env '')" 'launch'
	if command -v zsh >/dev/null; then ok "zsh completion has no syntax error" zsh -n "$C/basin.zsh"; else skip "zsh completion" "zsh is not installed"; fi
	if command -v fish >/dev/null; then
		run fish -c "source $C/basin.fish; complete -C 'basin run --bu'"
		like "fish completes an option" "$OUT" '^--bundle'
	else
		skip "fish completion" "fish is not installed"
	fi
else
	skip "completions" "they were not built"
fi

# The manual knows every OCI verb and each of its options.
sed 's/\\//g' "$TREE/doc/basin.1" >"$T/manual"
lacking=$("$BASIN" __table | while IFS=$'\t' read -r what noun verb name _; do
	[ "$noun" = - ] || continue
	case $what in
	command) grep -q "^\.SS basin $verb" "$T/manual" || echo "$verb" ;;
	option) grep -qwF -- "--$name" "$T/manual" || echo "$verb --$name" ;;
	esac
done)
is "basin(1) lacks nothing of the OCI verbs" "$lacking" ""
