#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin pool create, ls, show, set, rm: numbers, refusals that leave nothing, the caps in the cgroup, and many at once.
. "$(dirname "$0")/lib.sh"

CONTROLLERS=" $(cat /sys/fs/cgroup/cgroup.controllers) "
has_all() {
	local name
	for name in cpu memory pids; do
		[[ $CONTROLLERS == *" $name "* ]] || return 1
	done
}
ENFORCE=()
has_all || ENFORCE=(--enforce available)

create() {
	"$BASIN" pool create "$@" "${ENFORCE[@]}"
}
# The value at a jq path of a pool's document; what was shown last is kept for `same`.
at() {
	"$BASIN" pool show "$1" --format json >"$T/shown"
	same "$2"
}
same() {
	jq -r "$1" "$T/shown"
}
pools() {
	"$BASIN" pool ls --format json | jq -r '[.[].name] | join(" ")'
}

# --- the host ---
is "the host is a pool from the beginning" "$(pools)" /
memory=$(($(sed -nE 's/^MemTotal: +([0-9]+) kB/\1/p' /proc/meminfo) * 1024))
is "its memory is MemTotal" "$(at / .resources.memory.capacity)" $memory
is "a twentieth of it is the host's" "$(same .resources.memory.reserved)" $((memory / 20))
is "the rest can be given out" "$(same .resources.memory.free)" $((memory - memory / 20))
is "its CPUs are those we may use" "$(same .resources.cpu.capacity)" $(($(nproc) * 1000))
refused "it cannot be removed" 2 'it is the host' "$BASIN" pool rm /
refused "it cannot be made" 4 'exists' "$BASIN" pool create /

# --- a host that lacks a controller ---
if has_all; then
	skip "a host without controllers refuses pools" "this host has all controllers"
	skip "and says which remedy" "this host has all controllers"
	skip "and keeps nothing of it" "this host has all controllers"
else
	refused "a host without controllers refuses pools" 13 'cannot hold pool "/team"' "$BASIN" pool create /team --memory 64MiB
	like "and says which remedy" "$ERR" 'boot with|mount|enable'
	is "and keeps nothing of it" "$(pools) $(ls -d "$BASIN_CGROUP_ROOT" 2>/dev/null)" "/ "
fi

# --- making ---
ok "a pool is made" create /team --cpu 1 --memory 256MiB --storage 512MiB --pids 500
is "with what it was given" "$(at /team '[.resources | (.cpu, .memory, .storage, .pids) | .capacity] | join(" ")')" "1000 268435456 536870912 500"
is "guaranteed whole" "$(same '[.resources | (.cpu, .memory, .storage, .pids) | .guarantee] | join(" ")')" "1000 268435456 536870912 500"
is "charged to the host" "$(at / .resources.memory.promised)" 268435456
ok "a child is made" create /team/dev --cpu 500m --memory 128MiB
is "what it was not given it has of its parent" "$(at /team/dev '.resources.pids | "\(.capacity) \(.inherited) \(.guarantee)"')" "500 true 0"
is "the parent's free memory shrinks" "$(at /team .resources.memory.free)" 134217728
is "three levels" "$(create /team/dev/ci --memory 64MiB --guarantee memory=16MiB && at /team/dev .resources.memory.promised)" 16777216
is "ls is sorted, parents first" "$(pools)" "/ /team /team/dev /team/dev/ci"
like "ls is a table" "$("$BASIN" pool ls)" 'POOL.*MEMORY.*/team/dev/ci'
run "$BASIN" pool show /team
like "show names the storage back end" "$OUT" 'storage: +(project|loop|plain)'
like "show has a line for each resource" "$OUT" $'\ncpu .*\nmemory .*\nstorage .*\npids '

