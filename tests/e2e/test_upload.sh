#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cresset upload against servers that enforce what Pyroscope, Parca, OTLP and S3 do: every kind is
# accepted, labels and names cannot break out, limits are kept by splitting, refusals come with the
# server's own words and exit status 1, secrets stay out of every output and of /proc/PID/cmdline.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/upload/lib.sh"
upload_modules
servers 150

# upload KIND ARGUMENTS...: to that kind's server; output in up.out and up.err.
upload() {
	local kind=$1
	shift
	"$CRESSET" upload --as "$kind" --to "http://127.0.0.1:$(port "$kind")" "$@" >up.out 2>up.err
}

printf 'main;work;inner 10\nmain;idle 5\nmain;b\xc3\xa9te;x<y>"& 7\n' >a.folded
# A CPU profile as a recording has it.
"$DRIVER" type=http url="http://127.0.0.1:$(port http)" <<'END' >driver.out
push 1 50
offcpu 1 50
flush 10000
stats
END
stat_is driver.out sent 2
cp http-1.pb.gz cpu.pb.gz
cp http-2.pb.gz off.pb.gz
[ ! -x "$BUILD/tests/pprof_check" ] || "$BUILD/tests/pprof_check" cpu.pb.gz off.pb.gz || fail "not what strict readers of pprof take"

# ---- Each kind, with labels that try to get out of their place.
odd=(--label 'k.8=a,b}{c="d"' --label "nl=$(printf 'x\ny')" --label "bad=$(printf 'a\xff')" --label '9=nine'
	--label '__secret__=x' --label 'empty=')
for kind in pyroscope ingest parca parca_json otlp http; do
	upload "$kind" cpu.pb.gz --service 'we"b,{x}=1' "${odd[@]}" || fail "$kind: $(cat up.err)"
	has up.out "^accepted by http://127.0.0.1:$(port $kind)" "$kind"
done
expect_log 6 'e.ok && (e.labels || e.app || e.profiles || e.url === "/") && e.at > 0 && !(e.labels && e.labels.seq) && !/^driver$/.test(e.app || "") && e.headers?.["x-none"] === undefined && (e.server !== "http" || e.file === "http-8.pb.gz")' "every kind"
expect_log 1 'e.server === "pyroscope" && e.labels.__name__ === "process_cpu" && e.labels.__delta__ === "false" && e.labels.service_name === "we\"b,{x}=1" && e.labels.k_8 === "a,b}{c=\"d\"" && e.labels.nl === "x?y" && e.labels._9 === "nine" && !("__secret__" in e.labels) && !("empty" in e.labels)' "pyroscope's labels"
expect_log 1 'e.server === "ingest" && e.app === "we\"b__x__1" && e.labels.k_8 === "a_b__c_\"d\""' "ingest's labels"
expect_log 1 'e.server === "parca" && e.labels.__name__ === "process_cpu" && e.pprof.types.join() === "samples:count,cpu:nanoseconds" && e.pprof.totals.join() === "50,500000000"' "parca"
expect_log 1 'e.server === "otlp" && e.profiles[0].type === "samples:count" && e.profiles[0].period === "cpu:nanoseconds" && e.profiles[0].every === 10000000 && e.profiles[0].total === 50 && e.profiles[0].attributes["service.name"] === "we\"b,{x}=1" && e.profiles[0].attributes["host.name"]' "otlp"

# OTLP by protoc, which knows the layout from our description of it only.
cp otlp-*.bin good.bin
protoc -I "$UPLOAD" --decode=otlp.ExportProfilesServiceRequest otlp.proto <good.bin >otlp.txt ||
	fail "protoc --decode"
has otlp.txt 'string_table: "leaf_0_0"'
has_not otlp.txt '^[0-9]+:' "fields that the layout does not have"
has_not otlp.txt '^ +[0-9]+:' "fields that the layout does not have"

# ---- Off-CPU time keeps its name; /ingest would file it as CPU time.
for kind in pyroscope parca parca_json otlp; do
	upload "$kind" off.pb.gz --service off || fail "$kind, off-CPU: $(cat up.err)"
