#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The VM tier: boots Debian's own kernel, which has all cgroup v2 controllers and project quota, once, runs the root tiers and the enforcement
# tests inside (tests/vm/enforce), and prints their results as TAP. The machine has no network. VM_FILTER=regex runs only some files.
set -u
TESTS=$(cd "$(dirname "$0")/.." && pwd)
TREE=$(dirname "$TESTS")
BUILD=${BUILD:-$TREE/build/release}
LIMIT=${LIMIT:-1740} # seconds for the whole machine; on two idle processors it takes about a fifth
. "$TESTS/vm/lib.sh"

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

[ "$(id -u)" = 0 ] || skip_all "needs root, to make the machine's disk"
for tool in qemu-system-x86_64 mmdebstrap mke2fs busybox; do
	command -v "$tool" >/dev/null || skip_all "$tool is not installed"
done

# Two at a time share neither the disk being made nor the processors.
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
trap 'rm -rf "$WORK"' EXIT

# machine SECONDS ACCEL APPEND...: runs it to its end; what it says is in $WORK/console and $WORK/results.
machine() {
	local seconds=$1 accel=$2
	shift 2
	rm -f "$WORK/console" "$WORK/results"
	timeout --kill-after=5 "$seconds" qemu-system-x86_64 -nodefaults -no-user-config -accel "$accel" -cpu max -smp 2 -m 2048 -nic none \
		-display none -no-reboot -kernel "$VM/kernel" -initrd "$VM/initrd" -append "console=ttyS0 quiet panic=-1 $*" \
		-drive file="$VM/root.ext4",format=raw,if=virtio,snapshot=on -drive file="$VM/tree.ext4",format=raw,if=virtio,snapshot=on \
		-chardev file,id=console,path="$WORK/console" -serial chardev:console \
		-chardev file,id=results,path="$WORK/results" -serial chardev:results </dev/null >"$WORK/qemu" 2>&1
}

# KVM only where this kernel was seen to boot under it (some nested ones hang); found out once for each boot of the host.
BOOT=$(cat /proc/sys/kernel/random/boot_id)
if ! grep -qs "^$BOOT " "$VM/accel"; then
	ACCEL=tcg,thread=multi
	if [ -w /dev/kvm ] && machine 8 kvm probe && grep -q 'probe ok' "$WORK/results" 2>/dev/null; then
		ACCEL=kvm
	fi
	echo "$BOOT $ACCEL" >"$VM/accel"
fi
ACCEL=$(cut -d' ' -f2 "$VM/accel")
say "booting (${ACCEL%%,*})"
machine "$LIMIT" "$ACCEL" ${VM_FILTER:+filter="$VM_FILTER"}
status=$?

# Numbered here: two files' results arrive as they end.
tr -d '\r' <"$WORK/results" 2>/dev/null | awk '
	/^(ok|not ok) - / { n++; sub(/ - /, " " n " - "); print; next }
	/^#/ { print }
	END { print n + 0 >"'"$WORK/count"'" }'
count=$(cat "$WORK/count" 2>/dev/null || echo 0)
if ! tr -d '\r' <"$WORK/results" 2>/dev/null | grep -qx '# end'; then
	count=$((count + 1))
	echo "not ok $count - the machine ran all tests and switched itself off (status $status)"
	tail -n 30 "$WORK/console" "$WORK/qemu" 2>/dev/null | tr -d '\r' | sed 's/^/# /'
fi
[ -z "${KEEP_CONSOLE:-}" ] || cp "$WORK/console" "$KEEP_CONSOLE"
echo "1..$count"
