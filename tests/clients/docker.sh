#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Docker with basin as its default runtime, and under its name. The server, its state, its networks and its containerd are the test's own.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/docker.bash"

run d info --format '{{.DefaultRuntime}}'
is "basin is the default runtime" "$OUT" basin
run drun busybox:test sh -c 'echo from inside; exit 5'
is "docker run: output" "$OUT" "from inside"
is "docker run: exit status" "$STATUS" 5
run drun --runtime basin busybox:test no-such-program
is "docker run: a missing program is 127" "$STATUS" 127
like "and it says so" "$ERR" 'exec: "no-such-program": executable file not found in \$PATH'
run drun busybox:test /etc/passwd
is "docker run: a file that is no program is 126" "$STATUS" 126
echo data >"$T/tmp/file"
run drun -e A=b -w /tmp -u 1000:1000 --group-add 20 --read-only --tmpfs /x:mode=1777 -v "$T/tmp:/mnt:ro" --mount type=volume,source=kept,destination=/v busybox:test \
	sh -c 'echo $A $(pwd); id; touch /x/y; touch /y 2>&1; cat /mnt/file; touch /mnt/x 2>&1'
like "docker run: environment, directory, user, groups" "$OUT" '^b /tmp.uid=1000.*gid=1000.*groups=20'
like "docker run: read-only, tmpfs, a bind and a volume" "$OUT" '/y: Read-only.*data.*/mnt/x: Read-only'
run drun --memory 64m --cpus 0.5 --pids-limit 33 --cpuset-cpus 0 --ulimit nofile=100:200 --shm-size 2m --oom-score-adj 500 --init --cap-drop all --cap-add net_raw \
	--security-opt no-new-privileges --sysctl net.ipv4.ip_forward=0 --device /dev/null:/dev/mine busybox:test sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max cpuset.cpus
	ulimit -n; df -k /dev/shm | grep -o " 2048 "; cat /proc/self/oom_score_adj /proc/1/comm; grep -E "CapEff|NoNew|Seccomp:" /proc/self/status
	cat /proc/sys/net/ipv4/ip_forward; echo x >/dev/mine && cat /proc/self/attr/current 2>/dev/null'
like "docker run: limits" "$OUT" $'67108864\n50000 100000\n33\n0\n100\n 2048 .*\n500'
like "docker run: init, capabilities, sysctl, device, seccomp" "$OUT" 'docker-init.*CapEff:.0000000000002000.*NoNewPrivs:.1.*Seccomp:.2.0'
if [ -d /sys/kernel/security/apparmor ]; then
	like "docker run: under its AppArmor profile" "$OUT" 'docker-default \(enforce\)'
else
	skip "docker run: under its AppArmor profile" "the kernel has no AppArmor here"
fi
run drun --memory 24m --memory-swap 24m busybox:test tail /dev/zero
is "docker run: beyond its memory it is killed" "$STATUS" 137
run drun --privileged busybox:test sh -c 'grep -E "CapEff|Seccomp:" /proc/self/status; mount -t tmpfs x /tmp && test -c /dev/fuse && echo all'
like "docker run --privileged" "$OUT" 'CapEff:.0000(003|01f)fffffffff.*Seccomp:.0.all'
run d run --rm --pid host --uts host --ipc host --network host busybox:test sh -c 'for ns in pid uts ipc net; do readlink /proc/self/ns/$ns; done'
is "docker run in the host's namespaces" "$OUT" "$(for ns in pid uts ipc net; do readlink /proc/self/ns/$ns; done)"
run on_terminal 33 $'typed\n' "${DOCKER[@]}" run --rm -it --network none busybox:test \
	sh -c 'until [ "$(stty size)" = "33 99" ]; do sleep 0.1; done; stty size; read -r line; echo "got $line"; exit 4'
like "docker run -it: size and typing" "$OUT" '33 99.*got typed'
is "its exit status" "$STATUS" 4

ok "docker run -d with a health check" d run -d --name one --network none --health-cmd 'test -e /tmp/well' --health-interval 8s busybox:test \
	sh -c 'trap "echo bye; exit 7" TERM; echo begun; while :; do sleep 0.1; done'
run d exec -u 1000 -w /tmp -e X=y one sh -c 'echo $X $(id -u) $(pwd); exit 4'
is "docker exec: output" "$OUT" "y 1000 /tmp"
is "docker exec: exit status" "$STATUS" 4
run d exec one no-such-program
like "docker exec: a missing program is 126 or 127" "$STATUS" '^12[67]$'
like "and it says so" "$OUT$ERR" 'executable file not found in \$PATH'
run d exec -t one tty
like "docker exec -t" "$OUT" '/dev/pts/'
ok "docker pause" d pause one
is "it is paused" "$(state one)" paused
nok "docker exec in a paused one" d exec one true
ok "docker unpause" d unpause one
ok "docker update" d update --memory 96m --memory-swap 96m --cpus 0.5 --pids-limit 77 one
run d exec one sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max; touch /tmp/well'
is "and the limits are held" "$OUT" $'100663296\n50000 100000\n77'
run d stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' one
like "docker stats" "$OUT" '^one [0-9.]+[KM]iB / 96MiB [1-9]'
run d top one
like "docker top" "$OUT" 'trap'
ok "docker cp into it" d cp "$T/rootfs.tar" one:/tmp/copy
ok "docker cp out of it" d cp one:/tmp/copy "$T/tmp/copy"
ok "it is the same" cmp "$T/tmp/copy" "$T/rootfs.tar"
well() {
	[ "$(d inspect -f '{{.State.Health.Status}}' one)" = healthy ]
}
ok "it becomes healthy" within 30 well
ok "docker restart" d restart -t 9 one
ok "docker kill" d kill one
run d wait one
is "it was killed" "$OUT" 137
run d logs one
is "docker logs" "$OUT" $'begun\nbye\nbegun'
ok "docker start" d start one
ok "docker stop" d stop -t 9 one
run d wait one
is "it ended by itself" "$OUT" 7
ok "docker rm" d rm one

ok "docker run --restart" d run -d --name two --network none --restart on-failure:1 busybox:test sh -c 'echo x >>/tmp/runs; exit 3'
ended() {
	[ "$(d inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' two)" = '1 exited 3' ]
}
ok "it is begun again once" within 40 ended
mkdir "$T/context"
printf 'FROM busybox:test\nRUN echo built >/built && mkdir /d\nWORKDIR /d\nUSER user\nCMD cat /built; pwd; id -un\n' >"$T/context/Dockerfile"
ok "docker build" d build -q -t built "$T/context"
run drun built
is "what was built runs" "$OUT" $'built\n/d\nuser'

ok "docker network create" d network create lan
ok "a server on it" d run -d --name web --network lan -p 127.0.0.1:8080:80 busybox:test sh -c 'mkdir /www && echo hello >/www/index.html && exec httpd -f -h /www'
run d run --rm --network lan busybox:test sh -c 'for try in 1 2 3 4 5 6 7 8; do wget -qO- http://web/ && exit; sleep 1; done'
is "its neighbour finds it by name" "$OUT" hello
run d run --rm --network container:web busybox:test wget -qO- http://127.0.0.1/
is "and so does one in its network namespace" "$OUT" hello
run busybox wget -qO- http://127.0.0.1:8080/
is "a published port" "$OUT" hello
ok "docker rm -f" d rm -f web two
ok "docker network rm" d network rm lan
