# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# The environment that the sweeps back up and restore: own ids, a loop image, a network. tests/fault/lib.sh says what the functions are.
prepare() {
	[ -z "${PREPARED:-}" ] || return 0
	make_rootfs "$T/rootfs"
	"$BASIN" image import "$T/rootfs.tar" bb:1 >/dev/null
	"$BASIN" pool create /team --cpu 1 --memory 256MiB --storage 256MiB --pids 1024 --enforce available
	"$BASIN" net create lab --subnet 10.77.0.0/24 >/dev/null
	"$BASIN" env launch bb:1 kept --pool /team --memory 16MiB --storage 16MiB --net lab -- /bin/sleep 1000
	"$BASIN" env exec kept -- /bin/sh -c 'mkdir /srv; echo one >/srv/one; ln /srv/one /srv/two; rm /etc/group'
	"$BASIN" backup create kept -o "$T/kept.tar" 2>/dev/null
	restore && "$BASIN" env rm --force web # what is made once and stays
	"$BASIN" reconcile >/dev/null
}

restore() {
	"$BASIN" backup restore "$T/kept.tar" --name web
}

alive() {
	[ "$("$BASIN" env exec kept -- /bin/cat /srv/two)" = one ] || WHY="the environment does not answer"
}
