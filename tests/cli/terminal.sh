#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Terminals: of `basin run` and `exec -t` on ours, and of `create` handed to an engine's console socket.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
make_bundle "$B" '.process.terminal = true | .process.args = ["sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; ls -l /dev/console | cut -c1; exit 3"] | .process.consoleSize = {height: 30, width: 100}'

run on_terminal "" "" "$BASIN" run -b "$B" c1
is "the payload has a terminal of the size of ours" "$OUT" "/dev/pts/0
terminal
33 99
c"
is "and its exit status is ours" "$STATUS" 3
run bash -c "'$BASIN' run -b '$B' c1 </dev/null | od -c | grep -c '\\\\r'"
is "its lines come out without returns where ours is none" "$OUT" 0
run bash -c "'$BASIN' run -b '$B' c1 </dev/null | cat"
like "without a terminal here it has the config's size" "$OUT" "30 100"
make_bundle "$B" '.process.terminal = true | .process.args = ["sh", "-c", "echo listening; read line; echo got $line"]'
run on_terminal listening $'words\n' "$BASIN" run -b "$B" c1
like "what is typed reaches it" "$OUT" "got words"
make_bundle "$B" '.process.terminal = true | .process.args = ["sh", "-c", "timeout 5 cat; echo ended $?"]'
run on_terminal "" $'ahead\n\x04' sh -c 'sleep 1; exec "$0" run -b "$1" c1' "$BASIN" "$B"
is "typed ahead, the end of input is one" "$(grep -a -v '^ahead$' <<<"$OUT")" "ended 0"
make_bundle "$B" '.process.terminal = true | .process.args = ["sh", "-c", "trap \"echo interrupted; exit 5\" INT; echo listening; sleep 30 & wait"]'
run on_terminal listening $'\x03' "$BASIN" run -b "$B" c1
like "control-C is a signal in the container" "$OUT" "interrupted"
make_bundle "$B" '.process.args = ["sleep", "60"]'
"$BASIN" run -d -b "$B" c2
run on_terminal "" "" "$BASIN" exec -t c2 sh -c 'tty; stty size'
is "exec -t" "$OUT" "/dev/pts/0
33 99"
"$BASIN" delete --force c2

# --- an engine's socket ---
make_bundle "$B" '.process.terminal = true | .process.args = ["sh", "-c", "echo from the container; tty"] | .process.user.uid = 1000'
refused "create with a terminal needs the socket" 1 'console-socket' "$BASIN" create -b "$B" c1
refused "run --detach too" 1 'console-socket' "$BASIN" run -d -b "$B" c1
refused "a socket that is not there" 1 'nosuch.sock' "$BASIN" create -b "$B" --console-socket "$T/nosuch.sock" c1
python3 - "$T/console.sock" >"$T/console" <<'PY' &
import array, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
peer, _ = server.accept()
fds = array.array("i")
_, data, _, _ = peer.recvmsg(100, socket.CMSG_LEN(4))
fds.frombytes(data[0][2][:4])
out = b""
while True:
    try:
        got = os.read(fds[0], 4096)
    except OSError:
        break
    if not got:
        break
    out += got
sys.stdout.write(out.decode().replace("\r\n", "\n"))
PY
reader=$!
within 5 test -S "$T/console.sock"
ok "create sends the terminal" "$BASIN" create -b "$B" --console-socket "$T/console.sock" c1
ok "start" "$BASIN" start c1
wait $reader
is "the engine reads what the payload writes" "$(cat "$T/console")" "from the container
/dev/pts/0"
"$BASIN" delete --force c1
make_bundle "$B" '.process.args = ["true"]'
refused "a socket without a terminal" 1 'terminal' "$BASIN" create -b "$B" --console-socket "$T/console.sock" c1
