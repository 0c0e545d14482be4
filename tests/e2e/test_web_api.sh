#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The HTTP server by curl, openssl and plain sockets: every endpoint and format, errors, passwords,
# TLS, other host names and sites, limits, slow and oversized requests, and where it listens.
. "$(dirname "$0")/lib.sh"
need curl python3 openssl xmllint
. "$SRC/tests/e2e/web/lib.sh"

serve main store="$TMP/store" windows=30 demo=30 hostile=1 capture="$RECORDED" read_timeout=2

# ---- Nothing but loopback, and no other port.
inodes=$(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n')
listening=$(cat "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" | awk '$4 == "0A" { print $2, $10 }' |
	while read -r address inode; do grep -qx "$inode" <<<"$inodes" && echo "$address"; done)
is "listening sockets" "$listening" "0100007F:$(printf %04X "$port")"

# ---- Every endpoint, with the headers that all have.
for path in / /page.js /page.css /flame.js /icon.svg /healthz /readyz /metrics /debug/pprof/ \
	/api/v1/labels /api/v1/series /api/v1/query '/api/v1/diff?diff-from=-2h'; do
	get 200 "$path"
	[ -s body ] || fail "$path has no body"
	is "$path sniffing" "$(header X-Content-Type-Options)" nosniff
	is "$path caching" "$(header Cache-Control)" no-store
	is "$path resource policy" "$(header Cross-Origin-Resource-Policy)" same-origin
	[[ $(header Content-Security-Policy) = "default-src 'none'; "* ]] || fail "$path: which policy?"
	is "$path CORS" "$(header Access-Control-Allow-Origin)" ""
	size=$(stat -c %s body)
	# The numbers of /metrics go on.
	[ "$path" = /metrics ] && size=$(header Content-Length)
	get 200 "$path" -I
	[ "$path" = /metrics ] || is "HEAD $path" "$(header Content-Length)" "$size"
	[ -s body ] && ! cmp -s body headers && fail "HEAD $path has a body"
	for method in POST DELETE OPTIONS BREW; do
		get 405 "$path" -X "$method"
		is "$method $path" "$(header Allow)" "GET, HEAD"
	done
	get 405 "$path" -d 'a=b'
done
is "page's policy" "$(curl -s -D - -o /dev/null "$url/" | grep -ic "script-src 'self'; style-src 'self'")" 1
get 200 / && ! grep -qE 'https?://|<script>|<style|style=|onload' body || fail "the page refers elsewhere"

# ---- Lists.
get 200 /api/v1/labels
is labels "$(json '",".join(j["labels"])')" comm,host,service
is types "$(json '",".join(t["type"] for t in j["types"])')" blocked,cpu,runnable
is ranges "$(json 'len(j["ranges"]), sum(r["windows"] for r in j["ranges"])')" "(1, 61)"
is formats "$(json 'sorted(f["name"] for f in j["formats"])')" \
	"['cresset', 'folded', 'json', 'pprof', 'svg', 'top']"
get 200 "/api/v1/labels?label=service&match=host%3D%22demo%22,service!~%22.*script.*%22"
is values "$(json '",".join(j["values"])')" \
	api,cron.service,nginx,postgresql,redis,ssh.service,user.slice
get 200 '/api/v1/series?match=service%3D%22service1%22'
is series "$(json '[s["comm"] for s in j["series"]], j["truncated"]')" \
	"(['comm1-0', 'comm1-1'], False)"
get 200 '/api/v1/series?limit=1'
is "one series" "$(json 'len(j["series"]), j["truncated"]')" "(1, True)"

# ---- A table, and the sums of a profile: the same time, whichever way it is asked for.
demo='match=host%3D%22demo%22'
get 200 "/api/v1/query?by=service&event=wall&$demo"
is "table's types" "$(json '[t["type"] for t in j["types"]]')" "['cpu', 'runnable', 'blocked']"
is "a table's sums" "$(json 'all(sum(r["sums"][k] for r in j["rows"]) == j["totals"][k] for k in range(3))')" True
wall=$(json 'sum(j["totals"])')
cpu=$(json 'j["totals"][0]')
get 200 "/api/v1/query?by=service&event=wall&top=2&$demo"
is "two rows" "$(json 'len(j["rows"]), j["more_rows"], sum(j["totals"])')" "(2, 6, $wall)"
get 200 "/api/v1/query?event=wall&idle=1&$demo"
is "sum of a profile" "$(json '{t["type"]: t["total"] for t in j["totals"]}["wall"]')" "$wall"
is "a tree's root" "$(json '[dict(zip(j["columns"], j["nodes"][0]))[k] for k in ("parent", "total")]')" "[0, $wall]"
is "a tree's sums" "$(json 'sum(n[4] for n in j["nodes"])')" "$wall"
is "parents first" "$(json 'all(n[0] < i for i, n in enumerate(j["nodes"]) if i)')" True
is completeness "$(json 'j["completeness"]["complete"], j["completeness"]["windows"]')" "(True, 61)"
get 200 "/api/v1/query?format=folded&$demo"
is "sum of folded stacks" "$(awk '{ sum += $NF } END { printf "%.0f\n", sum }' body)" "$cpu"
get 200 '/api/v1/query?event=wall&value=blocked&match=service%3D%22redis%22&idle=1'
is "another value" "$(json 'j["value"], j["names"][-1]')" "('blocked', '[blocked]')"

# ---- Every format, as what it is.
for f in svg:image/svg+xml:inline pprof:application/octet-stream:attachment \
	folded:text/plain:inline top:text/plain:inline cresset:application/octet-stream:attachment; do
	IFS=: read -r format type how <<<"$f"
	get 200 "/api/v1/query?format=$format&match=service%3D%22api%22"
	[[ $(header Content-Type) = "$type"* ]] || fail "$format is $(header Content-Type)"
	[[ $(header Content-Disposition) =~ ^$how\;\ filename=\"cpu-[0-9A-Z_-]+-service__api_\.[a-z.]+\"$ ]] ||
		fail "$format: $(header Content-Disposition)"
	cp body "out.$format"
	get 200 "/api/v1/query?format=$format&download=1"
	[[ $(header Content-Disposition) = attachment* ]] || fail "$format: no download"
done
xmllint --noout out.svg || fail "no SVG"
grep -q 'service="api"' out.svg && fail "the title is not escaped"
"$BUILD/tests/pprof_check" out.pprof || fail "the strict checker refuses the pprof output"
has out.top parse_string
"$CRESSET" convert out.cresset --no-symbols -f folded -o - >again.folded 2>convert.err || fail "convert: $(cat convert.err)"
cmp -s again.folded out.folded || fail "cresset and folded differ"

# ---- Comparing: as JSON, and in each format that the list calls able to.
now=$(date +%s)
get 200 "/api/v1/diff?from=$((now - 150))&to=$((now + 9))&diff-from=$((now - 400))&diff-to=$((now - 150))&$demo"
is "diff's columns" "$(json '",".join(j["columns"][5:])')" total_before,self_before
is "both sums" "$(json 'j["nodes"][0][3] == j["totals"][0]["total"], j["nodes"][0][5] == j["diff_totals"][0]["total"], j["nodes"][0][5] > 0')" "(True, True, True)"
get 200 /api/v1/labels
for f in svg folded pprof top cresset; do
	if [ "$(json "[f['diff'] for f in j['formats'] if f['name'] == '$f']")" = "[True]" ]; then
		curl -sf -o diff.out "$url/api/v1/diff?diff-from=-2h&format=$f" || fail "no diff as $f"
	else
		curl -sf -o diff.out "$url/api/v1/diff?diff-from=-2h&format=$f" && fail "$f cannot show two"
	fi
done

# ---- What is wrong is said, in the way of the endpoint, and no answer to another question given.
wrong() {
	get "$1" "$2"
	is "$2" "$(header Content-Type)" application/json
	json 'j["error"]' | grep -qF -- "$3" || fail "$2: $(cat body), expected '$3'"
}
wrong 400 '/api/v1/query?form=svg' "there is no parameter 'form' here"
wrong 400 '/api/v1/query?format=exe' "format=exe is not known (known: json"
wrong 400 '/api/v1/query?event=heat' "event 'heat' is not known (known: cpu, off-cpu, wall)"
wrong 400 '/api/v1/query?from=yesterday' "from 'yesterday' is not a moment"
wrong 400 '/api/v1/query?from=now&to=-1h' "the range is empty"
wrong 400 '/api/v1/query?match=service=' "match"
wrong 400 '/api/v1/query?top=x' "top=x is not a number"
wrong 400 '/api/v1/query?min-width=1e9' "is not a percentage"
wrong 400 '/api/v1/query?value=steps' "value=steps is not there (there are: cpu)"
wrong 400 '/api/v1/query?idle=maybe' "neither 1 nor 0"
wrong 400 '/api/v1/query?from=-1h&from=-2h' "'from' is given twice"
wrong 400 '/api/v1/query?from=%zz' "broken %XX"
wrong 400 '/api/v1/query?from=%00' "broken %XX"
wrong 400 '/api/v1/query?by=service&format=svg' "a table (by=) is written as json only"
wrong 400 '/api/v1/query?labels=a,b,c,d,e,f,g,h,i' "more than 8 labels"
wrong 400 '/api/v1/diff' "what to compare with?"
wrong 400 '/api/v1/diff?diff-from=-2h&by=comm' "compares nothing"
wrong 400 '/api/v1/series?limit=0' "limit=0 is not a number from 1"
wrong 404 /api/v1/nothing "there is nothing at this path"
wrong 400 "/api/v1/query?event=$(printf '%%0d%%0aSet-Cookie:%%20x%%3Cb%%3E')" "event '"
has_not headers '[Ss]et-[Cc]ookie'
get 400 '/debug/pprof/profile?seconds=301'
is "said as" "$(header Content-Type)" "text/plain; charset=utf-8"
has body 'seconds=301 is not a number from 1 to 300'
for path in /.. /../../../etc/passwd /%2e%2e/%2e%2e/etc/passwd //etc/passwd /page.js/../../x \
	'/page.js%00.html' /api/v1 /api/v1/query/ /store/catalog.db '/\..\..' /debug/pprof/../../x; do
	get 404 "$path"
done
get 200 "/api/v1/query?format=svg&title=$(printf '%%3C/title%%3E%%3Cscript%%3Ehit()%%3C/script%%3E%%22%%27')"
xmllint --noout body || fail "a title breaks the SVG"
has_not body '<script>hit'
get 200 "/api/v1/query?format=svg&match=service%3D%22%3C/script%3E%3Cimg%22"
[[ $(header Content-Disposition) =~ ^inline\;\ filename=\"[A-Za-z0-9._-]+\"$ ]] || fail "file name: $(header Content-Disposition)"

# ---- Names that are attacks, in every form in which they come out.
for path in '/api/v1/labels?label=service' /api/v1/series '/api/v1/query?by=service' /api/v1/query \
	'/api/v1/query?by=comm&event=wall'; do
	get 200 "$path"
	has_not body '<|>' "$path"
	json j >/dev/null || fail "$path is no JSON"
done
is "a hostile name" "$(get 200 '/api/v1/labels?label=service'; json 'sum("</script>" in v and chr(10) in v for v in j["values"])')" 1
for format in svg pprof folded top cresset; do
	get 200 "/api/v1/query?event=wall&format=$format&labels=comm,service&match=host%3D%22demo%22"
	cp body "hostile.$format"
done
xmllint --noout hostile.svg || fail "a hostile name breaks the SVG"
is "scripts in the SVG" "$(grep -c '<script' hostile.svg)" 1
"$BUILD/tests/pprof_check" hostile.pprof || fail "the strict checker refuses hostile names"

# ---- Captures.
get 200 '/debug/pprof/profile?seconds=1'
"$BUILD/tests/pprof_check" body || fail "the strict checker refuses a capture"
is "file name" "$(header Content-Disposition)" 'attachment; filename="cpu.pb.gz"'
get 200 '/debug/pprof/offcpu?seconds=1&match=comm%3D~%22x.*%22'
get 400 '/debug/pprof/offcpu?seconds=1&match=comm'
get 200 '/debug/pprof/profile?seconds=300' -I
get 200 /metrics
has body '^cresset_captures_total 2$'

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
get 200 /api/v1/labels -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate'
get 200 /api/v1/labels -H 'Sec-Fetch-Site: same-origin' -H 'Sec-Fetch-Mode: cors'

# ---- Oversized, malformed and slow requests; after each the server answers as before.
PYTHONDONTWRITEBYTECODE=1 timeout 60 python3 "$SRC/tests/e2e/web/rude.py" "$port" >rude.out 2>&1 ||
	fail "rude requests"
get 200 /healthz
get 200 /metrics
has body '^cresset_http_slow_connections_total [1-9]'
has body '^cresset_http_refused_total\{reason="host"\} [1-9]'
has body '^cresset_http_refused_total\{reason="cross_site"\} 2$'
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
