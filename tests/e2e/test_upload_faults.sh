#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The exporter through bad times: nginx in front (TLS, resets, 429 with Retry-After in seconds and as
# a date, 502, 503, 504, a wrong certificate), servers behind it that hang, refuse or read slowly.
# After each: every request delivered once, in the order of the pushes, and what cannot be is counted
# (pushed + restored = sent + queued + spooled + dropped).
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/upload/lib.sh"
need nginx python3
upload_modules
servers 160

# ---- nginx, on two free ports; faults come and go with files.
read -r front wrong < <(free_ports 2)
certificate other DNS:elsewhere
date_in() {
	LC_ALL=C date -u -d "+$1 seconds" '+%a, %d %b %Y %H:%M:%S GMT'
}
nginx_config() {
	nginx_head
	cat <<END
	server {
		listen 127.0.0.1:$front ssl;
		ssl_certificate $TMP/cert.pem; ssl_certificate_key $TMP/cert-key.pem;
		location / {
			if (-f $TMP/n-reset) { return 444; }
			if (-f $TMP/n-503) { return 503; }
			if (-f $TMP/n-429) { add_header Retry-After 1 always; return 429; }
			if (-f $TMP/n-date) { add_header Retry-After "$1" always; return 429; }
			proxy_pass http://127.0.0.1:$(port pyroscope);
			proxy_read_timeout 1s; proxy_next_upstream off;
		}
	}
	server {
		listen 127.0.0.1:$wrong ssl;
		ssl_certificate $TMP/other.pem; ssl_certificate_key $TMP/other-key.pem;
		location / { proxy_pass http://127.0.0.1:$(port pyroscope); }
	}
}
END
}
nginx_config "$(date_in 2)" >nginx.conf
start_nginx "$front"

# ---- One driver that lives through all of it.
settings=(type=pyroscope ca=cert.pem retry_min=20ms retry_max=100ms timeout=4s)
drive live "${settings[@]}" url="https://127.0.0.1:$front" spool=live-spool
say "push 5 20"
wait_for 20 until_stat live.out sent 5 || fail "five in good times: $(tail -n 1 live.out)"
seq=5
# trouble NAME FILE CONTENT: five pushes while it lasts, and what comes after.
trouble() {
	printf '%s' "$3" >"$2"
	say "push 5 20" "sleep 300" stats
	wait_for 20 until_stat live.out spooled 5 || fail "$1: not in the spool: $(tail -n 1 live.out)"
	rm "$2"
	say "push 2 20"
	seq=$((seq + 7))
	wait_for 20 until_stat live.out sent "$seq" || fail "$1: $(tail -n 1 live.out)"
	in_order pyroscope 1 "$seq"
	stat_is live.out balanced true
	stat_is live.out spooled 0
}
trouble reset n-reset x
trouble "HTTP 503" n-503 x
trouble "server gone behind nginx, 502" fail-pyroscope reset
trouble "server says 503" fail-pyroscope 503
trouble "server says 422 where it means 429" fail-pyroscope '422 resource_exhausted'
trouble "server hangs, 504" fail-pyroscope hang
say stats

# Retry-After: no try before its time. The tries are in nginx's log, with their seconds.
tries() {
	awk '$9 == 429' nginx.log | wc -l
}
asked_to_wait() {
	local before
	before=$(tries)
	"${@:3}"
	touch "$2"
	say "push 1 20"
	wait_for 10 bash -c "[ \$(awk '\$9 == 429' nginx.log | wc -l) -gt $before ]" || fail "$1: no try"
	sleep 0.6
	[ "$(tries)" = $((before + 1)) ] || fail "$1: $(($(tries) - before)) tries in 0.6 s"
	rm "$2"
	seq=$((seq + 1))
	wait_for 10 until_stat live.out sent "$seq" || fail "$1: $(tail -n 1 live.out)"
}
asked_to_wait "Retry-After: 1" n-429 true
reload_with_date() {
	nginx_config "$(date_in 3)" >nginx.conf
	kill -HUP "$(cat nginx.pid)"
	sleep 0.5
}
asked_to_wait "Retry-After: a date" n-date reload_with_date
in_order pyroscope 1 "$seq"

# A server that reads slowly, a large request; nothing else than time passes.
printf slow >fail-pyroscope
say "wide 2000000"
seq=$((seq + 1))
wait_for 20 until_stat live.out sent "$seq" || fail "slow reads: $(tail -n 1 live.out)"
rm fail-pyroscope

# What the server refuses is dropped and counted, and does not hold up the rest.
printf 400 >fail-pyroscope
say "push 3 20" "flush 5000" stats
wait_for 10 until_stat live.out refused 3 || fail "refused: $(tail -n 1 live.out)"
stat_is live.out code 400
has live.out 'HTTP 400: unavailable: told to fail'
rm fail-pyroscope
seq=$((seq + 3))

# Faults in any order, and a mix of them: what is delivered is delivered once and in order.
RANDOM=5
first=$((seq + 1))
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	fault=$((RANDOM % 5))
	case $fault in
	0) touch n-reset ;;
	1) touch n-503 ;;
	2) printf reset >fail-pyroscope ;;
	3) printf '503' >fail-pyroscope ;;
	esac
	say "push $((1 + RANDOM % 4)) 5"
	sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
	rm -f n-reset n-503 fail-pyroscope
	say "push 1 5"
done
say "flush 20000" stats
wait_for 30 answered live.out '^flush [-0-9]+$' && wait_for 30 until_stat live.out queued 0
seq=$(last_stat live.out pushed)
in_order pyroscope "$first" "$seq"
stat_is live.out balanced true
stat_is live.out spooled 0
end_driver live

# ---- A certificate for another host: never sent, kept, and said.
"$DRIVER" "${settings[@]}" url="https://127.0.0.1:$wrong" spool=wrong-spool <<'END' >wrong.out 2>wrong.err
push 2 5
sleep 400
stop 100
stats
END
stat_is wrong.out sent 0
stat_is wrong.out balanced true
has wrong.out 'last_error": "SSL'
[ "$(find wrong-spool -name '*.req' | wc -l)" = 2 ] || fail "wrong certificate: not in the spool"
"$DRIVER" "${settings[@]}" url="https://127.0.0.1:$wrong" insecure=yes spool=wrong-spool <<'END' >insecure.out
flush 5000
stats
END
stat_is insecure.out restored 2
stat_is insecure.out sent 2

# nginx ends by itself with this.
kill -QUIT "$(cat nginx.pid)"
finish
