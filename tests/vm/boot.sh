#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The VM tier: boots Debian's own kernel, which has all cgroup v2 controllers and project quota, once, runs the root tiers and the enforcement
# tests inside (tests/vm/enforce), and prints their results as TAP. The machine has no network. VM_FILTER=regex runs only some files.
set -u
TESTS=$(cd "$(dirname "$0")/.." && pwd)
. "$TESTS/vm/lib.sh"

make_machine
boot_machine tests=plain
