#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin backup restore. What comes back is what was there: files, ids, modes, times, attributes, hard links, whiteouts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backup.bash"

like "there is something to compare" "$BEFORE" 'srv/a/b/c/deep regular file'
"$BASIN" backup create web -o "$T/web.tar" 2>/dev/null
SIZE=$(stat -c %s "$T/web.tar")

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
