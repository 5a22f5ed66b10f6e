#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The VM tier's second machine: the same kernel, with systemd as its first process and Debian's container engines installed. They drive basin
# (tests/clients), and basin's systemd driver talks to the real one (tests/vm/systemd). VM_FILTER=regex runs only some files.
set -u
TESTS=$(cd "$(dirname "$0")/.." && pwd)
MACHINE=systemd
PACKAGES=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,apparmor,iptables,criu,podman,buildah,conmon,netavark,aardvark-dns,catatonit
PACKAGES+=,slirp4netns,fuse-overlayfs,containerd,docker.io,tini
. "$TESTS/vm/lib.sh"

make_machine
boot_machine tests=systemd init=/lib/systemd/systemd systemd.unit=basin-tests.service systemd.show_status=0
