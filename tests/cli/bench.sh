#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make bench` runs comes to its end with this machine's peers, and measures basin in every scenario. How fast is asked of it alone.
. "$(dirname "$0")/lib.sh"

for tool in cc crun runc; do
	command -v $tool >/dev/null || skip_all "$tool is not installed"
done
ok "the measurements" env ROUNDS=1 JSON="$T/bench.json" "$TESTS/bench/run"
is "of every step, in order" "$(jq -r '.results[] | select(.program == "basin") | .step' "$T/bench.json" | tr '\n' ' ')" \
	"run run create start state exec kill delete delete-f warm run run "
is "beside both peers" "$(jq -r '[.results[].program] | unique | join(" ")' "$T/bench.json")" "basin crun floor runc"
