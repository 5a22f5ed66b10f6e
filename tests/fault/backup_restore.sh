#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034
# backup restore with SIGKILL at each gate, and with each gate failing: the restored environment is there whole or not at all, and the one that was there goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backup.bash"
BUDGET=${BUDGET:-60}

before_each() { :; }
scenario() { restore; }

# After reconcile the restored one is there whole or not at all, and the one that was there goes on.
settle() {
	local there
	alive
	there=$("$BASIN" env ls --format json | jq -r '.[] | select(.name == "web") | .status')
	if [ "$SAID" = 0 ] && [ "$there" != running ]; then
		WHY="restore said that it runs, but it is \"$there\""
	elif [ "$1" = fail ] && [ "$SAID" != 0 ] && [ -n "$there" ]; then
		WHY="restore said that it failed, but it is \"$there\""
	elif [ -n "$there" ] && [ "$there" != running ]; then
		WHY="after reconcile it is \"$there\""
	elif [ -n "$there" ] && [ "$("$BASIN" env exec web -- /bin/sh -c 'stat -c %h /srv/one; ls /etc/group 2>/dev/null')" != 2 ]; then
		WHY="what was restored is not what was backed up"
	fi
	[ -z "$there" ] || "$BASIN" env rm --force web >"$T/settled" 2>&1
}

sweep kill
PREPARED=1
sweep fail
