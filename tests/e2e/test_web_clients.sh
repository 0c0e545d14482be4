#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that people have: promtool and a real Prometheus on /metrics, go tool pprof by URL.
. "$(dirname "$0")/lib.sh"
need curl python3
. "$SRC/tests/e2e/web/lib.sh"
command -v promtool >/dev/null || command -v go >/dev/null || skip "needs prometheus or golang-go"

printf 't0ken\n' >token
serve main store="$TMP/store" windows=6 hostile=1 capture="$RECORDED" bearer_file=token
token=(-H 'Authorization: Bearer t0ken')
get 200 /api/v1/query "${token[@]}"
get 404 /nothing "${token[@]}"
get 401 /metrics
get 200 /metrics "${token[@]}"
[[ $(header Content-Type) = "text/plain; version=0.0.4"* ]] || fail "type: $(header Content-Type)"

if command -v promtool >/dev/null; then
	promtool check metrics <body >promtool.out 2>&1 || fail "promtool check metrics"
	[ -s promtool.out ] && fail "promtool says something"
	sort body | uniq -d | grep -q . && fail "a line is there twice"
fi

# Prometheus itself: it scrapes with the token, and answers for what it has read.
if command -v prometheus >/dev/null; then
	cat >prometheus.yml <<-END
		global: {scrape_interval: 1s, scrape_timeout: 1s}
		scrape_configs:
		  - job_name: cresset
		    authorization: {credentials_file: $TMP/token}
		    static_configs: [{targets: ["127.0.0.1:$port"]}]
	END
	free=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	prometheus --config.file=prometheus.yml --storage.tsdb.path="$TMP/tsdb" \
		--web.listen-address="127.0.0.1:$free" >prometheus.out 2>&1 &
	started_pids+=("$!")
	# asked QUERY: its one value.
	asked() {
		curl -sG -m 5 "http://127.0.0.1:$free/api/v1/query" --data-urlencode "query=$1" |
			python3 -c 'import json, sys
r = json.load(sys.stdin)["data"]["result"]
print(r[0]["value"][1] if len(r) == 1 else [x["metric"] for x in r])' 2>/dev/null
	}
	is_up() {
		[ "$(asked 'up{job="cresset"}')" = 1 ]
	}
	if wait_for 40 is_up; then
		is "a counter" "$(asked 'cresset_http_refused_total{reason="auth"}')" 1
		is "a handler's" "$(asked 'cresset_http_requests_total{handler="none",code="4xx"}')" 1
		is "a hostile label" "$(asked 'cresset_test_info{name=~"</script>.*\n.*"}')" 1
		is "families" "$(asked 'count(count by (__name__) ({job="cresset",__name__=~"cresset_.*"}))')" 9
	else
		fail "Prometheus does not scrape"
	fi
fi
ended main

if command -v go >/dev/null; then
	export HOME=$TMP PPROF_TMPDIR=$TMP GOTOOLCHAIN=local
	serve open store="$TMP/store" capture="$RECORDED"
	for from in '/debug/pprof/profile?seconds=1' '/debug/pprof/offcpu?seconds=1&match=comm="x"'; do
		timeout 60 go tool pprof -top -sample_index=samples "$url$from" >top.out 2>pprof.err ||
			fail "go tool pprof $from: $(tail -n 3 pprof.err)"
		has top.out 'File: server'
		has top.out 'clamp<int>\(int, int\) \(inline\)'
	done
	timeout 60 go tool pprof -seconds 1 -raw "$url/debug/pprof/profile" >raw.out 2>pprof.err ||
		fail "go tool pprof -seconds: $(tail -n 3 pprof.err)"
	timeout 60 go tool pprof -top "$url/api/v1/query?format=pprof&event=wall" >wall.out 2>pprof.err ||
		fail "go tool pprof of a query: $(tail -n 3 pprof.err)"
	has wall.out 'Type: wall'
	timeout 60 go tool pprof -top "$url/debug/pprof/profile?seconds=0" >no.out 2>no.err &&
		fail "go tool pprof takes an error for a profile"
	has no.err 'seconds=0 is not a number from 1 to 300'
	ended open
fi
finish
