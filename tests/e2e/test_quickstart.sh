#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scripts/quickstart, as the README tells a new user: three files and the top functions.
. "$(dirname "$0")/lib.sh"
need_bpf

"$SRC/scripts/quickstart" "$TMP/out" >quickstart.out 2>quickstart.err || { fail "scripts/quickstart"; finish; }
for f in flame.svg profile.pb.gz profile.folded; do
	[ -s "out/$f" ] || fail "no $f"
	has quickstart.out "$f" "where it is"
done
has out/profile.folded '^demo;.*main;serve;handle_request;draw_thumbnail;blur_image'
has out/profile.folded ';blur_image;blur_row;blend [0-9]+$' "inlined helpers"
has out/profile.folded ';handle_request;(send_response;)?(read|write);.*do_syscall_64' "kernel work"
has quickstart.out 'blur_image|blend|compress_page' "the top functions"
! pgrep -f "release/tests/workloads/demo" >/dev/null || fail "the demo still runs"
finish
