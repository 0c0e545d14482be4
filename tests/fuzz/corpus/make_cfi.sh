#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the seeds of fuzz_cfi: small shared objects as compilers make them, and first parts of real
# sections behind a byte that says how to wrap them. The results are committed.
# shellcheck disable=SC2086,SC2059
set -eu
cd "$(dirname "$0")"
mkdir -p cfi
out=$PWD/cfi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > lib.c <<'END'
int other(int);
int many(int a, int b, int c, int d, int e, int f);
int one(int x) { return other(x) + 1; }
int two(int x) { return many(other(x), other(2), other(3), other(4), other(5), x) + x; }
int sized(int n) { volatile char a[n]; for (int i = 0; i < n; i++) a[i] = (char)i; return other(a[n / 2]); }
END
cat > aligned.c <<'END'
typedef double v4 __attribute__((vector_size(32)));
void take(v4 *);
double realigned(int n) { v4 v[4] = {{0}}; volatile char a[n]; a[0] = 0; take(v); return v[0][0] + a[0]; }
END
cat > odd.s <<'END'
.globl odd
odd: .cfi_startproc
 nop
 .cfi_remember_state
 .cfi_def_cfa 10, 16
 nop
 .cfi_escape 0x0f,0x03,0x76,0x78,0x06
 .cfi_escape 0x10,0x06,0x02,0x76,0x00
 nop
 .cfi_restore_state
 .cfi_undefined 16
 nop
 .cfi_register 16, 5
 .cfi_escape 0x2e,0x10
 nop
 .cfi_endproc
.globl trampoline
trampoline: .cfi_startproc
 .cfi_signal_frame
 .cfi_escape 0x0f,0x04,0x77,0xa0,0x01,0x06
 .cfi_escape 0x10,0x10,0x03,0x77,0xa8,0x01
 nop
 .cfi_endproc
.section .note.GNU-stack
END
link='-shared -nostdlib -Wl,-z,noseparate-code -Wl,--build-id=none -Wl,--hash-style=gnu -s'
gcc -O2 -fPIC $link -o "$out/gcc_o2" lib.c odd.s
gcc -O1 -fno-omit-frame-pointer -mavx -fPIC $link -o "$out/gcc_realigned" lib.c aligned.c
gcc -O2 -g1 -gz=zlib -fno-asynchronous-unwind-tables -fPIC ${link% -s} -o debug_frame lib.c
objcopy --only-section=.debug_frame --only-section=.text --only-section=.dynsym debug_frame \
	"$out/debug_frame" 2>/dev/null
clang-14 -Oz -fPIC $link -o "$out/clang_oz" lib.c
aarch64-linux-gnu-gcc -O2 -mbranch-protection=standard -fPIC $link -Wl,-z,max-page-size=4096 -o "$out/aarch64" lib.c
cp "$out/gcc_o2" "$out/no_sections"
printf '\0\0\0\0\0\0\0\0' | dd of="$out/no_sections" bs=1 seek=40 conv=notrunc status=none

section() { # name first-byte file section bytes
	case $1 in *aarch64) objcopy=aarch64-linux-gnu-objcopy ;; *) objcopy=objcopy ;; esac
	$objcopy --dump-section "$4=raw" "$3" copy
	{ printf "\\$2"; head -c "$5" raw; } > "$out/$1"
}
section libc 000 /usr/lib/x86_64-linux-gnu/libc.so.6 .eh_frame 3000
section libstdcxx 000 /usr/lib/x86_64-linux-gnu/libstdc++.so.6 .eh_frame 3000
section ld_so 004 /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 .eh_frame 2500
section libc_aarch64 001 /usr/aarch64-linux-gnu/lib/libc.so.6 .eh_frame 3000
objcopy --decompress-debug-sections debug_frame plain
section plain_debug_frame 002 plain .debug_frame 3000
