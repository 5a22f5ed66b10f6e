#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libbasin: a C program that knows basin.h alone launches, runs, stops and removes an environment, and is told what is refused.
. "$(dirname "$0")/lib.sh"
[ -e "$BUILD/libbasin.so" ] || skip_all "there is no library in $BUILD"
command -v cc >/dev/null || skip_all "there is no compiler"

make_rootfs "$T/rootfs"
"$BASIN" image import "$T/rootfs.tar" bb:1 >/dev/null
"$BASIN" pool create /team --cpu 1 --memory 128MiB --storage 128MiB --pids 256 --enforce available

mkdir "$T/bin"
ln -s "$BUILD/basin-manage" "$BUILD/basin-monitor" "$T/bin"
cat >"$T/embed.c" <<'PROGRAM'
#include <basin.h>
#include <stdio.h>
#include <string.h>

static struct basin_error err;

static void check(const char *what, int good)
{
	printf("%s - %s%s%s\n", good ? "ok" : "not ok", what, good ? "" : ": ", good ? "" : err.text);
	memset(&err, 0, sizeof(err));
}

int main(void)
{
	struct basin *basin;
	char *json = NULL;
	int status = -1;
	const char *args[] = { "/bin/sh", "-c", "echo \"$GREETING\"; exec sleep 1000", NULL };
	const char *env[] = { "GREETING=good day", NULL };
	const char *seven[] = { "/bin/sh", "-c", "exit 7", NULL };
	struct basin_env_options options = BASIN_ENV_OPTIONS_INIT;
	struct basin_exec_options exec = { .size = sizeof(exec), .args = seven };

	check("basin_open", basin_open(NULL, &basin, &err) == 0);
	options.image = "bb:1";
	options.name = "lib";
	options.pool = "/team";
	options.args = args;
	options.env = env;
	options.restart = "on-failure:3";
	options.limit.of[BASIN_CPU] = 250;
	options.limit.of[BASIN_MEMORY] = 16 << 20;
	options.limit.of[BASIN_STORAGE] = 16 << 20;
	options.request.of[BASIN_MEMORY] = 8 << 20;
	check("basin_env_launch", basin_env_launch(basin, &options, &json, &err) == 0);
	check("it answers with the environment", json != NULL && strstr(json, "\"name\": \"lib\"") && strstr(json, "\"memory\": 8388608"));
	basin_free(json);
	json = NULL;
	check("a second one of the name is refused, in one line", basin_env_launch(basin, &options, &json, &err) < 0 && err.code == BASIN_EXISTS &&
	      strstr(err.text, "\"lib\" exists") && !strchr(err.text, '\n'));
	options.name = "big";
	options.limit.of[BASIN_MEMORY] = (int64_t)1 << 40;
	options.request.of[BASIN_MEMORY] = BASIN_UNSET;
	check("too much is refused", basin_env_launch(basin, &options, &json, &err) < 0 && err.code == BASIN_REFUSED);
	check("outputs are untouched on failure", json == NULL);
	options.size = 4;
	check("an option struct without its size is refused", basin_env_launch(basin, &options, &json, &err) < 0 && err.code == BASIN_USAGE);
	check("basin_env_exec", basin_env_exec(basin, "lib", &exec, &status, &err) == 0 && status == 7);
	fflush(stdout);
	check("basin_env_logs", basin_env_logs(basin, "lib", BASIN_UNSET, 0, 1, &err) == 0);
	check("basin_env_list", basin_env_list(basin, &json, &err) == 0 && strstr(json, "\"status\": \"running\""));
	basin_free(json);
	check("basin_env_wait with a time-out", basin_env_wait(basin, "lib", 50, &status, &err) < 0 && err.code == BASIN_TIMEOUT);
	check("basin_env_remove refuses a running one", basin_env_remove(basin, "lib", 0, &err) < 0 && err.code == BASIN_BUSY);
	check("basin_env_stop", basin_env_stop(basin, "lib", 0, &err) == 0);
	check("basin_env_wait", basin_env_wait(basin, "lib", 1000, &status, &err) == 0 && status == 137);
	check("basin_env_start", basin_env_start(basin, "lib", &err) == 0);
	check("basin_env_show", basin_env_show(basin, "lib", &json, &err) == 0 && strstr(json, "\"policy\": \"on-failure\""));
	basin_free(json);
	check("basin_env_remove by force", basin_env_remove(basin, "lib", 1, &err) == 0);
	check("basin_env_show of nothing", basin_env_show(basin, "lib", &json, &err) < 0 && err.code == BASIN_NOT_FOUND);
	check("basin_reconcile", basin_reconcile(basin, 1, &json, &err) == 0 && strncmp(json, "[]", 2) == 0);
	basin_free(json);
	basin_close(basin);
	check("basin_close", 1);
	return 0;
}
PROGRAM
ok "it compiles with basin.h and -lbasin" cc -std=c99 -Wall -Wextra -Werror -pedantic -I"$TREE/include" "$T/embed.c" -o "$T/bin/embed" \
	-L"$BUILD" -lbasin -Wl,-rpath,"$BUILD"
timeout 60 "$T/bin/embed" >"$T/embed.out" 2>&1
while IFS= read -r line; do
	case $line in
	'ok - '*) pass "${line#ok - }" ;;
	'not ok - '*) fail "${line#not ok - }" ;;
	*) other="${other:-}$line" ;;
	esac
done <"$T/embed.out"
is "what the payload said came through" "${other:-}" "good day"
is "the program ran to its end" "$(tail -n 1 "$T/embed.out")" "ok - basin_close"
