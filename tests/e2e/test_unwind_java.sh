#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Java as shipped: compiled code without frame pointers, the interpreter, stubs. Of all samples of a
# program that runs, those of its start included, nearly all stacks are whole, with every JDK that is
# here; and where the stacks are known (JavaLoad chain), none that is presented as clean is another.
. "$(dirname "$0")/lib.sh"
need_bpf
need pgrep timeout

jdks=()
for javac in /usr/lib/jvm/*/bin/javac; do
	home=$(dirname "$(dirname "$(readlink -f "$javac")")")
	[ -e "$home/lib/server/libjvm.so" ] || continue
	[[ " ${jdks[*]:-} " == *" $home "* ]] || jdks+=("$home")
done
[ ${#jdks[@]} -gt 0 ] || skip "no JDK with javac (openjdk-17-jdk-headless)"
seconds=${JAVA_SECONDS:-3}

# java_start HOME ARGUMENTS...: sets pid, of java itself.
java_start() {
	local home=$1
	shift
	timeout -k 1 60 "$home/bin/java" -cp "$TMP/$(basename "$home")" "$@" >java.out 2>java.err &
	started_pids+=($!)
	wait_for 5 pgrep -P $! >/dev/null || { fail "java did not start: $(head -c 200 java.err)"; return 1; }
	pid=$(pgrep -P $!)
}

java_end() {
	kill "$pid" 2>/dev/null
	wait "${started_pids[-1]}" 2>/dev/null
	rm -f "/tmp/perf-$pid.map"
}

# java_whole NAME: of all user stacks.
java_whole() {
	local all whole clean
	read -r whole all clean <<<"$(sed -n 's/^stacks *\([0-9.]*\) % of \([0-9]*\) user.*, \([0-9.]*\) % without.*/\1 \2 \3/p' record.err)"
	echo "$1: $whole % of ${all:-no} user stacks are whole, $clean % without a guess;$(sed -n 's/^unwind.*ended early:/ ended early:/p' record.err)"
	at_least "${all:-0}" $((seconds * 40)) "$1: samples"
	at_least "${whole:-0}" 99.5 "$1: whole stacks"
}

# The Java frames of each stack, from the root: main, chain, c1, c2 and so on, none left out. What
# is interpreted has no name, but counts.
chain_check() {
	awk '
	function fits(name, at) {
		if (at <= 11)
			return name == "I" || name == want[at] || (at == 3 && name == "over")
		return name == "I" || name ~ /^leaf[123]$/
	}
	BEGIN { split("main chain c1 c2 c3 c4 c5 c6 c7 c8 c9", want, " ") }
	{
		n = $NF; sub(/ [0-9]+$/, "")
		if (/\[error/) { broken += n; next }
		k = split($0, f, ";"); at = 0; bad = 0; s = ""
		for (i = 1; i <= k; i++) {
			if (match(f[i], /JavaLoad\.[a-z0-9]+\(/)) name = substr(f[i], RSTART + 9, RLENGTH - 10)
			else if (f[i] == "Interpreter") name = "I"
			else if (at) break
			else continue
			s = s " " name
			if (!fits(name, ++at)) bad = 1
		}
		if (!at || s !~ /[a-z]/) other += n
		else if (!bad && at <= 13) right += n
		else { wrong += n; if (shown++ < 5) print "not a stack of chain:" s > "/dev/stderr" }
	}
	END { print right + 0, wrong + 0, other + 0, broken + 0 }' chain.folded
}

for home in "${jdks[@]}"; do
	name=$(basename "$home")
	mkdir -p "$name"
	"$home/bin/javac" -d "$name" "$SRC/tests/workloads/JavaLoad.java" || { fail "javac of $name"; continue; }
	for mode in deep text threads; do
		java_start "$home" JavaLoad $mode 60 || continue
		record -p "$pid" -F 499 -d "$seconds" -o java.folded
		java_end
		java_whole "$name $mode"
	done
	# Compiled without inlining, all stacks are known; jcmd writes the names down.
	java_start "$home" -XX:CompileCommand=quiet -XX:CompileCommand=dontinline,JavaLoad::* \
		JavaLoad chain 60 || continue
	sleep 1
	(sleep $((seconds - 1)); "$home/bin/jcmd" "$pid" Compiler.perfmap >jcmd.out 2>&1) &
	record -p "$pid" -F 999 -d "$seconds" -o chain.folded
	wait $!
	java_end
	read -r right wrong other broken <<<"$(chain_check)"
	echo "$name chain: $right as they must be, $wrong wrong, $other of other threads, $broken broken"
	at_least "$right" $((seconds * 100)) "$name: stacks of chain"
	[ "$wrong" = 0 ] || fail "$name: $wrong stacks are wrong"
done
finish
