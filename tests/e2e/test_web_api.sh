#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The HTTP server by curl: every endpoint, parameter and format, what is wrong with a request, names
# that are attacks, captures.
. "$(dirname "$0")/lib.sh"
need curl python3 xmllint
. "$SRC/tests/e2e/web/lib.sh"

serve main store="$TMP/store" windows=30 demo=30 hostile=1 capture="$RECORDED"

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
	get 405 "$path" -d 'a=b'
	is "POST $path" "$(header Allow)" "GET, HEAD"
done
for method in PUT DELETE OPTIONS PATCH BREW; do
	get 405 /api/v1/query -X "$method"
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
	can=$(json "[f['diff'] for f in j['formats'] if f['name'] == '$f']")
	case $f in
	svg | folded | top)
		is "diff as $f" "$can" "[True]"
		curl -sf -o "diff.$f" "$url/api/v1/diff?diff-from=-2h&format=$f" || fail "no diff as $f" ;;
	*)
		is "diff as $f" "$can" "[False]"
		curl -sf -o diff.out "$url/api/v1/diff?diff-from=-2h&format=$f" && fail "$f cannot show two" ;;
	esac
done
xmllint --noout diff.svg || fail "no SVG of a diff"
has diff.svg ' against '
has diff.svg 'before [0-9.]* [a-z]*, after '
grep -vE '^[^ ].* [0-9]+ [0-9]+$' diff.folded && fail "not difffolded's lines"
has diff.top 'CHANGE%'
# The same twice, and what each side has is what a query for it alone has.
range="from=$((now - 150))&to=$((now + 9))" before="from=$((now - 400))&to=$((now - 150))"
get 200 "/api/v1/diff?$range&diff-from=$((now - 400))&diff-to=$((now - 150))&format=folded&$demo"
cp body diff.folded
get 200 "/api/v1/diff?$range&diff-from=$((now - 400))&diff-to=$((now - 150))&format=folded&$demo"
cmp -s body diff.folded || fail "the same diff gave other bytes"
get 200 "/api/v1/query?$range&format=folded&$demo"
awk '$NF > 0 { sub(/ [0-9]+ [0-9]+$/, " " $NF); print }' diff.folded | LC_ALL=C sort >after.folded
LC_ALL=C sort body | cmp -s - after.folded || fail "the diff's second numbers are not the range's"
get 200 "/api/v1/query?$before&format=folded&$demo"
awk '$(NF - 1) > 0 { sub(/ [0-9]+$/, ""); print }' diff.folded | LC_ALL=C sort >before.folded
LC_ALL=C sort body | cmp -s - before.folded || fail "the diff's first numbers are not the base's"
get 200 "/api/v1/diff?$range&diff-from=$((now - 400))&diff-to=$((now - 150))&format=svg&normalize=1&$demo"
has body 'scaled to the'

# ---- What is wrong is said, in the way of the endpoint, and no answer to another question given.
wrong() {
	get "$1" "$2"
	is "$2" "$(header Content-Type)" application/json
	grep -qF -- "$3" body || fail "$2: $(cat body), expected '$3'"
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

ended main
finish
