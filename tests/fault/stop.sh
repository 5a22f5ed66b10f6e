#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# env stop and env start with SIGKILL at each gate: after reconcile it runs or it is stopped, it can be removed, and nothing else is left.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/scenario.bash"
BUDGET=${BUDGET:-60}

settle() {
	local there
	there=$("$BASIN" env ls --format json | jq -r '.[] | select(.name == "web") | .status')
	[ "$there" = running ] || [ "$there" = stopped ] || WHY="after reconcile it is \"$there\""
	"$BASIN" env rm --force web >"$T/settled" 2>&1
}

before_each() { launch >"$T/launched" 2>&1; }
scenario() { "$BASIN" env stop --time 0s web; }
sweep kill

PREPARED=1
before_each() { launch >"$T/launched" 2>&1 && "$BASIN" env stop --time 0s web; }
scenario() { "$BASIN" env start web; }
sweep kill
