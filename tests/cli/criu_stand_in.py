#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speaks criu's side of `criu swrk FD`, for what a real one cannot be brought to do, and where there is none that works. CRIU_SAYS: "old" (version 3.10),
"no" (every dump fails), "time" (what it restores has a time namespace), else it answers well and restores a container whose only process is a sleep. The options that it got go to CRIU_LOG."""
import ctypes, os, platform, socket, sys

VERSION, FEATURES, DUMP, RESTORE, NOTIFY = 10, 9, 1, 2, 6
CLONE = 56 if platform.machine() == "x86_64" else 220
CLONE_PARENT, CLONE_NEWTIME, SIGCHLD = 0x8000, 0x80, 17


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def parse(data):
    at, fields = 0, []
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        fields.append((tag >> 3, value))
    return fields


def encode(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return encode(field << 3) + encode(value)


def text(field, value):
    return encode(field << 3 | 2) + encode(len(value)) + value


def restore(sock, options, log):
    root = dict(options)[13].decode()
    log.write("cgroup %s" % open("/proc/self/cgroup").read().splitlines()[-1] + "\n")
    log.write("mounted %d\n" % os.path.ismount(root))
    for field, value in options:
        if field == 23:
            pair = dict(parse(value))
            log.write("mount %s %s %d\n" % (pair[1].decode(), pair[2].decode(), os.path.lexists(root + pair[1].decode())))
    if os.environ.get("CRIU_SAYS") == "time":
        ctypes.CDLL(None).unshare(CLONE_NEWTIME)
    pid = ctypes.CDLL(None).syscall(CLONE, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os.execvp("sleep", ["sleep", "2"])
    for script in (b"setup-namespaces", b"post-restore"):
        sock.send(number(1, NOTIFY) + number(2, 1) + text(5, text(1, script) + number(2, pid)))
        assert (3, 1) in parse(sock.recv(4096))
    sock.send(number(1, RESTORE) + number(2, 1) + text(4, number(1, pid)))


def main():
    sock = socket.socket(fileno=int(sys.argv[2]))
    says = os.environ.get("CRIU_SAYS", "")
    request = dict(parse(sock.recv(65536)))
    kind = request[1]
    with open(os.environ["CRIU_LOG"], "a") as log:
        if kind == VERSION:
            sock.send(number(1, kind) + number(2, 1) + text(10, number(1, 3) + number(2, 10 if says == "old" else 17)))
        elif kind == FEATURES:
            sock.send(number(1, kind) + number(2, 1) + text(8, number(1, 0) + number(2, 0)))
        elif kind == RESTORE:
            restore(sock, parse(request[2]), log)
        else:
            log.write("dump %d\n" % dict(parse(request[2]))[2])
            sock.send(number(1, kind) + number(2, says != "no") + (number(7, 52) + text(9, b"it is tired\nand more") if says == "no" else b""))


main()
