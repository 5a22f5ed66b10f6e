#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hosts that hold controllers in cgroup version 1: limits are written there, what is not asked for is not joined, and nothing is left.
. "$(dirname "$0")/lib.sh"
# The sandbox covers the machine's cgroups with a tree of version 2; what is beneath is what this is about.
umount /sys/fs/cgroup 2>/dev/null
V1=/sys/fs/cgroup
NAME=${T##*/}
for controller in memory cpu cpuset pids; do
	[ "$(stat -f -c %T $V1/$controller 2>/dev/null)" = cgroupfs ] || skip_all "no cgroup v1 $controller hierarchy is mounted at $V1/$controller"
done
[ "$(stat -f -c %T $V1/unified 2>/dev/null)" = cgroup2fs ] || skip_all "no cgroup v2 tree at $V1/unified"
export BASIN_CGROUP_ROOT=$V1/unified/$NAME
ID=$NAME-c
at_end() {
	rmdir $V1/*/"$NAME" 2>/dev/null
}
make_rootfs
B=$T/bundle
mkdir "$T/spec"
"$BASIN" spec -b "$T/spec"
is "the default config has no cgroup namespace, as with runc and crun" "$(jq '[.linux.namespaces[].type] | index("cgroup")' "$T/spec/config.json")" null
value() { # FILE of the container
	cat "$(find "$V1/${1%%.*}" -type d -name "$ID")/$1"
}
places() { # the hierarchies that have a cgroup of it
	find $V1 -type d -name "$ID" 2>/dev/null | cut -d/ -f5 | sort -u | xargs
}
config() {
	make_bundle "$B" ".linux.namespaces += [{type: \"cgroup\"}] | .process.args = [\"sleep\", \"60\"] | .linux.resources = {devices: [{allow: false, access: \"rwm\"}]} | $1"
}
stop() {
	"$BASIN" delete -f "$ID"
}

config .
ok "a container without limits" "$BASIN" run -d -b "$B" "$ID"
is "is in the v2 tree alone" "$(places)" unified
stop
is "and leaves nothing" "$(places)" ""

config '.linux.resources += {memory: {limit: 33554432, reservation: 16777216, swap: 67108864, swappiness: 50, disableOOMKiller: true, kernel: 1000000},
	cpu: {shares: 100, quota: 50000, period: 200000, burst: 1000, cpus: "0", mems: "0"}, pids: {limit: 20}}'
ok "one with limits" "$BASIN" create -b "$B" "$ID"
pid=$("$BASIN" state "$ID" | jq .pid)
is "is where it asked for something" "$(places)" "cpu cpuset memory pids unified"
for file in memory.limit_in_bytes=33554432 memory.soft_limit_in_bytes=16777216 memory.memsw.limit_in_bytes=67108864 memory.swappiness=50 \
	cpu.shares=100 cpu.cfs_quota_us=50000 cpu.cfs_period_us=200000 cpu.cfs_burst_us=1000 cpuset.cpus=0 cpuset.mems=0 pids.max=20; do
	[ -e "$V1/${file%%.*}/${file%%=*}" ] || [ -e "$(find "$V1/${file%%.*}" -type d -name "$ID")/${file%%=*}" ] || { skip "${file%%=*}" "this kernel has no such file"; continue; }
	is "${file%%=*}" "$(value "${file%%=*}")" "${file#*=}"
done
like "memory.oom_control" "$(value memory.oom_control)" 'oom_kill_disable 1'
for controller in memory cpu cpuset pids; do
	like "its first process is in $controller" "$(grep ":$controller:" "/proc/$pid/cgroup")" "/$ID\$"
done
"$BASIN" start "$ID"
ok "exec" "$BASIN" exec "$ID" sh -c 'cat /proc/self/cgroup'
is "what exec runs is in them too" "$(grep -c -E ':(memory|cpu|cpuset|pids):/$' <<<"$OUT")" 4
"$BASIN" kill "$ID" KILL
within 5 "$BASIN" delete "$ID"
is "leaves none of them" "$(places)" ""

config '.linux.resources += {pids: {limit: 20}} | .process.args = ["sh", "-c", "cat /sys/fs/cgroup/pids/pids.max; cat /proc/self/cgroup; ls /sys/fs/cgroup; touch /sys/fs/cgroup/x"]'
run "$BASIN" run -b "$B" "$ID"
like "inside, a cgroup mount has the hierarchies that it is in" "$OUT" '^20'
like "as their roots" "$OUT" ':pids:/[[:space:]]'
like "and version 2" "$OUT" 'unified'
like "read-only as the config says" "$ERR" 'Read-only'

USERS='.linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings | .linux.namespaces += [{type: "user"}]'
SHOW='.process.args = ["sh", "-c", "ls /sys/fs/cgroup; cat /sys/fs/cgroup/pids/cgroup.procs"]'
config "$USERS | $SHOW | .linux.namespaces |= map(select(.type != \"cgroup\"))"
run "$BASIN" run -b "$B" "$ID"
like "a user namespace without a cgroup namespace has those that it mounts" "$OUT" '^(.*[[:space:]])?memory[[:space:]](.*[[:space:]])?pids[[:space:]](.*[[:space:]])?unified[[:space:]].*1$'
config "$USERS | $SHOW"
run "$BASIN" run -b "$B" "$ID"
nok "with one it is only where it asked for something" grep -q pids <<<"$OUT"
is "they leave none" "$(places)" ""

config '.linux.resources += {pids: {limit: 3}} | .process.args = ["sh", "-c", "for i in 1 2 3 4 5 6; do sleep 5 & done; echo all"]'
run "$BASIN" run -b "$B" "$ID"
nok "a limit of tasks holds" test "$OUT" = all

config '.linux.resources += {devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"}]}'
ok "one with device rules" "$BASIN" run -d -b "$B" "$ID"
if [ -d $V1/devices ]; then
	like "devices.list has its own" "$(value devices.list)" 'c 10:229 rw'
	like "and what all have" "$(value devices.list)" 'c 1:3 rwm'
else
	skip "devices.list" "no devices hierarchy"
fi
stop

# What is asked for later is joined later.
config .
"$BASIN" run -d -b "$B" "$ID"
pid=$("$BASIN" state "$ID" | jq .pid)
ok "update" "$BASIN" update --memory 64M --pids-limit 30 "$ID"
is "joins what it needs" "$(places)" "memory pids unified"
is "and sets it" "$(value memory.limit_in_bytes) $(value pids.max)" "67108864 30"
like "for what runs already" "$(grep ':memory:' "/proc/$pid/cgroup")" "/$ID\$"
"$BASIN" update --pids-limit 0 "$ID"
is "no tasks are those that are there, by version 1.3 of the spec" "$(value pids.max)" 1
"$BASIN" update --pids-limit 30 "$ID"
ok "update again" "$BASIN" update --memory -1 --cpu-share 200 "$ID"
is "joins one more" "$(places)" "cpu memory pids unified"
is "and leaves the others as they are" "$(value pids.max) $(value cpu.shares)" "30 200"
"$BASIN" exec "$ID" cat /proc/self/cgroup >"$T/out"
is "exec joins what update joined" "$(grep -c -E ":(memory|cpu|pids):.*/$ID\$" "$T/out")" 3
stop
is "and delete removes all" "$(places)" ""

config '.linux.resources += {cpu: {shares: 100, quota: 50000, period: 100000}}'
"$BASIN" run -d -b "$B" "$ID"
ok "a share of one that becomes idle" "$BASIN" update --cpu-idle 1 "$ID"
is "it is idle" "$(value cpu.idle)" 1
ok "a period and its quota" "$BASIN" update --cpu-period 20000 --cpu-quota 4000 "$ID"
is "both are set, whatever was before" "$(value cpu.cfs_period_us) $(value cpu.cfs_quota_us)" "20000 4000"
stop

if [ -e $V1/memory/memory.memsw.limit_in_bytes ]; then
	config '.linux.resources += {memory: {limit: 33554432, swap: 33554432}}'
	"$BASIN" run -d -b "$B" "$ID"
	"$BASIN" events --interval 200ms "$ID" >"$T/events" &
	events=$!
	within 10 grep -q '"type":"stats"' "$T/events"
	like "events has what version 1 counts" "$(head -n 1 "$T/events" | jq -c '.data.memory.usage.limit')" '^33554432$'
	"$BASIN" exec "$ID" sh -c 'x=$(dd if=/dev/zero bs=1M count=64 | tr "\\0" x)' >/dev/null 2>&1
	ok "and tells of a kill for want of memory" within 10 grep -q '"type":"oom","id":"'"$ID"'"' "$T/events"
	stop
	wait $events
else
	skip "events" "no limit of memory and swap together"
fi

config '.linux.resources += {unified: {"memory.min": "131072"}}'
refused "files of version 2 for a controller in version 1" 1 'invalid configuration: linux.resources.unified."memory.min".*version|cgroup v1' "$BASIN" run -b "$B" "$ID"
config '.linux.resources += {memory: {limit: 33554432}, pids: {limit: -1}, cpu: {period: 100}}'
refused "a value that the kernel does not take" 1 'kernel does not take "100" for cpu.cfs_period_us' "$BASIN" run -b "$B" "$ID"
is "leaves nothing" "$(places)" ""

# A config that names the place has it in every hierarchy.
named() {
	config ".linux.cgroupsPath = \"/$NAME/$ID\" | $1"
}
named '.mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end)'
ok "one that names its cgroup" "$BASIN" run -d -b "$B" "$ID"
all=$(cd $V1 && for d in *; do [ "$(stat -f -c %T "$d")" = tmpfs ] || echo "$d"; done | sort -u | xargs)
is "is in every hierarchy" "$(places)" "$all"
is "at that place" "$(ls -d $V1/*/"$NAME/$ID" | wc -l)" "$(wc -w <<<"$all")"
ok "it makes cgroups of its own" "$BASIN" exec "$ID" mkdir -p /sys/fs/cgroup/memory/below /sys/fs/cgroup/cpu/below
"$BASIN" exec --cgroup memory:below --cgroup cpu:/below "$ID" sleep 30 &
sleeper=$!
ok "exec --cgroup starts beneath, for the controllers named" within 5 sh -c "grep -q . $V1/memory/$NAME/$ID/below/cgroup.procs && grep -q . $V1/cpu/$NAME/$ID/below/cgroup.procs"
refused "but not above" 255 'bad sub cgroup path: .* is not a sub cgroup path' "$BASIN" exec --cgroup memory:../x "$ID" true
refused "nor where there is nothing" 255 'adding pid .*/nowhere/cgroup.procs: .o such file' "$BASIN" exec --cgroup cpu:nowhere "$ID" true
refused "nor for a controller that is none" 255 'unknown controller' "$BASIN" exec --cgroup none:/ "$ID" true
stop
wait $sleeper
is "delete takes the cgroups that it made, too" "$(places)" ""

mkdir -p $V1/pids/"$NAME/$ID"
sleep 60 &
echo $! >$V1/pids/"$NAME/$ID/cgroup.procs"
named '.linux.resources += {pids: {limit: 5}}'
refused "a cgroup that somebody else is in" 1 "container's cgroup is not empty" "$BASIN" run -b "$B" "$ID"
ok "is left alone" test -d $V1/pids/"$NAME/$ID"
mkdir $V1/pids/"$NAME/$ID/below"
kill -KILL $!
wait
refused "or has divided" 1 "container's cgroup is not empty" "$BASIN" run -b "$B" "$ID"
ok "is left alone, too" rmdir $V1/pids/"$NAME/$ID/below"
sleep 60 &
echo $! >$V1/pids/"$NAME/$ID/cgroup.procs"
kill -KILL $!
wait
rmdir $V1/pids/"$NAME/$ID"
if [ -d $V1/freezer ]; then
	mkdir -p $V1/freezer/"$NAME/$ID"
	echo FROZEN >$V1/freezer/"$NAME/$ID/freezer.state"
	named .
	refused "a cgroup that is frozen" 1 "container's cgroup unexpectedly frozen" "$BASIN" run -b "$B" "$ID"
	rmdir $V1/freezer/"$NAME/$ID"
else
	skip "a cgroup that is frozen" "no freezer hierarchy"
fi
