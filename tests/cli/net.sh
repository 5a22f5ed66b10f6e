#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin net: the commands, what they leave on the host, what they refuse, and what reconcile finds after somebody else's hand.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

json() { "$BASIN" "$@" --format json; }
forwarding() { cat /proc/sys/net/ipv4/ip_forward; }
tables() { nft list tables | grep -c 'inet basin'; }

echo 0 >/proc/sys/net/ipv4/ip_forward

run json net ls
is "there is no network at first" "$OUT" "[]"
is "and nothing was made by asking" "$(tables) $(ip -br link | grep -c bsn-)" "0 0"

ok "a network is made" "$BASIN" net create lab --subnet 10.77.0.0/24
is "its bridge has the first address" "$(ip -j addr show bsn-lab | jq -r '.[0].addr_info[] | select(.family == "inet") | "\(.local)/\(.prefixlen)"')" 10.77.0.1/24
like "its bridge says whose it is" "$(ip link show bsn-lab)" 'alias basin [0-9a-v]{8} network lab'
is "forwarding is on" "$(forwarding)" 1
like "there is one masquerade rule" "$(nft list ruleset)" 'ip saddr 10.77.0.0/24 oifname != "bsn-lab" masquerade comment "lab"'
refused "its name is taken" 4 'network "lab" exists already' "$BASIN" net create lab --subnet 10.99.0.0/24
refused "its range is taken" 5 'overlaps' "$BASIN" net create lab2 --subnet 10.77.0.128/25
is "a refusal leaves nothing" "$(json net ls | jq length) $(ip -br link | grep -c bsn-)" "1 1"

run json net show lab
is "show: range, gateway, bridge" "$(jq -r '[.name, .subnet, .gateway, .bridge] | join(" ")' <<<"$OUT")" "lab 10.77.0.0/24 10.77.0.1 bsn-lab"
is "show: flags and counts" "$(jq -c '[.nat, .up, .name_server, .addresses.total, .addresses.used, .addresses.free]' <<<"$OUT")" "[true,true,false,253,0,253]"
run "$BASIN" net show lab
like "show prints fields" "$OUT" 'subnet:? +10\.77\.0\.0/24'
run "$BASIN" net ls
like "ls prints a row" "$OUT" 'lab +10\.77\.0\.0/24 +10\.77\.0\.1 +yes +yes'

run json net create auto --no-nat
is "a range is chosen, and no NAT" "$(jq -c '[.subnet, .nat]' <<<"$OUT")" '["10.88.0.0/24",false]'
run json net create auto2
is "the next one is another" "$(jq -r .subnet <<<"$OUT")" 10.88.1.0/24
is "without NAT there is no masquerade rule" "$(nft list ruleset | grep -c masquerade)" 2
ip link add dummybr type bridge && ip addr add 10.88.2.7/26 dev dummybr
run json net create auto3
is "a range that the host uses is passed over" "$(jq -r .subnet <<<"$OUT")" 10.88.3.0/24
refused "and refused when asked for" 5 'overlaps 10.88.2.0/26' "$BASIN" net create mine --subnet 10.88.2.0/24
refused "a range with host bits" 2 '10\.66\.0\.0/24' "$BASIN" net create mine --subnet 10.66.0.5/24
refused "no range at all" 2 'invalid subnet' "$BASIN" net create mine --subnet lots
refused "a prefix too long" 2 'subnet' "$BASIN" net create mine --subnet 10.66.0.0/31
refused "a bad name" 2 'invalid network name' "$BASIN" net create Lab_1
refused "no name" 2 '.' "$BASIN" net create
refused "an unknown network" 3 'network "nowhere" does not exist' "$BASIN" net show nowhere
refused "allocations of an unknown network" 3 'nowhere' "$BASIN" net allocations nowhere
refused "removal of an unknown network" 3 'nowhere' "$BASIN" net rm nowhere
ok "a long name works" "$BASIN" net create a-name-of-thirty-two-characters-x
like "its bridge's name is a hash" "$(json net show a-name-of-thirty-two-characters-x | jq -r .bridge)" '^bsn-[0-9a-v]{11}$'

ip link add bsn-foreign type bridge
refused "a bridge of that name is somebody else's" 4 'not this network' "$BASIN" net create foreign
ok "and is left alone" ip link show bsn-foreign
is "and no network is left" "$(json net ls | jq '[.[] | select(.name == "foreign")] | length')" 0
ip link del bsn-foreign

run json net allocations lab
is "the gateway is an allocation" "$(jq -c '[.[] | [.address, .kind, .mac, .nat, .attached]]' <<<"$OUT")" '[["10.77.0.1","gateway","02:62:0a:4d:00:01",true,true]]'
is "allocations of all networks" "$(json net allocations | jq length)" 5

# Somebody else's hand.
run json reconcile --dry-run
is "reconcile has nothing to say" "$OUT" "[]"
nft flush ruleset
ip link del bsn-auto
ok "reload makes it again" "$BASIN" net reload
ok "the bridge is back" ip link show bsn-auto
is "the rules are back" "$(nft list ruleset | grep -c masquerade)" 4
scope=$(ip link show bsn-lab | sed -n 's/.*alias basin \([0-9a-v]*\) network lab.*/\1/p')
ip link add bsn-ghost group 47697 type bridge && ip link set bsn-ghost alias "basin $scope network ghost"
nft add element inet "basin-$scope" members '{ "bsn-lab" . 10.77.0.9 comment "ghost" }'
mkdir -p "$BASIN_ROOT/@nets/lab/hosts" && echo '10.77.0.9 ghost' >"$BASIN_ROOT/@nets/lab/hosts/ghost"
run json reconcile --dry-run
is "strays are found" "$(jq -c 'map([.kind, .name, .done]) | sort' <<<"$OUT")" '[["link","bsn-ghost",false],["name","ghost",false],["rule","ghost",false]]'
run json reconcile
is "strays are removed" "$(jq -c 'map([.kind, .name, .done]) | sort' <<<"$OUT")" '[["link","bsn-ghost",true],["name","ghost",true],["rule","ghost",true]]'
is "and are gone" "$(json reconcile --dry-run) $(ip -br link | grep -c ghost) $(nft list ruleset | grep -c ghost)" "[] 0 0"

# Twenty at once, then all away.
for i in $(seq 20); do "$BASIN" net create "many-$i" & done
wait
is "twenty at once get twenty ranges" "$(json net ls | jq '[.[] | select(.name | startswith("many-")) | .subnet] | unique | length')" 20
for i in $(seq 20); do "$BASIN" net rm "many-$i" & done
wait
ok "networks are removed" "$BASIN" net rm auto auto2 auto3 a-name-of-thirty-two-characters-x
is "the others stay" "$(json net ls | jq -c 'map(.name)') $(forwarding) $(nft list ruleset | grep -c masquerade)" '["lab"] 1 1'
ok "the last one is removed" "$BASIN" net rm lab
is "no rule, no bridge, no state stays" "$(tables) $(ip -br link | grep -c bsn-) $(find "$BASIN_ROOT/@nets" -mindepth 1 ! -name '.lock' | wc -l)" "0 0 0"
is "forwarding is as it was" "$(forwarding)" 0
is "reconcile has nothing to say at the end" "$(json reconcile --dry-run)" "[]"

echo 1 >/proc/sys/net/ipv4/ip_forward
"$BASIN" net create lab && "$BASIN" net rm lab
is "forwarding that was on stays on" "$(forwarding)" 1
