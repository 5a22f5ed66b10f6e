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
run prun -e A=b -w /tmp -u 1000:1000 $IMAGE sh -c 'echo $A $(pwd) $(id -u):$(id -g)'
is "podman run: environment, directory, user" "$OUT" "b /tmp 1000:1000"
run prun --read-only $IMAGE touch /x
like "podman run --read-only" "$ERR" "Read-only file system"
echo data >"$T/tmp/file"
run prun -v "$T/tmp:/mnt:ro" $IMAGE sh -c 'cat /mnt/file; touch /mnt/x 2>&1'
like "podman run -v: a read-only bind" "$OUT" "^data.*Read-only file system"
run prun --hostname box --cap-drop all $IMAGE sh -c 'hostname; grep CapEff /proc/self/status'
like "podman run: host name and capabilities" "$OUT" "^box.*CapEff:.0000000000000000"
run prun $IMAGE sh -c 'grep Seccomp: /proc/self/status; echo ran'
like "podman run with its default seccomp profile" "$OUT" "Seccomp:.2.*ran"
run prun -t $IMAGE tty
like "podman run -t: a terminal" "$OUT" "/dev/pts/0"
run prun -i $IMAGE cat < <(echo from outside)
is "podman run -i: standard input" "$OUT" "from outside"

ok "podman run -d" p run -d --name long --network none "${LIMITS[@]}" $IMAGE sleep 1000
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
