#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# SIGHUP while the agent records: labels, frequency, port, a server to upload to, and what is wrong;
# a second agent; kill -9. No window is lost but the one that was in memory.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/agent/lib.sh"
need_bpf
need curl python3

# ---- A server that only counts.
cat >sink.py <<'PY'
import http.server, os, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open("sink.log", "a") as f:
            f.write(self.headers.get("Authorization", "-") + " " + self.path + "\n")
        self.send_response(200)
        self.end_headers()
    do_POST = do_PUT
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Timer(170, lambda: os._exit(0)).start()
server.serve_forever()
PY
start python3 sink.py
wait_for 10 test -s python3.json || fail "no server: $(cat python3.err)"
sink=$(cat python3.json)

OTEL_SERVICE_NAME=reloaded start "$WORKLOADS/asleep" nanosleep busy
configure main <<<'window = 1s'
# shellcheck disable=SC2046 # a list of words
run_agent main env $(trouble)
store=$TMP/main.store
wait_for 60 has_windows "$store" 2 || fail "no windows"

# reload COUNT-OF-RELOADS: the configuration is taken over.
reload() {
	kill -HUP "$agent"
	wait_for 30 metric_is cresset_reloads_total "$1" || fail "reload $1: $(tail -n 3 main.err)"
}

# in_force: is the configuration in force the file's, by --check and /metrics?
in_force() {
	"$CRESSET" agent -c main.conf --check 2>check.err | sed -n 's/^# digest //p' >digest.out
	[ -s digest.out ] && metric_is "cresset_config_info{digest=\"$(cat digest.out)\"}" 1
}
in_force || fail "the configuration in force is not the file's"

# ---- Labels.
printf '[labels]\nstatic = round=one\n' >>main.conf
reload 1
has_round() {
	"$CRESSET" query --store "$store" --by round >round.out 2>/dev/null && grep -q "^$1" round.out
}
wait_for 30 has_round one || fail "the new label is in no window: $(cat round.out)"

# ---- The frequency: the recorder is made anew.
sed -i 's/^window = 1s/window = 1s\nfreq = 97/' main.conf
reload 2
wait_for 30 metric_is cresset_recorder_restarts_total 1 || fail "sampling was not restarted"
wait_for 30 metric_is cresset_sampling_frequency_hertz 97 || fail "another frequency: $(metric cresset_sampling_frequency_hertz)"

in_force || fail "another frequency is in force than the file's"

# ---- A recorder that cannot be had: the one that there is goes on, with its values; what can be had
# of the same file is.
sed -i 's/^freq = 97/freq = 49/; s/^static = round=one/static = round=two/' main.conf
touch no-bpf
kill -HUP "$agent"
wait_for 30 metric_is cresset_reload_errors_total 1 || fail "a recorder without BPF was taken over"
has main.err 'the recording goes on as it was'
has main.err 'still in force: \[agent\] freq = 97'
has main.err 'some of the configuration was refused'
metric_is cresset_sampling_frequency_hertz 97 || fail "sampling: $(metric cresset_sampling_frequency_hertz)"
metric_is cresset_config_keys_not_in_force 1 || fail "not in force: $(metric cresset_config_keys_not_in_force)"
in_force && fail "what was refused is told to be in force"
wait_for 30 has_round two || fail "the rest was not taken over"
# It is tried again with the next reload.
rm no-bpf
reload 3
wait_for 30 metric_is cresset_sampling_frequency_hertz 49 || fail "it was not tried again"
in_force || fail "another configuration is in force than the file's: $(tail -n 5 main.err)"
metric_is cresset_config_keys_not_in_force 0 || fail "not in force: $(metric cresset_config_keys_not_in_force)"

# ---- What needs a new start is not in force before that.
sed -i 's/^freq = 49/freq = 49\nmax_memory = 300M/' main.conf
reload 4
has main.err 'still in force: \[agent\] max_memory = 256M'
in_force && fail "what needs a new start is told to be in force"
sed -i '/^max_memory/d' main.conf
reload 5
in_force || fail "the configuration in force is not the file's any more"

# ---- Wrong: said with its line, and nothing changes.
cp main.conf good.conf
echo 'statik = x=y' >>main.conf
kill -HUP "$agent"
wait_for 30 metric_is cresset_reload_errors_total 2 || fail "a wrong configuration was taken over"
has main.err 'main.conf:[0-9]+: .*statik'
has main.err 'the configuration stays as it was'
cp good.conf main.conf

# ---- Uploads: added, with a token that nobody else sees, and taken away.
printf 's3cr3t-t0ken\n' >token
printf '[upload sink]\ntype = http\nurl = http://127.0.0.1:%s\npath = /{service}/{name}/{id}\nbearer_file = %s\n' \
	"$sink" "$TMP/token" >>main.conf
