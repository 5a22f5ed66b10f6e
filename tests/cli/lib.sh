# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every command-line test sources: a sandbox of its own, and the few words to say what is expected. Output is TAP.
#
# Processes are what a test's time goes into, where they are emulated (tests/vm): what bash can do by itself, it does here.
#
# The sandbox: private mount, network and pid namespaces (whatever a test leaves running dies with it), a pure cgroup v2 view at
# /sys/fs/cgroup, a /dev that is not the machine's, roots below $T, and a cgroup root of its own name, removed at the end. Who sources it with
# SANDBOX_OF_MACHINE set, in a machine to throw away, has mount and network namespaces only.
#
#   $BASIN   the program under test          $T      scratch directory          $ROOTFS  a busybox root file system (make_rootfs)
#   ok NAME COMMAND...         passes when COMMAND succeeds          nok NAME COMMAND...   passes when it fails
#   is NAME ACTUAL EXPECTED    like NAME ACTUAL REGEX                skip NAME REASON      skip_all REASON
#   run COMMAND...             runs it, keeps $STATUS, $OUT (stdout) and $ERR (stderr)
#   refused NAME CODE REGEX COMMAND...   passes when COMMAND exits with CODE and says one line on stderr that matches REGEX
set -u
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TREE=$(dirname "$TESTS")
BUILD=${BUILD:-$TREE/build/release}
BASIN=${BASIN:-$BUILD/basin}
export BASIN BUILD TESTS TREE

# The same language, and it starts in a twelfth of jq's 25 ms. Its objects come out with their keys sorted; it has no -S and no keys_unsorted.
if command -v gojq >/dev/null; then
	jq() { gojq "$@"; }
fi

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
if [ -z "${BASIN_SANDBOX:-}" ]; then
	pids=(--pid --fork --kill-child --mount-proc)
	[ -z "${SANDBOX_OF_MACHINE:-}" ] || pids=()
	exec env BASIN_SANDBOX=1 unshare --mount --net --propagation private "${pids[@]}" bash "$0" "$@"
fi

