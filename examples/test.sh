#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test.sh NAME - runs one example and looks at what it wrote. Exit status 77: skipped.
set -u
BUILD=${BUILD:?the build directory}
CRESSET=${CRESSET:-$BUILD/cresset}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/cresset-example-XXXXXX")
burner=
trap '[ -n "$burner" ] && kill "$burner" 2>/dev/null; rm -rf "$TMP"' EXIT

fail() {
	echo "FAIL: $*"
	exit 1
}

# has FILE TEXT...: the file has all the texts.
has() {
	local file=$1 text
	shift
	for text; do
		grep -q -F -- "$text" "$file" || fail "$file has no '$text': $(head -c 2000 "$file")"
	done
}

case $1 in
by_hand)
	"$BUILD/examples/by_hand" "$TMP/out.pb.gz" || fail "exit status $?"
	"$CRESSET" convert "$TMP/out.pb.gz" -f folded --value calls >"$TMP/calls" || fail "convert"
	printf 'main;parse;read 15\nmain;parse;tokenize 200\n' | cmp - "$TMP/calls" || fail "calls"
	"$CRESSET" convert "$TMP/out.pb.gz" -f folded >"$TMP/time" || fail "convert"
	printf 'main;parse;read 3500000\nmain;parse;tokenize 1500000\n' | cmp - "$TMP/time" || fail "time"
	;;
folded_to_svg)
	printf 'main;parse;read 30\nmain;parse;tokenize 70\n' >"$TMP/in.folded"
	"$BUILD/examples/folded_to_svg" "$TMP/in.folded" "$TMP/out.svg" "My <title>" || fail "exit status $?"
	has "$TMP/out.svg" '<svg' 'My &lt;title&gt;' tokenize '</svg>'
	"$BUILD/examples/folded_to_svg" "$TMP/nothing" "$TMP/no.svg" 2>"$TMP/err" && fail "reads a file that is not there"
	has "$TMP/err" "No such file"
	;;
record_svg)
	[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
	bpftool prog show >/dev/null 2>&1 || /usr/sbin/bpftool prog show >/dev/null 2>&1 ||
		{ echo "skipped: this root may not use BPF"; exit 77; }
	timeout 20 sh -c 'while :; do :; done' &
	burner=$!
	"$BUILD/examples/record_svg" "$burner" 2 "$TMP/out.svg"  || fail "exit status $?"
	has "$TMP/out.svg" '<svg' '</svg>'
	"$BUILD/examples/record_svg" 2>/dev/null && fail "takes no arguments for some"
	;;
*)
	fail "no example '$1'"
	;;
esac
echo ok
