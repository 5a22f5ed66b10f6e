#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# doctor: what it says of this host must be so, and every lack must come with its remedy.
# shellcheck disable=SC2016,SC2119 # commands for other shells are in single quotes
. "$(dirname "$0")/lib.sh"

check() { jq -r --arg check "$1" ".[] | select(.check == \$check) | .${2:-result}" "$T/doctor.json"; }

ok "doctor exits 0, whatever it finds" "$BASIN" doctor
like "its table names the checks" "$OUT" 'CHECK.*RESULT.*FOUND.*REMEDY'
"$BASIN" doctor --format json >"$T/doctor.json"
ok "its JSON is an array of checks" jq -e 'all(.[]; has("check") and has("result") and has("found") and has("remedy"))' "$T/doctor.json"
is "results are one of three words" "$(jq -r '[.[].result] - ["ok", "limited", "missing"] | length' "$T/doctor.json")" 0
is "whatever is missing has a remedy" "$(jq -r '[.[] | select(.result == "missing" and .remedy == "")] | length' "$T/doctor.json")" 0
is "the kernel is this one" "$(check kernel found)" "$(uname -r)"
is "cgroup2 is where it is mounted" "$(check cgroup2 found)" /sys/fs/cgroup
for controller in cpu memory pids; do
	expected=missing
	grep -qw $controller /sys/fs/cgroup/cgroup.controllers && expected=ok
	is "the $controller controller" "$(check "$controller controller")" $expected
done
is "user namespaces" "$(check 'user namespaces')" "$(unshare -U true 2>/dev/null && echo ok || echo missing)"
expected=missing
command -v dnsmasq >/dev/null && expected=ok
is "dnsmasq" "$(check dnsmasq)" $expected
is "it leaves no link behind" "$(ip -o link | grep -c bsn-)" 0
refused "doctor takes no argument" 2 'too much' "$BASIN" doctor now
refused "doctor refuses an unknown format" 2 'format' "$BASIN" doctor --format xml
