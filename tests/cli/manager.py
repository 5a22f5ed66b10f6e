# SPDX-License-Identifier: Apache-2.0
"""A service manager's two sockets. `pidfd PATH` takes one pidfd and sends SIGKILL through it once there is PATH.go; `notify PATH` prints what is reported."""
import array
import os
import signal
import socket
import sys
import time


def receive(sock):
    data, ancillary, _, _ = sock.recvmsg(4096, socket.CMSG_SPACE(4))
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content)
    return data, list(fds)


kind, path = sys.argv[1:]
if kind == "pidfd":
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path + ".new")
    server.listen(1)
    os.rename(path + ".new", path)  # who sees it may connect
    server.settimeout(20)
    data, fds = receive(server.accept()[0])
    with open("/proc/self/fdinfo/%d" % fds[0]) as info:
        assert "Pid:" in info.read()
    for _ in range(400):
        if os.path.exists(path + ".go"):
            break
        time.sleep(0.05)
    signal.pidfd_send_signal(fds[0], signal.SIGKILL)
    print("killed")
else:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(path)
    while True:
        data, fds = receive(server)
        print(data.decode().rstrip("\n"), flush=True)
        for fd in fds:
            os.close(fd)