done
expect_log 3 'e.labels?.__name__ === "off_cpu" && e.labels.service_name === "off"' "off_cpu"
expect_log 1 'e.profiles?.[0].type === "off_cpu:nanoseconds" && e.profiles[0].period === "" && e.profiles[0].total === 500000000' "off_cpu by otlp"
upload ingest off.pb.gz && fail "ingest took off-CPU time"
has up.err 'type pyroscope' "the remedy"

# ---- The server's own words; a refusal is exit status 1.
upload pyroscope cpu.pb.gz --label "__name__=x" --label "x=$(head -c 3000 /dev/zero | tr '\0' v)" ||
	fail "a long label must be cut: $(cat up.err)"
"$CRESSET" upload cpu.pb.gz --as otlp --to "http://127.0.0.1:$(port otlp)" --set path=/nowhere >up.out 2>up.err
[ $? = 1 ] || fail "exit status of a refusal"
has up.err 'HTTP 400: invalid_argument: not profiles'
touch otlp-partial
upload otlp cpu.pb.gz || fail "a partial success is a success"
has up.out 'the server says: one was too much'
rm otlp-partial

# ---- The servers here would have refused what the real ones do.
(cd "$MODULES" && timeout 60 node bad.mjs "$TMP" "$TMP/cpu.pb.gz" "$TMP/good.bin") >bad.out 2>bad.err || fail "bad.mjs: $(tail -n 3 bad.err)"
[ ! -s bad.out ] || fail "the servers' rules"

# ---- Limits: 30,000 stacks go in parts that add up.
for i in $(seq 30000); do echo "main;f$((i % 97));g$i 2"; done >many.folded
upload pyroscope many.folded --service many || fail "many stacks: $(cat up.err)"
has up.out ': 3 requests,'
[ "$(node -e 'console.log(require("fs").readFileSync("log", "utf8").trim().split("\n").map((l) => JSON.parse(l))
	.filter((e) => e.ok && e.labels?.service_name === "many").reduce((n, e) => n + e.pprof.totals[0], 0))')" = 60000 ] ||
	fail "the parts do not add up"
# 7 MB of names in few stacks: split by size.
awk 'BEGIN { srand(1); for (i = 0; i < 400; i++) { s = "n" i; while (length(s) < 17000) s = s "_" rand(); print s " 1" } }' >wide.folded
upload otlp wide.folded --service wide || fail "wide: $(cat up.err)"
upload parca wide.folded --service wide || fail "wide: $(cat up.err)"
has up.out ': [4-8] requests,'
[ "$(node -e 'console.log(require("fs").readFileSync("log", "utf8").trim().split("\n").map((l) => JSON.parse(l))
	.filter((e) => e.ok && e.labels?.service_name === "wide").reduce((n, e) => n + e.pprof.totals[0], 0))')" = 400 ] ||
	fail "the wide parts do not add up"

# ---- Templates: no label leaves its place in the path.
"$CRESSET" upload cpu.pb.gz --to "http://127.0.0.1:$(port http)/in/{service}/{up}/{none}/{name}-{date}.pb.gz" --as http \
	--set method=PUT --service '../../etc' --label 'up=..' >up.out 2>up.err || fail "template: $(cat up.err)"
expect_log 1 "e.server === 'http' && e.method === 'PUT' && /^\\/in\\/\\.\\.%2F\\.\\.%2Fetc\\/_\\.\\.\\/_\\/process_cpu-20\\d\\d-\\d\\d-\\d\\d\\.pb\\.gz\$/.test(e.url)" "template"

# ---- S3's signature, keys from the environment and from a file.
AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=c2VjcmV0LWtleQ AWS_SESSION_TOKEN=session upload s3 cpu.pb.gz \
	--set aws_region=eu-west-1 --service 'a b/c' || fail "s3: $(cat up.err)"
echo c2VjcmV0LWtleQ >secret-key
upload s3 many.folded --set aws_region=eu-west-1 --user AKID2 --password-file secret-key || fail "s3: $(cat up.err)"
expect_log 1 'e.signed?.id === "AKID" && e.signed.region === "eu-west-1" && e.signed.sha256 && e.headers["x-amz-security-token"] === "session" && e.method === "PUT"' "s3"
expect_log 1 'e.signed?.id === "AKID2"' "s3 with a file"

