/* SPDX-License-Identifier: Apache-2.0 */
/* What the child says is heard, however it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "runtime/process.h"

/* Linux tells of unread data at a peer's end (ECONNRESET) before it gives what that peer wrote. */
static void last_words_are_heard_behind_an_unread_message(void **state)
{
	(void)state;
	int ends[2];
	struct bsn_message got;
	struct basin_error err = { 0 };
	struct bsn_message words = { .type = BSN_MESSAGE_ERROR, .value = 0, .text = "cannot do it" };
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(bsn_child_send(ends[0], BSN_MESSAGE_GO, -1, &err), 0);
	assert_true(bsn_send_fds(ends[1], &words, BSN_MESSAGE_HEAD + strlen(words.text), NULL, 0) >= 0);
	close(ends[1]);
	assert_true(bsn_child_receive(ends[0], &got, NULL, &err) < 0);
	assert_string_equal(err.text, "cannot do it");
	assert_int_equal(bsn_child_receive(ends[0], &got, NULL, &err), 0);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_words_are_heard_behind_an_unread_message),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
