# SPDX-License-Identifier: Apache-2.0
"""PNG files, as far as the tests read them: 8-bit RGB or RGBA, not interlaced."""
import struct
import zlib


def pixels(data):
    """The image as rows of (r, g, b)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", chunk)
            assert depth == 8 and color in (2, 6) and not interlace
        elif kind == b"IDAT":
            body += chunk
        at += size + 12
    raw, n = zlib.decompress(body), 3 if color == 2 else 4
    stride, rows, previous = width * n, [], bytearray(width * n)
    for y in range(height):
        start = y * (stride + 1)
        row = bytearray(raw[start + 1:start + 1 + stride])
        unfilter(raw[start], row, previous, n)
        rows.append([tuple(row[i:i + 3]) for i in range(0, stride, n)])
        previous = row
    return rows


def unfilter(kind, row, up, n):
    for i in range(len(row)):
        a = row[i - n] if i >= n else 0
        b, c = up[i], up[i - n] if i >= n else 0
        if kind == 1:
            add = a
        elif kind == 2:
            add = b
        elif kind == 3:
            add = (a + b) // 2
        elif kind == 4:
            p = a + b - c
            pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
            add = a if pa <= pb and pa <= pc else b if pb <= pc else c
        else:
            return
        row[i] = (row[i] + add) & 255


def brightness(rows):
    """Mean over all pixels, 0 to 255."""
    return sum(sum(p) for row in rows for p in row) / (3 * len(rows) * len(rows[0]))


def colors(rows):
    return len({p for row in rows for p in row})
