/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times programs against each other: one run of each in turn, round after round, so that what else the machine does meets all alike.
 * Prints the median, the tenth and ninetieth percentile and the CPU time of each, and the median of the per-round ratios to the first.
 *
 *     bench ROUNDS NAME COMMAND ARGUMENTS... -- NAME COMMAND...
 *
 * What the programs print goes nowhere. With 0 rounds the first is run once, untimed.
 *
 * Debian's crun refuses to run where RLIMIT_MEMLOCK cannot be raised, which needs CAP_SYS_RESOURCE. Where that is missing a filter
 * lets the call succeed without effect; it is on all programs alike.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAMS_MAX 16
#define WARM_UP      5

extern char **environ;

static posix_spawn_file_actions_t quiet;

struct program {
	const char *name;
	char **argv;
	double *wall;
	double *cpu;
	long peak; /* KiB */
};

static double now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double ms_of(struct timeval time)
{
	return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

static void spare_memlock(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		return;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RLIMIT_MEMLOCK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		fprintf(stderr, "bench: cannot spare crun its limit: %s\n", strerror(errno));
}

static void run_once(struct program *program, int round)
{
	pid_t pid;
	int status;
	struct rusage usage;
	double begin = now_ms();
	int r = posix_spawnp(&pid, program->argv[0], &quiet, NULL, program->argv, environ);
	if (r != 0) {
		fprintf(stderr, "bench: %s: %s\n", program->argv[0], strerror(r));
		exit(1);
	}
	wait4(pid, &status, 0, &usage);
	double end = now_ms();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "bench: %s failed (%d)\n", program->name, status);
		exit(1);
	}
	if (round < 0)
		return;
	program->wall[round] = end - begin;
	program->cpu[round] = ms_of(usage.ru_utime) + ms_of(usage.ru_stime);
	if (usage.ru_maxrss > program->peak)
		program->peak = usage.ru_maxrss;
}

static int run_plainly(const struct program *program)
{
	execvp(program->argv[0], program->argv);
	fprintf(stderr, "bench: %s: %s\n", program->argv[0], strerror(errno));
	return 1;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The value below which that share of the samples is. */
static double quantile(const double *samples, int count, double share)
{
	double *sorted = malloc((size_t)count * sizeof(*sorted));
	memcpy(sorted, samples, (size_t)count * sizeof(*sorted));
	qsort(sorted, (size_t)count, sizeof(*sorted), by_value);
	double value = sorted[(int)(share * (count - 1) + 0.5)];
	free(sorted);
	return value;
}

static void report(const struct program *programs, int count, int rounds)
{
	double *ratio = malloc((size_t)rounds * sizeof(*ratio));
	printf("%-18s %9s %9s %9s %9s %9s %9s\n", "", "median ms", "p10", "p90", "CPU ms", "peak KiB", "ratio");
	for (int i = 0; i < count; i++) {
		const struct program *p = &programs[i];
		for (int round = 0; round < rounds; round++)
			ratio[round] = p->wall[round] / programs[0].wall[round];
		printf("%-18s %9.2f %9.2f %9.2f %9.2f %9ld %9.2f\n", p->name, quantile(p->wall, rounds, 0.5),
		       quantile(p->wall, rounds, 0.1), quantile(p->wall, rounds, 0.9), quantile(p->cpu, rounds, 0.5), p->peak,
		       quantile(ratio, rounds, 0.5));
	}
	free(ratio);
}

int main(int argc, char **argv)
{
	struct program programs[PROGRAMS_MAX] = { 0 };
	int count = 0;
	int rounds = argc > 1 ? atoi(argv[1]) : 0;
	if (argc < 4 || rounds < 0) {
		fprintf(stderr, "usage: bench ROUNDS NAME COMMAND ARGUMENTS... [-- NAME COMMAND ARGUMENTS...]\n");
		return 2;
	}
	for (int i = 2; i + 1 < argc && count < PROGRAMS_MAX; i++) {
		struct program *p = &programs[count++];
		p->name = argv[i];
		p->argv = &argv[i + 1];
		p->wall = calloc((size_t)rounds, sizeof(double));
		p->cpu = calloc((size_t)rounds, sizeof(double));
		while (i < argc && strcmp(argv[i], "--") != 0)
			i++;
		if (i < argc)
			argv[i] = NULL;
	}
	spare_memlock();
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	if (rounds == 0)
		return run_plainly(&programs[0]);
	for (int round = -WARM_UP; round < rounds; round++)
		for (int i = 0; i < count; i++)
			run_once(&programs[i], round);
	report(programs, count, rounds);
	return 0;
}