# One process makes all nodes: where processors are emulated, each process takes a tenth of a second.
private_dev() {
	local dir
	dir=$(mktemp -d)
	mount -t tmpfs -o mode=755,size=1m dev "$dir"
	python3 -IS - "$dir" <<-'NODES'
		import os, stat, sys
		os.umask(0)
		os.chdir(sys.argv[1])
		for name in ("pts", "shm", "net", "mqueue"):
		    os.mkdir(name, 0o755)
		nodes = [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0), ("fuse", 10, 229), ("net/tun", 10, 200)]
		for name, major, minor in nodes:
		    os.mknod(name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
		os.mknod("loop-control", stat.S_IFCHR | 0o600, os.makedev(10, 237))
		for n in range(128):
		    os.mknod("loop%d" % n, stat.S_IFBLK | 0o600, os.makedev(7, n))
		links = [("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]
		for name, target in links:
		    os.symlink(target, name)
	NODES
	mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$dir/pts"
	mount -t tmpfs -o size=64m shm "$dir/shm"
	mount --rbind "$dir" /dev
	umount -l "$dir"
	rmdir "$dir"
}

sandbox_enter() {
	ip link set lo up
	if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
		mount -t cgroup2 none /sys/fs/cgroup
	fi
	[ -n "${SANDBOX_OF_MACHINE:-}" ] || private_dev
	T=$(mktemp -d "${TMPDIR:-/tmp}/basin-test.XXXXXX")
	chmod 755 "$T"
	mkdir "$T/run" "$T/data" "$T/tmp" "$T/.spec"
	mount -t tmpfs -o mode=700 run "$T/run"
	export T TMPDIR=$T/tmp
	export BASIN_ROOT=$T/run/basin BASIN_DATA_ROOT=$T/data/basin
	export BASIN_CGROUP_ROOT=/sys/fs/cgroup/${T##*/}
	trap sandbox_leave EXIT
	trap 'exit 143' TERM INT
}

# Nothing of ours may stay on the machine (a test that made more than the sandbox knows of defines at_end): the cgroups by their recorded root, the directory by its own name.
sandbox_leave() {
	local status=$?
	trap - EXIT
	! declare -F at_end >/dev/null || at_end
	if [ -d "$BASIN_CGROUP_ROOT" ]; then
		echo 1 >"$BASIN_CGROUP_ROOT/cgroup.kill" 2>/dev/null
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			find "$BASIN_CGROUP_ROOT" -depth -type d -exec rmdir {} + 2>/dev/null
			[ -d "$BASIN_CGROUP_ROOT" ] || break
			sleep 0.2
		done
	fi
	umount -l "$T/run" 2>/dev/null
	rm -rf --one-file-system "$T"
	echo "1..$TESTS_RUN"
	exit "$status"
}

TESTS_RUN=0
STATUS=0 OUT='' ERR=''

pass() {
	TESTS_RUN=$((TESTS_RUN + 1))
	echo "ok $TESTS_RUN - $1"
}

fail() {
	TESTS_RUN=$((TESTS_RUN + 1))
	echo "not ok $TESTS_RUN - $1"
	shift
	printf '%s\n' "$@" | sed 's/^/#   /'
}

skip() {
	TESTS_RUN=$((TESTS_RUN + 1))
	echo "ok $TESTS_RUN - $1 # SKIP $2"
}

skip_all() {
	skip "${0##*/}" "$1"
	exit 0
}

run() {
	"$@" >"$T/out" 2>"$T/err"
	STATUS=$?
	OUT=$(<"$T/out")
	ERR=$(<"$T/err")
	return $STATUS
}

ok() {
	local name=$1
	shift
	if run "$@"; then pass "$name"; else fail "$name" "command: $*" "exit: $STATUS" "stdout: $OUT" "stderr: $ERR"; fi
}

nok() {
	local name=$1
	shift
	if run "$@"; then fail "$name" "succeeded, but should not: $*" "stdout: $OUT"; else pass "$name"; fi
}

is() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "expected: $3" "     got: $2"; fi
}

like() {
	if [[ $2 =~ $3 ]]; then pass "$1"; else fail "$1" "expected to match: $3" "got: $2"; fi
}

# Work that takes long says how far it is, which on a slow machine is work that elsewhere says nothing.
PROGRESS='^basin: checking[: ].*[0-9]+ of [0-9]+'
refused() {
	local name=$1 code=$2 regex=$3 line lines=0
	shift 3
	run "$@"
	while read -r line; do
		[[ $line =~ $PROGRESS ]] || lines=$((lines + 1))
	done <<<"$ERR"
	if [ "$STATUS" = "$code" ] && [[ $ERR =~ $regex ]] && [ $lines = 1 ]; then
		pass "$name"
	else
		fail "$name" "command: $*" "expected: exit $code, one line on stderr matching $regex" "got: exit $STATUS, stderr: $ERR"
	fi
}

# Waits up to SECONDS for COMMAND to succeed.
within() {
	local tries=$(($1 * 20))
	shift
	while [ $tries -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
		tries=$((tries - 1))
	done
	return 1
}

# on_terminal WAIT TYPED COMMAND...: runs it on a terminal of its own, of 33 lines and 99 columns, prints what it writes there, and ends as it does.
# TYPED is typed once WAIT was written, or at once.
on_terminal() {
	timeout 90 python3 -IS - "$@" <<-'PY'
		import fcntl, os, pty, struct, sys, termios
		wait, typed, command = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]), sys.argv[3:]
		pid, master = pty.fork()
		if pid == 0:
		    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
		    os.execvp(command[0], command)
		out = b""
		while True:
		    if typed and wait in out:
		        os.write(master, typed)
		        typed = b""
		    try:
		        data = os.read(master, 4096)
		    except OSError:
		        break
		    if not data:
		        break
		    out += data
		sys.stdout.write(out.decode().replace("\r\n", "\n"))
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	PY
}

# A busybox root file system at $1 (default $T/rootfs), and its tar at $T/rootfs.tar.
make_rootfs() {
	ROOTFS=${1:-$T/rootfs}
	mkdir -p "$ROOTFS"/{bin,dev,proc,sys,tmp,etc,root,run,var}
	cp "$(command -v busybox)" "$ROOTFS/bin/busybox"
	chroot "$ROOTFS" /bin/busybox --install -s /bin 2>/dev/null
	ln -s bin "$ROOTFS/sbin"
	mkdir -p "$ROOTFS/usr"
	ln -s ../bin "$ROOTFS/usr/bin"
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n' >"$ROOTFS/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$ROOTFS/etc/group"
	chmod 1777 "$ROOTFS/tmp"
	tar -C "$ROOTFS" --numeric-owner -cf "$T/rootfs.tar" .
}

# A bundle at $1 whose rootfs is $ROOTFS and whose config is basin's default one after the jq filter $2.
make_bundle() {
	[ -d "$1" ] || mkdir -p "$1"
	[ -n "${ROOTFS:-}" ] || make_rootfs
	[ -e "$T/.spec/config.json" ] || "$BASIN" spec -b "$T/.spec" || return 1
	jq --arg root "$ROOTFS" ".root.path = \$root | .process.terminal = false | ${2:-.}" "$T/.spec/config.json" >"$1/config.json"
}

sandbox_enter
