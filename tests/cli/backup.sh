#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin backup: create, verify, restore. What comes back is what was there: files, ids, modes, times, attributes, hard links, whiteouts.
. "$(dirname "$0")/lib.sh"

make_rootfs "$T/rootfs"
echo lower >"$ROOTFS/etc/removed"
mkdir "$ROOTFS/etc/replaced"
echo lower >"$ROOTFS/etc/replaced/file"
chown -R 1000:1000 "$ROOTFS/var"
tar -C "$ROOTFS" --numeric-owner -cf "$T/rootfs.tar" .
run "$BASIN" image import "$T/rootfs.tar" busybox:1 || skip_all "image import does not work here: $ERR"
run "$BASIN" pool create /team --cpu 1 --memory 512MiB --storage 1GiB --pids 4096 --enforce available ||
	skip_all "pools do not work here: $ERR"
run "$BASIN" env launch busybox:1 web --pool /team --memory 64MiB --storage 64MiB --label tier=front -- /bin/sleep 1000000
[ "$STATUS" = 0 ] || skip_all "environments do not start here: $ERR"

inside() {
	"$BASIN" env exec "$1" -- /bin/sh -c "$2"
}

# Every name with what is known of it, as the container sees it: an id there, not the host's.
listing() {
	inside "$1" 'cd / && find bin etc root var srv ! -path etc/host\* ! -path etc/resolv.conf -exec stat -c "%n %F %a %u:%g %h %s %Y %t:%T" {} + | sed "s/^\([^ ]* directory [^ ]* [^ ]*\) .*/\1/" | sort;
		find etc root var srv -type f ! -path etc/host\* ! -path etc/resolv.conf -exec sha256sum {} + | sort -k 2; find etc root var srv -type l -exec readlink {} +'
}

# As refused, but there may be progress before it.
refused_at_last() {
	local name=$1 code=$2 regex=$3
	shift 3
	run "$@"
	if [ "$STATUS" = "$code" ] && [[ $(tail -n 1 <<<"$ERR") =~ $regex ]]; then
		pass "$name"
	else
		fail "$name" "command: $*" "expected: exit $code, at last on stderr $regex" "got: exit $STATUS, stderr: $ERR"
	fi
}

same() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "$(diff <(echo "$3") <(echo "$2") | head -20)"; fi
}

# Extended attributes, from outside through the container's root, with its ids.
attributes() {
	local pid
	pid=$("$BASIN" state "$1" | jq .pid)
	(cd "/proc/$pid/root" && find srv -print0 | sort -z | xargs -0 getfattr -h -d -m 'user\.' -e hex 2>/dev/null)
	(cd "/proc/$pid/root" && getcap -n -r srv | sed 's/rootid=.*/rootid/')
}

# shellcheck disable=SC2016 # the environment expands it
inside web '
	mkdir /srv && cd /srv && umask 022
	echo one >one && ln one two && mkdir -p a/b/c && echo deep >a/b/c/deep
	ln -s ../etc/passwd link && mkfifo pipe
	echo "odd name" >"$(printf "odd\nname\t\377")"
	dd if=/dev/urandom of=noise bs=64k count=8 2>/dev/null
	printf x | dd of=sparse bs=1 seek=20971519 2>/dev/null
	chown 1000:100 one && chmod 6751 one && chmod 1777 a && chown 7:8 a/b
	touch -d "2001-02-03 04:05:06" a/b/c/deep
	rm /etc/removed && rm -r /etc/replaced && mkdir /etc/replaced && echo upper >/etc/replaced/other
	adduser -D -H someone 2>/dev/null || echo someone >>/etc/passwd; true' 2>/dev/null
PID=$("$BASIN" state web | jq .pid)
setfattr -n user.note -v "a value" "/proc/$PID/root/srv/noise"
setfattr -n user.binary -v 0x00ff00 "/proc/$PID/root/srv/a"
BEFORE=$(listing web)
ATTRIBUTES=$(attributes web)
like "there is something to compare" "$BEFORE" 'srv/a/b/c/deep regular file'

