#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The spool of uploads, and gRPC's codes: kill -9 while requests wait and while they are sent, entries
# that are damaged or for another server, bounds by bytes and age, a full disk, two on one spool, the
# end while a server hangs. What is delivered is delivered in order, under one id with the same bytes;
# the rest is counted.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/upload/lib.sh"
upload_modules
servers 160
settings=(type=pyroscope retry_min=20ms retry_max=100ms timeout=4s)
RANDOM=7

# ---- A server away for long, kill -9, and back: the same ids and bytes, each once, in order.
: >log
printf 503 >fail-pyroscope
drive killed "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=kill-spool
say "push 40 5"
wait_for 20 until_stat killed.out spooled 40 || fail "40 in the spool: $(tail -n 1 killed.out)"
kill -9 "$driver"
exec 7>&-
wait "$driver" 2>/dev/null
printf garbage >kill-spool/.writing
rm fail-pyroscope
# … killed again and again while it delivers.
for _ in 1 2 3 4 5 6; do
	drive killed "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=kill-spool
	sleep "0.0$((2 + RANDOM % 7))"
	kill -9 "$driver"
	exec 7>&-
	wait "$driver" 2>/dev/null
done
"$DRIVER" "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=kill-spool <<'END' >killed.out
flush 10000
stats
END
stat_is killed.out balanced true
[ -e kill-spool/.writing ] && fail "a temporary file stayed"
# One that was accepted, but killed before it was taken out, may come twice: with its id and bytes.
node -e 'const all = require("fs").readFileSync("log", "utf8").trim().split("\n").map((l) => JSON.parse(l)).filter((e) => e.ok);
	const ids = new Map(), seqs = [];
	for (const e of all) {
		if (!ids.has(e.id)) seqs.push(+e.labels.seq);
		else if (ids.get(e.id) !== e.hash) console.log("an id with other bytes");
		ids.set(e.id, e.hash);
	}
	if (seqs.join() !== [...Array(40).keys()].map((i) => i + 1).join()) console.log("order", seqs.join());
	if (all.length > 47) console.log(all.length, "requests");' >kill.out
[ -s kill.out ] && fail "after kill -9: $(cat kill.out)"

# ---- Damage: named, counted, left out; the others arrive.
printf 503 >fail-pyroscope
"$DRIVER" "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=bad-spool <<'END' >/dev/null
push 6 5
sleep 300
END
rm fail-pyroscope
mapfile -t entries < <(find bad-spool -name '*.req' | sort)
[ "${#entries[@]}" = 6 ] || fail "6 entries expected, not ${#entries[@]}"
truncate -s 100 "${entries[1]}"
printf '\xff' | dd of="${entries[3]}" bs=1 seek=200 conv=notrunc 2>/dev/null
: >"${entries[5]}"
cp "${entries[0]}" bad-spool/notes.txt
"$DRIVER" "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=bad-spool <<'END' >bad.out
flush 5000
stats
END
stat_is bad.out restored 6
stat_is bad.out sent 3
stat_is bad.out damaged 3
stat_is bad.out balanced true
has bad.out "$(basename "${entries[5]}"): damaged"
# For another type of server: left out as well.
printf 503 >fail-pyroscope
"$DRIVER" "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=bad-spool <<<$'push 1 5\nsleep 200' >/dev/null
rm fail-pyroscope
"$DRIVER" type=otlp url="http://127.0.0.1:$(port otlp)" spool=bad-spool <<<$'flush 3000\nstats' >bad.out
stat_is bad.out unsupported 1

# ---- Bounds. A spool that is full loses its oldest; without a spool, memory does; age counts.
printf 503 >fail-pyroscope
"$DRIVER" "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=small-spool spool_max_bytes=48k <<'END' >small.out
push 60 20
sleep 500
stats
END
stat_is small.out balanced true
at_least "$(last_stat small.out spool_full)" 30 "evicted"
[ "$(find small-spool -name '*.req' | wc -l)" = 12 ] || fail "the spool is not as large as it may be"
find small-spool -name '*.req' | sort | tail -n 1 | grep -q '/000000000000003c-' || fail "the newest is not there"
"$DRIVER" "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" queue_max_bytes=8k <<'END' >memory.out
push 60 20
sleep 100
stats
stop 200
stats
END
stat_is memory.out balanced true
at_least "$(last_stat memory.out queue_full)" 30 "fell out of memory"
at_least "$(last_stat memory.out stopped)" 5 "lost at the end"
"$DRIVER" "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" max_age=2s spool=old-spool <<'END' >old.out
push 3 5
sleep 300
stats
old 60
push 2 5
sleep 2500
stats
END
stat_is old.out too_old 5
stat_is old.out spooled 0
rm fail-pyroscope

