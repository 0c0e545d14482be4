#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_offcpu_storm.sh [THREADS [FORKS]] - many threads asleep (10,000 by default), then thousands of
# processes that are born, sleep and are killed while they are blocked: memory stays bounded, every
# interval is in the totals, and the accounting adds up with what was lost counted.
. "$(dirname "$0")/lib.sh"
need_bpf
threads=${1:-10000}
forks=${2:-6000}

# account NAME: taken = written + filtered + left out + lost, and all time is in samples, filtered,
# left out or lost (exact mode).
account() {
	local samples
	samples=$(sed -n 's/^samples  *//p' record.err)
	echo "$1: $samples"
	awk -v s="$samples" 'BEGIN {
		n = split(s, w, " ")
		for (i = 1; i < n; i++) {
			if (w[i + 1] == "taken") taken = w[i]
			else if (w[i + 1] ~ /^(written|filtered|lost)/ || w[i + 1] == "left") sum += w[i]
		}
		exit !(taken > 0 && taken == sum)
	}' || fail "$1: the parts of '$samples' are not the whole"
	grep -E '^(time|waits|cost) ' record.err
}

# seconds WORD: from the lines "time" and "waits".
of() {
	sed -n "s/^time .*[=+] \([0-9.]*\) s $1.*/\1/p" record.err
}

# resident: MiB.
resident() {
	sed -n 's/^cost .*; \([0-9.]*\) MB resident.*/\1/p' record.err
}

limit=$(($(ulimit -u) > threads * 2 && $(cat /proc/sys/kernel/threads-max) > threads * 2 && \
	$(cat /proc/sys/vm/max_map_count) > threads * 3))
[ "$limit" = 1 ] || threads=$((threads / 10))
start "$WORKLOADS/asleep" -n "$threads" futex
asleep=$pid
wait_for 60 [ -s asleep.json ] || fail "no $threads threads"
record -q -e off-cpu --exact -p "$asleep" -d 2s -o many.folded
account "$threads threads"
kill "$asleep"
followed=$(sed -n 's/^time .* of \([0-9]*\) threads.*/\1/p' record.err)
at_least "${followed:-0}" "$threads" "threads that are followed"
# Each slept through all of it.
has record.err '^samples .* 0 lost$'
within "$(total many.folded '[[](blocked|idle)]$' | awk '{ printf "%.3f", $1 / 1e9 }')" "$(of blocked)" 0.1 "seconds asleep in samples"
within "$(of blocked)" "$(awk -v a="$(total many.folded ';main;pause;')" -v n="$threads" 'BEGIN { printf "%.3f", a / 1e9 * (n + 1) }')" \
	"$(awk -v n="$threads" 'BEGIN { print n / 100 }')" "seconds asleep, all of them as long as main()"
at_least "$(share many.folded ';wait_futex;' ';[[](blocked|idle)]$')" 90 "percent of the sleep below wait_futex"
threads_resident=$(resident)

# Born, asleep, and killed: the killer does not wait for anybody to wake up.
cat >storm.sh <<'END'
n=$1
for ((i = 0; i < n; i += 20)); do
	pids=
	for j in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		(read -r -u 9 line) &
		pids="$pids $!"
	done
	kill -KILL $pids
	wait 2>/dev/null
done 9<>fifo 2>/dev/null
END
mkfifo fifo
record -q -e off-cpu --exact -o storm.folded -- bash storm.sh $((forks / 4))
account "$((forks / 4)) processes, exact"
small=$(resident)
blocked=$(of blocked) runnable=$(of runnable)
lost=$(sed -n 's/^waits .*; lost: \([0-9.]*\) s.*/\1/p' record.err)
all=$(awk -v b="$blocked" -v r="$runnable" 'BEGIN { printf "%.3f", b + r }')
within "$(awk '{ n += $NF } END { printf "%.3f", n / 1e9 }' storm.folded)" "$(awk -v a="$all" -v l="${lost:-0}" 'BEGIN { printf "%.3f", a - l }')" 0.005 \
	"seconds in samples, of all that is not lost"
followed=$(sed -n 's/^time .* of \([0-9]*\) threads.*/\1/p' record.err)
at_least "${followed:-0}" "$((forks / 4))" "processes that were followed"

record -q -e off-cpu -o storm2.folded -- bash storm.sh "$forks"
account "$forks processes, within the budget"
large=$(resident)
followed=$(sed -n 's/^time .* of \([0-9]*\) threads.*/\1/p' record.err)
at_least "${followed:-0}" "$((forks * 99 / 100))" "processes that were followed"
echo "resident: $threads_resident MB, $small MB, $large MB"
at_least 600 "${threads_resident:-9999}" "MB resident, with $threads threads"
# Four times the processes are not four times the memory.
at_least "$(awk -v s="$small" 'BEGIN { print s * 1.5 + 60 }')" "${large:-9999}" "MB resident, with four times the processes"
finish
