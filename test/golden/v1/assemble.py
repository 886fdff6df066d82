"""Assembles golden segments of format version 1 from spec/segment.md, without Palimpsest's code (its XXH64 is the one of
spec/reader.py). Every index is written out by hand; the `long-` ones come from the few lines of encoder below. Valid segments
land beside this file, hostile ones, each with one violation and right checksums, in refused/.

Files were written on 2026-11-25, before version 1 was released. One that is there is never written again: running this says
whether it still is what is assembled here.
"""

import json
import os
import struct
import sys

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../../spec"))
from reader import xxh64  # noqa: E402

A = "00112233445566778899aabbccddeeff"
B = "ffeeddccbbaa99887766554433221100"
Z = "00" * 16
ID = bytes.fromhex("0123456789abcdef" * 2)
MAGIC = bytes.fromhex("89505345470d0a1a")
LAST = 2**32 - 1  # the highest rLSN; the highest offset is one less


def hexes(text):
    """The bytes of lines of hex, without their comments."""
    return bytes.fromhex(" ".join(line.split("#")[0] for line in text.splitlines()))


def assemble(index, pages, volumes=1, page_size=512, **other):
    """A segment of `pages` records around `index`, a hex text. `other` overrides fields of the header, or what is behind it."""
    index = hexes(index) if isinstance(index, str) else index
    body = (64 + len(index) + 7) // 8 * 8
    header = struct.pack(
        "<8sHHI16sIIII8s",
        other.get("magic", MAGIC),
        other.get("version", 1),
        other.get("features", 0),
        page_size,
        ID,
        other.get("page_count", pages),
        other.get("volume_count", volumes),
        other.get("index_length", len(index)),
        other.get("body_offset", body),
        other.get("reserved", bytes(8)),
    )
    rest = index + other.get("zeros", bytes(body - 64 - len(index)))
    checksum = other.get("checksum", xxh64(rest, xxh64(header)))
    return header + struct.pack("<Q", checksum) + rest + b"".join(record(p, page_size) for p in range(pages))


def record(p, page_size, seed=None):
    page = bytes([(0xA0 + p) % 256]) * page_size
    return page + struct.pack("<Q", xxh64(page, xxh64(ID, p if seed is None else seed)))


def write(name, segment, facts):
    put(name + ".seg", segment)
    put(name + ".json", (json.dumps(facts) + "\n").encode())


def put(name, content):
    path = os.path.join(here, name)
    try:
        with open(path, "xb") as file:
            file.write(content)
    except FileExistsError:
        with open(path, "rb") as file:
            assert file.read() == content, f"{name} is not what is assembled here"


def golden(name, index, volumes, encodings, page_size=512, stride=1):
    """`volumes` is what the segment says: (vid, [(offset, rLSN)…]) in order. Its answers follow from that alone."""
    rows = [(vid, offset, rlsn) for vid, versions in volumes for offset, rlsn in versions]
    assert rows == sorted(set(rows))
    newest = {row: local for local, row in enumerate(rows)}

    def answer(vid, offset, rlsn):
        found = [local for (v, o, r), local in newest.items() if (v, o) == (vid, offset) and r <= rlsn]
        return [vid, offset, rlsn, max(found, default=-1)]

    asked = {(vid, offset, rlsn) for vid in ("00" * 15 + "02", "ab" * 16) for offset, rlsn in ((0, LAST), (LAST - 1, LAST))}
    for vid, offset, rlsn in rows[::stride]:
        asked |= {(vid, offset, r) for r in (0, rlsn - 1, rlsn, rlsn + 1, LAST) if 0 <= r <= LAST}
        asked |= {(vid, o, LAST) for o in (offset - 1, offset + 1) if 0 <= o < LAST}
    segment = assemble(index, len(rows), len(volumes), page_size)
    write(name, segment, {"encodings": encodings, "answers": [answer(*row) for row in sorted(asked)]})


# The example of the spec ---------------------------------------------------------------------------------------------

golden(
    "worked-example",
    A + """
    19        # bitmap, cumulative counts, fixed width
    03 00 05  # 3 offsets from 0, span 5
    04 02     # 4 versions, 2 bits each
    23        # bits 0, 1, 5
    05        # s - (i + 1) is 1 - 1 = 0, 3 - 2 = 1; last = 4 - 3 = 1, n = 2, so l = 0; high bits 0 + 0, 1 + 1
    30        # 0, 0, 3, 0
    """,
    [(A, [(0, 0), (1, 0), (1, 3), (5, 0)])],
    [["bitmap", "fixed-2"]],
)

# Runs, bitmaps, Elias-Fano offsets; constant and fixed-width rLSNs -----------------------------------------------------

