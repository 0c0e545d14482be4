#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What goes wrong around the agent: a disk that is full, a store that cannot be written or is of a
# newer version; and its rights: another user, the capabilities of its threads, the call filter.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/agent/lib.sh"
need_bpf
need curl python3 unshare
own_mounts test_agent_failures.sh

# ---- A full disk: recording goes on, readyz says why, and it recovers.
mkdir small
mount -t tmpfs -o size=2m,mode=755 none small || skip "no tmpfs here"
configure full <<<'window = 1s'
sed -i "s|^path = .*|path = $TMP/small/store|" full.conf
run_agent full
wait_for 60 ready || fail "never ready: $(cat full.err)"
head -c 4000000 /dev/zero >small/filler 2>/dev/null
wait_for 60 ready 503 || fail "a full disk goes unseen"
curl -s "$url/readyz" >readyz.out
has readyz.out 'the disk is full'
errors=$(metric cresset_store_errors_total)
wait_for 60 metric_above cresset_store_errors_total "$errors" || fail "it does not go on recording"
[ "$(metric_sum cresset_windows_dropped_total)" = 0 ] || fail "windows wait for a full disk"
rm small/filler
wait_for 60 ready || fail "no way back from a full disk: $(curl -s "$url/readyz")"
[ "$(grep -c 'could not be stored' full.err)" = 1 ] || fail "said more than once: $(cat full.err)"
has full.err 'windows are stored again'
balanced
kill -TERM "$agent"
wait "$agent" || fail "the agent ended with $?"
has_not full.err 'ERROR: |runtime error'
query "$TMP/small/store" --from -1h --by service
has_not query.err damaged

# ---- A disk that is full at the start: what, where, and what to do.
head -c 4000000 /dev/zero >small/filler 2>/dev/null
mkdir -p small/other 2>/dev/null
sed "s|^path = .*|path = $TMP/small/other|" full.conf >new.conf
timeout 60 "$CRESSET" agent -c new.conf >new.out 2>new.err && fail "it runs on a full disk"
has new.err "small/other.*(full|No space)"
rm small/filler

# ---- Folders that are no store: missing, a file, somebody else's.
refuses() { # PATH PATTERN
	sed "s|^path = .*|path = $1|" full.conf >bad.conf
	timeout 60 "$CRESSET" agent -c bad.conf >bad.out 2>bad.err && fail "it runs with the store $1"
	[ "$(wc -l <bad.err)" -le 2 ] || fail "more than what and why: $(cat bad.err)"
	has bad.err "$2"
}
mkdir -p other
echo 'not a database, not at all, but larger than a header of one: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' >other/catalog.db
refuses "$TMP/missing/store" 'missing/store.*does not exist'
refuses "$TMP/full.conf" 'full.conf'
refuses "$TMP/other" "other/catalog.db: the store's catalogue is damaged, or not one of cresset's.*move the folder away"

# ---- A configuration that may not be read, or is a folder.
timeout 60 "$CRESSET" agent -c "$TMP" >dir.out 2>dir.err && fail "it runs with a folder as configuration"
has dir.err 'cannot read it'

# ---- A store that cannot be written, at the start.
mount -o remount,ro small
"$CRESSET" agent -c full.conf >ro.out 2>ro.err && fail "it runs on a store that cannot be written"
has ro.err "small/store.*(may not be written to|[Rr]ead-only)"
# A newer version's.
mount -o remount,rw small
python3 - small/store <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/catalog.db")
version = db.execute("pragma user_version").fetchone()[0]
db.execute(f"pragma user_version = {version + 1000}")
db.commit()
PY
"$CRESSET" agent -c full.conf >newer.out 2>newer.err && fail "it runs on a newer version's store"
has newer.err 'small/store.* was written by a newer cresset .*update this one'
umount small

# ---- As another user, with what is needed and no more.
port='' && configure user <<<$'window = 1s\nuser = nobody'
OTEL_SERVICE_NAME=watched start "$WORKLOADS/asleep" nanosleep busy
printf '[upload away]\ntype = http\nurl = http://127.0.0.1:9\n' >>user.conf
run_agent user
wait_for 60 ready || fail "never ready as nobody: $(cat user.err)"
wait_for 30 has_windows "$TMP/user.store" 2 || fail "no windows as nobody"
python3 - "$agent" "$SRC/profiler/agent/privilege.h" "$(nm "$CRESSET" 2>/dev/null | grep -c __asan_init)" >rights.out <<'PY' ||
import os, pwd, re, sys
pid, header, sanitized = sys.argv[1], open(sys.argv[2]).read(), int(sys.argv[3]) > 0
numbers = {"BPF": 39, "PERFMON": 38, "SYS_PTRACE": 19, "DAC_READ_SEARCH": 2, "CHECKPOINT_RESTORE": 40, "SYSLOG": 34}
allowed = sum(1 << numbers[name] for name in re.findall(r"^\tX\(([A-Z_]+),", header, re.M))
with_rights = without = bad = 0
def must(ok, text):
    global bad
    if not ok:
        print(text)
        bad = 1
for task in os.listdir(f"/proc/{pid}/task"):
    status = dict(l.split(":", 1) for l in open(f"/proc/{pid}/task/{task}/status").read().splitlines() if ":" in l)
    name = status["Name"].strip()
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    must(set(status["Uid"].split()) == {nobody}, f"{name}: uid {status['Uid']}")
    eff, prm, bnd, inh = (int(status[k], 16) for k in ("CapEff", "CapPrm", "CapBnd", "CapInh"))
    must(not (eff | prm | inh) & ~allowed, f"{name}: more capabilities than listed: {eff:x} {prm:x} {inh:x}")
    must(status["NoNewPrivs"].strip() == "1", f"{name}: new privileges")
    if not sanitized:
        must(status["Seccomp"].strip() == "2", f"{name}: no filter")
    if eff:
        must(eff == allowed, f"{name}: {eff:x} of {allowed:x}")
        with_rights += 1
    else:
        must(not prm, f"{name}: could take rights again")
        without += 1
print(f"{with_rights} threads with rights, {without} without")
must(with_rights >= 3 and without >= 2, "threads")
sys.exit(bad)
PY
	fail "rights: $(cat rights.out)"
cat rights.out
query "$TMP/user.store" -e wall --idle -m 'service="watched"' -o watched.folded
has watched.folded 'wait_busy'
[ "$(stat -c %U "$TMP/user.store")" = nobody ] || fail "whose store is it?"
# Another configuration still makes a recorder, and a server.
sed -i 's/^window = 1s/window = 1s\nfreq = 49/' user.conf
port=$(free_port)
url=http://127.0.0.1:$port
sed -i "s/^listen = .*/listen = 127.0.0.1:$port/" user.conf
kill -HUP "$agent"
wait_for 30 serves || fail "it does not serve on the new port: $(cat user.err)"
wait_for 30 metric_is cresset_sampling_frequency_hertz 49 || fail "no new recorder as nobody: $(cat user.err)"
end_agent user
finish
