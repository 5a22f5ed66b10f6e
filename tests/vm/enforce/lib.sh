# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the enforcement tests share: the sandbox of the command-line tests, a small image, and where a pool's cgroup is. They need a kernel
# with every controller, so outside the machine of tests/vm they skip themselves.
. "$(dirname "${BASH_SOURCE[0]}")/../../cli/lib.sh"

for controller in cpu memory pids; do
	grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers || skip_all "the cgroup v2 tree has no $controller controller"
done

import_image() {
	make_rootfs
	ok "the image is imported" "$BASIN" image import "$T/rootfs.tar" box:1
}

# pool_file POOL FILE, env_file POOL NAME FILE: a knob of its cgroup.
pool_file() {
	cat "$BASIN_CGROUP_ROOT${1//\//\/pool-}/$2"
}

env_file() {
	cat "$BASIN_CGROUP_ROOT${1//\//\/pool-}/env-$2/$3"
}

# The value of a key in what "cat" said.
key() {
	awk -v key="$1" '$1 == key { print $2 }'
}

# Takes the environments and pools named away; everything after it finds a clean host.
take_away() {
	local name
	for name in "$@"; do
		case $name in
		/*) "$BASIN" pool rm "$name" ;;
		*) "$BASIN" env rm --force "$name" ;;
		esac
	done >/dev/null 2>&1
}