# ---- Identity, and that it shows nowhere.
echo s3cr3t-bearer >token
printf '# for the gateway\nX-Key: s3cr3t-header\n' >headers
echo s3cr3t-password >password
upload pyroscope cpu.pb.gz --bearer-file token --headers-file headers --tenant t1 || fail "$(cat up.err)"
S3=s3cr3t-password upload parca_json cpu.pb.gz --user me --password-env S3 || fail "$(cat up.err)"
expect_log 1 'e.headers?.authorization === "Bearer s3cr3t-bearer" && e.headers["x-key"] === "s3cr3t-header" && e.headers["x-scope-orgid"] === "t1"' "bearer"
expect_log 1 'e.headers?.authorization === "Basic " + Buffer.from("me:s3cr3t-password").toString("base64")' "basic"
upload pyroscope cpu.pb.gz --bearer-file token --headers-file headers --set 'header=X-A: s3cr3t-on-line' --check || fail "--check"
has up.out '^bearer_file = token'
has up.out '^header = X-A: \.\.\.'
has_not up.out s3cr3t
# A server that sends back what it got.
printf '403' >fail-pyroscope
upload pyroscope cpu.pb.gz --bearer-file token --headers-file headers && fail "403 is a success?"
has up.err 'HTTP 403: unavailable: told to fail'
has_not up.err s3cr3t
upload pyroscope cpu.pb.gz --user me --password-file password && fail "403 is a success?"
has up.err 'told to fail: Basic \*'
has_not up.err "$(printf me:s3cr3t-password | base64)"
printf 'hang' >fail-pyroscope
"$CRESSET" upload --as pyroscope --to "http://127.0.0.1:$(port pyroscope)" cpu.pb.gz --bearer-file token \
	--headers-file headers --set timeout=3s >up.out 2>up.err &
pid=$!
wait_for 10 grep -q '"fault":"hang"' log
tr '\0' ' ' <"/proc/$pid/cmdline" >cmdline
has cmdline 'bearer-file token'
has_not cmdline s3cr3t
wait "$pid" && fail "a server that hangs is a success?"
has up.err 'cannot reach .*(timed out|timeout)'
rm fail-pyroscope

# ---- Retried on demand; not where it makes no sense.
printf '503\nRetry-After: 1' >fail-pyroscope
(sleep 1.5; rm fail-pyroscope) &
upload pyroscope cpu.pb.gz --retry-for 20s || fail "retry: $(cat up.err)"
upload pyroscope cpu.pb.gz --retry-for 500ms --set path=/nowhere && fail "404 is a success?"
has up.err 'HTTP 404'

# ---- Wrong usage, said before anything is read.
usage() {
	"$CRESSET" upload "$@" >up.out 2>up.err
	[ $? = 2 ] || fail "upload $*: not exit status 2"
}
usage a.folded
has up.err '--to URL'
usage a.folded --to http://127.0.0.1:1
has up.err 'does not tell the kind of server'
usage a.folded --to http://user:s3cr3t@127.0.0.1:4040
has up.err 'password_file'
has_not up.err s3cr3t
usage a.folded --to 'http://127.0.0.1:4040/?token=s3cr3t'
has_not up.err s3cr3t
usage a.folded --to http://127.0.0.1:4040 --set tennant=x
has up.err "did you mean 'tenant'"
usage a.folded --to http://127.0.0.1:4040 --bearer-file nowhere
has up.err 'cannot read nowhere'
usage a.folded --to http://127.0.0.1:4040 --label x
printf 'X-Key: s3cr3t-header\ns3cr3t without a name\n' >bad-headers
usage a.folded --to http://127.0.0.1:4040 --headers-file bad-headers
has up.err 'bad-headers: a line is not like'
has_not up.err s3cr3t
"$CRESSET" upload a.folded --to http://127.0.0.1:4040 --check >up.out || fail "--check"
has up.out '^type = pyroscope'
"$CRESSET" upload a.folded --as http --to http://127.0.0.1:1 >up.out 2>up.err
[ $? = 1 ] || fail "nobody there: not exit status 1"
has up.err 'cannot reach http://127.0.0.1:1'

finish
