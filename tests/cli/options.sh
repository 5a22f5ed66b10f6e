#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The flags before the command, logs in the format engines read, help, version, and the completions.
. "$(dirname "$0")/lib.sh"

run "$BASIN" --version
like "--version names program and version" "$OUT" '^basin version [0-9]+\.[0-9]+\.[0-9]+'
like "--version names the spec" "$OUT" $'\nspec: 1\\.3\\.0'
like "--version lists features" "$OUT" $'\n\\+CAP .*\\+SECCOMP'
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
refused "a flag that lacks its value" 1 '--root needs a value' "$BASIN" --root
refused "a noun's unknown command" 2 'env: "frobnicate" is not one of its commands' "$BASIN" env frobnicate
refused "--systemd-cgroup" 1 'systemd cgroup driver is not supported' "$BASIN" --systemd-cgroup list
refused "--cgroup-manager systemd" 1 'systemd cgroup driver is not supported' "$BASIN" --cgroup-manager=systemd list
refused "--cgroup-manager of an unknown kind" 1 '"x" is not supported, cgroupfs is' "$BASIN" --cgroup-manager x list
ok "--cgroup-manager cgroupfs" "$BASIN" --cgroup-manager cgroupfs list
ok "--rootless" "$BASIN" --rootless=false list
refused "--log-format of an unknown kind" 1 'neither text nor json' "$BASIN" --log-format xml list

refused "--log: stderr has the message all the same" 1 '^basin: container "x" does not exist' \
	"$BASIN" --log "$T/log" --log-format json state x
is "--log-format json: level" "$(jq -r .level "$T/log")" error
is "--log-format json: msg" "$(jq -r .msg "$T/log")" 'container "x" does not exist'
ok "--log-format json: time is RFC 3339" date -d "$(jq -r .time "$T/log")"
run "$BASIN" --log "$T/log" --log-format json state 'a"b'
ok "what is quoted is escaped" jq -e .msg "$T/log"
is "--log appends" "$(wc -l <"$T/log")" 2
run "$BASIN" --log "$T/text" state x
like "--log-format text" "$(cat "$T/text")" '^level=error msg="container \\"x\\" does not exist" time="'
run "$BASIN" --log-format json state x
is "without a file json goes to stderr" "$(jq -r .level <<<"$ERR")" error
run "$BASIN" --log /nonexistent/dir/log state x
like "a log that cannot be written hides nothing" "$ERR" 'does not exist'

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
