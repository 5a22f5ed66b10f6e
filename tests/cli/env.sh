#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Environments: launch to rm, what is refused, networks and names, restart policies, logs, exec, what a stop keeps and gives back.
# shellcheck disable=SC2016,SC2119 # commands for other shells are in single quotes
. "$(dirname "$0")/lib.sh"

make_rootfs
"$BASIN" image import "$T/rootfs.tar" bb:1 >/dev/null
"$BASIN" pool create /team --cpu 2 --memory 512MiB --storage 512MiB --pids 1024 --enforce available

env_() { "$BASIN" env "$@"; }
status_of() { env_ show "$1" --format json | jq -r .status; }
is_status() { [ "$(status_of "$1")" = "$2" ]; }
log_has() { env_ logs "$1" | grep -q "$2"; }
launch() { env_ launch bb:1 "$1" --pool /team --memory 16MiB --storage 16MiB "${@:2}"; }
promised() { "$BASIN" pool show /team --format json | jq -r ".resources.$1.promised"; }

# --- what is asked for wrongly leaves nothing ---
refused "launch wants an image and a name" 2 'an image and a name' "$BASIN" env launch bb:1
refused "launch refuses a name with capitals" 2 'invalid environment name' launch Web
refused "launch refuses an unknown image" 3 'nosuch' "$BASIN" env launch nosuch:1 web --pool /team
refused "launch refuses an unknown pool" 3 '/nosuch' "$BASIN" env launch bb:1 web --pool /nosuch
refused "launch refuses an unknown network" 3 'nosuch' launch web --net nosuch
refused "launch refuses a bad restart policy" 2 'sometimes' launch web --restart sometimes
refused "launch refuses a bare number of megabytes" 2 '10M' "$BASIN" env launch bb:1 web --memory 10M
refused "launch refuses a bad variable" 2 'NAME=value' launch web --env novalue
refused "launch refuses an unknown option" 2 'nosuch' launch web --nosuch
refused "launch is refused more than the pool has" 11 '/team.*memory|memory.*/team' "$BASIN" env launch bb:1 big --pool /team --memory 1GiB
refused "an unknown user of the image" 3 'no user "nobody2"' launch web --user nobody2 -- /bin/true
refused "a command that is not there" 3 'nosuch' launch web -- /bin/nosuch
is "no refused launch left an environment" "$(env_ ls --format json | jq length)" 0
is "no refused launch left a charge" "$(promised memory)" 0
is "no refused launch left a directory" "$(ls "$BASIN_DATA_ROOT/envs")" ""

# --- dry run ---
ok "a dry run says yes" launch web --dry-run
is "a dry run leaves nothing" "$(env_ ls --format json | jq length)$(promised memory)" 00
refused "a dry run says no" 11 'memory' "$BASIN" env launch bb:1 big --pool /team --memory 1GiB --dry-run

# --- a life ---
ok "launch" launch web --label tier=front --env GREETING=hi -- /bin/sh -c 'echo "$GREETING $$ $(id -u) $(hostname)"; exec sleep 1000'
is "it runs" "$(status_of web)" running
refused "the name is taken" 4 'exists' launch web
within 5 log_has web 'hi 1 0 web'
is "its payload is pid 1, root inside, with its variables and host name" "$(env_ logs web)" "hi 1 0 web"
is "it is a container of the same id" "$("$BASIN" state web | jq -r .status)" running
refused "the runtime's delete refuses it and names the command" 1 'basin env rm web' "$BASIN" delete web
base=$(env_ show web --format json | jq .ids.first)
pid=$(env_ show web --format json | jq .pid)
is "it has ids of its own" "$(awk '{print $2, $3}' "/proc/$pid/uid_map")" "$base 65536"
is "what it writes belongs to its ids" "$(env_ exec web -- sh -c 'touch /made; stat -c %u /made')" 0
nok "it cannot write where its storage limit does not hold" env_ exec web -- sh -c 'echo more >>/etc/hosts'
like "it may look at its own cgroup" "$(env_ exec web -- ls /sys/fs/cgroup)" cgroup.procs
is "exec -t gives a terminal" "$(env_ exec -t web -- sh -c 'test -t 0 && echo $TERM' </dev/null | tr -d '\r')" "${TERM:-xterm}"
is "labels are kept" "$(env_ show web --format json | jq -r .labels.tier)" front
run env_ exec web -- sh -c 'exit 7'
is "exec passes the exit status" "$STATUS" 7
is "exec passes standard input" "$(echo abc | env_ exec web -- cat)" abc
is "exec as another user, by name" "$(env_ exec --user user web -- sh -c 'id -u; echo $HOME')" $'1000\n/tmp'
is "exec with a variable and a directory" "$(env_ exec --env A=b --workdir /tmp web -- sh -c 'echo $A $PWD')" "b /tmp"
refused "exec of nothing" 2 '.' "$BASIN" env exec web
run env_ exec web -- /bin/nosuch
is "exec of what is not there fails" "$([ "$STATUS" != 0 ] && echo yes)" yes
is "no mount of it is seen outside" "$(grep -c "$BASIN_DATA_ROOT/envs" /proc/self/mountinfo)" 0
is "its storage has the size that was asked for" \
	"$(env_ exec web -- sh -c 'dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null; s=$?; rm -f /big; echo $s')" 1
