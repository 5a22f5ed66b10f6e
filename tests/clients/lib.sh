# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests with other people's engines share: the sandbox of the command-line tests, servers that are started and stopped by pid, an
# image. In the virtual machine with systemd the sandbox keeps the pids of the machine, because systemd is told of processes by pid.
#
#   server NAME COMMAND...     starts it, its output in $T/NAME.log; it is stopped at the end    ready NAME SECONDS COMMAND...
#   docker_archive FILE NAME   the busybox root of make_rootfs as an image, as "docker save" writes one
SANDBOX_OF_MACHINE=${BASIN_VM:-}
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
# Two podmans with states of their own have their locks in one place.
[ -z "$SANDBOX_OF_MACHINE" ] || mount -t tmpfs shm /dev/shm

declare -A SERVERS=()

server() {
	local name=$1
	shift
	"$@" >"$T/$name.log" 2>&1 </dev/null &
	SERVERS[$name]=$!
}

# Waits until COMMAND says that the server answers. A server that does not is a failure with its last words.
ready() {
	local name=$1 seconds=$2
	shift 2
	if within "$seconds" "$@"; then
		pass "$name answers"
	else
		fail "$name answers" "$(tail -n 20 "$T/$name.log")"
		exit 1
	fi
}

stop_server() {
	local pid=${SERVERS[$1]:-}
	[ -n "$pid" ] || return 0
	unset "SERVERS[$1]"
	kill -TERM "$pid" 2>/dev/null
	within 20 gone "$pid" || kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# A process that has ended, reaped or not.
gone() {
	[[ $(ps -o stat= -p "$1") =~ ^(Z.*)?$ ]]
}

at_end() {
	for name in "${!SERVERS[@]}"; do
		stop_server "$name"
	done
}

docker_archive() {
	local dir=$T/archive layer
	mkdir -p "$dir"
	cp "$T/rootfs.tar" "$dir/layer.tar"
	layer=$(sha256sum <"$dir/layer.tar" | cut -d' ' -f1)
	jq -n --arg layer "sha256:$layer" '{architecture: "amd64", os: "linux", config: {Env: ["PATH=/usr/bin:/bin"], Cmd: ["sh"]},
		rootfs: {type: "layers", diff_ids: [$layer]}}' >"$dir/config.json"
	jq -n --arg name "$2" '[{Config: "config.json", RepoTags: [$name], Layers: ["layer.tar"]}]' >"$dir/manifest.json"
	tar -C "$dir" -cf "$1" manifest.json config.json layer.tar
}
