#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# backup create and backup restore with SIGKILL at each gate: the environment that was copied goes on running, one that was being restored is
# there whole or not at all.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/scenario.bash"
BUDGET=${BUDGET:-60}

settle_copied() {
	"$BASIN" env exec web -- grep -q kept /note || WHY="the environment does not go on after a killed backup"
	find "$T" -maxdepth 1 -name '*web.tar*' -delete
	"$BASIN" env rm --force web >"$T/settled" 2>&1
}

before_each() {
	launch >"$T/launched" 2>&1 && "$BASIN" env exec web -- sh -c 'echo kept >/note; dd if=/dev/urandom of=/big bs=1M count=2 2>/dev/null'
}
scenario() { "$BASIN" backup create web -o "$T/web.tar"; }
settle() { settle_copied; }
sweep kill

launch >/dev/null && "$BASIN" env exec web -- sh -c 'echo kept >/note'
"$BASIN" backup create web -o "$T/kept.tar" >/dev/null 2>&1
"$BASIN" env rm --force web
PREPARED=1
before_each() { :; }
scenario() { "$BASIN" backup restore "$T/kept.tar" --name web; }
settle() {
	local there
	there=$("$BASIN" env ls --format json | jq -r '.[] | select(.name == "web") | .status')
	[ -n "$there" ] || return 0
	[ "$there" = running ] || [ "$there" = stopped ] || WHY="after reconcile it is \"$there\""
	[ "$there" = running ] || "$BASIN" env start web || WHY="it was restored, but does not start"
	"$BASIN" env exec web -- grep -q kept /note || WHY="it was restored, but not whole"
	"$BASIN" env rm --force web >"$T/settled" 2>&1
}
sweep kill
