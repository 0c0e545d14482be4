#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the seeds of fuzz_kallsyms and fuzz_perfmap: one small file for each shape of the text.
set -eu
cd "$(dirname "$0")"
mkdir -p kallsyms perfmap

seed() {
	printf "$2" >"$1"
}

seed kallsyms/kernel '0000000000000000 A fixed_percpu_data\nffffffff81000000 T _stext\nffffffff81000000 T _text\nffffffff81000040 t do_one\nffffffff81000080 W do_two\nffffffff81000100 T _etext\nffffffff81200000 r table\nffffffff83000000 T init_fn\nffffffff83000010 T _einittext\n'
seed kallsyms/modules 'ffffffffc0000000 t mod_fn\t[mod]\nffffffffc0000020 t mod_last\t[mod]\nffffffffc0100000 t bpf_prog_6deef7357e7b4530_sample\t[bpf]\nffffffffc0100000 t bpf_prog_other\t[bpf]\n'
seed kallsyms/hidden '0000000000000000 T _stext\n0000000000000000 t do_one\n'
seed kallsyms/unsorted 'ffffffffc0000000 t late\t[a]\nffffffff81000040 T second\nffffffff81000040 D same\nffffffff81000000 T first\nffffffff81000020 r data'
seed kallsyms/nul 'ffffffff81000000 T with\000nul\nffffffff81000010 T \000\nffffffff81000020 t m\t[a\000b]\nffffffff81000030 t m\t[a]\n'
seed kallsyms/shapes '\n \nx\n1 T\n1 T \n1 T a\n12345678123456781 T long\nffffffffffffffff T top\nffffffffffffffff\tT tab\nff t odd\t\nff t \t[only]\n'
seed perfmap/plain '7f0000001000 40 LazyCompile:~main /app/x.js:12:3\n0x7f0000002000 0x10 with 0x\n7F0000003000 A0 upper\r\n'
seed perfmap/overlaps '1000 1000 old\n1400 100 inner\n1480 200 newer\n1000 10 first\n1ff0 20 over\n1000 1000 all\n1000 1000 again\n'
seed perfmap/nested '0 ffffffffffffffff a\n1 fffffffffffffffd b\n2 fffffffffffffffb c\n3 1 d\n2 1 e\n1 1 f\n'
seed perfmap/wrap 'ffffffffffffff00 ffffffffffffffff end\nffffffffffffffff 1 last\nffffffffffffffff 2 last2\n'
seed perfmap/shapes '\nx\n1000\n1000 10\n1000 10 \n1000 0 empty\n-1 10 minus\n11112222333344445 10 long\n1000 zz bad\n  1 1 a\n1  1  b\n1 1 \000\n1 1 c\000d\n3000 10 cut'