golden(
    "one-page-at-the-limits",
    A + """
    00                # run, one, constant
    01 fe ff ff ff 0f # 1 offset, 2^32 - 2
    ff ff ff ff 0f    # rLSN 2^32 - 1
    """,
    [(A, [(LAST - 1, LAST)])],
    [["run", "constant"]],
    page_size=65536,
)
golden(
    "run-constant",
    A + "00 05 80 01 2a # 5 offsets from 128, rLSN 42",
    [(A, [(128 + i, 42) for i in range(5)])],
    [["run", "constant"]],
)
golden(
    "run-fixed-1",
    A + """
    10          # run, one, fixed width
    09 80 01 01 # 9 offsets from 128; 1 bit
    96 01       # 0 1 1 0 1 0 0 1, then 1 and seven zeros
    """,
    [(A, [(128 + i, rlsn) for i, rlsn in enumerate([0, 1, 1, 0, 1, 0, 0, 1, 1])])],
    [["run", "fixed-1"]],
)
golden(
    "run-uniform-fixed-32",
    A + """
    14          # run, uniform, fixed width
    02 07 02 20 # 2 offsets from 7, 2 versions each, 32 bits
    00 00 00 00 ff ff ff ff
    01 00 00 00 00 00 00 80
    """,
    [(A, [(7, 0), (7, LAST), (8, 1), (8, 2**31)])],
    [["run", "fixed-32"]],
)
golden(
    "bitmap-fixed-13",
    A + """
    11          # bitmap, one, fixed width
    04 03 08 0d # 4 offsets from 3, span 8; 13 bits
    0b 01       # bits 0, 1, 3, 8
    ff 3f 00 00 c0 02 00 # 8191 at bits 0 to 12, 1 at 13, 4096 = 2^12 at 26 (bit 38), 5 at 39 (bits 39, 41)
    """,
    [(A, [(3, 8191), (4, 1), (6, 4096), (11, 5)])],
    [["bitmap", "fixed-13"]],
)
golden(
    "elias-fano-offsets-l0",
    A + """
    12          # Elias-Fano, one, fixed width
    03 64 03 08 # 3 offsets from 100, span 3; 8 bits
    25          # 0, 1, 3: 3 * 2^1 > 4, so l = 0; high bits 0 + 0, 1 + 1, 3 + 2
    00 ff 7f
    """,
    [(A, [(100, 0), (101, 255), (103, 127)])],
    [["elias-fano", "fixed-8"]],
)
golden(
    "elias-fano-offsets-l30",
    A + """
    16                # Elias-Fano, uniform, fixed width
    02 00 fe ff ff ff 0f # 2 offsets from 0, span 2^32 - 2
    02 10             # 2 versions each, 16 bits
    00 00 00 80 ff ff ff 0f # 2 * 2^30 <= 2^32 - 1 < 2 * 2^31, so l = 30: 0, then 2^30 - 2 at bits 30 to 59
    11                # 2 + 3 bits: 0 + 0 and 3 + 1
    00 00 ff ff 01 00 02 00
    """,
    [(A, [(0, 0), (0, 65535), (LAST - 1, 1), (LAST - 1, 2)])],
    [["elias-fano", "fixed-16"]],
    page_size=65536,
)
golden(
    "counts-l3",
    A + """
    18          # run, cumulative, fixed width
    02 05 0a 04 # 2 offsets from 5; 10 versions, 4 bits
    00 02       # 9 - 1 = 8; n = 1, last = 10 - 2 = 8: 1 * 2^3 <= 9, so l = 3: low 0; high 1 + 1 bits: 1 + 0
    10 32 54 76 08 # 0 to 8 of offset 5, then 0 of offset 6
    """,
    [(A, [(5, i) for i in range(9)] + [(6, 0)])],
    [["run", "fixed-4"]],
)

# Byte deltas -----------------------------------------------------------------------------------------------------------

golden(
    "byte-deltas",
    A + """
    24             # run, uniform, byte deltas
    02 00 03 06    # 2 offsets from 0, 3 versions each, 6 bytes
    00 00 00       # 0, 1, 2
    fe fe 00       # 254, 254 + 255, 1 more
    """,
    [(A, [(0, 0), (0, 1), (0, 2), (1, 254), (1, 509), (1, 510)])],
    [["run", "byte-deltas"]],
)
golden(
    "byte-deltas-escaped",
    A + """
    28             # run, cumulative, byte deltas
    03 01 06 12    # 3 offsets from 1; 6 versions in 18 bytes
    00 05          # 0, 2; last = 6 - 3 = 3: 2 * 2^1 <= 4, so l = 1: low bits 0, 0; high 2 + 1 bits: 0 + 0, 1 + 1
    fe             # offset 1: 254
    00 00 ff 2a 01 00 00 # offset 2: 0, 1, then 299 - 1 = 298 more: 300
    ff ff 00 00 00 ff ff 00 00 00 # offset 3: 255, then 256 - 1 = 255 more: 511
    """,
    [(A, [(1, 254), (2, 0), (2, 1), (2, 300), (3, 255), (3, 511)])],
    [["run", "byte-deltas"]],
)
golden(
    "byte-deltas-at-the-limits",
    A + B + """
    24 01 00 02 06       # one offset with two versions
    00 ff fe ff ff ff    # 0, then 2^32 - 1 less 1
    20 02 fd ff ff ff 0f 06 # offsets 2^32 - 3 and 2^32 - 2, one version each
    ff ff ff ff ff       # 2^32 - 1
    fe                   # 254
    """,
    [(A, [(0, 0), (0, LAST)]), (B, [(LAST - 2, LAST), (LAST - 1, 254)])],
    [["run", "byte-deltas"], ["run", "byte-deltas"]],
)

# Merged and partitioned Elias-Fano -------------------------------------------------------------------------------------

