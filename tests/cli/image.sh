#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin image import, ls, show, rm, check: what goes in must be what is there, whoever wrote the archive; what is refused leaves nothing.
. "$(dirname "$0")/lib.sh"

STORE=$BASIN_DATA_ROOT/store

# The tree of the one layer of an image.
tree_of() {
	echo "$STORE/layers/$("$BASIN" image show "$1" --format json | jq -r '.layers[0].diff_id | ltrimstr("sha256:")')/diff"
}
# Names, kinds, modes, owners, sizes, times to the nanosecond, targets, link counts; contents; attributes.
facts_of() {
	(
		cd "$1" || exit
		find . -printf '%p %y %m %U %G %T@ %l\n' | sort
		find . -type f -printf '%p %s %n\n' | sort
		find . -type f -print0 | sort -z | xargs -0 sha256sum
		find . ! -type l -print0 | sort -z | xargs -0 getfattr -d -m '^(user|security\.cap|system\.posix)' --absolute-names -e hex
	)
}
is_empty() {
	is "$1" "$(find "$STORE/tmp" "$STORE/trash" "$STORE/layers" "$STORE/images" "$STORE/names" -mindepth 1 | wc -l)" 0
}

# --- a tree with everything in it ---
S=$T/source
mkdir -p "$S/dir/sub" "$S/empty" "$S/sticky"
echo text >"$S/dir/file"
ln "$S/dir/file" "$S/hard"
ln -s ../outside "$S/dir/soft"
mkfifo "$S/fifo"
truncate -s 20M "$S/sparse"
printf x | dd of="$S/sparse" bs=1 seek=15000000 conv=notrunc 2>/dev/null
head -c 300000 /dev/urandom >"$S/random"
cp "$S/dir/file" "$S/capable"
chown 12:34 "$S/capable"
setcap cap_net_raw+ep "$S/capable"
setfattr -n user.note -v value "$S/dir/file"
setfattr -n user.note -v directory "$S/dir"
[ -z "$(command -v setfacl)" ] || setfacl -m u:77:rwx -m d:u:78:r "$S/empty"
chmod 1777 "$S/sticky"
chmod 4755 "$S/random"
chmod 0500 "$S/dir/sub"
touch -h -d '2001-02-03 04:05:06.789012345' "$S/dir/soft" "$S/dir/file"
chown -h 5:6 "$S/dir/soft"
long=$(printf 'n%.0s' {1..120})
mkdir -p "$S/$long/$long"
touch "$S/$long/$long/file" "$S/"$'new\nline'
touch -d '1969-12-31 23:00:00' "$S/$long"
facts_of "$S" >"$T/facts"

PAX=(--format=posix -S --xattrs --xattrs-include='*' --acls --numeric-owner)
tar -C "$S" "${PAX[@]}" -cf "$T/posix.tar" .
tar -C "$S" --format=posix --sparse-version=0.0 -S --xattrs --xattrs-include='*' --numeric-owner -cf "$T/sparse00.tar" .
tar -C "$S" --format=posix --sparse-version=0.1 -S --xattrs --xattrs-include='*' --numeric-owner -cf "$T/sparse01.tar" .
bsdtar -C "$S" --format=pax --xattrs --acls --numeric-owner -cf "$T/bsd.tar" . 2>/dev/null
gzip -k "$T/posix.tar"
zstd -q -k "$T/posix.tar"
{ zstd -qc <(head -c 200000 "$T/posix.tar") && zstd -qc <(tail -c +200001 "$T/posix.tar"); } >"$T/frames.tar.zst"
{ gzip -c <(head -c 200000 "$T/posix.tar") && gzip -c <(tail -c +200001 "$T/posix.tar"); } >"$T/members.tar.gz"

# Access control lists are text with names in an archive, and left out; with them goes what they did to their directory's mode.
without_acl() {
	grep -vE '^\./empty d |^# file: \./empty$|posix_acl|^$' "$1"
}
for archive in posix sparse00 sparse01 bsd; do
	ok "import $archive.tar" "$BASIN" image import "$T/$archive.tar" "$archive:1"
	facts_of "$(tree_of "$archive:1")" >"$T/found"
	is "$archive.tar is unpacked faithfully" "$(diff <(without_acl "$T/facts") <(without_acl "$T/found"))" ""
