#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Bad input gets one clear line with the remedy and a non-zero exit status; what could be written is.
. "$(dirname "$0")/lib.sh"
need_bpf

# refused STATUS PATTERN ARGUMENTS...: the program's words match, in at most two lines.
refused() {
	local want=$1 pattern=$2 status
	shift 2
	timeout 20 "$CRESSET" "$@" >refused.out 2>refused.err
	status=$?
	[ $status = "$want" ] || fail "cresset $*: exit status $status, not $want"
	grep -Eiq -- "$pattern" refused.err || fail "cresset $*: no '$pattern' in: $(cat refused.err)"
	[ "$(wc -l <refused.err)" -le 2 ] || fail "cresset $*: says too much: $(cat refused.err)"
}

gone=$(sh -c 'echo $$')
refused 1 "no (such )?process" record -p "$gone" -d 1s -o x.folded
refused 1 "no (such )?thread" record -t "$gone" -d 1s -o x.folded
refused 1 "no such file|cgroup" record --cgroup /no/such/group -d 1s -o x.folded
refused 1 "not a cgroup|cgroup" record --cgroup /tmp -d 1s -o x.folded
refused 2 "frobnicate" record --frobnicate
refused 2 "folded" record -f fodled -d 1s -o x.out
refused 2 "extension|format|-f" record -d 1s -o x.unknown
refused 2 "duration|-d" record -d soon -o x.folded
refused 2 "frequency|-F" record -F many -d 1s -o x.folded
refused 2 "event|cpu" record -e nonsense -d 1s -o x.folded
refused 1 "no such file or directory" record -a -d 200ms -o no/such/directory/x.folded
[ ! -e x.folded ] || fail "a refused recording left x.folded"

# A full disk: said, and the other output is there.
start "$WORKLOADS/burner" 30000
timeout 20 "$CRESSET" record -p "$pid" -F 499 -d 1s -f folded -o /dev/full -o good.folded >full.out 2>full.err
[ $? = 1 ] || fail "/dev/full is not exit status 1"
has full.err '/dev/full: .*[Nn]o space'
has good.folded 'burn_round' "the other output"
kill "$pid"

# Kinds of files that are not profiles.
printf 'not a profile\n' >bad.cresset
refused 1 "bad.cresset" convert bad.cresset -o y.folded
head -c 100 /dev/urandom | gzip >bad.pb.gz
refused 1 "bad.pb.gz" report bad.pb.gz
printf 'a;b;c\n' >bad.folded
refused 1 "bad.folded.*(line 1|:1)|line 1" convert bad.folded -o y.svg
refused 1 "no such file" report nothing.cresset
[ ! -e y.folded ] && [ ! -e y.svg ] || fail "a refused conversion left its output"

# Cut short: every prefix of a real file is refused, none crashes.
record -a -F 499 -d 1s -o real.cresset || finish
size=$(stat -c %s real.cresset)
for part in 0 1 7 20 $((size / 3)) $((size / 2)) $((size - 1)); do
	head -c "$part" real.cresset >cut.cresset
	refused 1 "cut.cresset" report cut.cresset
done

# Without privileges: what is missing, and the way out.
if command -v setpriv >/dev/null; then
	cp "$CRESSET" ./cresset && chmod 755 ./cresset
	mkdir -m 777 open
	timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups ./cresset record -a -d 1s \
		-o open/x.folded >user.out 2>user.err
	[ $? = 1 ] || fail "an unprivileged recording is not exit status 1"
	has user.err '(CAP_BPF|CAP_PERFMON|sudo|root)'
	[ "$(wc -l <user.err)" -le 2 ] || fail "says too much: $(cat user.err)"
	timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups ./cresset doctor >doctor.out 2>&1
	[ $? = 1 ] || fail "doctor says yes to an unprivileged user"
	has doctor.out '(CAP_BPF|CAP_PERFMON|sudo|root)'
	# What was recorded needs no privileges to be looked at.
	chmod 644 real.cresset
	setpriv --reuid=65534 --regid=65534 --clear-groups ./cresset convert real.cresset \
		-o open/real.folded >replay.out 2>replay.err || fail "no replay without root: $(cat replay.err)"
	at_least "$(total open/real.folded)" 1 "samples after replay"
fi
"$CRESSET" doctor >doctor.root 2>&1 || fail "doctor says no where recording works: $(cat doctor.root)"
finish
