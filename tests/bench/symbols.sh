#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# symbols.sh BUILD_DIR [ADDRESSES] - cresset's address index against llvm-symbolizer and eu-addr2line.
#
# Makes a C++ program with some 70 MB of code and DWARF (once, in BUILD_DIR/bench-symbols; that takes
# a few minutes), picks random addresses inside its functions, and names them with each tool in turn,
# several times, interleaved. Prints CPU seconds and peak memory of whole runs, loading included, their
# ratios, and how far the answers agree: functions, inlined calls, file and line. What is left over is
# listed by class. Ratios are what counts; the seconds are those of this machine.
set -eu
build=${1:?usage: symbols.sh BUILD_DIR [ADDRESSES]}
addresses=${2:-100000}
units=${CRESSET_BENCH_UNITS:-30}
runs=${CRESSET_BENCH_RUNS:-3}
here=$(cd "$(dirname "$0")" && pwd)
work=$build/bench-symbols
ours=$(find "$build" -name bench_symbols -type f -perm -u+x | head -n 1)
if [ -z "$ours" ]; then
	echo "symbols.sh: no bench_symbols in $build (build that target first)" >&2
	exit 1
fi
llvm=$(command -v llvm-symbolizer-14 || command -v llvm-symbolizer || true)
if [ -z "$llvm" ]; then
	echo "symbols.sh: no llvm-symbolizer (apt-get install llvm-14)" >&2
	exit 77
fi

mkdir -p "$work"
if [ ! -e "$work/big" ]; then
	echo "making a big program: $units units"
	python3 "$here/symbols_gen.py" "$work" "$units"
	(cd "$work" && printf '%s\n' unit_*.cpp main.cpp |
		xargs -P "$(nproc)" -I{} sh -c '[ -e {}.o ] || g++ -std=c++17 -O2 -g -c {} -o {}.o')
	(cd "$work" && g++ -o big.tmp ./*.cpp.o && mv big.tmp big && rm -f ./*.cpp.o)
fi
exec python3 "$here/symbols_compare.py" --ours "$ours" --llvm "$llvm" --work "$work" \
	--addresses "$addresses" --runs "$runs" "$work/big" /usr/lib/x86_64-linux-gnu/libLLVM-14.so.1
