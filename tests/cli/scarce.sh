#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runtime verbs where something is wanting: room in the state root, descriptors, standard streams; and several of them at once.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/lib.sh"
make_bundle "$T/b" '.process.args = ["sleep", "600"]'
make_bundle "$T/say" '.process.args = ["sh", "-c", "echo out; echo err >&2; exit 3"]'
nothing_left() { [ -z "$(ls -A "$BASIN_ROOT")" ] && [ -z "$(find "$BASIN_CGROUP_ROOT" -path '*/oci/*' -type d)" ]; }

# --- a state root without room ---
ROOM=$T/room
mkdir "$ROOM"
for inodes in 2 3 4 5 6; do
	mount -t tmpfs -o size=64k,nr_inodes=$inodes room "$ROOM"
	refused "run with room for $((inodes - 1)) files" 1 'no space left on device' "$BASIN" --root "$ROOM/r" run -d -b "$T/b" c1
	is "leaves nothing" "$(ls -A "$ROOM/r")" ""
	umount "$ROOM"
done
mount -t tmpfs -o size=64k,nr_inodes=9 room "$ROOM"
ok "run where there is enough" "$BASIN" --root "$ROOM/r" run -d -b "$T/b" c1
dd if=/dev/zero of="$ROOM/all" bs=4k 2>/dev/null
n=0
while touch "$ROOM/file.$((n += 1))" 2>/dev/null; do :; done
ok "when it is full, exec works" "$BASIN" --root "$ROOM/r" exec c1 true
is "state does" "$("$BASIN" --root "$ROOM/r" state c1 | jq -r .status)" running
ok "and delete" "$BASIN" --root "$ROOM/r" delete -f c1
is "which leaves nothing" "$(ls -A "$ROOM/r")" ""
mkdir "$ROOM/r/half"
ok "what was left before anything was made can be deleted, too" "$BASIN" --root "$ROOM/r" delete -f half
umount "$ROOM"

# --- few descriptors ---
make_bundle "$T/few" '.process.rlimits = []'
for n in 5 6 10 12; do
	refused "run with $n descriptors" 1 '(too many open files|no file descriptors available)' bash -c 'ulimit -n "$1"; exec "$BASIN" run -d -b "$2" c1' - $n "$T/few"
done
ok "leaves nothing" nothing_left

# --- no standard streams ---
run bash -c 'exec 0<&- 1>&- 2>&-; exec "$BASIN" run -b "$1" c1' - "$T/say"
is "without any of them the payload's status is passed on" "$STATUS" 3
bash -c 'exec 0<&- 1>&- 2>&-; exec "$BASIN" run -d -b "$1" c1' - "$T/b"
is "it gets /dev/null for them" "$("$BASIN" exec c1 sh -c 'for fd in 0 1 2; do readlink /proc/1/fd/$fd; done' | sort -u)" /dev/null
for verb in list "list -q" "state c1" "ps --format json c1" features "events --stats c1" --help --version; do
	# shellcheck disable=SC2086 # words
	run bash -c 'exec "$BASIN" "$@" >/dev/full' - $verb
	is "$verb to a full device fails" "$STATUS" 1
done
run bash -c 'exec "$BASIN" pool ls >/dev/full'
is "as does what manages, by its own code" "$STATUS" 20
ok "delete" "$BASIN" delete -f c1

# --- ids ---
id=$(printf 'x%.0s' {1..255})
ok "an id of 255 characters" "$BASIN" run -d -b "$T/b" "$id"
ok "is deleted" "$BASIN" delete -f "$id"
refused "one of 256 is refused" 1 '256 characters, 255 are possible' "$BASIN" run -d -b "$T/b" "x$id"
refused "a space is named" 1 'invalid character ` ` in the ID "a b"' "$BASIN" run -d -b "$T/b" "a b"

# --- several at once ---
# at_once COMMAND...: eight times; says how often it succeeded.
at_once() {
	local i pids=() good=0
	for i in 1 2 3 4 5 6 7 8; do "$@" >/dev/null 2>&1 </dev/null & pids+=($!); done
	for i in "${pids[@]}"; do wait "$i" && good=$((good + 1)); done
	echo "$good"
}
is "of eight that create one id, one does" "$(at_once "$BASIN" create -b "$T/b" c1)" 1
is "of eight that start it, one does" "$(at_once "$BASIN" start c1)" 1
is "all can delete it by force" "$(at_once "$BASIN" delete -f c1)" 8
ok "nothing is left" nothing_left
