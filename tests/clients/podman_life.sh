#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The life of a container under podman.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/podman.bash"

state() {
	p inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1"
}

ok "podman run -d with a health check" p run -d --name one --network none "${LIMITS[@]}" --health-cmd 'test -e /tmp/well' --health-interval disable \
	$IMAGE sh -c 'trap "echo bye; exit 7" TERM; echo begun; while :; do sleep 0.1; done'
run p exec -e X=y -u 1000 -w /tmp one sh -c 'echo $X $(id -u) $(pwd); exit 5'
is "podman exec: environment, user, directory" "$OUT" "y 1000 /tmp"
is "podman exec: exit status" "$STATUS" 5
run p exec one no-such-program
is "podman exec: a missing program is 127" "$STATUS" 127
ok "podman pause" p pause one
is "it is paused" "$(state one)" "paused 0"
run p exec one true
is "podman exec in a paused one fails" "$STATUS" 255
ok "podman unpause" p unpause one
nok "podman healthcheck run: ill" p healthcheck run one
ok "podman exec heals it" p exec one touch /tmp/well
ok "podman healthcheck run: well" p healthcheck run one
run p ps --format '{{.Names}} {{.Status}}'
like "podman ps" "$OUT" '^one Up'
run p top one pid comm
like "podman top" "$OUT" $'PID *COMMAND\n1 *sh'
ok "podman cp into it" p cp "$T/rootfs.tar" one:/tmp/copy
run p exec one sh -c 'wc -c </tmp/copy'
is "it is there" "$OUT" "$(wc -c <"$T/rootfs.tar")"
ok "podman cp out of it" p cp one:/etc/passwd "$T/tmp/passwd"
ok "it is the same" cmp "$T/tmp/passwd" "$ROOTFS/etc/passwd"

if grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
	ok "podman update" p update --memory 96m --memory-swap 96m --cpus 0.5 one
	run p exec one sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max'
	is "and the limits are held" "$OUT" $'100663296\n50000 100000'
	run p stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' one
	like "podman stats" "$OUT" '^one [0-9.]+[kM]B / [0-9.]+[MG]B [1-9]'
else
	skip "podman update, stats, limits" "no memory controller in the cgroup v2 tree"
fi

if command -v criu >/dev/null && criu check >/dev/null 2>&1; then
	ok "podman container checkpoint" p container checkpoint one
	is "it is stopped" "$(state one)" "exited 0"
	ok "podman container restore" p container restore one
	run p exec one sh -c 'cat /proc/1/comm; ls /tmp/well'
	is "it goes on with what it had" "$OUT" $'sh\n/tmp/well'
else
	skip "podman container checkpoint, restore" "criu does not work on this kernel"
fi
ok "podman restart" p restart -t 9 one
ok "podman stop" p stop -t 9 one
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

# A terminal that somebody looks at: its size is handed on, what is typed arrives, and the end is reported.
ok "podman run -d -t" p run -d -t --name two --network none "${LIMITS[@]}" $IMAGE sleep 1000
run on_terminal '33 99' $'typed\n' "${PODMAN[@]}" exec -it two sh -c 'until [ "$(stty size)" = "33 99" ]; do sleep 0.1; done; stty size; read -r line; echo "got $line"; exit 4'
like "podman exec -it: size and typing" "$OUT" '33 99.*got typed'
is "its exit status" "$STATUS" 4
ok "podman rm -f -t 0" p rm -f -t 0 two
run "$BASIN" --root "$T/run/libpod" list -q
is "nothing is left in basin's state" "$OUT" ""
