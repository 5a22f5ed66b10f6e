#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# env rm --force of a running environment, with each gate failing and with SIGKILL at each gate. Afterwards it is gone, or rm can be said
# again.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/scenario.bash"

before_each() { launch >"$T/launched" 2>&1; }
scenario() { "$BASIN" env rm --force web; }
settle() {
	local there
	there=$("$BASIN" env ls --format json | jq -r '.[] | select(.name == "web") | .status')
	if [ "$SAID" = 0 ] && [ -n "$there" ]; then
		WHY="rm said that it is gone, but it is \"$there\""
	fi
	[ -z "$there" ] || "$BASIN" env rm --force web >"$T/settled" 2>&1
}

BUDGET=${BUDGET:-200}
sweep fail
PREPARED=1
sweep kill
