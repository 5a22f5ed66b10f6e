#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A seccomp agent for the tests: agent SOCKET LOG [COUNT]. For each connection it logs the document and the name of the descriptor, then
answers the descriptor's calls: mkdir gets ENOMEDIUM, everything else goes on. It ends when COUNT descriptors have been closed by the kernel."""
import array, fcntl, json, os, select, signal, socket, struct, sys

NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101
MKDIRS = (83, 258, 34)
ENOMEDIUM = 123


def receive(sock):
    fds = array.array("i")
    text, control, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(4))
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return text.decode(), fds[0] if fds else -1


def answer(fd):
    request = bytearray(80)
    fcntl.ioctl(fd, NOTIF_RECV, request)
    identity, _, _, number = struct.unpack_from("=QIIi", request)
    refused = number in MKDIRS
    response = struct.pack("=QqiI", identity, 0, -ENOMEDIUM if refused else 0, 0 if refused else 1)
    fcntl.ioctl(fd, NOTIF_SEND, bytearray(response))


def main():
    signal.alarm(30)  # a test that failed does not wait for ever
    server = socket.socket(socket.AF_UNIX)
    path = sys.argv[1]
    server.bind("\0" + path[1:] if path.startswith("@") else path)
    server.listen(8)
    left = int(sys.argv[3]) if len(sys.argv) > 3 else -1
    poll = select.poll()
    poll.register(server, select.POLLIN)
    while left != 0:
        for fd, events in poll.poll():
            if fd == server.fileno():
                connection, _ = server.accept()
                text, listener = receive(connection)
                connection.close()
                with open(sys.argv[2], "a") as log:
                    document = json.loads(text)
                    document["descriptor"] = os.readlink("/proc/self/fd/%d" % listener) if listener >= 0 else ""
                    log.write(json.dumps(document) + "\n")
                if listener >= 0:
                    poll.register(listener, select.POLLIN)
            elif events & select.POLLIN:
                try:
                    answer(fd)
                except OSError:
                    pass  # the caller is gone
            else:
                poll.unregister(fd)
                os.close(fd)
                left -= 1


main()
