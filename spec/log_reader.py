#!/usr/bin/env python3
"""A reader of the objects of Palimpsest's log, written from spec/log.md alone: a second reading of that format. It decodes one
object to plain values and refuses whatever the format says MUST be refused; what takes more than one object is checked by
store_reader.py, beside it.

    log_reader.py describe KEY FILE   a line of JSON with every field; exit code 1 when the object is refused
    log_reader.py batch FILE          many objects in one file: for each, u32 length of the key, u32 length of the object, then
                                      both; a line of JSON each, as by describe

A refused object has "class": "Corrupt", or "UnsupportedFormat" when a newer version may have written it. Ids are written as in
keys, other bytes in hex.
"""

import hashlib
import json
import re
import struct
import sys

MAGIC = bytes.fromhex("89504c4f470d0a1a")
KINDS = {1: "record", 2: "manifest", 3: "leaf", 4: "catalog", 5: "shared-list", 6: "stub"}
VERSIONS = (0, 1)
MAX_NUMBER = (1 << 53) - 1
MAX_COUNT = (1 << 32) - 1  # of pages: one more than the highest offset
NO_OFFSET = MAX_COUNT
MAX_SEGMENT_BYTES = 16 << 20
MAX_SEGMENT_PAGES = 1 << 20
MAX_META_BYTES = 4096
MAX_HEAD_BYTES = 4096
ATTACHED, RECORD, OBJECT, SHARED = "attached", "record", "object", "shared"
LOCATIONS = (ATTACHED, RECORD, OBJECT, SHARED)

ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ANY_CASE_ID = re.compile(ID, re.IGNORECASE)
KEYS = {
    "catalog": re.compile(r"c/(?P<number>[0-9]{16})"),
    "record": re.compile(rf"v/(?P<volume>{ID})/l/(?P<number>[0-9]{{16}})"),
    "manifest": re.compile(rf"v/(?P<volume>{ID})/m/(?P<number>[0-9]{{16}})"),
    "leaf": re.compile(rf"v/(?P<volume>{ID})/f/(?P<id>{ID})"),
    "shared-list": re.compile(rf"s/shared/(?P<group>{ID})/records"),
}
CATALOG_HEAD = "c/head"
MANIFEST_HEAD = re.compile(rf"v/(?P<volume>{ID})/m/head")


class Refused(Exception):
    """The bytes break a MUST of the format; the message says which."""

    kind = "Corrupt"


class Unsupported(Refused):
    """The bytes may be of a newer version."""

    kind = "UnsupportedFormat"


def must(condition, reason):
    if not condition:
        raise Refused(reason)


def id_text(data):
    h = data.hex()
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


def match_key(kind, key):
    """The parts of a key of `kind`, or None; its number is from 1 and safe."""
    found = KEYS[kind].fullmatch(key)
    parts = found and found.groupdict()
    if parts and "number" in parts:
        parts["number"] = int(parts["number"])
        if not 1 <= parts["number"] < MAX_NUMBER:
            return None
    return parts


