/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a dnsmasq is known without a pid file: it closes every descriptor that it inherits, so it cannot be handed a lock; but it keeps
 * its log file open as long as it lives. After it has started, pidfd_getfd(2) fetches that very descriptor and locks it. An
 * open-file-description lock belongs to the description, not to a process: ours is closed again, dnsmasq's keeps the lock, and the
 * kernel drops it with dnsmasq. To signal it, /proc is searched for a dnsmasq that has this log file open, the pidfd being
 * opened before the look, so that it is the one looked at. If its starter dies between start and lock, the next one finds it the
 * same way and locks it.
 */
#include "net/dns.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"

#define LOG            "dns.log"
#define START_LOCK     "dns.lock"
#define HOSTS          "hosts"
#define LOG_MAX        (1024 * 1024)
#define END_MS         5000
#define START_TRIES    20
#define STATUS_NETWORK 2 /* dnsmasq(8), exit codes: a problem with network access, such as an address in use */

/* --- finding the one ---------------------------------------------------------------------------------------------------------- */

static bool is_dnsmasq(const char *pid)
{
	char path[64];
	auto_free char *name = NULL;
	if (bsn_format(path, sizeof(path), "/proc/%s/comm", pid) < 0 || bsn_read_file(AT_FDCWD, path, 64, &name, NULL) < 0)
		return false;
	return bsn_streq(name, "dnsmasq\n");
}

/* The number of its descriptor for that file; -ENOENT when it has none. */
static int descriptor_for(const char *pid, const struct stat *file)
{
	char path[64];
	if (bsn_format(path, sizeof(path), "/proc/%s/fd", pid) < 0)
		return -ENOENT;
	auto_dir DIR *dir = opendir(path);
	const struct dirent *entry;
	struct stat there;
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &there, 0) == 0 &&
		    there.st_ino == file->st_ino && there.st_dev == file->st_dev)
			return atoi(entry->d_name);
	return -ENOENT;
}

