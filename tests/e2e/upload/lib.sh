# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# upload/lib.sh - servers for the tests of uploads; sourced behind ../lib.sh.
#
# The servers are other people's implementations from npm, installed once into the build tree
# ($BUILD/tests/upload) from the versions in package.json; without a registry the test is skipped, and
# for ten minutes the next ones do not wait for it again. Node 18 (Debian 12) is enough.

UPLOAD=$SRC/tests/e2e/upload
MODULES=$BUILD/tests/upload
DRIVER=$BUILD/tests/export_driver
# No proxy of the environment's between us and loopback.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY

upload_modules() {
	need node npm protoc openssl
	[ -x "$DRIVER" ] || { fail "no $DRIVER"; finish; }
	mkdir -p "$MODULES"
	if ! cmp -s "$UPLOAD/package.json" "$MODULES/installed.json"; then
		[ -z "$(find "$MODULES" -maxdepth 1 -name npm.failed -mmin -10)" ] ||
			skip "npm could not install the servers' modules: $(cat "$MODULES/npm.failed")"
		cp "$UPLOAD/package.json" "$MODULES/"
		if ! (cd "$MODULES" && timeout 90 npm install --no-audit --no-fund --ignore-scripts \
			--no-package-lock --fetch-retries 1 >npm.log 2>&1 </dev/null); then
			grep -m 1 -E 'ERR!|error' "$MODULES/npm.log" >"$MODULES/npm.failed" ||
				echo "no answer in 90 s" >"$MODULES/npm.failed"
			skip "npm could not install the servers' modules: $(cat "$MODULES/npm.failed")"
		fi
		rm -f "$MODULES/npm.failed"
		cp "$UPLOAD/package.json" "$MODULES/installed.json"
	fi
	cp "$UPLOAD"/*.mjs "$UPLOAD"/*.proto "$MODULES/"
}

# certificate NAME SUBJECT-ALTERNATIVE-NAMES: NAME.pem and NAME-key.pem, signed by itself.
certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1-key.pem" -out "$1.pem" -days 1 \
		-subj "/CN=$1" -addext "subjectAltName=$2" 2>openssl.err ||
		fail "openssl: $(cat openssl.err)"
}

# free_ports N: so many ports of 127.0.0.1 that nobody listens on.
free_ports() {
	python3 -c 'import socket, sys
s = [socket.socket() for _ in range(int(sys.argv[1]))]
[x.bind(("127.0.0.1", 0)) for x in s]
print(*[x.getsockname()[1] for x in s])' "$1"
}

# start_nginx PORT: with nginx.conf, which listens on that port.
start_nginx() {
	nginx -c "$TMP/nginx.conf" -e "$TMP/nginx.err" >nginx.out 2>&1 &
	started_pids+=($!)
	wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1" 2>/dev/null ||
		{ fail "no nginx: $(cat nginx.out nginx.err)"; finish; }
}

# nginx_head: what every nginx.conf here begins with, up to the first server.
nginx_head() {
	cat <<END
pid $TMP/nginx.pid; error_log $TMP/nginx.err; worker_processes 1; daemon off;
$([ "$(id -u)" = 0 ] && echo "user root;")
events { worker_connections 64; }
http {
	access_log $TMP/nginx.log; client_max_body_size 8m; lingering_close off;
	client_body_temp_path $TMP/n1; proxy_temp_path $TMP/n2; fastcgi_temp_path $TMP/n3;
	uwsgi_temp_path $TMP/n4; scgi_temp_path $TMP/n5;
END
}

# servers SECONDS: starts them; their files are in $TMP.
servers() {
	protoc -I "$SRC/tests" -I "$UPLOAD" --descriptor_set_out=descriptors.bin profile.proto \
		push.proto profilestore.proto otlp.proto || { fail "protoc"; finish; }
	certificate cert DNS:localhost,IP:127.0.0.1
	cp cert-key.pem key.pem
	(cd "$MODULES" && exec node servers.mjs "$TMP" "$1") >node.out 2>node.err &
	started_pids+=($!)
	wait_for 20 test -f ports || { fail "the servers did not start: $(cat node.err)"; finish; }
}

port() {
	awk -v n="$1" '$1 == n { print $2 }' "$TMP/ports"
}

# logged FILTER: lines of the servers' log for which the JavaScript expression holds (e is the entry).
logged() {
	[ -f "$TMP/log" ] || { echo 0; return; }
	node -e 'const fs = require("fs"); const test = new Function("e", "return " + process.argv[2]);
		console.log(fs.readFileSync(process.argv[1], "utf8").trim().split("\n")
			.map((l) => JSON.parse(l)).filter(test).length)' "$TMP/log" "$1"
}

# expect_log COUNT FILTER WHAT
expect_log() {
	local n
	n=$(logged "$2")
	[ "$n" = "$1" ] || { fail "$3: $n requests, expected $1"; tail -n 3 "$TMP/log" | cut -c1-600; }
}

# stat_is FILE KEY VALUE: in the last line of statistics that the driver printed.
stat_is() {
	local v
	v=$(grep '^{' "$1" | tail -n 1 | sed -n "s/.*\"$2\": \([^,}]*\).*/\1/p")
	[ "$v" = "$3" ] || fail "$1: $2 is ${v:-missing}, expected $3: $(grep '^{' "$1" | tail -n 1)"
}

# in_order SERVER FIRST LAST: the accepted requests are seq FIRST … LAST, each once, in order, and no
# id came with two contents.
in_order() {
	node -e 'const [file, server, first, last] = process.argv.slice(1);
		const all = require("fs").readFileSync(file, "utf8").trim().split("\n").map((l) => JSON.parse(l))
			.filter((e) => e.server === server && e.ok && e.labels.seq >= +first && e.labels.seq <= +last);
		const seqs = all.map((e) => +e.labels.seq), want = [];
		for (let i = +first; i <= +last; i++) want.push(i);
		if (JSON.stringify(seqs) !== JSON.stringify(want))
			console.log(`order: ${seqs.join(" ").slice(0, 400)}`), process.exit(1);
		const ids = all.map((e) => e.id).filter((id) => id); // Parca has none
		if (new Set(ids).size !== ids.length)
			console.log("an id twice"), process.exit(1);' "$TMP/log" "$@" >order.out ||
		fail "$1: not $2 to $3 in order: $(cat order.out)"
}

# ---- The driver, line by line.

# drive NAME SETTING...: starts a driver that reads lines from descriptor 7 into NAME.out.
drive() {
	local name=$1
	shift
	rm -f fifo
	mkfifo fifo
	"$DRIVER" "$@" <fifo >"$name.out" 2>"$name.err" &
	driver=$!
	started_pids+=("$driver")
	exec 7>fifo
}
say() {
	printf '%s\n' "$@" >&7
}
end_driver() {
	exec 7>&-
	wait "$driver"
	has_not "$1.err" 'ERROR|runtime error'
}
answered() {
	grep -q "$2" "$1"
}
last_stat() {
	grep '^{' "$1" | tail -n 1 | sed -n "s/.*\"$2\": \([0-9]*\).*/\1/p"
}
# until_stat FILE KEY VALUE
until_stat() {
	say stats
	sleep 0.05
	[ "$(last_stat "$1" "$2")" = "$3" ]
}
