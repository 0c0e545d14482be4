#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_offcpu_wakers.sh - who woke a thread: threads of tests/workloads/wakers are woken by others that
# are known, directly, over three hops, by interrupts and by the kernel's own threads.
. "$(dirname "$0")/lib.sh"
need_bpf
waker="$WORKLOADS/wakers"
start "$waker" 30
sleep 0.5
# What threads did when the recording began has a stack only if it lasts: what is asked for is the rest.
record -q -e off-cpu --exact --wake-depth 3 --per-thread -p "$pid" -d 2s -o chain.folded
has record.err '^wakers  +[0-9]{3,} taken$' "none lost"

# woken FILE THREAD WAIT WAKERS: of its time blocked below WAIT, who ended it (a pattern).
woken() {
	at_least "$(share "$1" "$4" "^$2-.*;$3;.*[[](blocked|idle)]\$")" 97 "$1: $2 in $3, woken as '$4'"
}
irq=';hrtimer_wakeup;.*;\[interrupt]'
woken chain.folded waiter wait_cond ";--;.*;signal_cond;pause_before;run;start_thread;[^;]*;signaller;--;.*$irq;"
woken chain.folded reader wait_pipe ";--;.*pipe_write;.*;fill_pipe;pause_before;run;start_thread;[^;]*;writer;--;.*$irq;"
woken chain.folded second wait_second ";--;.*;wake_second;run;start_thread;[^;]*;first;--;.*$irq;"
woken chain.folded third wait_third ";--;.*;wake_third;run;start_thread;[^;]*;second;--;.*;wake_second;run;start_thread;[^;]*;first;--;.*$irq;"
# An interrupt is nobody's: the chain ends there.
woken chain.folded timer wait_timer "^[^-]*-[^-]*;--;[^-]*$irq;[[]idle]"
woken chain.folded tty_reader wait_tty ';--;.*flush_to_ldisc;.*;kthread;.*;kworker/'
has_not chain.folded '--;(.*;)?(bpf_prog_|bpf_trace_run|__traceiter_|bpf_get_)'

# One hop, and time runnable has no waker: it is over when a CPU is free.
record -q -e off-cpu --exact --wakers --per-thread -p "$pid" -d 1s -o direct.folded
woken direct.folded third wait_third ';wake_third;run;start_thread;[^;]*;second;[[]blocked]'
has_not direct.folded ';--;.*;--;' "one waker each"
has_not direct.folded ';--;.*;[[]runnable] [0-9]+$'
finish
