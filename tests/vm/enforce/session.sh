#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job as one types it, on Debian 12, with every limit held by the kernel.
. "$(dirname "$0")/lib.sh"
DEBIAN=$TREE/build/debian.tar
[ -s "$DEBIAN" ] || skip_all "build/debian.tar is not there (tests/debian.sh makes it)"

# Keep starting where an emulated processor is slow.
FETCH='import time, urllib.request
for attempt in range(100):
    try:
        print(urllib.request.urlopen("http://web/", timeout=10).status); break
    except OSError as problem:
        last = problem; time.sleep(0.5)
else:
    raise last'

ok "doctor" "$BASIN" doctor
ok "image import" "$BASIN" image import "$DEBIAN" debian:12
ok "image ls" "$BASIN" image ls
like "shows it" "$OUT" 'debian:12'
ok "pool create" "$BASIN" pool create /team --cpu 2 --memory 1GiB --storage 2GiB --pids 2048
ok "a pool in it" "$BASIN" pool create /team/dev --cpu 1 --memory 512MiB --storage 1GiB
ok "net create" "$BASIN" net create lab --subnet 10.77.0.0/24
ok "env launch with a command" "$BASIN" env launch debian:12 web --pool /team/dev --net lab --cpu 500m --memory 128MiB --storage 256MiB -- \
	/usr/bin/python3 -m http.server 80
ok "env launch without one" "$BASIN" env launch debian:12 cli --pool /team/dev --net lab --memory 64MiB
ok "one fetches from the other by name" "$BASIN" env exec cli -- python3 -c "$FETCH"
is "and gets it" "$OUT" 200
is "web's memory is held" "$(env_file /team/dev web memory.max)" $((128 * 1024 * 1024))
is "and its processor" "$(env_file /team/dev web cpu.max)" "50000 100000"
is "the pool's, too" "$(pool_file /team/dev memory.max)" $((512 * 1024 * 1024))
ok "env ls" "$BASIN" env ls
like "shows both" "$OUT" 'web.*cli|cli.*web'
ok "pool show" "$BASIN" pool show /team
ok "net allocations" "$BASIN" net allocations lab
like "shows addresses" "$OUT" '10\.77\.0\.'
refused "what does not fit" 11 'memory' "$BASIN" env launch debian:12 big --pool /team/dev --memory 1GiB
nok "leaves nothing" "$BASIN" env show big

ok "a file in web" "$BASIN" env exec web -- sh -c 'echo kept >/srv/note && ln /srv/note /srv/same && chmod 640 /srv/note'
ok "backup create" "$BASIN" backup create web -o "$T/web.tar"
ok "backup verify" "$BASIN" backup verify "$T/web.tar"
ok "env rm --force" "$BASIN" env rm --force web
ok "backup restore" "$BASIN" backup restore "$T/web.tar" --name web2
ok "it has the file" "$BASIN" env exec web2 -- sh -c 'stat -c "%h %a %u" /srv/note && cat /srv/same'
is "as it was" "$OUT" $'2 640 0\nkept'
ok "env stop" "$BASIN" env stop web2
ok "env rm" "$BASIN" env rm web2
ok "env rm of the other" "$BASIN" env rm --force cli
ok "net rm" "$BASIN" net rm lab
ok "reconcile finds nothing to do" "$BASIN" reconcile --dry-run
ok "pool rm" "$BASIN" pool rm /team/dev
ok "and of its parent" "$BASIN" pool rm /team
is "no link is left" "$(ip -o link show | grep -c bsn)" 0
nok "no cgroup of the pools" test -e "$BASIN_CGROUP_ROOT/pool-team"
