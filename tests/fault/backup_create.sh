#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034
# backup create with SIGKILL at each gate, and with each gate failing: the environment goes on running, and the archive is there whole or not at all.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backup.bash"
BUDGET=${BUDGET:-60}

before_each() { rm -rf "$T/out" && mkdir "$T/out"; }
scenario() { "$BASIN" backup create kept -o "$T/out/new.tar"; }

# The environment goes on, and the file is there whole or not at all.
settle() {
	alive
	if [ -e "$T/out/new.tar" ]; then
		"$BASIN" backup verify "$T/out/new.tar" >"$T/settled" 2>&1 || WHY="the archive is there and not whole: $(tail -n 1 "$T/settled")"
	elif [ "$SAID" = 0 ]; then
		WHY="create said that it was done, but there is no archive"
	fi
	[ "$1" = kill ] || [ -z "$(find "$T/out" -name '.new.tar*')" ] || WHY="a temporary file is left"
}

sweep kill
PREPARED=1
sweep fail
