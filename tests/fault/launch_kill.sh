#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# env launch with SIGKILL at each gate. After reconcile the environment is there whole or not at all.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/scenario.bash"
sweep kill