class Cursor:
    """Reads a body front to back and never past its end, so that no count in it costs more than the bytes that are there."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        must(count <= len(self.data) - self.at, "the body ends within a field")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self):
        return self.take(1)[0]

    def varint(self, at_least=0, at_most=MAX_NUMBER, what="a number"):
        value = 0
        for position in range(8):
            byte = self.u8()
            value |= (byte & 0x7F) << 7 * position
            if byte < 0x80:
                must(byte or not position, "a varint is not in its shortest form")
                must(value <= MAX_NUMBER, "a varint exceeds 2^53 - 1")
                must(at_least <= value <= at_most, f"{what} is out of range: {value}")
                return value
        raise Refused("a varint exceeds 8 bytes")

    def zigzag(self):
        value = self.varint()
        return -(value + 1) // 2 if value & 1 else value // 2

    def flags(self, known):
        flags = self.u8()
        if flags & ~known:
            raise Unsupported(f"unknown flags {flags & ~known:#04x}")
        return flags

    def blob(self):
        return self.take(self.varint())

    def text(self):
        try:
            return self.blob().decode()
        except UnicodeDecodeError:
            raise Refused("a text is not UTF-8") from None

    def id(self):
        return id_text(self.take(16))

    def number(self, what, at_most=MAX_NUMBER - 1):
        """From 1, and by default one that has a next."""
        return self.varint(1, at_most, what)


class Volumes:
    """A table of volumes: the range's own has number 0, the others are named in the order of their numbers."""

    def __init__(self, cursor, own):
        self.vids = [own] + [cursor.id() for _ in range(cursor.varint())]
        must(len(set(self.vids)) == len(self.vids), "a volume is twice in the table")
        self.named = 0

    def read(self, cursor):
        number = cursor.varint(0, len(self.vids) - 1, "a vid number")
        must(number <= self.named + 1, "the table of volumes is not in the order of naming")
        self.named = max(self.named, number)
        return self.vids[number]

    def end(self):
        must(self.named == len(self.vids) - 1, "a volume of the table is never named")


# What records, leaves and tails have in common -------------------------------------------------------------------------


def read_reference(cursor, volumes, lsns, record=None, attached_at=None, image=False):
    """A reference with LSNs of `lsns`. In record `record`, the next attached segment begins at `attached_at`."""
    tag = cursor.u8()
    must(not tag & 0x3C, "a bit of a reference's tag has no meaning")
    must(bool(tag & 0x40) == image, "a SHA-256 is missing, or is in an image")
    location = {"in": LOCATIONS[tag & 3]}
    if location["in"] == ATTACHED:
        must(record is not None, "an attached segment, but not in a record")
        must(not tag & 0x80, "the head of an attached segment is in the record twice")
        location["position"] = attached_at
    elif location["in"] == RECORD:
        location["record"] = cursor.number("the record of an embedded segment", MAX_NUMBER - 1 if record is None else record - 1)
        location["position"] = cursor.varint()
    elif location["in"] == OBJECT:
        location |= {"vid": volumes.read(cursor), "record": cursor.number("the record of a segment")}
    else:
        location |= {"group": cursor.id()}
    reference = {
        "location": location,
        "segment": cursor.id(),
        "sha256": None if image else cursor.take(32).hex(),
        "vid": volumes.read(cursor),
        "baseLsn": cursor.varint(),
        "highestRlsn": cursor.varint(0, (1 << 32) - 1, "the highest rLSN"),
        "lengthBytes": cursor.varint(0, MAX_SEGMENT_BYTES, "the length of a segment"),
        "bodyOffset": cursor.varint(64, MAX_SEGMENT_BYTES, "the body offset"),
        "pageCount": cursor.varint(1, MAX_SEGMENT_PAGES, "the page count of a segment"),
    }
    must(reference["bodyOffset"] <= reference["lengthBytes"], "the body offset is beyond the segment")
    highest = reference["baseLsn"] + reference["highestRlsn"]
    must(reference["baseLsn"] in lsns and highest in lsns, "an LSN of a reference is out of range")
    reference["lowestOffset"] = cursor.varint(0, MAX_COUNT - 1, "the lowest offset")
    reference["highestOffset"] = reference["lowestOffset"] + cursor.varint()
    must(reference["highestOffset"] < MAX_COUNT, "the highest offset is out of range")
    must(not tag & 0x80 or reference["bodyOffset"] <= MAX_HEAD_BYTES, "a head is longer than 4096 bytes")
    reference["head"] = cursor.take(reference["bodyOffset"]).hex() if tag & 0x80 else None
    return reference


def read_drops(cursor, first_lsn, lsns):
    drops, before = [], 0
    for _ in range(cursor.varint()):
        lsn, start = first_lsn + cursor.varint(), cursor.varint()
        end = start + cursor.varint(1, MAX_COUNT, "the length of a drop")
        must(lsn in lsns, "a drop's LSN is out of range")
        must(lsn >= before, "the drops do not ascend")
        must(end <= MAX_COUNT, "a drop ends too far")
        drops.append({"lsn": lsn, "from": start, "to": end})
        before = lsn
    return drops


