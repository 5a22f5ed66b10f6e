# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the lint checks share: findings are collected, and the verdict is one TAP line. A check runs from the top of the tree.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
BUILD=${BUILD:-build/release}
FINDINGS=()
VERDICTS=0

finding() {
	FINDINGS+=("$1")
}

verdict() {
	VERDICTS=$((VERDICTS + 1))
	if [ ${#FINDINGS[@]} = 0 ]; then
		echo "ok $VERDICTS - $1"
	else
		echo "not ok $VERDICTS - $1"
		printf '#   %s\n' "${FINDINGS[@]}"
	fi
	FINDINGS=()
}

# Runs a tool; each line it prints is a finding when it fails.
tool() {
	local name=$1 output
	shift
	if ! command -v "$1" >/dev/null; then
		VERDICTS=$((VERDICTS + 1))
		echo "ok $VERDICTS - $name # SKIP $1 is not installed"
		return
	fi
	if ! output=$("$@" 2>&1); then
		while read -r line; do
			finding "$line"
		done < <(printf '%s\n' "$output" | tail -n 60)
	fi
	verdict "$name"
}

sources() {
	find base pool net image runtime cmd tests -name '*.[ch]' | sort
}

scripts() {
	find tests .ci cmd doc -type f ! -name '*.c' ! -name '*.h' -exec grep -lE '^#!/bin/(ba)?sh|^# shellcheck shell=' {} + | sort
}
