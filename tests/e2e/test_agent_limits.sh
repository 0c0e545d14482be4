#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Little memory and few descriptors: the agent keeps to both, part by part, and counts what falls out.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/agent/lib.sh"
need_bpf
need curl python3

# ---- Programs enough that their binaries are more than may be open.
OTEL_SERVICE_NAME=limited start "$WORKLOADS/asleep" nanosleep busy
start "$WORKLOADS/burner" 30000
start python3 -c 'import time
end = time.time() + 100
while time.time() < end:
    sum(range(10000))
    time.sleep(0.001)'

# Without lines, as reading those of the largest binaries again for each window is what so few
# descriptors cost otherwise.
configure few <<<$'window = 2s\nmax_memory = 64M\nlines = no\ninlines = no'
printf '[upload away]\ntype = http\nurl = http://127.0.0.1:9\nqueue_max_bytes = 64M\n' >>few.conf
"$CRESSET" agent -c few.conf --check >check.out 2>check.err || fail "--check: $(cat check.err)"
has check.err 'upload away.*queue_max_bytes.*max_memory'
few=240
run_agent few prlimit --nofile=$few:$few
wait_for 60 ready || fail "never ready: $(cat few.err)"
closed() {
	metric_above cresset_binaries_closed_total 0
}
wait_for 60 closed || fail "no binary was closed for want of descriptors"
wait_for 60 has_windows "$TMP/few.store" 4 || fail "no windows"
balanced
curl -s "$url/metrics" >metrics.prom
awk -v most=$few '
	/^cresset_memory_budget_bytes / { budget = $2 }
	/^cresset_memory_limit_bytes\{/ { split($1, a, "\""); limit[a[2]] = $2; sum += $2 }
	/^cresset_memory_used_bytes\{/ { split($1, a, "\""); used[a[2]] = $2 }
	/^cresset_descriptors_limit / { allowed = $2 }
	/^cresset_descriptors_open / { open = $2 }
	/^cresset_upload_queue_max_bytes\{/ { queue = $2 }
	END {
		if (budget != 64 * 1024 * 1024 || sum > budget) { print "budget", budget, "parts", sum; bad = 1 }
		for (part in used) {
			printf "%s: %d of %d kB\n", part, used[part] / 1024, limit[part] / 1024
			if (!(part in limit) || used[part] > limit[part]) { print part, "is over its share"; bad = 1 }
			n++
		}
		printf "%d of %d descriptors\n", open, allowed
		if (n < 7 || allowed != most || open > most || !open) { print "descriptors, or parts missing"; bad = 1 }
		if (queue != limit["queues"]) { print "the queue may have", queue; bad = 1 }
		exit bad
	}' metrics.prom >limits.out || fail "limits: $(cat limits.out)"
cat limits.out
if command -v promtool >/dev/null; then
	promtool check metrics <metrics.prom >promtool.out 2>&1 || fail "promtool: $(cat promtool.out)"
fi
[ "$(metric_sum cresset_windows_dropped_total)" = 0 ] || fail "windows were lost"
# More connections than it may have are refused, and it goes on.
python3 - "$port" <<'PY' || fail "connections"
import socket, sys
held = []
for i in range(100):
    try:
        held.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2))
    except OSError:
        break
print(len(held), "connections")
PY
wait_for 30 serves || fail "it does not serve any more"
names=$(metric cresset_symbolized_named_total)
[ "${names:-0}" -gt 0 ] || fail "nothing has a name"
query "$TMP/few.store" -e wall --idle -m 'service="limited"' -o limited.folded
has limited.folded 'wait_(busy|nanosleep)'
end_agent few

# ---- Too few to begin with.
"$CRESSET" agent -c few.conf --check >check.out 2>&1 || fail "--check"
prlimit --nofile=100:100 "$CRESSET" agent -c few.conf >few.out 2>few.err && fail "it runs with 100 descriptors"
has few.err '100 descriptors are too few.*LimitNOFILE'
finish
