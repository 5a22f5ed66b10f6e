#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# backup restore with each gate failing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backup_restore.bash"
sweep fail
