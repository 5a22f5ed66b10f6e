# SPDX-License-Identifier: Apache-2.0
"""Runs a program where open_tree, move_mount, fsopen, fsconfig, fsmount, fspick and mount_setattr do not exist, as on an old kernel."""
import ctypes
import os
import struct
import sys

CALLS = [428, 429, 430, 431, 432, 433, 442]  # the same numbers on every architecture
ALLOW, NO_SUCH_CALL = 0x7FFF0000, 0x00050000 | 38


def instruction(code, yes, no, value):
    return struct.pack("HBBI", code, yes, no, value)


program = [instruction(0x20, 0, 0, 0)]
for i, call in enumerate(CALLS):
    program.append(instruction(0x15, len(CALLS) - i, 0, call))
program += [instruction(0x06, 0, 0, ALLOW), instruction(0x06, 0, 0, NO_SUCH_CALL)]
code = ctypes.create_string_buffer(b"".join(program))
header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
# Root may filter itself without giving up setuid programs.
if libc.prctl(22, 2, header, 0, 0) != 0:
    sys.exit("cannot filter: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
