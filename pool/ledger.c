/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's file: opening, schema, transactions, owners. Theory of operation:
 *
 * WAL mode lets readers go on while one writes; synchronous=FULL syncs the log at each commit, so a commit that returned has
 * happened. Writers queue in BEGIN IMMEDIATE, before they have read anything, so a transaction never finds that what it read has
 * changed: there is no check-then-act, and no deadlock of two readers that both want to write. The wait is ours (wait_turn) since
 * SQLite's own backs off to a tenth of a second, which is long when a transaction takes a millisecond.
 *
 * The log is not folded back when the last process closes, because every command would be the last one; it happens each 250 pages
 * instead. A process that dies leaves at most an unfinished transaction at the log's end, which the next one to open ignores.
 */
#include "pool/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/lock.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/ledger_sql.h"
#include "pool/query.h"

#define LEDGER_NAME   "ledger.db"
#define LEDGER_MARK   0x6273696e /* application_id: "bsin" */
#define LEDGER_SCHEMA 1
#define WAIT_MS       60000
#define SPARE_NAME    "ledger.spare"
#define SPARE_BYTES   (INT64_C(2) << 20)

/*
 * Amounts are four columns in the order of enum basin_resource, -1 for one that is not given. The owner's four columns are null
 * where nobody is in the middle of anything. Nothing here is a sum: sums are made from the rows each time.
 */
#define AMOUNTS(what)                                                                                                            \
	"cpu_" what " INTEGER NOT NULL, memory_" what " INTEGER NOT NULL, storage_" what " INTEGER NOT NULL, pids_" what         \
	" INTEGER NOT NULL, "
#define OWNER "owner_pid INTEGER, owner_start INTEGER, owner_namespace INTEGER, owner_boot TEXT, "
static const char schema[] = "CREATE TABLE pool (name TEXT PRIMARY KEY NOT NULL, " AMOUNTS("capacity") AMOUNTS("guarantee")
	AMOUNTS("overcommit") AMOUNTS("default")
		AMOUNTS("reserve") "enforce INTEGER NOT NULL, enforced INTEGER NOT NULL, cordoned INTEGER NOT NULL, "
				   "generation INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;"
				   "CREATE TABLE charge (consumer TEXT NOT NULL, bound INTEGER NOT NULL CHECK (bound IN (0, 1)), "
				   "pool TEXT NOT NULL REFERENCES pool (name), " AMOUNTS("request") AMOUNTS(
					   "limit") "cpu_weight INTEGER NOT NULL, resources INTEGER NOT NULL, " OWNER
						    "since INTEGER NOT NULL, "
						    "PRIMARY KEY (consumer, bound)) WITHOUT ROWID;"
						    "CREATE INDEX charge_pool ON charge (pool);"
						    "CREATE TABLE lease (kind INTEGER NOT NULL, scope TEXT NOT NULL, value "
						    "INTEGER NOT NULL, owner TEXT NOT NULL, "
						    "since INTEGER NOT NULL, PRIMARY KEY (kind, scope, value)) WITHOUT ROWID;"
						    "CREATE INDEX lease_owner ON lease (owner);"
						    "CREATE TABLE subnet (network TEXT PRIMARY KEY, first INTEGER NOT NULL, last "
						    "INTEGER NOT NULL, "
						    "prefix INTEGER NOT NULL) WITHOUT ROWID;"
						    "CREATE TABLE object (kind TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT "
						    "NULL, json TEXT NOT NULL, "
						    "generation INTEGER NOT NULL, created INTEGER NOT NULL, " OWNER
						    "PRIMARY KEY (kind, name)) WITHOUT ROWID;"
						    /* The host, root of all pools; its capacity is read afresh each time. */
						    "INSERT INTO pool VALUES ('/', -1, -1, -1, -1, -1, -1, -1, -1, 4000, 1000, "
						    "1000, 1000, 100, 67108864, 134217728, 256, "
						    "-1, -1, -1, -1, 1, 15, 0, 1, strftime('%s'));";

