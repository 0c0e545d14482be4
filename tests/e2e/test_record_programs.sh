#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that nobody built for profiling: python3, xz and gcc, as a new user would try them.
. "$(dirname "$0")/lib.sh"
need_bpf
need python3 xz gcc

record -F 499 -o python.folded -o python.svg -o python.pb.gz -- \
	python3 -c 'print(sum(i * i for i in range(6000000)))' || finish
has python.folded '^python3'
has python.folded '_Py|PyEval|\[python3' "functions of the interpreter"
[ -s python.svg ] && [ -s python.pb.gz ] || fail "three outputs of one recording"
xmllint --noout python.svg 2>/dev/null || ! command -v xmllint >/dev/null || fail "python.svg is not well-formed"

head -c 3000000 "$CRESSET" >data
record -F 499 -o xz.folded -- xz -k -6 -T1 data || finish
has xz.folded '^xz;'
has xz.folded 'lzma|\[liblzma' "functions or addresses of liblzma"

record -F 499 -o gcc.folded -- gcc -O2 -c -D_GNU_SOURCE -I"$SRC/include" -I"$SRC/profiler" \
	-o x.o "$SRC/profiler/core/profile.c" || finish
has gcc.folded '^cc1;' "the compiler proper, a child of gcc"
has_not gcc.folded '^sh;'
finish
