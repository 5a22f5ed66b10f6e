#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin's main job, shown on a Debian 12 root: `make demo`. Every basin command is printed before it runs.
#
# It runs in mount and network namespaces of its own, with roots of its own below a temporary directory. Cgroups and loop devices are not
# namespaced: the cgroup root has a name of its own and is removed at the end, as is everything else that was made here.
set -eu
TREE=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TREE/build/release}

if [ "$(id -u)" != 0 ]; then
	echo "make demo needs root: sudo make demo" >&2
	exit 1
fi
if [ -z "${BASIN_DEMO:-}" ]; then
	"$TREE/tests/debian.sh"
	exec env BASIN_DEMO=1 unshare --mount --net --propagation private bash "$0" "$@"
fi

WORK=$(mktemp -d /var/tmp/basin-demo.XXXXXX)
chmod 711 "$WORK" # so that the name server can run without privileges
export BASIN_ROOT=$WORK/run BASIN_DATA_ROOT=$WORK/data

# A pure cgroup v2 view: on a hybrid host the v2 tree is elsewhere, and has no controllers.
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
	mount -t cgroup2 none /sys/fs/cgroup
fi
export BASIN_CGROUP_ROOT=/sys/fs/cgroup/${WORK##*/}
ip link set lo up 2>/dev/null || true

say() {
	printf '\n\033[1m# %s\033[0m\n' "$*"
}

# Prints a command as one would type it, then runs it.
basin() {
	printf '\033[32m$ basin'
	for word in "$@"; do
		case $word in
		'' | *[!A-Za-z0-9_./:=@,+-]*) printf " '%s'" "${word//\'/\'\\\'\'}" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\033[0m\n'
	"$BUILD/basin" "$@"
}

clean_up() {
	local status=$?
	trap - EXIT
	say "Taking everything away again"
	for name in $("$BUILD/basin" env ls 2>/dev/null | awk 'NR > 1 { print $1 }'); do
		basin env rm --force "$name" || true
	done
	for name in $("$BUILD/basin" net ls 2>/dev/null | awk 'NR > 1 { print $1 }'); do
		basin net rm "$name" || true
	done
	[ ! -d "$BASIN_CGROUP_ROOT" ] || find "$BASIN_CGROUP_ROOT" -depth -type d -exec rmdir {} + || true
	rm -rf --one-file-system "$WORK"
	[ $status = 0 ] && say "Done: nothing is left" || say "The demo failed (status $status)"
	exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

ENFORCE=()
for controller in cpu memory pids; do
	if ! grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers; then
		ENFORCE=(--enforce available)
	fi
done

say "What this host can do"
basin doctor

say "An image: $(du -hL "$TREE/build/debian.tar" | cut -f1) of Debian 12 from its tar"
basin image import "$TREE/build/debian.tar" debian:12
basin image ls

say "Two pools, one in the other"
if [ ${#ENFORCE[@]} -gt 0 ]; then
	echo "This host's cgroup v2 tree lacks controllers, so the demo asks for what is available: limits are accounted, and enforced where the kernel can."
fi
basin pool create /team --cpu 2 --memory 1GiB --storage 2GiB --pids 2048 "${ENFORCE[@]}"
basin pool create /team/dev --cpu 1 --memory 512MiB --storage 1GiB "${ENFORCE[@]}"

say "A network, and two environments on it"
basin net create lab --subnet 10.77.0.0/24
basin env launch debian:12 web --pool /team/dev --net lab --cpu 500m --memory 128MiB --storage 256MiB -- /usr/bin/python3 -m http.server 80
basin env launch debian:12 cli --pool /team/dev --net lab --memory 64MiB

say "One fetches from the other, by name, over veth and bridge"
FETCH='import time, urllib.request
for attempt in range(50):
    try:
        print(urllib.request.urlopen("http://web/", timeout=5).status, "from http://web/")
        break
    except OSError as problem:
        last = problem; time.sleep(0.2)
else:
    raise last'
basin env exec cli -- python3 -c "$FETCH"

say "What there is, and what it was promised"
basin env ls
basin pool show /team
basin net allocations lab

say "What does not fit is refused, and leaves nothing"
status=0
basin env launch debian:12 big --pool /team/dev --memory 1GiB || status=$?
echo "(exit status $status)"
[ $status = 11 ]

say "A backup that anybody's tar can read, verified, and restored under another name"
basin env exec web -- sh -c 'echo "kept" >/srv/note && ln /srv/note /srv/same && chmod 640 /srv/note'
basin backup create web -o "$WORK/web.tar"
tar -tf "$WORK/web.tar" | head -n 4
basin backup verify "$WORK/web.tar"
basin env rm --force web
basin backup restore "$WORK/web.tar" --name web2
basin env exec web2 -- ls -l /srv/note /srv/same

say "Stopped, removed, and nothing left to do"
basin env stop web2
basin env rm web2
basin env rm --force cli
basin net rm lab
basin reconcile --dry-run
basin pool rm /team/dev
basin pool rm /team