# --- refusals ---
refused "more than there is" 11 'pool "/team" has not enough memory.*asked 129MiB, free 128MiB' create /team/two --memory 129MiB
refused "more than the parent has" 11 'cannot have 2 of cpu.*"/team" above it has 1' create /team/two --cpu 2
refused "a taken name" 4 'exists' create /team --cpu 1
refused "no parent" 3 '"/nobody" does not exist' create /nobody/x --cpu 1
refused "no path" 2 'invalid pool name' create team
refused "an upper-case name" 2 'invalid pool name' create /Team
refused "half a unit" 2 'not a size' create /two --memory 10M
refused "no size at all" 2 'not a size' create /two --memory lots
refused "a guarantee above the capacity" 2 'cannot guarantee' create /two --memory 64MiB --guarantee memory=65MiB
refused "an unknown resource" 2 'overcommit' create /two --overcommit disk=2
refused "a reserve that is not the host's" 2 'reserve' "$BASIN" pool set /team --reserve memory=1MiB
refused "two names" 2 '/three' create /two /three
refused "of an unknown pool" 3 'does not exist' "$BASIN" pool show /two
refused "another way to enforce" 2 'required' "$BASIN" pool create /two --enforce perhaps
is "no refusal left anything" "$(pools)" "/ /team /team/dev /team/dev/ci"
ok "a dry run says that it would fit" create /team/two --memory 128MiB --dry-run
is "and changes nothing" "$(pools)" "/ /team /team/dev /team/dev/ci"
refused "a dry run refuses as the real one would" 11 'free 128MiB' create /team/two --memory 129MiB --dry-run

# --- changing ---
ok "a pool grows" "$BASIN" pool set /team --memory 300MiB
is "and the host is charged with it" "$(at / .resources.memory.promised)" $((300 << 20))
is "each change has a generation" "$(at /team .generation)" 2
refused "it does not shrink below its child" 11 'cannot shrink' "$BASIN" pool set /team --memory 100MiB
ok "the guarantee is its own setting" "$BASIN" pool set /team --guarantee memory=200MiB
is "and is what the host is charged with" "$(at / .resources.memory.promised)" $((200 << 20))
ok "overcommit is a ratio" "$BASIN" pool set /team --overcommit memory=1.5
is "kept in thousandths" "$(at /team .resources.memory.overcommit)" 1500
is "free is what the overcommitted capacity has left" "$(same .resources.memory.free)" $((322 << 20))
ok "defaults are settable" "$BASIN" pool set /team --default memory=32MiB,cpu=50m
is "one by one" "$(at /team '[.resources | (.cpu, .memory, .storage, .pids) | .default] | join(" ")')" "50 33554432 134217728 256"
ok "the host's reserve is settable" "$BASIN" pool set / --reserve cpu=500m
is "and is taken off first" "$(at / .resources.cpu.allocatable)" $(($(nproc) * 1000 - 500))
refused "the host's capacity is not" 2 'is the host' "$BASIN" pool set / --memory 1GiB

# --- the caps, where the kernel has them ---
knob() {
	cat "$BASIN_CGROUP_ROOT/$1" 2>/dev/null
}
ok "a pool is a cgroup" test -d "$BASIN_CGROUP_ROOT/pool-team/pool-dev/pool-ci"
if has_all; then
	is "cpu.max is its capacity" "$(knob pool-team/cpu.max)" "100000 100000"
	is "memory.max is its capacity" "$(knob pool-team/memory.max)" $((300 << 20))
	is "it does not swap" "$(knob pool-team/memory.swap.max)" 0
	is "pids.max is its capacity" "$(knob pool-team/pids.max)" 500
	is "an inherited capacity is written too" "$(knob pool-team/pool-dev/pids.max)" 500
	"$BASIN" pool set /team --pids 400
	is "and follows the parent's" "$(knob pool-team/pids.max) $(knob pool-team/pool-dev/pids.max)" "400 400"
	is "show says that it is enforced" "$(at /team '[.resources[].enforced] | all')" true
else
	is "what is not enforced is said" "$(at /team '.resources.memory | "\(.accounted) \(.enforced)"')" "true false"
	skip "cpu.max, memory.max, memory.swap.max and pids.max are the capacity" "this cgroup2 tree has no cpu, memory and pids controllers"
