#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The agent to three servers at once, by other people's decoders that check what the real ones check:
# some windows; then all are away, and the agent is started anew meanwhile; then they are back. All is
# accepted, once for each id, and nothing dropped.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/agent/lib.sh"
. "$SRC/tests/e2e/upload/lib.sh"
need_bpf
need curl python3
upload_modules
servers 170
OTEL_SERVICE_NAME=uploaded OTEL_RESOURCE_ATTRIBUTES=service.namespace=shop,service.version=1.2 \
	start "$WORKLOADS/asleep" nanosleep busy
declare -A to
for server in pyroscope parca otlp; do
	to[$server]=$(port $server)
done
port=$(free_port)
configure up <<INI
window = 1s
[labels]
static = region=eu-west
	$(for server in pyroscope parca otlp; do
		printf '[upload %s]\nurl = http://127.0.0.1:%s\ntype = %s\nretry_min = 50ms\nretry_max = 300ms\n' \
			$server "${to[$server]}" $server
	done)
INI
run_agent up
some() {
	[ "$(logged "e.server === '$1' && e.ok && JSON.stringify(e.labels ?? e.profiles).includes('uploaded')")" -ge "$2" ]
}
for server in pyroscope parca otlp; do
	wait_for 60 some $server 4 || fail "$server got nothing: $(tail -n 2 log | cut -c1-400)"
done

# ---- Away; a new agent finds what the old one could not send.
printf 503 >fail-pyroscope
printf 14 >fail-parca
printf 503 >fail-otlp
spooled() {
	metric_above "cresset_upload_spool_requests{upload=\"$1\",type=\"$1\"}" 3
}
for server in pyroscope parca otlp; do
	wait_for 60 spooled $server || fail "$server: nothing in the spool"
done
[ "$(curl -s "$url/readyz")" = ok ] || fail "servers that are away make the agent unready"
end_agent up
run_agent up
restored() {
	metric_above "cresset_upload_restored_total{upload=\"$1\",type=\"$1\"}" 3
}
for server in pyroscope parca otlp; do
	wait_for 60 restored $server || fail "$server: nothing was found in the spool"
done
rm fail-pyroscope fail-parca fail-otlp
# All that was made or found is sent, waits, or was given up, and nothing was.
adds_up() {
	curl -s -m 20 "$url/metrics" >up.prom
	awk '/^cresset_upload_(requests|restored)_total/ { n += $NF }
		/^cresset_upload_(sent_total|dropped_total|queue_requests|spool_requests)/ { n -= $NF }
		/^cresset_upload_(dropped_total|queue_requests|spool_requests)/ { rest += $NF }
		END { exit n != 0 || rest > 0 }' up.prom
}
wait_for 60 adds_up || fail "not all was delivered: $(grep '^cresset_upload' up.prom)"
wait_for 30 metric_above cresset_windows_total 0 || fail "no windows after it was started anew"
balanced
end_agent up

# ---- What came: nothing refused, each id once, both kinds of time, the labels where they belong.
expect_log 0 'e.refused' "refused"
node -e 'const all = require("fs").readFileSync("log", "utf8").trim().split("\n").map((l) => JSON.parse(l)).filter((e) => e.ok);
	for (const server of ["pyroscope", "otlp"]) {
		const ids = all.filter((e) => e.server === server)
			.flatMap((e) => e.id ? [e.id] : e.profiles.map((p) => p.id));
		if (new Set(ids).size !== ids.length) console.log(server, ids.length, "ids", new Set(ids).size, "different");
	}' >ids.out
[ -s ids.out ] && fail "an id twice: $(cat ids.out)"
ours="e.ok && JSON.stringify(e.labels ?? {}).includes('\"uploaded\"')"
for name in process_cpu off_cpu; do
	for server in pyroscope parca; do
		at_least "$(logged "e.server === '$server' && $ours && e.labels.__name__ === '$name'")" 2 "$server: $name"
	done
done
for want in '"region":"eu-west"' '"service_namespace":"shop"' '"comm":"asleep"'; do
	n=$(logged "e.server === 'pyroscope' && $ours && !JSON.stringify(e.labels).includes('$want')")
	[ "$n" = 0 ] || fail "$n profiles of the service without $want: $(grep uploaded log | grep -m 1 pyroscope | cut -c1-500)"
done
at_least "$(logged "e.server === 'otlp' && e.ok && e.profiles[0].attributes['service.name'] === 'uploaded'")" 4 "otlp"
# The values are times: a thread that slept did so for the length of each whole window.
at_least "$(logged "e.server === 'pyroscope' && $ours && e.labels.__name__ === 'off_cpu' &&
	e.pprof.totals[e.pprof.types.indexOf('off_cpu:nanoseconds')] > 9e8")" 2 "seconds of waiting"
finish
