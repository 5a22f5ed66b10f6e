#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a service manager gives and wants: LISTEN_FDS, NOTIFY_SOCKET, a pidfd over a socket; and orphans that are looked after.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
manager() { python3 "$TESTS/cli/manager.py" "$@"; }

# --- LISTEN_FDS ---
make_bundle "$B" '.process.args = ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; cat <&3; cat <&4; ls /proc/self/fd | wc -l"]'
echo one >"$T/one"
echo two >"$T/two"
run env LISTEN_FDS=1 LISTEN_FDNAMES=a "$BASIN" run -b "$B" --preserve-fds 1 c1 3<"$T/one" 4<"$T/two" 7<"$T/two"
is "what listens already comes first, then what is to be kept" "$OUT" $'1 1 a\none\ntwo\n6'
make_bundle "$B" '.process.args = ["sh", "-c", "echo =$LISTEN_FDS=; ls /proc/self/fd | wc -l"]'
run env LISTEN_FDS=1 LISTEN_PID=1 "$BASIN" run -b "$B" c1 3<"$T/one"
is "what is meant for another process is not" "$OUT" $'==\n4'

# --- pidfd ---
make_bundle "$B" '.process.args = ["sleep", "600"]'
stopped() { [ "$("$BASIN" state "$1" | jq -r .status)" = stopped ]; }
# receive COMMAND...: starts it with a receiver at $T/pidfd.sock, which sends SIGKILL to what came, when that has returned
receive() {
	rm -f "$T/pidfd.sock" "$T/pidfd.sock.go"
	manager pidfd "$T/pidfd.sock" >"$T/received" &
	local receiver=$!
	within 5 test -S "$T/pidfd.sock"
	run "$@"
	touch "$T/pidfd.sock.go"
	wait $receiver
	is "the socket gets a pidfd" "$(cat "$T/received")" "killed"
}
receive "$BASIN" create -b "$B" --pidfd-socket "$T/pidfd.sock" c1
ok "of the init that create makes" within 5 stopped c1
"$BASIN" delete c1
make_bundle "$B" ".process.args = [\"sleep\", \"600\"] | .annotations[\"run.oci.pidfd_receiver\"] = \"$T/pidfd.sock\""
receive "$BASIN" run -d -b "$B" c1
ok "where an annotation asks for it too" within 5 stopped c1
"$BASIN" delete c1
make_bundle "$B" '.process.args = ["sleep", "600"]'
"$BASIN" run -d -b "$B" c1
receive "$BASIN" exec -d --pid-file "$T/pid" --pidfd-socket "$T/pidfd.sock" c1 sleep 600
ok "and of what exec starts" within 5 test ! -d "/proc/$(cat "$T/pid")"
is "which is another process" "$("$BASIN" state c1 | jq -r .status)" running
refused "a socket that is not there" 255 'pidfd-socket.*nosuch' "$BASIN" exec --pidfd-socket "$T/nosuch" c1 true
"$BASIN" delete -f c1

# --- NOTIFY_SOCKET. busybox cannot send datagrams: the payload is a small program of python's, outside of which nothing is needed ---
say='import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for text in sys.argv[1:]:
    time.sleep(float(text)) if text[0].isdigit() else s.sendto(text.encode().decode("unicode_escape").encode(), os.environ["NOTIFY_SOCKET"])'
if [ -x /usr/bin/python3 ]; then
	mkdir -p "$ROOTFS"/{usr,lib,lib64}
	python_bundle() {
		make_bundle "$B" "$(jq -nr --arg say "$say" '".process.args = " + (["/usr/bin/python3", "-c", $say] + $ARGS.positional | tojson)' --args "$@") | .mounts += ([\"usr\", \"lib\", \"lib64\"] | map({destination: \"/\(.)\", source: \"/\(.)\", type: \"bind\", options: [\"rbind\", \"ro\"]}))"
	}
	# listen COMMAND...: with a manager at $T/manager.sock, whose log is $T/heard
	listen() {
		rm -f "$T/manager.sock"
		manager notify "$T/manager.sock" >"$T/heard" &
		listener=$!
		within 5 test -S "$T/manager.sock"
		NOTIFY_SOCKET=$T/manager.sock run "$@"
		kill "$listener" 2>/dev/null
		wait "$listener" 2>/dev/null
	}
	python_bundle 'STATUS=x' 'MAINPID=1\nFDSTORE=1\nREADY=1' 600
	listen "$BASIN" run -d -b "$B" c1
	is "run --detach returns when the payload is ready, and says so; nothing else of what it said" "$STATUS $(tr '\n' ' ' <"$T/heard")" "0 READY=1 MAINPID=$("$BASIN" state c1 | jq .pid) BARRIER=1 "
	"$BASIN" delete -f c1
	listen "$BASIN" create -b "$B" c1
	is "create says nothing" "$(cat "$T/heard")" ""
	listen "$BASIN" start c1
	is "start does" "$(tr '\n' ' ' <"$T/heard")" "READY=1 MAINPID=$("$BASIN" state c1 | jq .pid) BARRIER=1 "
	"$BASIN" delete -f c1
	python_bundle 'READY=1' 'STOPPING=1' 0.3
	listen "$BASIN" run -b "$B" c1
	like "in the foreground the service is basin itself" "$(tr '\n' ' ' <"$T/heard")" '^READY=1 MAINPID=[0-9]+ STOPPING=1 $'
	python_bundle 0
	listen "$BASIN" run -d -b "$B" c1
	is "one that ends without a word is not waited for" "$STATUS $(cat "$T/heard")" "0 "
	"$BASIN" delete -f c1
else
	skip "NOTIFY_SOCKET" "the payload needs /usr/bin/python3"
fi

# --- orphans of a container without a pid namespace: basin run is their parent, unless told not to be ---
make_bundle "$B" 'del(.linux.namespaces[] | select(.type == "pid")) | .process.args = ["sh", "-c", "(sh -c \"sleep 0.2; exec grep PPid /proc/self/status\" &) ; sleep 1"]'
sh -c 'echo $$ >"$0"; exec "$@"' "$T/basin.pid" "$BASIN" run -b "$B" c1 >"$T/out"
is "orphans come to basin" "$(grep -o '[0-9]*' "$T/out")" "$(cat "$T/basin.pid")"
"$BASIN" run --no-subreaper -b "$B" c1 >"$T/out"
is "or stay away" "$(grep -o '[0-9]*' "$T/out")" 1
