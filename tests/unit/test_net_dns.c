/* SPDX-License-Identifier: Apache-2.0 */
/* net/dns: a real dnsmasq on a bridge in a network namespace of its own, asked by hand-made queries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "net/dns.h"
#include "tests/unit/net_space.h"

#define LAB "10.77.0.0/24"

static char root[] = "/tmp/basin-dns.XXXXXX";
static struct bsn_dns lab = { .dirfd = -1, .path = root, .network = "lab", .bridge = "bsn-lab" };

/* Asks 10.77.0.1 for the address of a name: "10.77.0.2", or "rcode N", or "silence". */
static void ask(const char *name, char answer[32])
{
	unsigned char packet[512] = { 0x12, 0x34, 1, 0, 0, 1 };
	unsigned char *end = packet + 12;
	char copy[128];
	char *rest = copy;
	struct sockaddr_in server = at("10.77.0.1", 53);

	bsn_format(copy, sizeof(copy), "%s", name);
	for (const char *label; (label = strsep(&rest, ".")) != NULL;) {
		*end++ = (unsigned char)strlen(label);
		end = (unsigned char *)stpcpy((char *)end, label);
	}
	memcpy(end, "\0\0\1\0\1", 5);
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd readable = { .fd = sock, .events = POLLIN };
	ssize_t n = -1;
	if (sendto(sock, packet, (size_t)(end + 5 - packet), 0, (struct sockaddr *)&server, sizeof(server)) > 0 &&
	    poll(&readable, 1, 300) == 1)
		n = recv(sock, packet, sizeof(packet), 0);
	close(sock);
	if (n < 12)
		strcpy(answer, "silence");
	else if ((packet[3] & 15) != 0 || packet[7] == 0)
		bsn_format(answer, 32, "rcode %d", packet[3] & 15);
	else
		bsn_format(answer, 32, "%d.%d.%d.%d", packet[n - 4], packet[n - 3], packet[n - 2], packet[n - 1]);
}

/* dnsmasq learns of a changed file by inotify: soon, not at once. */
static bool answers(const char *name, const char *expected)
{
	char answer[32] = "";
	for (int tries = 0; tries < 40; tries++) {
		ask(name, answer);
		if (bsn_streq(answer, expected))
			return true;
		usleep(50 * 1000);
	}
	fprintf(stderr, "# %s: %s instead of %s\n", name, answer, expected);
	return false;
}