def read_range(cursor, own, record=None, attachments_at=None):
    first, count = cursor.number("the first LSN", MAX_NUMBER), cursor.varint()
    must(first + count <= MAX_NUMBER, "the last LSN is too large")
    times, page_counts, changed = [], [], []
    for i in range(count):
        times.append(cursor.varint() + (times[-1] if i else 0))
        must(times[-1] <= MAX_NUMBER, "a time is too large")
    for i in range(count):
        page_counts.append(cursor.zigzag() + page_counts[-1] if i else cursor.varint())
        must(0 <= page_counts[-1] <= MAX_COUNT, "a page count is out of range")
    for _ in range(count):
        changed.append(cursor.varint(0, MAX_COUNT, "the pages changed"))
    volumes, lsns, references = Volumes(cursor, own), range(first, first + count), []
    for _ in range(cursor.varint()):
        reference = read_reference(cursor, volumes, lsns, record, attachments_at)
        references.append(reference)
        if reference["location"]["in"] == ATTACHED:
            attachments_at += reference["lengthBytes"]
    volumes.end()
    return {
        "firstLsn": first,
        "times": times,
        "pageCounts": page_counts,
        "pagesChanged": changed,
        "references": references,
        "drops": read_drops(cursor, first, lsns),
    }


def read_image(cursor, own, first_lsn):
    """What a reader at LSN first_lsn - 1 sees."""
    must(first_lsn > 1, "an image at first LSN 1")
    volumes, lsns = Volumes(cursor, own), range(1, first_lsn)
    references = [read_reference(cursor, volumes, lsns, image=True) for _ in range(cursor.varint())]
    volumes.end()
    return {"references": references, "drops": read_drops(cursor, 1, lsns)}


def read_leaf_body(cursor, own, version):
    first, count, attempts = cursor.number("the first record", MAX_NUMBER), cursor.varint(), []
    must(first + count <= MAX_NUMBER, "the last record is too large")
    if version > 0:
        for _ in range(cursor.varint(0, count, "the attempt count")):
            attempts.append({"nonce": cursor.take(16).hex(), "lsnCount": cursor.varint()})
    run = read_range(cursor, own)
    lsns, known = len(run["times"]), sum(attempt["lsnCount"] for attempt in attempts)
    must(known == lsns if version > 0 and len(attempts) == count else known <= lsns, "the attempts do not have the LSNs")
    has_image = version > 0 and cursor.flags(1)
    return {
        "firstRecord": first,
        "recordCount": count,
        "attempts": attempts,
        **run,
        "image": read_image(cursor, own, run["firstLsn"]) if has_image else None,
    }


# Each kind of object ---------------------------------------------------------------------------------------------------


def read_meta(cursor):
    meta = cursor.blob()
    must(len(meta) <= MAX_META_BYTES, "meta is longer than 4096 bytes")
    return meta.hex()


def read_page_size(cursor):
    size = cursor.varint(512, 65536, "the page size")
    must(not size & size - 1, "the page size is no power of two")
    return size


def read_name(cursor):
    name = cursor.text()
    must(1 <= len(name.encode()) <= 255, "a name is empty or too long")
    must(not re.search("[\x00-\x1f\x7f-\x9f]", name), "a name has a control character")
    must(not ANY_CASE_ID.fullmatch(name), "a name is the characters of an id")
    return name


def read_record(cursor, parts, _, length):
    nonce, flags = cursor.take(16).hex(), cursor.flags(3)
    run = read_range(cursor, parts["volume"], parts["number"], 32 + len(cursor.data))
    meta = read_meta(cursor) if flags & 2 else None
    must(not flags & 1 or not run["times"], "a closing record with LSNs")
    attached = sum(r["lengthBytes"] for r in run["references"] if r["location"]["in"] == ATTACHED)
    must(32 + len(cursor.data) + attached == length, "the attached segments do not end where the record does")
    return {"nonce": nonce, "closing": bool(flags & 1), **run, "meta": meta}


