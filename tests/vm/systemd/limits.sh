#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Resources with the systemd driver: systemd knows them, and the kernel has them; also after an update.
. "$(dirname "$0")/lib.sh"
for controller in memory pids cpu cpuset io; do
	has_controller $controller || skip_all "this machine's cgroup v2 tree has no $controller controller"
done
SD=("$BASIN" --cgroup-manager systemd)
S=basinlimit$UNIT_BASE
CG=$TREE2/$S.slice/p-limits.scope

# limited FILTER: starts one with these resources in place of the one before
limited() {
	"$BASIN" delete -f limits
	make_bundle "$T/b" ".process.args = [\"sleep\", \"1000\"] | .linux.cgroupsPath = \"$S.slice:p:limits\" | .linux.resources = $1"
	ok "run with $1" "${SD[@]}" run -d -b "$T/b" limits
	look p-limits.scope
}
both() {
	is "systemd: $1" "$(property "$1")" "$2"
	is "the kernel: $3" "$(<"$CG/$3")" "$4"
}

limited '{memory: {limit: 33554432, reservation: 25165824, swap: 67108864}, pids: {limit: 20}}'
both MemoryMax 33554432 memory.max 33554432
both MemoryLow 25165824 memory.low 25165824
is "systemd: MemorySwapMax" "$(property MemorySwapMax)" 33554432
both TasksMax 20 pids.max 20

limited '{cpu: {shares: 3333, quota: 40050, period: 50000, cpus: "0"}}'
is "systemd: CPUWeight is the kernel's" "$(property CPUWeight)" "$(<"$CG/cpu.weight")"
# 80.1 %: systemd has whole hundredths, rounded up, and the kernel the same.
both CPUQuotaPerSecUSec 810ms cpu.max "40500 50000"
is "systemd: the period" "$(property CPUQuotaPeriodUSec)" 50ms
both AllowedCPUs 0 cpuset.cpus 0

limited '{unified: {"memory.min": "131072", "memory.high": "20971520", "memory.max": "41943040", "pids.max": "99", "cpu.max": "10000 100000", "cpu.weight": "42", "cpuset.cpus": "1"}}'
both MemoryMin 131072 memory.min 131072
both MemoryHigh 20971520 memory.high 20971520
both MemoryMax 41943040 memory.max 41943040
both TasksMax 99 pids.max 99
both CPUQuotaPerSecUSec 100ms cpu.max "10000 100000"
both CPUWeight 42 cpu.weight 42
both AllowedCPUs 1 cpuset.cpus 1

ok "update" "$BASIN" update --pids-limit 50 --cpu-quota 20000 --memory 64M limits
look p-limits.scope
both TasksMax 50 pids.max 50
both CPUQuotaPerSecUSec 200ms cpu.max "20000 100000"
both MemoryMax 67108864 memory.max 67108864
refused "an update that would kill" 1 'rejecting memory limit' "$BASIN" update -r - limits <<<'{"memory": {"limit": 1024, "checkBeforeUpdate": true}}'
is "which left it alone" "$("$BASIN" state limits | jq -r .status)" running

limited '{cpu: {idle: 1}}'
is "cpu.idle" "$(<"$CG/cpu.idle")" 1
limited '{pids: {limit: -1}}'
both TasksMax infinity pids.max max
limited '{pids: {limit: 1}}'
both TasksMax 1 pids.max 1
is "nobody but the container is in it" "$(cat "$CG/cgroup.procs")" "$("$BASIN" state limits | jq .pid)"
limited '{blockIO: {weight: 100}}'
is "systemd: IOWeight is the kernel's" "default $(property IOWeight)" "$(<"$CG/io.weight")"
ok "systemd reads its files again" systemctl daemon-reload
ok "delete" "$BASIN" delete -f limits
ok "nothing is left" within 5 is_gone p-limits.scope

# --- devices: a rule that systemd can say, and one that it cannot ---
limited '{devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 11, access: "r"}]}'
like "systemd: DeviceAllow" "$(property DeviceAllow)" '/dev/char/1:11 r'
limited '{devices: [{allow: true, access: "rwm"}]}'
is "every device" "$(property DevicePolicy)" auto
ok "delete that" "$BASIN" delete -f limits
