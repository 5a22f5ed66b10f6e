/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/criu.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "runtime/criu_wire.h"

#define ANSWER_ROOM (64 * 1024)
#define OLDEST      31500 /* external pid namespaces, the freezer of cgroup2, the word when a page server is ready */
#define LOG_LEVEL   4

/* --- the process --- */

void bsn_criu_release(struct bsn_criu *criu)
{
	int status;
	bsn_own_close(&criu->sock);
	criu->sock = -1;
	if (criu->pid > 0)
		(void)BSN_RETRY(waitpid(criu->pid, &status, 0));
	criu->pid = -1;
}

static int find_program(char path[PATH_MAX], struct basin_error *err)
{
	const char *at = getenv("PATH");
	if (at == NULL || at[0] == '\0')
		at = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	while (*at != '\0') {
		size_t length = strcspn(at, ":");
		snprintf(path, PATH_MAX, "%.*s/criu", (int)length, at);
		if (length > 0 && at[0] == '/' && access(path, X_OK) == 0)
			return 0;
		at += length + (at[length] == ':');
	}
	return bsn_fail(err, BASIN_UNSUPPORTED, ENOENT,
			"CRIU version check failed: exec: \"criu\": executable file not found in $PATH (install criu)");
}

int bsn_criu_start(struct bsn_criu *criu, bool streams, const int *extra, size_t count, struct basin_error *err)
{
	char path[PATH_MAX];
	int ends[2];
	int fds[16];
	const char *const argv[] = { "criu", "swrk", "3", NULL };
	int r = find_program(path, err);
	if (r < 0)
		return r;
	if (4 + count > sizeof(fds) / sizeof(fds[0]))
		return bsn_fail(err, BASIN_UNSUPPORTED, E2BIG, "too many namespaces for criu");
	r = bsn_sys_socketpair(SOCK_SEQPACKET, ends);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a socket for criu");
	criu->sock = ends[0];
	auto_fd int theirs = ends[1];
	for (int fd = 0; fd < 3; fd++)
		fds[fd] = streams ? fd : -1;
	fds[3] = theirs;
	for (size_t i = 0; i < count; i++)
		fds[4 + i] = extra[i];
	const struct bsn_spawn spawn = { .path = path, .argv = argv, .fds = fds, .fd_count = 4 + count };
	return bsn_spawn(&spawn, &criu->pid, err);
}

/* --- the conversation --- */

static int send_message(int sock, const struct bsn_str *message, struct basin_error *err)
{
	int r = message->failed ? -ENOMEM : bsn_send_fds(sock, message->data, message->length, NULL, 0);
	if (r == -EPIPE)
		return bsn_fail(err, BASIN_FAILED, EPIPE, "criu ended without an answer");
	return r < 0 ? bsn_fail_sys(err, -r, "cannot talk to criu") : 0;
}

static void read_event(struct bsn_wire_field inner, struct bsn_criu_event *event)
{
	struct bsn_wire_reader reader = { inner.bytes, inner.bytes + inner.length };
	struct bsn_wire_field field;
	while (bsn_wire_next(&reader, &field) > 0) {
		if (field.number == 1 && field.bytes != NULL)
			snprintf(event->script, sizeof(event->script), "%.*s", (int)field.length, (const char *)field.bytes);
		else if (field.number == 2)
			event->pid = (pid_t)field.value;
	}
}

static void read_numbers(struct bsn_wire_field inner, uint64_t *numbers, size_t count)
{
	struct bsn_wire_reader reader = { inner.bytes, inner.bytes + inner.length };
	struct bsn_wire_field field;
	while (bsn_wire_next(&reader, &field) > 0)
		if (field.number < count && field.bytes == NULL)
			numbers[field.number] = field.value;
}

struct reply {
	uint64_t type;
	bool success;
	int number; /* errno */
	char text[256];
	struct bsn_criu_event event;
	struct bsn_criu_answer answer;
};

