#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make_dwarf.sh - makes the small ELF files of corpus/dwarf and corpus/elf, and in tests/unit/dwarf the
# answers of llvm-symbolizer for every address of their code, which test_dwarf.c compares with ours.
#
# Each file has the same functions in another dialect of DWARF. Run it again after changing it; needs
# gcc, g++, clang-14, lld-14, dwz, llvm-14 and gcc-aarch64-linux-gnu. The files are in git so that the
# tests need none of these and see dialects that the compiler at hand does not write.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/dwarf answers=$here/../../unit/dwarf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$here/elf" "$answers"
cd "$work"
cat > case.cpp <<'END'
namespace shop {
struct item { int price, count; int total() const { return price * count; } };
template <int N> struct basket {
	item items[N];
	int sum(int from) const
	{
		int s = 0;
		for (int i = from; i < N; i++)
			s += items[i].total();
		return s;
	}
};
static inline int clamp(int x, int top)
{
	if (x > top)
		return top;
	return x < 0 ? 0 : x;
}
__attribute__((noinline)) int pay(const basket<3> &b, int purse)
{
	return clamp(b.sum(0), purse) + clamp(b.sum(purse & 1), 7);
}
__attribute__((noinline, cold)) int refuse(int x) { return x ^ 5; }
}
extern "C" int shop_visit(const shop::basket<3> *b, int purse)
{
	if (__builtin_expect(purse < 0, 0))
		return shop::refuse(purse);
	return shop::pay(*b, purse) * 3;
}
END
sed 's/shop/mall/g' case.cpp > other.cpp
common="-O2 -nostdlib -shared -fPIC -fno-exceptions -fno-asynchronous-unwind-tables -Wl,-z,max-page-size=4096 -Wl,--build-id=sha1 -fdebug-prefix-map=$work=/src"
for v in 2 3 4 5; do
	g++ -gdwarf-$v $common case.cpp other.cpp -o gcc_dwarf$v.so
done
g++ -g -gdwarf64 $common case.cpp -o gcc_dwarf64.so
g++ -g -gz=zlib $common case.cpp -o gcc_zlib.so
g++ -g -flto $common case.cpp other.cpp -o gcc_lto.so
g++ -g -ffunction-sections $common -Wl,--gc-sections case.cpp -o gcc_sections.so
g++ -g -m32 $common case.cpp -o gcc_i386.so
clang++-14 -gdwarf-4 $common -fuse-ld=lld-14 case.cpp other.cpp -o clang_dwarf4.so
clang++-14 -gdwarf-5 $common -fuse-ld=lld-14 case.cpp other.cpp -o clang_dwarf5.so
clang++-14 -g -gsplit-dwarf $common case.cpp -o clang_split.so
aarch64-linux-gnu-gcc -g $common -xc++ case.cpp -o gcc_aarch64.so 2> /dev/null ||
	clang++-14 --target=aarch64-linux-gnu -g $common -fuse-ld=lld-14 case.cpp -o gcc_aarch64.so
g++ -g $common case.cpp other.cpp -o gcc_dwz.so
dwz gcc_dwz.so

for f in *.so; do
	[ "$f" = gcc_dwarf2.so ] || [ "$f" = clang_split.so ] || {
		# Every address of the code.
		readelf -SW "$f" | awk '/ \.text / && / AX / { for (i = 1; i <= NF; i++)
			if ($i == "PROGBITS") print $(i + 1), $(i + 3) }' |
		while read -r start size; do
			for ((i = 0; i < 16#$size; i++)); do
				printf '0x%x\n' $((16#$start + i))
			done
		done | sort -u > addresses
		# An answer holds from its address on up to the next one in the list.
		llvm-symbolizer-14 --no-demangle -a -i -f --obj="$f" < addresses |
			awk 'BEGIN { RS = ""; FS = "\n" }
			{ answer = substr($0, length($1) + 2) }
			answer != last { print $1 "\n" answer "\n"; last = answer }' \
			> "$answers/${f%.so}.txt"
	}
	cp "$f" "$out/${f%.so}"
done
# For the ELF reader: symbols of all kinds, no sections, a debug file, a link to one.
cp gcc_dwarf5.so "$here/elf/whole"
cp gcc_i386.so "$here/elf/i386"
strip gcc_zlib.so -o "$here/elf/stripped"
objcopy --only-keep-debug gcc_zlib.so "$here/elf/debug"
cp "$here/elf/debug" zlib.debug
objcopy --strip-all --add-gnu-debuglink=zlib.debug gcc_zlib.so "$here/elf/debuglink"
g++ -g -c -fdebug-prefix-map="$work=/src" case.cpp -o "$here/elf/relocatable"
ls -la "$out" "$here/elf" "$answers" | awk '{ n += $5 } END { print n " bytes" }'