# --- create ---
ok "create writes an archive" "$BASIN" backup create web -o "$T/web.tar"
like "create says how consistent it is" "$OUT" 'frozen'
like "create tells its progress on standard error" "$ERR" 'packed the environment.s own layer'
is "the environment goes on" "$("$BASIN" state web | jq -r .status)" running
nok "nothing else is left beside the archive" test -n "$(find "$T" -maxdepth 1 -name '.web.tar*')"
ok "create writes JSON" "$BASIN" backup create web -o "$T/again.tar" --format json
is "JSON has the consistency" "$(jq -r .consistency <<<"$OUT")" frozen
is "JSON has the size" "$(jq -r .size <<<"$OUT")" "$(stat -c %s "$T/again.tar")"
like "JSON has the digest of the manifest" "$(jq -r .digest <<<"$OUT")" '^sha256:[0-9a-f]{64}$'
"$BASIN" backup create web -o - >"$T/pipe.tar" 2>/dev/null
ok "create writes to a pipe" "$BASIN" backup verify "$T/pipe.tar"
refused "create refuses an environment that is not there" 3 'environment "nobody" does not exist' "$BASIN" backup create nobody -o "$T/x.tar"
refused "create wants to know where to" 2 'say where the archive goes' "$BASIN" backup create web
refused "create names a directory that is not there" 20 'cannot open "/nonexistent"' "$BASIN" backup create web -o /nonexistent/x.tar
is "a failed create leaves no file" "$(ls "$T"/x.tar 2>/dev/null)" ''

# --- others can read it ---
ok "GNU tar lists it" tar -tf "$T/web.tar"
is "first come the layout and the index" "$(head -n 2 <<<"$OUT" | tr '\n' ' ')" 'oci-layout index.json '
is "nothing in it is odd to tar" "$ERR" ''
ok "bsdtar lists it" bsdtar -tf "$T/web.tar"
if command -v skopeo >/dev/null; then
	ok "skopeo reads it" skopeo inspect "oci-archive:$T/web.tar"
	is "skopeo sees base and own layer" "$(jq '.Layers | length' <<<"$OUT")" 2
	ok "skopeo copies it, checking every digest" skopeo copy -q "oci-archive:$T/web.tar" "oci:$T/layout:web"
	OWN=$T/layout/blobs/sha256/$(skopeo inspect "oci:$T/layout:web" | jq -r '.Layers[1][7:]')
	mkdir "$T/own"
	ok "any tar unpacks the own layer" tar --zstd -xpf "$OWN" -C "$T/own" --xattrs --xattrs-include='user.*'
	is "what it unpacks is what the environment had" "$(cat "$T/own/srv/a/b/c/deep")" deep
	ok "what was removed is a whiteout there" test -f "$T/own/etc/.wh.removed"
	ok "what was replaced is opaque" test -f "$T/own/etc/replaced/.wh..wh..opq"
	is "ids are the container's" "$(stat -c %u:%g:%a:%h "$T/own/srv/one")" 1000:100:6751:2
fi

# --- verify ---
ok "verify accepts it" "$BASIN" backup verify "$T/web.tar"
ok "verify answers with JSON" "$BASIN" backup verify "$T/web.tar" --format json
is "the JSON says so" "$(jq -c '[.whole, .name, .consistency, .pool, .image]' <<<"$OUT")" '[true,"web","frozen","/team","busybox:1"]'
nok "verify fails on no file" "$BASIN" backup verify "$T/none.tar"
ok "verify reads standard input" "$BASIN" backup verify - <"$T/web.tar"
SIZE=$(stat -c %s "$T/web.tar")
flip() {
	cp "$T/web.tar" "$T/bad.tar"
	python3 - "$T/bad.tar" "$1" <<-'PYTHON'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(int(sys.argv[2])); f.write(bytes([b ^ 0x10]))
	PYTHON
}
missed=0
for at in 0 100 148 600 1100 1600 2200 $((SIZE / 7)) $((SIZE / 3)) $((SIZE / 2)) $((SIZE - 300000)) $((SIZE - 2000)) $((SIZE - 1100)) $((SIZE - 1)); do
	flip "$at"
	run "$BASIN" backup verify "$T/bad.tar"
	[ "$STATUS" = 15 ] && [[ $ERR =~ bad.tar ]] || missed=$((missed + 1))
done
is "one flipped byte anywhere is found" $missed 0
NOISE=$(python3 - "$T/web.tar" <(inside web 'cat /srv/noise') <<-'PYTHON'
	import sys
	print(open(sys.argv[1], "rb").read().find(open(sys.argv[2], "rb").read()[300000:300032]))
PYTHON
)
flip "$NOISE"
refused_at_last "inside a layer the first damaged path is named" 15 'blob sha256:[0-9a-f]{64} \(the environment.s own layer\): the first damaged path is "srv/noise"' \
	"$BASIN" backup verify "$T/bad.tar"