int bsn_ledger_fail(const struct bsn_ledger *ledger, int result, const char *what, struct basin_error *err)
{
	const char *text = ledger->db != NULL ? sqlite3_errmsg(ledger->db) : sqlite3_errstr(result);
	switch (result & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return bsn_fail(err, BASIN_TIMEOUT, ETIMEDOUT,
				"cannot %s the ledger: another process has held it for %d seconds; find it with \"fuser\" "
				"on " LEDGER_NAME,
				what, WAIT_MS / 1000);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, "cannot %s the ledger: " LEDGER_NAME " is damaged: %s", what, text);
	case SQLITE_FULL:
		return bsn_fail(
			err, BASIN_INTERNAL, ENOSPC,
			"cannot %s the ledger: the data root's file system is full; remove something from it and try again",
			what);
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return bsn_fail(err, BASIN_DENIED, EACCES,
				"cannot %s the ledger: %s; it belongs to the user who owns the data root", what, text);
	case SQLITE_NOMEM:
		return bsn_fail_sys(err, ENOMEM, "cannot %s the ledger", what);
	default:
		return bsn_fail(err, BASIN_INTERNAL, EIO, "cannot %s the ledger: %s", what, text);
	}
}

/* Called by SQLite when somebody else has the lock it wants; 1: try again. The first naps are short, as transactions are. */
static int wait_turn(void *data, int tries)
{
	struct timespec *since = data;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (tries == 0)
		*since = now;
	if ((now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000 > WAIT_MS)
		return 0;
	const struct timespec nap = { .tv_nsec = tries < 4 ? 200000L << tries : 2000000L };
	nanosleep(&nap, NULL);
	return 1;
}

static int run_text(struct bsn_ledger *ledger, const char *sql, const char *what, struct basin_error *err)
{
	int result = sqlite3_exec(ledger->db, sql, NULL, NULL, NULL);
	return result == SQLITE_OK ? 0 : bsn_ledger_fail(ledger, result, what, err);
}

static int read_pragma(struct bsn_ledger *ledger, const char *sql, int64_t *ret, struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err, sql, "");
	if (r >= 0)
		r = bsn_query_next(&query, err);
	if (r > 0)
		*ret = bsn_query_int(&query, 0);
	return r < 0 ? r : 0;
}

/*
 * Only the first process ever gets to do more than look; a lock keeps the first ones apart, since changing the journal's mode is
 * not a transaction.
 */
static int make_schema(struct bsn_ledger *ledger, struct basin_error *err)
{
	auto_fd int lock = -1;
	int64_t version = 0;
	auto_str struct bsn_str sql = { 0 };
	int r = bsn_lock_take(ledger->data_fd, "ledger.lock", BSN_LOCK_EXCLUSIVE, WAIT_MS, &lock);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot lock the new ledger");
	r = read_pragma(ledger, "PRAGMA user_version", &version, err);
	if (r < 0 || version != 0)
		return r;
	bsn_str_addf(&sql,
		     "PRAGMA journal_mode=WAL; BEGIN IMMEDIATE; %s PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;",
		     schema, LEDGER_MARK, LEDGER_SCHEMA);
	if (sql.failed)
		return bsn_fail_sys(err, ENOMEM, "cannot make the ledger");
	r = run_text(ledger, bsn_str_text(&sql), "make", err);
	if (r >= 0)
		r = bsn_sys_fsync(ledger->data_fd) < 0 ? bsn_fail_sys(err, EIO, "cannot make the ledger: sync of the data root")
						       : 0;
	return r;
}

static int check_schema(struct bsn_ledger *ledger, struct basin_error *err)
{
	int64_t version = 0;
	int64_t mark = 0;
	int r = read_pragma(ledger, "PRAGMA user_version", &version, err);
	if (r >= 0 && version == 0) {
		r = make_schema(ledger, err);
		if (r >= 0)
			r = read_pragma(ledger, "PRAGMA user_version", &version, err);
	}
	if (r >= 0)
		r = read_pragma(ledger, "PRAGMA application_id", &mark, err);
	if (r < 0)
		return r;
	if (mark != LEDGER_MARK)
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, LEDGER_NAME " in the data root is not a ledger of basin's");
	if (version > LEDGER_SCHEMA)
		return bsn_fail(err, BASIN_CONFLICT, EPROTO,
				"the ledger was written by a newer basin (schema %lld, this one knows %d): upgrade this basin",
				(long long)version, LEDGER_SCHEMA);
	return 0;
}