/* A pidfd of the dnsmasq whose log dirfd/dns.log is, and its descriptor of it; -ENOENT when there is none. */
static int find_server(int at, int *ret_descriptor)
{
	struct stat log;
	if (fstatat(at, LOG, &log, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	auto_dir DIR *proc = opendir("/proc");
	if (proc == NULL)
		return -errno;
	const struct dirent *entry;
	while ((entry = readdir(proc)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !is_dnsmasq(entry->d_name))
			continue;
		auto_fd int pidfd = bsn_sys_pidfd_open((pid_t)atoi(entry->d_name));
		int descriptor = pidfd >= 0 ? descriptor_for(entry->d_name, &log) : -ENOENT;
		if (descriptor < 0)
			continue;
		*ret_descriptor = descriptor;
		return bsn_fd_give(&pidfd);
	}
	return -ENOENT;
}

/* Has it hold the lock from now on. */
static int mark_server(int at)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int descriptor = -1;
	auto_fd int pidfd = find_server(at, &descriptor);
	if (pidfd < 0)
		return pidfd;
	auto_fd int log = bsn_sys_pidfd_getfd(pidfd, descriptor);
	if (log < 0)
		return log;
	return fcntl(log, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

int bsn_dns_running(int dirfd)
{
	return bsn_lock_held(dirfd, LOG);
}

/* --- starting ----------------------------------------------------------------------------------------------------------------- */

/* Whether this user namespace has a user of that number. */
static bool is_mapped(uid_t uid)
{
	unsigned long inside;
	unsigned long outside;
	unsigned long count;
	bool mapped = false;
	FILE *maps = fopen("/proc/self/uid_map", "re");
	while (maps != NULL && !mapped && fscanf(maps, "%lu %lu %lu", &inside, &outside, &count) == 3)
		mapped = uid >= inside && uid - inside < count;
	if (maps != NULL)
		fclose(maps);
	return mapped;
}

/* Whether anybody may walk to that directory. */
static bool is_open_to_all(const char *path)
{
	char part[4096];
	struct stat info;
	if (path[0] != '/' || bsn_format(part, sizeof(part), "%s", path) < 0)
		return false;
	for (char *slash = part + strlen(part); slash != NULL; slash = strrchr(part, '/')) {
		*slash = '\0';
		if (stat(part[0] != '\0' ? part : "/", &info) < 0 || !(info.st_mode & S_IXOTH))
			return false;
	}
	return true;
}

struct server_user {
	char name[64];
	char group[64]; /* "": leave the groups alone */
};

static int find_user(const char *name, struct server_user *ret_user)
{
	char room[4096];
	struct passwd user;
	struct passwd *found = NULL;
	struct group group;
	struct group *its_group = NULL;
	if (getpwnam_r(name, &user, room, sizeof(room), &found) != 0 || found == NULL || !is_mapped(user.pw_uid))
		return -ENOENT;
	gid_t gid = user.pw_gid;
	bsn_format(ret_user->name, sizeof(ret_user->name), "%s", name);
	if (getgrgid_r(gid, &group, room, sizeof(room), &its_group) == 0 && its_group != NULL)
		bsn_format(ret_user->group, sizeof(ret_user->group), "%s", group.gr_name);
	return 0;
}

/* dnsmasq needs no privileges once it is bound, but its user must be able to read the hosts files. */
static void choose_user(const struct bsn_dns *dns, struct server_user *ret_user)
{
	*ret_user = (struct server_user){ .name = "root" };
	if (!is_open_to_all(dns->path))
		bsn_debug("the name server of network \"%s\" runs as root: \"%s\" is closed to other users", dns->network,
			  dns->path);
	else if (find_user("dnsmasq", ret_user) < 0)
		find_user("nobody", ret_user);
}

static const char *server_program(void)
{
	static const char *const places[] = { "/usr/sbin/dnsmasq", "/usr/local/sbin/dnsmasq", "/usr/bin/dnsmasq",
					      "/sbin/dnsmasq" };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

/* The address of one that was killed a moment ago may still be in use, although its lock is gone: its descriptors are closed in turn. */
static int run_until_bound(const char *program, const char *const *argv, char **ret_output, int *ret_status,
			   struct basin_error *err)
{
	const struct timespec nap = { .tv_nsec = 50 * 1000 * 1000 };
	for (int tries = 0;; tries++) {
		auto_free char *output = NULL;
		int r = bsn_spawn_capture(program, argv, NULL, &output, ret_status, err);
		if (r < 0)
			return r;
		if (*ret_status != STATUS_NETWORK || tries == START_TRIES) {
			*ret_output = bsn_give(&output);
			return 0;
		}
		nanosleep(&nap, NULL);
	}
}

/* It daemonizes once it is bound to its address, so its end is the answer; what went wrong is in its log or its output. */
static int run_server(const struct bsn_dns *dns, const char *program, struct basin_error *err)
{
	auto_str struct bsn_str options = { 0 };
	char gateway[BSN_IPV4_TEXT];
	struct server_user user;
	const char *argv[20] = { program };
	int count = 1;
	choose_user(dns, &user);

	bsn_ipv4_format(bsn_cidr_gateway(&dns->subnet), gateway);
	bsn_str_addf(&options, "--conf-file=\n--pid-file=\n--no-hosts\n--hostsdir=%s/" HOSTS "\n--log-facility=%s/" LOG "\n",
		     dns->path, dns->path);
	bsn_str_addf(&options, "--interface=%s\n--except-interface=lo\n--bind-interfaces\n--listen-address=%s\n", dns->bridge,
		     gateway);
	bsn_str_addf(&options, "--local=/%s/\n--domain-needed\n--bogus-priv\n--dns-loop-detect\n--user=%s\n--group=%s\n",
		     dns->network, user.name, user.group);
	auto_free char *text = bsn_str_give(&options);
	if (text == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot start the name server of network \"%s\"", dns->network);
	for (char *rest = text; count < 19;) {
		argv[count] = strsep(&rest, "\n");
		if (rest == NULL)
			break;
		count++;
	}
	argv[count] = NULL;
	auto_free char *output = NULL;
	int status = 0;
	int r = run_until_bound(program, argv, &output, &status, err);
	if (r < 0)
		return r;
	if (status != 0)
		return bsn_fail(err, BASIN_INTERNAL, EIO, "the name server of network \"%s\" does not start (status %d): %.*s",
				dns->network, status, (int)strcspn(output + strspn(output, "\n"), "\n"),
				output + strspn(output, "\n"));
	return 0;
}

/* Readable for the server's user, whatever the caller's umask. */
static int open_hosts(int at)
{
	int made = bsn_sys_mkdirat(at, HOSTS, 0755);
	if (made < 0 && made != -EEXIST)
		return made;
	auto_fd int hosts = bsn_sys_openat(at, HOSTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	int r = hosts < 0 ? hosts : 0;
	if (r >= 0 && made >= 0)
		r = bsn_sys_fchmod(hosts, 0755);
	return r < 0 ? r : bsn_fd_give(&hosts);
}

static int make_room(const struct bsn_dns *dns)
{
	struct stat log;
	auto_fd int hosts = open_hosts(dns->dirfd);
	if (hosts < 0)
		return hosts;
	/* dnsmasq appends: a log that has grown is simply emptied. */
	auto_fd int fd = bsn_sys_openat(dns->dirfd, LOG, O_WRONLY | O_CREAT | O_NOFOLLOW, 0640);
	if (fd < 0)
		return fd;
	return fstat(fd, &log) == 0 && log.st_size > LOG_MAX ? bsn_sys_ftruncate(fd, 0) : 0;
}

int bsn_dns_start(const struct bsn_dns *dns, struct basin_error *err)
{
	auto_fd int lock = -1;
	if (bsn_dns_running(dns->dirfd) == 1)
		return 0;
	const char *program = server_program();
	if (program == NULL)
		return bsn_fail(
			err, BASIN_UNSUPPORTED, ENOENT,
			"network \"%s\" needs dnsmasq, which is not installed: install it with apt-get install dnsmasq-base",
			dns->network);
	int r = make_room(dns);
	if (r >= 0)
		r = bsn_lock_take(dns->dirfd, START_LOCK, BSN_LOCK_EXCLUSIVE, 20000, &lock);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot start the name server of network \"%s\"", dns->network);
	if (bsn_dns_running(dns->dirfd) == 1 || mark_server(dns->dirfd) >= 0)
		return 0;
	r = run_server(dns, program, err);
	if (r < 0)
		return r;
	r = mark_server(dns->dirfd);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot find the name server of network \"%s\" after its start", dns->network) : 1;
}

int bsn_dns_stop(int dirfd, struct basin_error *err)
{
	int descriptor;
	auto_fd int pidfd = find_server(dirfd, &descriptor);
	if (pidfd == -ENOENT)
		return 0;
	int r = pidfd < 0 ? pidfd : bsn_sys_pidfd_send_signal(pidfd, SIGTERM);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	if (r >= 0 && bsn_sys_poll(&ended, 1, END_MS) == 0) {
		r = bsn_sys_pidfd_send_signal(pidfd, SIGKILL);
		bsn_sys_poll(&ended, 1, END_MS);
	}
	return r < 0 && r != -ESRCH ? bsn_fail_sys(err, -r, "cannot stop a name server") : 0;
}

/* --- hosts files -------------------------------------------------------------------------------------------------------------- */

int bsn_dns_host_create(int dirfd, const char *network, const char *env, uint32_t address, struct basin_error *err)
{
	char text[BSN_IPV4_TEXT];
	char line[256];
	auto_fd int hosts = open_hosts(dirfd);
	bsn_ipv4_format(address, text);
	int r = hosts < 0 ? hosts : bsn_format(line, sizeof(line), "%s %s %s.%s\n", text, env, env, network);
	if (r >= 0)
		r = bsn_replace_file(hosts, env, line, strlen(line), 0644, false);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot publish the name \"%s\" on network \"%s\"", env, network) : 0;
}

int bsn_dns_host_destroy(int dirfd, const char *env, struct basin_error *err)
{
	auto_fd int hosts = bsn_sys_openat(dirfd, HOSTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	int r = hosts < 0 ? hosts : bsn_sys_unlinkat(hosts, env, 0);
	return r < 0 && r != -ENOENT ? bsn_fail_sys(err, -r, "cannot withdraw the name \"%s\"", env) : 0;
}

int bsn_dns_host_list(int dirfd, bsn_dns_host_fn *fn, void *data, struct basin_error *err)
{
	auto_fd int hosts = bsn_sys_openat(dirfd, HOSTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (hosts == -ENOENT)
		return 0;
	int r = hosts < 0 ? hosts : bsn_each_entry(hosts, fn, data);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot list the published names") : 0;
}