refused_at_last "restore refuses it too, and says the same" 15 'the first damaged path is "srv/noise"' "$BASIN" backup restore "$T/bad.tar" --name bad
is "and leaves no environment" "$("$BASIN" env ls --format json | jq -c '[.[].name]')" '["web"]'
head -c $((SIZE - 200000)) "$T/web.tar" >"$T/bad.tar"
refused_at_last "a torn archive is damaged" 15 'it ends in blob' "$BASIN" backup verify "$T/bad.tar"
refused_at_last "a torn archive is not restored" 15 'it ends in' "$BASIN" backup restore "$T/bad.tar" --name bad
refused "something else is no backup" 15 'is not a backup' "$BASIN" backup verify "$T/rootfs.tar"
is "nothing is left of what failed" "$("$BASIN" reconcile --dry-run --format json | jq length)" 0

# --- restore, the image being here ---
refused "restore does not take a name that is taken" 4 'environment "web" exists' "$BASIN" backup restore "$T/web.tar"
refused "restore names a missing pool and how to make it" 3 'pool "/nowhere" does not exist' "$BASIN" backup restore "$T/web.tar" --name web2 --pool /nowhere
run "$BASIN" pool create /tiny --memory 16MiB --storage 8MiB --enforce available
refused "restore is admitted first" 11 '/tiny' "$BASIN" backup restore "$T/web.tar" --name web2 --pool /tiny
is "a refusal leaves nothing" "$("$BASIN" env ls --format json | jq -c '[.[].name]') $(ls "$BASIN_DATA_ROOT/envs")" '["web"] web'
ok "dry-run says yes" "$BASIN" backup restore "$T/web.tar" --name web2 --dry-run
is "and changes nothing" "$("$BASIN" env ls --format json | jq length)" 1
ok "restore makes it again, beside the first" "$BASIN" backup restore "$T/web.tar" --name web2
is "it runs, as it did" "$("$BASIN" env show web2 --format json | jq -r .status)" running
is "its labels are there" "$("$BASIN" env show web2 --format json | jq -r .labels.tier)" front
is "its limits are there" "$("$BASIN" env show web2 --format json | jq -r .resources.limit.memory)" 67108864
is "its host name is the new name" "$(inside web2 hostname)" web2
is "its ids are others" "$([ "$("$BASIN" env show web --format json | jq .ids.first)" != "$("$BASIN" env show web2 --format json | jq .ids.first)" ] && echo yes)" yes
same "files, ids, modes, times, links are the same" "$(listing web2)" "$BEFORE"
same "extended attributes are the same" "$(attributes web2)" "$ATTRIBUTES"
is "a hole is a hole again" "$([ "$(inside web2 'du -k /srv/sparse' | cut -f 1)" -lt 1024 ] && echo yes)" yes
is "what was removed stays removed" "$(inside web2 'ls /etc/removed /etc/replaced 2>/dev/null')" "$(printf '/etc/replaced:\nother')"
ok "the backup of the restored one" "$BASIN" backup create web2 -o "$T/web2.tar"
is "has the same own layer" "$(skopeo inspect "oci-archive:$T/web2.tar" | jq -r '.Layers[1]')" "$(skopeo inspect "oci-archive:$T/web.tar" | jq -r '.Layers[1]')"

# --- stopped, thin ---
ok "stop" "$BASIN" env stop web2 --time 1
ok "a stopped one is backed up as it lies" "$BASIN" backup create web2 -o "$T/stopped.tar" --format json
is "and says so" "$(jq -r .consistency <<<"$OUT")" stopped
ok "rm" "$BASIN" env rm web2
ok "restore leaves it stopped" "$BASIN" backup restore "$T/stopped.tar"
is "stopped it is" "$("$BASIN" env show web2 --format json | jq -r .status)" stopped
ok "rm again" "$BASIN" env rm web2
ok "thin" "$BASIN" backup create web -o "$T/thin.tar" --thin
is "is smaller by the image" "$([ "$(stat -c %s "$T/thin.tar")" -lt $((SIZE - 500000)) ] && echo yes)" yes
ok "thin verifies" "$BASIN" backup verify "$T/thin.tar"
ok "thin restores where the image is" "$BASIN" backup restore - --name web3 --no-start <"$T/thin.tar"
is "no-start leaves it stopped" "$("$BASIN" env show web3 --format json | jq -r .status)" stopped
ok "rm the thin one" "$BASIN" env rm web3

