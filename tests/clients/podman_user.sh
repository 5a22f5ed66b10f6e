#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# podman with user namespaces, with systemd as its manager of cgroups, and as an ordinary user with a session. What is an ordinary user's runs as
# systemd starts it, in the machine's namespaces, so it wants a machine to throw away.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/podman.bash"

run prun --uidmap 0:100000:65536 $IMAGE sh -c 'cat /proc/self/uid_map; stat -c %u /bin /proc/1; touch /file && stat -c %u /file'
like "podman run --uidmap" "$OUT" $'0 +100000 +65536\n0\n0\n0'
run prun --uidmap 0:100000:65536 --user 1000 --read-only -v "$T/tmp:/mnt" $IMAGE sh -c 'id -u; stat -c %u /mnt'
is "and as another user" "$OUT" $'1000\n65534'
if grep -q '^containers:' /etc/subuid; then
	run prun --userns auto:size=4096 $IMAGE sh -c 'cat /proc/self/uid_map; id -u'
	like "podman run --userns auto" "$OUT" $'0 +[0-9]+ +4096\n0'
else
	skip "podman run --userns auto" 'nobody gave the user "containers" ids in /etc/subuid'
fi

[ -n "${BASIN_VM:-}" ] && [ -d /run/systemd/system ] || skip_all "systemd and sessions want a machine to throw away"

manage_with systemd
ok "podman run -d, cgroups by systemd" p run -d --name one --network none --memory 64m --cpus 0.5 --pids-limit 77 $IMAGE sleep 1000
unit=libpod-$(p inspect -f '{{.Id}}' one).scope
run systemctl show -p ActiveState -p MemoryMax -p TasksMax -p CPUQuotaPerSecUSec "$unit"
is "its scope" "$(sort <<<"$OUT")" $'ActiveState=active\nCPUQuotaPerSecUSec=500ms\nMemoryMax=67108864\nTasksMax=77'
run p exec one sh -c 'cat /sys/fs/cgroup/memory.max; cat /proc/self/cgroup'
like "what it sees of it" "$OUT" '^67108864.*0::/'
ok "podman update" p update --memory 96m --memory-swap 96m one
run systemctl show -p MemoryMax "$unit"
is "systemd knows" "$OUT" MemoryMax=100663296
ok "podman pause" p pause one
ok "podman unpause" p unpause one
ok "podman rm -f" p rm -f -t 0 one
nok "the scope is gone" systemctl is-active "$unit"
is "nothing is left in basin's state" "$("$BASIN" --root "$T/run/libpod" list -q)" ""

# --- an ordinary user ------------------------------------------------------------------------------------------------------------------
id user >/dev/null 2>&1 || skip_all 'there is no user "user"'
U=/home/user/t
install -d -o user -g user $U
install -m 644 "$T/rootfs.tar" $U/rootfs.tar
sed 's/^\tevents_logger.*/\tevents_logger = "file"/' "$T/conf/containers.conf" >$U/containers.conf
# u COMMAND...: as that user, in its session. KillMode: what a detached container needs (slirp4netns) outlives the command, as in a login shell.
u() {
	timeout 180 systemd-run --quiet --user --machine user@.host --pipe --wait --collect -p KillMode=process -E CONTAINERS_CONF=$U/containers.conf -- "$@" </dev/null
}
up() {
	u podman --log-level error "$@"
}
ok "rootless: podman import" up import -q $U/rootfs.tar $IMAGE
run up run --rm --network none $IMAGE sh -c 'id -u; cat /proc/self/uid_map; echo from inside; exit 5'
like "rootless: podman run" "$OUT" $'^0\n +0 +1000 +1\n +1 +[0-9]+ +65536\nfrom inside'
is "rootless: its exit status" "$STATUS" 5
run up run --rm --network none --userns keep-id $IMAGE sh -c 'id -u; touch /tmp/x && stat -c %u /tmp/x'
is "rootless: podman run --userns keep-id" "$OUT$ERR" $'1000\n1000'
run up run --rm --network none --memory 64m --pids-limit 33 $IMAGE sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max'
is "rootless: limits, by the user's own systemd" "$OUT" $'67108864\n33'
run up run --rm --cgroup-manager cgroupfs --network none --cgroups disabled $IMAGE echo none
[ "$STATUS" = 0 ] || run up --cgroup-manager cgroupfs run --rm --network none $IMAGE echo none
is "rootless: without systemd" "$OUT" none
ok "rootless: podman run -d, network by slirp4netns" up run -d --name one --network slirp4netns -p 127.0.0.1:8082:80 --read-only --tmpfs /www $IMAGE \
	sh -c 'echo hello >/www/index.html && exec httpd -f -h /www -p 80'
run u busybox sh -c 'for try in 1 2 3 4 5 6 7 8; do wget -qO- http://127.0.0.1:8082/ && break; sleep 1; done'
is "rootless: a published port" "$OUT" hello
run up exec -u 1 one sh -c 'id -u; exit 6'
is "rootless: podman exec" "$STATUS $OUT" "6 1"
ok "rootless: podman pause" up pause one
ok "rootless: podman unpause" up unpause one
run up stats --no-stream --format '{{.Name}} {{.PIDs}}' one
like "rootless: podman stats" "$OUT$ERR" '^one [1-9]'
ok "rootless: podman rm -f" up rm -f -t 0 one
