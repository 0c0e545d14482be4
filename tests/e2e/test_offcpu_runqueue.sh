#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_offcpu_runqueue.sh - `record -e runqueue` where more threads spin than there are CPUs: the
# stacks have the time runnable that the kernel counted, the histograms are whole, and --state of
# off-cpu gives the same. Minimum and maximum leave out what they say, and it is said how much.
. "$(dirname "$0")/lib.sh"
need_bpf

# histogram TITLE: the sum of its counts, and the highest lower bound.
histogram() {
	awk -v t="$1" '$0 == t { on = 1; next } !NF { on = 0 } on && $2 == "->" { n += $5; top = $1 } END { print n + 0, top + 0 }' record.err
}

record -q -e runqueue --exact --per-thread -o r.folded -- "$WORKLOADS/waits" 1 r.truth spin0 spin1 spin2 spin3 sleep
read -r delays _ < <(histogram 'time runnable before each run')
read -r slices longest < <(histogram 'time on a CPU in one go')
taken=$(sed -n 's/^samples *\([0-9]*\) taken = [0-9]* written + 0 filtered + 0 lost$/\1/p' record.err)
at_least "${taken:-0}" 50 "delays written, none lost"
within "$delays" "${taken:-0}" 20 "delays in the histogram"
# A thread that was told of at the end only ran once more than it waited.
within "$slices" "$delays" 40 "slices in the histogram"
at_least "$longest" 256 "longest slice, in us"
has record.err '[*]{40}[|]$' "the bar of the longest line"
ours=$(total r.folded '^spin[0-9]-.*;(spin_wait|run_spin|start);.*;[[]runnable]$')
truth=$(awk '/^spin/ { n += $5 } END { print n }' r.truth)
within "$ours" "$truth" "$(awk -v t="$truth" 'BEGIN { print t / 50 }')" "ns that spinners were runnable"
has_not r.folded '[[](blocked|idle)] [0-9]+$'

record -q -e off-cpu --exact --state runnable -o s.folded -- "$WORKLOADS/waits" 1 s.truth spin0 spin1 spin2 spin3 sleep
has_not s.folded '[[](blocked|idle)] [0-9]+$'
has s.folded ';spin_wait;.*[[]runnable]'
record -q -e off-cpu --exact --state blocked -o b.folded -- "$WORKLOADS/waits" 1 b.truth spin0 spin1 spin2 spin3 sleep
has_not b.folded '[[]runnable] [0-9]+$'
has b.folded ';sleep_wait;.*[[]idle]'

# A sleep is 7 ms, and a wait for a mutex, pipe or condition 4 ms or more, unless it was preempted.
record -q -e off-cpu --exact --min-block 6ms -o long.folded -- "$WORKLOADS/waits" 1 long.truth sleep migrate
at_least "$(sed -n 's/.*; too short or too long: \([0-9.]*\) s$/\1/p' record.err)" 0.1 "seconds left out"
at_least "$(share long.folded ';sleep_wait;' 'sleep_wait|migrate_wait')" 60 "sleeps of 7 ms among those of 6 and more"
record -q -e off-cpu --exact --max-block 6ms -o short.folded -- "$WORKLOADS/waits" 1 short.truth sleep migrate
at_least "$(share short.folded ';migrate_wait;' ';(sleep|migrate)_wait;.*idle')" 60 "sleeps of 3 ms among those of up to 6"
finish
