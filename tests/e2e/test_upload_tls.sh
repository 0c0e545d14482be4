#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What stands between an upload and its server: nginx with certificates that are right, another
# host's, expired or unknown, one that wants a client's certificate, redirects, a limit on bodies; and
# a proxy that wants a password. A body and its credentials go to the server that was named and to
# nobody else, whatever is wrong is said with exit status 1, and no secret is.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/upload/lib.sh"
need nginx python3
upload_modules
servers 120

# expired NAME: a certificate whose day is long over, by a CA of its own.
expired() {
	mkdir -p ca
	: >ca/index
	echo 01 >ca/serial
	printf '[ca]\ndefault_ca = d\n[d]\ndatabase = ca/index\nserial = ca/serial\nnew_certs_dir = ca\ndefault_md = sha256\npolicy = p\nx509_extensions = x\n[p]\ncommonName = supplied\n[x]\nsubjectAltName = IP:127.0.0.1\n' >ca/conf
	openssl req -newkey rsa:2048 -nodes -keyout "$1-key.pem" -out ca/request.pem -subj "/CN=$1" 2>openssl.err &&
		openssl ca -batch -notext -config ca/conf -selfsign -keyfile "$1-key.pem" -in ca/request.pem -out "$1.pem" \
			-startdate 20200101000000Z -enddate 20200102000000Z 2>>openssl.err || fail "openssl: $(cat openssl.err)"
}
certificate other DNS:elsewhere
certificate client DNS:client
expired old
read -r right wrong over mutual redirect < <(free_ports 5)

# server PORT CERTIFICATE MORE
server() {
	printf 'server { listen 127.0.0.1:%s ssl; ssl_certificate %s; ssl_certificate_key %s; %s }\n' \
		"$1" "$TMP/$2.pem" "$TMP/$2-key.pem" "$3"
}
pass="location / { proxy_pass http://127.0.0.1:$(port pyroscope); }"
{
	nginx_head
	server "$right" cert "client_max_body_size 1k; $pass"
	server "$wrong" other "$pass"
	server "$over" old "$pass"
	server "$mutual" cert "ssl_client_certificate $TMP/client.pem; ssl_verify_client on; $pass"
	server "$redirect" cert "return 307 http://127.0.0.1:$(port http)/moved;"
	echo '}'
} >nginx.conf
start_nginx "$right"

echo s3cr3t-token >token
printf 'main;a 5\n' >small.folded
for i in $(seq 300); do echo "main;f$RANDOM$i;g$RANDOM$i $i"; done >large.folded
# upload PORT ARGUMENTS...: by https to that port.
upload() {
	local to=$1
	shift
	"$CRESSET" upload --as pyroscope --to "https://127.0.0.1:$to" --bearer-file token "$@" >up.out 2>up.err
}
# refused WHAT WORDS PORT ARGUMENTS...
refused() {
	local what=$1 words=$2
	shift 2
	upload "$@"
	[ $? = 1 ] || fail "$what: not exit status 1"
	has up.err "$words"
	has_not up.err s3cr3t
}

# ---- Certificates.
upload "$right" --ca cert.pem small.folded || fail "the right certificate: $(cat up.err)"
expect_log 1 'e.server === "pyroscope" && e.ok && e.headers.authorization === "Bearer s3cr3t-token"' "right"
refused "unknown" 'cannot reach .*certificate' "$right" small.folded
refused "another host's" "cannot reach .*(no alternative certificate subject name|does not match)" "$wrong" --ca other.pem small.folded
refused "expired" 'cannot reach .*certificate has expired' "$over" --ca old.pem small.folded
expect_log 1 'e.server === "pyroscope"' "nothing more came through"
refused "no client certificate" 'HTTP 400' "$mutual" --ca cert.pem small.folded
upload "$mutual" --ca cert.pem --set cert=client.pem --set key=client-key.pem small.folded || fail "client certificate: $(cat up.err)"
upload "$over" --insecure small.folded || fail "--insecure: $(cat up.err)"
expect_log 3 'e.server === "pyroscope" && e.ok' "all that came through"

# ---- A limit on the way, and a redirect, which is not followed: not the body, not the token.
refused "a large body" 'was refused by .*HTTP 413' "$right" --ca cert.pem large.folded
refused "a redirect" 'HTTP 307: a redirect' "$redirect" --ca cert.pem small.folded
expect_log 0 'e.server === "http"' "the redirect's target"

# ---- A proxy, by the setting and by the environment; through it, a tunnel for TLS.
echo me:pr0xy-s3cr3t >proxy-auth
echo me:wr0ng-s3cr3t >proxy-wrong
via=(--set "proxy=http://127.0.0.1:$(port proxy)")
refused "a proxy, unknown to it" 'cannot reach .*407' "$right" --ca cert.pem "${via[@]}" --set proxy_auth_file=proxy-wrong small.folded
upload "$right" --ca cert.pem "${via[@]}" --set proxy_auth_file=proxy-auth small.folded || fail "proxy: $(cat up.err)"
expect_log 1 "e.server === 'proxy' && e.ok && e.method === 'CONNECT' && e.url === '127.0.0.1:$right' && !e.headers.authorization" "the tunnel"
plain=(--as pyroscope --to "http://127.0.0.1:$(port pyroscope)" small.folded)
"$CRESSET" upload "${plain[@]}" "${via[@]}" --set proxy_auth_file=proxy-auth >up.out 2>up.err || fail "plain proxy: $(cat up.err)"
http_proxy=http://127.0.0.1:$(port proxy) "$CRESSET" upload "${plain[@]}" --set proxy_auth_file=proxy-wrong >up.out 2>up.err
[ $? = 1 ] || fail "a proxy that refuses: not exit status 1"
has up.err 'HTTP 407: who are you'
has_not up.err "s3cr3t|$(base64 <<<me:wr0ng-s3cr3t | cut -c1-12)"
no_proxy=127.0.0.1 http_proxy=http://127.0.0.1:1 "$CRESSET" upload "${plain[@]}" >up.out 2>up.err || fail "no_proxy: $(cat up.err)"
expect_log 1 'e.server === "proxy" && e.ok && e.method === "POST"' "the plain proxy"
expect_log 6 'e.server === "pyroscope" && e.ok' "all that came through"

kill -QUIT "$(cat nginx.pid)"
finish
