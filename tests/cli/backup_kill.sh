#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin backup create and restore, killed: nothing half stays, the environment goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backup.bash"

# --- killed in the middle ---
inside web 'dd if=/dev/urandom of=/srv/large bs=1M count=24 2>/dev/null'
state_of() {
	cat "$BASIN_CGROUP_ROOT"/pool-team/env-web/cgroup.freeze
}
thawed() {
	[ "$(state_of)" = 0 ]
}
killed=0 frozen=0
for delay in 0.02 0.05 0.1 0.15 0.2 0.3 0.4; do
	rm -f "$T/killed.tar"
	"$BASIN" backup create web -o "$T/killed.tar" >/dev/null 2>&1 &
	pid=$!
	sleep "$delay"
	kill -9 "$pid" 2>/dev/null && killed=$((killed + 1))
	wait "$pid" 2>/dev/null
	within 5 thawed || frozen=$((frozen + 1))
	if [ -e "$T/killed.tar" ]; then
		"$BASIN" backup verify "$T/killed.tar" >/dev/null 2>&1 || fail "killed after $delay: the file is there and not whole"
	fi
done
# Its guard killed with it, as when a whole session is: then it is reconcile that thaws.
orphaned=no
for _ in 1 2 3 4 5; do
	"$BASIN" backup create web -o "$T/killed.tar" >/dev/null 2>&1 &
	pid=$!
	for _ in $(seq 200); do
		[ "$(state_of)" = 1 ] && break
	done
	kill -STOP "$pid"
	guard=$(pgrep -P "$pid")
	[ -n "$guard" ] && [ "$(state_of)" = 1 ] && kill -9 "$guard" "$pid" && orphaned=yes
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	[ $orphaned = yes ] && break
done
is "create and its guard were killed while it was frozen" "$orphaned $(state_of)" "yes 1"
like "reconcile finds it" "$("$BASIN" reconcile --format json | jq -c '.[] | [.name, .action, .done]')" '\["web","thaw",true\]'
is "and thaws it" "$(state_of)" 0
is "create was killed in its middle" "$([ $killed -gt 2 ] && echo yes)" yes
is "a killed create leaves nothing frozen" $frozen 0
is "and no file that is not whole" "$(find "$T" -maxdepth 1 -name '.killed.tar*')" ''
is "the environment answers" "$(inside web 'echo alive')" alive
is "nothing is left to do" "$("$BASIN" reconcile --dry-run --format json | jq length)" 0
# A user's pause is neither a leftover nor the backup's to end.
ok "an environment is paused by its id" "$BASIN" pause web
is "reconcile lets it be" "$("$BASIN" reconcile --format json | jq -c '[.[] | select(.action == "thaw")]')" '[]'
is "it is frozen" "$(state_of)" 1
ok "a backup of it" "$BASIN" backup create web -o "$T/paused.tar"
is "leaves it paused" "$(state_of) $("$BASIN" state web | jq -r .status)" "1 paused"
ok "resume" "$BASIN" resume web
is "lets it go on" "$(state_of) $("$BASIN" state web | jq -r .status)" "0 running"
ok "a whole one" "$BASIN" backup create web -o "$T/large.tar"
for delay in 0.02 0.05 0.1 0.2 0.3 0.5; do
	"$BASIN" backup restore "$T/large.tar" --name half >/dev/null 2>&1 &
	pid=$!
	sleep "$delay"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	"$BASIN" reconcile >/dev/null 2>&1
	"$BASIN" env show half >/dev/null 2>&1 && "$BASIN" env rm --force half >/dev/null 2>&1
	[ -e "$BASIN_DATA_ROOT/envs/half" ] && fail "killed after $delay: something is left of the restored environment"
done
is "a killed restore leaves only what was there" "$("$BASIN" env ls --format json | jq -c '[.[].name]')" '["web"]'
is "and nothing to do" "$("$BASIN" reconcile --dry-run --format json | jq length)" 0
is "and no charge" "$("$BASIN" pool show /team --format json | jq -c .members)" '["web"]'
ok "the end" "$BASIN" env rm --force web
