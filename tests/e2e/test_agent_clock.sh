#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A wall clock that is set by hours while the agent runs, forward and back, and a machine that
# sleeps; by a library that lies to this one process. Each is told and counted, every window is
# stored once with one date, and queries find what they should.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/agent/lib.sh"
need_bpf
need curl python3

# The agent's day begins at ten o'clock, whatever the time is: so no jump of this test leaves the day, and no
# segments of different dates become one of a day. (Those of an hour do; that is one date.)
base=$(date +%s)
base=$((base / 86400 * 86400 + 10 * 3600 + 30 - base))

# clock SECONDS-OF-THE-WALL-CLOCK SECONDS-SLEPT
clock() {
	echo "$((($1 + base) * 1000000000)) $(($2 * 1000000000))" >clock.new
	mv clock.new clock
}

now() {
	echo $(($(date +%s) + base))
}

# more N: so many windows more than there were.
more() {
	local n
	n=$(count_windows "$store")
	wait_for 60 has_windows "$store" $((n + $1)) || fail "it stores no more: $(tail -n 3 clocks.err)"
}

clock 0 0
OTEL_SERVICE_NAME=clocked start "$WORKLOADS/asleep" nanosleep busy
configure clocks <<<'window = 1s'
store=$TMP/clocks.store
begin=$(now)
# shellcheck disable=SC2046 # a list of words
run_agent clocks env $(trouble)
more 3
metric_is 'cresset_clock_jumps_total{direction="forward"}' 0 || fail "a jump before there is one"

clock $((5 * 3600)) 0 # forward
wait_for 30 metric_is 'cresset_clock_jumps_total{direction="forward"}' 1 || fail "a jump forward goes unseen"
more 3
clock $((-9 * 3600)) 0 # and back
wait_for 30 metric_is 'cresset_clock_jumps_total{direction="back"}' 1 || fail "a jump back goes unseen"
more 3
clock 0 0 # put right again
wait_for 30 metric_is 'cresset_clock_jumps_total{direction="forward"}' 2 || fail "the third goes unseen"
more 2
metric_is cresset_suspends_total 0 || fail "a jump is taken for sleep"
clock 0 7200 # asleep for two hours
wait_for 30 metric_is cresset_suspends_total 1 || fail "sleep goes unseen"
more 3
[ "$(metric 'cresset_clock_jumps_total{direction="forward"}')$(metric 'cresset_clock_jumps_total{direction="back"}')" = 21 ] ||
	fail "sleep is taken for a jump"
[ "$(metric_sum cresset_windows_dropped_total)$(metric cresset_store_errors_total)$(metric cresset_recorder_errors_total)" = 000 ] ||
	fail "windows were lost"
curl -s -m 30 -o capture.pb.gz "$url/debug/pprof/profile?seconds=2" &
capture=$!
sleep 1
clock -3600 7200 # in the middle of a capture
wait "$capture" || fail "no capture across a jump"
"$CRESSET" convert capture.pb.gz -o capture.folded 2>convert.err || fail "the capture cannot be read: $(cat convert.err)"
has capture.folded wait_busy
ready 200 || fail "not ready after all that: $(curl -s "$url/readyz")"
balanced
appended=$(metric cresset_store_windows_appended_total)
kill -TERM "$agent"
wait "$agent" || fail "it ended with $?"
end=$(now)
has clocks.err 'the clock was set forward by 18000\.[0-9] s'
has clocks.err 'the clock was set back by 50400\.[0-9] s'
has clocks.err 'the machine slept for 7200\.[0-9] s'
has_not clocks.err 'ERROR: |runtime error'

# ---- What was stored: each window once, and none on both sides of a jump.
python3 - "$store" "$appended" "$begin" <<'PY' >stored.out || fail "stored: $(cat stored.out)"
import sqlite3, sys
store, appended, begin = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = sqlite3.connect(f"file:{store}/catalog.db?mode=ro", uri=True)
rows = db.execute("select from_ns, to_ns, windows from segments order by seq").fetchall()
n = sum(r[2] for r in rows)
print(f"{n} windows, {appended} counted before the end, in {len(rows)} segments")
bad = not appended <= n <= appended + 4
hours = {}
for a, b, count in rows:
    off = round((a / 1e9 - begin) / 3600)
    hours[off] = hours.get(off, 0) + (b - a) / 1e9
    if not 0 <= b - a < 3600e9:
        print("a window across a jump:", a, b)
        bad = True
print({k: round(v, 1) for k, v in hours.items()})
if set(hours) != {0, 5, -9, 2, 1}:
    print("dates that nobody set")
    bad = True
sys.exit(bad)
PY
cat stored.out
whole "$store"

# All of the time is there, and none of it twice.
total_of() {
	query "$store" --from "$1" --to "$2" -e wall --idle -m 'service="clocked"' -o part.folded
	awk -v s="$(total part.folded)" 'BEGIN { printf "%.1f", s / 1e9 }'
}
h=3600
slept=$(total_of "$((begin - 20 * h))" "$((begin + 20 * h))")
at_least "$slept" "$(awk -v s=$((end - begin)) 'BEGIN { print s * 3 * 0.3 }')" "seconds of three threads"
at_least "$(awk -v s=$((end - begin)) 'BEGIN { print (s + 1) * 3 }')" "$slept" "seconds that there were"

# Queries by those dates: nothing of one shows in the other.
for range in "$((begin - 10 * h)) $((begin - 8 * h))" "$((begin + 4 * h)) $((begin + 6 * h))"; do
	# shellcheck disable=SC2086 # two words
	at_least "$(total_of $range)" 3 "seconds of three threads in $range"
done
[ "$(total_of "$((begin - 7 * h))" "$((begin - h))")" = 0.0 ] || fail "something where nothing was"

# The next agent has the right time, and what is dated otherwise stays.
n=$(count_windows "$store")
run_agent clocks
more 2
[ "$(count_windows "$store")" -ge "$n" ] || fail "windows have gone"
end_agent clocks
finish
