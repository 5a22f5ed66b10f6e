#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# backup restore with SIGKILL at each gate.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backup_restore.bash"
# Most of its gates are those of env launch, which is swept whole: every seventh will do unless EVERY says otherwise.
EVERY=${EVERY:-7}
sweep kill