refused "rm refuses a running one" 12 'running' "$BASIN" env rm web
is "while it runs its memory is promised" "$(promised memory)" $((16 << 20))
ok "stop" env_ stop --time 1s web
is "it is stopped" "$(status_of web)" stopped
is "stopped, its memory is given back" "$(promised memory)" 0
is "stopped, its storage is not" "$(promised storage)" $((16 << 20))
is "its exit status is kept" "$(env_ wait web)" 137
ok "stopping it again is no failure" env_ stop web
refused "exec in a stopped one" 5 'stopped' "$BASIN" env exec web -- true
ok "start" env_ start web
is "what it wrote is still there" "$(env_ exec web -- ls /made)" /made
is "the log goes on" "$(within 5 sh -c "[ \$($BASIN env logs web | wc -l) = 2 ]" && echo yes)" yes
is "logs --tail" "$(env_ logs --tail 1 web | wc -l)" 1
ok "starting it again is no failure" env_ start web
ok "restart" "$BASIN" env restart --time 0s web
is "it runs after a restart" "$(status_of web)" running
ok "rm --force" env_ rm --force web
refused "it is gone" 3 'does not exist' "$BASIN" env show web
is "nothing is promised" "$(promised memory) $(promised storage)" "0 0"
is "its cgroup is gone" "$(find "$BASIN_CGROUP_ROOT" -name 'env-*')" ""
refused "rm of what is not there" 3 'does not exist' "$BASIN" env rm web

# --- signals and init ---
ok "launch with basin's init" launch quick --init -- /bin/sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'
within 5 log_has quick ready
SECONDS=0
ok "stop with a payload that listens" env_ stop quick
is "it did not take the patience" "$([ $SECONDS -lt 8 ] && echo yes)" yes
is "its own status is kept" "$(env_ wait quick)" 3
env_ rm quick
ok "launch without a command: basin's init alone" launch idle
is "it waits" "$(status_of idle)" running
is "exec works in it" "$(env_ exec idle -- echo yes)" yes
SECONDS=0
env_ stop idle
is "and it stops at once" "$([ $SECONDS -lt 5 ] && echo yes)" yes
env_ rm idle

# --- a payload that ends ---
ok "launch of a short one" launch short --user user -- /bin/sh -c 'echo out >/dev/stdout; echo err >/dev/stderr; exit 4'
is "wait prints its status" "$(env_ wait --time 10s short)" 4
is "both its outputs are in the log" "$(env_ logs short | sort | tr '\n' ' ')" "err out "
is "it gave its memory back by itself" "$(within 5 sh -c "[ \$($BASIN pool show /team --format json | jq .resources.memory.promised) = 0 ]" && echo yes)" yes
env_ rm short
launch still -- sleep 1000
refused "wait with a time-out" 14 'still running' "$BASIN" env wait --time 200ms still
env_ rm --force still

