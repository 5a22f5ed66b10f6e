/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation with a child that is not what it should be: somebody in the container may have taken it over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "runtime/apply.h"

static pid_t start_sleeper(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

/* A joiner that has ended and said what its successor is. */
static int follow(pid_t successor, struct bsn_run *run, struct basin_error *err)
{
	int ends[2];
	const struct bsn_message message = { .type = BSN_MESSAGE_FORKED, .value = successor };
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	pid_t joiner = fork();
	if (joiner == 0)
		_exit(0);
	run->child = (struct bsn_child){ .pid = joiner, .pidfd = bsn_sys_pidfd_open(joiner), .channel = ends[0] };
	assert_true(send(ends[1], &message, BSN_MESSAGE_HEAD, 0) > 0);
	close(ends[1]);
	return bsn_run_follow(run, err);
}

static void test_successor(void **state)
{
	struct bsn_plan plan = { .forks = true };
	struct bsn_run run = BSN_RUN_INIT;
	struct basin_error err = { 0 };
	(void)state;
	run.plan = &plan;
	pid_t ours = start_sleeper();
	assert_int_equal(follow(ours, &run, &err), 1);
	assert_int_equal(run.child.pid, ours);
	bsn_child_kill(&run.child);
	bsn_child_release(&run.child);
}

static void test_successor_of_others(void **state)
{
	struct bsn_plan plan = { .forks = true };
	struct bsn_run run = BSN_RUN_INIT;
	struct basin_error err = { 0 };
	(void)state;
	run.plan = &plan;
	assert_true(follow(getpid(), &run, &err) < 0);
	assert_non_null(strstr(err.text, "not ours"));
	/* It must not be killed for a failure. */
	assert_int_equal(run.child.pidfd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_successor), cmocka_unit_test(test_successor_of_others) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
