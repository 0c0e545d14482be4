#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# go tool pprof, which we did not write, reads what we write: names, lines, inlined calls, mappings,
# labels, comments and sums; and our reader reads what go tool pprof writes.
. "$(dirname "$0")/lib.sh"

need go
[ -x "$CRESSET" ] || { fail "no $CRESSET"; finish; }
# It keeps a cache and writes its own files there.
export HOME=$TMP PPROF_TMPDIR=$TMP GOFLAGS=-mod=mod GOTOOLCHAIN=local
go tool pprof -h >/dev/null 2>&1 || [ $? = 2 ] || skip "this go has no pprof"

# has FILE TEXT
has() {
	grep -qF -e "$2" "$1" || fail "$1 has no \"$2\""
}

"$CRESSET" convert "$SRC/tests/fuzz/corpus/cresset/recorded.cresset" --no-symbols \
	-o recorded.pb.gz 2>convert.err || fail "convert: $(cat convert.err)"
"$BUILD/tests/pprof_check" --recorded recorded.pb.gz || fail "the strict checker refuses it"

go tool pprof -raw recorded.pb.gz >raw.out 2>raw.err || fail "go tool pprof -raw"
has raw.out "PeriodType: cpu nanoseconds"
has raw.out "Period: 10101010"
has raw.out "Time: 2023-11-14 22:13:20.123456789"
has raw.out "Duration: 10s"
has raw.out "samples/count cpu/nanoseconds[dflt]"
has raw.out "clamp<int>(int, int) /src/util.h:7 s=5(_Z5clampIiET_S0_S0_)"
has raw.out "main /src/server.cc:40 s=30"
has raw.out "0x29d90 M=2 [libc.so.6+0x29d90]"
has raw.out "1: 0x1000/0x5000/0x1000 /home/user/bin/server 00112233445566778899aabbccddeeff00112233 [FN][FL][LN][IN]"
has raw.out "comm:[server] thread:[worker #1]"
has raw.out "pid:[4242] tid:[4250]"
has raw.out "Comment: stat samples.lost.map_full 2"

go tool pprof -top -sample_index=samples recorded.pb.gz >top.out 2>top.err ||
	fail "go tool pprof -top"
[ -s top.err ] && fail "go tool pprof -top complains: $(head -n 3 top.err)"
has top.out "File: server"
has top.out "Build ID: 00112233445566778899aabbccddeeff00112233"
has top.out "Showing nodes accounting for 97, 100% of 97 total"
has top.out "64 65.98% 65.98%         84 86.60%  clamp<int>(int, int) (inline)"

go tool pprof -traces recorded.pb.gz >traces.out 2>traces.err || fail "go tool pprof -traces"
has traces.out "606.06ms   clamp<int>(int, int) (inline)"
has traces.out "             std::sort<int*>(int*, int*) (inline)"

# Time by state: the default type, the others by name, and samples by the label that tells waiting.
"$CRESSET" convert "$SRC/tests/fuzz/corpus/cresset/wall.cresset" --no-symbols -o wall.pb.gz \
	2>>convert.err || fail "convert wall"
go tool pprof -tags wall.pb.gz >tags.out 2>>top.err || fail "go tool pprof -tags"
grep -q '16.4s (96.47%): blocked' tags.out || fail "-tags does not tell the states"
grep -q '9.0s (  100%): epoll' tags.out || fail "-tags does not tell what is idle"
go tool pprof -top wall.pb.gz >wall.out 2>>top.err || fail "go tool pprof -top of wall"
has wall.out "Type: wall"
has wall.out "Showing nodes accounting for 20000ms, 100% of 20000ms total"
go tool pprof -top -sample_index=blocked wall.pb.gz >blocked.out 2>>top.err ||
	fail "go tool pprof -sample_index=blocked"
has blocked.out "Showing nodes accounting for 16.40s, 100% of 16.40s total"
go tool pprof -top -tagfocus=state=blocked wall.pb.gz >focus.out 2>>top.err ||
	fail "go tool pprof -tagfocus"
has focus.out "Showing nodes accounting for 16.40s, 82.00% of 20s total"

# There and back: what pprof itself writes gives the same stacks.
go tool pprof -proto -output=again.pb.gz recorded.pb.gz >proto.out 2>&1 || fail "go tool pprof -proto"
for f in recorded again; do
	"$CRESSET" convert $f.pb.gz -o $f.folded 2>>convert.err || fail "convert $f.pb.gz"
done
cmp -s recorded.folded again.folded || fail "pprof's own file gives other stacks"
[ -s recorded.folded ] || fail "no stacks"

# Every other case of the tests, down to the profile without a sample.
for f in "$SRC"/tests/fuzz/corpus/cresset/*.cresset; do
	name=$(basename "$f" .cresset)
	"$CRESSET" convert "$f" --no-symbols -o "$name.pb.gz" 2>>convert.err || fail "convert $name"
	go tool pprof -raw "$name.pb.gz" >"$name.raw" 2>&1 || fail "go tool pprof -raw $name"
	[ "$name" = extreme ] && continue # has negative values
	"$BUILD/tests/pprof_check" "$name.pb.gz" || fail "the strict checker refuses $name"
done

# A recording, where this machine lets us make one.
if [ "$(id -u)" = 0 ] && bpftool prog show >/dev/null 2>&1 && [ -x "$WORKLOADS/cputree" ]; then
	"$WORKLOADS/cputree" 3 >/dev/null 2>&1 &
	pid=$!
	started_pids+=("$pid")
	if record -p "$pid" -F 499 -d 1s -o live.pb.gz; then
		"$BUILD/tests/pprof_check" --recorded live.pb.gz || fail "the checker refuses a recording"
		go tool pprof -top live.pb.gz >live.out 2>live.err || fail "go tool pprof of a recording"
		has live.out "File: cputree"
		[ -s live.err ] && fail "go tool pprof complains: $(head -n 3 live.err)"
	fi
fi
finish
