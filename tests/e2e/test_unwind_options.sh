#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# --unwind and --max-memory, on a program built as distributions build: without frame pointers.
. "$(dirname "$0")/lib.sh"
need_bpf
need cc

cat >chain.c <<'C'
#include <stdlib.h>
#include <time.h>
volatile unsigned long x;
#define HARD __attribute__((noinline, noclone))
HARD void leaf(volatile char *p) { for (int i = 0; i < 200000; i++) x = x * 3 + p[i & 7]; }
HARD void outer(int n) { volatile char b[n + 300]; b[n] = 1; leaf(b); x += b[n]; }
HARD void outermost(int n) { volatile char b[1000]; b[n] = 1; outer(n); x += b[n]; }
int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 3);
	while (time(NULL) < end)
		outermost(x & 7);
	return 0;
}
C
cc -O2 -g -fomit-frame-pointer -fno-optimize-sibling-calls -o chain chain.c || fail "cc"
# later FILE: without the samples that were taken before the tables came, however long that took here.
later() {
	grep -vE '[[]error: (no unwind table yet|process not yet known)' "$1" >"$1.later"
	echo "$1.later"
}
whole='^chain;_start;(.*;)?main;outermost;outer;leaf( |;|$)'

# Libc's table may be the last to come, and stacks that end in libc say no error, as their bottom is a known
# one: up to 60 ms of them were seen, so this takes long enough for those not to matter.
for how in auto dwarf; do
	record --unwind $how -F 499 -o $how.folded -- ./chain 8 || finish
	at_least "$(share "$(later $how.folded)" "$whole" ';leaf')" 98 "--unwind $how: whole stacks of leaf"
	has record.err '^stacks +[0-9.]+ % of [0-9]+ user stacks are complete, [0-9.]+ % without a guess$'
	has record.err '^unwind +[0-9.]+ % of [0-9]+ frames by table, [0-9]+ in generated code, [0-9]+ by guess'
	has record.err '^tables +[1-9][0-9]* loaded, [1-9][0-9]* rows, [0-9.]+ MB$'
done
# The last one allowed no guesses.
has record.err 'by table, 0 in generated code, 0 by guess'

record --unwind fp -F 499 -o fp.folded -- ./chain 2 || finish
has_not record.err '^(unwind|tables)'
at_least "$(share auto.folded "$whole")" "$(share fp.folded "$whole")" "auto finds more than fp"

# Only kernel frames: nothing is brought for user stacks.
record -K -F 499 -o k.folded -- ./chain 1 || finish
has_not record.err '^unwind'

# The budget is kept, and what does not fit says so.
"$CRESSET" record --max-memory 1M -o x.folded -- ./chain 1 >x.out 2>x.err && fail "1 MB was enough"
has x.err 'too few for unwind tables here .give --max-memory at least [0-9]+M, or --unwind fp.'
record --max-memory 8M -F 499 -o small.folded -- ./chain 2 || finish
at_least "$(share "$(later small.folded)" "$whole" ';leaf')" 95 "whole stacks with a small budget"
mb=$(sed -n 's/^tables .* rows, \([0-9.]*\) MB.*/\1/p' record.err)
awk -v mb="${mb:-99}" 'BEGIN { exit !(mb <= 8.4) }' || fail "8 MiB became $mb MB"

# What was recorded says later how it was found.
record -F 499 -o raw.cresset -- ./chain 1 || finish
"$CRESSET" report raw.cresset >report.out 2>report.err || fail "report"
cat report.out report.err >both.out
has both.out '^unwind +[0-9.]+ % of [0-9]+ frames by table' "the summary of a raw recording"
finish
