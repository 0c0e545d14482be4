#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs as Debian builds them, without frame pointers: at least 99.5 % of the user stacks of each
# come to the bottom, and 99.9 % over those in C and C++. --long, for a release build: twenty seconds of
# each, and every sample of the recording counts. Without it, for a build with sanitizers, which compiles
# tables several times slower: two seconds, and those count that came once the tables were there.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/oracle/real.sh"
need_bpf
need pgrep timeout
trap 'real_end; cleanup' EXIT

seconds=2
column=4
[ "${1:-}" = --long ] && seconds=20 && column=2
native=0
native_whole=0
for name in "${real_programs[@]}"; do
	real_have "$name" || { echo "$name: not installed"; continue; }
	[ "$name" = gcc ] || real_start "$name" || { fail "$name did not start"; continue; }
	real_record auto $seconds "$name" || fail "$name: $(tail -n 3 "$name.auto.err")"
	real_end
	read -r -a of <<<"$(real_whole "$name.auto.folded")"
	echo "$name: ${of[1]} % of ${of[0]} user stacks are whole, ${of[3]} % without ${of[2]} early ones"
	[ "$name" = java ] && continue # its compiled code has no frame pointers
	at_least "${of[0]}" $((seconds * 25)) "$name: samples"
	at_least "${of[column - 1]}" 99.5 "$name: whole stacks"
	[[ $real_native == *" $name "* ]] || continue
	counted=$((column == 4 ? of[0] - of[2] : of[0]))
	native=$((native + counted))
	native_whole=$(awk -v s="$native_whole" -v n="$counted" -v p="${of[column - 1]}" \
		'BEGIN { printf "%.2f", s + n * p / 100 }')
done
whole=$(awk -v s="$native_whole" -v n="$native" 'BEGIN { printf "%.3f", n ? 100 * s / n : 0 }')
echo "C and C++: $whole % of $native"
at_least "$whole" 99.9 "whole stacks of the C and C++ programs"
finish