def read_leaf_entry(cursor, version):
    entry = {
        "leaf": cursor.id(),
        "checksum": cursor.take(16).hex(),
        "lengthBytes": cursor.varint(),
        "recordCount": cursor.varint(),
        "lsnCount": cursor.varint(),
        "firstTime": cursor.varint(),
    }
    entry["lastTime"] = entry["firstTime"] + cursor.varint()
    must(entry["lastTime"] <= MAX_NUMBER, "a time is too large")
    entry["lowestOffset"] = cursor.varint(0, NO_OFFSET, "the lowest offset")
    entry["highestOffset"] = entry["lowestOffset"] + cursor.varint()
    must(entry["highestOffset"] <= NO_OFFSET, "the highest offset is out of range")
    if entry["lowestOffset"] == NO_OFFSET:
        entry["lowestOffset"] = entry["highestOffset"] = None
    else:
        must(entry["highestOffset"] < NO_OFFSET, "the highest offset is out of range")
    lowest_dropped = cursor.varint(0, NO_OFFSET, "the lowest dropped offset")
    entry["lowestDropped"] = None if lowest_dropped == NO_OFFSET else lowest_dropped
    entry["hasImage"] = bool(cursor.flags(1)) if version > 0 else False
    return entry


def read_manifest(cursor, parts, version, _):
    flags = cursor.flags(3)
    manifest = {
        "closed": bool(flags & 1),
        "pageSize": read_page_size(cursor) if version > 0 else None,
        "name": read_name(cursor) if version > 0 else None,
        "cutoff": cursor.varint(),
        "boundary": cursor.varint(),
        "lastTime": cursor.varint(),
        "pageCount": cursor.varint(0, MAX_COUNT, "the page count"),
        "meta": read_meta(cursor) if flags & 2 else None,
        "firstRecord": cursor.number("the first record", MAX_NUMBER) if version > 0 else 1,
        "firstLsn": cursor.number("the first LSN", MAX_NUMBER) if version > 0 else 1,
    }
    record, lsn, leaves = manifest["firstRecord"], manifest["firstLsn"], []
    for _ in range(cursor.varint()):
        leaf = read_leaf_entry(cursor, version)
        must(not leaf["hasImage"] or lsn > 1, "an image at first LSN 1")
        leaves.append(leaf)
        record, lsn = record + leaf["recordCount"], lsn + leaf["lsnCount"]
        must(record <= MAX_NUMBER and lsn <= MAX_NUMBER, "a record or LSN is too large")
    manifest["leaves"] = leaves
    tail = manifest["tail"] = read_leaf_body(cursor, parts["volume"], version)
    must((tail["firstRecord"], tail["firstLsn"]) == (record, lsn), "the tail does not follow the leaves")
    last_record, last_lsn = record + tail["recordCount"] - 1, lsn + len(tail["times"]) - 1
    first_lsn = manifest["firstLsn"]
    must(first_lsn <= manifest["cutoff"] <= max(first_lsn, last_lsn), "the cutoff is no LSN of the log")
    must(manifest["boundary"] <= last_record, "the boundary is beyond the last record")
    times = [leaf["lastTime"] for leaf in leaves if leaf["lsnCount"]] + tail["times"]
    if last_lsn == 0:
        must(manifest["lastTime"] == manifest["pageCount"] == 0, "a time or page count before the first LSN")
    elif times:
        must(manifest["lastTime"] == times[-1], "the time is not that of the last LSN")
    if tail["times"]:
        must(manifest["pageCount"] == tail["pageCounts"][-1], "the page count is not that of the last LSN")
    return manifest


def read_leaf(cursor, parts, version, _):
    return read_leaf_body(cursor, parts["volume"], version)


