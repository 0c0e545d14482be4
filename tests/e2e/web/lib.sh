# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# web/lib.sh - for tests of the HTTP server: start tests/web_driver, and ask it things with curl.
DRIVER=$BUILD/tests/web_driver
RECORDED=$SRC/tests/fuzz/corpus/cresset/recorded.cresset
[ -x "$DRIVER" ] || { fail "no $DRIVER"; finish; }

# serve NAME [KEY=VALUE]...: sets url (without the last slash), port, pid.
serve() {
	local name=$1
	shift
	"$DRIVER" "$@" >"$name.served" 2>"$name.err" &
	pid=$!
	started_pids+=("$pid")
	if ! wait_for 20 test -s "$name.served"; then
		fail "the server '$name' does not start: $(cat "$name.err")"
		finish
	fi
	url=$(sed -n 's,/$,,;1p' "$name.served")
	port=$(sed -n 2p "$name.served")
}

# ended NAME: SIGTERM, and it has gone well (a sanitizer's report would be a failure).
ended() {
	kill -TERM "$pid" 2>/dev/null
	wait "$pid" || fail "$1 ended with $?: $(cat "$1.err")"
	[ "$(tail -n 1 "$1.served")" = ended ] || fail "$1 did not end: $(cat "$1.err")"
	grep -v 'can be reached from\|travel unencrypted' "$1.err" && fail "$1 printed that"
}

# get STATUS PATH [CURL-ARGUMENTS]...: into body and headers; the status is as expected.
get() {
	local want=$1 path=$2 got
	shift 2
	got=$(curl -sS --path-as-is -m 30 -o body -D headers -w '%{http_code}' "$@" "$url$path" 2>curl.err) ||
		fail "curl $path: $(cat curl.err)"
	[ "$got" = "$want" ] || fail "$path: status $got, expected $want: $(head -c 300 body)"
}

# header NAME: its value in the last answer.
header() {
	tr -d '\r' <headers | sed -n "s/^$1: //Ip" | head -n 1
}

# is WHAT VALUE EXPECTED
is() {
	[ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"
}

# json EXPRESSION: of the last answer, in Python with the answer as j.
json() {
	python3 -c 'import json, sys
j = json.load(open("body"))
print(eval(sys.argv[1]))' "$1" 2>&1
}