done
is "holes are holes" "$(($(stat -c %b "$(tree_of posix:1)/sparse") * 512 < 100000))" 1
ok "import .tar.gz" "$BASIN" image import "$T/posix.tar.gz" gz:1
is "the layer is the one that is there" "$("$BASIN" image show gz:1 --format json | jq -r '.layers[0].diff_id')" \
	"$("$BASIN" image show posix:1 --format json | jq -r '.layers[0].diff_id')"
ok "import .tar.zst" "$BASIN" image import "$T/posix.tar.zst" zst:1 --format json
is "it says that the layer was there" "$(jq -r '.[0].layers_reused' <<<"$OUT")" 1
ok "import of many zstd frames" "$BASIN" image import "$T/frames.tar.zst" frames:1
ok "import of many gzip members" "$BASIN" image import "$T/members.tar.gz" members:1
is "all are one layer" "$(for i in posix gz zst frames members; do "$BASIN" image show $i:1 --format json | jq -r '.layers[].diff_id'; done | sort -u | wc -l)" 1
run "$BASIN" image import - stdin <"$T/posix.tar.zst"
is "import from standard input" "$STATUS" 0
ok "a tag is latest when none is given" "$BASIN" image show stdin:latest

# --- ls, show ---
ok "ls" "$BASIN" image ls
like "ls lists it" "$OUT" 'posix:1 +sha256:[0-9a-f]{64} +linux/'
ok "ls --format json" "$BASIN" image ls --format json
is "its keys" "$(jq -r '.[0] | keys | join(" ")' <<<"$OUT")" "architecture digest imported layer_count os platform ref size"
ok "show" "$BASIN" image show posix:1
ok "show --format json" "$BASIN" image show posix:1 --format json
is "its keys" "$(jq -r 'keys | join(" ")' <<<"$OUT")" \
	"architecture config config_digest created digest imported layer_count layers names os platform size"
digest=$(jq -r .digest <<<"$OUT")
ok "show by digest" "$BASIN" image show "$digest"
ok "show by the first digits of it" "$BASIN" image show "${digest:7:12}"
refused "show of what is not there" 3 'not in the store' "$BASIN" image show nothing
ok "import for another platform" "$BASIN" image import "$T/posix.tar" other:1 --arch riscv64 --os plan9
is "the platform is kept" "$("$BASIN" image show other:1 --format json | jq -r .platform)" plan9/riscv64

# --- check ---
ok "check" "$BASIN" image check
like "check finds nothing" "$OUT" 'result: +sound'
victim=$(tree_of bsd:1)/random
printf X | dd of="$victim" bs=1 seek=1000 conv=notrunc 2>/dev/null
touch -r "$S/random" "$victim"
refused "check names the damaged path" 15 '"random": its content differs' "$BASIN" image check
ok "check --quick does not read contents" "$BASIN" image check --quick
ok "check of another image" "$BASIN" image check posix:1
run "$BASIN" image check bsd:1 --format json
is "check --format json" "$STATUS $(jq -r '[.ok, .damaged_count, .layers[0].damaged[0].path] | map(tostring) | join(" ")' <<<"$OUT")" "15 false 1 random"

# --- rm ---
ok "rm" "$BASIN" image rm bsd:1 other:1 sparse00:1 sparse01:1
is "the layer stays while another image has it" "$(find "$STORE/layers" -mindepth 1 -maxdepth 1 | wc -l)" 1
ok "rm of the rest" "$BASIN" image rm posix:1 gz:1 zst:1 frames:1 members:1 stdin
is_empty "nothing is left"
refused "rm of what is not there" 3 'not in the store' "$BASIN" image rm posix:1

