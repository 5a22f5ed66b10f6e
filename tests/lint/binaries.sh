#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the built programs are made of: the child is freestanding, the hot program and the monitor are static and carry no TLS, tar or SQL,
# the library exports exactly what basin.h declares and libbasin.3 documents, every command is documented and tested.
. "$(dirname "$0")/lib.sh"

needed() {
	readelf -d "$1" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'
}

for program in basin basin-monitor; do
	for library in $(needed "$BUILD/$program"); do
		finding "$program needs $library; it must be static"
	done
	for symbol in $(nm "$BUILD/$program" 2>/dev/null | grep -oE ' [tT] (sqlite3_open_v2|SSL_CTX_new|ZSTD_compress|nft_run_cmd_from_buffer|nl_connect|bsn_ledger_open|bsn_tar_.*)$' | cut -d' ' -f3); do
		finding "$program contains $symbol, which belongs to basin-manage"
	done
done
verdict "the hot program and the monitor are static and lean"

ALLOWED='^(libjansson|libseccomp|libcap|libnl-3|libsqlite3|libzstd|libz|libcrypto|libnftables|libisal|libc|ld-linux-x86-64|libm|libpthread)\.so'
for library in $(needed "$BUILD/basin-manage") $(needed "$BUILD/libbasin.so.0"); do
	[[ $library =~ $ALLOWED ]] || finding "$library is not in the list of dependencies"
done
verdict "basin-manage and libbasin link what is listed and nothing else"

for library in $(needed "$BUILD/basin-systemd"); do
	[[ $library =~ ^(libsystemd|libc)\.so ]] || finding "basin-systemd needs $library"
done
verdict "basin-systemd links systemd's library and nothing else"

[ -z "$(readelf -d "$BUILD/basin-child" 2>/dev/null | grep NEEDED)" ] || finding "basin-child is linked to a library"
file -b "$BUILD/basin-child" 2>/dev/null | grep -q 'statically linked' || finding "basin-child is not static"
size=$(stat -c %s "$BUILD/basin-child")
[ "$size" -le 40960 ] || finding "basin-child has grown to $size bytes"
for object in "$BUILD"/child/runtime/child/*.o; do
	for symbol in $(nm -u "$object" | awk '{print $2}'); do
		# What one file of the child takes from another is defined in the child; nothing else may be wanted.
		nm --defined-only "$BUILD"/child/runtime/child/*.o | grep -qE " [A-Za-z] $symbol\$" || finding "$object wants $symbol"
	done
done
verdict "the child is freestanding"

nm -D --defined-only "$BUILD/libbasin.so.0" | awk '$2 ~ /[TDBR]/ {print $3}' | sed 's/@.*//' | sort -u >/tmp/exports.$$
grep -v '^ *\*' include/basin.h | grep -oE '\bbasin_[a-z_0-9]+\(' | tr -d "(" | grep -v _fn | sort -u >/tmp/declared.$$
while read -r line; do finding "exported and declared differ: $line"; done < <(diff /tmp/exports.$$ /tmp/declared.$$ | grep '^[<>]')
while read -r name; do
	grep -q "$name" doc/libbasin.3 || finding "$name is not in libbasin.3"
done </tmp/declared.$$
rm -f /tmp/exports.$$ /tmp/declared.$$
verdict "exported symbols, basin.h and libbasin.3 agree"

while read -r kind noun verb; do
	words="$noun${verb:+ $verb}"
	grep -qE "^\.SS \"?(basin )?$words\b" doc/basin.1 || finding "basin(1) has no section for \"$words\""
	grep -rlE "\b$noun\b.*${verb:-$noun}\b" tests/cli/*.sh tests/vm/enforce/*.sh >/dev/null || finding "no test in tests/cli uses \"$words\""
done < <(sed -nE 's/^OCI\((\w+),.*/oci \1/p; s/^MANAGE\((\w+), (\w+),.*/manage \1 \2/p; s/^NOUN\((\w+),.*/noun \1/p' cmd/table.def)
verdict "every command has its section in basin(1) and its test"
