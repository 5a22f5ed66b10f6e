#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The other machine: every source compiles for arm64 without a warning, the child links there, and few files know which machine they are on.
# The libraries' headers are the same on both; nothing is linked to them.
. "$(dirname "$0")/lib.sh"
CROSS=${CROSS:-aarch64-linux-gnu-gcc}
if ! command -v "$CROSS" >/dev/null; then
	echo "1..0 # SKIP $CROSS is not installed (gcc-aarch64-linux-gnu)"
	exit 0
fi
OBJECTS=$(mktemp -d)
trap 'rm -rf "$OBJECTS"' EXIT
WARN="-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings -Wno-format-truncation -Werror"
HOST="-std=gnu17 -D_GNU_SOURCE -Iinclude -I. -O2 -idirafter /usr/include -idirafter /usr/include/$(gcc -print-multiarch) -I/usr/include/libnl3 $WARN"
CHILD="-std=gnu17 -O2 -g0 -Iinclude -I. -ffreestanding -fno-builtin -fno-stack-protector -fno-pic -fno-pie -fno-asynchronous-unwind-tables
	-ffunction-sections -fdata-sections $WARN"

# shellcheck disable=SC2086 # words
compile() {
	find base pool net image runtime cmd -name '*.c' ! -path 'runtime/child/*' | sort | xargs -P 2 -n 12 $CROSS $HOST -fsyntax-only
}
tool "every source compiles" compile

# shellcheck disable=SC2086
link_child() {
	local file
	for file in runtime/child/*.c; do
		$CROSS $CHILD -c "$file" -o "$OBJECTS/$(basename "$file" .c).o" || return 1
	done
	$CROSS -static -nostdlib -no-pie -Wl,--gc-sections,--build-id=none,-z,noexecstack,-z,norelro,-n -s -o "$OBJECTS/basin-child" "$OBJECTS"/*.o &&
		$CROSS -DCHILD_PATH="\"$OBJECTS/basin-child\"" -c runtime/child_image.S -o "$OBJECTS/child_image.o"
}
tool "the child links, from nothing but itself" link_child

# How the child and a clone begin, the kernel's entry, two copies that are faster with a word of assembly, and which calls a filter knows.
KNOWS='^(runtime/child/(entry\.c|kernel\.h|text\.c)|runtime/clone\.c|base/copy\.c|runtime/seccomp[a-z_]*\.[ch])$'
while read -r file; do
	[[ $file =~ $KNOWS ]] || finding "$file asks which machine it is on"
done < <(grep -lE '__(x86_64|aarch64|i386|arm)__|__asm__|\basm\b *\(|__NR_[a-z]+ *[0-9]|_mm_[a-z]|cpuid' -r --include='*.[ch]' base pool net image runtime cmd)
verdict "few files know which machine they are on"
