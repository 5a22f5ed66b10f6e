/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times programs against each other: round after round each does the same in turn, and who begins moves on by one, so that what else the
 * machine does meets all alike. Prints a table and writes a JSON file.
 *
 *     bench ROUNDS JSON-FILE <PLAN
 *
 * A plan is lines of words without blanks:
 *
 *     scenario WORDS...             begins one; the programs are compared within it
 *     mounts COUNT DIRECTORY        makes that many mounts below the directory, once, before the scenario
 *     share PERCENT                 of the rounds is enough for this scenario
 *     program NAME                  begins the turn of one
 *     time STEP COMMAND...          what is measured: wall and CPU time, peak memory, system calls
 *     at-once COUNT STEP COMMAND... so many at the same time; % in a word is replaced by the number of each
 *     do COMMAND...                 what is not measured
 *     gone FILE                     waits for the end of the process whose pid is in the file
 *
 * Ratios are medians of the ratios within each round: to the first program of the scenario, and to the one called "floor". System calls
 * are counted, with those of the processes that a command makes, in a round that is not timed, where the kernel lets us (tracefs).
 *
 * Debian's crun refuses to run where RLIMIT_MEMLOCK cannot be raised, which needs CAP_SYS_RESOURCE. Where that is missing a filter
 * lets the call succeed without effect; it is on all programs alike.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAMS_MAX 8
#define STEPS_MAX    16
#define WORDS_MAX    32
#define AT_ONCE_MAX  64
#define WARM_UP      3

struct step {
	enum { TIME, AT_ONCE, DO, GONE } kind;
	const char *name;
	int count; /* at-once */
	char *argv[WORDS_MAX];
	double *wall;
	double *cpu;
	long peak;  /* KiB */
	long calls; /* -1: not counted */
};

struct program {
	const char *name;
	struct step steps[STEPS_MAX];
	int step_count;
};

struct scenario {
	char title[256];
	struct program programs[PROGRAMS_MAX];
	int program_count;
	int rounds;
};

static int nothing; /* /dev/null */
static FILE *json;
static int all_rounds;
static int scenarios_done;

static void give_up(const char *what, const char *subject)
{
	fprintf(stderr, "bench: %s: %s: %s\n", what, subject, errno != 0 ? strerror(errno) : "failed");
	exit(1);
}

