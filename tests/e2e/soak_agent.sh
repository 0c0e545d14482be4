#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# soak_agent.sh [MINUTES] - the agent for long (default 30 minutes), while all goes on that does on a
# machine: 300 processes, storms of forks, servers that go away, configurations that change, captures.
# Not in ctest; `scripts/test --long` runs it.
#
# Printed: memory, descriptors and threads by their slope (least squares over samples every two
# seconds, without the first two minutes, in which the caches fill). Asserted: no descriptor and no
# thread more a minute; memory that would not double in a day, nor what of it is in none of the parts that
# have a limit (/metrics: symbols, the store's dictionary, which learns new labels at each reload, ...); those
# parts within their limits; each window stored once, without a gap; each request delivered once for its id,
# none dropped; the accounting adds up.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/agent/lib.sh"
. "$SRC/tests/e2e/upload/lib.sh"
minutes=${1:-30}
need_bpf
need curl python3
upload_modules
length=$((minutes * 60))
servers $((length + 120))

# ---- 300 processes of 20 services that do something now and then, without starting others.
cat >crowd.sh <<'SH'
exec 9<> <(:)
while [ $SECONDS -lt "$1" ] && [ -d "/proc/$2" ]; do
	read -rt "0.$((RANDOM % 9 + 1))" -u 9
	for ((i = 0; i < RANDOM % 2000; i++)); do :; done
done
SH
for ((i = 0; i < 300; i++)); do
	OTEL_SERVICE_NAME=service$((i % 20)) bash crowd.sh $((length + 60)) $$ &
	started_pids+=($!)
done

write_configuration() { # FREQUENCY LABEL
	{
		cat <<-INI
			[http]
			listen = 127.0.0.1:$port
			[store]
			path = $TMP/soak.store
			[agent]
			freq = $1
			cpu_budget = 50
			[labels]
			static = round=$2
		INI
		for server in pyroscope parca otlp; do
			printf '[upload %s]\nurl = http://127.0.0.1:%s\ntype = %s\n' $server "$(port $server)" $server
		done
	} >soak.conf
}
port() {
	awk -v n="$1" '$1 == n { print $2 }' "$TMP/ports"
}
port=$(free_port)
url=http://127.0.0.1:$port
write_configuration 19 0
run_agent soak
begin=$SECONDS

# Tables are in maps of the kernel, all other parts in anonymous memory.
sample() {
	curl -s -m 5 "$url/metrics" >sample.prom || return 0
	awk -v t=$((SECONDS - begin)) -v fds="$(ls "/proc/$agent/fd" | wc -l)" '
		/^RssAnon:/ { anon = $2 } /^VmRSS:/ { rss = $2 } /^Threads:/ { threads = $2 }
		/^cresset_memory_used_bytes/ && !/"tables"/ { parts += $NF / 1024 }
		END { if (anon && parts) print t, rss, anon, fds, threads, anon - parts }' \
		"/proc/$agent/status" sample.prom >>samples.txt
}
storm() {
	"$SRC/tests/workloads/shortlived.sh" "$WORKLOADS/burner" 200 >/dev/null 2>&1 &
}
outage() {
	printf 503 >fail-pyroscope
	printf 14 >fail-parca
	[ $((reloads % 2)) = 0 ] && printf 503 >fail-otlp
	outages=$((outages + 1))
}

reloads=0 outages=0 storms=0 captures=0
next_reload=30 next_outage=40 end_outage=99999999 next_storm=20 next_capture=50
while [ $((SECONDS - begin)) -lt "$length" ]; do
	now=$((SECONDS - begin))
	gone "$agent" && { fail "the agent has ended: $(tail -n 3 soak.err)"; finish; }
	sample
	if [ $now -ge $next_reload ]; then
		reloads=$((reloads + 1))
		# Each third one makes the recorder anew.
		write_configuration $((reloads / 3 % 2 ? 23 : 19)) $reloads
		kill -HUP "$agent"
		next_reload=$((now + 25))
	fi
	if [ $now -ge $next_outage ] && [ $now -lt $((length - 60)) ]; then
		outage
		end_outage=$((now + 25)) next_outage=$((now + 75))
	fi
	if [ $now -ge $end_outage ]; then
		rm -f fail-pyroscope fail-parca fail-otlp
		end_outage=99999999
	fi
	if [ $now -ge $next_storm ]; then
		storm
		storms=$((storms + 1)) next_storm=$((now + 45))
	fi
	if [ $now -ge $next_capture ]; then
		curl -s -m 30 -o capture.pb.gz "$url/debug/pprof/profile?seconds=1" &
		captures=$((captures + 1)) next_capture=$((now + 60))
	fi
	sleep 2
