#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Importing and removing images with each gate failing once, and with SIGKILL at each: an image is there and whole, or it is not there.
. "$(dirname "$0")/lib.sh"

prepare() {
	mkdir -p "$BASIN_CGROUP_ROOT" # looked through by host, never made by an image
	mkdir -p "$T/source/dir"
	echo one >"$T/source/dir/file"
	ln -f "$T/source/dir/file" "$T/source/link"
	ln -sf dir/file "$T/source/soft"
	tar -C "$T/source" -cf "$T/a.tar" .
	echo two >"$T/source/dir/file"
	tar -C "$T/source" -czf "$T/b.tar.gz" .
	"$BASIN" image import "$T/a.tar" kept:1 >/dev/null
	"$BASIN" image import "$T/b.tar.gz" gone:1 >/dev/null
	"$BASIN" image rm gone:1
	"$BASIN" reconcile >/dev/null # makes its own directories once
}
before_each() {
	:
}
scenario() {
	"$BASIN" image import "$T/b.tar.gz" new:1 || return
	"$BASIN" image import "$T/a.tar" new:1 || return # the name moves, and leaves an image without one
	"$BASIN" image rm new:1
}
settle() {
	local ref
	"$BASIN" image check >"$T/settled" 2>&1 || return 1
	for ref in $("$BASIN" image ls --format json | jq -r '.[] | select(.ref != "kept:1") | .ref // .digest'); do
		"$BASIN" image rm "$ref" >"$T/settled" 2>&1 || return 1
	done
}

# Each kind looks at every other gate, and together they look at all.
FIRST=1 EVERY=2 sweep fail
FIRST=2 EVERY=2 sweep kill
