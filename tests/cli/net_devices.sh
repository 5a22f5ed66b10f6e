#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# linux.netDevices: devices of the host become the container's, as they are.
. "$(dirname "$0")/lib.sh"
make_rootfs
B=$T/bundle
if ! ip link add v0 type veth peer name p0 2>/dev/null; then
	skip_all "no veth devices here"
fi

# devices FILTER SCRIPT: runs SCRIPT in a container with linux.netDevices as FILTER has them
devices() {
	make_bundle "$B" "$(jq -n --arg s "$2" '$s | ".process.args = [\"sh\", \"-c\", " + tojson + "]"' -r) | .linux.netDevices = $1 | ${3:-.}"
	run "$BASIN" run -b "$B" c1
}
make_veth() {
	ip link del "p$1" 2>/dev/null
	ip link add "v$1" type veth peer name "p$1"
	ip link set "v$1" address "02:00:00:00:00:0$1" mtu 1400 up
	ip addr add "192.0.2.$1/24" dev "v$1"
	ip addr add "2001:db8::$1/64" dev "v$1" nodad
}
make_veth 1
make_veth 2
devices '{v1: {}, v2: {name: "eth7"}}' 'ls /sys/class/net | tr "\n" " "; ip -o addr show dev v1 | tr -s " "; ip link show v1; ip link show eth7; ip -o addr show dev eth7 | tr -s " "'
like "two devices are in the container, one with another name" "$OUT" '^eth7 lo v1 '
like "with their addresses" "$OUT" '192.0.2.1/24.*2001:db8::1/64.*192.0.2.2/24.*2001:db8::2/64'
like "their hardware address" "$OUT" '02:00:00:00:00:01.*02:00:00:00:00:02'
like "their mtu, and up" "$OUT" 'BROADCAST,MULTICAST,UP[^>]*> mtu 1400'
nok "what software made ends with the container" ip link show v1

make_veth 1
userns='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 300000, size: 65536}] | .linux.gidMappings = [{containerID: 0, hostID: 300000, size: 65536}]'
devices '{v1: {}}' 'ip -o addr show dev v1' "$userns"
like "also with a user namespace" "$OUT" '192.0.2.1/24'
make_veth 1
unshare --net sleep 60 &
holder=$!
within 5 [ "$(readlink "/proc/$holder/ns/net")" != "$(readlink /proc/self/ns/net)" ]
devices '{v1: {name: "x"}}' 'ip -o addr show dev x; cat /proc/sys/net/ipv4/conf/x/rp_filter' "(.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$holder/ns/net\" | .linux.sysctl = {\"net.ipv4.conf.x.rp_filter\": \"2\"}"
like "and into a namespace that is joined, before its settings are made" "$OUT" $'192.0.2.1/24.*\n2$'
kill "$holder"

refused_devices() {
	make_bundle "$B" ".linux.netDevices = $3 | ${4:-.}"
	refused "$1" 1 "$2" "$BASIN" run -b "$B" c1
}
make_veth 1
refused_devices "a device that is not there" 'netDevices\["nosuch"\].*not found' '{nosuch: {}}'
refused_devices "a name that is taken in the container" 'a device named "lo" already' '{v1: {name: "lo"}}'
like "leaves the device as it was" "$(ip -o link show v1)" '<[^>]*UP'
refused_devices "a name that is none" 'not the name of a network device' '{v1: {name: "a/b"}}'
refused_devices "one name for two" 'given twice' '{v1: {name: "a"}, p1: {name: "a"}}'
refused_devices "no network namespace to move it to" 'unable to move network devices without a NET namespace' '{v1: {}}' 'del(.linux.namespaces[] | select(.type == "network"))'
is "features says so" "$("$BASIN" features | jq .linux.netDevices.enabled)" true
