#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# podman drives basin as its runtime: everything podman asks of an OCI runtime for an ordinary container. Its storage, its state and its
# configuration are in the sandbox.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/../cli/lib.sh"

command -v podman >/dev/null || skip_all "podman is not installed"
command -v conmon >/dev/null || skip_all "conmon is not installed"

make_rootfs
mkdir -p "$T/home" "$T/conf"
cat >"$T/conf/containers.conf" <<-CONF
	[engine]
	events_logger = "none"
	CONF
# On a host without the pids controller, and where hard limits cannot be raised, podman's own defaults do not work with any runtime.
LIMITS=(--pids-limit=-1 --ulimit nofile=1024:1024 --ulimit "nproc=$(ulimit -Hu | sed s/unlimited/-1/):$(ulimit -Hu | sed s/unlimited/-1/)")
# Below the test's own cgroup, which the sandbox removes; podman's default would be one for the whole machine.
LIMITS+=(--cgroup-parent "/${T##*/}/podman")

# podman COMMAND ...: the real one, everything in the sandbox, basin underneath.
p() {
	HOME=$T/home XDG_RUNTIME_DIR=$T/run CONTAINERS_CONF=$T/conf/containers.conf timeout 120 podman --root "$T/graph" --runroot "$T/run/podman" \
		--tmpdir "$T/run/libpod" --storage-driver vfs --cgroup-manager cgroupfs --runtime "$BASIN" "$@"
}

# prun OPTIONS ... IMAGE COMMAND ...
prun() {
	p run --rm --network none "${LIMITS[@]}" --security-opt seccomp=unconfined "$@"
}

# All the same it makes an empty cgroup at the top.
TOP=/sys/fs/cgroup/libpod_parent
if [ ! -d $TOP ]; then
	at_end() {
		within 5 rmdir $TOP/conmon
		within 1 rmdir $TOP
	}
fi

ok "podman imports an image" p import -q "$T/rootfs.tar" busybox:test
run prun busybox:test echo "hello from inside"
is "podman run --rm: output" "$OUT" "hello from inside"
is "podman run --rm: nothing on stderr" "$ERR" ""
run prun busybox:test sh -c 'exit 42'
is "podman run: the command's exit status" "$STATUS" 42
run prun busybox:test no-such-program
is "podman run: a missing program is 127" "$STATUS" 127
like "podman run: and it says so" "$ERR" "executable file not found"
run prun busybox:test /etc/passwd
is "podman run: a file that is no program is 126" "$STATUS" 126
run prun -e A=b -w /tmp -u 1000:1000 busybox:test sh -c 'echo $A $(pwd) $(id -u):$(id -g)'
is "podman run: environment, directory, user" "$OUT" "b /tmp 1000:1000"
run prun --read-only busybox:test touch /x
like "podman run --read-only" "$ERR" "Read-only file system"
echo data >"$T/tmp/file"
run prun -v "$T/tmp:/mnt:ro" busybox:test sh -c 'cat /mnt/file; touch /mnt/x 2>&1'
like "podman run -v: a read-only bind" "$OUT" "^data.*Read-only file system"
run prun --hostname box --cap-drop all busybox:test sh -c 'hostname; grep CapEff /proc/self/status'
like "podman run: host name and capabilities" "$OUT" "^box.*CapEff:.0000000000000000"
run p run --rm --network none "${LIMITS[@]}" busybox:test sh -c 'grep Seccomp: /proc/self/status; echo ran'
like "podman run with its default seccomp profile" "$OUT" "Seccomp:.2.*ran"
run prun -t busybox:test tty
like "podman run -t: a terminal" "$OUT" "/dev/pts/0"
run prun -i busybox:test cat < <(echo from outside)
is "podman run -i: standard input" "$OUT" "from outside"

ok "podman run -d" p run -d --name long --network none "${LIMITS[@]}" --security-opt seccomp=unconfined busybox:test sleep 1000
run p exec long sh -c 'echo in $(cat /proc/1/comm); exit 5'
is "podman exec: output" "$OUT" "in sleep"
is "podman exec: exit status" "$STATUS" 5
run p exec -e X=y -u 1000 -w /tmp long sh -c 'echo $X $(id -u) $(pwd)'
is "podman exec: environment, user, directory" "$OUT" "y 1000 /tmp"
run p exec -t long tty
like "podman exec -t" "$OUT" "/dev/pts/"
run p exec long no-such-program
is "podman exec: a missing program is 127" "$STATUS" 127
run p ps --format '{{.Names}} {{.Status}}'
like "podman ps" "$OUT" "^long Up"
run p inspect -f '{{.State.Status}} {{.OCIRuntime}}' long
like "podman inspect names the runtime" "$OUT" "^running .*basin"
run p top long
like "podman top" "$OUT" "sleep 1000"
ok "podman kill" p kill -s TERM long
ok "podman stop" p stop -t 1 long
run p inspect -f '{{.State.Status}}' long
is "podman inspect: stopped" "$OUT" exited
ok "podman start again" p start long
ok "podman rm -f" p rm -f long
run "$BASIN" --root "$T/run/libpod" list -q
is "nothing is left in basin's state" "$OUT" ""