golden(
    "merged",
    A + """
    3e             # Elias-Fano, implied, Elias-Fano
    03 05 80 08    # 3 offsets from 5, span 1024
    05 09          # 5 versions, the largest rLSN 9: T = 10
    00 40 00 43    # 0, 64, 1024: 3 * 2^8 <= 1025, so l = 8; high 3 + 4 bits: 0 + 0, 0 + 1, 4 + 2
    14 02          # 0, 9, 13, 20, 26; last = 29: 5 * 2^2 <= 30, so l = 2: low 0, 1, 1, 0, 2
    29 05          # high 5 + 7 bits: 0 + 0, 2 + 1, 3 + 2, 5 + 3, 6 + 4
    """,
    [(A, [(5, 0), (5, 9), (69, 3), (1029, 0), (1029, 6)])],
    [["elias-fano", "elias-fano"]],
)
golden(
    "elias-fano-whole-bytes",
    # Strings of high bits that fill their byte: one bit more would take another.
    A + B + """
    12 04 05 04 08    # Elias-Fano, one, fixed width: 4 offsets from 5, span 4; 8 bits
    a5                # 0, 1, 3, 4: 4 * 2^1 > 5, so l = 0; high 4 + 4 bits: 0 + 0, 1 + 1, 3 + 2, 4 + 3
    01 02 03 04
    3c 01 07 04 04    # run, implied, Elias-Fano: 1 offset, 7; 4 versions, the largest rLSN 4: T = 5
    a5                # the same sequence
    """,
    [(A, [(5, 1), (6, 2), (8, 3), (9, 4)]), (B, [(7, r) for r in (0, 1, 3, 4)])],
    [["elias-fano", "fixed-8"], ["run", "elias-fano"]],
)
golden(
    "merged-at-the-limits",
    A + B + """
    3c 01 00 01 ff ff ff ff 0f # run, implied, Elias-Fano; 1 offset, 1 version, rLSN 2^32 - 1
    ff ff ff ff 01             # n = 1, last + 1 = T = 2^32, so l = 32; high 1 + 0 bits
    3c 02 fd ff ff ff 0f 06 02 # 2 offsets, 6 versions, largest rLSN 2: T = 3
    55 05                      # 0 to 5, last = 5: l = 0; high 6 + 5 bits: 0 + 0, 1 + 1 … 5 + 5
    """,
    [(A, [(0, LAST)]), (B, [(LAST - 2 + i, r) for i in range(2) for r in range(3)])],
    [["run", "elias-fano"], ["run", "elias-fano"]],
)
golden(
    "partitioned",
    A + """
    39             # bitmap, cumulative, Elias-Fano
    04 14 08       # 4 offsets from 20, span 8
    10 0f 06       # 16 versions; the largest rLSN 15, B = 4; 6 bytes
    83 01          # bits 0, 1, 7, 8
    34 19          # 1 - 1 = 0, 11 - 2 = 9, 14 - 3 = 11; last = 16 - 4 = 12: 3 * 2^2 <= 13, so l = 2: low 0, 1, 3;
                   # high 3 + 3 bits: 0 + 0, 2 + 1, 2 + 2
    0b 36 c7 1a    # low: 11; then 0 and 6 missing, m = 8 of U = 14, so w = 0; then 3 and 7 missing, m = 1 of U = 8, so w = 3:
                   # 8 - 3 - 1 = 4; then 5 and 3 missing; one bit of padding
    db 61          # high: 14 bits: 0 1 3 4 6 7 8 13; then 1 + 0 bits: 0 + 0; one bit of padding
    """,
    [(A, [(20, 11)] + [(21, r) for r in (0, 1, 2, 4, 5, 7, 8, 9, 14, 15)] + [(27, r) for r in (3, 8, 12)] + [(28, 5), (28, 9)])],
    [["bitmap", "partitioned"]],
)
golden(
    "partitioned-w8",
    A + """
    34             # run, uniform, Elias-Fano
    01 00 05       # 1 offset, 5 versions
    e8 07 07       # the largest rLSN 1000, B = 10; 7 bytes
    64 00 de 21 f2 01 # low: 100 and 1000 - 100 - 4 = 896 missing in 10 bits each; m = 3 of U = 899: 3 * 2^8 <= 899, so w = 8:
                   # 29 = 0 * 256 + 1d, 34 = 0 * 256 + 22, 799 = 3 * 256 + 1f; 44 bits
    23             # high: 3 + 3 bits: 0 + 0, 0 + 1, 3 + 2
    """,
    [(A, [(0, r) for r in (100, 130, 135, 900, 1000)])],
    [["run", "partitioned"]],
)
golden(
    "partitioned-w3",
    A + """
    34             # run, uniform, Elias-Fano
    02 05 05       # 2 offsets from 5, 5 versions each
    1f 07          # the largest rLSN 31, B = 5; 7 bytes
    60 03 00 1b 00 # low: twice 0 and 27 missing; m = 3 of U = 30, so w = 3: 0, 0, 0; 19 bits each
    55 05          # high: twice 3 + 3 bits: 0 + 0, 1 + 1, 2 + 2: the values 0, 8, 16
    """,
    [(A, [(o, r) for o in (5, 6) for r in (0, 1, 9, 17, 31)])],
    [["run", "partitioned"]],
)
golden(
    "partitioned-whole-buckets",
    # U is a whole number of buckets: a bit more of the first offset's high bits would be the second's.
    A + """
    34             # run, uniform, Elias-Fano
    02 05 03       # 2 offsets from 5, 3 versions each
    09 04          # the largest rLSN 9, B = 4; 4 bytes
    70 84 23       # low: twice 0 and 7 missing; m = 1 of U = 8, so w = 3: 4; 11 bits each
    03             # high: twice 1 + floor(7 / 8) = 1 bit: 0 + 0
    """,
    [(A, [(o, r) for o in (5, 6) for r in (0, 5, 9)])],
    [["run", "partitioned"]],
)
golden(
    "partitioned-w31",
    A + """
    34             # run, uniform, Elias-Fano
    01 00 03       # 1 offset, 3 versions
    ff ff ff ff 0f 0d # the largest rLSN 2^32 - 1, B = 32; 13 bytes
    00 00 00 00 fd ff ff ff # 0 and 2^32 - 3 missing
    fd ff ff 7f    # m = 1 of U = 2^32 - 2, so w = 31: 2^32 - 3 = 1 * 2^31 + 7ffffffd; 95 bits
    02             # 1 + 1 bits: 1 + 0
    """,
    [(A, [(0, 0), (0, LAST - 1), (0, LAST)])],
    [["run", "partitioned"]],
)
golden(
    "partitioned-at-the-limits",
    A + """
    38             # run, cumulative, Elias-Fano
    02 fd ff ff ff 0f # offsets 2^32 - 3, 2^32 - 2
    03 ff ff ff ff 0f 0c # 3 versions, B = 32, 12 bytes
    00 01          # 1 - 1 = 0; n = 1, last = 1: l = 1; high 1 + 0 bits
    00 00 00 80    # 2^31
    05 00 00 00 f9 ff ff ff # 5 and 2^32 - 1 - 5 - 1 missing; no high bits at all
    """,
    [(A, [(LAST - 2, 2**31), (LAST - 1, 5), (LAST - 1, LAST)])],
    [["run", "partitioned"]],
)
golden(
    "partitioned-full",
    Z + A + B + """
    34 02 03 04 03 01 # 2 offsets, 4 versions each, the largest rLSN 3: B = 2
    00                # twice 0 and nothing missing
    34 02 00 03 09 02 # 2 offsets, 3 versions each, B = 4
    02 07             # 2 and 7, nothing missing
    38 03 00 03 00 01 # 3 offsets, 3 versions, the largest rLSN 0: B = 1
    03                # counts 0, 0; last = 0: l = 0; high bits 0, 1
    00                # three times 0
    """,
    [
        (Z, [(o, r) for o in (3, 4) for r in range(4)]),
        (A, [(0, 2), (0, 3), (0, 4), (1, 7), (1, 8), (1, 9)]),
        (B, [(o, 0) for o in range(3)]),
    ],
    [["run", "partitioned"]] * 3,
)

