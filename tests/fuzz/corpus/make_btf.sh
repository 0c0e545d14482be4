#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the seeds of fuzz_btfsubset: the section .BTF of small programs that clang compiles for BPF.
# The results are committed.
set -eu
cd "$(dirname "$0")"
mkdir -p btfsubset
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# seed NAME < C
seed() {
	"${CLANG:-clang-14}" -target bpf -g -O1 -x c -c -o "$work/o" -
	python3 - "$work/o" "btfsubset/$1" <<'END'
import struct, sys
elf = open(sys.argv[1], "rb").read()
at, = struct.unpack_from("<Q", elf, 40)
size, n, names = struct.unpack_from("<HHH", elf, 58)
heads = [struct.unpack_from("<IIQQQQ", elf, at + i * size) for i in range(n)]
for head in heads:
    name = elf[heads[names][4] + head[0]:].split(b"\0")[0]
    if name == b".BTF":
        open(sys.argv[2], "wb").write(elf[head[4]:head[4] + head[5]])
END
}

seed usual <<'END'
typedef unsigned long long u64;
enum kind { ONE = 1, TWO };
enum wide { SMALL, LARGE = 0x100000000ull };
struct other;
struct inner { const volatile int a; unsigned b : 3, c : 5; };
struct node___old { struct node___old *next; struct inner inner[4]; union { u64 x; float f; }; };
struct node { struct node *next; struct other *other; enum kind kind; enum wide wide; int (*call)(struct inner *); };
static int counter __attribute__((section(".data"), used));
int main_of(struct node *n, struct node___old *o) { return counter += n->kind + o->inner[1].a; }
END
seed nothing <<'END'
int x(int y) { return y; }
END
