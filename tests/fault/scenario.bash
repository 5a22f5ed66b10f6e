# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# The environment that the sweeps launch and remove: a pool, a network, a loop image, ids of its own.
prepare() {
	[ -z "${PREPARED:-}" ] || return 0
	make_rootfs
	"$BASIN" image import "$T/rootfs.tar" bb:1 >/dev/null
	"$BASIN" pool create /team --cpu 1 --memory 256MiB --storage 256MiB --pids 256 --enforce available
	"$BASIN" net create lab --subnet 10.77.0.0/24 >/dev/null
	launch && "$BASIN" env rm --force web # what is made once and stays: name server, cached filter
	"$BASIN" reconcile >/dev/null
}

launch() {
	"$BASIN" env launch bb:1 web --pool /team --memory 16MiB --storage 16MiB --net lab -- /bin/sleep 1000
}

before_each() { :; }
scenario() { launch; }

settle() {
	local there
	there=$("$BASIN" env ls --format json | jq -r '.[] | select(.name == "web") | .status')
	if [ "$SAID" = 0 ] && [ "$there" != running ]; then
		WHY="launch said that it runs, but it is \"$there\""
	elif [ "$1" = fail ] && [ "$SAID" != 0 ] && [ -n "$there" ]; then
		WHY="launch said that it failed, but it is \"$there\""
	elif [ -n "$there" ] && [ "$there" != running ]; then
		WHY="after reconcile it is \"$there\""
	fi
	[ -z "$there" ] || "$BASIN" env rm --force web >"$T/settled" 2>&1
}
