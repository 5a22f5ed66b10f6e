#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin list: every container of the state root, in each state.
. "$(dirname "$0")/lib.sh"

ok "list of a root that does not exist yet" "$BASIN" list
is "has titles alone" "$(wc -l <<<"$OUT")" 1
run "$BASIN" list -q
is "list -q of nothing is nothing" "$OUT" ""
run "$BASIN" list --format json
is "list --format json of nothing is an empty array" "$(jq -c . <<<"$OUT")" "[]"

make_bundle "$T/b" '.process.args = ["sleep", "1000"]'
"$BASIN" create -b "$T/b" one
"$BASIN" create -b "$T/b" two
"$BASIN" start two
"$BASIN" create -b "$T/b" three
"$BASIN" kill three KILL
within 5 sh -c "$BASIN state three | jq -e '.status == \"stopped\"'"
run "$BASIN" list -q
is "list -q names them all, sorted" "$(tr '\n' ' ' <<<"$OUT")" "one three two "
run "$BASIN" list -f json
is "json is one line" "$(wc -l <<<"$OUT")" 1
is "each with its status" "$(jq -r 'sort_by(.id) | map(.id + "=" + .status) | join(" ")' <<<"$OUT")" "one=created three=stopped two=running"
ok "pid, bundle and time are there" jq -e 'all(.bundle and .created) and (map(select(.id == "two"))[0].pid > 0)' <<<"$OUT"
run "$BASIN" list
like "the table has the same" "$OUT" $'ID +PID +STATUS +BUNDLE +CREATED +OWNER\n.*two +[0-9]+ +running +'"$T/b"
refused "an unknown format" 1 'neither table nor json' "$BASIN" list --format yaml
refused "list takes no argument" 1 '"x" is too much' "$BASIN" list x
refused "another root that is not there" 1 '/run/elsewhere.*[Nn]o such file' "$BASIN" --root "$T/run/elsewhere" list
mkdir -p "$T/run/elsewhere"
run "$BASIN" --root "$T/run/elsewhere" list -q
is "another root has none of them" "$OUT" ""

# What is not a container does not disturb.
mkdir "$BASIN_ROOT/stray"
: >"$BASIN_ROOT/file"
run "$BASIN" list -q
is "strange files in the root are passed over" "$(sort <<<"$OUT" | tr '\n' ' ')" "one three two "
rm -r "$BASIN_ROOT/stray" "$BASIN_ROOT/file"
for id in one two three; do
	ok "delete --force $id" "$BASIN" delete --force $id
done
run "$BASIN" list -q
is "and then there is none" "$OUT" ""
