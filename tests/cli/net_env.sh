#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Environments on networks: they find each other by name, two networks do not reach each other, an address outlives a stop, and what is
# destroyed under them is mended.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

json() { "$BASIN" "$@" --format json; }
launch() { # NAME NET... -- COMMAND...
	local name=$1 nets=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		nets+=(--net "$1")
		shift
	done
	"$BASIN" env launch bb:1 "$name" --pool /team "${nets[@]}" --memory 32MiB --storage 32MiB "$@"
}
fetch() { "$BASIN" env exec "$1" -- timeout 3 wget -q -O - "http://$2/"; }
address() { json net allocations | jq -r --arg name "$1" --arg net "${2:-lab}" '.[] | select(.owner == $name and .network == $net) | .address'; }
dnsmasq_pid() { pgrep -f -- "--hostsdir=$BASIN_ROOT/@nets/$1/"; }
# shellcheck disable=SC2016
SERVE='echo "this is $0" >/tmp/index.html; exec httpd -f -p 80 -h /tmp'

make_rootfs "$T/rootfs"
"$BASIN" image import "$T/rootfs.tar" bb:1 >/dev/null
"$BASIN" pool create /team --cpu 1 --memory 512MiB --storage 512MiB --pids 4096 --enforce available
"$BASIN" net create lab --subnet 10.77.0.0/24
"$BASIN" net create pit --subnet 10.78.0.0/24

ok "a server starts on a network" launch web lab -- sh -c "$SERVE" web
ok "another environment on it" launch cli lab
ok "and a server on the other network" launch far pit -- sh -c "$SERVE" far
ok "one on both" launch both lab pit

like "a page by short name" "$(within 10 fetch cli web; fetch cli web)" 'this is web'
like "by full name" "$(fetch cli web.lab)" 'this is web'
like "by address" "$(fetch cli "$(address web)")" 'this is web'
like "the other way" "$("$BASIN" env exec web -- nslookup cli.lab)" "$(address cli)"
nok "an unknown name is not found" fetch cli nobody
nok "a name of the other network is not found" fetch cli far
nok "the other network is not reached by address" fetch cli "$(address far pit)"
like "one on both reaches the first by name" "$(fetch both web)" 'this is web'
like "and the second by address" "$(fetch both "$(address far pit)")" 'this is far'
is "its second interface has its second address" \
	"$("$BASIN" env exec both -- ip -4 addr show eth1 | sed -n 's/.*inet \([0-9.]*\).*/\1/p')" "$(address both pit)"
is "its MAC address is the one that is shown" "$("$BASIN" env exec cli -- cat /sys/class/net/eth0/address)" \
	"$(json net allocations lab | jq -r '.[] | select(.owner == "cli") | .mac')"
is "every address has its owner" "$(json net allocations lab | jq -r '[.[].owner] | join(" ")')" " web cli both"
refused "a network in use is not removed" 12 'network "lab" is in use' "$BASIN" net rm lab
refused "an unknown network" 3 'network "nowhere" does not exist' launch lost nowhere
is "and nothing of that launch is left" "$(json net allocations | jq '[.[] | select(.owner == "lost")] | length') $(json env ls | jq '[.[] | select(.name == "lost")] | length')" "0 0"

# An address outlives a stop; a name does not.
before=$(address web)
"$BASIN" env stop --time 0 web
nok "a stopped one has no name" fetch cli web
is "but its address" "$(address web)" "$before"
is "and no link, and is not let through" "$(json net allocations lab | jq -r '.[] | select(.owner == "web") | .attached') $(nft list ruleset | grep -c 'comment "web"')" "false 0"
"$BASIN" env start web
like "it is found again" "$(within 10 fetch cli web; fetch cli web)" 'this is web'
is "at the same address" "$(address web)" "$before"

# What others destroy.
kill -9 "$(dnsmasq_pid lab)"
within 5 eval '! dnsmasq_pid lab'
like "reconcile starts a dead name server" "$(json reconcile)" 'start its name server again'
like "names work again" "$(within 10 fetch cli web; fetch cli web)" 'this is web'
nft flush ruleset
ip link del bsn-lab
like "reconcile makes a bridge again" "$(json reconcile)" 'make its bridge again'
like "and all works again" "$(within 10 fetch cli web; fetch cli web)" 'this is web'
nok "networks are apart again" fetch cli "$(address far pit)"
is "nothing is left to do" "$(json reconcile --dry-run)" "[]"

for name in web cli far both; do
	"$BASIN" env rm --force "$name"
done
is "no link, member or name stays" "$(ip -br link | grep -c bsv) $(nft list ruleset | grep -cE 'comment "(web|cli|far|both)"') $(find "$BASIN_ROOT/@nets" -path '*/hosts/*' | wc -l)" "0 0 0"
ok "the networks are removed" "$BASIN" net rm lab pit
is "no bridge, rule or name server stays" "$(ip -br link | grep -c bsn-) $(nft list tables | wc -l) $(pgrep -c dnsmasq)" "0 0 0"
is "reconcile has nothing to say" "$(json reconcile --dry-run)" "[]"
