#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the HTTP server refuses, by curl, openssl and plain sockets: other hosts' names and sites,
# slow, oversized and malformed requests, no password, no TLS, too many at once; and where it listens.
. "$(dirname "$0")/lib.sh"
need curl python3 openssl
. "$SRC/tests/e2e/web/lib.sh"

serve main store="$TMP/store" windows=6 capture="$RECORDED" read_timeout=2 send_timeout=3

# ---- Nothing but loopback, and no other port.
inodes=$(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n')
listening=$(cat "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" | awk '$4 == "0A" { print $2, $10 }' |
	while read -r address inode; do grep -qx "$inode" <<<"$inodes" && echo "$address"; done)
is "listening sockets" "$listening" "0100007F:$(printf %04X "$port")"

# ---- Other names for this address, and other sites' pages.
for host in evil.example evil.example:4050 localhost.evil.example 127.0.0.1.evil.example 10.0.0.1 ''; do
	[ -n "$host" ] || continue
	get 421 /api/v1/labels -H "Host: $host"
	get 421 / -H "Host: $host"
	get 421 /healthz -H "Host: $host"
done
for host in localhost "localhost:$port" "[::1]:$port" 127.0.0.1; do
	get 200 /api/v1/labels -H "Host: $host"
done
get 403 /api/v1/labels -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: no-cors'
get 403 '/debug/pprof/profile?seconds=1' -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate'
get 403 /api/v1/labels -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: iframe'
get 200 /api/v1/labels -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: document'
get 200 /api/v1/labels -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate'
get 200 /api/v1/labels -H 'Sec-Fetch-Site: same-origin' -H 'Sec-Fetch-Mode: cors'

# ---- Oversized, malformed and slow requests; after each the server answers as before.
PYTHONDONTWRITEBYTECODE=1 timeout 60 python3 "$SRC/tests/e2e/web/rude.py" "$port" >rude.out 2>&1 ||
	fail "rude requests"
get 200 /healthz
get 200 /metrics
has body '^cresset_http_slow_connections_total [1-9]'
has body '^cresset_http_refused_total\{reason="host"\} [1-9]'
has body '^cresset_http_refused_total\{reason="cross_site"\} 3$'
has body '^cresset_http_requests_total\{handler="query",code="4xx"\} [1-9]'
ended main

# ---- Passwords: none, wrong, right; the health check alone needs none.
printf 'pa:ss word\n' >password
printf 't0ken\n' >token
serve auth user=joe password_file=password bearer_file=token store="$TMP/store"
for path in / /metrics /readyz /api/v1/labels /debug/pprof/ /nothing '/api/v1/query?x=1'; do
	get 401 "$path"
	is "$path challenge" "$(grep -ci '^WWW-Authenticate: ' headers)" 2
	get 401 "$path" -u joe:pass
	get 401 "$path" -u 'Joe:pa:ss word'
	get 401 "$path" -H 'Authorization: Bearer t0ke'
	get 401 "$path" -H 'Authorization: Basic %%%'
done
get 200 /healthz
get 200 / -u 'joe:pa:ss word'
get 200 /api/v1/labels -H 'Authorization: Bearer t0ken'
get 404 /nothing -H 'Authorization: Bearer t0ken'
get 200 /metrics -u 'joe:pa:ss word'
has_not body 't0ken|pa:ss'
tr '\0' '\n' <"/proc/$pid/cmdline" >cmdline.out
has_not cmdline.out 't0ken|pa:ss'
ended auth

# ---- TLS with a certificate of our own: nothing in the clear, nothing old.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
	-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem 2>openssl.err ||
	fail "openssl makes no certificate"
serve tls tls_cert=cert.pem tls_key=key.pem store="$TMP/store" capture="$RECORDED"
[[ $url = https://127.0.0.1:* ]] || fail "TLS at $url"
get 200 /api/v1/query --cacert cert.pem
get 200 '/debug/pprof/profile?seconds=1' --cacert cert.pem
curl -sS -m 5 "${url/https/http}/healthz" >plain.out 2>&1 && fail "TLS answers without TLS"
curl -sS -m 5 "$url/healthz" >plain.out 2>&1 && fail "curl trusts anybody"
openssl s_client -connect "127.0.0.1:$port" -tls1_1 -cipher 'ALL:@SECLEVEL=0' </dev/null >old.out 2>&1 && fail "TLS 1.1 is taken"
get 200 /healthz --cacert cert.pem --tlsv1.3
get 200 /healthz --cacert cert.pem --tls-max 1.2
ended tls

# ---- Limits: captures and queries at once, the size of an answer, not ready, no store.
serve limits captures=1 ready='store: <the disk> is full' capture="$RECORDED" \
	answer_bytes=4096 store="$TMP/store"
curl -s -m 20 -o first "$url/debug/pprof/profile?seconds=4" &
first=$!
wait_for 5 sh -c "curl -s '$url/metrics' | grep -q 'running{pool=\"capture\"} 1'" || fail "no capture runs"
get 503 '/debug/pprof/profile?seconds=1'
[ "$(header Retry-After)" -ge 1 ] || fail "no Retry-After"
get 503 /readyz
is "not ready" "$(cat body)" 'store: <the disk> is full'
get 200 /healthz
get 422 /api/v1/query
has body 'the answer is too large'
get 422 '/api/v1/query?format=svg'
is "an error's type" "$(header Content-Type)" application/json
wait "$first"
get 200 /metrics
has body '^cresset_http_refused_total\{reason="busy"\} 1$'
ended limits
"$BUILD/tests/pprof_check" first || fail "the capture that ran"
serve nostore
get 404 /api/v1/labels
has body 'keeps no profiles'
ended nostore

# ---- It ends while captures run, and within their time.
serve ending captures=2 capture="$RECORDED"
for i in 1 2; do
	curl -s -m 100 -o "cut.$i" -w '%{http_code}\n' "$url/debug/pprof/profile?seconds=90" >"cut.$i.status" &
	eval "cut$i=\$!"
done
wait_for 5 sh -c "curl -s '$url/metrics' | grep -q 'running{pool=\"capture\"} 2'" || fail "no captures run"
ended ending
wait "$cut1" "$cut2"

# ---- A port that is taken, addresses that are none, names added, a socket file.
serve first
"$DRIVER" listen="127.0.0.1:$port" >taken.out 2>&1 && fail "a taken port is taken again"
has taken.out "cannot listen on 127.0.0.1:$port: Address already in use \(another program has it"
kill "$pid"
for bad in example.com:80 127.0.0.1 '[::1]' 1.2.3.4:99999; do
	"$DRIVER" listen="$bad" >bad.out 2>&1 && fail "listens on $bad"
	has bad.out 'listen='
done
"$DRIVER" tls_cert=password tls_key=token >bad.out 2>&1 && fail "starts without a certificate"
has bad.out 'do tls_cert and tls_key hold a PEM'
"$DRIVER" user=joe >bad.out 2>&1 && fail "a user without a password"
"$DRIVER" bearer_file=/nowhere >bad.out 2>&1 && fail "a token that is not there"
serve names hosts='profiles.example, other'
get 200 /healthz -H 'Host: profiles.example'
get 421 /healthz -H 'Host: profile.example'
ended names
serve file listen="unix:$TMP/http.sock"
is "mode of the socket file" "$(stat -c %a http.sock)" 660
url=http://localhost
get 200 /healthz --unix-socket http.sock
ended file
[ ! -e http.sock ] || fail "the socket file stays"
finish
