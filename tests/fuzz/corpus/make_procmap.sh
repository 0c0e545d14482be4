#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the seeds of fuzz_maps (texts of /proc), fuzz_sideband (perf rings: u32 tail, u32 length
# or 0 for all, then records) and fuzz_elfhead (ELF headers, program headers, a note). The results are committed.
set -eu
cd "$(dirname "$0")"
mkdir -p maps sideband elfhead

cat > maps/usual <<'END'
55d0c0a00000-55d0c0a02000 r--p 00000000 08:02 173521                     /usr/bin/true
55d0c0a02000-55d0c0a06000 r-xp 00002000 08:02 173521                     /usr/bin/true
55d0c0b00000-55d0c0b21000 rw-p 00000000 00:00 0                          [heap]
7f0e40000000-7f0e40021000 rwxp 00000000 00:00 0 
7f0e44000000-7f0e44001000 r-xs 00000000 00:01 2055                       /memfd:jit (deleted)
7f0e45000000-7f0e45155000 r-xp 00026000 08:02 999                        /tmp/a name\012with a line
7ffd1b5e9000-7ffd1b5eb000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
END
printf '1-2 r-xp 0 0:0 0' > maps/shortest
printf 'ffffffffffffffff-0 r-xp 0 0:0 0 /x\n0-ffffffffffffffff ---p ffffffffffffffff ffffffff:ffffffff 9999999999999999999 /y\n' > maps/limits
printf '10000000000000000-2 r-xp 0 0:0 0 x\n1-2 r-xp 0 0:0 0x\n1 -2 rwx\n\n-\n1-\n' > maps/malformed
{ printf '1-2 r-xp 0 0:0 0 /'; i=0; while [ $i -lt 500 ]; do printf 'aaaaaaa\\012'; i=$((i + 1)); done; echo; } > maps/longest_path
printf 'Name:\tx\nUid:\t1000\t1000\t1000\t1000\nNSpid:\t77\t5\t1\n' > maps/status
printf '1-2 r-xp 0 0:0 0 /a\000b\n3-4 r-xp 0 0:0 0 \\01\n' > maps/nul

