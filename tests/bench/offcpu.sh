#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# offcpu.sh BUILD [ROUNDS [TOOL...]] - what following every context switch costs a program that does
# nothing else: two processes on one CPU that hand a byte to and fro through pipes, ten frames deep.
#
# Round by round one tool after the other, so that what else the machine does hits all alike. Printed:
# the time of a switch as a ratio to that with nothing (median, least to most of the rounds; the
# ratio is taken within a round), and what all BPF programs together cost a switch (run_time_ns).
# The floors are empty BPF programs on sched_switch, and on sched_switch and sched_waking, which it
# takes to tell time blocked from time runnable. Before it is timed each storm runs for WARM seconds
# (default 2): tables are loaded then, and the budgeted mode finds its probability.
#
# Tools: nothing empty empty2 exact exact-fp exact-all budget budget-all wall bpftrace offcputime.
# In the environment: WARM, TRIPS (round trips that are timed, default 200000), CPU (default: the last).
# Then, unless tools were named: totals per stack beside offcputime's on tests/workloads/waits.
set -u
build=$(cd "${1:?usage: offcpu.sh BUILD [ROUNDS [TOOL...]]}" && pwd)
rounds=${2:-3}
shift $(($# > 1 ? 2 : 1))
tools=("$@")
[ ${#tools[@]} -gt 0 ] || tools=(empty empty2 exact exact-fp exact-all budget budget-all wall bpftrace offcputime)
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
[ "$(id -u)" = 0 ] || { echo "offcpu: needs root" >&2; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
bench=$(find "$build" -name bench_offcpu -type f | head -n1)
[ -x "$bench" ] || { echo "offcpu: no bench_offcpu below $build (ninja -C $build bench_offcpu)" >&2; exit 1; }
cpu=${CPU:-$(($(nproc) - 1))}
trips=${TRIPS:-200000}
warm=${WARM:-2}
work=$(mktemp -d)
tool_pid='' storm_pid=''
# shellcheck disable=SC2317
cleanup() {
	[ -z "$tool_pid" ] || kill "$tool_pid" 2>/dev/null
	[ -z "$storm_pid" ] || kill "$storm_pid" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
cd "$work" || exit 1

# shellcheck disable=SC2016 # bpftrace's own dollars
bpftrace_program='
tracepoint:sched:sched_switch {
	if (args->prev_pid != 0) { @start[args->prev_pid] = nsecs; @u[args->prev_pid] = ustack; @k[args->prev_pid] = kstack; }
	$s = @start[args->next_pid];
	if ($s != 0) {
		@off[@k[args->next_pid], @u[args->next_pid], args->next_comm] = sum(nsecs - $s);
		delete(@start[args->next_pid]); delete(@u[args->next_pid]); delete(@k[args->next_pid]);
	}
}'

# begin TOOL PIDS: in the background, attached when it returns (as far as one can see from outside).
begin() {
	local pids=$2 cresset="$build/cresset"
	tool_pid=
	case $1 in
	nothing) return ;;
	empty) "$bench" empty sched_switch <hold >tool.out 2>tool.err & ;;
	empty2) "$bench" empty sched_switch sched_waking <hold >tool.out 2>tool.err & ;;
	exact) "$cresset" record -q -e off-cpu --exact -p "$pids" -o t.folded >tool.out 2>tool.err & ;;
	exact-fp) "$cresset" record -q -e off-cpu --exact --unwind fp -p "$pids" -o t.folded >tool.out 2>tool.err & ;;
	exact-all) "$cresset" record -q -e off-cpu --exact -a -o t.folded >tool.out 2>tool.err & ;;
	budget) "$cresset" record -q -e off-cpu -p "$pids" -o t.folded >tool.out 2>tool.err & ;;
	budget-all) "$cresset" record -q -e off-cpu -a -o t.folded >tool.out 2>tool.err & ;;
	wall) "$cresset" record -q -e wall -p "$pids" -o t.folded >tool.out 2>tool.err & ;;
	# It wants a tracefs, and gets one of its own.
	bpftrace) unshare -m sh -c 'mount -t tracefs none /sys/kernel/tracing; exec bpftrace -e "$0"' "$bpftrace_program" \
		>tool.out 2>tool.err & ;;
	offcputime) offcputime >tool.out 2>tool.err & ;;
	*) echo "offcpu: no tool '$1'" >&2; exit 2 ;;
	esac
	tool_pid=$!
	case $1 in
	empty*) exec 8>hold ;;
	bpftrace) wait_for "bpftrace" ;;
	offcputime) wait_for "offcputime" ;;
	*) wait_for "cresset" ;;
	esac
	sleep 0.7
}

# Until it has loaded BPF programs, all of them as far as one can see.
wait_for() {
	local i now before=-1
	for ((i = 0; i < 150; i++)); do
		now=$(grep -ls '^prog_type' "/proc/$tool_pid/fdinfo/"* | wc -l)
		[ "$now" -gt 0 ] && [ "$now" = "$before" ] && return
		before=$now
		sleep 0.1
	done
	echo "offcpu: $1 has not attached: $(tail -n1 tool.err)" >&2
}

end() {
	[ -n "$tool_pid" ] || return 0
	exec 8>&-
	kill -INT "$tool_pid" 2>/dev/null
	wait "$tool_pid" 2>/dev/null
	tool_pid=
}

# one TOOL: appends the storm's line to TOOL.log.
one() {
	local pids
	rm -f hold go pids && mkfifo hold go
	"$bench" storm "$cpu" "$trips" "$warm" <go >storm.out &
	storm_pid=$!
	exec 7>go
	for _ in $(seq 100); do
		[ -s storm.out ] && break
		sleep 0.02
	done
	pids=$(head -n1 storm.out)
	begin "$1" "$pids"
	echo >&7
	wait "$storm_pid" 2>/dev/null
	storm_pid=
	exec 7>&-
	tail -n1 storm.out >>"$1.log"
	end
	if [ -s tool.err ]; then
		grep -E '^(waits|samples|time) ' tool.err >"$1.said"
	fi
}

column() {
	sed -n "s/.*\b$2=\([0-9.]*\).*/\1/p" "$1.log"
}

# Median, least and most of the numbers on standard input.
spread() {
	sort -n | awk '{ v[NR] = $1 } END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
		printf "%.*f (%.*f..%.*f)", d, m, d, v[1], d, v[NR] }' d="$1"
}

for ((i = 0; i < rounds; i++)); do
	for tool in nothing "${tools[@]}"; do
		: >tool.err
		one "$tool"
	done
done

echo "pipe ping-pong on CPU $cpu, $((2 * trips)) switches, $rounds rounds: $(column nothing us_switch | spread 3) us a switch with nothing"
printf '%-12s %-24s %s\n' tool "time, as a ratio" "BPF ns a switch"
for tool in nothing "${tools[@]}"; do
	printf '%-12s %-24s %s\n' "$tool" "$(paste -d' ' <(column "$tool" us_switch) <(column nothing us_switch) |
		awk 'NF == 2 { print $1 / $2 }' | spread 2)" "$(column "$tool" bpf_ns | spread 0)"
done
for tool in "${tools[@]}"; do
	[ -s "$tool.said" ] && sed "s/^/$tool: /" "$tool.said"
done
if [ $# = 0 ] && [ -x "$here/offcpu_totals.sh" ]; then
	exec "$here/offcpu_totals.sh" "$build"
fi
