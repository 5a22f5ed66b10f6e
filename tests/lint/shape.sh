#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Shape: a file is one noun (at most about 600 lines), a function one screen (about 60), the makefile under 250 lines; and every source file says
# under which licence it stands. A few per cent over is allowed: the numbers are there to make one stop and look.
. "$(dirname "$0")/lib.sh"
FILE_MAX=620
FUNCTION_MAX=66
MAKEFILE_MAX=250

while read -r file; do
	lines=$(wc -l <"$file")
	[ "$lines" -le $FILE_MAX ] || finding "$file has $lines lines: is it still one noun?"
	head -n 1 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || finding "$file does not name its licence in its first line"
done < <(sources | grep -v '^tests/' && ls include/*.h)
lines=$(wc -l <Makefile)
[ "$lines" -le $MAKEFILE_MAX ] || finding "Makefile has $lines lines"
verdict "files are one noun long"

# A definition starts in column 1 and its body ends with a brace in column 1: the formatter sees to that.
while read -r file; do
	while read -r text; do
		finding "$text"
	done < <(awk -v max=$FUNCTION_MAX -v file="$file" '
		/^[a-z].*[a-z0-9_]\(/ && !/;$/ { name = $0; start = NR }
		/^{$/ { body = NR }
		/^}$/ { if (body && NR - body > max) print file ":" start ": " NR - body " lines: " name; body = 0 }' "$file")
done < <(sources | grep -v '^tests/')
verdict "functions are one screen long"

git ls-files -z 2>/dev/null | xargs -0 grep -nIE '\b(TODO|FIXME|XXX)\b|not implemented' -- 2>/dev/null | grep -vE '^tests/lint/' >/tmp/lint.$$
while read -r line; do finding "$line"; done </tmp/lint.$$
rm -f /tmp/lint.$$
verdict "nothing is left to do in a comment"
