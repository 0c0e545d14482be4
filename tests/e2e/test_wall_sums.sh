#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_wall_sums.sh [SECONDS] - where the time of threads goes adds up, as seen from outside: for
# tests/workloads/waits, python3 with threads, redis-server under redis-benchmark, and a compile by
# four jobs, all recorded from their first instruction to their last.
#
# Per thread: on CPU + runnable + blocked is the time between its first and its last look at a clock
# at least, and that between its creation and its end at most, but for 0.5 %; a thread has been joined
# for up to 200 ms when a busy machine has done with it. Time on a CPU is what the kernel has charged it,
# but for 1 % and the kernel's own errors: what the hypervisor and interrupts took (it charges them to
# nobody; /proc/stat), and, for threads that switch all the time, 0.5 % of wall time, as its clock is not
# read at the tracepoint. Waits know their perf task clock too, which leaves out none of that but looks when
# all that is done at a switch has been done: theirs is between the two clocks, but for the same errors.
# Of all threads together: samples have what the switches had, to 0.1 %.
#
# Then with a budget of next to nothing: totals are exact all the same, and those of the samples are
# within four of the standard errors that are stated.
. "$(dirname "$0")/lib.sh"
need_bpf
seconds=${1:-2}

# stolen: ms that CPUs spent in interrupts, or not at all.
stolen() {
	awk '/^cpu / { print ($7 + $8 + $9) * 10 }' /proc/stat
}

# time_of FILE WORD: ms of the line "time" that the summary printed before that word.
time_of() {
	sed -n "s/^time .*[=+] \([0-9.]*\) s $2.*/\1/p" "$1" | awk '{ printf "%.3f", $1 * 1000 }'
}

# check_whole NAME: NAME.folded has what NAME.err says of all threads, in exact mode.
check_whole() {
	local all
	all=$(awk -v c="$(time_of "$1.err" "on CPU")" -v r="$(time_of "$1.err" runnable)" \
		-v b="$(time_of "$1.err" blocked)" 'BEGIN { print c + r + b }')
	at_least "$all" 500 "$1: time that was followed, in ms"
	within "$(awk '{ n += $NF } END { print n / 1e6 }' "$1.folded")" "$all" "$(awk -v a="$all" 'BEGIN { print a / 1000 }')" \
		"$1: ms of all samples"
	has "$1.err" '\+ 0 lost$'
}

# check_threads NAME STOLEN: truth lines "WORD tid inner outer cpu [cpu by another clock]" (ns) against
# NAME.folded; the clocks leave out STOLEN ms.
check_threads() {
	awk -v name="$1" -v stolen="$2" '
		FILENAME ~ /truth$/ {
			word[$2] = $1; inner[$2] = $3; outer[$2] = $4; least[$2] = most[$2] = $5
			if (NF > 5 && $6 < $5) least[$2] = $6
			if (NF > 5 && $6 > $5) most[$2] = $6
			next
		}
		{
			n = $NF; sub(/ [0-9]+$/, "")
			tid = $0; sub(/;.*/, "", tid); sub(/.*\//, "", tid)
			if (!(tid in word)) next
			all[tid] += n
			if (!/;[[](runnable|blocked|idle)\]$/) ours[tid] += n
		}
		END {
			for (tid in word) {
				bad += all[tid] < inner[tid] * 0.995 || all[tid] > outer[tid] * 1.005 + 2e8
				slack = most[tid] / 100 + stolen * 1e6 + 0.005 * inner[tid]
				bad += most[tid] > 0 && (ours[tid] < least[tid] - slack || ours[tid] > most[tid] + slack)
				printf "%s %-10s wall %9.3f <= %9.3f <= %9.3f ms, on CPU %8.3f of %8.3f to %8.3f%s\n", name, word[tid],
					inner[tid] / 1e6, all[tid] / 1e6, outer[tid] / 1e6, ours[tid] / 1e6, least[tid] / 1e6, most[tid] / 1e6, (bad > was) ? "  <- FAIL" : ""
				was = bad
			}
			exit bad > 0
		}' "$1.truth" "$1.folded" || fail "$1: a thread's time does not add up"
}

# run NAME COMMAND...: records its threads, all of them.
run() {
	local name=$1
	shift
	record -q -e wall ${mode:---exact} --per-thread -o "$name.folded" -- "$@" || return 1
	cp record.err "$name.err"
}

if run waits "$WORKLOADS/waits" "$seconds" waits.all sleep semaphore pipe condition migrate moved never spin0 spin1 spin2 still waker; then
	# The one that is killed in its sleep ends when there is a CPU for that.
	awk '{ print $1, $2, $6, $1 == "never" ? 1e12 : $8, $7, $10 }' waits.all >waits.truth
	check_threads waits 0
	check_whole waits
fi

cat >threads.py <<'END'
import sys, threading, time

seconds, truth, lock, born, ended = float(sys.argv[1]), [], threading.Lock(), {}, {}
go, over = threading.Event(), threading.Event()

def burn():
    return sum(i * i for i in range(2000))

def sleep():
    time.sleep(0.003)

def share():
    with lock:
        time.sleep(0.001)

def run(name, work):
    tid, begin, cpu = threading.get_native_id(), time.monotonic_ns(), time.thread_time_ns()
    go.wait()
    while not over.is_set():
        work()
    truth.append((name, tid, time.monotonic_ns() - begin, time.thread_time_ns() - cpu))

kinds = {"burn1": burn, "burn2": burn, "sleep": sleep, "share1": share, "share2": share}
threads = {}
for name, work in kinds.items():
    threads[name] = threading.Thread(target=run, args=(name, work))
    born[name] = time.monotonic_ns()
    threads[name].start()
go.set()
time.sleep(seconds)
over.set()
for name, thread in threads.items():
    thread.join()
    ended[name] = time.monotonic_ns()
with open("python.truth", "w") as f:
    for name, tid, inner, cpu in truth:
        print(name, tid, inner, ended[name] - born[name], cpu, file=f)
END
python=/usr/bin/python3
before=$(stolen)
if [ -x $python ] && run python $python threads.py "$seconds"; then
	check_threads python $(($(stolen) - before))
	check_whole python
fi

# Its threads begin with it and are all there to the end.
if command -v redis-server redis-benchmark redis-cli >/dev/null; then
	cat >redis.sh <<'END'
port=$1 seconds=$2
redis-server --port "$port" --bind 127.0.0.1 --save '' --daemonize no --dir . >redis.log &
for _ in $(seq 100); do redis-cli -p "$port" ping >/dev/null 2>&1 && break; sleep 0.1; done
timeout "$seconds" redis-benchmark -p "$port" -q -c 20 -n 100000000 -t set,get >benchmark.log 2>&1
for task in /proc/$!/task/*; do
	read -r ran _ <"$task/schedstat"
	read -r up _ </proc/uptime
	# The 22nd field is its start, in ticks of 10 ms since the machine started.
	start=$(sed 's/.*) //' "$task/stat" | cut -d' ' -f20)
	wall=$(awk -v up="$up" -v start="$start" 'BEGIN { printf "%.0f", (up * 100 - start) * 1e7 }')
	echo "$(cat "$task/comm") ${task##*/} $wall $((wall + 20000000)) $ran"