b() { printf "\\$(printf %03o $(($1 & 255)))"; }
u16() { b "$1"; b $(($1 >> 8)); }
u32() { u16 "$1"; u16 $(($1 >> 16)); }
u64() { u32 "$1"; u32 $(($1 >> 32)); }
text() { # padded with NULs to $2 bytes
	printf %s "$1"
	n=${#1}
	while [ "$n" -lt "$2" ]; do b 0; n=$((n + 1)); done
}
header() { u32 "$1"; u16 "$2"; u16 "$3"; } # type misc size
fork() { header 7 0 40; u32 "$1"; u32 "$2"; u32 "$1"; u32 "$2"; u64 0; u64 "$3"; }
exit_() { header 4 0 40; u32 "$1"; u32 1; u32 "$1"; u32 1; u64 0; u64 "$2"; }
comm() { header 3 "$4" 40; u32 "$1"; u32 "$1"; text "$2" 16; u64 "$3"; }
mmap() { # pid start length pgoff path time
	header 10 2 $((8 + 8 + 24 + 24 + 8 + 32 + 8))
	u32 "$1"; u32 "$1"; u64 "$2"; u64 "$3"; u64 "$4"
	u32 8; u32 2; u64 77; u64 1; u32 5; u32 2; text "$5" 32; u64 "$6"
}
mmap_id() { # the same by build-id; $7 is its size
	header 10 $((2 | 16384)) $((8 + 8 + 24 + 24 + 8 + 32 + 8))
	u32 "$1"; u32 "$1"; u64 "$2"; u64 "$3"; u64 "$4"
	u32 "$7"; text abcdefghijklmnopqrst 20; u32 5; u32 2; text "$5" 32; u64 "$6"
}
lost() { header 2 0 32; u64 1; u64 "$1"; u64 "$2"; }

life() {
	fork 100 1 10
	comm 100 tool 11 8192
	mmap 100 $((0x400000)) 4096 0 /usr/bin/tool 12
	mmap_id 100 $((0x7f0000000000)) 65536 4096 /usr/lib/libx.so 13 20
	mmap 100 $((0x7f0000004000)) 4096 0 //anon 14
	mmap 100 $((0x7f0000005000)) 4096 0 //anon 15
	fork 101 100 16
	mmap 101 $((0x7f0000008000)) 8192 0 '/memfd:x (deleted)' 17
	comm 101 renamed 18 0
	exit_ 101 19
	lost 5 20
	exit_ 100 21
}
{ u32 0; u32 0; life; } > sideband/life
{ u32 3968; u32 0; life; } > sideband/across_the_end
{ u32 0; u32 8192; life; } > sideband/head_past_the_ring
{ u32 4; u32 0; life; } > sideband/unaligned_tail
{ u32 0; u32 60; life; } > sideband/cut_record
{ u32 0; u32 0; mmap_id 5 4096 4096 0 /x 1 21; mmap_id 5 4096 4096 0 /x 2 8; } > sideband/build_id_sizes
{ u32 0; u32 0; mmap 5 -4096 4096 0 /x 1; mmap 5 -4096 4095 -1 /y 2; mmap 5 0 -1 -1 /z 3; } > sideband/wrapping_ranges
{ u32 0; u32 0; header 3 0 24; u32 1; u32 1; u64 7; header 3 0 16; u64 8; header 10 2 8; } > sideband/too_small
{ u32 0; u32 0; fork 5 5 1; fork 6 6 2; fork 5 7 3; fork 7 5 4; fork 5 7 5; comm 7 x 6 8192; } > sideband/fork_cycles
{ u32 0; u32 0; header 3 0 32; u32 1; u32 1; text aaaaaaaa 8; u64 1; } > sideband/comm_without_end

# class (1: 32 bit, 2: 64 bit) machine data (1: little, 2: big endian) number of program headers
ident() { printf '\177ELF'; b "$1"; b "$2"; b 1; u32 0; u32 0; b 0; }
ehdr64() { ident 2 "$1"; u16 3; u16 62; u32 1; u64 0; u64 64; u64 0; u32 0; u16 64; u16 56; u16 "$2"; u16 0; u16 0; u16 0; }
ehdr32() { ident 1 "$1"; u16 3; u16 3; u32 1; u32 0; u32 52; u32 0; u32 0; u16 52; u16 32; u16 "$2"; u16 0; u16 0; u16 0; }
phdr64() { u32 "$1"; u32 "$2"; u64 "$3"; u64 "$4"; u64 "$4"; u64 "$5"; u64 "$6"; u64 4; } # type flags offset vaddr filesz memsz
phdr32() { u32 "$1"; u32 "$3"; u32 "$4"; u32 "$4"; u32 "$5"; u32 "$6"; u32 "$2"; u32 4; }
note() { u32 4; u32 20; u32 "$1"; text GNU 4; text abcdefghijklmnopqrst 20; }
loads64() { phdr64 1 4 0 0 512 512; phdr64 1 5 4096 8192 4096 4096; phdr64 1 6 8192 16384 10 4096; }
{ ehdr64 1 4; loads64; phdr64 4 4 288 288 36 36; note 3; } > elfhead/usual
{ ehdr64 1 4; loads64; phdr64 4 4 288 288 72 72; note 1; note 3; } > elfhead/second_note
{ ehdr32 1 3; phdr32 1 5 0 4096 600 600; phdr32 1 6 4096 8192 1 2; phdr32 4 4 148 148 36 36; note 3; } > elfhead/32_bit
{ ehdr64 2 4; loads64; phdr64 4 4 288 288 36 36; note 3; } > elfhead/other_byte_order
{ ehdr64 1 3; phdr64 1 5 -4096 0 8192 8192; phdr64 1 5 0 -1 2 2; phdr64 1 5 0 0 2 1; } > elfhead/wrapping
{ ehdr64 1 40; i=0; while [ $i -lt 40 ]; do phdr64 1 $((4 + i % 2)) $((i * 4096)) $((i * 8192)) 4096 4096; i=$((i + 1)); done; } > elfhead/many_segments
{ ehdr64 1 2; phdr64 1 5 0 0 100 100; phdr64 4 4 176 176 -1 -1; u32 -1; u32 -1; u32 3; text GNU 8; } > elfhead/bad_note
{ ehdr64 1 65535; loads64; } > elfhead/short_table
{ ehdr64 1 1; phdr64 4 4 120 120 36 36; note 3; } > elfhead/no_segment
printf '\177ELF' > elfhead/magic
