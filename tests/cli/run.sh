#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [CASE...] - runs the cases of this folder and compares exit status and output exactly.
#
# A case is a folder: cmd (run by bash in a temporary directory that holds copies of data/*, with
# `cresset` in the path), out and err (expected; missing: nothing), exit (expected; missing: 0).
# out.match and err.match instead hold shell patterns, one a line; a line "..." is any number of
# lines. A file named root makes it a case for root only.
# UPDATE=1 rewrites out, err and exit (not the .match files). Environment: CRESSET, the program.
set -u
here=$(cd "$(dirname "$0")" && pwd)
CRESSET=$(readlink -f "${CRESSET:-$here/../../build/dev/cresset}")
[ -x "$CRESSET" ] || { echo "no program '$CRESSET' (build it, or set CRESSET)"; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/cresset-cli-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" && ln -s "$CRESSET" "$work/bin/cresset"
export PATH="$work/bin:$PATH" LC_ALL=C TERM=xterm
unset NO_COLOR DEBUGINFOD_URLS COLUMNS

# matches PATTERNS FILE
matches() {
	local -a want have
	local w=0 h=0 any=
	mapfile -t want <"$1"
	mapfile -t have <"$2"
	while [ $w -lt ${#want[@]} ]; do
		if [ "${want[w]}" = ... ]; then
			any=1
			w=$((w + 1))
			continue
		fi
		# shellcheck disable=SC2053
		while [ $h -lt ${#have[@]} ] && [[ ${have[h]} != ${want[w]} ]]; do
			[ -n "$any" ] || { echo "line $((h + 1)) is not like: ${want[w]}"; return 1; }
			h=$((h + 1))
		done
		[ $h -lt ${#have[@]} ] || { echo "no line like: ${want[w]}"; return 1; }
		any=
		h=$((h + 1))
		w=$((w + 1))
	done
	[ -n "$any" ] || [ $h -ge ${#have[@]} ] || { echo "more lines than expected"; return 1; }
}

# check CASE STREAM ACTUAL
check() {
	local file=$here/$1/$2
	if [ -f "$file.match" ]; then
		matches "$file.match" "$3" && return 0
		sed "s/^/  $2: /" "$3"
		return 1
	fi
	if [ -n "${UPDATE:-}" ]; then
		rm -f "$file"
		[ -s "$3" ] && cp "$3" "$file"
		return 0
	fi
	[ -f "$file" ] || file=/dev/null
	diff -u --label "$1/$2 (expected)" --label "$1/$2 (now)" "$file" "$3"
}

# run_case NAME: 0 passed, 1 failed, 77 skipped
run_case() {
	local dir=$here/$1 status=0 code=0 r=0
	if [ -f "$dir/root" ] && [ "$(id -u)" != 0 ]; then
		return 77
	fi
	rm -rf "$work/run" && mkdir "$work/run" && cp -r "$here/data/." "$work/run"
	(cd "$work/run" && exec timeout 60 bash "$dir/cmd") >"$work/out" 2>"$work/err" </dev/null || status=$?
	[ -f "$dir/exit" ] && code=$(cat "$dir/exit")
	if [ -n "${UPDATE:-}" ]; then
		rm -f "$dir/exit"
		[ $status = 0 ] || echo $status >"$dir/exit"
	elif [ "$status" != "$code" ]; then
		echo "$1: exit status $status, expected $code"
		r=1
	fi
	check "$1" out "$work/out" || r=1
	check "$1" err "$work/err" || r=1
	return $r
}

if [ $# = 0 ]; then
	mapfile -t cases < <(cd "$here" && ls -d -- */ | tr -d / | grep -vx data)
	set -- "${cases[@]}"
fi
passed=0 failed=0 skipped=0
for name; do
	run_case "$name"
	case $? in
	0) passed=$((passed + 1)) ;;
	77) skipped=$((skipped + 1)) ;;
	*)
		echo "FAIL: $name"
		failed=$((failed + 1))
		;;
	esac
done
echo "cli: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