# --- refusals leave nothing ---
refused "import of a missing file" 2 'cannot open' "$BASIN" image import "$T/nothing" a:1
refused "import of something else" 15 'check sum' "$BASIN" image import "$S/random" a:1
refused "import without a name" 2 'give one, as NAME:TAG' "$BASIN" image import "$T/posix.tar"
refused "import under a malformed name" 2 'not a reference' "$BASIN" image import "$T/posix.tar" 'A B'
head -c 200000 "$T/posix.tar" >"$T/cut.tar"
refused "import of a torn archive" 15 'ends in the middle|cut off' "$BASIN" image import "$T/cut.tar" a:1
head -c -100 "$T/posix.tar.gz" >"$T/cut.tar.gz"
refused "import of a torn .tar.gz" 15 'ends in the middle|ends too early' "$BASIN" image import "$T/cut.tar.gz" a:1
cp "$T/posix.tar.zst" "$T/bad.tar.zst"
printf '\377' | dd of="$T/bad.tar.zst" bs=1 seek=100000 conv=notrunc 2>/dev/null
refused "import of a damaged .tar.zst" 15 'zstd data is damaged' "$BASIN" image import "$T/bad.tar.zst" a:1
: >"$T/empty.tar"
refused "import of an empty file" 15 'is empty' "$BASIN" image import "$T/empty.tar" a:1
is_empty "and nothing is left of them"

