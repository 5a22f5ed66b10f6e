#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# backup create with each gate failing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backup_create.bash"
EVERY=${EVERY:-3}
sweep fail
