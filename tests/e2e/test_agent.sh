#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `cresset agent` as one starts it: windows without gaps, whose times add up, queries and captures of
# a program that is known, metrics, hostile processes, and its end.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/agent/lib.sh"
need_bpf
need curl python3

# ---- A wrong configuration: file, line, remedy; nothing starts.
printf '[agent]\nfreq = 19\nfrek = 7\n[http]\nlisten = everywhere\n' >wrong.conf
"$CRESSET" agent -c wrong.conf --check >wrong.out 2>wrong.err && fail "--check takes a wrong configuration"
has wrong.err 'wrong.conf:3: .*frek.*freq'
has wrong.err 'wrong.conf:5: .*listen'
"$CRESSET" agent -c wrong.conf >wrong.out 2>wrong.err && fail "it runs with a wrong configuration"
has wrong.err 'wrong.conf:3: '
"$CRESSET" agent -c missing.conf >wrong.out 2>wrong.err && fail "it runs with a configuration that is not there"
has wrong.err 'missing.conf'

# ---- A program that is known: one thread sleeps, one is busy.
service=known-$$
OTEL_SERVICE_NAME=$service start "$WORKLOADS/asleep" nanosleep busy
wait_for 10 test -s asleep.json || fail "the workload does not run"
# And one that is hostile in all it can be: its names, and an environment of a megabyte.
hostile='</script><i>"'\'
cat >hostile.py <<'PY'
import ctypes, os, time
ctypes.CDLL(None).prctl(15, b'<b>\n"\\\xff{}', 0, 0, 0)
print("ready", flush=True)
end, parent = time.time() + 100, os.getppid()
while time.time() < end and os.getppid() == parent:
    sum(range(20000))
    time.sleep(0.001)
PY
cat >launch.py <<'PY'
import os, sys
env = {"OTEL_SERVICE_NAME": sys.argv[1]}
env.update({f"FILL{i}": "x" * 100000 for i in range(10)})
os.execve(sys.executable, ["<b>", "hostile.py"], env)
PY
PATH=$PATH python3 launch.py "$hostile" >hostile.json 2>launch.err &
started_pids+=($!)
wait_for 10 test -s hostile.json || fail "the hostile process does not run: $(cat launch.err)"

# ---- The agent.
configure main <<<'window = 2s'
run_agent main
wait_for 60 ready || fail "never ready: $(curl -s "$url/readyz")"
[ "$(curl -s "$url/readyz")" = ok ] || fail "readyz: $(curl -s "$url/readyz")"
store=$TMP/main.store
wait_for 60 has_windows "$store" 4 || fail "no windows"
balanced

# It writes while others read.
query "$store" --by service
has query.out "$service"
query "$store" --list
has query.out "$service"
for event in cpu off-cpu wall; do
	query "$store" -e $event --idle -m "service=\"$service\"" -o $event.folded
	cut -d';' -f1 $event.folded | sort -u | grep -vx 'asleep' && fail "$event: others match, too"
done
has cpu.folded ';wait_busy'
has_not cpu.folded ';wait_nanosleep'
has off-cpu.folded ';start;outer;middle;inner;wait_nanosleep;'

# ---- Programs that people have.
export HOME=$TMP PPROF_TMPDIR=$TMP GOTOOLCHAIN=local
if command -v go >/dev/null; then
	timeout 60 go tool pprof -top "$url/debug/pprof/profile?seconds=3" >top.out 2>pprof.err ||
		fail "go tool pprof: $(tail -n 3 pprof.err)"
	has top.out 'wait_busy'
	timeout 60 go tool pprof -traces "$url/debug/pprof/offcpu?seconds=2&match=service=\"$service\"" >off.out 2>pprof.err ||
		fail "go tool pprof of waits: $(tail -n 3 pprof.err)"
	has off.out 'wait_nanosleep'
	has_not off.out 'kthread|schedule_idle'
