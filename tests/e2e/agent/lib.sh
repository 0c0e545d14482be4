# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# agent/lib.sh - for tests of `cresset agent`: start it with a configuration, ask it things, and look
# at what it has stored; sourced behind ../lib.sh.

# free_port: of 127.0.0.1, one that nobody listens on.
free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# configure NAME: NAME.conf, with a store and a port of its own, and what is on standard input.
# Windows are short; [agent] goes on in the input.
configure() {
	port=${port:-$(free_port)}
	url=http://127.0.0.1:$port
	{
		printf '[http]\nlisten = 127.0.0.1:%s\n[store]\npath = %s\n' "$port" "$TMP/$1.store"
		echo '[agent]'
		cat
	} >"$1.conf"
}

# trouble: the environment of an agent whose disk hangs while $TMP/stalled is there, and whose clocks
# are off by what $TMP/clock says, and which can load no BPF program while $TMP/no-bpf is there; see tests/preload. For `env $(trouble)`.
trouble() {
	echo "LD_PRELOAD=$BUILD/tests/preload/trouble.so TROUBLE_STALL=$TMP/stalled TROUBLE_CLOCK=$TMP/clock" \
		"TROUBLE_BPF=$TMP/no-bpf" \
		"ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
}

# whole STORE: the catalogue is sound, and what is in the store can be read.
whole() {
	python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1] + "/catalog.db").execute("pragma integrity_check").fetchone()[0])' "$1" |
		grep -qx ok || fail "the catalogue of $1 is damaged"
	query "$1" --from 2000-01-01T00:00:00Z --by service
	has_not query.err damaged
}

# run_agent NAME [PREFIX...]: in the background, until it serves; sets agent (its pid).
run_agent() {
	"${@:2}" "$CRESSET" agent -c "$1.conf" >"$1.out" 2>"$1.err" &
	agent=$!
	started_pids+=("$agent")
	wait_for 30 serves || { fail "the agent '$1' does not serve: $(cat "$1.err")"; finish; }
}

serves() {
	curl -s -o /dev/null -m 5 "$url/healthz"
}

ready() {
	[ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "$url/readyz")" = "${1:-200}" ]
}

# end_agent NAME: SIGTERM; says how long it took, and that it went well.
end_agent() {
	local begin
	begin=$(date +%s%N)
	kill -TERM "$agent"
	wait_for 60 gone "$agent" || fail "the agent '$1' does not end"
	echo "'$1' ended after $((($(date +%s%N) - begin) / 1000000)) ms"
	wait "$agent" || fail "the agent '$1' ended with $?"
	has_not "$1.err" 'ERROR: |runtime error'
	# Whoever ends it has the last window: it ends when the signal came.
	last_window "$TMP/$1.store"
	[ "$window_to" -ge "$begin" ] || fail "the last window of '$1' ends $((begin - window_to)) ns before the signal"
}

gone() {
	! kill -0 "$1" 2>/dev/null || [ "$(awk '{ print $3 }' "/proc/$1/stat" 2>/dev/null)" = Z ]
}

# metric NAME[{LABELS}]: its value now.
metric() {
	curl -s -m 20 "$url/metrics" | awk -v n="$1" 'index($0, n " ") == 1 { print $NF }'
}

# metric_sum NAME: over all its labels.
metric_sum() {
	curl -s -m 20 "$url/metrics" | awk -v n="$1" 'index($0, n "{") == 1 || index($0, n " ") == 1 { sum += $NF } END { print sum + 0 }'
}

metric_is() {
	[ "$(metric "$1")" = "$2" ]
}

metric_above() {
	awk -v a="$(metric "$1")" -v b="$2" 'BEGIN { exit !(a > b) }'
}

# windows STORE: begin and end of each segment in their order (of windows, if none was compacted).
windows() {
	python3 - "$1" <<-'PY'
		import sqlite3, sys
		db = sqlite3.connect(f"file:{sys.argv[1]}/catalog.db?mode=ro", uri=True)
		for row in db.execute("select from_ns, to_ns, windows from segments order by from_ns"):
		    print(*row)
	PY
}

count_windows() {
	windows "$1" | awk '{ n += $3 } END { print n + 0 }'
}

last_window() {
	read -r window_from window_to _ < <(windows "$1" | tail -n 1)
	: "${window_from:=0}" "${window_to:=0}"
}

# contiguous STORE OVERLAP-MS: each window begins where the one before ends; up to OVERLAP-MS earlier.
contiguous() {
	windows "$1" | awk -v most="$2" 'NR > 1 {
			d = ($1 - to) / 1e6
			if (d > 1) { printf "a gap of %.1f ms\n", d; bad = 1 }
			if (-d > most + 1) { printf "%.1f ms twice\n", -d; bad = 1 }
		} { to = $2 } END { exit bad || NR < 2 }' >contiguous.out ||
		fail "$1: $(head -n 3 contiguous.out) ($(windows "$1" | wc -l) windows)"
}

# has_windows STORE N: at least so many are there.
has_windows() {
	[ "$(count_windows "$1")" -ge "$2" ]
}

# balanced: samples taken are written, filtered, left out or lost, by /metrics.
balanced() {
	curl -s -m 20 "$url/metrics" >balance.out
	awk '/^cresset_samples_taken_total/ { taken = $NF }
		/^cresset_samples_(written|filtered|unsampled)_total/ { sum += $NF }
		/^cresset_samples_lost_total/ { sum += $NF; lost += $NF }
		END { printf "%.0f taken, %.0f written, filtered, unsampled or lost (%.0f lost)\n", taken, sum, lost
			exit !(taken == sum && taken > 0) }' balance.out >balance.txt ||
		fail "the accounting does not add up: $(cat balance.txt)"
}

# query STORE ARGUMENTS...: must succeed; to query.out and query.err.
query() {
	local store=$1
	shift
	"$CRESSET" query --store "$store" "$@" >query.out 2>query.err || fail "query $*: $(cat query.err)"
}

# own_mounts SCRIPT: the rest of this test is run with mounts of its own.
own_mounts() {
	local result
	[ -z "${AGENT_TEST_NAMESPACE:-}" ] || return 0
	unshare -m true 2>/dev/null || skip "needs a mount namespace"
	AGENT_TEST_NAMESPACE=1 unshare -m --propagation private "$SRC/tests/e2e/$1"
	result=$?
	[ $result = 77 ] && exit 77
	[ $result = 0 ] || fail "in the namespace: $result"
	finish
}
