#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A disk that hangs: SIGTERM ends the agent all the same, says what it could not write, and the store
# is whole. By an fsync() that does not return, and by a file system that is frozen.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/agent/lib.sh"
need_bpf
need curl python3 unshare
own_mounts test_agent_stall.sh

waiting_above() {
	metric_above cresset_windows_waiting "$1"
}

# ends NAME: SIGTERM while the disk hangs; it ends although it still does, and says what is missing.
ends() {
	local begin
	begin=$(date +%s%N)
	kill -TERM "$agent"
	wait_for 60 gone "$agent" || fail "$1: it waits for the disk"
	echo "$1: ended after $((($(date +%s%N) - begin) / 1000000)) ms"
	wait "$agent" && fail "$1: it ends as if all were well"
	[ -e stalled ] || fail "$1: the disk did not hang"
	has "$1.err" "did not wait for.*: [1-9][0-9]* windows and [0-9]+ requests of uploads were not written"
	has_not "$1.err" 'ERROR: |runtime error'
}

# ---- While windows are stored and uploads go to their spool.
configure stall <<<'window = 1s'
printf '[upload away]\ntype = http\nurl = http://127.0.0.1:9\n' >>stall.conf
# shellcheck disable=SC2046 # a list of words
run_agent stall env $(trouble)
store=$TMP/stall.store
wait_for 60 has_windows "$store" 2 || fail "no windows: $(cat stall.err)"
touch stalled
wait_for 60 waiting_above 1 || fail "the disk does not hang"
ends stall
rm stalled
whole "$store"
before=$(count_windows "$store")

# ---- The same store goes on; a reload waits for a spool, and SIGTERM is heard.
# shellcheck disable=SC2046
run_agent stall env $(trouble)
wait_for 60 has_windows "$store" $((before + 2)) || fail "it does not go on: $(cat stall.err)"
spooled() {
	metric_above 'cresset_upload_spool_requests{upload="away",type="http"}' 0
}
wait_for 60 spooled || fail "nothing is spooled"
touch stalled
wait_for 60 waiting_above 0 || fail "the disk does not hang"
sed -i 's|127.0.0.1:9$|127.0.0.1:19|' stall.conf
kill -HUP "$agent"
sleep 0.3
ends stall
rm stalled
whole "$store"

# ---- It is as if nothing had been.
before=$(count_windows "$store")
run_agent stall
wait_for 60 has_windows "$store" $((before + 2)) || fail "it does not go on: $(cat stall.err)"
end_agent stall
whole "$store"

# ---- A file system that is frozen. Its threads cannot be ended then, by no signal: what can be is
# that it says so at once and is gone when the disk moves again.
port=''
thaw() {
	[ -e frozen ] && fsfreeze -u frozen 2>/dev/null
	cleanup
}
if command -v fsfreeze mkfs.ext4 >/dev/null && truncate -s 32M image && mkfs.ext4 -q -F image &&
	mkdir frozen && mount -o loop image frozen 2>mount.txt; then
	trap thaw EXIT
	configure frost <<<'window = 1s'
	sed -i "s|^path = .*|path = $TMP/frozen/store|" frost.conf
	run_agent frost
	wait_for 60 has_windows "$TMP/frozen/store" 2 || fail "no windows: $(cat frost.err)"
	fsfreeze -f frozen || fail "cannot freeze"
	wait_for 60 waiting_above 1 || fail "the disk does not hang"
	kill -TERM "$agent"
	said() {
		grep -Eq 'did not wait for.*: [1-9][0-9]* windows' frost.err
	}
	wait_for 60 said || fail "it does not say what is missing: $(cat frost.err)"
	fsfreeze -u frozen
	wait_for 60 gone "$agent" || fail "it does not end when the disk moves again"
	wait "$agent" && fail "it ends as if all were well"
	whole "$TMP/frozen/store"
	run_agent frost
	wait_for 60 ready || fail "it does not go on: $(cat frost.err)"
	kill -TERM "$agent"
	wait "$agent" || fail "it ended with $?"
	umount frozen
else
	echo "no file system to freeze here: $(cat mount.txt 2>/dev/null)"
fi
finish
