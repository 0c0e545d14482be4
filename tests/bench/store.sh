#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# store.sh BUILD [ROWS] [ROUNDS] - the embedded store against SQLite, with the same rows in one run.
#
# A day of one host: a window a minute, 20 services with 10 series each (sizes as of Zipf's law),
# 200,000 stacks of 24 frames on average, 10,000,000 rows unless ROWS says otherwise. Printed: time to
# load, bytes on disk, and one hour of the largest service, and the whole day, merged with all frames,
# ROUNDS (5) times in turn, the least and the middle of them. SQLite has integer ids and a primary key
# in the order of the query, and gives back arrays of frame ids; ours gives back a whole profile, with
# names. Takes some minutes, most of it to make the rows and for SQLite to load them.
set -eu
build=$(cd "${1:?usage: store.sh BUILD [ROWS] [ROUNDS]}" && pwd)
bench=$(find "$build" -name bench_store -type f -perm -u+x | head -n 1)
if [ -z "$bench" ]; then
	echo "store.sh: no bench_store in $build (build that target first)" >&2
	exit 1
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/cresset-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
"$bench" "$work" "${2:-10000000}" "${3:-5}"
