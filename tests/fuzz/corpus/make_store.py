#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_store.py - writes the corpora of segment, dict, match and when beside itself."""
import os
import struct

here = os.path.dirname(os.path.abspath(__file__))


def put(folder, name, data):
    os.makedirs(os.path.join(here, folder), exist_ok=True)
    with open(os.path.join(here, folder, name), "wb") as f:
        f.write(data)


def num(*values):
    out = bytearray()
    for x in values:
        while x >= 0x80:
            out.append(x & 0x7F | 0x80)
            x >>= 7
        out.append(x)
    return bytes(out)


def near(*values):
    return num(*[(x << 1) ^ (x >> 63) if x >= 0 else (-x << 1) - 1 for x in values])


def segment(name, windows, blocks, version=2):
    index = num(1, len(windows)) + b"".join(num(*w) for w in windows)
    index += num(1, 1, 2, len(blocks))
    body = b""
    for columns, series, scale, *span in blocks:
        rows = sum(c + 1 for c in columns[1])
        if version > 1:
            index += num(0, *(span or (0, len(windows))), rows, scale) + b"\0" * 8
        else:
            index += num(0, rows, scale) + b"\0" * 8
        for column in columns:
            packed = num(*column)
            index += num(len(packed), len(packed))
            body += packed
        index += num(len(series)) + b"".join(num(*s) for s in series)
    put("segment", name, struct.pack("<H", len(index)) + index + body)


start = 1700000000000000000
for version, suffix in [(1, ""), (2, "-hours")]:
    segment("one" + suffix, [(start, 10**10, 1)],
            [(([3, 4], [0, 0], [0, 0], [1, 2]), [(1, 2)], 1000)], version)
    segment("minutes" + suffix,
            [(start, 10**10, 1), (6 * 10**10, 6 * 10**10, 6), (6 * 10**10, 1, 1)],
            [(([3, 1, 9], [2, 0, 1], [0, 1, 1, 2, 0, 2], [5, 6, 7, 8, 9, 10**9]),
              [(1, 1), (3, 2)], 7),
             (([1], [0], [1], [1]), [(2, 1)], 1)], version)
segment("spans", [(start, 10**10, 1), (36 * 10**11, 6 * 10**10, 6), (6 * 10**10, 1, 1)],
        [(([3] * 9, [0] * 9, [0] * 9, [1] * 9), [(1, 9)], 7, 0, 1),
         (([1, 2], [1, 0], [0, 1, 1], [1, 2, 3]), [(2, 2)], 1, 1, 2)])
segment("empty", [], [])

put("dict", "strings", b"\0" + num(4) + b"main" + num(0) + num(3) + b"a;b")
put("dict", "mappings", b"\1" + num(1, 2, 0x1000, 0x9000, 0, 0, 1, 0) * 2)
put("dict", "functions", b"\2" + near(1, 0, 2) + num(10) + near(1, 0, 0) + num(20))
put("dict", "locations", b"\3" + near(1) + num(1, 0, 2) + near(1) + num(5, 0) + near(1) + num(6, 1)
    + near(0) + num(0, 4096, 0))
put("dict", "stacks", b"\4" + num(0, 3) + near(1, 1, 1) + num(2, 1) + near(4) + num(0, 0))
put("dict", "series", b"\5" + num(2, 1, 2) + near(0) + num(0, 3, 0) + near(-7) + num(4) + num(0))

for i, text in enumerate([
        'service="api"', '{service="api",comm=~"redis.*",}', "a!='x\\n\\x41', b!~\"cron|at\"",
        'comm=~"(a|b)*c{2,9}d+[[:alpha:]]"', 'long=~"(a*)*b"', 'long=~"(((a+)+)+)+"', "",
        'a="', 'a=~"(", b="x"', 'a.b-c="\\""']):
    put("match", "%02d" % i, text.encode())
for i, text in enumerate([
        "now", "now-30m", "-1d12h", "2026-11-22T13:05:00Z", "2026-11-22T13:05:00.25+01:00",
        "2026-11-22 13:05", "2026-11-22", "1795352700", "1795352700.5", "1795352700000000000",
        "1970-01-01T00:00:00+23:59", "2262-04-11T23:47:16Z", "2016-12-31T23:59:60Z"]):
    put("when", "%02d" % i, text.encode())