# --- the host's ids ---
ok "launch with the host's ids" "$BASIN" env launch busybox:1 plain --pool /team --memory 16MiB --storage 16MiB --userns host -- /bin/sleep 1000000
inside plain 'mkdir /srv; echo x >/srv/x; chown 1234:5678 /srv/x'
ok "back it up" "$BASIN" backup create plain -o "$T/plain.tar"
ok "restored it has ids of its own" "$BASIN" backup restore "$T/plain.tar" --name own
like "and basin says so" "$ERR" 'it gets ids of its own'
is "those of its files are the same inside" "$("$BASIN" env show own --format json | jq 'has("ids")') $(inside own 'stat -c %u:%g /srv/x')" "true 1234:5678"
ok "with --userns host it has the host's" "$BASIN" backup restore "$T/plain.tar" --name host --userns host
is "as it had" "$("$BASIN" env show host --format json | jq 'has("ids")') $(inside host 'stat -c %u:%g /srv/x')" "false 1234:5678"
ok "rm them" "$BASIN" env rm --force plain own host

# --- networks ---
if "$BASIN" net create lab --subnet 10.78.0.0/24 >/dev/null 2>&1; then
	ok "launch on a network" "$BASIN" env launch busybox:1 netty --pool /team --memory 16MiB --storage 16MiB --net lab -- /bin/sleep 1000000
	ok "back it up" "$BASIN" backup create netty -o "$T/netty.tar"
	ok "restored beside it, it is on the same network" "$BASIN" backup restore "$T/netty.tar" --name netty2 --format json
	is "with an address of its own" "$(jq -r '.networks[0]' <<<"$OUT") $([ "$(jq -r .address <<<"$OUT")" != "$("$BASIN" env show netty --format json | jq -r .address)" ] && echo other)" "lab other"
	ok "or on none" "$BASIN" backup restore "$T/netty.tar" --name netty3 --no-net --format json
	is "if so asked" "$(jq -c .networks <<<"$OUT")" '[]'
	ok "rm them all" "$BASIN" env rm --force netty netty2 netty3
	ok "rm the network" "$BASIN" net rm lab
	refused "a missing network is named" 3 'network "lab" does not exist: give --net' "$BASIN" backup restore "$T/netty.tar"
else
	skip "networks" "no network can be made here"
fi

# --- a backup is an image too, of two layers, with whiteouts in the upper one ---
refused "to be imported it must be made one" 2 'backup restore' "$BASIN" image import "$T/web.tar" snapshot:1
cat >"$T/make_image.py" <<-'PYTHON'
	import hashlib, json, sys
	root = sys.argv[1] + "/"
	index = json.load(open(root + "index.json"))
	manifest = json.load(open(root + "blobs/sha256/" + index["manifests"][0]["digest"][7:]))
	del manifest["artifactType"]
	text = json.dumps(manifest).encode()
	digest = hashlib.sha256(text).hexdigest()
	open(root + "blobs/sha256/" + digest, "wb").write(text)
	index["manifests"] = [{"mediaType": manifest["mediaType"], "digest": "sha256:" + digest, "size": len(text)}]
	json.dump(index, open(root + "index.json", "w"))
PYTHON
mkdir "$T/image" && tar -xf "$T/web.tar" -C "$T/image" && python3 "$T/make_image.py" "$T/image" && tar -cf "$T/image.tar" -C "$T/image" .
ok "import it as an image" "$BASIN" image import "$T/image.tar" snapshot:1
ok "launch from that" "$BASIN" env launch snapshot:1 snap --pool /team --memory 64MiB --storage 64MiB -- /bin/sleep 1000000
same "it has the files" "$(listing snap)" "$BEFORE"
inside snap 'rm /srv/noise; echo changed >/srv/a/b/c/deep'
SNAP=$(listing snap)
ok "back that up" "$BASIN" backup create snap -o "$T/snap.tar"
is "three layers" "$(skopeo inspect "oci-archive:$T/snap.tar" | jq '.Layers | length')" 3
ok "rm that" "$BASIN" env rm --force snap

