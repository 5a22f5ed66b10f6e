#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for systemd where it is not the init: `systemd_stand_in.py SOCKET CGROUP` answers on SOCKET, as systemd does on /run/systemd/private, for the calls
that make and end scopes. Its tree is the cgroup directory CGROUP, below /sys/fs/cgroup; a scope that is empty goes by itself. Properties are taken and not looked at."""
import contextlib
import os, select, socket, struct, sys

MOUNT = "/sys/fs/cgroup"
NAME = "org.freedesktop.systemd1"
FIXED = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d"}
ALIGN = {"y": 1, "g": 1, "v": 1, "n": 2, "q": 2, "x": 8, "t": 8, "d": 8, "(": 8, "{": 8}


def one(signature):
    """Where its first complete type ends."""
    at = len(signature) - len(signature.lstrip("a"))
    depth = 0
    while True:
        depth += (signature[at] in "({") - (signature[at] in ")}")
        at += 1
        if depth == 0:
            return at


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def align(self, to):
        self.at += -self.at % to

    def take(self, size):
        self.at += size
        return self.data[self.at - size : self.at]

    def read(self, kind):
        self.align(ALIGN.get(kind[0], 4))
        if kind[0] in FIXED:
            code = "<" + FIXED[kind[0]]
            return struct.unpack(code, self.take(struct.calcsize(code)))[0]
        if kind[0] in "sog":
            text = self.take(self.read("y" if kind[0] == "g" else "u")).decode()
            self.at += 1
            return text
        if kind[0] == "v":
            return self.read(self.read("g"))
        if kind[0] == "a":
            size = self.read("u")
            self.align(ALIGN.get(kind[1], 4))
            end, items = self.at + size, []
            while self.at < end:
                items.append(self.read(kind[1:]))
            return items
        return self.all(kind[1:-1])

    def all(self, signature):
        values = []
        while signature:
            end = one(signature)
            values.append(self.read(signature[:end]))
            signature = signature[end:]
        return values


def pad(out, to):
    out += b"\0" * (-len(out) % to)


def text(out, value, size="<I"):
    pad(out, struct.calcsize(size))
    out += struct.pack(size, len(value)) + value.encode() + b"\0"


class Peer:
    def __init__(self, sock):
        self.sock, self.data, self.open, self.serial = sock, b"", False, 0

    def send(self, kind, fields, signature="", values=()):
        """values: strings and objects, and unsigned numbers; "v" is a variant with a string in it."""
        body, head = bytearray(), bytearray()
        for code, value in zip(signature, values):
            if code == "u":
                pad(body, 4)
                body += struct.pack("<I", value)
            else:
                if code == "v":
                    body += b"\1s\0"
                text(body, value)
        self.serial += 1
        if signature:
            fields = fields + [(8, "g", signature)]
        for number, code, value in fields:
            pad(head, 8)
            head += bytes([number, 1]) + code.encode() + b"\0"
            if code == "u":
                pad(head, 4)
                head += struct.pack("<I", value)
            else:
                text(head, value, "<B" if code == "g" else "<I")
        out = bytearray(struct.pack("<cBBBIII", b"l", kind, 1, 1, len(body), self.serial, len(head)) + head)
        pad(out, 8)
        self.sock.sendall(out + body)

    def greet(self):
        while b"\r\n" in self.data and not self.open:
            line, self.data = self.data.split(b"\r\n", 1)
            word = line.lstrip(b"\0").split(b" ")
            if word[0] == b"AUTH":
                self.sock.sendall(b"DATA\r\n" if len(word) < 3 else b"OK " + b"0" * 32 + b"\r\n")
            elif word[0] == b"DATA":
                self.sock.sendall(b"OK " + b"0" * 32 + b"\r\n")
            elif word[0] == b"NEGOTIATE_UNIX_FD":
                self.sock.sendall(b"AGREE_UNIX_FD\r\n")
            self.open = word[0] == b"BEGIN"

    def calls(self):
        """What has arrived whole: (serial, path, member, values)."""
        while self.open and len(self.data) >= 16:
            body, serial, fields = struct.unpack("<4xIII", self.data[:16])
            start = 16 + fields + -fields % 8
            if len(self.data) < start + body:
                return
            head = Reader(self.data[:start])
            head.at = 12
            known = {number: value for number, value in head.read("a(yv)")}
            values = Reader(self.data[start : start + body]).all(known.get(8, ""))
            self.data = self.data[start + body :]
            yield serial, known.get(1), known.get(3), values


class Manager:
    def __init__(self, root):
        self.root, self.units, self.jobs = root, {}, 0

    def is_populated(self, unit):
        try:
            return "populated 1" in open(self.units[unit] + "/cgroup.events").read()
        except OSError:
            return False

    def collect(self):
        for unit in [unit for unit in self.units if not self.is_populated(unit)]:
            for directory, _, _ in os.walk(self.units[unit], topdown=False):
                with contextlib.suppress(FileNotFoundError):  # basin removes what it has emptied, too
                    os.rmdir(directory)
            del self.units[unit]

    def enter(self, unit, below, pids):
        for pid in pids:
            open(self.units[unit] + below + "/cgroup.procs", "w").write(str(pid))

    def start(self, unit, properties):
        slice = dict(properties)["Slice"]
        parts = slice[: -len(".slice")].split("-")
        path = "/".join("-".join(parts[: n + 1]) + ".slice" for n in range(len(parts)))
        os.makedirs(os.path.join(self.root, path, unit), exist_ok=True)
        self.units[unit] = os.path.join(self.root, path, unit)
        self.enter(unit, "", dict(properties)["PIDs"])

    def answer(self, peer, serial, path, member, values):
        def reply(signature="", *results):
            peer.send(2, [(5, "u", serial)], signature, results)

        def job(unit):
            self.jobs += 1
            name = "/org/freedesktop/systemd1/job/%d" % self.jobs
            reply("o", name)
            signal = [(1, "o", "/org/freedesktop/systemd1"), (2, "s", NAME + ".Manager"), (3, "s", "JobRemoved"), (7, "s", NAME)]
            peer.send(4, signal, "uoss", (self.jobs, name, unit, "done"))

        unit = values[0] if values else ""
        self.collect()
        if member == "Get" and values[1] == "Version":
            reply("v", "252")
        elif member == "Get":
            unit = bytes.fromhex(path.rsplit("/", 1)[1]).decode() if "/unit/" in path else None
            directory = self.root if unit is None else self.units.get(unit, MOUNT)
            reply("v", directory[len(MOUNT) :])
        elif member == "StartTransientUnit" and unit not in self.units:
            self.start(unit, values[2])
            job(unit)
        elif member == "StartTransientUnit":
            peer.send(3, [(5, "u", serial), (4, "s", NAME + ".UnitExists")], "s", ("Unit %s exists" % unit,))
        elif member in ("ResetFailedUnit", "SetUnitProperties"):
            reply()
        elif unit not in self.units:
            peer.send(3, [(5, "u", serial), (4, "s", NAME + ".NoSuchUnit")], "s", ("Unit %s not loaded." % unit,))
        elif member == "GetUnit":
            reply("o", "/org/freedesktop/systemd1/unit/" + unit.encode().hex())
        elif member == "AttachProcessesToUnit":
            self.enter(unit, values[1], values[2])
            reply()
        else: # StopUnit: what it holds is not ended, which would hide what basin left
            job(unit)


def main():
    manager = Manager(sys.argv[2])
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen(8)
    peers = {}
    while True:
        for ready in select.select([server, *peers], [], [], 0.02)[0]:
            if ready is server:
                sock = server.accept()[0]
                peers[sock] = Peer(sock)
                continue
            peer = peers[ready]
            try:
                data = ready.recv(65536)
                peer.data += data
                peer.greet()
                for call in peer.calls():
                    manager.answer(peer, *call)
            except (BrokenPipeError, ConnectionResetError):
                data = b""
            if not data:
                ready.close()
                del peers[ready]
        manager.collect()


main()
