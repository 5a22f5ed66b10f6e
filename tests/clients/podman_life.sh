#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The life of a container under podman, and the settings that it hands to its runtime.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/podman.bash"

state() {
	p inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1"
}

ok "podman run -d with a health check" p run -d --name one --network none "${LIMITS[@]}" --health-cmd 'test -e /tmp/well' --health-interval disable \
	$IMAGE sh -c 'trap "echo bye; exit 7" TERM; echo begun; while :; do sleep 0.1; done'
ok "podman pause" p pause one
is "it is paused" "$(state one)" "paused 0"
run p exec one true
is "podman exec in a paused one fails" "$STATUS" 255
ok "podman unpause" p unpause one
is "it runs again" "$(state one)" "running 0"
nok "podman healthcheck run: ill" p healthcheck run one
ok "podman exec heals it" p exec one touch /tmp/well
ok "podman healthcheck run: well" p healthcheck run one
run p top one pid comm
like "podman top" "$OUT" $'PID *COMMAND\n1 *sh'
ok "podman cp into it" p cp "$T/rootfs.tar" one:/tmp/copy
run p exec one sh -c 'wc -c </tmp/copy'
is "it is there" "$OUT" "$(wc -c <"$T/rootfs.tar")"
ok "podman cp out of it" p cp one:/etc/passwd "$T/tmp/passwd"
ok "it is the same" cmp "$T/tmp/passwd" "$ROOTFS/etc/passwd"

if grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
	ok "podman update" p update --memory 96m --memory-swap 96m --cpus 0.5 --pids-limit 77 one
	run p exec one sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max'
	is "and the limits are held" "$OUT" $'100663296\n50000 100000\n77'
	run p stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' one
	like "podman stats" "$OUT" '^one [0-9.]+[kM]B / 100\.7MB [1-9]'
	run prun --memory 64m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 33 --cpuset-cpus 0 $IMAGE \
		sh -c 'cd /sys/fs/cgroup; cat memory.max memory.low cpu.max cpu.weight pids.max cpuset.cpus'
	is "podman run with limits" "$OUT" $'67108864\n33554432\n50000 100000\n20\n33\n0'
	run prun --memory 24m --memory-swap 24m $IMAGE sh -c 'tail /dev/zero'
	is "podman run: beyond its memory it is killed" "$STATUS" 137
else
	skip "podman update, stats, limits" "no memory controller in the cgroup v2 tree"
fi

ok "podman restart" p restart -t 5 one
is "it runs" "$(state one)" "running 0"
ok "podman stop" p stop -t 5 one
is "it ended by itself" "$(state one)" "exited 7"
run p logs one
is "podman logs" "$OUT" $'begun\nbye\nbegun\nbye'
run p wait one
is "podman wait" "$OUT" 7
ok "podman start" p start one
ok "podman kill" p kill one
run p wait one
is "it was killed" "$OUT" 137
ok "podman rm -f" p rm -f one
run p events --stream=false --filter container=one --format '{{.Status}}'
like "podman events" "$OUT" 'create.*start.*pause.*unpause.*exec.*died.*restart.*start.*died.*remove'

run prun --init $IMAGE ps -o pid,comm
if [ -e /usr/libexec/podman/catatonit ]; then
	like "podman run --init" "$OUT" '1 (catatonit|podman-init)'
else
	skip "podman run --init" "catatonit is not installed"
fi
run prun --preserve-fds 1 $IMAGE sh -c 'cat <&3' 3< <(echo handed)
is "podman run --preserve-fds" "$OUT" handed
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

# A terminal that somebody looks at: its size is handed on, what is typed arrives, and the end is reported.
ok "podman run -d -t" p run -d -t --name two --network none "${LIMITS[@]}" $IMAGE sleep 1000
run on_terminal '33 99' typed "${PODMAN[@]}" exec -it two sh -c 'until [ "$(stty size)" = "33 99" ]; do sleep 0.1; done; stty size; read -r line; echo "got $line"; exit 4'
like "podman exec -it: size and typing" "$OUT" '33 99.*got typed'
is "its exit status" "$STATUS" 4
ok "podman rm -f -t 0" p rm -f -t 0 two
run "$BASIN" --root "$T/run/libpod" list -q
is "nothing is left in basin's state" "$OUT" ""
