#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2164,SC2209
#
# inside.sh - /init of the test machine: sets it up, runs the tests, prints "VM PASS|FAIL|SKIP NAME"
# lines and "VM END", and switches it off.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp EMULATED=1 WORKLOADS=/workloads ORACLE_SAMPLES=400 ORACLE_HZ=49
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
chmod 1777 /tmp
ip link set lo up 2>/dev/null
cd /tmp
echo
echo "VM INFO $(uname -r), $(nproc) CPUs"

pass() {
	echo "VM PASS $1"
}

# bad NAME FILE...: shows what was said.
bad() {
	echo "VM FAIL $1"
	shift
	for f; do
		echo "--- $f"
		head -n 40 "$f" | cut -c1-300
	done
}

# share FILE PATTERN [OF]: whole percent of the counts.
share() {
	awk -v p="$2" -v of="${3:-.}" '{ n = $NF; sub(/ [0-9]+$/, "") } $0 ~ of { all += n; if ($0 ~ p) sum += n }
		END { printf "%d\n", all ? 100 * sum / all + 0.5 : 0 }' "$1"
}

# near FILE PATTERN OF PERCENT: the share, within 5 points and three times the sampling error.
near() {
	awk -v p="$2" -v of="$3" -v want="$4" '{ n = $NF; sub(/ [0-9]+$/, "") } $0 ~ of { all += n; if ($0 ~ p) sum += n }
		END { d = all ? 100 * sum / all - want : 100; printf "%s: %.1f off %d, %d samples\n", p, d, want, all
			if (d < 0) d = -d
			exit all < 20 || (d > 5 && (d - 5) * (d - 5) * all > 9 * want * (100 - want)) }' "$1" >>near.log
}

t=doctor
if cresset doctor >$t.log 2>&1; then pass $t; else bad $t $t.log; fi

# Emulation is slow: the first load of BPF programs alone takes seconds.
t=system_wide
/workloads/cputree 20 >tree.json &
tree=$!
if cresset record -a -F 199 -d 3s -o all.folded >$t.log 2>&1 &&
	[ "$(share all.folded ';main;run' '^cputree;')" -ge 90 ]; then
	pass $t
else
	bad $t $t.log all.folded
fi
kill $tree

t=shares
/workloads/cputree 60 >tree.json &
tree=$!
if cresset record -p $tree -F 199 -d 8s -o tree.folded >$t.log 2>&1 &&
	near tree.folded ';parse_field(;|$)' ';main;run;' 50 &&
	near tree.folded ';fold_step(;|$)' ';main;run;' 30 &&
	near tree.folded ';emit_block(;|$)' ';main;run;' 20 &&
	[ "$(share tree.folded ';main(;|$)')" -ge 99 ]; then
	pass $t
else
	bad $t $t.log near.log tree.folded
fi
kill $tree

t=inlined
/workloads/cpptree 60 >/dev/null &
cpp=$!
if cresset record -p $cpp -F 199 -d 4s -o cpp.folded -o cpp.svg -o cpp.pb.gz >$t.log 2>&1 &&
	[ "$(share cpp.folded ';Alpha::work.*;mix_all<8>.*;mix_one<long unsigned int>' 'Alpha::work')" -ge 85 ] &&
	[ -s cpp.svg ] && [ -s cpp.pb.gz ]; then
	pass $t
else
	bad $t $t.log cpp.folded
fi
kill $cpp

# Code without frame pointers. What came before its tables is left out: here that takes a second. One
# in ten threads is a coroutine, whose stack has no recognised bottom.
t=unwind
/workloads/mix 60 &
mix=$!
sleep 3
if cresset record -p $mix -F 199 -d 8s -o mix.folded >$t.log 2>&1 &&
	grep -v '[[]error: \(process not yet known\|no unwind table yet\)]' mix.folded >late.folded &&
	[ "$(awk '{ n += $NF } END { print n + 0 }' late.folded)" -ge 50 ] &&
	[ "$(share late.folded ';[[]error:')" -le 25 ]; then
	pass $t
else
	bad $t $t.log mix.folded
fi
kill $mix

t=command
cresset record -F 499 -o cmd.folded -- /workloads/burner 1500 7 >$t.log 2>&1
if [ $? = 7 ] && grep -q 'main;burn;burn_round' cmd.folded; then pass $t; else bad $t $t.log cmd.folded; fi

