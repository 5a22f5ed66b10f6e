#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# env launch with each gate failing once. A launch that says it failed has left nothing; one that says it succeeded runs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/scenario.bash"
sweep fail