else
	curl -s -m 30 -o cap.pb.gz "$url/debug/pprof/profile?seconds=3" || fail "no capture"
	"$CRESSET" convert cap.pb.gz -o cap.folded || fail "a capture cannot be read"
	has cap.folded 'wait_busy'
fi
curl -s -m 20 "$url/metrics" >metrics.prom
if command -v promtool >/dev/null; then
	promtool check metrics <metrics.prom >promtool.out 2>&1 || fail "promtool check metrics"
	[ -s promtool.out ] && fail "promtool: $(cat promtool.out)"
fi

# ---- What is hostile is shown as what it is, and breaks nothing.
query "$store" --by service
grep -qF "</script><i>" query.out || fail "no hostile service: $(tail -n 30 query.out)"
query "$store" -m 'comm=~"<b>.*"' -e wall --idle -o hostile.folded -o hostile.svg -o hostile.pb.gz
[ -s hostile.folded ] || fail "no hostile process"
LC_ALL=C grep -vE '^[^;].* [0-9]+$' hostile.folded | head -n 2 | grep . && fail "a name ends a line"
python3 -c 'import xml.dom.minidom as x; x.parse("hostile.svg")' 2>xml.err || fail "SVG: $(tail -n 1 xml.err)"
grep -q '<i>"' hostile.svg && fail "the SVG has the name as it is"
for path in 'labels' 'labels?label=service' 'labels?label=comm'; do
	curl -s -m 20 "$url/api/v1/$path" >api.json
	python3 -c 'import json; json.load(open("api.json"))' 2>json.err || fail "$path: $(tail -n 1 json.err)"
done
curl -s -m 20 "$url/" | grep -qF '</script><i>' && fail "the page has the name as it is"
metric_above 'cresset_label_shortfalls_total{cause="environ_cut"}' 0 || fail "a megabyte of environment was read"

# ---- Nothing listens beyond loopback.
python3 - "$agent" <<'PY' >listen.out || fail "listens beyond loopback: $(cat listen.out)"
import os, re, sys
pid, bad = sys.argv[1], 0
inodes = set()
for fd in os.listdir(f"/proc/{pid}/fd"):
    m = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
    if m:
        inodes.add(m[1])
seen = 0
for kind in "tcp", "tcp6", "udp", "udp6":
    for line in open(f"/proc/{pid}/net/{kind}").readlines()[1:]:
        f = line.split()
        if f[9] not in inodes or (kind.startswith("tcp") and f[3] != "0A"):
            continue
        seen += 1
        if not f[1].startswith("0100007F:"):
            print(kind, f[1])
            bad = 1
sys.exit(bad or not seen)
PY

# ---- The end, and sums: the thread that slept all the time did that in each window.
kill -0 "$pid" || fail "the workload has ended"
end_agent main
contiguous "$store" 0
query "$store" --from -1h -e off-cpu --idle -m "service=\"$service\"" -o slept.folded
seconds=$(windows "$store" | awk '{ s += ($2 - $1) / 1e9 } END { print s }')
# Two threads: the one that sleeps, and main(), which waits for it.
within "$(awk -v s="$(total slept.folded '\\[(blocked|idle)\\]')" 'BEGIN { print s / 2e9 }')" "$seconds" \
	"$(awk -v s="$seconds" 'BEGIN { print s / 50 }')" "seconds slept"
# Where, from when its stack could be walked.
at_least "$(awk -v s="$(total slept.folded 'wait_nanosleep')" -v all="$seconds" 'BEGIN { print s / 1e9 / all }')" 0.5 \
	"share with a name"
# The busy one was on a CPU or waited for one.
query "$store" --from -1h -e wall --idle -m "service=\"$service\"" -o wall.folded
within "$(awk -v s="$(total wall.folded 'wait_busy')" 'BEGIN { print s / 1e9 }')" "$seconds" \
	"$(awk -v s="$seconds" 'BEGIN { print s / 5 }')" "seconds busy"
finish