# Starting a program takes tens of milliseconds here, so they live longer than 20.
t=shortlived
cresset record -F 999 -o short.folded -- /bin/busybox sh /workloads/shortlived.sh /workloads/burner 20 150 >$t.log 2>&1
# The function that ran (kernel frames may follow) has a name, or lies in a stripped library.
grep -E '[[](unknown|burner[+])[^;]*(;(asm_|entry_|ret_from_).*)? [0-9]+$' short.folded >unnamed
unnamed=$(share short.folded '[[](unknown|burner[+])[^;]*(;(asm_|entry_|ret_from_).*)?$' '^burner;')
working=$(share short.folded ';main;burn' '^burner;')
echo "$unnamed % unnamed, $working % in main" >>$t.log
if [ "$unnamed" -le 5 ] && [ "$working" -ge 10 ]; then
	pass $t
else
	bad $t $t.log unnamed
fi

t=cgroup
mkdir -p /sys/fs/cgroup/cresset
(echo 0 >/sys/fs/cgroup/cresset/cgroup.procs && exec /workloads/cputree 30 >/dev/null) &
tree=$!
if cresset record --cgroup /sys/fs/cgroup/cresset -F 199 -d 2s -o group.folded >$t.log 2>&1 &&
	[ "$(share group.folded '^cputree;')" -ge 98 ]; then
	pass $t
else
	bad $t $t.log group.folded
fi
kill $tree

# Where time goes: per thread it is the time that the thread has seen, and all of it is in samples. What
# came before the tables is left out of the callers: the wait is in the code that waits. No wait has a
# frame of ours; a tick may find a CPU in the program that sees a thread being made, and then says so.
t=wall
if cresset record -q -e wall --exact --per-thread -o wall.folded -- /workloads/waits 6 waits.truth \
	sleep semaphore pipe poll condition migrate never spin0 spin1 >$t.log 2>&1 &&
	awk 'FILENAME == "waits.truth" { kind[$2] = $1; inner[$2] = $6; outer[$2] = $8; next }
		{
			n = $NF; sub(/ [0-9]+$/, "")
			all += n; tid = $0; sub(/;.*/, "", tid); sub(/.*\//, "", tid); sum[tid] += n
			if (/[[](blocked|idle)]$/ && !/[[]error: / && /;start;run_/) { waits += n; right += /_outer;[a-z]*_middle;[a-z]*_wait;/ ? n : 0 }
			if (/bpf_prog_|bpf_trace_run|__traceiter/ && /\]$/ && !/bpf_prog_.*;asm_/) { own++; print "own: " $0 }
		}
		END {
			for (tid in kind) {
				printf "%s: %d <= %d <= %d ms\n", kind[tid], inner[tid] / 1e6, sum[tid] / 1e6, outer[tid] / 1e6
				bad += sum[tid] < inner[tid] * 0.995 || sum[tid] > outer[tid] * 1.01 + 1e8; n_kinds++
			}
			printf "%.1f %% of %.1f s with the right caller\n", waits ? 100 * right / waits : 0, waits / 1e9
			exit bad || own || n_kinds < 9 || waits < 1e9 || right < 0.95 * waits
		}' waits.truth wall.folded >>$t.log &&
	awk 'FILENAME == "wall.log" { if ($1 == "time") { for (i = 1; i < NF; i++) if ($i == "=" || $i == "+") want += $(i + 1) } next }
		{ have += $NF / 1e9 } END { d = have - want; printf "%.3f s in samples of %.3f\n", have, want; exit d > 0.002 * want || -d > 0.002 * want || want < 10 }' \
		$t.log wall.folded >sums.log; then
	pass $t
else
	bad $t $t.log sums.log wall.folded
fi

t=wakers
/workloads/wakers 60 &
wakers=$!
sleep 2
if cresset record -q -e off-cpu --wake-depth 2 --per-thread -p $wakers -d 4s -o wakers.folded >$t.log 2>&1 &&
	[ "$(share wakers.folded ';--;.*;signal_cond;.*;signaller;' '^waiter-.*;wait_cond;.*[[](blocked|idle)]$')" -ge 80 ] &&
	[ "$(share wakers.folded ';--;.*;[[]interrupt]' '^timer-.*;wait_timer;.*[[]idle]$')" -ge 80 ]; then
	pass $t
else
	bad $t $t.log wakers.folded
fi
kill $wakers


# Debian's default (3) wants CAP_SYS_ADMIN for every event; live_agent_privilege has CAP_PERFMON only.
echo 2 >/proc/sys/kernel/perf_event_paranoid
for live in /live/live_*; do
	[ -x "$live" ] || continue
	t=${live##*/}
	timeout 300 "$live" >"$t.log" 2>&1
	case $? in
	0) pass "$t" ;;
	77) echo "VM SKIP $t: $(grep -i skip "$t.log" | tail -n1)" ;;
	*) echo "VM FAIL $t"; grep -vE '^\[ (RUN|      OK)' "$t.log" | tail -n 40 ;;
	esac
done

echo "VM END"
sync
poweroff -f