def read_catalog(cursor, parts, _, __):
    nonce, flags, operation = cursor.take(16).hex(), cursor.flags(1), cursor.u8()
    must(1 <= operation <= 3, "the operation is unknown")
    record = {
        "nonce": nonce,
        "operation": ("create", "rename", "drop")[operation - 1],
        "vid": cursor.id(),
        "time": cursor.varint(),
        "pageSize": read_page_size(cursor) if operation == 1 else None,
        "name": read_name(cursor) if operation < 3 else None,
        "state": None,
    }
    if flags & 1:
        state = record["state"] = []
        for _ in range(cursor.varint()):
            volume = {"vid": cursor.id(), "pageSize": read_page_size(cursor), "created": cursor.varint(), "name": read_name(cursor)}
            must(not state or state[-1]["vid"] < volume["vid"], "the volumes of the state do not ascend")
            state.append(volume)
        must(len({volume["name"] for volume in state}) == len(state), "two volumes have one name")
        of = [volume for volume in state if volume["vid"] == record["vid"]]
        must(bool(of) == (operation < 3), "the state is not that after the operation")
        must(operation == 3 or of[0]["name"] == record["name"], "the state has another name than the operation gives")
        must(operation != 1 or of[0]["pageSize"] == record["pageSize"], "the state has another page size")
        must(operation != 1 or of[0]["created"] == record["time"], "the state has another time of creation")
    return record


def read_shared_list(cursor, *_):
    records = [{"vid": cursor.id(), "record": cursor.number("a record")} for _ in range(cursor.varint())]
    return {"records": records}


def read_stub(cursor, parts, *_):
    generation = cursor.number("the generation")
    must(generation > parts["number"], "a stub's generation is not newer")
    return {"generation": generation}


READERS = {
    "record": read_record,
    "manifest": read_manifest,
    "leaf": read_leaf,
    "catalog": read_catalog,
    "shared-list": read_shared_list,
    "stub": read_stub,
}


def decode(key, data):
    """Every field of the object that was read from `key`; raises Refused."""
    must(len(data) >= 32 and data[:8] == MAGIC, "no object of the log: the magic is wrong")
    version, kind, features, length, checksum = struct.unpack_from("<HBBI16s", data, 8)
    must(length <= len(data) - 32, "the object ends within its body")
    body = data[32 : 32 + length]
    must(hashlib.sha256(data[:16] + body).digest()[:16] == checksum, "the checksum does not match")
    if version not in VERSIONS:
        raise Unsupported(f"format version {version} is unknown")
    if features:
        raise Unsupported(f"required features {features:#04x} are unknown")
    must(kind in KINDS and not (kind == 6 and version == 0), f"kind {kind} is unknown")
    kind = KINDS[kind]
    cursor = Cursor(body)
    own_key = cursor.text()
    parts = match_key("manifest" if kind == "stub" else kind, own_key)
    must(parts, f"an object of kind {kind} with key {own_key!r}")
    if key == CATALOG_HEAD:
        must(kind == "catalog", "a head of another sequence")
    elif head := MANIFEST_HEAD.fullmatch(key):
        must(kind == "manifest" and parts["volume"] == head["volume"], "a head of another sequence")
    else:
        must(own_key == key, f"this is object {own_key}")
    fields = READERS[kind](cursor, parts, version, len(data))
    must(cursor.at == length, "the body does not end with its last field")
    must(kind == "record" or len(data) == 32 + length, "bytes behind the body")
    must(key != CATALOG_HEAD or fields["state"] is not None, "a head without state")
    return {"kind": kind, "formatVersion": version, "key": own_key, **fields}


def describe(key, data):
    try:
        return {"accepted": True, **decode(key, data)}
    except Refused as refused:
        return {"accepted": False, "class": refused.kind, "reason": str(refused)}


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "describe":
        with open(arguments[2], "rb") as file:
            answer = describe(arguments[1], file.read())
        print(json.dumps(answer))
        return 0 if answer["accepted"] else 1
    if len(arguments) == 2 and arguments[0] == "batch":
        with open(arguments[1], "rb") as file:
            while header := file.read(8):
                key_length, length = struct.unpack("<II", header)
                print(json.dumps(describe(file.read(key_length).decode(), file.read(length))))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
