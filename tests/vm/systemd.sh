#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The VM tier's second machine: the same, with systemd as its first process. There Debian's container engines drive basin
# (tests/clients), and basin's systemd driver talks to the real one (tests/vm/systemd). VM_FILTER=regex runs only some files.
set -u
TESTS=$(cd "$(dirname "$0")/.." && pwd)
. "$TESTS/vm/lib.sh"

make_machine
boot_machine tests=systemd init=/lib/systemd/systemd systemd.unit=basin-tests.service systemd.show_status=0
