#!/usr/bin/env python3
"""A reader of Palimpsest segments, written from spec/segment.md alone: a second reading of the format, for tests and for
whoever has a segment and no Palimpsest. Python's standard library is all it needs. It decodes the whole head into plain
lists when it opens a segment, and refuses whatever the format says MUST be refused.

    reader.py verify FILE...   a line of JSON for each file; exit code 1 when a segment or a page of one is refused
    reader.py find FILE        reads lines `vid offset rlsn` (vid in hex), writes a local page number each, or -1
    reader.py batch FILE       heads only, many in one file: for each, u32 segment length, u32 n, then the segment's first n
                               bytes, which hold its head; writes a line of JSON for each, as verify does without pages

Versions are digested as SHA-256 over (vid, u32 offset, u32 rLSN, u32 local page number) of each in order, pages as SHA-256
over the u64 checksums of their records.
"""

import hashlib
import json
import struct
import sys
from bisect import bisect_left, bisect_right

MAGIC = bytes.fromhex("89505345470d0a1a")
MAX_SEGMENT_BYTES = 16 << 20
MAX_PAGES = 1 << 20
MAX_OFFSET = (1 << 32) - 2
MAX_RLSN = (1 << 32) - 1
OFFSETS = ("run", "bitmap", "elias-fano")
ONE, UNIFORM, CUMULATIVE, IMPLIED = range(4)
CONSTANT, FIXED, BYTE_DELTAS, ELIAS_FANO = range(4)


class Refused(Exception):
    """The bytes break a MUST of the format; the message says which."""


def must(condition, reason):
    if not condition:
        raise Refused(reason)


# XXH64 -----------------------------------------------------------------------------------------------------------------

M = (1 << 64) - 1
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def rotate(x, r):
    return (x << r | x >> 64 - r) & M


def mix(lane, word):
    lane = lane + word * P2 & M
    return (lane << 31 | lane >> 33) * P1 & M


def xxh64(data, seed=0):
    size = len(data)
    stripes = size // 32 * 32
    if stripes:
        a, b, c, d = seed + P1 + P2 & M, seed + P2 & M, seed, seed - P1 & M
        # mix, four times: most of the time of reading a store is spent here.
        for w, x, y, z in struct.iter_unpack("<4Q", data[:stripes]):
            a = a + w * P2 & M
            b = b + x * P2 & M
            c = c + y * P2 & M
            d = d + z * P2 & M
            a = (a << 31 | a >> 33) * P1 & M
            b = (b << 31 | b >> 33) * P1 & M
            c = (c << 31 | c >> 33) * P1 & M
            d = (d << 31 | d >> 33) * P1 & M
        h = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18) & M
        for lane in (a, b, c, d):
            h = (h ^ mix(0, lane)) * P1 + P4 & M
    else:
        h = seed + P5
    h = h + size & M
    at = stripes
    while at + 8 <= size:
        h = rotate(h ^ mix(0, int.from_bytes(data[at : at + 8], "little")), 27) * P1 + P4 & M
        at += 8
    if at + 4 <= size:
        h = rotate(h ^ int.from_bytes(data[at : at + 4], "little") * P1 & M, 23) * P2 + P3 & M
        at += 4
    for byte in data[at:]:
        h = rotate(h ^ byte * P5 & M, 11) * P1 & M
    h = (h ^ h >> 33) * P2 & M
    h = (h ^ h >> 29) * P3 & M
    return h ^ h >> 32


# Bytes and bits --------------------------------------------------------------------------------------------------------


