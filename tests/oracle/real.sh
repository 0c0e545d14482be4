# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# real.sh - for tests/e2e and tests/bench: programs that nobody built for profiling, and how many of
# their stacks are whole. Sourced; needs lib.sh's variables or CRESSET set, and a directory to write to.
#
# A program runs under timeout, so it ends by itself. What is sampled is the program alone (-p), from
# when it is well under way, but for gcc, which is recorded from its start, children included.

real_programs=(bash xz sqlite3 python3 perl openssl cc1 redis node java java-fp gcc)
# Everything they execute is C or C++ with unwind information (openssl's and libc's assembler too).
real_native=" bash xz sqlite3 python3 perl openssl cc1 redis gcc "
REAL_SECONDS=${REAL_SECONDS:-120}
real_timeouts=()

real_have() {
	local need
	case $1 in
	cc1) need=gcc ;;
	redis) need="redis-server redis-benchmark" ;;
	java | java-fp) need="java javac" ;;
	*) need=$1 ;;
	esac
	# shellcheck disable=SC2086 # a list of words
	command -v $need >/dev/null 2>&1 && for need in $need; do command -v "$need" >/dev/null || return 1; done
}

# real_run COMMAND...: sets pid, of the command itself.
real_run() {
	local tries
	timeout -k 1 "$REAL_SECONDS" "$@" >real.out 2>real.err &
	real_timeouts+=($!)
	pid=
	for tries in $(seq 100); do
		pid=$(pgrep -P "${real_timeouts[-1]}") && break
		sleep 0.02
	done
	[ -n "$pid" ] || { echo "$1 ($tries): $(head -c 200 real.err)" >&2; return 1; }
}

real_end() {
	local t
	for t in "${real_timeouts[@]}"; do
		kill "$t" 2>/dev/null
		wait "$t" 2>/dev/null
	done
	real_timeouts=()
}

real_source() {
	awk 'BEGIN { for (i = 0; i < 20000; i++) printf "int f%d(int *a, int n) { int s = %d; for (int i = 0; i < n; i++) switch (a[i] %% 7) { case 0: s += a[i]; break; case 3: s ^= i * %d; break; default: s = s * 31 + (a[i] > s ? i : -i); } return s; }\n", i, i, i + 3 }'
}

real_java() {
	cat >Load.java <<'JAVA'
import java.util.*;
public class Load {
	static long fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
	public static void main(String[] a) {
		long sum = 0;
		for (int round = 0; ; round++) {
			Map<String, Integer> m = new TreeMap<>();
			for (int i = 0; i < 2000; i++) m.merge("k" + (i * 31 % 977), i, Integer::sum);
			StringBuilder b = new StringBuilder();
			for (Map.Entry<String, Integer> e : m.entrySet()) b.append(e.getKey()).append(e.getValue());
			sum += fib(20) + b.toString().replace("k1", "x").hashCode();
			if (sum == 42) System.out.println(sum);
		}
	}
}
JAVA
	[ -s Load.class ] || javac Load.java
}

# real_start NAME: sets pid.
# shellcheck disable=SC2016 # programs in other languages
real_start() {
	local port
	case $1 in
	bash) real_run bash -c 'while :; do x=$((x + 1)); y=a${x}b; [[ $y == *9* ]] && z=${y//9/8}; a[x % 100]=$z; done' ;;
	xz)
		[ -s xz.data ] || cat /usr/lib/x86_64-linux-gnu/lib[a-o]*.so.* 2>/dev/null | head -c 400000000 >xz.data
		real_run xz -9 -T1 -c xz.data
		;;
	sqlite3) real_run sqlite3 :memory: "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000000000) SELECT x % 97 AS k, count(*), max(printf('%d', x)), sum(length(hex(x))) FROM c GROUP BY k;" ;;
	python3) real_run /usr/bin/python3 -c '