# --- a hostile archive, with everything around the store compared before and after ---
around() {
	find "$T" -path "$STORE" -prune -o -path "$T/out" -prune -o -path "$T/err" -prune -o -printf '%p %y %m %U %s %T@\n' | sort | sha256sum
}
python3 - "$T" <<'PY'
import io, sys, tarfile
top = sys.argv[1]
def archive(name, *members):
    with tarfile.open(f"{top}/{name}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for path, kind, extra in members:
            info = tarfile.TarInfo(path)
            info.type = kind
            data = b""
            for key, value in extra.items():
                if key == "data":
                    data = value
                else:
                    setattr(info, key, value)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
R, L, H, D, C = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE
archive("climb", ("../../../../../../evil", R, {"data": b"x"}), (f"{top}/evil", R, {"data": b"x"}))
archive("through", ("l", L, {"linkname": top}), ("l/evil", R, {"data": b"x"}))
archive("over", ("l", L, {"linkname": f"{top}/posix.tar"}), ("l", R, {"data": b"x", "mode": 0o777}))
archive("dirs", ("l", L, {"linkname": top}), ("l", D, {"mode": 0o777, "uid": 99}))
archive("hard", ("h", H, {"linkname": f"../../../../../../..{top}/posix.tar"}))
archive("whiteout", ("w", C, {"devmajor": 0, "devminor": 0}))
PY
before=$(around)
ok "names that climb stay inside" "$BASIN" image import "$T/climb.tar" climb:1
refused "a link out of the tree leads nowhere" 15 'its directory cannot be had' "$BASIN" image import "$T/through.tar" a:1
ok "a link is replaced, not followed" "$BASIN" image import "$T/over.tar" over:1
ok "by a directory too" "$BASIN" image import "$T/dirs.tar" dirs:1
refused "a hard link out of the tree" 15 'must be in the same layer' "$BASIN" image import "$T/hard.tar" a:1
refused "a whiteout in disguise" 15 'disguised whiteout' "$BASIN" image import "$T/whiteout.tar" a:1
is "nothing outside the store was touched" "$(around)" "$before"
ok "rm" "$BASIN" image rm climb:1 over:1 dirs:1

# --- archives of images, made by others ---
if command -v umoci >/dev/null && command -v skopeo >/dev/null; then
	{
		umoci init --layout "$T/layout" && umoci new --image "$T/layout:base" &&
			umoci insert --image "$T/layout:base" "$S/dir" /dir && umoci insert --image "$T/layout:base" "$S/sticky" /dir/tmp &&
			umoci insert --image "$T/layout:base" --whiteout /dir/file &&
			umoci config --image "$T/layout:base" --config.cmd /bin/true --config.env A=b &&
			skopeo copy -q "oci:$T/layout:base" "oci-archive:$T/oci.tar:app:oci" &&
			skopeo copy -q "oci:$T/layout:base" "docker-archive:$T/docker.tar:app:docker"
	} >"$T/skopeo.log" 2>&1 || sed 's/^/# /' "$T/skopeo.log"
	ok "import of an oci-archive" "$BASIN" image import "$T/oci.tar"
	is "it keeps its manifest's digest" "$("$BASIN" image show app:oci --format json | jq -r .digest)" \
		"$(skopeo inspect "oci:$T/layout:base" --format '{{.Digest}}')"
	is "and its config" "$("$BASIN" image show app:oci --format json | jq -c '[.config.Cmd, .config.Env]')" '[["/bin/true"],["A=b"]]'
	whiteouts=$(find "$STORE/layers" -type c -name file | wc -l)
	is "a whiteout is overlayfs's" "$whiteouts" 1
	ok "import of a docker-archive" "$BASIN" image import "$T/docker.tar" --format json
	is "its layers are the same" "$(jq -r '.[0] | "\(.ref) \(.layers_reused)"' <<<"$OUT")" "app:docker 3"
	ok "import under another name" "$BASIN" image import "$T/oci.tar" mine
	gzip -k "$T/docker.tar"
	ok "import of a compressed archive" "$BASIN" image import "$T/docker.tar.gz"
	refused "import for a platform it does not have" 3 'see --os and --arch' \
		"$BASIN" image import <(python3 - "$T/oci.tar" <<'PY'
import io, json, sys, tarfile
source = tarfile.open(sys.argv[1])
target = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
for member in source:
    data = source.extractfile(member).read() if member.isfile() else b""
    if member.name.endswith("index.json"):
        index = json.loads(data)
        for manifest in index["manifests"]:
            manifest["platform"] = {"os": "linux", "architecture": "s390x"}
        data = json.dumps(index).encode()
        member.size = len(data)
    target.addfile(member, io.BytesIO(data))
target.close()
PY
) --arch amd64
	ok "check of them all" "$BASIN" image check
	ok "rm" "$BASIN" image rm app:oci app:docker mine
	is_empty "nothing is left"
else
	skip "image archives" "umoci or skopeo is missing"
fi

# --- in use ---
make_rootfs
ok "import of a root file system to live in" "$BASIN" image import "$T/rootfs.tar" live:1
if run "$BASIN" env launch live:1 user --memory 16MiB --storage 16MiB --enforce available; then
	refused "an image that an environment has is not removed" 12 'in use by environment "user"' "$BASIN" image rm live:1
	ok "another name for it is" "$BASIN" image import "$T/rootfs.tar" live:2
	ok "and can go again" "$BASIN" image rm live:2
	ok "nor once the environment is stopped" "$BASIN" env stop --time 1 user
	refused "it is still its image" 12 'in use by environment "user"' "$BASIN" image rm live:1
	ok "once it is gone" "$BASIN" env rm --force user
else
	fail "an environment of the image" "$ERR"
fi
ok "the image goes too" "$BASIN" image rm live:1

# --- layers upon layers, as an environment sees them ---
if command -v umoci >/dev/null && command -v skopeo >/dev/null; then
	mkdir -p "$ROOTFS/opt/one" "$ROOTFS/opt/two" "$T/new"
	touch "$ROOTFS/opt/one/a" "$ROOTFS/opt/one/b" "$ROOTFS/opt/two/c" "$ROOTFS/opt/file" "$T/new/new"
	chmod 1777 "$ROOTFS/opt"
	{
		umoci init --layout "$T/many" && umoci new --image "$T/many:x" && umoci insert --image "$T/many:x" "$ROOTFS" / &&
			umoci insert --image "$T/many:x" --whiteout /opt/one/a && umoci insert --image "$T/many:x" --whiteout /opt/file &&
			umoci insert --image "$T/many:x" --opaque "$T/new" /opt/two && umoci insert --image "$T/many:x" "$T/new" /opt/three &&
			skopeo copy -q "oci:$T/many:x" "oci-archive:$T/many.tar:many:1"
	} >"$T/skopeo.log" 2>&1 || sed 's/^/# /' "$T/skopeo.log"
	ok "import of five layers" "$BASIN" image import "$T/many.tar"
	ok "launch" "$BASIN" env launch many:1 stack --memory 16MiB --storage 16MiB --enforce available
	# shellcheck disable=SC2016 # for the shell inside
	is "whiteouts hide, an opaque directory shows its own, an implied one keeps its mode" \
		"$("$BASIN" env exec stack -- /bin/sh -c 'cd /opt; echo $(find . -type f | sort) $(stat -c %a .)')" "./one/b ./three/new ./two/new 1777"
	ok "env rm" "$BASIN" env rm --force stack
	ok "rm" "$BASIN" image rm many:1
else
	skip "layers upon layers" "umoci or skopeo is missing"
fi

# --- owners that no environment of its own user namespace could show ---
mkdir "$T/far"
touch "$T/far/file"
chown 2000000:3 "$T/far/file"
tar -C "$T/far" --numeric-owner -cf "$T/far.tar" .
ok "import of far ids" "$BASIN" image import "$T/far.tar" far:1
like "they are told of" "$ERR" '1 entries belong to ids above 65535'
is "and kept" "$(stat -c %u "$(tree_of far:1)/file")" 2000000
ok "rm" "$BASIN" image rm far:1

# --- killed, and many at once ---
for delay in 0.02 0.05 0.1 0.2; do
	"$BASIN" image import "$T/posix.tar" killed:1 >/dev/null 2>&1 &
	pid=$!
	sleep $delay
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
done
ok "after kill -9 the store is sound" "$BASIN" image check
is "and nothing half-made is left" "$(find "$STORE/tmp" "$STORE/trash" -mindepth 1 | wc -l)" 0
pids=()
for i in 1 2 3 4; do
	"$BASIN" image import "$T/posix.tar.zst" "many:$i" >/dev/null 2>&1 &
	pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
is "four imports of one archive at once" "$failed" 0
is "make one layer" "$(find "$STORE/layers" -mindepth 1 -maxdepth 1 | wc -l)" 1
ok "check" "$BASIN" image check

# --- a full disk ---
mkdir "$T/small"
mount -t tmpfs -o size=256k small "$T/small"
refused "import on a full disk" 20 '[Nn]o space left' "$BASIN" --data-root "$T/small" image import "$T/posix.tar" a:1
is "leaves nothing half-made" "$(find "$T/small/store/tmp" "$T/small/store/trash" "$T/small/store/layers" -mindepth 1 | wc -l)" 0
umount "$T/small"

# --- a power cut: the disk as it is at that moment, without what was only in memory, is mounted and looked at ---
cut_power() { # NAME: copies the disk, mounts the copy, checks the store on it; the images that survived are in OUT
	local result
	cp --sparse=always "$T/disk" "$T/disk.$1"
	mkdir -p "$T/after.$1"
	mount -o loop "$T/disk.$1" "$T/after.$1" || return 2
	"$BASIN" --data-root "$T/after.$1/basin" image check >"$T/check.$1" 2>&1
	result=$?
	OUT=$("$BASIN" --data-root "$T/after.$1/basin" image ls --format json | jq -r '[.[].ref] | join(" ")')
	umount "$T/after.$1"
	rm -f "$T/disk.$1"
	return $result
}
truncate -s 96M "$T/disk"
if mkfs.ext4 -q "$T/disk" && mkdir "$T/mounted" && mount -o loop "$T/disk" "$T/mounted" 2>/dev/null; then
	ok "import on a disk of its own" "$BASIN" --data-root "$T/mounted/basin" image import "$T/posix.tar" safe:1
	cut_power at-once
	is "after a power cut right behind the import the image is there and whole" "$? $OUT" "0 safe:1"
	tar -C "$S" -cf "$T/second.tar" random dir
	for moment in 0.01 0.03 0.06; do
		"$BASIN" --data-root "$T/mounted/basin" image import "$T/second.tar" second:1 >/dev/null 2>&1 &
		pid=$!
		sleep $moment
		cut_power $moment
		is "after a power cut $moment s into the next one the store is sound" "$? ${OUT%% *}" "0 safe:1"
		wait $pid
		"$BASIN" --data-root "$T/mounted/basin" image rm second:1
	done
	umount "$T/mounted"
else
	skip "power cuts" "no loop device to mount"
fi
