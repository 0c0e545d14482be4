#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# real.sh BUILD [SECONDS] - which share of the user stacks of real programs is whole: cresset's unwind
# tables, frame pointers, and perf's copies of the stack, one after the other on the same run of each.
set -u
build=$(cd "${1:?usage: real.sh BUILD [SECONDS]}" && pwd)
seconds=${2:-5}
src=$(cd "$(dirname "$0")/../.." && pwd)
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
[ "$(id -u)" = 0 ] || { echo "real: needs root" >&2; exit 77; }
CRESSET=$build/cresset
work=$(mktemp -d)
. "$src/tests/oracle/real.sh"
# shellcheck disable=SC2317
cleanup() {
	real_end
	cd / && rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1

# The summary's other words about a recording, for the last column.
remarks() {
	sed -n 's/^unwind  *//p' "$1" | tr '\n' ';' | cut -c1-120
}

printf '%-9s %8s %10s %7s %10s %10s %12s  %s\n' program samples "tables %" early "later %" "fp %" \
	"perf dwarf %" remarks
for name in "${real_programs[@]}"; do
	real_have "$name" || { printf '%-9s not installed\n' "$name"; continue; }
	[ "$name" = gcc ] || real_start "$name" || continue
	real_record auto "$seconds" "$name"
	real_record fp "$seconds" "$name"
	# shellcheck disable=SC2046 # words
	set -- $(real_whole "$name.auto.folded") $(real_whole "$name.fp.folded" | cut -d' ' -f2)
	perf=-
	command -v perf >/dev/null && perf=$(real_perf "$seconds" "$name")
	printf '%-9s %8s %10s %7s %10s %10s %12s  %s\n' "$name" "$1" "$2" "$3" "$4" "$5" "$perf" \
		"$(remarks "$name.auto.err")"
	real_end
done
