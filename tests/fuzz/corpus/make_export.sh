#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the seeds of fuzz_export_reply (a byte: kind and step; head; blank line; body; two line ends;
# trailers) and fuzz_export_config (lines "key = value"). Those of fuzz_export_spool are entries that
# the exporter wrote, and their fields without the head. The results are committed.
set -eu
cd "$(dirname "$0")"
mkdir -p export_reply export_config
reply() {
	name=$1
	shift
	printf "$@" >"export_reply/$name"
}
reply ok '\000HTTP/1.1 200 OK\r\ncontent-type: application/json\n\n{}'
reply connect_error '\000HTTP/1.1 400 Bad\r\ncontent-type: application/json\n\n{"code":"invalid_argument","message":"no\\u0000 label \\u001b[1m"}'
reply nested_error '\203HTTP/1.1 500 x\n\n{"error":{"code":"internal","message":"deep"}}'
reply text_error '\000HTTP/1.1 422 x\n\nresource_exhausted: rate\002 limited\377'
reply page '\003HTTP/1.1 502 Bad Gateway\n\n<html><body>502</body></html>'
reply seconds '\001HTTP/1.1 429 x\nRetry-After: 17\n\n'
reply date '\001HTTP/1.1 503 x\nretry-after:   Fri, 31 Dec 2032 23:59:59 GMT\n\n'
reply retry_limits '\001HTTP/1.1 503 x\nRetry-After: 99999999999999999999999\nRetry-After: -1\nRetry-After: Thu, 01 Jan 1970 00:00:00 GMT\n\n'
reply partial '\001HTTP/1.1 200 OK\ncontent-type: application/x-protobuf\n\n\n\014\010\003\022\010too much'
reply status '\201HTTP/1.1 400 x\ncontent-type: application/x-protobuf\n\n\010\003\022\005wrong'
reply wire_limits '\001HTTP/1.1 200 OK\ncontent-type: application/x-protobuf\n\n\n\377\377\377\377\377\377\377\377\377\001'
reply grpc_ok '\002HTTP/2 200\ncontent-type: application/grpc\n\n\001\002\n\ngrpc-status: 0\n'
reply grpc_error '\002HTTP/2 200\ngrpc-status: 14\ngrpc-message: caf%%C3%%A9 %%1B[0m %%zz %%\n\n'
reply grpc_odd '\002HTTP/2 200\ngrpc-status: 18446744073709551616\ngrpc-status:\ngrpc-message\n: x\n\n'
reply proxy_first '\000HTTP/1.1 200 Connection established\n\n\n\nHTTP/1.1 100 Continue\nHTTP/1.1 413 x\n'
reply status_lines '\000HTTP/\nHTTP/1.1\nHTTP/1.1 \nHTTP/1.1 99999\nHTTP/1.1 -1\nHTTP/1.1 2\n\n'
reply redirect '\002HTTP/1.1 307 x\nLocation: http://elsewhere/\n\n'
config() {
	cat >"export_config/$1"
}
config usual <<'END'
type = pyroscope
url = https://server:4040/prefix/
tenant = t1
bearer_env = TOKEN
timeout = 10s
max_age = 55m
spool = /var/lib/cresset/upload/central
spool_max_bytes = 64M
header = X-Scope: one
header = X-Other: a value that is longer than forty bytes and secret
END
config template <<'END'
type = http
method = PUT
url = http://files:8080/in/{service}/{date}/{x}-{id}.pb.gz
path = /{service}/{name}/../{time}/{none}/{x}
END
config s3 <<'END'
type = s3
url = https://s3.eu-west-1.amazonaws.com/bucket
aws_region = eu-west-1
user = AKID
insecure = yes
END
config refused <<'END'
type = pyroscop
url = http://user:password@server
url = http://server/?token=x
url = ftp://server
url = http://[::1
url = http://server#x
proxy = socks5://x
path = no-slash
path = /{unclosed
path = /}{
path = /{{x}}
method = DELETE
insecure = maybe
timeout = soon
timeout = 0
spool_max_bytes = lots
header = Host: x
header = no colon
header = X: a
typ = x
= x
no equals
END
