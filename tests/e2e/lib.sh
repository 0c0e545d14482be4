# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# lib.sh - for the end-to-end tests: run the program as a user does, then look at what came out.
#
# Sourced first. Gives each test a temporary directory ($TMP, also the working directory), ends what
# it started, and has the questions that tests ask of a folded file. Environment: CRESSET (the
# program), WORKLOADS, SRC, BUILD; defaults suit a run by hand from the top of the tree.
set -u
SRC=${SRC:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD=${BUILD:-$SRC/build/dev}
CRESSET=${CRESSET:-$BUILD/cresset}
WORKLOADS=${WORKLOADS:-$BUILD/tests/workloads}
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
TMP=$(mktemp -d "${TMPDIR:-/tmp}/cresset-e2e-XXXXXX")
chmod 755 "$TMP"
cd "$TMP" || exit 1
failures=0
started_pids=()

cleanup() {
	local pid
	for pid in "${started_pids[@]:-}"; do
		[ -n "$pid" ] && kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	cd / && rm -rf "$TMP"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

skip() {
	echo "skipped: $*"
	exit 77
}

fail() {
	echo "FAIL: $*"
	failures=$((failures + 1))
}

# Prints files that help to understand a failure, and ends the test.
finish() {
	local f
	if [ "$failures" -gt 0 ]; then
		for f in *.err *.out *.json; do
			[ -s "$f" ] && { echo "--- $f"; head -c 1500 "$f"; }
		done
		for f in *.folded; do
			[ -s "$f" ] && { echo "--- $f"; cut -c1-200 "$f" | head -n 6; }
		done
		echo "$failures failed"
		exit 1
	fi
	echo "ok"
	exit 0
}

# Recording needs BPF: without root (or where root may not) there is nothing to test.
need_bpf() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	bpftool prog show >/dev/null 2>&1 || skip "this root may not use BPF"
	[ -x "$CRESSET" ] || { fail "no $CRESSET"; finish; }
}

need() {
	local program
	for program; do
		command -v "$program" >/dev/null || skip "needs $program"
	done
}

# start COMMAND...: in the background, with standard output in $TMP/NAME.json; sets pid.
start() {
	: >"$(basename "$1").json"
	"$@" >"$(basename "$1").json" 2>"$(basename "$1").err" &
	pid=$!
	started_pids+=("$pid")
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local tries=$(($1 * 20))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

# record ARGUMENTS...: `cresset record` that must succeed; standard error to record.err.
record() {
	if ! "$CRESSET" record "$@" >record.out 2>record.err; then
		fail "cresset record $*: $(tail -n 3 record.err)"
		return 1
	fi
}

# total FILE [PATTERN]: sum of the counts of the stacks that match (awk regex; all without one).
total() {
	awk -v p="${2:-.}" '{ n = $NF; sub(/ [0-9]+$/, "") } $0 ~ p { sum += n } END { print sum + 0 }' "$1"
}

# share FILE PATTERN [OF]: percent of the counts (of the stacks that match OF), two decimals.
share() {
	awk -v p="$2" -v of="${3:-.}" '{ n = $NF; sub(/ [0-9]+$/, "") } $0 ~ of { all += n; if ($0 ~ p) sum += n }
		END { printf "%.2f\n", all ? 100 * sum / all : 0 }' "$1"
}

# within VALUE EXPECTED TOLERANCE WHAT
within() {
	awk -v v="$1" -v e="$2" -v t="$3" 'BEGIN { d = v - e; exit !(d <= t && d >= -t) }' ||
		fail "$4: $1, expected $2 +- $3"
}

at_least() {
	awk -v v="$1" -v e="$2" 'BEGIN { exit !(v >= e) }' || fail "$3: $1, expected at least $2"
}

# truth FILE NAME: percent that the workload measured itself.
truth() {
	awk -v name="\"$2\":" '{ for (i = 1; i < NF; i++) if ($i == name) { v = $(i + 1); sub(/[,}]*$/, "", v); print v * 100; exit } }' "$1"
}

has() {
	grep -Eq -- "$2" "$1" || fail "$1 has no '$2'${3:+ ($3)}"
}

has_not() {
	! grep -Eq -- "$2" "$1" || fail "$1 has '$2'${3:+ ($3)}: $(grep -Em1 -- "$2" "$1" | cut -c1-200)"
}
