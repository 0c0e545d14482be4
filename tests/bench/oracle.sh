#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# oracle.sh BUILD_DIR [FILE|DIRECTORY...] - our unwind tables against libdw's answers, row by row.
#
# Every row of every FDE of every ELF file under /usr (or what is named) is looked up in the compiled
# table at its first byte, its last and one between, and worked out beside libdw's on random
# registers and memory. Prints what came of the rows by class, each file with a disagreement, and the
# time to compile all. Fails on a disagreement, or when 0.05 % of the rows are unsupported. A minute or two.
set -eu
build=${1:?usage: oracle.sh BUILD_DIR [FILE|DIRECTORY...]}
shift
exec "$build/tests/bench_oracle" -j "$(nproc)" "$@"
