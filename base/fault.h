/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault gate: in a build with FAULT=1, every system call wrapper (base/sys.c) and every step (base/step.c) passes it, and the
 * child's operation loop is handed a number that comes from it, so that a test can make the Nth of them fail, or die there.
 *
 *   BASIN_FAULT_FILE=path   a file of 16 bytes shared by all processes of a scenario: { uint64 counter, uint64 hit }
 *   BASIN_FAULT=N:fail      the Nth gate returns -EIO instead of doing its work
 *   BASIN_FAULT=N:kill      the process that passes the Nth gate is killed with SIGKILL there
 *   BASIN_FAULT=0:count     only count
 *
 * In a release build the gate is the constant 0 and nothing of this exists.
 */
#ifndef BSN_BASE_FAULT_H
#define BSN_BASE_FAULT_H

#include <stdint.h>

#ifdef BSN_FAULT
/* Returns 0, or -EIO when this gate is the one that must fail. name is kept in the trace (BASIN_FAULT_TRACE=path). */
int bsn_fault_gate(const char *name);

/*
 * Numbers the gates that another program is about to pass, count of them: *ret_at is which of them, from 1, must fail, or 0, and
 * *ret_kill whether it must die there.
 */
void bsn_fault_hand_on(const char *name, uint32_t count, uint32_t *ret_at, uint32_t *ret_kill);
#else
#define bsn_fault_gate(name) 0
#endif

#endif
