#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin state, and delete in every state; basin ps.
. "$(dirname "$0")/lib.sh"

make_bundle "$T/b" '.process.args = ["sleep", "1000"] | .annotations = {"org.example.key": "value"}'
cd "$T/b" || exit 1
refused "state of nobody" 1 'container does not exist: "c"' "$BASIN" state c
refused "state without an id" 1 'an argument is missing' "$BASIN" state
refused "an id that would leave the root" 1 'id' "$BASIN" state ../c

ok "create takes the working directory for the bundle" "$BASIN" create --pid-file "$T/pid" c
run "$BASIN" state c
S=$OUT
has() {
	if jq -e "$2" <<<"$S" >/dev/null; then pass "$1"; else fail "$1" "$2" "$S"; fi
}
is "the owner is the directory's" "$(jq -r .owner <<<"$S")" root
is "in runc's order" "$(command jq -c keys_unsorted <<<"$S")" '["ociVersion","id","pid","status","bundle","rootfs","created","annotations","owner"]'
has "created, with what the spec wants" '.ociVersion and .id == "c" and .status == "created"'
is "the bundle is absolute" "$(jq -r .bundle <<<"$S")" "$T/b"
is "the pid is the pid file's" "$(jq -r .pid <<<"$S")" "$(cat "$T/pid")"
is "annotations are kept" "$(jq -r '.annotations["org.example.key"]' <<<"$S")" value
ok "start" "$BASIN" start c
run "$BASIN" state c
is "running" "$(jq -r .status <<<"$OUT")" running
refused "start again" 1 'start' "$BASIN" start c
refused "delete of a running one" 1 'cannot delete.*not stopped' "$BASIN" delete c
refused "an id that is taken" 1 'exists' "$BASIN" create c

run "$BASIN" ps -f json c
is "ps --format json: its pids" "$(jq -c . <<<"$OUT")" "[$(cat "$T/pid")]"
run "$BASIN" ps c
like "ps: ps's own table" "$OUT" $'PID.*\n.*sleep 1000'
is "and no other process" "$(wc -l <<<"$OUT")" 2
run "$BASIN" ps c -o pid,args
like "ps takes ps's options" "$OUT" "^ *PID COMMAND.*$(cat "$T/pid") sleep 1000"
refused "ps without a column PID" 1 'no column PID' "$BASIN" ps c -o args
refused "ps of nobody" 1 'container does not exist: "x"' "$BASIN" ps x

"$BASIN" kill c KILL
ok "stopped once its init is dead" within 5 sh -c "$BASIN state c | jq -e '.status == \"stopped\"'"
ok "delete" "$BASIN" delete c
refused "it is gone" 1 'container does not exist: "c"' "$BASIN" state c
refused "delete again" 1 'container does not exist: "c"' "$BASIN" delete c
ok "a created one can be deleted, as in runc" sh -c "$BASIN create c && $BASIN delete c"
ok "delete --force of nobody" "$BASIN" delete --force c
ok "delete --force of a running one" sh -c "$BASIN run -d c && $BASIN delete -f c"
ok "leaves no cgroup" test ! -e "$BASIN_CGROUP_ROOT/oci/c"
run ls -A "$BASIN_ROOT"
is "and nothing in the root" "$OUT" ""

# --- a state that something has cut short ---
mkdir "$BASIN_ROOT/cut"
echo '{"id": "cu' >"$BASIN_ROOT/cut/state.json"
for verb in state kill start; do
	refused "$verb of it says whose it is, and the remedy" 1 '^error: (cannot .*: )?container "cut" is damaged, remove it with delete' "$BASIN" $verb cut
done
ok "delete removes it" "$BASIN" delete cut
