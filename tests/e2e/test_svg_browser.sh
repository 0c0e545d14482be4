#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Flame graphs as files: well-formed for xmllint, drawn by rsvg-convert, the same bytes twice; and in
# headless Chromium with real clicks and keys (svg/check.py).
. "$(dirname "$0")/lib.sh"
need python3 xmllint chromium
[ -x "$CRESSET" ] || { fail "no $CRESSET"; finish; }
here=$SRC/tests/e2e/svg

convert() {
	"$CRESSET" convert "$@" 2>convert.err || fail "cresset convert $*: $(tail -n 3 convert.err)"
}

convert "$here/a.folded" -o a.svg --title 'A & <B>' --min-width 0.2
convert "$here/a.folded" -o again.svg --title 'A & <B>' --min-width 0.2
convert "$here/b.folded" -o b.svg
cmp a.svg again.svg || fail "the same profile gave other bytes"
for f in a.svg b.svg; do
	xmllint --noout --nonet "$f" 2>xmllint.err || fail "xmllint: $(head -n 3 xmllint.err)"
done
# A browser's parser has no limit on depth that we meet; libxml2 has.
{ printf 'f%.0s;' {1..2000}; echo 'leaf 1'; } >deep.folded
convert deep.folded -o deep.svg
xmllint --noout --nonet deep.svg 2>xmllint.err || fail "deep: $(head -n 3 xmllint.err)"
has deep.svg 'too deep to draw'
if command -v rsvg-convert >/dev/null; then
	rsvg-convert a.svg -o a.png || fail "rsvg-convert makes no PNG"
	rsvg-convert -f pdf a.svg -o a.pdf || fail "rsvg-convert makes no PDF"
fi
PYTHONDONTWRITEBYTECODE=1 timeout 150 python3 "$here/check.py" a.svg b.svg . >check.out 2>&1 ||
	fail "in the browser"
finish