/* Its first line says enough; the log has the rest. */
static void take_text(struct reply *reply, const struct bsn_wire_field *field)
{
	const char *end = memchr(field->bytes, '\n', field->length);
	size_t length = end == NULL ? field->length : (size_t)(end - (const char *)field->bytes);
	snprintf(reply->text, sizeof(reply->text), ": %.*s", (int)length, (const char *)field->bytes);
}

/* criu_resp */
static int read_reply(const char *data, size_t length, struct reply *reply, struct basin_error *err)
{
	struct bsn_wire_reader reader = { (const unsigned char *)data, (const unsigned char *)data + length };
	struct bsn_wire_field field;
	uint64_t numbers[6] = { 0 };
	int r;
	while ((r = bsn_wire_next(&reader, &field)) > 0) {
		if (field.number == 1)
			reply->type = field.value;
		else if (field.number == 2)
			reply->success = field.value != 0;
		else if (field.number == 7)
			reply->number = (int)field.value;
		if (field.bytes == NULL)
			continue;
		if (field.number == 5)
			read_event(field, &reply->event);
		else if (field.number == 9)
			take_text(reply, &field);
		memset(numbers, 0, sizeof(numbers));
		read_numbers(field, numbers, sizeof(numbers) / sizeof(numbers[0]));
		if (field.number == 4)
			reply->answer.pid = (pid_t)numbers[1];
		else if (field.number == 8)
			reply->answer.mem_track = numbers[1] != 0, reply->answer.lazy_pages = numbers[2] != 0;
		else if (field.number == 10)
			reply->answer.version = (int)(numbers[1] * 10000 + numbers[2] * 100 + numbers[4]);
	}
	return r < 0 ? bsn_fail(err, BASIN_INTERNAL, EPROTO, "criu sent what cannot be read") : 0;
}

