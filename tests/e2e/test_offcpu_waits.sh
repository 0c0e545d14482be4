#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_offcpu_waits.sh [SECONDS] - waits that are known: tests/workloads/waits measures its own, and
# the profile must have them, by caller and by state; in code without frame pointers and with them.
#
# Of each thread: time below its KIND_outer;KIND_middle;KIND_wait, blocked and runnable together and
# runnable alone, within 1 % of its time off the CPU and 20 us a switch: for perf, whose clock says the
# truth, a switch comes after all that is done at it. At least 99 % of it has that caller. One thread
# sleeps through everything. No frame of the profiler or of tracing is in any stack.
#
# Threads that run all the time get 2.5 %, as ever: this kernel does not tell of all switches, and what such a
# thread ran after one, up to 40 ms, is in its wait. Mostly they are within 0.1 %.
#
# Runnable gets 20 us more a wait: ours begins when the wake-up is called for (sched_waking), the kernel's
# run_delay when it has come to the CPU of the thread, for which a halted virtual CPU takes 10 to 20 us.
# And when a wake-up preempts a thread the scheduler does not read its clock again (rq_clock_skip_update),
# so the thread stops running, in its books, when the other was woken: microseconds before the switch.
. "$(dirname "$0")/lib.sh"
need_bpf
seconds=${1:-2}

for build in waits waits_fp; do
	record -q -e off-cpu --exact --per-thread -o $build.folded -- "$WORKLOADS/$build" "$seconds" $build.truth || continue
	has_not $build.folded 'bpf_prog_|bpf_trace_run|__traceiter_|__bpf_|bpf_get_|stack_map'
	awk -v build=$build '
		FILENAME ~ /truth$/ { kind[$2] = $1; count[$2] = $3; off[$2] = $4; run[$2] = $5; wall[$2] = $6; switches[$2] = $9; next }
		{
			n = $NF; sub(/ [0-9]+$/, "")
			root = $0; sub(/;.*/, "", root); tid = root; sub(/.*\//, "", tid)
			if (!(tid in kind)) next
			name = kind[tid]; sub(/[0-9]$/, "", name)
			state = /\[runnable\]$/ ? "r" : "b"
			all[tid] += n
			if (!index($0, name "_outer;" name "_middle;" name "_wait"))
				broken[tid] += /\[error: (no unwind table yet|process not yet known)]/ ? n : 0
			else if (/run_delay_ns/)
				all[tid] -= n # the measurement itself
			else
				ours[tid state] += n
		}
		function check(what, have, want, limit) {
			if (have - want <= limit && want - have <= limit) return
			printf "FAIL: %s %s, %s: %.3f ms, expected %.3f +- %.3f\n", build, kind[tid], what, have / 1e6, want / 1e6, limit / 1e6
			bad++
		}
		END {
			for (tid in kind) {
				want = kind[tid] == "never" ? wall[tid] : off[tid]
				limit = want / (kind[tid] ~ /^(spin|still)/ ? 40 : 100) + 20000 * switches[tid]
				limit += broken[tid] # before the tables were there, on a busy machine
				check("off the CPU", ours[tid "b"] + ours[tid "r"], want, limit)
				check("runnable", ours[tid "r"], run[tid], limit + 20000 * count[tid])
				sum += all[tid]; right += ours[tid "b"] + ours[tid "r"]
				printf "%s %-10s %6d waits, %6d switches, off the CPU %9.3f ms, ours %+.2f %%, runnable %+.2f %% of that\n", build, kind[tid],
					count[tid], switches[tid], want / 1e6, 100 * (ours[tid "b"] + ours[tid "r"] - want) / want, 100 * (ours[tid "r"] - run[tid]) / want
			}
			exit bad > 0
		}' $build.truth $build.folded || fail "$build: not as the workload measured it"
	# All that its threads were blocked for, from their start to their end: where the caller is right.
	grep -v ';task_clock_open;' $build.folded >$build.blocked
	for kind in sleep semaphore pipe poll condition never; do
		at_least "$(share $build.blocked "${kind}_outer;${kind}_middle;${kind}_wait" "^$kind-.*;[[](blocked|idle)]\$")" 99 \
			"$build: right callers of $kind"
	done
	for kind in migrate moved; do
		at_least "$(share $build.blocked ";run_$kind;" "^$kind-.*;[[](blocked|idle)]\$")" 99 "$build: right callers of $kind"
	done
done
finish
