# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the machines of this tier share. Whoever sources it has set TESTS. What they boot from is kept in build/vm/ and made again when the list
# of packages or modules changes:
#
#   root.ext4    a Debian 12 root with the distribution's cloud kernel, systemd and the container engines, made by mmdebstrap from the
#                machine's own mirror, as a disk with project quota; booted with a throw-away overlay, so it stays as it is
#   kernel, modules, busybox    from that root
#   initrd       busybox and the modules between the kernel and that disk
#   tree.ext4    the built tree and the tests; these two are made for each boot
set -u
TREE=$(dirname "$TESTS")
BUILD=${BUILD:-$TREE/build/release}
LIMIT=${LIMIT:-2400} # seconds for the whole machine; on two idle processors it takes a fifth
BOOT_LIMIT=120       # seconds until its initramfs speaks; it takes three
VM=$TREE/build/vm
PACKAGES=linux-image-cloud-amd64,kmod,mount,busybox-static,iproute2,iputils-ping,nftables,e2fsprogs,python3,jq,gojq,procps,file,strace,sqlite3,uidmap,crun,runc
PACKAGES+=,libjansson4,libseccomp2,libcap2,libnl-3-200,libnl-route-3-200,libsqlite3-0,libzstd1,zlib1g,libisal2,libssl3,libnftables1,libarchive13,libcmocka0
PACKAGES+=,criu,skopeo,umoci,xfsprogs,dnsmasq-base,acl,attr,libcap2-bin,libarchive-tools,zstd,xz-utils,gzip,binutils,psmisc
PACKAGES+=,systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,apparmor,iptables,podman,buildah,conmon,netavark,aardvark-dns,catatonit
PACKAGES+=,slirp4netns,fuse-overlayfs,containerd,docker.io,tini
MODULES='virtio_pci virtio_blk ext4 quota_v2 crc32c'

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

say() {
	echo "# $*" >&2
}

make_root() {
	local stamp
	stamp=$(echo "$PACKAGES $MODULES" | sha256sum | cut -d' ' -f1)
	if [ "$(cat "$VM/stamp" 2>/dev/null)" = "$stamp" ]; then
		return 0
	fi
	say "making the machines' disk in $VM (about two minutes, once)"
	rm -rf --one-file-system "$VM"
	mkdir -p "$VM"
	"$TESTS/debian.sh" || return 1
	# INITRD=No: the distribution's own initramfs is not wanted, and takes as long as the rest.
	INITRD=No mmdebstrap --quiet --mode=root --format=directory --variant=minbase --include="$PACKAGES" --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
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
	for file in doc cmd include Makefile; do
		[ ! -e "$TREE/$file" ] || cp -a "$TREE/$file" "$work/"
	done
	size=$(($(du -s --block-size=1M "$work" | cut -f1) + 256))
	mke2fs -q -t ext4 -m 0 -O ^has_journal -d "$work" "$VM/tree.ext4" "${size}M" >/dev/null || return 1
	rm -rf --one-file-system "$work"
}

# Makes whatever is missing of the machine, and holds the lock: two at a time share neither the disks being made nor the processors.
make_machine() {
	[ "$(id -u)" = 0 ] || skip_all "needs root, to make the machine's disk"
	for tool in qemu-system-x86_64 mmdebstrap mke2fs busybox; do
		command -v "$tool" >/dev/null || skip_all "$tool is not installed"
	done
	mkdir -p "$TREE/build"
	exec 9>"$TREE/build/vm.lock"
	flock 9
	if ! make_root >&2; then
		echo "not ok 1 - the machine's disk is made from the package mirror"
		echo "1..1"
		exit 1
	fi
	if ! make_initrd >&2 || ! make_tree >&2; then
		echo "not ok 1 - the machine's initramfs and the tree's disk are made"
		echo "1..1"
		exit 1
	fi
	WORK=$(mktemp -d /tmp/basin-vm.XXXXXX)
	MACHINE=
	trap '[ -z "$MACHINE" ] || kill "$MACHINE"; rm -rf "$WORK"' EXIT
}

# machine SECONDS ACCEL APPEND...: runs it to its end, or until it has not spoken for BOOT_LIMIT; what it says is in $WORK/console and
# $WORK/results. Without the detours against processors that leak (mitigations=off) emulation is a tenth faster.
machine() {
	local seconds=$1 accel=$2 status
	shift 2
	rm -f "$WORK/console" "$WORK/results"
	timeout --kill-after=5 "$seconds" qemu-system-x86_64 -nodefaults -no-user-config -accel "$accel" -cpu max -smp 2 -m 2048 -nic none \
		-display none -no-reboot -kernel "$VM/kernel" -initrd "$VM/initrd" -append "console=ttyS0 quiet panic=-1 mitigations=off $*" \
		-drive file="$VM/root.ext4",format=raw,if=virtio,snapshot=on -drive file="$VM/tree.ext4",format=raw,if=virtio,snapshot=on \
		-chardev file,id=console,path="$WORK/console" -serial chardev:console \
		-chardev file,id=results,path="$WORK/results" -serial chardev:results </dev/null >"$WORK/qemu" 2>&1 &
	MACHINE=$!
	spoke_or_ended || kill "$MACHINE"
	wait "$MACHINE"
	status=$?
	MACHINE=
	return $status
}

spoke_or_ended() {
	local deadline=$((SECONDS + BOOT_LIMIT))
	until [ -s "$WORK/results" ] || ! kill -0 "$MACHINE" 2>/dev/null; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.2
	done
}

# KVM only where this kernel was seen to boot under it (some nested ones hang); found out once for each boot of the host.
choose_accel() {
	local boot
	boot=$(cat /proc/sys/kernel/random/boot_id)
	if ! grep -qs "^$boot " "$VM/accel"; then
		ACCEL=tcg,thread=multi
		if [ -w /dev/kvm ] && machine 8 kvm probe && grep -q 'probe ok' "$WORK/results" 2>/dev/null; then
			ACCEL=kvm
		fi
		echo "$boot $ACCEL" >"$VM/accel"
	fi
	ACCEL=$(cut -d' ' -f2 "$VM/accel")
}

# boot_machine APPEND...: boots it, and prints what its tests said as TAP. An emulated kernel was seen, once in hundreds of boots, to hang
# before its first word: then it is booted again.
boot_machine() {
	local status count
	choose_accel
	for _ in 1 2 3; do
		say "booting (${ACCEL%%,*})"
		machine "$LIMIT" "$ACCEL" "$@" ${VM_FILTER:+filter="$VM_FILTER"}
		status=$?
		[ ! -s "$WORK/results" ] || break
	done
	# Numbered here: two files' results arrive as they end.
	tr -d '\r' <"$WORK/results" 2>/dev/null | awk '
		/^(ok|not ok) - / { n++; sub(/ - /, " " n " - "); print; next }
		/^#/ && $0 != "# booted" { print }
		END { print n + 0 >"'"$WORK/count"'" }'
	count=$(cat "$WORK/count" 2>/dev/null || echo 0)
	if ! tr -d '\r' <"$WORK/results" 2>/dev/null | grep -qx '# end'; then
		count=$((count + 1))
		echo "not ok $count - the machine ran all tests and switched itself off (status $status)"
		tail -n 30 "$WORK/console" "$WORK/qemu" 2>/dev/null | tr -d '\r' | sed 's/^/# /'
	fi
	[ -z "${KEEP_CONSOLE:-}" ] || cp "$WORK/console" "$KEEP_CONSOLE"
	echo "1..$count"
}
