#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# containerd drives basin through its shim, as ctr asks it to. The server, its state and its images are the test's own.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/lib.sh"

for tool in containerd ctr; do
	command -v $tool >/dev/null || skip_all "$tool is not installed"
done
grep -qw cpu /sys/fs/cgroup/cgroup.controllers || skip_all "no cpu controller in the cgroup v2 tree, which ctr asks for"
SOCKET=$T/run/containerd.sock
IMAGE=docker.io/library/busybox:test
# The shim keeps its sockets and runtime state under /run/containerd, which is to be ours.
mkdir -p /run/containerd "$T/containerd"
mount -t tmpfs -o mode=711 containerd /run/containerd
cat >"$T/containerd/config.toml" <<-CONF
	version = 2
	root = "$T/containerd/root"
	state = "$T/run/containerd"
	disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
	[grpc]
	  address = "$SOCKET"
	CONF
CTR=(ctr -a "$SOCKET")
c() {
	timeout 60 "${CTR[@]}" "$@"
}
# cr OPTIONS ... IMAGE ID COMMAND ...
cr() {
	c run --rm --runc-binary "$BASIN" "$@"
}

make_rootfs
docker_archive "$T/busybox.tar" busybox:test
server containerd containerd --config "$T/containerd/config.toml"
ready containerd 60 c version
ok "ctr image import" c image import --base-name docker.io/library/busybox "$T/busybox.tar"
run cr $IMAGE one sh -c 'echo from inside; exit 5'
is "ctr run: output" "$OUT" "from inside"
is "ctr run: exit status" "$STATUS" 5
run cr $IMAGE one no-such-program
like "ctr run: a missing program" "$ERR" 'OCI runtime create failed: .*exec: "no-such-program": executable file not found in \$PATH'
run cr --env A=b --cwd /tmp --read-only --cap-drop CAP_CHOWN --seccomp $IMAGE one \
	sh -c 'echo $A $(pwd) $(id -u); touch /x 2>&1; grep Seccomp: /proc/self/status'
like "ctr run: environment, directory, read-only, seccomp" "$OUT" 'b /tmp 0.*Read-only.*Seccomp:.2'
run on_terminal '' '' "${CTR[@]}" run --rm -t --runc-binary "$BASIN" $IMAGE one sh -c 'tty; exit 6'
like "ctr run -t" "$OUT" '/dev/pts/0'
is "its exit status" "$STATUS" 6
run cr --privileged --net-host $IMAGE one sh -c 'grep CapEff /proc/self/status; readlink /proc/self/ns/net'
is "ctr run --privileged --net-host" "$OUT" $'CapEff:\t000001ffffffffff\n'"$(readlink /proc/self/ns/net)"

ok "ctr run -d, by the options of the shim" c run -d --runtime io.containerd.runc.v2 --runc-binary "$BASIN" --runc-root "$T/run/basin" --memory-limit 67108864 --cpus 0.5 $IMAGE two sleep 1000
run "$BASIN" --root "$T/run/basin/default" state two
like "it is basin's" "$OUT" '"status": "running"'
is "with its limits" "$(cat /sys/fs/cgroup/default/two/memory.max /sys/fs/cgroup/default/two/cpu.max)" $'67108864\n50000 100000'
run c task ls
like "ctr task ls" "$OUT" 'two +[0-9]+ +RUNNING'
run c task exec --exec-id e two sh -c 'echo inside; exit 3'
is "ctr task exec: output" "$OUT" inside
is "ctr task exec: exit status" "$STATUS" 3
run c task exec --exec-id e two no-such-program
like "ctr task exec: a missing program" "$ERR" 'OCI runtime exec failed: .*exec: "no-such-program": executable file not found in \$PATH'
run on_terminal 33 $'typed\n' "${CTR[@]}" task exec -t --exec-id e two sh -c 'until [ "$(stty size)" = "33 99" ]; do sleep 0.1; done; stty size; read -r line; echo "got $line"; exit 4'
like "ctr task exec -t: size and typing" "$OUT" '33 99.*got typed'
is "its exit status" "$STATUS" 4
ok "ctr task pause" c task pause two
run c task ls
like "it is paused" "$OUT" 'two +[0-9]+ +PAUSED'
nok "ctr task exec in a paused one" c task exec --exec-id e two true
like "and it says so" "$ERR" 'cannot exec in a paused (container|state)|paused'
ok "ctr task resume" c task resume two
run c task metrics --format json two
is "ctr task metrics" "$(jq -c '[.pids.current > 0, .memory.usage > 0, (.cpu | has("usage_usec"))]' <<<"$OUT")" '[true,true,true]'
run c task ps two
like "ctr task ps" "$OUT" 'PID.*[0-9]+'
ok "ctr task kill" c task kill -s KILL two
stopped() {
	c task ls | grep -q 'two.*STOPPED'
}
ok "it stops" within 20 stopped
run c task delete two
like "ctr task delete has its exit status" "$ERR" 'non-zero exit code 137'
ok "ctr container rm" c container rm two

if command -v criu >/dev/null && criu check >/dev/null 2>&1; then
	ok "ctr run -d a counter" c run -d --runc-binary "$BASIN" --runc-root "$T/run/basin" $IMAGE three sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; sleep 0.1; done'
	ok "ctr task checkpoint" c task checkpoint --image-path "$T/tmp/images" --work-path "$T/tmp/work" three
	ok "it has written images" test -s "$T/tmp/images/inventory.img"
	ok "ctr container checkpoint" c container checkpoint --rw --task three localhost/saved:test
	run c task exec --exec-id e three cat /count
	before=$OUT
	ok "ctr task kill" c task kill -s KILL three
	task_gone() {
		c task delete "$1"
		[ -z "$(c task ls -q)" ]
	}
	ok "ctr task delete" within 20 task_gone three
	ok "ctr container restore" c container restore --rw --live four localhost/saved:test
	later() {
		[ "$(c task exec --exec-id e four cat /count)" -gt "$before" ]
	}
	ok "it counts on" within 10 later
	ok "ctr task kill" c task kill -s KILL four
	ok "ctr task delete" within 20 task_gone four
	ok "ctr container rm" c container rm three four
else
	skip "ctr task checkpoint, container restore" "criu does not work on this kernel"
fi
is "nothing is left in basin's state" "$("$BASIN" --root "$T/run/basin/default" list -q)" ""