static int build_world(void **state)
{
	struct basin_error err = { .text = "" };
	(void)state;
	write_text("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	if (mkdtemp(root) == NULL || bridge_up("lab", LAB, &err) != 1) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	chmod(root, 0755); /* so that the server can give up root */
	lab.subnet = cidr_of(LAB);
	lab.dirfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return lab.dirfd < 0 ? -1 : 0;
}

static int end_world(void **state)
{
	(void)state;
	bsn_dns_stop(lab.dirfd, NULL);
	close(lab.dirfd);
	return bsn_remove_tree(AT_FDCWD, root);
}

static int start_server(void **state)
{
	struct basin_error err = { .text = "" };
	(void)state;
	int r = bsn_dns_start(&lab, &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err.text);
	return r < 0 ? -1 : 0;
}

static int stop_server(void **state)
{
	(void)state;
	return bsn_dns_stop(lab.dirfd, NULL);
}

static void it_is_started_once(void **state)
{
	(void)state;
	assert_int_equal(bsn_dns_running(lab.dirfd), 0);
	assert_int_equal(bsn_dns_start(&lab, NULL), 1);
	assert_int_equal(bsn_dns_running(lab.dirfd), 1);
	assert_int_equal(bsn_dns_start(&lab, NULL), 0);
	assert_int_equal(bsn_dns_stop(lab.dirfd, NULL), 0);
	assert_int_equal(bsn_dns_running(lab.dirfd), 0);
	assert_int_equal(bsn_dns_stop(lab.dirfd, NULL), 0);
}

static void names_come_and_go(void **state)
{
	(void)state;
	assert_true(answers("web", "rcode 3"));
	assert_int_equal(bsn_dns_host_create(lab.dirfd, "lab", "web", 0x0a4d0002, NULL), 0);
	assert_true(answers("web", "10.77.0.2"));
	assert_true(answers("web.lab", "10.77.0.2"));
	assert_true(answers("other.lab", "rcode 3"));
	assert_int_equal(bsn_dns_host_create(lab.dirfd, "lab", "web", 0x0a4d0007, NULL), 0);
	assert_true(answers("web", "10.77.0.7"));
	assert_int_equal(bsn_dns_host_destroy(lab.dirfd, "web", NULL), 0);
	assert_true(answers("web", "rcode 3"));
	assert_int_equal(bsn_dns_host_destroy(lab.dirfd, "web", NULL), 0);
}

static void names_published_before_its_start_count(void **state)
{
	(void)state;
	assert_int_equal(bsn_dns_host_create(lab.dirfd, "lab", "early", 0x0a4d0003, NULL), 0);
	assert_int_equal(bsn_dns_start(&lab, NULL), 1);
	assert_true(answers("early.lab", "10.77.0.3"));
	assert_int_equal(bsn_dns_host_destroy(lab.dirfd, "early", NULL), 0);
}

/* The pid of our dnsmasq, found the way a person would: by its command line. */
static pid_t server_pid(void)
{
	char line[64] = "";
	char command[128];
	bsn_format(command, sizeof(command), "pgrep -f -- '--hostsdir=%s/'", root);
	FILE *out = popen(command, "re");
	if (out != NULL && fgets(line, sizeof(line), out) == NULL)
		line[0] = '\0';
	if (out != NULL)
		pclose(out);
	return (pid_t)atoi(line);
}

static void a_dead_one_is_noticed(void **state)
{
	struct basin_error err = { .text = "" };
	(void)state;
	pid_t pid = server_pid();
	assert_true(pid > 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	for (int tries = 0; tries < 100 && bsn_dns_running(lab.dirfd) == 1; tries++)
		usleep(20 * 1000);
	assert_int_equal(bsn_dns_running(lab.dirfd), 0);
	bsn_dns_start(&lab, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(bsn_dns_running(lab.dirfd), 1);
	assert_true(server_pid() != pid);
}

/* As after the death of its starter before the lock: it lives and holds no lock. The next start takes it over. */
static void an_unmarked_one_is_adopted(void **state)
{
	struct flock unlock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	struct basin_error err = { .text = "" };
	char path[64];
	char there[256];
	(void)state;
	pid_t pid = server_pid();
	int pidfd = bsn_sys_pidfd_open(pid);
	assert_true(pidfd >= 0);
	for (int fd = 3; fd < 32; fd++) {
		bsn_format(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		ssize_t n = readlink(path, there, sizeof(there) - 1);
		there[n > 0 ? n : 0] = '\0';
		if (!bsn_ends_with(there, "/dns.log"))
			continue;
		int log = bsn_sys_pidfd_getfd(pidfd, fd);
		assert_int_equal(fcntl(log, F_OFD_SETLK, &unlock), 0);
		close(log);
	}
	close(pidfd);
	assert_int_equal(bsn_dns_running(lab.dirfd), 0);
	assert_int_equal(bsn_dns_start(&lab, &err), 0);
	assert_int_equal(bsn_dns_running(lab.dirfd), 1);
	assert_int_equal(server_pid(), pid);
}

static void a_taken_address_is_reported(void **state)
{
	struct sockaddr_in me = at("10.77.0.1", 53);
	struct basin_error err = { .text = "" };
	(void)state;
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&me, sizeof(me)), 0);
	assert_true(bsn_dns_start(&lab, &err) < 0);
	close(sock);
	assert_non_null(strstr(err.text, "lab"));
	assert_non_null(strstr(err.text, "in use"));
	assert_int_equal(bsn_dns_running(lab.dirfd), 0);
}

static int count_name(int dirfd, const char *env, void *data)
{
	(void)dirfd;
	strcat(strcat(data, env), " ");
	return 0;
}

static void names_are_listed(void **state)
{
	char names[128] = "";
	(void)state;
	assert_int_equal(bsn_dns_host_create(lab.dirfd, "lab", "web", 0x0a4d0002, NULL), 0);
	assert_int_equal(bsn_dns_host_list(lab.dirfd, count_name, names, NULL), 0);
	assert_string_equal(names, "web ");
	assert_int_equal(bsn_dns_host_destroy(lab.dirfd, "web", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(it_is_started_once, stop_server),
		cmocka_unit_test_setup_teardown(names_come_and_go, start_server, stop_server),
		cmocka_unit_test_teardown(names_published_before_its_start_count, stop_server),
		cmocka_unit_test_setup_teardown(a_dead_one_is_noticed, start_server, stop_server),
		cmocka_unit_test_setup_teardown(an_unmarked_one_is_adopted, start_server, stop_server),
		cmocka_unit_test_teardown(a_taken_address_is_reported, stop_server),
		cmocka_unit_test(names_are_listed),
	};
	enter_private_network();
	if (access("/usr/sbin/dnsmasq", X_OK) != 0) {
		printf("1..0 # SKIP dnsmasq is not installed\n");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, build_world, end_world);
}
