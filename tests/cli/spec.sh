#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# basin spec: a default config.json that runs, and never one over another.
. "$(dirname "$0")/lib.sh"

mkdir "$T/bundle" "$T/other"
cd "$T/bundle" || exit 1
ok "spec writes config.json" "$BASIN" spec
ok "it is JSON with what the runtime-spec wants" jq -e '.ociVersion == "1.3.0" and .process.args == ["sh"] and .root.path == "rootfs"' config.json
refused "spec leaves an existing config.json alone" 1 'config\.json" exists, remove it first' "$BASIN" spec
ok "spec --bundle" "$BASIN" spec --bundle "$T/other"
ok "both are the same" cmp config.json "$T/other/config.json"
refused "spec in a directory that is not there" 1 'cannot write "/nonexistent/config.json": no such file' "$BASIN" spec -b /nonexistent
refused "spec takes no argument" 1 '"x" is too much' "$BASIN" spec x

if command -v runc >/dev/null; then
	mkdir "$T/runc"
	runc spec -b "$T/runc"
	# What differs on purpose: the version, the name, a cgroup namespace, which runc gives on cgroup v2 hosts, and ambient capabilities, which runc
	# gave up: without inheritable ones there are none.
	same='del(.ociVersion, .hostname, .process.capabilities.ambient) | .linux.namespaces |= map(select(.type != "cgroup"))'
	is "it is what runc spec writes" "$(command jq -S "$same" config.json)" "$(command jq -S "$same" "$T/runc/config.json")"
else
	skip "it is what runc spec writes" "runc is not installed"
fi

make_rootfs
jq --arg root "$ROOTFS" '.root.path = $root | .process.terminal = false | .process.args = ["hostname"]' config.json >x && mv x config.json
ok "the default config runs" "$BASIN" run spec-test
is "with a host name of its own" "$OUT" basin

mkdir "$T/rootless"
ok "spec --rootless" "$BASIN" spec --rootless -b "$T/rootless"
ok "has a user namespace and no network namespace" jq -e \
	'([.linux.namespaces[].type] | index("user")) != null and ([.linux.namespaces[].type] | index("network")) == null and
	 .linux.uidMappings[0].containerID == 0 and (.linux | has("resources") | not)' "$T/rootless/config.json"
jq --arg root "$ROOTFS" '.root.path = $root | .process.terminal = false | .process.args = ["id", "-u"]' "$T/rootless/config.json" >x &&
	mv x "$T/rootless/config.json"
ok "the rootless config runs" "$BASIN" run -b "$T/rootless" spec-rootless
is "as root inside" "$OUT" 0

ok "spec --file" "$BASIN" spec -f "$T/named.json"
ok "writes it" jq -e .ociVersion "$T/named.json"
ok "over what is there" "$BASIN" spec --file "$T/named.json"
make_bundle "$T/b" '.process.args = ["true"]'
mv "$T/b/config.json" "$T/elsewhere.json"
ok "create --config reads another file" "$BASIN" create -b "$T/b" --config "$T/elsewhere.json" c
"$BASIN" delete --force c
ok "run --config, relative to where we are" sh -c "cd $T && $BASIN run -b $T/b --config elsewhere.json c"
"$BASIN" spec -f "$T/b/config.json"
jq --arg root "$ROOTFS" '.root.path = $root | .process.terminal = false | .process.args = ["true"]' "$T/b/config.json" >"$T/b/config.new" && mv "$T/b/config.new" "$T/b/config.json"
ok "the name config.json is the bundle's" sh -c "cd / && $BASIN run -b $T/b --config config.json c"
refused "one that is not there" 1 'cannot read "nosuch.json"' "$BASIN" run -b "$T/b" --config nosuch.json c
