# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# podman as its tests see it: its storage, its state and its configuration are in the sandbox, and its runtime is basin by configuration.
#
#   p COMMAND ...              podman        prun OPTIONS ... IMAGE COMMAND ...    podman run --rm, without a network
#   IMAGE                      a busybox     LIMITS    what a host without controllers must be asked for; nothing in the virtual machine
#   manage_with MANAGER        cgroupfs, until a test says otherwise
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v podman >/dev/null || skip_all "podman is not installed"
command -v conmon >/dev/null || skip_all "conmon is not installed"
IMAGE=localhost/busybox:test
LIMITS=()
DRIVER=overlay

make_rootfs
mkdir -p "$T/home" "$T/conf"
cat >"$T/conf/containers.conf" <<-CONF
	[engine]
	events_logger = "file"
	runtime = "basin"
	[engine.runtimes]
	basin = ["$BASIN"]
	CONF

if [ -z "${BASIN_VM:-}" ]; then
	# On a host without the pids controller, and where hard limits cannot be raised, podman's own defaults do not work with any runtime.
	hard=$(ulimit -Hu | sed s/unlimited/-1/)
	LIMITS=(--pids-limit=-1 --ulimit nofile=1024:1024 --ulimit "nproc=$hard:$hard")
	# Below the test's own cgroup, which the sandbox removes; podman's default would be one for the whole machine.
	LIMITS+=(--cgroup-parent "/${T##*/}/podman")
	DRIVER=vfs
	# All the same it makes an empty cgroup at the top.
	TOP=/sys/fs/cgroup/libpod_parent
	[ -d $TOP ] || at_end() {
		within 5 rmdir $TOP/conmon
		within 1 rmdir $TOP
	}
fi

# As an array, for what runs a program itself.
manage_with() {
	PODMAN=(env "HOME=$T/home" "XDG_RUNTIME_DIR=$T/run" "CONTAINERS_CONF=$T/conf/containers.conf" podman --root "$T/graph" --runroot "$T/run/podman"
		--tmpdir "$T/run/libpod" --storage-driver "$DRIVER" --cgroup-manager "$1" --network-config-dir "$T/conf/networks")
}
manage_with cgroupfs

p() {
	timeout 120 "${PODMAN[@]}" "$@"
}

prun() {
	p run --rm --network none "${LIMITS[@]}" "$@"
}

ok "podman imports an image" p import -q "$T/rootfs.tar" $IMAGE
