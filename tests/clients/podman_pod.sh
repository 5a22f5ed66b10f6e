#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers of podman that share: pods, networks with names, Kubernetes' documents; and images built with basin, by podman and by buildah.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside
. "$(dirname "$0")/podman.bash"

# What is built runs with basin, too: --isolation oci.
mkdir "$T/context"
printf 'FROM %s\nRUN echo built >/built && mkdir /d && id -u >>/built\nWORKDIR /d\nUSER user\nCMD cat /built; pwd; id -un\n' $IMAGE >"$T/context/Dockerfile"
ok "podman build" p build -q --isolation oci --network none -t built "$T/context"
run prun built
is "what was built runs" "$OUT" $'built\n0\n/d\nuser'
if command -v buildah >/dev/null; then
	b() {
		HOME=$T/home XDG_RUNTIME_DIR=$T/run timeout 120 buildah --root "$T/graph" --runroot "$T/run/podman" --storage-driver "$DRIVER" "$@"
	}
	run b from --name work $IMAGE
	is "buildah from" "$OUT" work
	run b run --runtime "$BASIN" --isolation oci --network none -v "$T/tmp:/mnt" work -- sh -c 'echo ran >/ran; pwd; test -d /mnt && exit 5'
	is "buildah run: output" "$OUT" /
	is "buildah run: exit status" "$STATUS" 5
	ok "buildah commit" b commit -q --rm work localhost/made
	run prun localhost/made cat /ran
	is "what it made runs" "$OUT" ran
else
	skip "buildah" "it is not installed"
fi

[ -n "${BASIN_VM:-}" ] || skip_all "pods and networks want a machine to throw away"

ok "podman pod create" p pod create --name team --hostname team -p 127.0.0.1:8081:80
ok "a server in it" p run -d --pod team --name web $IMAGE sh -c 'mkdir /www && echo hello >/www/index.html && exec httpd -f -h /www'
run p run --rm --pod team $IMAGE sh -c 'for try in 1 2 3 4 5 6 7 8; do wget -qO- http://127.0.0.1/ && break; sleep 1; done; hostname'
is "its neighbour shares its network and its host name" "$OUT" $'hello\nteam'
run busybox wget -qO- http://127.0.0.1:8081/
is "a published port" "$OUT" hello
ok "podman pod pause" p pod pause team
run p pod inspect team --format '{{.State}}'
is "it is paused" "$OUT" Paused
ok "podman pod unpause" p pod unpause team
ok "podman generate kube" p generate kube -f "$T/team.yaml" team
ok "podman pod stop" p pod stop -t 1 team
ok "podman pod rm" p pod rm -f team
ok "podman play kube" p play kube "$T/team.yaml"
run p pod inspect team --format '{{.State}}'
is "what it describes runs" "$OUT" Running
ok "podman play kube --down" p play kube --down "$T/team.yaml"

ok "podman network create" p network create lan
ok "a server on it" p run -d --network lan --name web $IMAGE sh -c 'mkdir /www && echo hello >/www/index.html && exec httpd -f -h /www'
run p run --rm --network lan $IMAGE sh -c 'for try in 1 2 3 4 5 6 7 8; do wget -qO- http://web/ && break; sleep 1; done'
is "its neighbour finds it by name" "$OUT$ERR" hello
run p run --rm --network container:web $IMAGE wget -qO- http://127.0.0.1/
is "and so does one in its network namespace" "$OUT" hello
run p run --rm --network host $IMAGE readlink /proc/self/ns/net
is "podman run --network host" "$OUT" "$(readlink /proc/self/ns/net)"
ok "podman rm -f" p rm -f -t 0 web
is "nothing is left in basin's state" "$("$BASIN" --root "$T/run/libpod" list -q)" ""
