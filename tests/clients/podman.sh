#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# podman drives basin as its runtime: what podman asks of an OCI runtime for an ordinary container.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/podman.bash"

run prun $IMAGE echo "hello from inside"
is "podman run --rm: output" "$OUT" "hello from inside"
is "podman run --rm: nothing on stderr" "$ERR" ""
run prun $IMAGE sh -c 'exit 42'
is "podman run: the command's exit status" "$STATUS" 42
run prun $IMAGE no-such-program
is "podman run: a missing program is 127" "$STATUS" 127
like "podman run: and it says so" "$ERR" "executable file not found"
run prun $IMAGE /etc/passwd
is "podman run: a file that is no program is 126" "$STATUS" 126
run prun -t $IMAGE tty
like "podman run -t: a terminal" "$OUT" "/dev/pts/0"
run prun -i $IMAGE cat < <(echo from outside)
is "podman run -i: standard input" "$OUT" "from outside"

if grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
	run prun --memory 64m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 33 --cpuset-cpus 0 $IMAGE \
		sh -c 'cd /sys/fs/cgroup; cat memory.max memory.low cpu.max cpu.weight pids.max cpuset.cpus'
	is "podman run with limits" "$OUT" $'67108864\n33554432\n50000 100000\n59\n33\n0'
	run prun --memory 24m --memory-swap 24m $IMAGE sh -c 'tail /dev/zero'
	is "podman run: beyond its memory it is killed" "$STATUS" 137
else
	skip "podman run with limits" "no memory controller in the cgroup v2 tree"
fi
run prun --init $IMAGE ps -o pid,comm
if [ -e /usr/libexec/podman/catatonit ]; then
	like "podman run --init" "$OUT" '1 (catatonit|podman-init)'
else
	skip "podman run --init" "catatonit is not installed"
fi
run prun --preserve-fds 1 $IMAGE sh -c 'cat <&3' 3< <(echo handed)
is "podman run --preserve-fds" "$OUT" handed
echo data >"$T/tmp/file"
run prun -e A=b -w /tmp -v "$T/tmp:/mnt:ro" $IMAGE sh -c 'echo $A $(pwd); grep Seccomp: /proc/self/status; cat /mnt/file; touch /mnt/x 2>&1'
like "podman run: environment, directory, a bind, the default seccomp profile" "$OUT" '^b /tmp.Seccomp:.2.data.*Read-only file system'
run prun --read-only --tmpfs /x:size=1m --shm-size 2m $IMAGE sh -c 'touch /x/file /tmp/file && df -k | awk "\$6 == \"/x\" || \$6 == \"/dev/shm\" { print \$6, \$2 }"; touch /file'
like "podman run --read-only --tmpfs --shm-size" "$OUT" '/dev/shm 2048.*/x 1024|/x 1024.*/dev/shm 2048'
like "its root is read-only" "$ERR" 'Read-only'
ok "podman volume create" p volume create kept
run prun -v kept:/v $IMAGE sh -c 'echo data >/v/file'
run prun --mount type=volume,source=kept,destination=/v,ro=true $IMAGE sh -c 'cat /v/file; touch /v/x 2>&1'
like "podman run: a volume keeps what was written, and may be read-only" "$OUT" '^data.*Read-only'
run prun --user 1000:1000 --group-add 20 --umask 0027 --cap-add net_raw --security-opt no-new-privileges $IMAGE \
	sh -c 'id; umask; grep -E "NoNew|CapEff" /proc/self/status'
like "podman run: user, groups, umask, capabilities, no new privileges" "$OUT" 'uid=1000.*gid=1000.*20.*0027.*CapEff:.0000000000002000.*NoNewPrivs:.1'
run prun --device /dev/null:/dev/mine:rw --sysctl kernel.msgmax=12345 --oom-score-adj 500 --hostname box --add-host peer:10.1.2.3 $IMAGE \
	sh -c 'echo x >/dev/mine && cat /proc/sys/kernel/msgmax /proc/self/oom_score_adj; hostname; grep peer /etc/hosts'
like "podman run: device, sysctl, oom score, host name, hosts" "$OUT" $'^12345\n500\nbox\n10.1.2.3.peer'
run prun --privileged $IMAGE sh -c 'grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp && test -c /dev/fuse && echo all'
like "podman run --privileged" "$OUT" 'Seccomp:.0.all'
run prun --pid host --uts host --ipc host --cgroupns host $IMAGE sh -c 'readlink /proc/self/ns/pid; hostname'
is "podman run in the host's namespaces" "$OUT" "$(readlink /proc/self/ns/pid; hostname)"
run prun --systemd always $IMAGE sh -c 'mkdir /sys/fs/cgroup/below && rmdir /sys/fs/cgroup/below && touch /run/x && echo its own'
is "podman run --systemd always: the cgroup is its own" "$OUT" "its own"
run prun --cap-drop all --security-opt seccomp=unconfined --security-opt mask=/etc --security-opt unmask=/proc/keys $IMAGE \
	sh -c 'ls -A /etc; grep -E "CapBnd|Seccomp:" /proc/self/status; test -s /proc/keys && echo seen'
like "podman run --security-opt" "$OUT" 'CapBnd:.0000000000000000.Seccomp:.0'
run prun --timeout 1 $IMAGE sleep 100
is "podman run --timeout" "$STATUS" 255
run prun --rootfs "$ROOTFS:O" sh -c 'touch /new; echo on a directory'
is "podman run --rootfs" "$OUT" "on a directory"
nok "which stays as it was" test -e "$ROOTFS/new"

run "$BASIN" --root "$T/run/libpod" list -q
is "nothing is left in basin's state" "$OUT" ""