import json, re
while True:
  d = {str(i): [i, i * 1.5, "x" * (i % 7)] for i in range(300)}
  t = json.dumps(d, indent=1); json.loads(t)
  re.findall(r"(\w+)\W+(?=\d)", t); sorted(d, key=lambda k: -int(k))' ;;
	perl) real_run perl -e 'while (1) { my %h; for my $i (1 .. 1000) { $h{"k$i"} = join ",", map { $_ * 2 } 1 .. 9; } for (sort keys %h) { $h{$_} =~ s/(\d+),/<$1>/g; } }' ;;
	openssl) real_run openssl speed -seconds 1 rsa2048 ecdsap256 sha256 aes-128-cbc ghash ;;
	cc1)
		[ -s long.c ] || real_source >long.c
		real_run "$(gcc -print-prog-name=cc1)" -quiet -O2 long.c -o /dev/null
		;;
	redis)
		port=$((20000 + RANDOM % 20000))
		timeout -k 1 "$REAL_SECONDS" bash -c "sleep 0.5; while redis-benchmark -p $port -n 300000 -P 16 -q -t set,get,lpush,lrange_100,zadd,mset; do :; done" >bench.out 2>&1 &
		real_timeouts+=($!)
		real_run redis-server --port $port --save '' --bind 127.0.0.1 --dir .
		;;
	node) real_run node -e 'function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2); }
		for (;;) { const o = {}; for (let i = 0; i < 500; i++) o["k" + i] = [i, String(i)]; const t = JSON.stringify(o);
		JSON.parse(t); t.replace(/k(\d+)/g, (m, d) => d + "x"); f(18); Object.keys(o).sort(); }' ;;
	java) real_java && real_run java -cp . Load ;;
	java-fp) real_java && real_run java -XX:+PreserveFramePointer -cp . Load ;;
	esac || return 1
	# Loaded, and past what it only does once.
	sleep "${REAL_WARM:-1}"
}

# real_whole FILE: of a folded file: samples; percent of them whose stack is whole; samples that came
# before user space had brought the mappings and tables; and percent whole without these.
real_whole() {
	awk '{ n = $NF; all += n
		if (/;\[error: (process not yet known|no unwind table yet)\]/) early += n
		else if (!/;\[error: /) good += n }
		END { printf "%d %.3f %d %.3f\n", all, all ? 100 * good / all : 0, early,
			all - early ? 100 * good / (all - early) : 0 }' "$1"
}

# real_record MODE SECONDS NAME: into NAME.MODE.folded, with the summary in NAME.MODE.err.
real_record() {
	local mode=$1 seconds=$2 name=$3
	if [ "$name" = gcc ]; then
		[ -s short.c ] || real_source | head -n 800 >short.c
		"$CRESSET" record --unwind "$mode" -U -F 499 -o "$name.$mode.folded" -- gcc -O2 -c short.c -o /dev/null \
			>"$name.$mode.err" 2>&1
	else
		"$CRESSET" record --unwind "$mode" -U -F 499 -d "${seconds}s" -p "$pid" -o "$name.$mode.folded" \
			>"$name.$mode.err" 2>&1
	fi
}

# real_perf SECONDS NAME: percent of perf's stacks that come to a bottom. perf has no mark for that, so
# one of the last three frames must have a name that only bottoms have, or lie in the nameless part
# of libc where clone3 is.
real_perf() {
	local target
	[ "$2" = gcc ] && target="-- gcc -O2 -c short.c -o /dev/null" || target="-p $pid -- sleep $1"
	# shellcheck disable=SC2086 # a list of words
	perf record -B -q -e cpu-clock:u -F 499 --call-graph dwarf -o "$2.perf" $target >perf.out 2>&1 || { echo -; return; }
	perf script --no-inline -F ip,sym,dso -i "$2.perf" 2>/dev/null | awk '
		function ended() {
			if (!n) return
			all++
			for (i = n; i > n - 3 && i > 0; i--)
				if (name[i] ~ /^(main|_start|__libc_start_.*|start_thread|clone3?|__clone.*|_dl_start.*)$/) { good++; n = 0; return }
			if (name[n] == "[unknown]" && dso[n] ~ /libc\.so/) good++
			n = 0
		}
		NF == 0 { ended(); next }
		{ n++; name[n] = $2; sub(/@.*/, "", name[n]); dso[n] = $NF }
		END { ended(); printf "%.3f\n", all ? 100 * good / all : 0 }'
	rm -f "$2.perf"
}
