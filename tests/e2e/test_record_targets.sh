#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Targets: -p, several of them, children forked later, -t, --cgroup, -a, and -U, -K, --per-thread.
. "$(dirname "$0")/lib.sh"
need_bpf

# -p with children and grandchildren that are forked later, and without them.
# (On a busy machine recording begins late: they are forked two seconds later.)
start "$WORKLOADS/forker" 3 2
record -p "$pid" -F 499 -d 4s -o inherit.folded || finish
wait "$pid"
has inherit.folded ';main.*parent_work'
has inherit.folded ';child_work' "a child forked later"
has inherit.folded ';grandchild_work' "a grandchild that executes itself anew"
start "$WORKLOADS/forker" 3 2
record -p "$pid" --no-inherit -F 499 -d 4s -o alone.folded || finish
wait "$pid"
has alone.folded 'parent_work'
has_not alone.folded 'child_work' "--no-inherit"

# Only what was asked for is in it, while others run.
start "$WORKLOADS/burner" 100000
other=$pid
start "$WORKLOADS/syscalls" 60
record -p "$pid" -F 499 -d 1s -o one.folded || finish
has_not one.folded '^burner' "-p of another process"
# (read() has no frame of its own, so its direct caller is missing under frame pointers.)
has one.folded ';main;run;.*;read;[^ ]*do_syscall_64' "kernel frames under read()"
record -p "$pid,$other" -F 499 -d 1s -o two.folded || finish
has two.folded '^burner;'
has two.folded '^syscalls;'

# User or kernel frames only. Every stack that is left has the kind asked for.
record -p "$pid" -U -F 499 -d 1s -o user.folded || finish
has user.folded ';main;run;.*;read '
has_not user.folded 'do_syscall_64|vfs_read|entry_SYSCALL' "-U has kernel frames"
record -p "$pid" -K -F 499 -d 1s -o kernel.folded || finish
has_not kernel.folded ';main' "-K has user frames"
at_least "$(total kernel.folded)" 10 "samples of -K"
kill "$pid"

# System-wide is the default, and sees them all.
record -F 499 -d 1s -o all.folded || finish
has all.folded '^burner;'
record -a -F 499 -d 1s -o all2.folded || finish
has all2.folded '^burner;'

# One thread of three, by its tid.
start "$WORKLOADS/threads" 60
wait_for 5 grep -q ready threads.json || fail "threads did not start"
tid=$(awk '/^tid green/ { print $3 }' threads.json)
record -t "$tid" -F 499 -d 1s -o thread.folded || finish
has thread.folded 'paint_green'
has_not thread.folded 'paint_red|paint_blue' "-t of another thread"
record -p "$pid" --per-thread -F 499 -d 1s -o threads.folded || finish
has threads.folded "^[^;]*green[^;]*;.*paint_green" "--per-thread names threads"
has threads.folded "^[^;]*red[^;]*;.*paint_red"
has_not threads.folded "^[^;]*green[^;]*;.*paint_red"
kill "$pid"

# A cgroup and what is below it.
root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
if [ -n "$root" ] && mkdir "$root/cresset-e2e-$$" 2>/dev/null; then
	group=$root/cresset-e2e-$$
	mkdir "$group/below"
	start sh -c "echo \$\$ >'$group/below/cgroup.procs' && exec '$WORKLOADS/cputree' 60"
	inside=$pid
	sleep 0.3
	record --cgroup "$group" -F 499 -d 1s -o group.folded || fail "--cgroup"
	has group.folded '^cputree;.*parse_field'
	has_not group.folded '^burner' "--cgroup has a process from outside"
	kill "$inside" 2>/dev/null
	wait "$inside" 2>/dev/null
	rmdir "$group/below" "$group"
else
	echo "no writable cgroup2 here: --cgroup not tried"
fi
kill "$other"
finish
