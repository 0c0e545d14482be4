#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# agent.sh BUILD [PAIRS [SECONDS]] - what the agent costs, without any configuration but a store and
# a port of its own: 19 Hz, cpu and off-CPU, 300 processes, all CPUs busy.
#
#   cost       CPU time of the agent's process over a minute, from its second minute on, when tables
#              and names of all that runs are there; memory, and that of its kernel maps beside it (of
#              which some are mapped, and so in both);
#              what following switches costs in the kernel, by its own estimate
#   slowdown   rounds that a busy program makes in a second of its CPU time, with the agent and
#              without, in pairs one after the other (default 8, of 5 s); with 95 % of confidence
#
# What else the machine does is in the cost: each program that starts is looked at. The number of
# those is printed.
set -u
build=$(cd "${1:?usage: agent.sh BUILD [PAIRS [SECONDS]]}" && pwd)
pairs=${2:-8}
seconds=${3:-5}
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
[ "$(id -u)" = 0 ] || { echo "agent: needs root" >&2; exit 77; }
bench=$(find "$build" -name bench_agent -type f | head -n1)
[ -x "$bench" ] || { echo "agent: no bench_agent below $build (ninja -C $build bench_agent)" >&2; exit 1; }
work=$(mktemp -d)
crowd='' agent=''
# shellcheck disable=SC2317
cleanup() {
	[ -z "$agent" ] || kill "$agent" 2>/dev/null
	[ -z "$crowd" ] || kill "$crowd" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
cd "$work" || exit 1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf '[store]\npath = %s/store\n[http]\nlisten = 127.0.0.1:%s\n' "$work" "$port" >agent.conf

start_agent() {
	"$build/cresset" agent -c agent.conf >agent.out 2>agent.err &
	agent=$!
	for _ in $(seq 100); do
		curl -s -o /dev/null "http://127.0.0.1:$port/healthz" && return
		sleep 0.1
	done
	cat agent.err >&2
	exit 1
}
end_agent() {
	kill "$agent" && wait "$agent"
	agent=
}
# CPU time of the agent, in seconds; with what BPF takes, and which programs were started.
used() {
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$agent/stat"
}
metric() {
	curl -s "http://127.0.0.1:$port/metrics" | awk -v n="$1" '$1 == n { print $2 }'
}
programs() {
	awk '/^processes/ { print $2 }' /proc/stat
}

"$bench" crowd 300 $((200 + pairs * (2 * seconds + 22))) &
crowd=$!
sleep 1
start_agent
"$bench" work 125 >/dev/null &
busy=$!
sleep 60
before=$(used) bpf=$(metric cresset_overhead_seconds_total) forks=$(programs)
sleep 60
after=$(used)
awk -v a="$before" -v b="$after" -v k="$bpf" -v l="$(metric cresset_overhead_seconds_total)" -v f=$(($(programs) - forks)) \
	'BEGIN { printf "cost       %.2f %% of one CPU in user space and its system calls, %.2f %% in BPF (estimate); %d processes were started a second\n",
		(b - a) / 60 * 100, (l - k) / 60 * 100, f / 60 }'
awk '/^VmRSS/ { rss = $2 / 1024 } /^RssAnon/ { anon = $2 / 1024 } END { printf "memory     %.1f MB resident, %.1f MB of it anonymous", rss, anon }' "/proc/$agent/status"
# Unwind tables in the kernel are mapped too, and so counted twice: as resident, and as kernel maps.
awk '/^[0-9a-f]+-/ { maps = /bpf-map/ } maps && /^Rss:/ { kb += $2 } END { printf " and %.1f MB of it kernel maps", kb / 1024 }' "/proc/$agent/smaps"
awk -v k="$(metric cresset_kernel_memory_bytes)" 'BEGIN { printf "; kernel maps %.1f MB\n", k / 1e6 }'
echo "sampling   $(metric cresset_sampling_frequency_hertz) Hz (lowered $(metric cresset_sampling_lowered_total) times), $(metric cresset_labelled_processes) processes, $(metric cresset_windows_total) windows"
wait "$busy"
end_agent

# ---- In pairs, each time the other one first.
one() { # NAME
	if [ "$1" = with ]; then
		start_agent
		sleep 12
	fi
	"$bench" work "$seconds" | awk '{ s += $1 } END { print s / NR }' >>"$1.log"
	[ "$1" = with ] && end_agent
	return 0
}
for ((i = 0; i < pairs; i++)); do
	if [ $((i % 2)) = 0 ]; then
		one without && one with
	else
		one with && one without
	fi
done
paste with.log without.log | awk '{ d[NR] = ($2 / $1 - 1) * 100; s += d[NR] } END {
	m = s / NR
	for (i = 1; i <= NR; i++) q += (d[i] - m) ^ 2
	# Students t for a few pairs.
	split("12.7 4.30 3.18 2.78 2.57 2.45 2.36 2.31 2.26", t, " ")
	e = NR > 1 ? (NR - 1 in t ? t[NR - 1] : 2) * sqrt(q / (NR - 1) / NR) : 0
	printf "slowdown   %+.2f %% (95 %%: %+.2f to %+.2f), %d pairs\n", m, m - e, m + e, NR }'