class Cursor:
    """Reads the index front to back and never past its end."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        must(count <= len(self.data) - self.at, "the index ends within a block")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self):
        return self.take(1)[0]

    def varint(self):
        value = 0
        for position in range(8):
            byte = self.u8()
            value |= (byte & 0x7F) << 7 * position
            if byte < 0x80:
                must(byte or not position, "a varint is not in its shortest form")
                return value
        raise Refused("a varint exceeds 8 bytes")

    def bits(self, count):
        """A bit string of `count` bits, as bytes; what is behind the last bit is zero."""
        data = self.take((count + 7) // 8)
        must(not count % 8 or not data[-1] >> count % 8, "a bit behind the last of a bit stream is set")
        return data


def bits_at(data, position, width):
    """The value of `width` bits (0 to 32) that begins at bit `position`."""
    word = int.from_bytes(data[position >> 3 : position + width + 7 >> 3], "little")
    return word >> (position & 7) & (1 << width) - 1


def set_bits(data, count):
    """The positions of the bits that are set, of which there are exactly `count`: it looks no further than that."""
    positions = []
    for index, byte in enumerate(data):
        while byte:
            must(len(positions) < count, "too many bits are set")
            positions.append(8 * index + (byte & -byte).bit_length() - 1)
            byte &= byte - 1
    must(len(positions) == count, "too few bits are set")
    return positions


def low_width(n, limit):
    """The largest w with n * 2^w <= limit; 0 where there is none."""
    width = 0
    while n << width + 1 <= limit:
        width += 1
    return width


def elias_fano(cursor, n, last):
    """n values from 0 to `last` that never descend."""
    width = low_width(n, last + 1)
    low = cursor.bits(n * width)
    high = set_bits(cursor.bits(n + (last >> width)), n)
    values = [position - i << width | bits_at(low, i * width, width) for i, position in enumerate(high)]
    must(all(a <= b for a, b in zip(values, values[1:])), "an Elias-Fano sequence descends")
    must(values[-1] <= last, "an Elias-Fano value exceeds the last")
    return values


def ascends(values):
    return all(a < b for a, b in zip(values, values[1:]))


# The index -------------------------------------------------------------------------------------------------------------


class Block:
    """The versions of one volume. Offset i has the versions starts[i] to starts[i + 1]; rlsns[version] is one's rLSN."""

    def __init__(self, cursor, most_versions):
        tag = cursor.u8()
        offsets, counts, rlsns = tag & 3, tag >> 2 & 3, tag >> 4 & 3
        must(tag < 64, "the tag's bits 6 and 7 are not zero")
        must(offsets < 3, "the tag names no encoding of offsets")
        must(counts == ONE or rlsns != CONSTANT, "a constant rLSN with more than one version of an offset")
        must(counts != ONE or rlsns != ELIAS_FANO, "Elias-Fano rLSNs with one version of each offset")
        must(counts != IMPLIED or rlsns == ELIAS_FANO, "implied counts without merged rLSNs")

        k = cursor.varint()
        must(1 <= k <= MAX_PAGES, "the offset count is out of range")
        first = cursor.varint()
        span = k - 1 if offsets == 0 else cursor.varint()
        must(span >= k - 1, "the span has no room for the offsets")
        must(first + span <= MAX_OFFSET, "an offset is too large")
        parameter = 1 if counts == ONE else cursor.varint()
        must(counts != UNIFORM or parameter >= 2, "a uniform count below 2")
        n = parameter if counts in (CUMULATIVE, IMPLIED) else k * parameter
        must(k <= n, "fewer versions than offsets")
        must(n <= most_versions, "more versions than pages")
        parameter = cursor.u8() if rlsns == FIXED else cursor.varint()
        if rlsns == FIXED:
            must(1 <= parameter <= 32, "the width of rLSNs is out of range")
        elif rlsns != BYTE_DELTAS:
            must(parameter <= MAX_RLSN, "an rLSN is too large")
        payload_bytes = cursor.varint() if rlsns == ELIAS_FANO and counts != IMPLIED else parameter

        self.offsets = self.read_offsets(cursor, offsets, k, first, span)
        if counts == CUMULATIVE:
            shared = elias_fano(cursor, k - 1, n - k) if k > 1 else []
            self.starts = [0] + [value + i + 1 for i, value in enumerate(shared)] + [n]
        elif counts != IMPLIED:
            self.starts = range(0, n + 1, n // k)
        if rlsns == CONSTANT:
            self.rlsns = [parameter] * n
        elif rlsns == FIXED:
            stream = cursor.bits(parameter * n)
            self.rlsns = [bits_at(stream, i * parameter, parameter) for i in range(n)]
        elif rlsns == BYTE_DELTAS:
            self.rlsns = self.read_byte_deltas(Cursor(cursor.take(payload_bytes)))
        elif counts == IMPLIED:
            self.starts, self.rlsns = self.read_merged(cursor, k, n, parameter + 1)
        else:
            self.rlsns = self.read_partitioned(Cursor(cursor.take(payload_bytes)), parameter)
        for start, end in zip(self.starts, self.starts[1:]):
            must(end - start == 1 or ascends(self.rlsns[start:end]), "the rLSNs of an offset do not ascend")
        if rlsns == ELIAS_FANO:
            must(max(self.rlsns) == parameter, "the largest rLSN is not the one that the block says")
        self.offset_encoding = OFFSETS[offsets]
        self.rlsn_encoding = (
            "constant",
            f"fixed-{parameter}",
            "byte-deltas",
            "elias-fano" if counts == IMPLIED else "partitioned",
        )[rlsns]

    def read_offsets(self, cursor, encoding, k, first, span):
        if encoding == 0:
            return range(first, first + k)
        if encoding == 1:
            relative = set_bits(cursor.bits(span + 1), k)
        else:
            relative = elias_fano(cursor, k, span)
            must(ascends(relative), "the offsets do not ascend")
        must(relative[0] == 0 and relative[-1] == span, "the first offset or the last is not where the block says")
        return [first + value for value in relative]

    def read_byte_deltas(self, payload):
        rlsns = []
        for start, end in zip(self.starts, self.starts[1:]):
            rlsn = -1
            for version in range(start, end):
                value = payload.u8()
                if value == 255:
                    value = int.from_bytes(payload.take(4), "little")
                    must(value >= 255, "a byte delta is not in its shortest form")
                rlsn = value if version == start else rlsn + 1 + value
                must(rlsn <= MAX_RLSN, "an rLSN is too large")
                rlsns.append(rlsn)
        must(payload.at == len(payload.data), "the byte deltas do not fill their payload")
        return rlsns

    def read_merged(self, cursor, k, n, t):
        must(n <= k * t, "the merged rLSNs have no room")
        merged = elias_fano(cursor, n, k * t - 1)
        must(ascends(merged), "the merged rLSNs do not ascend")
        starts = [version for version in range(n) if version == 0 or merged[version] // t != merged[version - 1] // t]
        must(len(starts) == k, "an offset has no version")
        return starts + [n], [value % t for value in merged]

    def read_partitioned(self, payload, largest):
        end_width = max(1, largest.bit_length())
        low_at, high_bits, groups = 0, 0, []

        def low(width):
            nonlocal low_at
            must(low_at + width <= 8 * len(payload.data), "the partitioned rLSNs end within an offset's low bits")
            low_at += width
            return bits_at(payload.data, low_at - width, width)

        for start, end in zip(self.starts, self.starts[1:]):
            n = end - start
            first = low(end_width)
            missing = low(end_width) if n > 1 else 0
            must(first + missing + n - 1 <= largest, "an rLSN exceeds the largest")
            inner = n - 2 if n > 2 and missing else 0
            room = inner + missing
            width = low_width(inner, room) if inner else 0
            share = (inner + (room - 1 >> width) if width else room) if inner else 0
            groups.append((n, first, missing, width, share, [low(width) for _ in range(inner)]))
            high_bits += share
        payload.bits(low_at)
        high = set_bits(payload.bits(high_bits), sum(len(parts) for *_, parts in groups))
        must(payload.at == len(payload.data), "the partitioned rLSNs do not fill their payload")
        rlsns, share_at, taken = [], 0, 0
        for n, first, missing, width, share, parts in groups:
            values = range(n - 2)
            if parts:
                bits = [position - share_at for position in high[taken : taken + len(parts)]]
                must(bits[0] >= 0 and bits[-1] < share, "an offset's share of the high bits has too few or too many set")
                values = [bit - i << width | part for i, (bit, part) in enumerate(zip(bits, parts))] if width else bits
                must(values[-1] < len(parts) + missing, "an rLSN is not below its offset's last")
            rlsns += [first] + [first + 1 + value for value in values]
            if n > 1:
                rlsns.append(first + missing + n - 1)
            taken += len(parts)
            share_at += share
        return rlsns


class Segment:
    """An open segment: bytes that kept every MUST about the head. `length` is the file's, when `data` is only its beginning."""

    def __init__(self, data, length=None):
        self.data, length = data, len(data) if length is None else length
        must(len(data) >= 64, "shorter than a header")
        must(data[:8] == MAGIC, "the magic is wrong")
        (self.version, features, self.page_size, self.id, self.page_count, volume_count, index_length, self.body_offset,
         reserved, checksum) = struct.unpack_from("<HHI16sIIIIQQ", data, 8)  # fmt: skip
        must(self.version <= 1, f"format version {self.version} is unknown")
        must(features == 0, "a required feature is unknown")
        must(512 <= self.page_size <= 65536 and not self.page_size & self.page_size - 1, "the page size is no power of two from 512 to 65536")
        must(1 <= self.page_count <= MAX_PAGES, "the page count is out of range")
        must(1 <= volume_count <= self.page_count, "the volume count is out of range")
        must(self.body_offset == (64 + index_length + 7) // 8 * 8, "the body offset is not where the index ends")
        must(reserved == 0, "reserved bytes are not zero")
        must(length <= MAX_SEGMENT_BYTES, "longer than a segment may be")
        must(length == self.body_offset + self.page_count * (self.page_size + 8), "the length does not match the header")
        must(len(data) >= self.body_offset, "shorter than its head")
        must(checksum == xxh64(data[64 : self.body_offset], xxh64(data[:56])), "the head's checksum does not match")
        must(not any(data[64 + index_length : self.body_offset]), "the bytes between index and body are not zero")

        cursor = Cursor(data[64 : 64 + index_length])
        self.vids = [cursor.take(16) for _ in range(volume_count)]
        must(ascends(self.vids), "the volume ids do not ascend")
        self.blocks, self.ranks, pages = [], [], 0
        for _ in self.vids:
            block = Block(cursor, self.page_count - pages)
            self.ranks.append(pages)
            self.blocks.append(block)
            pages += len(block.rlsns)
        must(cursor.at == index_length, "the blocks end before the index does")
        must(pages == self.page_count, "fewer versions than pages")

    def find(self, vid, offset, rlsn):
        """The local page number of the version of (vid, offset) with the highest rLSN at or below `rlsn`, or -1."""
        volume = bisect_left(self.vids, vid)
        if volume == len(self.vids) or self.vids[volume] != vid:
            return -1
        block = self.blocks[volume]
        ordinal = bisect_left(block.offsets, offset)
        if ordinal == len(block.offsets) or block.offsets[ordinal] != offset:
            return -1
        start = block.starts[ordinal]
        after = bisect_right(block.rlsns, rlsn, start, block.starts[ordinal + 1])
        return self.ranks[volume] + after - 1 if after > start else -1

    def page(self, local):
        """The page's bytes, verified, and its checksum."""
        at = self.body_offset + local * (self.page_size + 8)
        page = self.data[at : at + self.page_size]
        checksum = int.from_bytes(self.data[at + self.page_size : at + self.page_size + 8], "little")
        must(checksum == xxh64(page, xxh64(self.id, local)), f"page {local}: the checksum does not match")
        return page, checksum

    def versions(self):
        """Every (vid, offset, rLSN), in the order of local page numbers."""
        for vid, block in zip(self.vids, self.blocks):
            for offset, start, end in zip(block.offsets, block.starts, block.starts[1:]):
                for rlsn in block.rlsns[start:end]:
                    yield vid, offset, rlsn

    def describe(self):
        digest = hashlib.sha256()
        for local, (vid, offset, rlsn) in enumerate(self.versions()):
            digest.update(struct.pack("<16sIII", vid, offset, rlsn, local))
        return {
            "accepted": True,
            "formatVersion": self.version,
            "id": self.id.hex(),
            "pageSizeBytes": self.page_size,
            "pageCount": self.page_count,
            "bodyOffset": self.body_offset,
            "volumes": [
                {
                    "vid": vid.hex(),
                    "offsetCount": len(block.offsets),
                    "pageCount": len(block.rlsns),
                    "offsetEncoding": block.offset_encoding,
                    "rlsnEncoding": block.rlsn_encoding,
                }
                for vid, block in zip(self.vids, self.blocks)
            ],
            "versions": digest.hexdigest(),
        }


def verify(data, length=None):
    """What `verify` prints, of a whole segment; of a head with a segment's `length`, the same without its pages."""
    try:
        segment = Segment(data, length)
        answer = segment.describe()
        if length is None:
            checksums, damaged = hashlib.sha256(), []
            for local in range(segment.page_count):
                try:
                    checksums.update(struct.pack("<Q", segment.page(local)[1]))
                except Refused:
                    damaged.append(local)
            answer |= {"pages": checksums.hexdigest(), "damagedPages": damaged}
        return answer
    except Refused as refused:
        return {"accepted": False, "reason": str(refused)}


def read_file(path):
    """A file's bytes, though never more than tell that it is too long for a segment."""
    with open(path, "rb") as file:
        return file.read(MAX_SEGMENT_BYTES + 1)


def main(arguments):
    command, paths = (arguments[0] if arguments else None), arguments[1:]
    if command == "verify" and paths:
        good = True
        for path in paths:
            answer = verify(read_file(path))
            good = good and answer["accepted"] and not answer["damagedPages"]
            print(json.dumps(answer))
        return 0 if good else 1
    if command == "find" and len(paths) == 1:
        segment = Segment(read_file(paths[0]))
        for line in sys.stdin:
            vid, offset, rlsn = line.split()
            print(segment.find(bytes.fromhex(vid), int(offset), int(rlsn)))
        return 0
    if command == "batch" and len(paths) == 1:
        with open(paths[0], "rb") as file:
            while header := file.read(8):
                length, count = struct.unpack("<II", header)
                print(json.dumps(verify(file.read(count), length)))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Refused as refused:
        sys.exit(f"refused: {refused}")