static double now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double cpu_ms(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e3 +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e3;
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

/* --- system calls: a counter that what is started from here on inherits --- */

static int open_counter(void)
{
	unsigned long id = 0;
	FILE *file = fopen("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id", "re");
	if (file == NULL || fscanf(file, "%lu", &id) != 1)
		id = 0;
	if (file != NULL)
		fclose(file);
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = id, .inherit = 1, .disabled = 1
	};
	return id == 0 ? -1 : (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Our own calls between the two readings (the spawn and the wait) are a constant that a program that does nothing shows. */
static long read_counter(int fd)
{
	uint64_t value = 0;
	if (fd < 0 || read(fd, &value, sizeof(value)) != sizeof(value))
		return -1;
	return (long)value;
}

/* --- one command --- */

/* Not posix_spawn: it makes more than a hundred calls of its own, for the signals. */
static pid_t spawn(char *const *argv)
{
	pid_t pid = vfork();
	if (pid == 0) {
		dup2(nothing, 0);
		dup2(nothing, 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		give_up("cannot start", argv[0]);
	return pid;
}

static void finish(pid_t pid, const struct step *step, struct rusage *usage)
{
	int status;
	errno = 0;
	if (wait4(pid, &status, 0, usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		give_up(step->argv[0], step->argv[3] != NULL ? step->argv[3] : "");
}

static void run_at_once(struct step *step, double *ret_cpu, long *ret_peak)
{
	static char words[AT_ONCE_MAX][WORDS_MAX][512];
	pid_t pids[AT_ONCE_MAX];
	for (int i = 0; i < step->count; i++) {
		char *argv[WORDS_MAX] = { NULL };
		for (int w = 0; step->argv[w] != NULL; w++) {
			char *at = strchr(step->argv[w], '%');
			argv[w] = words[i][w];
			if (at != NULL)
				snprintf(argv[w], sizeof(words[i][w]), "%.*s%d%s", (int)(at - step->argv[w]), step->argv[w], i,
					 at + 1);
			else
				snprintf(argv[w], sizeof(words[i][w]), "%s", step->argv[w]);
		}
		pids[i] = spawn(argv);
	}
	for (int i = 0; i < step->count; i++) {
		struct rusage usage;
		finish(pids[i], step, &usage);
		*ret_cpu += cpu_ms(&usage);
		*ret_peak = usage.ru_maxrss > *ret_peak ? usage.ru_maxrss : *ret_peak;
	}
}

static void wait_gone(const char *path)
{
	int pid = 0;
	FILE *file = fopen(path, "re");
	if (file == NULL || fscanf(file, "%d", &pid) != 1)
		give_up("cannot read", path);
	fclose(file);
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = { .fd = fd, .events = POLLIN };
	if (fd >= 0)
		poll(&ended, 1, 10000);
	close(fd);
	/* It is ours to reap: its parent has ended and we are the subreaper. */
	waitpid(pid, NULL, 0);
}

/* round < 0: not timed; count: the system calls are counted. */
static void run_step(struct step *step, int round, int counter)
{
	struct rusage usage = { 0 };
	double cpu = 0;
	long peak = 0;
	if (step->kind == GONE) {
		wait_gone(step->argv[0]);
		return;
	}
	if (counter >= 0)
		ioctl(counter, PERF_EVENT_IOC_ENABLE, 0);
	long before = read_counter(counter);
	double begin = now_ms();
	if (step->kind == AT_ONCE) {
		run_at_once(step, &cpu, &peak);
	} else {
		finish(spawn(step->argv), step, &usage);
		cpu = cpu_ms(&usage);
		peak = usage.ru_maxrss;
	}
	double end = now_ms();
	if (counter >= 0) {
		step->calls = read_counter(counter) - before;
		ioctl(counter, PERF_EVENT_IOC_DISABLE, 0);
	}
	if (step->kind == DO || round < 0)
		return;
	step->wall[round] = end - begin;
	step->cpu[round] = cpu;
	step->peak = peak > step->peak ? peak : step->peak;
}

static void run_program(struct program *program, int round, int counter)
{
	for (int i = 0; i < program->step_count; i++)
		run_step(&program->steps[i], round, counter);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* --- what is said of it --- */

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

static const struct step *find_step(const struct program *program, const char *name)
{
	for (int i = 0; i < program->step_count; i++)
		if (program->steps[i].name != NULL && strcmp(program->steps[i].name, name) == 0)
			return &program->steps[i];
	return NULL;
}

static double ratio(const double *of, const double *to, int rounds)
{
	double *each = malloc((size_t)rounds * sizeof(*each));
	for (int i = 0; i < rounds; i++)
		each[i] = of[i] / to[i];
	double value = quantile(each, rounds, 0.5);
	free(each);
	return value;
}

static void print_ratio(const struct step *step, const struct step *to, int rounds, const char *key)
{
	if (to == NULL) {
		printf(" %8s", "-");
		return;
	}
	double value = ratio(step->wall, to->wall, rounds);
	printf(" %8.2f", value);
	fprintf(json, ", \"%s\": %.4f, \"cpu_%s\": %.4f", key, value, key, ratio(step->cpu, to->cpu, rounds));
}

static void report_step(const struct scenario *scenario, const struct program *program, const struct step *step)
{
	static int lines;
	const struct program *floor = NULL;
	int n = scenario->rounds;
	for (int i = 0; i < scenario->program_count; i++)
		if (strcmp(scenario->programs[i].name, "floor") == 0)
			floor = &scenario->programs[i];
	double median = quantile(step->wall, n, 0.5);
	printf("%-10s %-8s %9.2f %9.2f %9.2f %9.2f %9ld %7ld", step->name, program->name, median, quantile(step->wall, n, 0.1),
	       quantile(step->wall, n, 0.9), quantile(step->cpu, n, 0.5), step->peak, step->calls);
	fprintf(json,
		"%s\n    {\"scenario\": \"%s\", \"step\": \"%s\", \"program\": \"%s\", \"rounds\": %d, \"wall_ms\": %.4f, "
		"\"p10_ms\": %.4f, \"p90_ms\": %.4f, \"cpu_ms\": %.4f, \"peak_kib\": %ld, \"system_calls\": %ld",
		lines++ > 0 ? "," : "", scenario->title, step->name, program->name, n, median, quantile(step->wall, n, 0.1),
		quantile(step->wall, n, 0.9), quantile(step->cpu, n, 0.5), step->peak, step->calls);
	print_ratio(step, find_step(&scenario->programs[0], step->name), n, "ratio");
	print_ratio(step, floor != NULL ? find_step(floor, step->name) : NULL, n, "floor");
	if (step->kind == AT_ONCE) {
		printf("  %.0f/s", step->count * 1e3 / median);
		fprintf(json, ", \"per_second\": %.1f", step->count * 1e3 / median);
	}
	printf("\n");
	fprintf(json, "}");
}

static void report(const struct scenario *scenario)
{
	printf("%s%s (%d rounds)\n%-10s %-8s %9s %9s %9s %9s %9s %7s %8s %8s\n", scenarios_done++ > 0 ? "\n" : "",
	       scenario->title, scenario->rounds, "", "", "median ms", "p10", "p90", "CPU ms", "peak KiB", "calls",
	       scenario->programs[0].name, "floor");
	const struct program *first = &scenario->programs[0];
	for (int s = 0; s < first->step_count; s++)
		for (int i = 0; first->steps[s].name != NULL && i < scenario->program_count; i++) {
			const struct step *step = find_step(&scenario->programs[i], first->steps[s].name);
			if (step != NULL)
				report_step(scenario, &scenario->programs[i], step);
		}
	fflush(stdout);
}

static void run_scenario(struct scenario *scenario)
{
	if (scenario->program_count == 0)
		return;
	for (int i = 0; i < scenario->program_count; i++)
		for (int s = 0; s < scenario->programs[i].step_count; s++) {
			struct step *step = &scenario->programs[i].steps[s];
			step->wall = calloc((size_t)scenario->rounds, sizeof(double));
			step->cpu = calloc((size_t)scenario->rounds, sizeof(double));
			step->calls = -1;
		}
	int counter = open_counter();
	for (int round = -WARM_UP; round < scenario->rounds; round++)
		for (int i = 0; i < scenario->program_count; i++)
			run_program(&scenario->programs[(i + round + WARM_UP) % scenario->program_count], round,
				    round == -1 ? counter : -1);
	if (counter >= 0)
		close(counter);
	report(scenario);
}

/* --- the plan --- */

static void make_mounts(int count, const char *directory)
{
	char path[512];
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%d", directory, i);
		errno = 0;
		if (mkdir(path, 0755) < 0 || mount("bench", path, "tmpfs", 0, "size=4k") < 0)
			give_up("cannot mount", path);
	}
}

static void take_step(struct scenario *scenario, int kind, int count, char **words)
{
	struct program *program = &scenario->programs[scenario->program_count - 1];
	struct step *step = &program->steps[program->step_count++];
	if (scenario->program_count == 0 || program->step_count > STEPS_MAX)
		exit(2);
	step->kind = kind;
	step->count = count;
	if (kind == TIME || kind == AT_ONCE)
		step->name = *words++;
	for (int i = 0; words[i] != NULL && i < WORDS_MAX - 1; i++)
		step->argv[i] = words[i];
}

static void take_line(struct scenario *scenario, char *line)
{
	char *words[WORDS_MAX] = { NULL };
	char *kept = strdup(line);
	int count = 0;
	for (char *word = strtok(kept, " \t\n"); word != NULL && count < WORDS_MAX - 1; word = strtok(NULL, " \t\n"))
		words[count++] = word;
	if (count == 0 || words[0][0] == '#')
		return;
	if (strcmp(words[0], "scenario") == 0) {
		run_scenario(scenario);
		memset(scenario, 0, sizeof(*scenario));
		scenario->rounds = all_rounds;
		snprintf(scenario->title, sizeof(scenario->title), "%.*s", (int)strcspn(line + 9, "\n"), line + 9);
	} else if (strcmp(words[0], "share") == 0) {
		scenario->rounds = all_rounds * atoi(words[1]) / 100 > 0 ? all_rounds * atoi(words[1]) / 100 : 1;
	} else if (strcmp(words[0], "mounts") == 0) {
		make_mounts(atoi(words[1]), words[2]);
	} else if (strcmp(words[0], "program") == 0 && scenario->program_count < PROGRAMS_MAX) {
		scenario->programs[scenario->program_count++].name = words[1];
	} else if (strcmp(words[0], "time") == 0) {
		take_step(scenario, TIME, 1, words + 1);
	} else if (strcmp(words[0], "at-once") == 0) {
		take_step(scenario, AT_ONCE, atoi(words[1]), words + 2);
	} else if (strcmp(words[0], "do") == 0) {
		take_step(scenario, DO, 1, words + 1);
	} else if (strcmp(words[0], "gone") == 0) {
		take_step(scenario, GONE, 1, words + 1);
	} else {
		fprintf(stderr, "bench: what is \"%s\"?\n", words[0]);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct scenario scenario;
	char line[4096];
	all_rounds = argc == 3 ? atoi(argv[1]) : 0;
	json = argc == 3 ? fopen(argv[2], "we") : NULL;
	if (json == NULL || all_rounds <= 0) {
		fprintf(stderr, "usage: bench ROUNDS JSON-FILE <PLAN\n");
		return 2;
	}
	spare_memlock();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	fprintf(json, "{\"results\": [");
	while (fgets(line, sizeof(line), stdin) != NULL)
		take_line(&scenario, line);
	run_scenario(&scenario);
	fprintf(json, "\n]}\n");
	return fclose(json) == 0 ? 0 : 1;
}
