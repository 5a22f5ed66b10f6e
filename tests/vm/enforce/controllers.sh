#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A cgroup tree without controllers: a pool is refused with the exact remedy, or made with --enforce available, which says what it does
# not enforce. The tree is a cgroup namespace in a cgroup that was handed no controllers.
. "$(dirname "$0")/lib.sh"
import_image

OUTER=/sys/fs/cgroup/${T##*/}-bare
mkdir -p "$OUTER/inner"
echo $$ >"$OUTER/inner/cgroup.procs"

# Runs a command where $OUTER/inner is the whole of cgroup v2.
bare() {
	BASIN_CGROUP_ROOT=/sys/fs/cgroup/basin unshare --cgroup --mount sh -c 'umount /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh "$@"
}

is "the tree has no controllers" "$(bare cat /sys/fs/cgroup/cgroup.controllers)" ""
refused "a pool is refused, and the remedy is named" 13 'not delegated.*subtree_control.*--enforce available' bare "$BASIN" pool create /p --cpu 1 --memory 100MiB
refused "so is an environment in the default pool" 13 'not delegated' bare "$BASIN" env launch box:1 x
ok "with --enforce available it is made" bare "$BASIN" pool create /p --cpu 1 --memory 100MiB --enforce available
run bare "$BASIN" pool show /p
like "and says that memory is not enforced" "$OUT" 'memory[^'$'\n'']*no'
ok "what is accounted is still refused" bash -c '"$@"; [ $? = 11 ]' sh unshare --cgroup --mount sh -c \
	'umount /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; BASIN_CGROUP_ROOT=/sys/fs/cgroup/basin exec "$BASIN" env launch box:1 big --pool /p --memory 1GiB'
run bare "$BASIN" doctor
like "doctor names the controller and the remedy" "$OUT" 'memory'
ok "it goes" bare "$BASIN" pool rm /p

echo $$ >/sys/fs/cgroup/init/cgroup.procs 2>/dev/null || echo $$ >/sys/fs/cgroup/cgroup.procs
find "$OUTER" -depth -type d -exec rmdir {} + 2>/dev/null
nok "nothing is left" test -e "$OUTER"