static int take_reply(int sock, struct reply *reply, struct basin_error *err)
{
	size_t count = 0;
	auto_free char *data = malloc(ANSWER_ROOM);
	*reply = (struct reply){ .event = { .fd = -1 } };
	if (data == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot hear criu");
	ssize_t n = bsn_recv_fds(sock, data, ANSWER_ROOM, &reply->event.fd, 1, &count);
	if (count == 0)
		reply->event.fd = -1;
	if (n <= 0)
		return bsn_fail(err, BASIN_FAILED, n < 0 ? (int)-n : EPIPE, "criu ended without an answer");
	return read_reply(data, (size_t)n, reply, err);
}

static int handle(struct bsn_criu *criu, struct reply *reply, bsn_criu_handler *handler, void *data, struct basin_error *err)
{
	auto_str struct bsn_str message = { 0 };
	bsn_debug("notify: %s", reply->event.script);
	int r = handler == NULL ? 0 : handler(data, &reply->event, err);
	if (r < 0)
		return r;
	bsn_wire_number(&message, 1, BSN_CRIU_NOTIFY);
	bsn_wire_number(&message, 3, 1);
	return send_message(criu->sock, &message, err);
}

static int follow(struct bsn_criu *criu, enum bsn_criu_type type, bsn_criu_handler *handler, void *data,
		  struct bsn_criu_answer *ret_answer, struct basin_error *err)
{
	struct reply reply;
	for (;;) {
		int r = take_reply(criu->sock, &reply, err);
		auto_fd int fd = reply.event.fd;
		if (r < 0)
			return r;
		if (!reply.success)
			return bsn_fail(err, BASIN_FAILED, reply.number > 0 ? reply.number : EIO,
					"criu failed: type %s errno %d%s",
					type == BSN_CRIU_RESTORE ? "RESTORE"
					: type == BSN_CRIU_DUMP  ? "DUMP"
								 : "request",
					reply.number, reply.text);
		if (reply.type != BSN_CRIU_NOTIFY)
			break;
		r = handle(criu, &reply, handler, data, err);
		fd = reply.event.fd; /* unless it was taken */
		if (r < 0)
			return r;
	}
	if (reply.type != (uint64_t)type)
		return bsn_fail(err, BASIN_INTERNAL, EPROTO, "criu answered another request");
	*ret_answer = reply.answer;
	return 0;
}

int bsn_criu_ask(struct bsn_criu *criu, enum bsn_criu_type type, const struct bsn_str *options, bsn_criu_handler *handler,
		 void *data, struct bsn_criu_answer *ret_answer, struct basin_error *err)
{
	auto_str struct bsn_str request = { 0 };
	bsn_wire_number(&request, 1, type);
	if (options != NULL && type == BSN_CRIU_FEATURE_CHECK)
		bsn_wire_message(&request, 5, options);
	else if (options != NULL)
		bsn_wire_message(&request, 2, options);
	int r = send_message(criu->sock, &request, err);
	if (r >= 0)
		r = follow(criu, type, handler, data, ret_answer, err);
	bsn_criu_release(criu);
	return r;
}

/* --- what it can do --- */

static int ask_once(enum bsn_criu_type type, const struct bsn_str *options, struct bsn_criu_answer *ret_answer,
		    struct basin_error *err)
{
	auto_criu struct bsn_criu criu = BSN_CRIU_INIT;
	int r = bsn_criu_start(&criu, true, NULL, 0, err);
	return r < 0 ? r : bsn_criu_ask(&criu, type, options, NULL, NULL, ret_answer, err);
}

int bsn_criu_probe(bool mem_track, bool lazy_pages, int *ret_version, struct basin_error *err)
{
	struct bsn_criu_answer answer;
	auto_str struct bsn_str features = { 0 };
	int r = ask_once(BSN_CRIU_VERSION, NULL, &answer, err);
	if (r < 0)
		return r;
	*ret_version = answer.version;
	bsn_debug("Using CRIU %d", answer.version);
	if (answer.version < OLDEST)
		return bsn_fail(err, BASIN_UNSUPPORTED, ENOTSUP, "CRIU version %d must be %d or higher", answer.version, OLDEST);
	if (!mem_track && !lazy_pages)
		return 0;
	bsn_wire_number(&features, 1, 1);
	bsn_wire_number(&features, 2, 1);
	r = ask_once(BSN_CRIU_FEATURE_CHECK, &features, &answer, err);
	if (r < 0)
		return bsn_error_prefix(err, "CRIU feature check failed");
	if ((mem_track && !answer.mem_track) || (lazy_pages && !answer.lazy_pages))
		return bsn_fail(err, BASIN_UNSUPPORTED, ENOTSUP, "criu is missing features: [%s] (the kernel has to have it)",
				mem_track && !answer.mem_track ? "MemTrack" : "LazyPages");
	return 0;
}

/* --- options --- */

static int cgroups_mode(const char *name, uint64_t *ret_mode, struct basin_error *err)
{
	static const char *const names[] = { "ignore", "", "", "soft", "full", "strict" };
	*ret_mode = 6; /* criu's default */
	if (name == NULL || name[0] == '\0')
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bsn_streq(names[i], name)) {
			*ret_mode = i;
			return 0;
		}
	return bsn_fail(
		err, BASIN_USAGE, EINVAL,
		"--manage-cgroups-mode: \"%s\" is invalid manage-cgroups-mode value; there are soft, full, strict and ignore",
		name);
}

static int network_lock(struct bsn_str *message, const char *name, struct basin_error *err)
{
	static const char *const names[] = { "iptables", "nftables", "skip" };
	if (name == NULL || name[0] == '\0')
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bsn_streq(names[i], name)) {
			bsn_wire_number(message, BSN_CRIU_NETWORK_LOCK, i + 1);
			return 0;
		}
	return bsn_fail(err, BASIN_USAGE, EINVAL, "--network-lock: \"%s\" is none of iptables, nftables and skip", name);
}

static int open_directory(const char *path, bool make, const char *what, struct basin_error *err)
{
	int r = make ? bsn_sys_mkdirat(AT_FDCWD, path, 0700) : 0;
	if (r < 0 && r != -EEXIST)
		return bsn_fail_sys(err, -r, "cannot make the %s \"%s\"", what, path);
	int fd = bsn_sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot open the %s \"%s\"", what, path) : fd;
}

