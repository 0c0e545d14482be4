#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Ends of a recording: Ctrl-C still writes, a second one quits, the target's exit ends it.
. "$(dirname "$0")/lib.sh"
need_bpf

# Background jobs of a script ignore SIGINT, and ignoring is inherited: give it back its default.
interruptible() {
	exec python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$@"
}
need python3

start "$WORKLOADS/cputree" 60
target=$pid
for signal in INT TERM; do
	interruptible "$CRESSET" record -p "$target" -F 499 -o "$signal.folded" >"$signal.out" 2>"$signal.err" &
	recorder=$!
	started_pids+=("$recorder")
	sleep 2
	kill -"$signal" "$recorder"
	wait "$recorder"
	status=$?
	[ $status = 0 ] || fail "SIG$signal: exit status $status"
	has "$signal.folded" 'parse_field' "written after SIG$signal"
	has "$signal.err" 'samples'
done

# Twice: gone at once, nothing half-written left behind.
interruptible "$CRESSET" record -p "$target" -F 499 -o twice.folded >twice.out 2>twice.err &
recorder=$!
started_pids+=("$recorder")
sleep 1.5
kill -INT "$recorder"
kill -INT "$recorder" 2>/dev/null
wait "$recorder"
status=$?
case $status in
130 | 0) ;; # 0: it had finished before the second one came
*) fail "two SIGINT: exit status $status" ;;
esac
[ "$(find . -name 'twice*' ! -name 'twice.out' ! -name 'twice.err' ! -name twice.folded | wc -l)" = 0 ] ||
	fail "left behind: $(ls twice*)"
kill "$target"

# No -d: ends with the target.
start "$WORKLOADS/cputree" 1.5
timeout 30 "$CRESSET" record -p "$pid" -F 499 -o exit.folded >exit.out 2>exit.err || fail "did not end with its target: $?"
has exit.folded 'parse_field' "names of a process that has ended"
at_least "$(share exit.folded ';main;run')" 95 "named after the end"
finish
