#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_offcpu_idle.sh - the shipped rules of benign waits on real servers that have nothing to do: all
# their time blocked is idle. Of the whole machine that is left out of the graph unless it is asked
# for, and it is in the totals always. A thread that waits for a lock is not idle.
. "$(dirname "$0")/lib.sh"
need_bpf
port=$((20000 + RANDOM % 10000))
names=()

# server NAME COMMAND...: in the background, if there is such a program.
server() {
	local name=$1
	shift
	command -v "$1" >/dev/null || return
	start "$@"
	names+=("$name-$pid")
}

server redis-server redis-server --port $port --bind 127.0.0.1 --save '' --dir "$TMP"
cat >nginx.conf <<END
daemon off;
master_process off;
pid $TMP/nginx.pid;
error_log $TMP/nginx.log;
events { worker_connections 16; }
http { access_log off; server { listen 127.0.0.1:$((port + 1)); } }
END
server nginx nginx -c "$TMP/nginx.conf" -p "$TMP"
[ -x /usr/bin/python3 ] && server python3 /usr/bin/python3 -m http.server -b 127.0.0.1 $((port + 2))
server node node -e "require('http').createServer((q, r) => r.end()).listen($((port + 3)), '127.0.0.1')"
server sleep sleep 60
[ ${#names[@]} -gt 1 ] || skip "no servers here"
# One thread in a lock that another one holds.
start "$WORKLOADS/waits" 20 lock.truth semaphore never
sleep 2

record -q -e off-cpu --exact -a -d 2s -o all.cresset -o hidden.folded
"$CRESSET" convert all.cresset -o idle.folded --idle 2>convert.err || fail "convert --idle"
"$CRESSET" convert all.cresset -o default.folded 2>>convert.err || fail "convert"
has idle.folded '^sleep;.*[[]idle] [0-9]+$' "$(grep -m1 '^sleep' idle.folded | cut -c1-300)"
has_not hidden.folded '[[]idle] [0-9]+$'
cmp -s hidden.folded default.folded || fail "convert hides other waits than record does"
idle=$(sed -n 's/^time .*of which \([0-9.]*\) s idle.*/\1/p' record.err)
within "$(total idle.folded '[[]idle]$' | awk '{ print $1 / 1e9 }')" "${idle:-0}" 0.01 "seconds idle in the totals"

# Rules of one's own instead: nothing is benign but what they say.
echo 'mine comm=sleep' >mine.rules
"$CRESSET" convert all.cresset -o mine.folded --idle --idle-rules mine.rules 2>>convert.err || fail "convert --idle-rules"
has mine.folded '^sleep;.*[[]idle] [0-9]+$'
has_not mine.folded '^(redis-server|kworker[^;]*);.*[[]idle] [0-9]+$'

# Process by process.
record -q -e off-cpu --exact -a -d 2s --per-process -o hidden.folded -f folded
record -q -e off-cpu --exact -a -d 2s --per-process --idle -o asked.folded
# Stacks that are not complete (a busy machine's tables are late) cannot be told.
grep -v '[[]error: ' asked.folded >whole.folded
for name in "${names[@]}"; do
	at_least "$(total whole.folded "^$name;" | awk '{ print $1 / 1e9 }')" 0.3 "$name: seconds with whole stacks"
	within "$(share whole.folded '[[]idle]$' "^$name;.*[[](blocked|idle)]\$")" 100 1 "$name: percent of its time blocked that is idle"
	within "$(grep -v '[[]error: ' hidden.folded | grep -c "^$name;.*[[]blocked] [0-9]*\$")" 0 0 "$name: stacks in the graph"
done
within "$(share whole.folded '[[]idle]$' '^waits-.*;(semaphore|never)_wait;.*[[](blocked|idle)]$')" 0 0 "percent of waits for a semaphore that are idle"

# The kernel's own threads.
at_least "$(share asked.folded '[[]idle]$' '^(kworker/|ksoftirqd/|migration/|rcu_preempt|kthreadd).*[[](blocked|idle)]$')" 97 \
	"percent of the time of kernel threads that is idle"
finish