# --- elsewhere: another data root, without image and pool ---
export BASIN_ROOT=$T/run/other BASIN_DATA_ROOT=$T/data/other
FIRST_CGROUP_ROOT=$BASIN_CGROUP_ROOT
export BASIN_CGROUP_ROOT=$FIRST_CGROUP_ROOT/other
mkdir -p "$BASIN_CGROUP_ROOT"
refused "elsewhere the pool is missing, and how to make it is said" 3 'basin pool create /team' "$BASIN" backup restore "$T/web.tar"
refused "a thin backup needs its image" 3 'import the image first' "$BASIN" backup restore "$T/thin.tar"
run "$BASIN" pool create /team --memory 512MiB --storage 1GiB --enforce available
ok "a whole one brings it along" "$BASIN" backup restore "$T/web.tar"
is "with its name" "$("$BASIN" image ls --format json | jq -r '.[].ref')" busybox:1
same "the same files come back there" "$(listing web)" "$BEFORE"
same "the same attributes" "$(attributes web)" "$ATTRIBUTES"
ok "the store there is sound" "$BASIN" image check
ok "rm there" "$BASIN" env rm --force web
ok "an image of several layers comes along too" "$BASIN" backup restore "$T/snap.tar"
same "with its files" "$(listing snap)" "$SNAP"
ok "rm that too" "$BASIN" env rm --force snap
is "nothing is left to do there" "$("$BASIN" reconcile --dry-run --format json | jq length)" 0
export BASIN_ROOT=$T/run/basin BASIN_DATA_ROOT=$T/data/basin BASIN_CGROUP_ROOT=$FIRST_CGROUP_ROOT

# --- killed in the middle ---
inside web 'dd if=/dev/urandom of=/srv/large bs=1M count=24 2>/dev/null'
state_of() {
	cat "$BASIN_CGROUP_ROOT"/pool-team/env-web/cgroup.freeze
}
thawed() {
	[ "$(state_of)" = 0 ]
}
killed=0 frozen=0
for delay in 0.02 0.05 0.1 0.15 0.2 0.3 0.4; do
	rm -f "$T/killed.tar"
	"$BASIN" backup create web -o "$T/killed.tar" >/dev/null 2>&1 &
	pid=$!
	sleep "$delay"
	kill -9 "$pid" 2>/dev/null && killed=$((killed + 1))
	wait "$pid" 2>/dev/null
	within 5 thawed || frozen=$((frozen + 1))
	if [ -e "$T/killed.tar" ]; then
		"$BASIN" backup verify "$T/killed.tar" >/dev/null 2>&1 || fail "killed after $delay: the file is there and not whole"
	fi
done
# Its guard killed with it, as when a whole session is: then it is reconcile that thaws.
orphaned=no
for _ in 1 2 3 4 5; do
	"$BASIN" backup create web -o "$T/killed.tar" >/dev/null 2>&1 &
	pid=$!
	for _ in $(seq 200); do
		[ "$(state_of)" = 1 ] && break
	done
	kill -STOP "$pid"
	guard=$(pgrep -P "$pid")
	[ -n "$guard" ] && [ "$(state_of)" = 1 ] && kill -9 "$guard" "$pid" && orphaned=yes
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	[ $orphaned = yes ] && break
done
is "create and its guard were killed while it was frozen" "$orphaned $(state_of)" "yes 1"
like "reconcile finds it" "$("$BASIN" reconcile --format json | jq -c '.[] | [.name, .action, .done]')" '\["web","thaw",true\]'
is "and thaws it" "$(state_of)" 0
is "create was killed in its middle" "$([ $killed -gt 2 ] && echo yes)" yes
is "a killed create leaves nothing frozen" $frozen 0
is "and no file that is not whole" "$(find "$T" -maxdepth 1 -name '.killed.tar*')" ''
is "the environment answers" "$(inside web 'echo alive')" alive
is "nothing is left to do" "$("$BASIN" reconcile --dry-run --format json | jq length)" 0
ok "a whole one" "$BASIN" backup create web -o "$T/large.tar"
for delay in 0.02 0.05 0.1 0.2 0.3 0.5; do
	"$BASIN" backup restore "$T/large.tar" --name half >/dev/null 2>&1 &
	pid=$!
	sleep "$delay"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	"$BASIN" reconcile >/dev/null 2>&1
	"$BASIN" env show half >/dev/null 2>&1 && "$BASIN" env rm --force half >/dev/null 2>&1
	[ -e "$BASIN_DATA_ROOT/envs/half" ] && fail "killed after $delay: something is left of the restored environment"
done
is "a killed restore leaves only what was there" "$("$BASIN" env ls --format json | jq -c '[.[].name]')" '["web"]'
is "and nothing to do" "$("$BASIN" reconcile --dry-run --format json | jq length)" 0
is "and no charge" "$("$BASIN" pool show /team --format json | jq -c .members)" '["web"]'
ok "the end" "$BASIN" env rm --force web