# --- restart policies ---
ok "launch with on-failure:2" launch again --restart on-failure:2 -- /bin/sh -c 'echo try; exit 5'
is "after three tries it stays down" "$(env_ wait --time 20s again)" 5
is "it was tried three times" "$(env_ logs again | grep -c try)" 3
is "the restarts are counted" "$(env_ show again --format json | jq .last_exit.restarts)" 2
env_ rm again
launch always --restart always -- /bin/sh -c 'echo try; sleep 0.2'
within 10 sh -c "[ \$($BASIN env logs always | grep -c try) -ge 3 ]"
is "always comes back" "$(env_ logs always | grep -c try | awk '{print ($1 >= 3)}')" 1
ok "a stop wins over the policy" env_ stop --time 1s always
is "and holds" "$(sleep 0.5; status_of always)" stopped
launch killed --restart always -- sleep 1000
"$BASIN" kill killed KILL
is "a kill counts as an exit" "$(within 5 sh -c "$BASIN env show killed --format json | jq -e '.last_exit.restarts == 0 and .status == \"running\"'" && echo yes)" yes
env_ rm --force always killed

# --- start --all ---
launch one --autostart -- sleep 1000
launch two -- sleep 1000
launch three --restart unless-stopped -- sleep 1000
launch four --restart unless-stopped -- sleep 1000
env_ stop --time 0s one two four
kill -KILL "$(cut -d' ' -f1 "$BASIN_DATA_ROOT/envs/three/monitor.lock")"
"$BASIN" kill three KILL
within 5 is_status three stopped
ok "start --all --autostart" env_ start --all --autostart
is "starts what is to run after a boot, and no more" "$(for e in one two three four; do status_of $e; done | tr '\n' ' ')" \
	"running stopped running stopped "
refused "start wants names" 2 'names' "$BASIN" env start
env_ rm --force one two three four

# --- logs -f and attach ---
launch talk -- /bin/sh -c 'while read -r line; do echo "got $line"; [ "$line" = end ] && exit 0; done'
env_ logs -f talk >"$T/followed" &
follower=$!
(sleep 0.3; echo one; echo end; sleep 5) | timeout 10 "$BASIN" env attach talk >"$T/attached"
is "attach sends input and shows output" "$(tr '\n' ' ' <"$T/attached")" "got one got end "
wait $follower
is "logs -f ends with the environment" "$(tr '\n' ' ' <"$T/followed")" "got one got end "
refused "attach to a stopped one" 5 'not running' "$BASIN" env attach talk
env_ rm talk

# --- networks ---
"$BASIN" net create lab --subnet 10.77.0.0/24 >/dev/null
ok "launch on a network" launch web --net lab -- /bin/sh -c 'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www'
ok "launch another" launch cli --net lab
is "it has an address" "$(env_ show cli --format json | jq -r '.addresses[0].address')" 10.77.0.3
is "one reaches the other by name" "$(within 5 "$BASIN" env exec cli -- wget -q -O - http://web/; env_ exec cli -- wget -q -O - http://web/)" hello
env_ stop --time 0s web
ok "started again, it has its address" env_ start web
is "the same one" "$(env_ show web --format json | jq -r .address)" 10.77.0.2
is "and is reached by name" "$(within 5 "$BASIN" env exec cli -- wget -q -O - http://web/; env_ exec cli -- wget -q -O - http://web/)" hello
env_ rm --force web cli
is "their links are gone" "$(ip -o link show type veth | wc -l)" 0
is "their addresses are free" "$("$BASIN" net allocations lab --format json | jq '[.[] | select(.env != null)] | length')" 0
ok "the network can be removed" "$BASIN" net rm lab

# --- the host's ids ---
ok "launch --userns host" launch plain --userns host -- sleep 1000
is "it has the host's ids" "$(awk '{print $2}' "/proc/$(env_ show plain --format json | jq .pid)/uid_map")" 0
env_ rm --force plain

# --- the monitor ---
launch small -- sleep 1000
monitor=$(cut -d' ' -f1 "$BASIN_DATA_ROOT/envs/small/monitor.lock")
pss=$(awk '/^Pss:/ {print $2}' "/proc/$monitor/smaps_rollup")
is "the monitor's share of memory is at most 1 MiB" "$([ "$pss" -le 1024 ] && echo yes || echo "$pss KiB")" yes
is "the monitor is outside the pools' cgroups" "$(cut -d: -f3 "/proc/$monitor/cgroup" | grep -c '/monitor$')" 1
env_ rm --force small

ok "nothing is left to reconcile" sh -c "[ \"\$($BASIN reconcile --dry-run)\" = 'nothing to do' ]"
