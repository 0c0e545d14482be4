#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# unwind.sh BUILD [ROUNDS] - what stacks by unwind tables cost, beside perf's copies of the stack.
#
#   tables    compiling: rows a second, bytes of kernel memory a row
#   hot       BPF time of a sample and of a frame: 9,999 Hz over a pinned process, code without frame
#             pointers, 10 to 100 frames deep; beside frame pointers on the same code with them
#   session   system-wide at 99 Hz for 10 s over a mixed load, round by round one tool after the
#             other: CPU time, memory, bytes written, BPF time of a sample with cold caches
set -u
build=$(cd "${1:?usage: unwind.sh BUILD [ROUNDS]}" && pwd)
rounds=${2:-3}
src=$(cd "$(dirname "$0")/../.." && pwd)
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
[ "$(id -u)" = 0 ] || { echo "unwind: needs root" >&2; exit 77; }
session=$build/tests/bench_session
[ -x "$session" ] || session=$(find "$build" -name bench_session -type f | head -n1)
tables=$(find "$build" -name bench_unwind -type f | head -n1)
work=$(mktemp -d)
loads=()
# shellcheck disable=SC2317
cleanup() {
	[ ${#loads[@]} = 0 ] || kill "${loads[@]}" 2>/dev/null
	cd / && rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1

end_load() {
	kill "${loads[@]}" 2>/dev/null
	wait "${loads[@]}" 2>/dev/null
	loads=()
}

# value NAME <LINES
value() {
	tr ' ' '\n' | sed -n "s/^$1=//p"
}

# median FILE NAME
median() {
	value "$2" <"$1" | sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)]; else print "-" }'
}

least() {
	value "$2" <"$1" | sort -g | head -n1
}

echo "Compiling (best of 5; rows by CPU time) and size in the kernel:"
files=()
for f in /usr/lib/x86_64-linux-gnu/{libLLVM-14.so.1,libc.so.6,libcrypto.so.3,libstdc++.so.6} /usr/bin/python3; do
	[ -r "$f" ] && files+=("$(readlink -f "$f")")
done
printf '%12s %12s %10s %10s %14s %14s %10s  %s\n' raw_rows rows s cpu_s raw_rows/s rows/s bytes/row file
"$tables" "${files[@]}" | while read -r line; do
	v() { echo "$line" | value "$1"; }
	printf '%12s %12s %10s %10s %14s %14s %10s  %s\n' "$(v rows_raw)" "$(v rows)" "$(v compile_s)" \
		"$(v cpu_s)" "$(v raw_per_s)" "$(v rows_per_s)" "$(v bytes_per_row)" "$(basename "$(v file)")"
done

# The recorder's program also runs for samples of other processes; those cost little, and how little is
# measured on a target that sleeps. What is left is divided by the samples of the target.
# sample_ns LINE LOG OTHER_NS
sample_ns() {
	local taken filtered
	taken=$(sed -n 's/^samples  *\([0-9]*\) taken.*/\1/p' "$2")
	filtered=$(sed -n 's/^samples .* + \([0-9]*\) filtered.*/\1/p' "$2")
	awk -v ns="$(echo "$1" | value run_ns)" -v n="$(echo "$1" | value runs)" -v t="$taken" -v f="$filtered" -v o="$3" \
		'BEGIN { v = t > f ? (ns * n - o * f) / (t - f) : 0; if (v > 0) printf "ns=%.0f\n", v }'
}

hot() {
	"$session" -o log "$build/cresset" record -p "$1" --unwind "$2" -U -F 9999 -d 2s -o h.cresset
}

echo
echo "BPF time of a sample, 9,999 Hz, hot (least of $rounds):"
for kind in omit no-omit; do
	cc -O2 -f$kind-frame-pointer -fno-optimize-sibling-calls -fno-ipa-cp -fno-inline -fno-ipa-icf \
		-I"$src/tests/workloads" -D_GNU_SOURCE -o "deep-$kind" "$src/tests/workloads/deep.c" || exit 1
done
printf '%8s %16s %16s\n' frames "tables, ns" "fp, ns"
for frames in 10 30 60 100; do
	for round in $(seq "$rounds"); do
		for kind in omit no-omit; do
			how=auto
			[ $kind = omit ] || how=fp
			sleep 30 &
			loads=($!)
			other=$(hot "${loads[0]}" $how | value run_ns)
			end_load
			taskset -c 1 "./deep-$kind" 8 $((frames - 5)) &
			loads=($!)
			sleep 0.3
			sample_ns "$(hot "${loads[0]}" $how)" log "$other" >>"hot.$frames.$kind"
			end_load
		done
	done
	printf '%8s %16s %16s\n' $frames "$(least "hot.$frames.omit" ns)" "$(least "hot.$frames.no-omit" ns)"
done
awk -v a="$(least hot.30.omit ns)" -v b="$(least hot.100.omit ns)" -v c="$(least hot.30.no-omit ns)" \
	-v d="$(least hot.100.no-omit ns)" \
	'BEGIN { printf "a frame (from 30 to 100): %.1f ns by tables, %.1f ns by frame pointers\n", (b - a) / 70, (d - c) / 70 }'

# A load that ends by itself: a pinned program, short processes, system calls, Python; about a CPU.
mixed_load() {
	local seconds=$1
	taskset -c 0 ./deep-omit "$seconds" 30 &
	loads=($!)
	"$src/tests/workloads/shortlived.sh" "$build/tests/workloads/burner" $((seconds * 8)) &
	loads+=($!)
	"$build/tests/workloads/syscalls" "$seconds" >/dev/null &
	loads+=($!)
	command -v python3 >/dev/null && {
		timeout "$seconds" python3 -c 'while True: sum(i * i for i in range(10000))' &
		loads+=($!)
	}
}

run_session() {
	case $1 in
	cresset) "$session" -o log "$build/cresset" record -a -F 99 -d 10s -o c.cresset ;;
	cresset-fp) "$session" -o log "$build/cresset" record -a -F 99 --unwind fp -d 10s -o f.cresset ;;
	perf-dwarf) "$session" -o log perf record -q -F 99 -a --call-graph dwarf -o p.data -- sleep 10 ;;
	esac
}

tools=(cresset cresset-fp)
command -v perf >/dev/null && tools+=(perf-dwarf) || echo "perf: not installed"
declare -A written=([cresset]=c.cresset [cresset-fp]=f.cresset [perf-dwarf]=p.data)
for round in $(seq "$rounds"); do
	for tool in "${tools[@]}"; do
		mixed_load 14
		sleep 0.5
		line=$(run_session "$tool")
		cpu=$(awk -v u="$(echo "$line" | value user_s)" -v s="$(echo "$line" | value sys_s)" 'BEGIN { print u + s }')
		echo "$line cpu_s=$cpu written_kb=$(($(stat -c %s "${written[$tool]}") / 1024))" >>"session.$tool"
		[ "$tool" = cresset ] && sed -n 's/^\(stacks\|unwind\|tables\) /\1 /p' log >summary
		end_load
	done
	echo "round $round of $rounds" >&2
done
echo
echo "A 10 s session, system-wide at 99 Hz, $rounds rounds, medians:"
printf '%-12s %10s %10s %10s %12s %10s\n' tool cpu_s rss_mb maps_mb written_kb run_ns
for tool in "${tools[@]}"; do
	printf '%-12s' "$tool"
	for column in cpu_s rss_mb maps_mb; do printf ' %10s' "$(median "session.$tool" $column)"; done
	printf ' %12s %10s\n' "$(median "session.$tool" written_kb)" "$(median "session.$tool" run_ns)"
done
cat summary
