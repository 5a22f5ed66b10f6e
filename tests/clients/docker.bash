# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Docker as its tests see it: a server of the test's own with basin as its default runtime, everything of it in the sandbox.
#
#   d COMMAND ...              docker        drun OPTIONS ... IMAGE COMMAND ...    docker run --rm, without a network
#   state NAME                 a container's
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for tool in dockerd docker containerd iptables; do
	command -v $tool >/dev/null || skip_all "$tool is not installed"
done
grep -qw memory /sys/fs/cgroup/cgroup.controllers || skip_all "no memory controller in the cgroup v2 tree"
DOCKER=(env "HOME=$T/tmp" docker -H "unix://$T/run/docker.sock")
d() {
	timeout 90 "${DOCKER[@]}" "$@"
}
drun() {
	d run --rm --network none "$@"
}
state() {
	d inspect -f '{{.State.Status}}' "$1"
}

make_rootfs
# Beside its own directories it has some in /run, which are to be ours.
mkdir -p "$T/docker" /run/docker /run/containerd
mount -t tmpfs docker /run/docker
mount -t tmpfs containerd /run/containerd
server dockerd dockerd -H "unix://$T/run/docker.sock" --data-root "$T/docker" --exec-root "$T/run/docker" --pidfile "$T/run/docker.pid" \
	--add-runtime "basin=$BASIN" --default-runtime basin
ready dockerd 90 d version
ok "docker import" d import "$T/rootfs.tar" busybox:test