static void put_flag(struct bsn_str *message, enum bsn_criu_field field, bool on)
{
	if (on)
		bsn_wire_number(message, field, 1);
}

/* Settings of a file of the administrator's, or of the container's own (org.criu.config; empty: none), come before ours. */
static void put_config_file(struct bsn_str *message, const struct bsn_config *config)
{
	const char *file = bsn_config_annotation(config, "org.criu.config");
	if (file == NULL)
		file = "/etc/criu/runc.conf";
	if (file[0] != '\0')
		bsn_wire_text(message, BSN_CRIU_CONFIG_FILE, file);
}

int bsn_criu_common(struct bsn_str *message, const struct bsn_criu_options *options, const struct bsn_config *config, bool make,
		    int *ret_images, int *ret_work, struct basin_error *err)
{
	uint64_t mode = 0;
	int r = cgroups_mode(options->manage_cgroups_mode, &mode, err);
	if (r >= 0)
		r = network_lock(message, options->network_lock, err);
	if (r < 0)
		return r;
	auto_fd int images = open_directory(options->image_path, make, "directory of images", err);
	if (images < 0)
		return images;
	auto_fd int work = options->work_path == NULL ? -1 : open_directory(options->work_path, true, "--work-path", err);
	if (options->work_path != NULL && work < 0)
		return work;
	bsn_wire_number(message, BSN_CRIU_IMAGES_DIR, (uint64_t)images);
	if (work >= 0)
		bsn_wire_number(message, BSN_CRIU_WORK_DIR, (uint64_t)work);
	bsn_wire_number(message, BSN_CRIU_LOG_LEVEL, LOG_LEVEL);
	bsn_wire_number(message, BSN_CRIU_MANAGE_CGROUPS, 1);
	bsn_wire_number(message, BSN_CRIU_CGROUPS_MODE, mode);
	bsn_wire_number(message, BSN_CRIU_NOTIFY_SCRIPTS, 1);
	bsn_wire_number(message, BSN_CRIU_ORPHAN_TERMINAL, 1);
	/* The engine made the network, and makes it again. */
	bsn_wire_number(message, BSN_CRIU_EMPTY_NAMESPACES, CLONE_NEWNET);
	put_flag(message, BSN_CRIU_SHELL_JOB, options->shell_job);
	put_flag(message, BSN_CRIU_TCP_ESTABLISHED, options->tcp_established);
	put_flag(message, BSN_CRIU_TCP_CLOSE, options->tcp_close);
	put_flag(message, BSN_CRIU_TCP_SKIP_IN_FLIGHT, options->tcp_skip_in_flight);
	put_flag(message, BSN_CRIU_EXT_UNIX_SK, options->ext_unix_sk);
	put_flag(message, BSN_CRIU_FILE_LOCKS, options->file_locks);
	put_flag(message, BSN_CRIU_LINK_REMAP, options->link_remap);
	put_flag(message, BSN_CRIU_AUTO_DEDUP, options->auto_dedup);
	put_flag(message, BSN_CRIU_LAZY_PAGES, options->lazy_pages);
	put_config_file(message, config);
	*ret_images = bsn_fd_give(&images);
	*ret_work = bsn_fd_give(&work);
	return 0;
}

const char *bsn_criu_namespace_key(enum bsn_namespace kind)
{
	return kind == BSN_NS_NETWORK ? "extRootNetNS" : kind == BSN_NS_PID ? "extRootPidNS" : NULL;
}

void bsn_criu_quote(int dir, const char *log)
{
	auto_free char *text = NULL;
	size_t length;
	int said = 0;
	if (bsn_read_file(dir, log, 16 << 20, &text, &length) < 0)
		return;
	for (char *line = text; line != NULL && *line != '\0' && said < 8;) {
		char *next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (strstr(line, "Error") != NULL && said++ < 8)
			bsn_warn("%s: %s", log, line);
		line = next;
	}
}
