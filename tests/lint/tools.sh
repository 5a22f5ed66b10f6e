#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The field's own tools: formatting, static analysis, shell scripts, spelling.
. "$(dirname "$0")/lib.sh"

mapfile -t FILES < <(sources)
mapfile -t SCRIPTS < <(scripts)
mapfile -t UNITS < <(printf '%s\n' "${FILES[@]}" | grep '\.c$' | grep -vE '^(tests|runtime/child)/')

tool "clang-format" clang-format --dry-run -Werror "${FILES[@]}" include/basin.h
tool "shellcheck" shellcheck -x -S warning -e SC1091,SC2034,SC2154,SC2317,SC2120 "${SCRIPTS[@]}"
tool "codespell" codespell -q 3 -L statics,te,nd,fo,ro,ser,crate,mapp,afile,parm,clos,numer,inout,iff,ot,inh base pool net image runtime cmd tests doc include ./*.md Makefile
# It does not follow outputs that are set only on success, nor owners: nor linker symbols: those checks are left to the sanitizers.
tool "cppcheck" cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr --enable=warning,performance,portability -j 2 \
	--suppress=missingInclude --suppress=uninitvar --suppress=memleak --suppress=comparePointers -Iinclude -I. -D__linux__ -D__x86_64__ -DBASIN_VERSION='""' "${UNITS[@]}"
tidy() {
	# Two at a time, a file each; only what it says about our own files counts.
	printf '%s\n' "${UNITS[@]}" | xargs -P 2 -n 6 clang-tidy --quiet -p . 2>/dev/null | grep -E '(warning|error):' && return 1
	return 0
}
if [ -f compile_commands.json ] && command -v clang-tidy >/dev/null; then
	tool "clang-tidy" tidy
else
	echo "ok $((VERDICTS + 1)) - clang-tidy # SKIP it is not installed, or nothing was built"
fi
