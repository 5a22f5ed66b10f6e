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

# third-party header -> in PLACE, the only files that may include it
third_party() {
	case $1 in
	jansson.h) PLACE='^(base/json\.h|cmd/out\.c)$' ;;
	seccomp.h) PLACE='^runtime/seccomp[a-z_]*\.c$' ;;
	sys/capability.h) PLACE='^runtime/caps\.c$' ;;
	netlink/*) PLACE='^net/' ;;
	nftables/*) PLACE='^net/nft[a-z_]*\.c$' ;;
	sqlite3.h) PLACE='^pool/ledger[a-z_]*\.[ch]$' ;;
	openssl/*) PLACE='^image/digest\.c$' ;;
	zstd.h | zlib.h | isa-l*) PLACE='^image/compress[a-z_]*\.c$' ;;
	systemd/*) PLACE='^runtime/systemd/' ;;
	curl/* | archive*.h) PLACE='^$' ;;
	*) PLACE=. ;;
	esac
}

allowed() {
	local file=$1 folder=$2 target=$3 from=.
	[[ $target != */* ]] || from=${target%/*}
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

# One grep for all, and bash for the rest: a process for each line would take half a minute.
mapfile -t FILES < <(find base pool net image runtime cmd -name '*.[ch]' | sort)
for file in "${FILES[@]}"; do
	[ -n "${MAY[${file%/*}]+set}" ] || finding "$file: its folder is not in the plan of the house"
done
ours='^#include "([^"]+)"' theirs='^#include <([^>]+)>'
while IFS=: read -r file line text; do
	folder=${file%/*}
	[ -n "${MAY[$folder]+set}" ] || continue
	if [[ $text =~ $ours ]]; then
		target=${BASH_REMATCH[1]}
		allowed "$file" "$folder" "$target" || finding "$file:$line: $folder may not include \"$target\""
	elif [[ $text =~ $theirs ]]; then
		header=${BASH_REMATCH[1]}
		third_party "$header"
		[[ $file =~ $PLACE ]] || finding "$file: <$header> has one place, and this is not it"
	fi
done < <(grep -nHE '^#include ["<]' "${FILES[@]}")
verdict "includes go one way, and third-party headers are in their one place"