# Volumes ---------------------------------------------------------------------------------------------------------------

ONE, LOW, HIGH, FF = "01" + "00" * 15, "7f" + "ff" * 15, "80" + "00" * 15, "ff" * 16
golden(
    "six-volumes",
    # Ids ascend as bytes: ONE's words are smaller than A's in either half when read little-endian.
    Z + A + ONE + LOW + HIGH + FF + """
    00 01 00 00             # run, one, constant: offset 0, rLSN 0
    01 01 05 00 07 01       # bitmap, one, constant: 1 offset, 5, span 0; rLSN 7; 1 bit
    12 01 09 00 08 01 2a    # Elias-Fano, one, fixed width: 1 offset, 9, span 0; 8 bits; high bit 0; 42
    28 01 03 03 03 05 00 fe # run, cumulative, byte deltas: 1 offset, 3; 3 versions, 3 bytes: 5, 6, 261; no counts payload
    18 04 01 04 03          # run, cumulative, fixed width: 4 offsets from 1, 4 versions, 3 bits
    07 c7 0a                # counts 0, 0, 0, last = 0: high bits 0, 1, 2; 7, 0, 3, 5
    02 03 00 07 09          # Elias-Fano, one, constant: 3 offsets from 0, span 7; rLSN 9
    04 25                   # 0, 2, 7: 3 * 2^1 <= 8, so l = 1: low 0, 0, 1 (bit 2); high 3 + 3 bits: 0 + 0, 1 + 1, 3 + 2
    """,
    [
        (Z, [(0, 0)]),
        (A, [(5, 7)]),
        (ONE, [(9, 42)]),
        (LOW, [(3, 5), (3, 6), (3, 261)]),
        (HIGH, [(1, 7), (2, 0), (3, 3), (4, 5)]),
        (FF, [(0, 9), (2, 9), (7, 9)]),
    ],
    [
        ["run", "constant"],
        ["bitmap", "constant"],
        ["elias-fano", "fixed-8"],
        ["run", "byte-deltas"],
        ["run", "fixed-3"],
        ["elias-fano", "constant"],
    ],
)

# Long ones, where a reader needs its directories -----------------------------------------------------------------------


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


