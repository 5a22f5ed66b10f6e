#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A short run of every fuzzer (FUZZ_SECONDS each, 15 by default; JOBS at once) from the seeds in tests/fuzz/seeds/<name>/. What a fuzzer finds
# is kept in build/fuzz-findings/, and belongs into the seeds once it is mended.
set -u
TREE=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$TREE/build/release}
SECONDS_EACH=${FUZZ_SECONDS:-15}
JOBS=${JOBS:-2}
FINDINGS=$TREE/build/fuzz-findings
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir -p "$FINDINGS"

# What it has to say is one piece, so that two at once do not mix.
fuzz() {
	local fuzzer=$1 name=${1##*/} corpus=$WORK/${1##*/} output
	mkdir "$corpus"
	[ ! -d "$TREE/tests/fuzz/seeds/$name" ] || cp -r "$TREE/tests/fuzz/seeds/$name/." "$corpus"
	if output=$("$fuzzer" -max_total_time="$SECONDS_EACH" -max_len=65536 -rss_limit_mb=1024 -timeout=10 -artifact_prefix="$FINDINGS/$name-" "$corpus" 2>&1); then
		output="ok - $name: $(grep -oE 'Done [0-9]+ runs' <<<"$output" | tail -n 1)"
	else
		output="not ok - $name"$'\n'$(tail -n 40 <<<"$output" | sed 's/^/#   /')
	fi
	echo "$output"
}

count=0
for fuzzer in "$BUILD"/tests/fuzz/fuzz_*; do
	[ -x "$fuzzer" ] || continue
	[ $count -lt "$JOBS" ] || wait -n
	count=$((count + 1))
	fuzz "$fuzzer" &
done
wait
echo "1..$count"
[ $count -gt 0 ] || echo "1..0 # SKIP no fuzzer was built (clang is missing)"
