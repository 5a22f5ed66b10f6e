#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin backup create and verify: what is written, who else can read it, and that no damage goes unnoticed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backup.bash"

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

# --- a store that rots ---
FILE=$(find "$BASIN_DATA_ROOT"/store/layers/*/diff -name busybox)
cp -p "$FILE" "$T/sound"
printf X | dd of="$FILE" bs=1 seek=5000 conv=notrunc 2>/dev/null
touch -r "$T/sound" "$FILE"
refused_at_last "a damaged image is not wrapped in fresh digests" 15 'bin/busybox' "$BASIN" backup create web -o "$T/rotten.tar"
is "and leaves no file" "$(find "$T" -maxdepth 1 -name '*rotten.tar*')" ''
ok "without it the environment's own files are saved all the same" "$BASIN" backup create web -o "$T/thin.tar" --thin
