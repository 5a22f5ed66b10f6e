#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Include direction: who may see whom among the folders, and the one place of each third-party header. DESIGN: doc/ARCHITECTURE.md.
. "$(dirname "$0")/lib.sh"

# folder -> the folders it may include from (its own is always allowed)
declare -A MAY=(
	[base]=""
	[pool]="base"
	[net]="base"
	[image]="base"
	[runtime]="base pool"
	[runtime/child]="runtime"
	[runtime/monitor]="base"
	[runtime/systemd]="base"
	[runtime/env]="base pool net image runtime runtime/monitor"
	[cmd]=""
	[cmd/oci]="cmd"
	[cmd/manage]="cmd"
)

# third-party header -> the only files that may include it
third_party() {
	case $1 in
	jansson.h) echo '^(base/json\.h|cmd/out\.c)$' ;;
	seccomp.h) echo '^runtime/seccomp[a-z_]*\.c$' ;;
	sys/capability.h) echo '^runtime/caps\.c$' ;;
	netlink/*) echo '^net/' ;;
	nftables/*) echo '^net/nft[a-z_]*\.c$' ;;
	sqlite3.h) echo '^pool/ledger[a-z_]*\.[ch]$' ;;
	openssl/*) echo '^image/digest\.c$' ;;
	zstd.h | zlib.h | isa-l*) echo '^image/compress[a-z_]*\.c$' ;;
	systemd/*) echo '^runtime/systemd/' ;;
	curl/* | archive*.h) echo '^$' ;;
	*) echo . ;;
	esac
}

allowed() {
	local file=$1 folder=$2 target=$3 from
	from=$(dirname "$target")
	[ "$from" = "$folder" ] || [ "$target" = basin.h ] && return 0
	# The child is freestanding: it sees the protocol and nothing else of the runtime.
	[ "$folder" = runtime/child ] && return 1
	[ "$from" = runtime/child ] && [ "$folder" = runtime ] && return 0
	# Of basin-systemd the runtime sees what it reports.
	[ "$target" = runtime/systemd/report.h ] && [ "$folder" = runtime ] && return 0
	case $folder in
	cmd*) [ "$target" = runtime/runtime.h ] && return 0 ;;
	esac
	[[ " ${MAY[$folder]} " == *" $from "* ]]
}

while read -r file; do
	folder=$(dirname "$file")
	if [ -z "${MAY[$folder]+set}" ]; then
		finding "$file: its folder is not in the plan of the house"
		continue
	fi
	while read -r line target; do
		allowed "$file" "$folder" "$target" || finding "$file:$line: $folder may not include \"$target\""
	done < <(sed -nE 's/^#include "([^"]+)".*/\1/p;' "$file" | while read -r t; do echo "$(grep -nF "\"$t\"" "$file" | head -n 1 | cut -d: -f1) $t"; done)
	while read -r header; do
		[[ $file =~ $(third_party "$header") ]] || finding "$file: <$header> has one place, and this is not it"
	done < <(sed -nE 's/^#include <([^>]+)>.*/\1/p' "$file")
done < <(find base pool net image runtime cmd -name '*.[ch]' | sort)
verdict "includes go one way, and third-party headers are in their one place"
