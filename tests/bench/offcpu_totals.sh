#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# offcpu_totals.sh BUILD [SECONDS] - where threads of tests/workloads/waits wait, by cresset and by
# libbpf-tools' offcputime at the same time, and what the two do not agree on.
#
# Per thread and tool: time off the CPU as a share of the seconds that were looked at (the two do not
# begin at the same moment); how much of it is below the function that waits (KIND_wait), or that sleeps
# or pins its thread in between (run_KIND). Ours is told apart as blocked and runnable; offcputime has
# one sum.
set -u
build=$(cd "${1:?usage: offcpu_totals.sh BUILD [SECONDS]}" && pwd)
seconds=${2:-4}
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
command -v offcputime >/dev/null || { echo "offcpu: no offcputime (apt-get install libbpf-tools)"; exit 0; }
work=$(mktemp -d)
load=
# shellcheck disable=SC2317
cleanup() {
	[ -z "$load" ] || kill "$load" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1

for program in waits waits_fp; do
	"$build/tests/workloads/$program" $((seconds + 8)) truth >/dev/null &
	load=$!
	sleep 2
	offcputime -p "$load" "$seconds" >theirs.txt 2>theirs.err &
	theirs=$!
	"$build/cresset" record -q -e off-cpu --exact --per-thread -p "$load" -d "${seconds}s" -o ours.folded 2>ours.err
	wait $theirs
	kill "$load" 2>/dev/null
	wait "$load" 2>/dev/null
	load=
	echo
	echo "$program, $seconds s: time off the CPU, in percent, and how much of it has the function that waits in its stack"
	# offcputime: lines of a stack, "- COMM (PID)", microseconds.
	awk '/^ +- +/ { comm = $2; next }
		NF == 1 && $1 ~ /^[0-9]+$/ && comm != "" { print comm, $1 * 1000, s; comm = ""; s = ""; next }
		NF { gsub(/[ \t]+/, "", $0); s = s ";" $0 }' theirs.txt >theirs.list
	awk -v seconds="$seconds" '
		FILENAME ~ /list$/ {
			name = $1; base = name; sub(/[0-9]$/, "", base)
			their[name] += $2; all += $2
			if ($3 ~ base "_wait|run_" base) right[name] += $2
			if ($3 ~ /bpf_prog_|bpf_trace_run|__traceiter/) own += $2
			if ($3 ~ /irqentry_exit|exit_to_user_mode|asm_sysvec/) preempted += $2
			next
		}
		{
			n = $NF; sub(/ [0-9]+$/, "")
			name = $0; sub(/-.*/, "", name); base = name; sub(/[0-9]$/, "", base)
			ours[name] += n; total += n
			if (/\[runnable\]$/) { runnable[name] += n; wait_cpu += n }
			if ($0 ~ base "_wait|run_" base) ours_right[name] += n
			if (/bpf_prog_|bpf_trace_run|__traceiter/) ours_own += n
		}
		function percent(a, b) { return b ? 100 * a / b : 0 }
		END {
			printf "%-12s %28s   %20s\n", "thread", "cresset (runnable), caller", "offcputime, caller"
			n = split("sleep semaphore pipe poll condition fsync migrate moved never spin0 still", order, " ")
			for (i = 1; i <= n; i++) {
				t = order[i]
				printf "%-12s %8.2f (%6.2f), %7.2f   %11.2f, %7.2f\n", t, ours[t] / seconds / 1e7, runnable[t] / seconds / 1e7,
					percent(ours_right[t], ours[t]), their[t] / seconds / 1e7, percent(right[t], their[t])
			}
			print "why they differ:"
			printf "- offcputime only has waits that end: never is %.1f %% of the time there, and %.1f %% here\n", their["never"] / seconds / 1e7, ours["never"] / seconds / 1e7
			printf "- it counts waiting for a CPU as waiting: %.1f %% of its time ends in an interrupt or on the way to user mode; here %.1f %% are runnable, by name\n",
				percent(preempted, all), percent(wait_cpu, total)
			printf "- the profiler itself is in stacks of %.1f %% of its time, and of %.1f %% here\n", percent(own, all), percent(ours_own, total)
			print "- what its own programs take (several us a switch, see the storm) is in the waits of whoever runs next: most of a thread"
			print "  that waits thousands of times a second (fsync); ours are those that the threads measure (tests/e2e/test_offcpu_waits.sh)"
			print "- spinners wait as long as others run, and the two do not begin at the same moment: in turn the one or the other has more"
			print "- its user stacks go by frame pointers: where libc, or the program, has none, the caller is lost"
		}' theirs.list ours.folded
	grep -E '^(samples|waits) ' ours.err
done
