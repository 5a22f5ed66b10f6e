#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# backup create with SIGKILL at each gate.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backup_create.bash"
sweep kill