done >alive
redis-cli -p "$port" shutdown nosave >/dev/null 2>&1
up=$(cut -d' ' -f1 /proc/uptime)
wait
# What is between, and the end of it, is the shut-down.
awk -v up="$up" -v now="$(cut -d' ' -f1 /proc/uptime)" '{ $4 = sprintf("%.0f", $4 + (now - up) * 1e9 + 2e8); print }' alive >redis.truth
END
	before=$(stolen)
	if run redis bash redis.sh $((20000 + RANDOM % 10000)) "$seconds"; then
		at_least "$(wc -l <redis.truth)" 3 "threads of redis-server"
		check_threads redis $(($(stolen) - before))
		check_whole redis
	fi
fi

# Many short-lived processes: all of them together, against what the kernel says of children waited for.
if command -v gcc make >/dev/null; then
	for i in 1 2 3 4 5 6 7 8; do
		echo "#include <stdio.h>
int f$i(int n) { return printf(\"%d\\n\", n * $i); }" >f$i.c
	done
	printf 'all: f1.o f2.o f3.o f4.o f5.o f6.o f7.o f8.o\n' >Makefile
	# shellcheck disable=SC2016 # for the inner shell
	before=$(stolen)
	if run make bash -c 'make -s -j4 && times >make.times'; then
		check_whole make
		used=$(awk '{ for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); ms += t[1] * 60000 + t[2] * 1000 } } END { print ms }' make.times)
		within "$(time_of make.err "on CPU")" "$used" "$(awk -v u="$used" -v s="$(($(stolen) - before))" 'BEGIN { print u / 50 + s + 20 }')" \
			"make: ms on a CPU, of all processes, by getrusage()"
	fi
fi

# Next to nothing for stacks: the samples stand for what they are said to stand for.
mode='--overhead-budget 0.3'
if run sampled "$WORKLOADS/waits" "$((seconds + 1))" sampled.all; then
	has sampled.err '^waits .* recorded of [0-9]+, to keep within the overhead budget'
	for state in blocked runnable; do
		error=$(sed -n "s/^waits .*$state \([0-9.]*\) s.*/\1/p" sampled.err)
		within "$(total sampled.folded "[[]$([ $state = blocked ] && echo '(blocked|idle)' || echo runnable)\\\\]\$" | awk '{ print $1 / 1e6 }')" \
			"$(time_of sampled.err $state)" "$(awk -v e="$error" 'BEGIN { print 4000 * e + 4 }')" \
			"ms $state, of a sample with standard error $error s"
	done
	grep -E '^(time|waits) ' sampled.err
fi
finish
