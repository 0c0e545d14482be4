#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `record -- COMMAND`: from its first instruction to its end, exit status passed on.
. "$(dirname "$0")/lib.sh"
need_bpf

"$CRESSET" record -F 999 -o a.folded -- "$WORKLOADS/burner" 500 >a.out 2>a.err
[ $? = 0 ] || fail "exit status of a command that ends well"
has a.folded '^burner;.*main;burn;burn_round'
at_least "$(total a.folded main)" 200 "samples of 500 ms at 999 Hz"

"$CRESSET" record -o b.folded -- "$WORKLOADS/burner" 50 7 >b.out 2>b.err
[ $? = 7 ] || fail "exit status 7 is not passed on"
"$CRESSET" record -o c.folded -- sh -c 'kill -TERM $$' >c.out 2>c.err
status=$?
[ $status = 143 ] || fail "death by SIGTERM gives $status, not 143"
for f in b c; do
	[ -f $f.folded ] || fail "$f.folded was not written"
done

# From the first instruction: the dynamic loader's own work is in a profile of many short runs.
"$CRESSET" record -F 4999 -o d.folded -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do '"$WORKLOADS"'/burner 1; done' 2>d.err
has d.folded '(_dl_|dl_main|ld-linux|_start)' "the loader's start-up"

# The command's own output stays its own, and the summary goes to standard error.
"$CRESSET" record -o e.folded -- sh -c 'echo to-out; echo to-err >&2' >e.out 2>e.err || fail "echo"
has e.out '^to-out$'
has e.err '^to-err$'
[ "$(wc -l <e.out)" = 1 ] || fail "standard output of the command is not alone"

# -d ends the recording, not the wait for the status; a command that is not there is 127.
"$CRESSET" record -o f.folded -- /no/such/program >f.out 2>f.err
[ $? = 127 ] || fail "a missing command is not 127"
has f.err '/no/such/program'
touch plain && chmod 644 plain
"$CRESSET" record -o f.folded -- ./plain >f.out 2>f.err
[ $? = 126 ] || fail "a command that is no program is not 126"

# Without -o: a table of the top functions on standard output.
"$CRESSET" record -F 999 -- "$WORKLOADS/burner" 400 >g.out 2>g.err || fail "record without -o"
has g.out 'burn_round' "the table"
has g.err 'samples' "the summary"
# Formats by -f to standard output.
"$CRESSET" record -F 999 -f folded -o - -- "$WORKLOADS/burner" 300 >h.folded 2>h.err || fail "-o -"
has h.folded '^burner;.*burn_round [0-9]+$'
finish