fi

# --- removing ---
refused "one with children stays" 12 '"/team/dev"' "$BASIN" pool rm /team
mkdir "$BASIN_CGROUP_ROOT/pool-team/pool-dev/pool-ci/stranger"
sleep 60 &
echo $! >"$BASIN_CGROUP_ROOT/pool-team/pool-dev/pool-ci/stranger/cgroup.procs"
refused "one in which something runs stays" 12 . "$BASIN" pool rm /team/dev/ci
is "in the ledger too" "$(pools)" "/ /team /team/dev /team/dev/ci"
kill -KILL $!
wait 2>/dev/null
rmdir "$BASIN_CGROUP_ROOT/pool-team/pool-dev/pool-ci/stranger"
ok "an empty one goes" "$BASIN" pool rm /team/dev/ci
nok "and its cgroup" test -d "$BASIN_CGROUP_ROOT/pool-team/pool-dev/pool-ci"
ok "several at once, in the order given" "$BASIN" pool rm /team/dev /team
is "nothing is left" "$(pools)" /
nok "no cgroup either" test -d "$BASIN_CGROUP_ROOT"
refused "what is gone is gone" 3 'does not exist' "$BASIN" pool rm /team

# --- a reboot takes the cgroups; a crash may leave the ledger's log ---
create /again --memory 64MiB
rmdir "$BASIN_CGROUP_ROOT/pool-again" "$BASIN_CGROUP_ROOT"
ok "a pool is what the ledger says, not its cgroup" "$BASIN" pool set /again --memory 32MiB
ok "its cgroup is made again" test -d "$BASIN_CGROUP_ROOT/pool-again"
"$BASIN" pool rm /again

# What does not depend on the kernel's controllers is not done again in the emulated machine, where a command takes a second.
if [ -n "${BASIN_VM:-}" ]; then
	exit 0
fi

# --- many at once ---
create /race --memory 100MiB
for i in $(seq 10); do
	(create "/race/p$i" --memory 30MiB >/dev/null 2>"$T/race.$i"; echo $? >"$T/race.$i.status") &
done
wait
is "of ten that want 30 MiB of 100, three get it" "$(cat "$T"/race.*.status | sort | uniq -c | awk '{ print $2 "x" $1 }' | xargs)" "0x3 11x7"
is "and that is what the ledger has" "$(at /race .resources.memory.promised) $(at /race .children)" "$((90 << 20)) 3"
killed=0
for i in $(seq 12); do
	(exec "$BASIN" pool create "/k$i" --memory 1MiB "${ENFORCE[@]}" 2>/dev/null) &
	sleep "0.00$((i % 10))"
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
done 2>/dev/null
ok "some writers were killed in the middle" test $killed -gt 0
ok "the ledger survives killed writers" "$BASIN" pool ls
for pool in $(pools); do
	case $pool in /k*) "$BASIN" pool rm "$pool" || fail "removing $pool" ;; esac
done
is "each of them was made or was not" "$(pools | grep -c /k)" 0

# --- what is not a ledger ---
echo nonsense >"$T/not-a-ledger"
mkdir -p "$T/elsewhere"
cp "$T/not-a-ledger" "$T/elsewhere/ledger.db"
refused "a damaged ledger is said to be one" 15 'damaged' "$BASIN" --data-root "$T/elsewhere" pool ls

# --- a full disk: what removes things must work, for that is what helps ---
mkdir "$T/small"
mount -t tmpfs -o size=80m small "$T/small"
small() {
	"$BASIN" --data-root "$T/small/data" "$@"
}
small pool create /a --memory 1MiB "${ENFORCE[@]}"
dd if=/dev/zero of="$T/small/fill" bs=64k 2>/dev/null
ok "a full disk does not keep a pool from being removed" small pool rm /a
is "and the ledger is whole" "$(small pool ls --format json | jq -r '[.[].name] | join(" ")')" /
umount "$T/small"