done
rm -f fail-pyroscope fail-parca fail-otlp

# ---- All is delivered; the sums.
delivered() {
	for server in pyroscope parca otlp; do
		labels="{upload=\"$server\",type=\"$server\"}"
		metric_is "cresset_upload_queue_requests$labels" 0 &&
			metric_is "cresset_upload_spool_requests$labels" 0 || return 1
	done
}
wait_for 120 delivered || fail "not all was delivered"
balanced
cp balance.out last.prom
value() {
	awk -v n="$1" 'index($0, n) == 1 { s += $NF } END { printf "%.0f\n", s }' last.prom
}
for zero in cresset_windows_dropped_total cresset_windows_failed_total cresset_store_errors_total \
	cresset_recorder_errors_total cresset_reload_errors_total cresset_upload_dropped_total \
	cresset_upload_push_errors_total cresset_label_overflow_total; do
	[ "$(value $zero)" = 0 ] || fail "$zero is $(value $zero)"
done
end_agent soak
store=$TMP/soak.store
stored=$(count_windows "$store")
# One or two more have come since.
at_least "$stored" "$(($(value cresset_store_windows_appended_total) + 1))" "windows stored"
at_least "$(($(value cresset_store_windows_appended_total) + 3))" "$stored" "windows counted"
contiguous "$store" 500
python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1] + "/catalog.db").execute("pragma integrity_check").fetchone()[0])' "$store" |
	grep -qx ok || fail "the catalogue is damaged"

node -e 'const all = require("fs").readFileSync("log", "utf8").trim().split("\n").map((l) => JSON.parse(l));
	let bad = 0;
	for (const server of ["pyroscope", "parca", "otlp"]) {
		const ok = all.filter((e) => e.server === server && e.ok), ids = new Set();
		let twice = 0;
		for (const e of ok)
			for (const id of e.id ? [e.id] : (e.profiles ?? []).map((p) => p.id))
				twice += ids.has(id), ids.add(id);
		const refused = all.filter((e) => e.server === server && e.refused);
		console.log(`${server}: ${ok.length} accepted, ${ids.size} ids, ${twice} of them twice, ${refused.length} refused` +
			(refused[0] ? ` (${refused[0].refused})` : ""));
		bad |= twice || refused.length || !ok.length;
	}
	process.exit(bad);' || fail "uploads"
for server in pyroscope parca otlp; do
	at_least "$(logged "e.server === '$server' && e.ok")" \
		"$(value "cresset_upload_sent_total{upload=\"$server\"")" "$server"
done

echo "$minutes minutes: $stored windows, $reloads reloads ($(value cresset_recorder_restarts_total) of them restarted sampling), $outages outages, $storms storms of forks, $captures captures"
cat balance.txt
awk '/^cresset_memory_(used|limit)_bytes/ { split($1, a, "\""); n[a[2]]++; v[$1 ~ /used/, a[2]] = $2 }
	END { for (p in n) if (v[1, p] > v[0, p]) exit 1 }' last.prom || fail "a part is over its limit"
python3 - <<'PY' || fail "something grows"
import sys
rows = [[float(x) for x in l.split()] for l in open("samples.txt")]
end = rows[-1][0]
kept = [r for r in rows if r[0] >= min(120, end / 3)]
bad = 0
for name, i, unit in (("resident", 1, "KiB"), ("anonymous", 2, "KiB"), ("in no part", 5, "KiB"), ("descriptors", 3, ""), ("threads", 4, "")):
    xs, ys = [r[0] / 60 for r in kept], [r[i] for r in kept]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    sxx = sum((x - mx) ** 2 for x in xs)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sxx
    error = (sum((y - my - slope * (x - mx)) ** 2 for x, y in zip(xs, ys)) / (len(xs) - 2) / sxx) ** 0.5
    print(f"{name}: mean {my:.0f} {unit}, least {min(ys):.0f}, most {max(ys):.0f}, slope {slope:+.3f} +- {2 * error:.3f} {unit} a minute")
    # In half an hour or more; before that caches still fill.
    if name in ("descriptors", "threads"):
        bad |= slope - 2 * error > 0.5
    elif end >= 1500 and name in ("anonymous", "in no part"):
        bad |= slope - 2 * error > my / 1440
sys.exit(bad)
PY
finish
