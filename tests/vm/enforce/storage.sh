#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 40 MiB written into an environment of 20 MiB fail at 20 MiB: with project quota where the file system has it, and with a loop image
# where it has not.
. "$(dirname "$0")/lib.sh"
MIB=$((1024 * 1024))
make_rootfs

# check_back_end NAME: everything below, on the data root that is set now.
check_back_end() {
	local kind=$1 written shown
	ok "$kind: the image is imported" "$BASIN" image import "$T/rootfs.tar" box:1
	ok "$kind: a pool" "$BASIN" pool create /p --cpu 1 --memory 200MiB --storage 200MiB
	ok "$kind: it says which back end holds it" sh -c '"$BASIN" pool show /p --format json | jq -e --arg kind '"$kind"' "[.. | strings] | any(. == \$kind)"'
	ok "$kind: an environment of 20 MiB" "$BASIN" env launch box:1 small --pool /p --memory 32MiB --storage 20MiB --cpu 500m --pids 20
	nok "$kind: 40 MiB do not fit" "$BASIN" env exec small -- dd if=/dev/zero of=/fill bs=64k count=640
	written=$("$BASIN" env exec small -- stat -c %s /fill)
	ok "$kind: 20 MiB do (${written:-0} bytes were written)" test "${written:-0}" -ge $((20 * MIB - 65536)) -a "${written:-0}" -le $((21 * MIB))
	shown=$("$BASIN" env exec small -- df -m / | awk 'NR > 1 { print $(NF - 4) }' | tail -n 1)
	ok "$kind: df shows the size (${shown:-none} MiB)" test "${shown:-0}" -ge 19 -a "${shown:-0}" -le 22
	ok "$kind: what was removed can be written again" "$BASIN" env exec small -- sh -c 'rm /fill && dd if=/dev/zero of=/fill bs=64k count=300'
	refused "$kind: a second one that the pool has no room for is refused" 11 'storage' \
		"$BASIN" env launch box:1 large --pool /p --memory 32MiB --storage 190MiB
	ok "$kind: it is removed" "$BASIN" env rm --force small
	ok "$kind: and the pool" "$BASIN" pool rm /p
}

no_loop_left() {
	! grep -qs "$BASIN_DATA_ROOT" /sys/block/loop*/loop/backing_file
}

if [ "$(findmnt -n -o OPTIONS -T "$T" | grep -c prjquota)" = 1 ]; then
	check_back_end project
	is "no project has a quota afterwards" "$(repquota -P -n "$(findmnt -n -o TARGET -T "$T")" 2>/dev/null | awk '/^#[1-9]/ && ($3 > 0 || $5 > 0)' | wc -l)" 0
else
	skip "project quota" "the file system of $T has none"
fi

if [ -d /mnt/plain ]; then
	PLAIN=$(mktemp -d /mnt/plain/data.XXXXXX)
	export BASIN_DATA_ROOT=$PLAIN
else
	mkdir -p "$T/plain" && mount -t tmpfs -o size=1g plain "$T/plain"
	export BASIN_DATA_ROOT=$T/plain
fi
check_back_end loop
ok "loop: no loop device is left" within 5 no_loop_left
rm -rf --one-file-system "${PLAIN:-}"
