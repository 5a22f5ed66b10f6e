# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests against the real systemd share: the sandbox of the command-line tests without a pid namespace, since systemd moves processes by
# their pid, and as ordinary users have it (as_user).
if [ ! -d /run/systemd/system ]; then
	echo "1..0 # SKIP systemd is not this machine's init"
	exit 0
fi
if [ -z "${BASIN_SANDBOX:-}" ]; then
	exec env BASIN_SANDBOX=1 unshare --mount --propagation private bash "$0" "$@"
fi
. "$(dirname "${BASH_SOURCE[0]}")/../../cli/lib.sh"
TREE2=/sys/fs/cgroup
UNIT_BASE=${T##*.}

# The user that the machine has, with a systemd of its own; its bundles lie in $U.
USER_ID=1000
U=$T/user
mkdir -p "$U" && chown $USER_ID:$USER_ID "$U"
as_user() {
	setpriv --reuid $USER_ID --regid $USER_ID --clear-groups env -u BASIN_ROOT -u TMPDIR HOME="$U" XDG_RUNTIME_DIR=/run/user/$USER_ID "$@"
}

has_controller() {
	grep -qw "$1" "${2:-$TREE2}/cgroup.controllers"
}

# look UNIT asks systemd what it knows of it, all at once; property NAME answers from that. A systemctl takes seconds where it is emulated.
look() {
	SHOWN=$(systemctl show "$1")
}
# A line for each value: a list has several.
property() {
	sed -n "s/^$1=//p" <<<"$SHOWN"
}

# Of "UNIT" nothing is known any more.
is_gone() {
	[ -z "$(find $TREE2 -type d -name "$1" 2>/dev/null)" ] && look "$1" && [ "$(property LoadState)" = not-found ]
}
