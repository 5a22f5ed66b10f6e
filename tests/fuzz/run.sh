#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A short run of every fuzzer (FUZZ_SECONDS each, 15 by default) from the seeds in tests/fuzz/seeds/<name>/. What a fuzzer finds is kept in
# build/fuzz-findings/, and belongs into the seeds once it is mended.
set -u
TREE=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$TREE/build/release}
SECONDS_EACH=${FUZZ_SECONDS:-15}
FINDINGS=$TREE/build/fuzz-findings
mkdir -p "$FINDINGS"
count=0
for fuzzer in "$BUILD"/tests/fuzz/fuzz_*; do
	[ -x "$fuzzer" ] || continue
	name=${fuzzer##*/}
	count=$((count + 1))
	corpus=$(mktemp -d)
	[ ! -d "$TREE/tests/fuzz/seeds/$name" ] || cp -r "$TREE/tests/fuzz/seeds/$name/." "$corpus"
	if output=$("$fuzzer" -max_total_time="$SECONDS_EACH" -max_len=65536 -rss_limit_mb=1024 -timeout=10 -artifact_prefix="$FINDINGS/$name-" "$corpus" 2>&1); then
		echo "ok $count - $name: $(printf '%s\n' "$output" | grep -oE 'Done [0-9]+ runs' | tail -n 1)"
	else
		echo "not ok $count - $name"
		printf '%s\n' "$output" | tail -n 40 | sed 's/^/#   /'
	fi
	rm -rf "$corpus"
done
echo "1..$count"
[ $count -gt 0 ] || echo "1..0 # SKIP no fuzzer was built (clang is missing)"
