/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#ifdef BSN_FAULT

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct shared {
	_Atomic uint64_t counter;
	_Atomic uint64_t hit;
};

static struct {
	struct shared *shared;
	uint64_t at;
	int kill;
	int trace;
	int ready;
} gate;

static void set_up(void)
{
	gate.ready = 1;
	gate.trace = -1;
	const char *path = getenv("BASIN_FAULT_FILE");
	const char *what = getenv("BASIN_FAULT");
	if (path == NULL || what == NULL)
		return;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *map = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return;
	char *end;
	gate.at = strtoull(what, &end, 10);
	gate.kill = strcmp(end, ":kill") == 0;
	gate.shared = map;
	const char *trace = getenv("BASIN_FAULT_TRACE");
	if (trace != NULL)
		gate.trace = open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

int bsn_fault_gate(const char *name)
{
	if (!gate.ready)
		set_up();
	if (gate.shared == NULL)
		return 0;
	uint64_t n = atomic_fetch_add(&gate.shared->counter, 1) + 1;
	if (gate.trace >= 0)
		dprintf(gate.trace, "%llu %s\n", (unsigned long long)n, name);
	if (n != gate.at)
		return 0;
	atomic_store(&gate.shared->hit, 1);
	if (gate.kill)
		kill(getpid(), SIGKILL);
	return -EIO;
}

void bsn_fault_hand_on(const char *name, uint32_t count, uint32_t *ret_at, uint32_t *ret_kill)
{
	if (!gate.ready)
		set_up();
	*ret_at = 0;
	*ret_kill = (uint32_t)gate.kill;
	if (gate.shared == NULL)
		return;
	uint64_t first = atomic_fetch_add(&gate.shared->counter, count) + 1;
	for (uint32_t i = 0; gate.trace >= 0 && i < count; i++)
		dprintf(gate.trace, "%llu %s\n", (unsigned long long)(first + i), name);
	if (gate.at < first || gate.at >= first + count)
		return;
	*ret_at = (uint32_t)(gate.at - first) + 1;
	atomic_store(&gate.shared->hit, 1);
}

#endif
