#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `cmake --install` gives a library that a program outside of this tree builds against by pkg-config,
# shared and static, and a program, man page and completion in their places.
. "$(dirname "$0")/lib.sh"
need cmake pkg-config gcc

cmake --install "$BUILD" --prefix "$TMP/usr" >install.out 2>install.err || { fail "cmake --install"; finish; }
pc=$(find usr -name cresset.pc)
[ -n "$pc" ] || { fail "no cresset.pc"; finish; }
export PKG_CONFIG_PATH=$TMP/${pc%/*}
libdir=$(pkg-config --variable=libdir cresset)
case $libdir in
"$TMP"/*) ;;
*) libdir=$TMP/${pc%/pkgconfig/*} ;;
esac
for f in bin/cresset include/cresset/cresset.h share/man/man1/cresset.1; do
	[ -e "usr/$f" ] || [ -e "usr/$f.gz" ] || fail "not installed: $f"
done
usr/bin/cresset --version >version.out 2>version.err || fail "the installed program: $(cat version.err)"

cat >program.c <<'C'
#include <cresset/cresset.h>
#include <stdio.h>

int main(void)
{
	struct cresset_error err = {0};
	struct cresset_profile *p;
	const struct cresset_format *folded = cresset_format_by_name("folded");

	if (cresset_format_read_file("in.folded", &p, NULL, &err) || !folded ||
	    cresset_format_write_file(folded, p, "-", NULL, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	cresset_profile_free(p);
	return 0;
}
C
printf 'a;b 2\na;c 1\n' >in.folded
sanitize=
grep -q '^CRESSET_SANITIZE:BOOL=ON' "$BUILD/CMakeCache.txt" && sanitize=-fsanitize=address,undefined

# shellcheck disable=SC2046,SC2086
gcc $sanitize -o shared program.c $(pkg-config --cflags --libs cresset) -I"$TMP/usr/include" -L"$libdir" \
	>shared.err 2>&1 || fail "does not link with the shared library: $(tail -n 3 shared.err)"
LD_LIBRARY_PATH=$libdir ./shared >shared.out 2>>shared.err || fail "the shared program"
cmp -s in.folded shared.out || fail "the shared program's output"
if [ -f "$libdir/libcresset.a" ]; then
	# shellcheck disable=SC2046,SC2086
	gcc $sanitize -o static program.c -I"$TMP/usr/include" "$libdir/libcresset.a" \
		$(pkg-config --libs --static cresset | tr ' ' '\n' | grep -v '^-lcresset$') >static.err 2>&1 ||
		fail "does not link with the static library: $(tail -n 3 static.err)"
	./static >static.out 2>>static.err || fail "the static program"
	cmp -s in.folded static.out || fail "the static program's output"
else
	fail "no libcresset.a"
fi
# Nothing but the public interface is exported.
nm -D --defined-only "$libdir"/libcresset.so | awk '$2 == "T" && $3 !~ /^cresset_/ { print $3 }' >exported.txt
[ ! -s exported.txt ] || fail "exported by the shared library: $(head -n 5 exported.txt | tr '\n' ' ')"
finish