# A disk that is full: kept in memory, said, delivered in order when there is room.
mkdir full
if mount -t tmpfs -o size=256k,mode=755 none full 2>/dev/null; then
	head -c 255000 /dev/zero >full/filler
	: >log
	printf 503 >fail-pyroscope
	drive full "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=full/spool
	say "push 30 40" "sleep 300" stats
	wait_for 20 bash -c '[ "$(grep "^{" full.out | tail -n 1 | sed -n "s/.*\"spool_errors\": \([0-9]*\).*/\1/p")" -gt 0 ]' ||
		{ say stats; fail "a full disk went unseen: $(tail -n 1 full.out)"; }
	rm full/filler
	wait_for 20 until_stat full.out queued 0 || fail "no way back from a full disk: $(tail -n 1 full.out)"
	rm fail-pyroscope
	wait_for 20 until_stat full.out sent 30 || fail "full disk: $(tail -n 1 full.out)"
	stat_is full.out balanced true
	in_order pyroscope 1 30
	end_driver full
	umount full
else
	echo "no tmpfs here: the full disk was left out"
fi

# ---- A server away for an hour: 360 windows of ten seconds, with the times that they would have.
# Parca takes all of them, in order; what Pyroscope would refuse for its age falls out, counted.
for kind in parca pyroscope; do
	: >log
	[ "$kind" = parca ] && printf 14 >fail-parca || printf 503 >fail-pyroscope
	drive hour type=$kind retry_min=20ms retry_max=100ms url="http://127.0.0.1:$(port $kind)" spool=hour-$kind
	for i in $(seq 360); do
		printf 'old %d\npush 1 5\n' $((3610 - 10 * i))
	done >&7
	say stats
	if [ $kind = parca ]; then
		wait_for 30 until_stat hour.out spooled 360 || fail "an hour: $(tail -n 1 hour.out)"
	else
		wait_for 30 until_stat hour.out queued 0 || fail "an hour: $(tail -n 1 hour.out)"
	fi
	rm -f fail-parca fail-pyroscope
	say "flush 30000" stats
	wait_for 40 answered hour.out '^flush 0' || fail "an hour: $(tail -n 1 hour.out)"
	end_driver hour
	stat_is hour.out balanced true
	if [ $kind = parca ]; then
		stat_is hour.out sent 360
		in_order parca 1 360
	else
		# 55 minutes are 330 windows; some more fall out while this runs.
		at_least "$(last_stat hour.out sent)" 300 "sent after an hour"
		[ $(($(last_stat hour.out sent) + $(last_stat hour.out too_old))) = 360 ] || fail "an hour: $(tail -n 1 hour.out)"
		at_least "$(last_stat hour.out too_old)" 30 "too old after an hour"
		in_order pyroscope $((361 - $(last_stat hour.out sent))) 360
	fi
done

# ---- The spool has one user.
drive first "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=one-spool
wait_for 5 test -d one-spool
"$DRIVER" "${settings[@]}" url="http://127.0.0.1:$(port pyroscope)" spool=one-spool </dev/null >second.out 2>second.err &&
	fail "two on one spool"
has second.err 'another process sends from it'
end_driver first

# ---- The end while a server hangs: in time, with everything kept.
printf hang >fail-pyroscope
# A try may take a thousand seconds here: whoever waits for it is ended by the driver's alarm.
"$DRIVER" "${settings[@]}" timeout=1000s url="http://127.0.0.1:$(port pyroscope)" spool=stop-spool <<'END' >stop.out
push 4 5
sleep 100
stop 500
stats
END
has stop.out '^stop 4'
[ "$(find stop-spool -name '*.req' | wc -l)" = 4 ] || fail "not all was kept at the end"
rm fail-pyroscope

# ---- gRPC: many calls over connections with and without TLS; its own codes.
: >log
"$DRIVER" type=parca url="http://127.0.0.1:$(port parca)" <<<$'push 20 5\nflush 10000\nstats' >grpc.out
stat_is grpc.out sent 20
stat_is grpc.out tries 20
"$DRIVER" type=parca url="https://localhost:$(port parca_tls)" ca=cert.pem <<<$'push 20 5\nflush 10000\nstats' >grpc.out
stat_is grpc.out sent 20
stat_is grpc.out tries 20
for code in 14 10 4; do
	printf $code >fail-parca
	drive grpc type=parca retry_min=20ms retry_max=50ms url="http://127.0.0.1:$(port parca)" spool="grpc-$code"
	say "push 2 5" "sleep 300"
	wait_for 10 until_stat grpc.out spooled 2 || fail "gRPC $code: $(tail -n 1 grpc.out)"
	rm fail-parca
	wait_for 10 until_stat grpc.out sent 2 || fail "gRPC $code: $(tail -n 1 grpc.out)"
	end_driver grpc
done
for code in 3 7 16 8; do
	printf $code >fail-parca
	"$DRIVER" type=parca url="http://127.0.0.1:$(port parca)" <<<$'push 2 5\nflush 3000\nstats' >grpc.out
	stat_is grpc.out refused 2
	stat_is grpc.out code "$((1000 + code))"
done
has grpc.out 'gRPC 8: told to fail: '
rm fail-parca

finish