class Bits:
    def __init__(self):
        self.value, self.size = 0, 0

    def put(self, value, width):
        self.value |= value << self.size
        self.size += width

    def bytes(self):
        return self.value.to_bytes((self.size + 7) // 8, "little")


def stream(width, values):
    bits = Bits()
    for value in values:
        bits.put(value, width)
    return bits.bytes()


def low_width(n, limit):
    return max([w for w in range(53) if n * 2**w <= limit], default=0)


def high_part(values, width, size):
    """Value i sets bit (value >> width) + i of `size` bits."""
    return sum(1 << (value >> width) + i for i, value in enumerate(values)), size


def elias_fano(values, last):
    n, l = len(values), low_width(len(values), last + 1)
    high = Bits()
    high.put(*high_part(values, l, n + (last >> l)))
    return stream(l, [value % 2**l for value in values]) + high.bytes()


def cumulative(counts):
    ends = [sum(counts[: i + 1]) for i in range(len(counts) - 1)]
    return elias_fano([s - (i + 1) for i, s in enumerate(ends)], sum(counts) - len(counts))


def partitioned(groups, largest):
    low, high = Bits(), Bits()
    ends = max(1, largest.bit_length())
    for rlsns in groups:
        n = len(rlsns)
        missing = rlsns[-1] - rlsns[0] - (n - 1)
        low.put(rlsns[0], ends)
        if n > 1:
            low.put(missing, ends)
        if n > 2 and missing:
            u = n - 2 + missing
            w = low_width(n - 2, u)
            values = [rlsn - rlsns[0] - 1 for rlsn in rlsns[1:-1]]
            for value in values:
                low.put(value % 2**w, w)
            high.put(*(high_part(values, w, n - 2 + (u - 1 >> w)) if w else (sum(1 << value for value in values), u)))
    return low.bytes() + high.bytes()


def flat(offsets, groups):
    return [(offset, rlsn) for offset, rlsns in zip(offsets, groups) for rlsn in rlsns]


# 300 offsets in 3 clusters, the last of them at the end of the range; 1 or 2 versions each, merged.
offsets = list(range(1000, 1130)) + list(range(2**31, 2**31 + 169 * 3, 3)) + [LAST - 1]
groups = [[i * 37 % 500] if i % 4 else [i * 37 % 500, 501 + i] for i in range(300)]
n, t, span = sum(map(len, groups)), max(map(max, groups)) + 1, offsets[-1] - offsets[0]
golden(
    "long-merged",
    bytes.fromhex(A) + bytes([0x3E]) + varint(300) + varint(1000) + varint(span) + varint(n) + varint(t - 1)
    + elias_fano([o - 1000 for o in offsets], span)
    + elias_fano([i * t + r for i, rlsns in enumerate(groups) for r in rlsns], 300 * t - 1),
    [(A, flat(offsets, groups))],
    [["elias-fano", "elias-fano"]],
    stride=7,
)  # fmt: skip

# 90 offsets of a bitmap, most with few versions, one with 150 of 200 (w = 0), one with every other (w = 0), one with 34 of 199
# (w = 2), one with 60 in a row.
offsets = sorted({i * i % 701 for i in range(2000)})[:90]
groups = [[(i * 71 + j * 53) % 199 for j in range(1 + i % 3)] for i in range(90)]
groups[13] = [r for r in range(200) if r % 4]
groups[40] = list(range(1, 200, 2))
groups[41] = list(range(0, 199, 6)) + [198]
groups[42] = list(range(100, 160))
groups = [sorted(set(rlsns)) for rlsns in groups]
n, payload, span = sum(map(len, groups)), partitioned(groups, 199), offsets[-1] - offsets[0]
golden(
    "long-partitioned",
    bytes.fromhex(A) + bytes([0x39]) + varint(90) + varint(offsets[0]) + varint(span) + varint(n) + varint(199)
    + varint(len(payload)) + stream(1, [int(offsets[0] + x in offsets) for x in range(span + 1)])
    + cumulative([len(rlsns) for rlsns in groups]) + payload,
    [(A, flat(offsets, groups))],
    [["bitmap", "partitioned"]],
    stride=11,
)  # fmt: skip

# Bits far apart: 40 offsets in a bitmap of 20,001, rLSNs of 17 bits, counts from 1 to 7.
offsets = [0] + [i * 501 + i % 7 for i in range(1, 39)] + [20000]
groups = [[i * 3000 + j * j * 99 for j in range(1 + i * 5 % 7)] for i in range(40)]
golden(
    "long-bitmap",
    bytes.fromhex(A) + bytes([0x19]) + varint(40) + varint(0) + varint(20000) + varint(sum(map(len, groups))) + bytes([17])
    + stream(1, [int(x in set(offsets)) for x in range(20001)]) + cumulative([len(rlsns) for rlsns in groups])
    + stream(17, [r for rlsns in groups for r in rlsns]),
    [(A, flat(offsets, groups))],
    [["bitmap", "fixed-17"]],
    stride=5,
)  # fmt: skip

# Hostile ones: each breaks what its first line says, and as little else as can be --------------------------------------


def refused(name, must, index, pages=3, records=None, **other):
    """`records` (local page numbers) says that the head is good and reading those pages is refused."""
    segment = other.pop("segment", None) or assemble(index, pages, **other)
    facts = {"must": must} if records is None else {"must": must, "pages": records}
    write(os.path.join("refused", name), segment, facts)


GOOD = A + "10 03 05 08 01 02 03"  # run, one, fixed width: 3 offsets from 5, 8 bits: 1, 2, 3

# Header
h = "the header's rules: "
refused("magic", h + "magic", GOOD, magic=MAGIC[:7] + b"\x1b")
refused("magic-newlines", h + "magic (as a text transfer mangles it)", GOOD, magic=bytes.fromhex("895053450a0a1a00"))
refused("version-2", h + "refuse any other version", GOOD, version=2)
refused("version-256", h + "refuse any other version", GOOD, version=256)
refused("feature-0", h + "refuse an unknown required feature", GOOD, features=1)
refused("feature-15", h + "refuse an unknown required feature", GOOD, features=0x8000)
refused("page-size-0", h + "page sizes are powers of two from 512 to 65536", GOOD, page_size=0)
refused("page-size-256", h + "page sizes are powers of two from 512 to 65536", GOOD, page_size=256)
refused("page-size-768", h + "page sizes are powers of two from 512 to 65536", GOOD, page_size=768)
refused("page-size-131072", h + "page sizes are powers of two from 512 to 65536", A + "00 01 05 07", 1, page_size=131072)
refused("page-count-0", h + "page count from 1", "", 0, volumes=0)
refused("page-count-wraps", h + "page count to 2^20; length (520 * 2^29 is 0 modulo 2^32)", GOOD, page_count=3 + 2**29)
refused("volume-count-0", h + "volume count from 1", "", 1, volumes=0)
refused("volume-count-over-page-count", h + "volume count to page count", A + B + "00 01 05 07 00 00 05 07", 1, volumes=2)
refused("volume-count-wraps", h + "volume count (16 * 2^28 is 0 modulo 2^32)", GOOD, volume_count=1 + 2**28)
refused("index-length-over", h + "index length at most 16 MiB - 64", GOOD, index_length=2**32 - 1)
refused("index-length-wraps", h + "index length (64 + it, rounded up, is 64 modulo 2^32)", "", index_length=2**32 - 1, body_offset=64)
refused("body-offset-later", h + "body offset", GOOD, body_offset=96, zeros=bytes(9))
refused("body-offset-earlier", h + "body offset", A + "10 03 05 08 01 02 03 00 00", body_offset=80, zeros=b"")
refused("body-offset-unaligned", h + "body offset a multiple of 8", GOOD, body_offset=87, zeros=b"")
refused("reserved-first", h + "reserved bytes are zero", GOOD, reserved=b"\1" + bytes(7))
refused("reserved-last", h + "reserved bytes are zero", GOOD, reserved=bytes(7) + b"\x80")
refused("head-checksum", h + "head checksum", GOOD, checksum=0)
refused("zeros-before-body", "the bytes between index end and body offset are zero", GOOD, zeros=b"\1")
whole = assemble(GOOD, 3)
refused("longer-by-1", "the length of the segment", "", segment=whole + b"\0")
refused("longer-by-a-record", "the length of the segment", "", segment=whole + record(3, 512))
refused("shorter-by-1", "the length of the segment", "", segment=whole[:-1])
refused("head-only", "the length of the segment", "", segment=whole[:88])
refused("header-only", "the length of the segment", "", segment=whole[:64])
refused("header-cut", "the length of the segment", "", segment=whole[:63])
refused("one-byte", "the length of the segment", "", segment=whole[:1])

# Volume table and blocks
refused("ids-equal", "ids strictly ascend", A + A + "00 01 05 07 00 02 05 07", volumes=2)
refused("ids-descend", "ids strictly ascend", B + A + "00 01 05 07 00 02 05 07", volumes=2)
refused("ids-descend-as-bytes", "ids compare as byte strings", "01" + "00" * 15 + "00" * 15 + "01 00 01 05 07 00 02 05 07", volumes=2)
refused("table-cut", "the blocks end at index end", "00" * 15, 1)
refused("no-block", "the blocks end at index end", A, 1)
refused("blocks-end-early", "the blocks end at index end", GOOD + "00")
refused("blocks-end-late", "the blocks end at index end", A + "10 03 05 08 01 02", 3)
refused("versions-over-pages", "the versions are as many as the pages", GOOD, 2)
refused("versions-under-pages", "the versions are as many as the pages", GOOD, 4)
refused("second-volume-over-pages", "the versions are as many as the pages", A + B + "00 02 05 07 00 02 05 07", volumes=2)
refused("tag-bit-6", "tag bits 6 and 7 are zero", A + "50 03 05 08 01 02 03")
refused("tag-bit-7", "tag bits 6 and 7 are zero", A + "90 03 05 08 01 02 03")
refused("offsets-3", "a value that no table gives a meaning", A + "13 03 05 02 08 07 01 02 03")
refused("no-offsets", "K from 1", A + B + "10 00 05 08 00 03 05 07", volumes=2)
refused("varint-long-form", "a varint is in its shortest form", A + "10 83 00 05 08 01 02 03")
refused("varint-zero-long-form", "a varint is in its shortest form", A + "10 03 80 00 08 01 02 03")
refused("varint-of-9-bytes", "a varint has at most 8 bytes", A + "10 03 80 80 80 80 80 80 80 80 01 08 01 02 03")
refused("varint-never-ends", "the blocks end at index end", A + "10 80", 1)
for field, block in {
    "offset-count": "10 83 80 80 80 10 05 08 01 02 03",
    "first": "10 03 85 80 80 80 10 08 01 02 03",
    "first-at-56-bits": "10 03 85 80 80 80 80 80 80 40 08 01 02 03",
    "span": "11 03 05 82 80 80 80 10 08 07 01 02 03",
    "cumulative": "18 03 05 83 80 80 80 10 08 03 01 02 03",
    "implied": "3c 03 05 83 80 80 80 10 00 15",
    "constant": "00 03 05 87 80 80 80 10",
    "deltas-bytes": "20 03 05 83 80 80 80 10 01 02 03",
}.items():
    refused(f"wraps-{field}", "the limits: 2^32 (or 2^55) more than a good value", A + block)
refused("wraps-uniform", "N at most 2^20: 4 * (2^30 + 1) is 4 modulo 2^32", A + "14 04 05 81 80 80 80 04 08 00 01 02 03", 4)
refused("run-past-the-end", "first + span at most 2^32 - 2", A + "10 03 fd ff ff ff 0f 08 01 02 03")
refused("bitmap-past-the-end", "first + span at most 2^32 - 2", A + "11 02 fe ff ff ff 0f 01 08 03 01 02", 2)
refused("elias-fano-past-the-end", "first + span at most 2^32 - 2",
        A + "12 02 01 fe ff ff ff 0f 08 00 00 00 80 ff ff ff 0f 11 01 02", 2)  # fmt: skip
refused("span-short", "span at least K - 1", A + "12 03 05 01 08 0b 01 02 03")

# Offsets: a bitmap of 5, 6, 8 is 0b1011
refused("bitmap-first-clear", "the first bit is set", A + "11 03 05 03 08 0e 01 02 03")
refused("bitmap-last-clear", "the last bit is set", A + "11 03 05 03 08 07 01 02 03")
refused("bitmap-bits-over", "K bits are set", A + "11 03 05 03 08 0f 01 02 03")
refused("bitmap-bits-under", "K bits are set", A + "11 03 05 03 08 09 01 02 03")
refused("bitmap-bit-behind", "bits behind the last are zero", A + "11 03 05 03 08 8b 01 02 03")
refused("bitmap-bit-behind-counted", "bits behind the last are zero", A + "11 03 05 03 08 19 01 02 03")
# 5, 69, 1029 is low 00 40 00 and high 43 (see `merged`)
ef = A + "12 03 05 80 08 08 {} 01 02 03"
refused("elias-fano-first", "the first value is 0", ef.format("01 40 00 43"))
refused("elias-fano-last", "the last value is span", ef.format("00 40 ff 23"))
refused("elias-fano-equal", "the offsets strictly ascend", ef.format("00 00 00 43"))
refused("elias-fano-descends", "the offsets strictly ascend: 0, 100, 64, 1024",
        A + "12 04 05 80 08 08 00 64 40 00 87 01 02 03 04", 4)  # fmt: skip
refused("elias-fano-over-span", "values do not exceed `last`", ef.format("00 40 01 43"))
refused("elias-fano-high-bits-over", "exactly n high bits are set", ef.format("00 40 00 4b"))
refused("elias-fano-high-bits-under", "exactly n high bits are set", ef.format("00 40 00 41"))
refused("elias-fano-high-bit-behind", "bits behind the last are zero", ef.format("00 40 00 c3"))
refused("elias-fano-high-bit-behind-counted", "bits behind the last are zero", ef.format("00 40 00 83"))
refused("elias-fano-low-bit-behind", "bits behind the last are zero: 5 and 8 are low 02, high 05", A + "12 02 05 03 08 82 05 01 02", 2)

# Counts: 2 offsets with 7 versions are 1 value to 5, l = 2; s = 2 is low 1, high bit 0
c = A + "18 02 05 07 08 {} 01 02 03 04 05 06 07"
refused("cumulative-exceeds", "values do not exceed `last`: 6 leaves the second offset none", c.format("02 02"), 7)
refused("cumulative-low-bit-behind", "bits behind the last are zero", c.format("81 01"), 7)
refused("cumulative-high-bit-behind", "bits behind the last are zero", c.format("01 05"), 7)
refused("cumulative-high-bits-over", "exactly n high bits are set", c.format("01 03"), 7)
refused("cumulative-high-bits-under", "exactly n high bits are set", c.format("01 00"), 7)
refused("cumulative-descends", "values never descend: 3, 2 gives the second offset none",
        A + "18 03 05 0a 08 0b 03 00 01 02 03 04 05 06 07 08 09", 10)  # fmt: skip
refused("cumulative-under-k", "N at least K", A + "18 03 05 02 08 03 01 02", 2)
refused("implied-under-k", "N at least K", A + "3c 03 05 02 00 04 09", 2)
refused("uniform-0", "c at least 2", A + B + "14 03 05 00 08 00 03 05 07", volumes=2)
refused("uniform-1", "c at least 2", A + "14 03 05 01 08 01 02 03")
refused("implied-fixed", "fixed width: counts are not implied", A + "1c 03 05 03 08 01 02 03")
refused("implied-deltas", "byte deltas: counts are not implied", A + "2c 03 05 03 03 01 02 03")
refused("implied-constant", "constant: counts are one", A + "0c 03 05 03 07")
refused("uniform-constant", "constant: counts are one", A + "04 03 05 02 07", 6)
refused("cumulative-constant", "constant: counts are one", A + "08 03 05 03 07 03")
refused("one-partitioned", "partitioned: counts are uniform or cumulative", A + "30 03 05 00 01 07")

# rLSNs
refused("fixed-width-0", "w from 1", A + "10 03 05 00")
refused("fixed-width-33", "w to 32", A + "10 01 05 21 01 00 00 00 00", 1)
refused("fixed-width-64", "w to 32", A + "10 01 05 40 01 00 00 00 00 00 00 00", 1)
refused("fixed-bit-behind", "bits behind the last are zero: 1, 2, 3 of 2 bits are 39", A + "10 03 05 02 79")
refused("fixed-cut", "the blocks end at index end", A + "10 03 05 10 01 00 02 00 03")
refused("fixed-equal", "the rLSNs of an offset strictly ascend", A + "14 01 05 02 08 03 03", 2)
refused("fixed-descends", "the rLSNs of an offset strictly ascend", A + "14 02 05 02 08 01 02 04 03", 4)
refused("fixed-descends-32", "the rLSNs of an offset strictly ascend", A + "14 01 05 02 20 ff ff ff ff 00 00 00 00", 2)
refused("fixed-cumulative-descends", "the rLSNs of an offset strictly ascend",
        A + "18 02 05 03 08 00 01 09 03 02", 3)  # fmt: skip
refused("deltas-long-way", "below 255 is not written the long way", A + "20 01 05 05 ff fe 00 00 00", 1)
refused("deltas-long-way-zero", "below 255 is not written the long way", A + "24 01 05 02 06 01 ff 00 00 00 00", 2)
refused("deltas-under", "the values fill the payload", A + "20 02 05 01 01", 2)
refused("deltas-escape-cut", "the values fill the payload", A + "20 01 05 03 ff 2c 01", 1)
refused("deltas-over", "the values fill the payload", A + "20 02 05 03 01 02 00", 2)
refused("deltas-past-index", "the blocks end at index end", A + "20 02 05 03 01 02", 2)
refused("deltas-past-the-end", "rLSNs to 2^32 - 1", A + "24 01 05 02 06 ff ff ff ff ff 00", 2)
refused("deltas-past-the-end-wrapped", "rLSNs to 2^32 - 1", A + "24 01 05 02 0a ff 00 00 00 80 ff 00 00 00 80", 2)
# Merged: 3 offsets, 5 versions, T = 10: 0, 9, 13, 20, 26 is low 14 02, high 29 05 (see `merged`)
m = A + "3c 03 05 05 09 {}"
refused("merged-largest-over", "rLSNs to 2^32 - 1", A + "3c 01 05 01 80 80 80 80 10 00 00 00 00 02", 1)
refused("merged-largest-wraps", "rLSNs to 2^32 - 1", A + "3c 03 05 05 89 80 80 80 10 14 02 29 05", 5)
refused("merged-ordinal-absent", "every ordinal occurs: 0, 9, 20, 26", A + "3c 03 05 04 09 84 89 02", 4)
refused("merged-last-ordinal-absent", "every ordinal occurs: 0, 9, 13, 14", A + "3c 03 05 04 09 94 69 00", 4)
refused("merged-first-ordinal-absent", "every ordinal occurs: 10, 19, 20, 29", A + "3c 03 05 04 09 72 24 05", 4)
refused("merged-largest-absent", "some version has the largest rLSN: 0, 8, 13, 20, 26", m.format("10 02 29 05"), 5)
refused("merged-equal", "the values strictly ascend: 0, 9, 13, 20, 20", m.format("14 00 29 03"), 5)
refused("merged-descends", "the values strictly ascend: 0, 9, 13, 21, 20", m.format("54 00 29 03"), 5)
refused("merged-exceeds", "values do not exceed `last`: 0, 9, 13, 20, 30", m.format("14 02 29 09"), 5)
refused("merged-low-bit-behind", "bits behind the last are zero", m.format("14 82 29 05"), 5)
refused("merged-high-bit-behind", "bits behind the last are zero", m.format("14 02 29 15"), 5)
refused("merged-high-bit-behind-counted", "bits behind the last are zero", m.format("14 02 29 11"), 5)
refused("merged-high-bits-over", "exactly n high bits are set", m.format("14 02 29 07"), 5)
refused("merged-high-bits-over-behind", "exactly n high bits are set", m.format("14 02 29 0d"), 5)
refused("merged-high-bits-under", "exactly n high bits are set", m.format("14 02 29 04"), 5)
refused("merged-no-room", "K * T at least N: 0, 1, 1", A + "3c 01 05 03 01 0d")
# Partitioned: 4 offsets, 1 + 10 + 3 + 2 versions, B = 4: low 0b 36 c7 1a, high db 61 (see `partitioned`)
p = A + "38 04 05 10 {} 34 19 {}"
refused("partitioned-largest-over", "rLSNs to 2^32 - 1: 0 and 2^32, B = 33",
        A + "34 01 05 02 80 80 80 80 10 09 00 00 00 00 fe ff ff ff 01", 2)  # fmt: skip
refused("partitioned-largest-wraps", "rLSNs to 2^32 - 1", p.format("8f 80 80 80 10 06", "0b 36 c7 1a db 61"), 16)
refused("partitioned-bytes-wrap", "the blocks end at index end", p.format("0f 86 80 80 80 10", "0b 36 c7 1a db 61"), 16)
refused("partitioned-last-over", "the last rLSN is at most the largest: 5 + 15 + 1", p.format("0f 06", "0b 36 c7 7a db 61"), 16)
refused("partitioned-last-wraps", "the last rLSN is at most the largest: 2^32 - 1 + 2^32 - 1 + 1",
        A + "34 01 05 02 ff ff ff ff 0f 08 ff ff ff ff ff ff ff ff", 2)  # fmt: skip
refused("partitioned-first-over", "the last rLSN is at most the largest: 15 alone, beside 12 and 13",
        A + "38 02 05 03 0d 02 00 01 cf 00", 3)  # fmt: skip
refused("partitioned-n-over-t", "the last rLSN is at most the largest: 0, 1, 2", A + "34 01 05 03 01 01 00")
refused("partitioned-bits-of-a-share", "m bits of a share are set: 9 of 8, 0 of 1", p.format("0f 06", "0b 36 c7 1a df 21"), 16)
refused("partitioned-low-cut", "the two strings fill the payload", p.format("0f 03", "0b 36 c7"), 16)
refused("partitioned-over", "the two strings fill the payload", p.format("0f 07", "0b 36 c7 1a db 61 00"), 16)
refused("partitioned-under", "the two strings fill the payload", p.format("0f 05", "0b 36 c7 1a db"), 16)
refused("partitioned-past-index", "the blocks end at index end", p.format("0f 06", "0b 36 c7 1a db"), 16)
# 2 offsets of 5 versions: low 60 03 00 1b 00, high 55 05 (see `partitioned-w3`)
p = A + "34 02 05 05 1f 07 {}"
refused("partitioned-share-over", "m bits of a share are set: 4 of 3, 2 of 3", p.format("60 03 00 1b 00 5d 01"), 10)
refused("partitioned-share-under", "m bits of a share are set: 2 of 3, 4 of 3", p.format("60 03 00 1b 00 c5 05"), 10)
refused("partitioned-high-bits-over", "m bits of a share are set", p.format("60 03 00 1b 00 57 05"), 10)
refused("partitioned-high-bits-over-behind", "m bits of a share are set", p.format("60 03 00 1b 00 75 05"), 10)
refused("partitioned-high-bits-under", "m bits of a share are set", p.format("60 03 00 1b 00 45 05"), 10)
refused("partitioned-low-bit-behind", "bits behind the last are zero", p.format("60 03 00 1b 40 55 05"), 10)
refused("partitioned-high-bit-behind", "bits behind the last are zero", p.format("60 03 00 1b 00 55 15"), 10)
refused("partitioned-high-bit-behind-counted", "bits behind the last are zero", p.format("60 03 00 1b 00 55 11"), 10)
refused("partitioned-value-over", "each value is below U: 30", p.format("60 03 06 1b 00 65 05"), 10)
refused("partitioned-equal", "the rLSNs of an offset strictly ascend: 0, 8, 8", p.format("60 03 00 1b 00 4d 05"), 10)
refused("partitioned-descends", "the rLSNs of an offset strictly ascend: 0, 9, 8", p.format("60 23 00 1b 00 4d 05"), 10)
refused("partitioned-largest-absent", "some offset's last is the largest: 1, 12, 13 of 14", A + "34 01 05 03 0e 03 a1 02 02")
refused("partitioned-largest-absent-full", "some offset's last is the largest: 0, 1 of 3", A + "34 01 05 02 03 01 00", 2)

# Page records, refused when they are read
r = "the record's checksum: "
head, records = whole[:88], [record(i, 512) for i in range(3)]
refused("record-page", r + "of the page's bytes", "", segment=head + b"\xa1" + whole[89:], records=[0])
refused("record-checksum", r + "of the page's bytes", "", segment=whole[:-1] + bytes([whole[-1] ^ 128]), records=[2])
refused("records-swapped", r + "of the page's place", "", segment=head + records[0] + records[2] + records[1], records=[1, 2])
stranger = records[1][:512] + struct.pack("<Q", xxh64(records[1][:512], xxh64(bytes(16), 1)))
refused("record-of-another-segment", r + "of the segment's id", "", segment=head + records[0] + stranger + records[2], records=[1])
