#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes build/debian.tar, a small Debian 12 root with Python in it, from the package mirror that this machine is configured for. Kept between
# runs; remove the file to have a fresh one. Leaves the sources it used in build/debian.sources; with none, mmdebstrap takes Debian's own mirror.
set -eu
cd "$(dirname "$0")/.."
TARGET=build/debian.tar
mkdir -p build
# The machine's own Debian sources only: a third party's would need that party's keys.
for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
	if [ -s "$file" ]; then
		cat "$file"
		echo
	fi
done >build/debian.sources
[ -s $TARGET ] && exit 0
MIRROR=()
[ ! -s build/debian.sources ] || MIRROR=(-)
echo "making $TARGET with mmdebstrap (about a minute, once) ..." >&2
# A /usr that is merged from the start needs no usrmerge, whose perl would be a third of it all.
mmdebstrap --quiet --format=tar --variant=minbase --include=python3,usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm $TARGET.new "${MIRROR[@]}" <build/debian.sources >build/debian.log 2>&1 || {
	cat build/debian.log >&2
	exit 1
}
mv $TARGET.new $TARGET
