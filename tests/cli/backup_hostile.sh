#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin backup restore of archives that are whole but not friendly: every digest fits, and what they say is meant to do harm.
. "$(dirname "$0")/lib.sh"

make_rootfs "$T/rootfs"
run "$BASIN" image import "$T/rootfs.tar" busybox:1 || skip_all "image import does not work here: $ERR"
run "$BASIN" pool create /team --cpu 1 --memory 512MiB --storage 1GiB --pids 4096 --enforce available || skip_all "pools do not work here: $ERR"
run "$BASIN" env launch busybox:1 web --pool /team --memory 16MiB --storage 16MiB -- /bin/sleep 1000000
[ "$STATUS" = 0 ] || skip_all "environments do not start here: $ERR"
"$BASIN" backup create web -o "$T/web.tar" >/dev/null 2>&1
mkdir "$T/outside" && echo untouched >"$T/outside/file"

forge() {
	python3 "$TESTS/cli/forge_backup.py" "$T/web.tar" "$T/forged.tar" "$1"
}

# What is around the data root: a way out of the tree would show here.
around() {
	find "$T/outside" "$BASIN_DATA_ROOT" -maxdepth 2 ! -path '*/store/*' ! -name 'ledger.db*' -printf '%p %U %m %s\n' | sort
	cat "$T/outside/file"
}
AROUND=$(around)

unharmed() {
	is "$1: nothing outside, nothing left" "$(around)" "$AROUND"
	is "$1: and no environment" "$("$BASIN" env ls --format json | jq -c '[.[].name]')" '["web"]'
}

rejects() {
	forge "$2"
	run "$BASIN" backup restore "$T/forged.tar" --name forged
	if [ "$STATUS" != 0 ] && [[ $(tail -n 1 <<<"$ERR") =~ $3 ]]; then pass "$1 is refused"; else fail "$1 is refused" "exit: $STATUS" "stderr: $ERR"; fi
	unharmed "$1"
	[ "$STATUS" != 0 ] || "$BASIN" env rm --force forged
}

inside() {
	"$BASIN" env exec forged -- /bin/sh -c "$1"
}

forge '{}'
ok "the forger's work is accepted where it does no harm" "$BASIN" backup verify "$T/forged.tar"
ok "and restored" "$BASIN" backup restore "$T/forged.tar" --name forged
ok "rm" "$BASIN" env rm --force forged

# --- the own layer ---
rejects "an id that is not the environment's" '{"entries":[{"name":"x","uid":70000}]}' '70000'
rejects "a whiteout that names a way out" '{"entries":[{"name":"etc/.wh..."},{"name":"etc/.wh.."}]}' 'wh'
rejects "a hard link to nothing" '{"entries":[{"name":"x","type":"1","linkname":"../../../outside/file"}]}' 'outside|link'

forge "{\"entries\":[{\"name\":\"../../../../../../../../$T/outside/evil\",\"data\":\"x\"},{\"name\":\"out\",\"type\":\"2\",\"linkname\":\"$T/outside\"},{\"name\":\"out/evil\",\"data\":\"x\"},{\"name\":\"/absolute\",\"data\":\"y\"}]}"
run "$BASIN" backup restore "$T/forged.tar" --name forged
is "links, absolute names and .. lead nowhere but inside" "$(around | grep -v "$BASIN_DATA_ROOT/envs/forged\|$BASIN_DATA_ROOT/locks")" "$(echo "$AROUND" | grep -v "$BASIN_DATA_ROOT/locks")"
[ "$STATUS" != 0 ] || "$BASIN" env rm --force forged

forge '{"entries":[{"name":"disk","type":"4","devmajor":8,"devminor":0,"mode":438},{"name":"etc/setuid","mode":2541,"data":"x"},
	{"name":"srv","type":"5","mode":493,"pax_headers":{"SCHILY.xattr.trusted.overlay.redirect":"/etc","SCHILY.xattr.user.fine":"1"}}]}'
ok "devices and marks of overlayfs are left out" "$BASIN" backup restore "$T/forged.tar" --name forged
like "and that is said" "$ERR" '1 device nodes were left out'
is "no device is there" "$(inside 'ls /disk 2>/dev/null')" ''
is "the directory is an ordinary one" "$(inside 'ls -A /srv')" ''
is "a set-user-id file is the environment's own root's" "$(inside 'stat -c %u:%a /etc/setuid')" 0:4755
ok "rm that" "$BASIN" env rm --force forged

# --- the definition ---
rejects "resources of the wrong kind" '{"environment":{"resources":{"limit":{"memory":"much"}}}}' 'memory'
rejects "too many of them" '{"environment":{"resources":{"limit":{"memory":1099511627776},"request":{"memory":1099511627776}}}}' '/team'
rejects "a network that is a path" '{"environment":{"networks":["../../etc"]}}' 'network'
rejects "a pool that is a path" '{"environment":{"pool":"/../.."}}' 'pool'
rejects "a command that is no list" '{"environment":{"process":{"args":"/bin/sh"}}}' 'args'
forge '{"environment":{"userns":"host","hostname":"a\nb","autostart":true}}'
ok "the host's ids are not given for the asking" "$BASIN" backup restore "$T/forged.tar" --name forged --format json
is "it has its own" "$(jq 'has("ids")' <<<"$OUT")" true
is "a host name that is none is not taken" "$(jq -r .hostname <<<"$OUT")" forged
ok "rm it" "$BASIN" env rm --force forged
is "nothing is left to do" "$("$BASIN" reconcile --dry-run --format json | jq length)" 0
ok "the store is sound" "$BASIN" image check
