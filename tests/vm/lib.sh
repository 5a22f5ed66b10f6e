# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Makes what the virtual machine boots from. All of it is kept in build/vm/ and made again when the list of packages or modules changes:
#
#   root.ext4    a Debian 12 root with the distribution's cloud kernel, made by mmdebstrap from the machine's own mirror, as a disk with
#                project quota; booted with a throw-away overlay, so it stays as it is
#   kernel, modules, busybox    from that root
#   initrd       busybox and the modules between the kernel and that disk
#   tree.ext4    the built tree and the tests; these two are made for each boot
set -u
VM=$TREE/build/vm
PACKAGES=linux-image-cloud-amd64,kmod,mount,busybox-static,iproute2,iputils-ping,nftables,dnsmasq-base,e2fsprogs,xfsprogs,python3,jq,procps,file
PACKAGES+=,psmisc,attr,acl,libcap2-bin,libarchive-tools,zstd,xz-utils,gzip,binutils,strace,libjansson4,libseccomp2,libcap2,libnl-3-200,libnl-route-3-200
PACKAGES+=,libsqlite3-0,libzstd1,zlib1g,libisal2,libssl3,libnftables1,libarchive13,libcmocka0,podman,crun,runc,conmon,skopeo,umoci,uidmap
MODULES='virtio_pci virtio_blk ext4 quota_v2 crc32c'

say() {
	echo "# $*" >&2
}

make_root() {
	local stamp
	stamp=$(echo "$PACKAGES $MODULES" | sha256sum | cut -d' ' -f1)
	if [ "$(cat "$VM/stamp" 2>/dev/null)" = "$stamp" ]; then
		return 0
	fi
	say "making the machine's disk in $VM (about two minutes, once)"
	rm -rf --one-file-system "$VM"
	mkdir -p "$VM"
	"$TESTS/debian.sh" || return 1
	# INITRD=No: the distribution's own initramfs is not wanted, and takes as long as the rest.
	INITRD=No mmdebstrap --quiet --mode=root --format=directory --variant=minbase --include="$PACKAGES" --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		bookworm "$VM/root" - <"$TREE/build/debian.sources" || return 1
	keep_boot_files && make_disk || return 1
	rm -rf --one-file-system "$VM/root"
	echo "$stamp" >"$VM/stamp"
}

# The files of the modules named, and of those that they need, in the order in which they load.
module_files() {
	local folder=$1
	shift
	awk -v wanted="$*" '
		{ path = substr($1, 1, length($1) - 1); name = path; sub(/.*\//, "", name); sub(/\.ko.*/, "", name); gsub(/-/, "_", name)
		  file[name] = path; needs[path] = ""; for (i = 2; i <= NF; i++) needs[path] = $i " " needs[path] }
		END { n = split(wanted, list, " ")
		  for (i = 1; i <= n; i++) { path = file[list[i]]; if (path == "") continue
		    m = split(needs[path] path, all, " "); for (j = 1; j <= m; j++) if (!(all[j] in done)) { done[all[j]] = 1; print all[j] } } }
	' "$folder/modules.dep"
}

# What the initramfs needs of the tree, so that it can be made again without it.
keep_boot_files() {
	local folder file
	folder=$(echo "$VM"/root/lib/modules/*)
	mkdir -p "$VM/modules"
	cp "$VM"/root/boot/vmlinuz-* "$VM/kernel" && cp "$VM/root/bin/busybox" "$VM/busybox" || return 1
	# shellcheck disable=SC2086
	for file in $(module_files "$folder" $MODULES); do
		cp "$folder/$file" "$VM/modules/" && echo "${file##*/}" >>"$VM/modules/order" || return 1
	done
}

make_initrd() {
	local work=$VM/initramfs
	mkdir -p "$work"/{bin,dev,proc,sys,new}
	cp -r "$VM/modules" "$work/" && cp "$VM/busybox" "$work/bin/" && install -m 755 "$TESTS/vm/guest/initramfs" "$work/init" || return 1
	(cd "$work" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$VM/initrd") && rm -rf "$work"
}

make_disk() {
	local size
	size=$(($(du -s --block-size=1M "$VM/root" | cut -f1) + 3072))
	rm -f "$VM"/root/var/cache/apt/archives/*.deb "$VM"/root/boot/initrd*
	mke2fs -q -t ext4 -m 0 -O project,quota -E quotatype=prjquota,nodiscard -d "$VM/root" "$VM/root.ext4" "${size}M" >/dev/null
}

# The built programs and the tests, at /basin in the machine.
make_tree() {
	local work=$VM/tree size
	rm -rf --one-file-system "$work" "$VM/tree.ext4"
	mkdir -p "$work/build/release/tests/unit"
	cp -a "$TESTS" "$work/tests"
	cp -a "$TREE"/build/debian.tar "$work/build/"
	find "$BUILD" -maxdepth 1 -type f -perm -u+x -exec cp -a {} "$work/build/release/" \;
	find "$BUILD/tests/unit" -maxdepth 1 -type f \( -name 'test_cgroup*' -o -name 'test_storage*' \) -exec cp -a {} "$work/build/release/tests/unit/" \; 2>/dev/null
	for file in basin.1 cmd include Makefile; do
		[ ! -e "$TREE/$file" ] || cp -a "$TREE/$file" "$work/"
	done
	size=$(($(du -s --block-size=1M "$work" | cut -f1) + 256))
	mke2fs -q -t ext4 -m 0 -O ^has_journal -d "$work" "$VM/tree.ext4" "${size}M" >/dev/null || return 1
	rm -rf --one-file-system "$work"
}
