#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# overhead.sh BUILD [ROUNDS] - what a profile costs, against perf, bpftrace and BCC in the same run.
#
# Round by round, one tool after the other, so that what else the machine does hits all alike:
#   session   system-wide at 99 Hz for 10 s over a mixed load, all names done where the tool names:
#             exec to first sample, CPU time, memory, memory of the BPF maps
#   hot       9,999 Hz for 3 s over one pinned process 20 frames deep: BPF time of a sample
# Medians, and ratios against cresset. First sample: for BPF tools the first run of their program; for
# perf, whose samples are not BPF's, the time stamp of the first one it wrote.
set -u
build=$(cd "${1:?usage: overhead.sh BUILD [ROUNDS]}" && pwd)
rounds=${2:-3}
src=$(cd "$(dirname "$0")/../.." && pwd)
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
[ "$(id -u)" = 0 ] || { echo "overhead: needs root" >&2; exit 77; }
ninja -C "$build" cresset bench_session workloads >/dev/null || exit 1
session=$build/tests/bench_session
[ -x "$session" ] || session=$(find "$build" -name bench_session -type f | head -n1)
work=$(mktemp -d)
loads=()
# shellcheck disable=SC2317
cleanup() {
	[ ${#loads[@]} = 0 ] || kill "${loads[@]}" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1

# A load that ends by itself: a pinned program, short processes, switches, kernel time; about one CPU.
mixed_load() {
	local seconds=$1
	taskset -c 0 "$build/tests/workloads/demo" "$seconds" &
	loads=($!)
	"$src/tests/workloads/shortlived.sh" "$build/tests/workloads/burner" $((seconds * 8)) &
	loads+=($!)
	"$build/tests/workloads/syscalls" "$seconds" >/dev/null &
	loads+=($!)
}

end_load() {
	kill "${loads[@]}" 2>/dev/null
	wait "${loads[@]}" 2>/dev/null
	loads=()
}

bcc=profile-bpfcc

# BCC compiles against kernel headers, and none are packaged for every kernel. Debian's 6.1 ones, both
# packages merged into one tree, do for its profile tool.
bcc_headers() {
	local tree=$build/bench/headers part=$build/bench/headers.part
	if [ ! -d "$tree" ]; then
		rm -rf "$part" && mkdir -p "$part/debs" "$part/tree" || return 1
		local package
		package=$(apt-cache search --names-only '^linux-headers-6\.1\.0-[0-9]+-cloud-amd64$' |
			awk '{ print $1 }' | sort -V | tail -n1)
		(cd "$part/debs" && apt-get download "$package" "${package%-cloud-amd64}-common") >/dev/null 2>&1 ||
			return 1
		for package in "$part"/debs/*.deb; do dpkg-deb -x "$package" "$part/x" || return 1; done
		cp -a "$part"/x/usr/src/*-common/. "$part/tree/" &&
			cp -a "$part"/x/usr/src/*-cloud-amd64/. "$part/tree/" && mv "$part/tree" "$tree"
		rm -rf "$part"
	fi
	export BCC_KERNEL_SOURCE=$tree
}
bcc_headers || echo "no kernel headers for BCC"
bpftrace_program='profile:hz:%d { @[kstack, ustack, comm, pid] = count(); } interval:s:%d { exit(); }'

# session TOOL: its line of figures.
run_session() {
	case $1 in
	cresset) "$session" -o log "$build/cresset" record -a -F 99 -d 10s -o c.folded -o c.pb.gz ;;
	cresset-svg) "$session" -o log "$build/cresset" record -a -F 99 -d 10s -o c.svg ;;
	perf)
		start=$(awk '{ print $1 }' /proc/uptime)
		line=$("$session" -o log perf record -q -k CLOCK_MONOTONIC -F 99 -a -g -o p.data -- sleep 10)
		first=$(perf script -i p.data -F time --no-inline 2>/dev/null | awk -v s="$start" 'NF { sub(":", "", $1); print $1 - s; exit }')
		echo "$line first_s=$first"
		;;
	bpftrace)
		# shellcheck disable=SC2059
		BPFTRACE_CACHE_USER_SYMBOLS=1 "$session" -o log bpftrace -e "$(printf "$bpftrace_program" 99 10)"
		;;
	bcc) "$session" -o log $bcc -F 99 -f 10 ;;
	esac
}

run_hot() {
	case $1 in
	cresset) "$session" -o log "$build/cresset" record -a -F 9999 -d 3s -o h.folded ;;
	cresset-fp) "$session" -o log "$build/cresset" record --unwind fp -a -F 9999 -d 3s -o h.folded ;;
	bpftrace)
		# shellcheck disable=SC2059
		"$session" -o log bpftrace -e "$(printf "$bpftrace_program" 9999 3)"
		;;
	bcc) "$session" -o log $bcc -F 9999 -f 3 ;;
	esac
}

value() {
	tr ' ' '\n' | sed -n "s/^$1=//p"
}

# median FILE NAME
median() {
	value "$2" <"$1" | sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)]; else print "-" }'
}

tools=(cresset cresset-svg)
hot_tools=(cresset cresset-fp)
command -v perf >/dev/null && tools+=(perf) || echo "perf: not installed"
command -v bpftrace >/dev/null && tools+=(bpftrace) && hot_tools+=(bpftrace) || echo "bpftrace: not installed"
if command -v $bcc >/dev/null && timeout 60 $bcc -F 99 -f 1 >bcc.log 2>&1; then
	tools+=(bcc)
	hot_tools+=(bcc)
else
	echo "$bcc: does not run here ($(grep -im1 error bcc.log 2>/dev/null | cut -c1-100))"
fi

for round in $(seq "$rounds"); do
	for tool in "${tools[@]}"; do
		mixed_load 20
		sleep 0.5
		run_session "$tool" >>"session.$tool"
		end_load
	done
	for tool in "${hot_tools[@]}"; do
		taskset -c 1 "$build/tests/workloads/deep" 15 16 &
		loads=($!)
		sleep 0.3
		run_hot "$tool" >>"hot.$tool"
		end_load
	done
	echo "round $round of $rounds" >&2
done

# table PREFIX TOOLS... -- COLUMNS...: medians, and each in relation to cresset.
table() {
	local prefix=$1 tool column own v
	shift
	printf '%-12s' tool
	for column in $columns; do printf '%20s' "$column"; done
	printf '\n'
	for tool; do
		printf '%-12s' "$tool"
		for column in $columns; do
			own=$(median "$prefix.cresset" "$column")
			v=$(median "$prefix.$tool" "$column")
			printf '%20s' "$(awk -v v="$v" -v o="$own" 'BEGIN { if (v == "-") print "-"; else if (o + 0) printf "%s (x%.2f)", v, v / o; else print v }')"
		done
		printf '\n'
	done
}

echo
echo "A 10 s session, system-wide at 99 Hz, $rounds rounds, medians (relation to cresset):"
for tool in "${tools[@]}"; do
	sed -i 's/\(user_s=\([0-9.]*\) sys_s=\([0-9.]*\)\)/\1 CPU/' "session.$tool"
	awk '{ u = s = 0; for (i = 1; i <= NF; i++) { if (split($i, a, "=") == 2) { if (a[1] == "user_s") u = a[2]; if (a[1] == "sys_s") s = a[2] } } sub(/ CPU/, sprintf(" cpu_s=%.3f", u + s)); print }' \
		"session.$tool" >t && mv t "session.$tool"
done
columns="first_s cpu_s user_s sys_s rss_mb maps_mb run_ns" table session "${tools[@]}"
echo
echo "9,999 Hz over a pinned process 20 frames deep (run_ns: BPF time of a sample):"
columns="run_ns runs maps_mb rss_mb" table hot "${hot_tools[@]}"
