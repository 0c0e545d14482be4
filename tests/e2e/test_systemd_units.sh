#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The files of examples/systemd: systemd takes them, and the unit gives the capabilities that
# profiler/agent/privilege.h keeps, no more and no fewer.
. "$(dirname "$0")/lib.sh"

unit=$BUILD/examples/systemd/cresset-agent.service
want=$(sed -n 's/^\tX(\([A-Z_]*\), [a-z_]*, ".*/CAP_\1/p' "$SRC/profiler/agent/privilege.h" | sort)
[ "$(echo "$want" | wc -l)" -ge 5 ] || fail "no list in privilege.h"
for line in AmbientCapabilities CapabilityBoundingSet; do
	have=$(sed -n "s/^$line=//p" "$unit" | tr ' ' '\n' | sort)
	[ "$have" = "$want" ] || fail "$line=" "$(diff <(echo "$have") <(echo "$want"))"
done
grep -q "^ExecStart=/[^ ]*/cresset agent " "$unit" || fail "ExecStart= has no path"

[ "$failures" -gt 0 ] && finish
command -v systemd-analyze systemd-sysusers systemd-tmpfiles >/dev/null ||
	skip "no systemd here: the capabilities were compared, the files not verified"
# The program is not installed yet: what was built stands for it.
sed "s|^ExecStart=[^ ]*|ExecStart=$CRESSET|" "$unit" >cresset-agent.service
systemd-analyze verify --man=no ./cresset-agent.service >verify.log 2>&1 ||
	fail "systemd-analyze verify" "$(cat verify.log)"
! grep cresset-agent verify.log || fail "systemd-analyze verify" "$(cat verify.log)"

mkdir -p root/etc root/usr/share/cresset root/var/lib
systemd-sysusers --root="$PWD/root" "$SRC/examples/systemd/cresset.sysusers" >sysusers.log 2>&1 ||
	fail "systemd-sysusers" "$(cat sysusers.log)"
grep -q '^cresset:.*:/var/lib/cresset:' root/etc/passwd || fail "sysusers made no user"
cp "$SRC/examples/agent/cresset.conf" root/usr/share/cresset/
if [ "$(id -u)" = 0 ]; then
	systemd-tmpfiles --root="$PWD/root" --create "$SRC/examples/systemd/cresset.tmpfiles" \
		>tmpfiles.log 2>&1 || fail "systemd-tmpfiles" "$(cat tmpfiles.log)"
	[ "$(stat -c %a root/var/lib/cresset)" = 750 ] || fail "mode of the store's folder"
	cmp -s "$SRC/examples/agent/cresset.conf" root/etc/cresset/cresset.conf ||
		fail "tmpfiles did not copy the sample"
	[ "$(stat -c %a root/etc/cresset/cresset.conf)" = 640 ] || fail "mode of the configuration"
fi
finish