/*
 * By the directory's real path, so that no link is followed on the way. The file is made by us first, for its mode, and with
 * mknod: to open and close it would drop the locks that another handle of this process has on it (fcntl(2), the oddity of POSIX
 * locks).
 */
static int open_file(struct bsn_ledger *ledger, struct basin_error *err)
{
	char self[64];
	char path[4096];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", ledger->data_fd);
	ssize_t n = readlink(self, path, sizeof(path) - sizeof("/" LEDGER_NAME));
	if (n < 0)
		return bsn_fail_sys(err, errno, "cannot find the data root's path");
	memcpy(path + n, "/" LEDGER_NAME, sizeof("/" LEDGER_NAME));
	int made = bsn_sys_mknodat(ledger->data_fd, LEDGER_NAME, S_IFREG | 0600, 0);
	if (made < 0 && made != -EEXIST)
		return bsn_fail_sys(err, -made, "cannot make \"%s\"", path);
	int result = sqlite3_open_v2(path, &ledger->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (result != SQLITE_OK)
		return bsn_ledger_fail(ledger, result, "open", err);
	return 0;
}

/* --- a full disk --- */

/*
 * Removing things must work when the disk is full, since it is what helps; but it is a write to the log first. So some room is
 * kept in a file, and given up when the disk is about to be full.
 */
static void keep_spare(const struct bsn_ledger *ledger)
{
	struct statvfs fs;
	if (faccessat(ledger->data_fd, SPARE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || fstatvfs(ledger->data_fd, &fs) < 0 ||
	    (int64_t)fs.f_bavail * (int64_t)fs.f_frsize < 32 * SPARE_BYTES)
		return;
	auto_fd int fd = bsn_sys_openat(ledger->data_fd, SPARE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd >= 0 && bsn_sys_fallocate(fd, 0, 0, SPARE_BYTES) < 0)
		bsn_sys_unlinkat(ledger->data_fd, SPARE_NAME, 0);
}

static void use_spare(const struct bsn_ledger *ledger)
{
	struct statvfs fs;
	if (fstatvfs(ledger->data_fd, &fs) == 0 && (int64_t)fs.f_bavail * (int64_t)fs.f_frsize < SPARE_BYTES)
		bsn_sys_unlinkat(ledger->data_fd, SPARE_NAME, 0);
}

/* --- opening --- */

static int set_up(struct bsn_ledger *ledger, struct basin_error *err)
{
	sqlite3_extended_result_codes(ledger->db, 1);
	sqlite3_busy_handler(ledger->db, wait_turn, &ledger->waiting);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	int r = check_schema(ledger, err);
	if (r < 0)
		return r;
	keep_spare(ledger);
	return run_text(
		ledger,
		"PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=250; PRAGMA temp_store=MEMORY",
		"open", err);
}

int bsn_ledger_open(int data_fd, struct bsn_ledger **ret_ledger, struct basin_error *err)
{
	struct bsn_ledger *ledger = calloc(1, sizeof(*ledger));
	if (ledger == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot open the ledger");
	ledger->data_fd = fcntl(data_fd, F_DUPFD_CLOEXEC, 3);
	int r = ledger->data_fd < 0 ? bsn_fail_sys(err, errno, "cannot open the ledger") : open_file(ledger, err);
	if (r >= 0)
		r = set_up(ledger, err);
	if (r < 0) {
		bsn_ledger_close(ledger);
		return r;
	}
	*ret_ledger = ledger;
	return 0;
}

void bsn_ledger_close(struct bsn_ledger *ledger)
{
	if (ledger == NULL)
		return;
	sqlite3_close(ledger->db);
	if (ledger->data_fd >= 0)
		close(ledger->data_fd);
	free(ledger);
}

/* --- transactions --- */

/* The outermost bracket is a transaction, inner ones are savepoints: an inner failure takes back what the inner one did. */
static int begin(struct bsn_ledger *ledger, bool reading, struct basin_error *err)
{
	char sql[32];
	if (ledger->depth > 0 && ledger->reading && !reading)
		return bsn_fail(err, BASIN_INTERNAL, EDEADLK, "cannot write the ledger while reading it");
	if (ledger->depth == 0 && !reading)
		use_spare(ledger);
	if (ledger->depth == 0)
		snprintf(sql, sizeof(sql), "%s", reading ? "BEGIN" : "BEGIN IMMEDIATE");
	else
		snprintf(sql, sizeof(sql), "SAVEPOINT level%d", ledger->depth);
	int r = run_text(ledger, sql, reading ? "read" : "write", err);
	if (r < 0)
		return r;
	if (ledger->depth++ == 0)
		ledger->reading = reading;
	return 0;
}

int bsn_ledger_begin(struct bsn_ledger *ledger, struct basin_error *err)
{
	return begin(ledger, false, err);
}

int bsn_ledger_begin_read(struct bsn_ledger *ledger, struct basin_error *err)
{
	return begin(ledger, true, err);
}

int bsn_ledger_end(struct bsn_ledger *ledger, int result, struct basin_error *err)
{
	char sql[64];
	int depth = --ledger->depth;
	if (result >= 0) {
		snprintf(sql, sizeof(sql), depth == 0 ? "COMMIT" : "RELEASE level%d", depth);
		int r = run_text(ledger, sql, "write", err);
		if (r >= 0)
			return result;
		result = r;
	}
	/*
	 * A failed commit (a full disk) leaves the transaction open; one that SQLite rolled back by itself makes this a harmless
	 * error.
	 */
	snprintf(sql, sizeof(sql), depth == 0 ? "ROLLBACK" : "ROLLBACK TO level%d; RELEASE level%d", depth, depth);
	sqlite3_exec(ledger->db, sql, NULL, NULL, NULL);
	return result;
}

int bsn_ledger_check(struct bsn_ledger *ledger, struct basin_error *err)
{
	auto_query struct bsn_query pages = { 0 };
	auto_query struct bsn_query references = { 0 };
	int r = bsn_query_open(&pages, ledger, err, "PRAGMA integrity_check(1)", "");
	if (r >= 0)
		r = bsn_query_next(&pages, err);
	if (r < 0)
		return r;
	if (!bsn_streq(bsn_query_text(&pages, 0), "ok"))
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, "the ledger is damaged: %s", bsn_query_text(&pages, 0));
	r = bsn_query_open(&references, ledger, err,
			   "SELECT consumer, pool FROM charge WHERE pool NOT IN (SELECT name FROM pool)", "");
	if (r >= 0)
		r = bsn_query_next(&references, err);
	if (r > 0)
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN,
				"the ledger is damaged: \"%s\" is charged to pool \"%s\", which does not exist",
				bsn_query_text(&references, 0), bsn_query_text(&references, 1));
	return r;
}

/* --- owners --- */

static uint64_t own_namespace(void)
{
	struct stat st;
	return stat("/proc/self/ns/pid", &st) < 0 ? 0 : (uint64_t)st.st_ino;
}

int bsn_owner_of(pid_t pid, struct bsn_owner *ret_owner, struct basin_error *err)
{
	struct bsn_owner owner = { .pid_namespace = own_namespace() };
	int r = bsn_process_identify(pid, &owner.process);
	if (r < 0)
		return bsn_fail(err, BASIN_NOT_FOUND, -r, "there is no process %d", (int)pid);
	r = bsn_boot_id(owner.boot);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read the boot id");
	*ret_owner = owner;
	return 0;
}

int bsn_owner_self(struct bsn_owner *ret_owner, struct basin_error *err)
{
	return bsn_owner_of(getpid(), ret_owner, err);
}

bool bsn_owner_alive(const struct bsn_owner *owner)
{
	char boot[37];
	struct bsn_process now;
	if (bsn_boot_id(boot) < 0)
		return true;
	if (!bsn_streq(boot, owner->boot))
		return false;
	if (owner->pid_namespace != own_namespace())
		return true;
	return bsn_process_identify(owner->process.pid, &now) >= 0 && now.start == owner->process.start;
}