reload 6
arrived() {
	grep -q "^Bearer s3cr3t-t0ken /reloaded/$1" sink.log 2>/dev/null
}
wait_for 30 arrived '.*cpu' || fail "nothing was uploaded: $(tail -n 3 sink.log 2>&1)"
wait_for 30 arrived 'off' || fail "no waits were uploaded: $(cut -d/ -f3 sink.log | sort | uniq -c)"
cut -d/ -f4 sink.log | sort | uniq -d | grep . && fail "an id twice"
tr '\0' '\n' <"/proc/$agent/cmdline" >cmdline.out
"$CRESSET" agent -c main.conf --check >check.out 2>check.err || fail "--check: $(cat check.err)"
has check.out "bearer_file = "
curl -s "$url/metrics" >metrics.prom
grep -l 's3cr3t' cmdline.out check.out check.err main.err main.out metrics.prom && fail "a secret is shown"
cp good.conf main.conf
reload 7
metric_is 'cresset_upload_queue_requests{upload="sink",type="http"}' '' || fail "the server is still there"

# ---- The port. One that is taken: as it was, and said.
sed -i "s/^listen = .*/listen = 127.0.0.1:$sink/" main.conf
kill -HUP "$agent"
wait_for 30 metric_is cresset_reload_errors_total 3 || fail "a taken port was taken over"
has main.err "127.0.0.1:$sink"
serves || fail "it serves no more"
has main.err "still in force: \\[http\\] listen = 127.0.0.1:$port"
metric_is cresset_config_keys_not_in_force 1 || fail "not in force: $(metric cresset_config_keys_not_in_force)"
in_force && fail "a taken port is told to be in force"
kill -HUP "$agent"
wait_for 30 metric_is cresset_reload_errors_total 4 || fail "a taken port is forgotten"
# The same address with a certificate that is none: the old server comes back.
sed "s/^listen = .*/listen = 127.0.0.1:$port\ntls_cert = \/etc\/passwd\ntls_key = \/etc\/passwd/" main.conf >tls.conf
cp main.conf port.conf && cp tls.conf main.conf
kill -HUP "$agent"
wait_for 30 metric_is cresset_reload_errors_total 5 || fail "a wrong certificate was taken over"
serves || fail "it serves no more for want of a certificate"
cp port.conf main.conf
old=$url
port=$(free_port)
url=http://127.0.0.1:$port
sed -i "s/^listen = .*/listen = 127.0.0.1:$port/" main.conf
kill -HUP "$agent"
wait_for 30 serves || fail "it does not serve on the new port: $(tail -n 3 main.err)"
wait_for 30 in_force || fail "the configuration in force is not the file's: $(tail -n 3 main.err)"
curl -s -m 5 -o /dev/null "$old/healthz" && fail "it still serves on the old port"
[ "$(metric_sum cresset_windows_dropped_total)$(metric cresset_recorder_errors_total)" = 00 ] || fail "windows were lost"
balanced

# ---- A second agent: on the same store, on the same port.
grep -v '^listen' main.conf | sed "s/^\[http\]/[http]\nlisten = no/" >second.conf
"$CRESSET" agent -c second.conf >second.out 2>second.err && fail "two on one store"
has second.err 'another'
sed "s|^path = .*|path = $TMP/second.store|" main.conf >second.conf
"$CRESSET" agent -c second.conf >second.out 2>second.err && fail "two on one port"
has second.err "127.0.0.1:$port"
serves || fail "the first one suffered"

# ---- kill -9: the store is whole, one window at most is not there.
last_window "$store"
before=$(date +%s%N)
kill -9 "$agent"
wait "$agent" 2>/dev/null
python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1] + "/catalog.db").execute("pragma integrity_check").fetchone()[0])' "$store" |
	grep -qx ok || fail "the catalogue is damaged"
last_window "$store"
# What is missing is what was in memory: since the last one that was stored.
echo "kill -9: $(((before - window_to) / 1000000)) ms before it are not there"
contiguous "$store" 500
windows "$store" >before.txt
run_agent main
has_more() {
	[ "$(count_windows "$store")" -ge "$(($(awk '{ n += $3 } END { print n }' before.txt) + 2))" ]
}
wait_for 60 has_more || fail "it does not go on"
windows "$store" >after.txt
[ "$(awk '{ n += $3 } END { print n }' before.txt)" -le "$(awk '{ n += $3 } END { print n }' after.txt)" ] ||
	fail "windows have gone"
has after.txt "^$(head -n 1 before.txt | cut -d' ' -f1) "
query "$store" --from -1h -e wall --idle -m 'service="reloaded"' -o wall.folded
has_not query.err 'damaged'
has wall.folded wait_nanosleep
end_agent main
finish
