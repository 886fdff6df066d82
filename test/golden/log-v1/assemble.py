"""Assembles golden objects of the log, of format version 1 and some of version 0, from spec/log.md, without Palimpsest's code
and without its reader: the encoder below is a third reading of the format. Each object is given as what it says, and lands
beside this file with that as JSON; version 0 in ../log-v0; hostile ones in refused/, each with one violation and a right
checksum, beside the rule that it breaks and the class of the error.

Files were written on 2026-11-25, before version 1 was released. One that is there is never written again: running this says
whether it still is what is assembled here.
"""

import copy
import hashlib
import json
import os
import struct

here = os.path.dirname(os.path.abspath(__file__))
MAGIC = bytes.fromhex("89504c4f470d0a1a")
KINDS = {"record": 1, "manifest": 2, "leaf": 3, "catalog": 4, "shared-list": 5, "stub": 6}
LOCATIONS = {"attached": 0, "record": 1, "object": 2, "shared": 3}
V = "00112233-4455-6677-8899-aabbccddeeff"
PARENT = "ffeeddcc-bbaa-9988-7766-554433221100"
OTHER = "0f0f0f0f-0e0e-0d0d-0c0c-0b0b0b0b0b0b"
NONCE = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
GROUP = "01890a5d-ac96-774b-bcce-b302099a8057"
LEAF = "01890a5d-ac96-774b-bcce-b302099a8058"
BIG = 2**53 - 1
LAST_OFFSET = 2**32 - 2
T = 1_700_000_000_000


def number(key):
    return f"{key:016d}"


def record_key(k, vid=V):
    return f"v/{vid}/l/{number(k)}"


def manifest_key(g, vid=V):
    return f"v/{vid}/m/{number(g)}"


LEAF_KEY = f"v/{V}/f/{LEAF}"
LIST_KEY = f"s/shared/{GROUP}/records"

with open(os.path.join(here, "../v1/worked-example.seg"), "rb") as file:
    SEGMENT = file.read()  # of volume V, offsets 0, 1 and 5, rLSNs 0 to 3
SEGMENT_ID = "01234567-89ab-cdef-0123-456789abcdef"
HEAD = SEGMENT[: struct.unpack_from("<I", SEGMENT, 44)[0]]

# The encoder: it writes what it is told, right or wrong. A value that is bytes is written as it is. ------------------------


def varint(n):
    if isinstance(n, bytes):
        return n
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def zigzag(n):
    return varint(2 * n if n >= 0 else -2 * n - 1)


def blob(data):
    return varint(len(data)) + data


def text(value):
    return value if isinstance(value, bytes) else blob(value.encode())


def ident(value):
    return bytes.fromhex(value.replace("-", ""))


def reference(r, table, image):
    location, head = r["location"], r["head"]
    tag = LOCATIONS[location["in"]] | (0x40 if image else 0) | (0x80 if head is not None else 0)
    out = bytes([r.get("tag", tag)])
    if location["in"] == "record":
        out += varint(location["record"]) + varint(location["position"])
    elif location["in"] == "object":
        out += table(location["vid"]) + varint(location["record"])
    elif location["in"] == "shared":
        out += ident(location["group"])
    out += ident(r["segment"]) + bytes.fromhex(r["sha256"] or "") + table(r["vid"])
    for field in ("baseLsn", "highestRlsn", "lengthBytes", "bodyOffset", "pageCount", "lowestOffset"):
        out += varint(r[field])
    return out + varint(r.get("span", r["highestOffset"] - r["lowestOffset"])) + bytes.fromhex(head or "")


def contents(x, own, first_lsn, image=False):
    named = [own]

    def table(vid):
        if isinstance(vid, bytes):
            return vid
        if vid not in named:
            named.append(vid)
        return varint(named.index(vid))

    references = [reference(r, table, image) for r in x["references"]]
    vids = x.get("table", named[1:])
    out = varint(x.get("vidCount", len(vids))) + b"".join(map(ident, vids))
    out += varint(x.get("referenceCount", len(references))) + b"".join(references)
    out += varint(x.get("dropCount", len(x["drops"])))
    for drop in x["drops"]:
        out += varint(drop["lsn"] - first_lsn) + varint(drop["from"]) + varint(drop["to"] - drop["from"])
    return out


def lsn_range(x, own):
    out = varint(x["firstLsn"]) + varint(x.get("lsnCount", len(x["times"])))
    before = 0
    for time in x["times"]:
        out += time if isinstance(time, bytes) else varint(time - before)
        before = before if isinstance(time, bytes) else time
    for i, count in enumerate(x["pageCounts"]):
        out += zigzag(count - x["pageCounts"][i - 1]) if i else varint(count)
    out += b"".join(map(varint, x["pagesChanged"]))
    return out + contents(x, own, x["firstLsn"])


def leaf_body(x, version, own=V):
    out = varint(x["firstRecord"]) + varint(x["recordCount"])
    if version > 0:
        out += varint(x.get("attemptCount", len(x["attempts"])))
        out += b"".join(bytes.fromhex(a["nonce"]) + varint(a["lsnCount"]) for a in x["attempts"])
    out += lsn_range(x, own)
    if version > 0:
        out += bytes([x.get("flags", 1 if x["image"] else 0)])
    return out + (contents(x["image"], own, 1, image=True) if x["image"] else b"")


def body(x, version):
    kind = x["kind"]
    if kind == "record":
        flags = x.get("flags", (1 if x["closing"] else 0) | (2 if x["meta"] is not None else 0))
        out = bytes.fromhex(x["nonce"]) + bytes([flags]) + lsn_range(x, x["key"][2:38])
        return out + (blob(bytes.fromhex(x["meta"])) if x["meta"] is not None else b"")
    if kind == "leaf":
        return leaf_body(x, version)
    if kind == "manifest":
        out = bytes([x.get("flags", (1 if x["closed"] else 0) | (2 if x["meta"] is not None else 0))])
        out += varint(x["pageSize"]) + text(x["name"]) if version > 0 else b""
        out += b"".join(varint(x[field]) for field in ("cutoff", "boundary", "lastTime", "pageCount"))
        out += blob(bytes.fromhex(x["meta"])) if x["meta"] is not None else b""
        out += varint(x["firstRecord"]) + varint(x["firstLsn"]) if version > 0 else b""
        out += varint(x.get("leafCount", len(x["leaves"])))
        for e in x["leaves"]:
            lowest = 2**32 - 1 if e["lowestOffset"] is None else e["lowestOffset"]
            out += ident(e["leaf"]) + bytes.fromhex(e["checksum"])
            out += b"".join(varint(e[field]) for field in ("lengthBytes", "recordCount", "lsnCount", "firstTime"))
            out += varint(e["lastTime"] - e["firstTime"]) + varint(lowest)
            out += varint(e.get("span", 0 if e["highestOffset"] is None else e["highestOffset"] - lowest))
            out += varint(2**32 - 1 if e["lowestDropped"] is None else e["lowestDropped"])
            out += bytes([e.get("flags", 1 if e["hasImage"] else 0)]) if version > 0 else b""
        return out + leaf_body(x["tail"], version)
    if kind == "catalog":
        operation = ("create", "rename", "drop").index(x["operation"]) + 1
        flags = x.get("flags", 0 if x["state"] is None else 1)
        out = bytes.fromhex(x["nonce"]) + bytes([flags, x.get("code", operation)]) + ident(x["vid"]) + varint(x["time"])
        out += varint(x["pageSize"]) if operation == 1 else b""
        out += text(x["name"]) if operation < 3 else b""
        if x["state"] is not None:
            out += varint(x.get("stateCount", len(x["state"])))
            for v in x["state"]:
                out += ident(v["vid"]) + varint(v["pageSize"]) + varint(v["created"]) + text(v["name"])
        return out
    if kind == "shared-list":
        count = varint(x.get("count", len(x["records"])))
        return count + b"".join(ident(r["vid"]) + varint(r["record"]) for r in x["records"])
    return varint(x["generation"])


def envelope(x, fields, attached=b"", **other):
    """`other` overrides parts of the envelope."""
    whole = other.get("body", text(other.get("key", x["key"])) + fields)
    header = other.get("magic", MAGIC) + struct.pack(
        "<HBBI",
        other.get("version", x["formatVersion"]),
        other.get("kind", KINDS[x["kind"]]),
        other.get("features", 0),
        other.get("length", len(whole)),
    )
    checksum = other.get("checksum", hashlib.sha256(header + whole).digest()[:16])
    return header + checksum + whole + attached


# Writing files -----------------------------------------------------------------------------------------------------------


def put(name, content):
    path = os.path.join(here, name)
    try:
        with open(path, "xb") as file:
            file.write(content)
    except FileExistsError:
        with open(path, "rb") as file:
            assert file.read() == content, f"{name} is not what is assembled here"


def write(name, data, facts):
    put(name + ".obj", data)
    put(name + ".json", (json.dumps(facts, indent=1) + "\n").encode())


def golden(name, x, at=None, attached=b""):
    """An object that says `x`; `at` is where it is read, by default its own key."""
    encoded = body(x, x["formatVersion"])
    data = envelope(x, encoded, attached)
    position = len(data) - len(attached)
    for r in x.get("references", []):
        if r["location"]["in"] == "attached":
            r["location"]["position"] = position
            position += r["lengthBytes"]
    folder = "" if x["formatVersion"] else "../log-v0"
    write(os.path.join(folder, name), data, {"at": at or x["key"], "says": x})


# Parts ---------------------------------------------------------------------------------------------------------------------


def attached_reference(**other):
    return {
        "location": {"in": "attached", "position": None},
        "segment": SEGMENT_ID,
        "sha256": hashlib.sha256(SEGMENT).hexdigest(),
        "vid": V,
        "baseLsn": 1,
        "highestRlsn": 3,
        "lengthBytes": len(SEGMENT),
        "bodyOffset": len(HEAD),
        "pageCount": 4,
        "lowestOffset": 0,
        "highestOffset": 5,
        "head": None,
    } | other


def in_object(k, of=V, **other):
    return attached_reference(location={"in": "object", "vid": of, "record": k}, **other)


def in_record(k, position, **other):
    return attached_reference(location={"in": "record", "record": k, "position": position}, **other)


def shared(**other):
    return attached_reference(location={"in": "shared", "group": GROUP}, **other)


def run(first, times, page_counts, changed, references=(), drops=()):
    return {
        "firstLsn": first,
        "times": times,
        "pageCounts": page_counts,
        "pagesChanged": changed,
        "references": list(references),
        "drops": [dict(zip(("lsn", "from", "to"), drop)) for drop in drops],
    }


def record(k, of, version=1, vid=V, **other):
    start = {"kind": "record", "formatVersion": version, "key": record_key(k, vid), "nonce": NONCE, "closing": False}
    return start | of | {"meta": None} | other


def attempts(*lsn_counts):
    return [{"nonce": f"{i:02x}" * 16, "lsnCount": count} for i, count in enumerate(lsn_counts, 1)]


def run_of_records(first, count, known, of, image=None):
    return {"firstRecord": first, "recordCount": count, "attempts": known, **of, "image": image}


def leaf(of, version=1, **other):
    return {"kind": "leaf", "formatVersion": version, "key": LEAF_KEY} | of | other


def entry(**other):
    return {
        "leaf": LEAF,
        "checksum": "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf",
        "lengthBytes": 70_000,
        "recordCount": 300,
        "lsnCount": 1024,
        "firstTime": T,
        "lastTime": T + 5000,
        "lowestOffset": 0,
        "highestOffset": 800,
        "lowestDropped": None,
        "hasImage": False,
    } | other


def manifest(g, tail, version=1, **other):
    return {
        "kind": "manifest",
        "formatVersion": version,
        "key": manifest_key(g),
        "closed": False,
        "pageSize": 512 if version else None,
        "name": "app" if version else None,
        "cutoff": 1,
        "boundary": 0,
        "lastTime": tail["times"][-1] if tail["times"] else 0,
        "pageCount": tail["pageCounts"][-1] if tail["times"] else 0,
        "meta": None,
        "firstRecord": 1,
        "firstLsn": 1,
        "leaves": [],
        "tail": tail,
    } | other


def catalog(n, operation, version=1, **other):
    return {
        "kind": "catalog",
        "formatVersion": version,
        "key": f"c/{number(n)}",
        "nonce": NONCE,
        "operation": operation,
        "vid": V,
        "time": T,
        "pageSize": 512 if operation == "create" else None,
        "name": None if operation == "drop" else "app",
        "state": None,
    } | other


def volume(vid, name, page_size=4096, created=T - 1000):
    return {"vid": vid, "pageSize": page_size, "created": created, "name": name}


def shared_list(*records, version=1):
    records = [{"vid": vid, "record": k} for vid, k in records]
    return {"kind": "shared-list", "formatVersion": version, "key": LIST_KEY, "records": records}


def stub(g, generation):
    return {"kind": "stub", "formatVersion": 1, "key": manifest_key(g), "generation": generation}


FOUR = run(1, [T, T, T + 3, T + 60_000], [2, 2, 1, 6], [1, 1, 1, 1])
EMPTY = run_of_records(1, 0, [], run(1, [], [], []))


def four(*references, drops=()):
    return copy.deepcopy(FOUR) | {"references": list(references), "drops": run(0, [], [], [], (), drops)["drops"]}


DROPS = [(3, 1, 2**32 - 1), (3, 0, 1), (4, LAST_OFFSET, 2**32 - 1)]
IMAGE = {
    "references": [
        in_record(7, 166, sha256=None, baseLsn=1),
        in_object(9, sha256=None, baseLsn=96, head=HEAD.hex()),
        shared(sha256=None, vid=OTHER, baseLsn=50),
    ],
    "drops": [{"lsn": 1, "from": 3, "to": 4}, {"lsn": 99, "from": 6, "to": 2**32 - 1}],
}
LATER = run(100, [T, T + 1], [6, 7], [0, 4], [shared(baseLsn=100, highestRlsn=1, head=HEAD.hex())], [(101, 2, 3)])

# Records -------------------------------------------------------------------------------------------------------------------

golden("record", record(1, four(attached_reference())), attached=SEGMENT)
golden("record-meta", record(1, four(attached_reference()), meta=b"\0wal 12".hex()), attached=SEGMENT)
golden("record-meta-empty", record(1, four(attached_reference()), meta=""), attached=SEGMENT)
golden("record-meta-longest", record(1, four(attached_reference()), meta="5a" * 4096), attached=SEGMENT)
golden("record-one-lsn", record(3, run(12, [T], [1], [0])))
golden("record-drops", record(1, four(attached_reference(), drops=DROPS)), attached=SEGMENT)
golden("record-two-attached", record(1, four(attached_reference(), attached_reference(segment=GROUP))), attached=SEGMENT * 2)
golden("record-object", record(9, four(in_object(9, head=HEAD.hex()), in_object(9, bodyOffset=5000, lengthBytes=9000))))
golden("record-earlier-record", record(9, four(in_record(8, 166, head=HEAD.hex()), in_record(1, BIG))))
golden("record-shared", record(9, four(shared(), shared(head=HEAD.hex()))))
golden("record-head-longest", record(9, four(shared(bodyOffset=4096, lengthBytes=6176, head="7e" * 4096))))
golden(
    "record-foreign-volumes",
    record(9, four(in_object(4, PARENT, vid=OTHER), shared(vid=V), in_object(5, OTHER, vid=PARENT), shared(vid=PARENT))),
)
golden("record-attached-among-others", record(9, four(shared(), attached_reference(), in_object(9))), attached=SEGMENT)
golden("record-attached-other-volume", record(1, four(attached_reference()), vid=OTHER), attached=SEGMENT)
golden("record-fence", record(5, run(31, [], [], [])))
golden("record-fence-meta", record(5, run(31, [], [], []), meta="00"))
golden("record-closing", record(6, run(31, [], [], []), closing=True))
golden("record-closing-meta", record(6, run(31, [], [], []), closing=True, meta="ff"))
golden(
    "record-at-the-limits",
    record(
        2**53 - 2,
        run(2**53 - 3, [BIG - 1, BIG], [2**32 - 1, 0], [2**32 - 1, 0])
        | {
            "references": [
                in_object(BIG - 1, baseLsn=2**53 - 3, highestRlsn=1, lengthBytes=16 << 20, bodyOffset=16 << 20, pageCount=2**20)
                | {"lowestOffset": LAST_OFFSET, "highestOffset": LAST_OFFSET},
                in_record(2**53 - 3, BIG, baseLsn=2**53 - 2, highestRlsn=0, lengthBytes=64, bodyOffset=64, pageCount=1)
                | {"lowestOffset": 0, "highestOffset": LAST_OFFSET},
            ],
            "drops": [{"lsn": 2**53 - 2, "from": 0, "to": 2**32 - 1}],
        },
    ),
)
golden(
    "record-longest-rlsn",
    record(2, run(1, [T] * 3, [1] * 3, [1] * 3) | {"references": [in_object(2, baseLsn=3, highestRlsn=0)]}),
)

# Catalog records -----------------------------------------------------------------------------------------------------------

STATE = [volume(OTHER, "other", 65536, 0), volume(PARENT, "no\N{NO-BREAK SPACE}control \N{GRINNING FACE}", 4096)]
golden("catalog-create", catalog(2, "create"))
golden("catalog-create-state", catalog(1, "create", state=[volume(V, "app", 512, T)]))
golden("catalog-rename", catalog(3, "rename", name="\N{ZERO WIDTH NO-BREAK SPACE}old"))
golden("catalog-rename-state", catalog(33, "rename", name="x", state=[volume(V, "x", 512, T + 9), *STATE]))
golden("catalog-drop", catalog(4, "drop"))
golden("catalog-drop-state", catalog(17, "drop", state=STATE))
golden("catalog-drop-last-state", catalog(17, "drop", state=[]))
golden("catalog-state-at-other-number", catalog(18, "drop", state=STATE))
golden("catalog-name-longest", catalog(2, "create", name="\N{GRINNING FACE}" * 63 + "abc", time=BIG, pageSize=65536))
golden("catalog-head", catalog(17, "drop", state=STATE), at="c/head")

# Leaves --------------------------------------------------------------------------------------------------------------------

golden("leaf", leaf(run_of_records(1, 3, attempts(1, 0, 3), four(in_record(1, 166, head=HEAD.hex()), drops=DROPS))))
golden("leaf-fewer-attempts", leaf(run_of_records(1, 30, attempts(1, 2), four(in_record(1, 166, head=HEAD.hex())))))
golden("leaf-fewer-attempts-all-lsns", leaf(run_of_records(1, 3, attempts(3, 1), four())))
golden("leaf-no-attempts", leaf(run_of_records(1, 3, [], four(shared(head=HEAD.hex())))))
golden("leaf-image", leaf(run_of_records(40, 2, attempts(1, 1), LATER, IMAGE)))
golden("leaf-image-empty", leaf(run_of_records(40, 2, attempts(1, 1), LATER, {"references": [], "drops": []})))
golden("leaf-image-fewer-attempts", leaf(run_of_records(40, 5, attempts(1), LATER, IMAGE)))
golden("leaf-fences-alone", leaf(run_of_records(7, 2, attempts(0, 0), run(31, [], [], []))))
golden("leaf-fences-image", leaf(run_of_records(7, 2, attempts(0, 0), run(100, [], [], []), IMAGE)))
golden("leaf-no-records", leaf(run_of_records(7, 0, [], run(31, [], [], []))))
golden("leaf-at-the-limits", leaf(run_of_records(2**53 - 2, 1, attempts(0), run(BIG, [], [], []))))

# Manifests -----------------------------------------------------------------------------------------------------------------

TAIL = run_of_records(1, 3, attempts(1, 0, 3), four(in_record(1, 166, head=HEAD.hex()), drops=DROPS))
LEAVES = [
    entry(leaf=LEAF, recordCount=4, lsnCount=9),
    entry(leaf=GROUP, recordCount=3, lsnCount=0, firstTime=0, lastTime=0, lowestOffset=None, highestOffset=None, hasImage=True),
    entry(leaf=OTHER, recordCount=10, lsnCount=90, lowestOffset=3, highestOffset=LAST_OFFSET, lowestDropped=3, hasImage=True),
    entry(leaf=PARENT, recordCount=1, lsnCount=1, firstTime=T + 6000, lastTime=T + 6000, lowestDropped=0),
]
AFTER_LEAVES = run_of_records(
    19, 2, attempts(0, 2), run(101, [T + 7000, T + 7001], [900, 801], [1, 1], [shared(baseLsn=101, highestRlsn=1)]), IMAGE
)
golden("manifest-empty", manifest(1, EMPTY))
golden("manifest-no-leaves", manifest(1, TAIL))
golden("manifest-leaves", manifest(12, AFTER_LEAVES, leaves=LEAVES, boundary=20, cutoff=50, meta="01"))
golden("manifest-closed", manifest(2, TAIL, closed=True, boundary=3, cutoff=4))
golden("manifest-meta", manifest(2, TAIL, meta="5a" * 4096, pageSize=65536, name="\N{GRINNING FACE}"))
golden("manifest-closed-meta", manifest(2, TAIL, closed=True, meta=""))
golden(
    "manifest-later-first-record",
    manifest(5, run_of_records(40, 2, attempts(1, 1), LATER, IMAGE), firstRecord=40, firstLsn=100, cutoff=100, boundary=39),
)
golden(
    "manifest-later-first-leaf",
    manifest(
        5, AFTER_LEAVES, firstRecord=18, firstLsn=100, cutoff=102, boundary=17, leaves=[LEAVES[3] | {"hasImage": True}]
    ),
)
golden(
    "manifest-tail-without-lsns",
    manifest(5, run_of_records(18, 0, [], run(101, [], [], [])), leaves=LEAVES[1:], pageCount=7, lastTime=T + 6000)
    | {"firstRecord": 4, "firstLsn": 10, "cutoff": 10},
)
golden(
    "manifest-later-nothing",
    manifest(5, run_of_records(9, 1, [], run(77, [], [], [])), firstRecord=9, firstLsn=77, cutoff=77, lastTime=T, pageCount=3),
)
golden("manifest-tail-fewer-attempts", manifest(2, run_of_records(1, 4, attempts(2), four())))
golden("manifest-head", manifest(12, AFTER_LEAVES, leaves=LEAVES, boundary=20), at=f"v/{V}/m/head")
golden("manifest-head-further", manifest(1, TAIL), at=f"v/{V}/m/head")
golden(
    "manifest-at-the-limits",
    manifest(2**53 - 2, run_of_records(BIG, 0, [], run(BIG, [], [], [])), firstRecord=BIG, firstLsn=BIG, cutoff=BIG)
    | {"boundary": 2**53 - 2, "lastTime": BIG, "pageCount": 2**32 - 1},
)
golden("stub", stub(3, 4))
golden("stub-far", stub(1, BIG - 1))
golden("shared-list", shared_list((V, 4), (OTHER, 1), (V, BIG - 1)))
golden("shared-list-empty", shared_list())

# Version 0 -----------------------------------------------------------------------------------------------------------------

golden("record", record(1, four(attached_reference(), drops=DROPS), 0, meta="01"), attached=SEGMENT)
golden("record-closing", record(6, run(31, [], [], []), 0, closing=True))
golden("catalog-create-state", catalog(1, "create", 0, state=[volume(V, "app", 512, T)]))
golden("leaf", leaf(run_of_records(1, 3, [], four(in_record(1, 166, head=HEAD.hex()), drops=DROPS)), 0))
golden("leaf-later", leaf(run_of_records(40, 2, [], LATER), 0))
golden("manifest-empty", manifest(1, EMPTY, 0))
golden("manifest-no-leaves", manifest(1, run_of_records(1, 3, [], four(in_record(1, 166), drops=DROPS)), 0, meta="01"))
golden(
    "manifest-leaves",
    manifest(
        3,
        run_of_records(5, 1, [], run(10, [T + 7000], [900], [1])),
        0,
        leaves=[LEAVES[0], LEAVES[1] | {"recordCount": 0, "hasImage": False}],
        cutoff=2,
        boundary=5,
        closed=True,
    ),
)
golden("shared-list", shared_list((V, 4), (OTHER, 1), version=0))

# Objects that are refused ----------------------------------------------------------------------------------------------------

GOOD = {
    "record": record(9, four(in_object(9), in_object(4, PARENT, vid=OTHER), drops=DROPS), meta="01"),
    "attached": record(9, four(attached_reference())),
    "fence": record(9, run(31, [], [], [])),
    "catalog": catalog(17, "create", state=[volume(V, "app", 512, T), *STATE]),
    "rename": catalog(17, "rename", state=[volume(V, "app", 512, T - 1), *STATE]),
    "drop": catalog(17, "drop", state=STATE),
    "leaf": leaf(run_of_records(40, 2, attempts(1, 1), LATER, IMAGE)),
    "first-leaf": leaf(TAIL),
    "manifest": manifest(12, AFTER_LEAVES, leaves=LEAVES, boundary=20, cutoff=50, meta="01"),
    "root": manifest(1, TAIL),
    "empty": manifest(1, EMPTY),
    "stub": stub(3, 4),
    "shared-list": shared_list((V, 4), (OTHER, 1)),
}


def changed(of, changes):
    """A copy of an object with values at paths (`tail.times.0`) replaced."""
    x = copy.deepcopy(GOOD[of])
    for path, value in changes.items():
        *way, last = path.split(".")
        at = x
        for step in way:
            at = at[int(step)] if isinstance(at, list) else at[step]
        at[int(last) if isinstance(at, list) else last] = value
    return x


def refused(name, must, of, changes=None, kind="Corrupt", at=None, attached=b"", data=None, tail=b"", **other):
    x = changed(of, changes or {})
    if data is None:
        data = envelope(x, body(x, x["formatVersion"]) + tail, attached, **other)
    write(os.path.join("refused", name), data, {"at": at or x["key"], "must": must, "class": kind})


def whole(of, attached=b"", **other):
    return envelope(GOOD[of], body(GOOD[of], 1), attached, **other)


NEW = "UnsupportedFormat"

for name, of in (("record", "record"), ("manifest", "manifest"), ("leaf", "leaf"), ("catalog", "catalog"), ("list", "shared-list"), ("stub", "stub")):
    refused(f"{name}-version-2", "a version that is not known is unsupported", of, kind=NEW, version=2)
    refused(f"{name}-feature", "a required feature that is not known is unsupported", of, kind=NEW, features=1)
    refused(f"{name}-body-goes-on", "the fields end with the body", of, tail=b"\0")
    refused(f"{name}-body-cut", "the fields end with the body", of, data=envelope(GOOD[of], body(GOOD[of], 1)[:-1]))
    refused(f"{name}-bytes-behind", "attachments are in records alone, to the end", of, attached=b"\0")
    elsewhere = GOOD[of]["key"][:-1] + "6" if name != "list" else f"s/shared/{LEAF}/records"
    refused(f"{name}-elsewhere", "the key is the one that the object was read from", of, at=elsewhere)
refused("version-256", "a version that is not known is unsupported", "record", kind=NEW, version=256)
refused("feature-7", "a required feature that is not known is unsupported", "manifest", kind=NEW, features=0x80)
refused("version-2-other-kind", "a version that is not known is unsupported, whatever else", "record", kind=NEW, version=2, features=2)
refused("version-2-damaged", "the checksum is checked first", "record", version=2, checksum=bytes(16))
refused("feature-damaged", "the checksum is checked first", "leaf", features=1, checksum=bytes(16))
refused("magic", "magic", "record", magic=MAGIC[:7] + b"\x1b")
refused("magic-of-a-segment", "magic", "record", magic=bytes.fromhex("89505345470d0a1a"))
refused("html", "magic", "record", data=b"<!DOCTYPE html><title>404</title><p>This is no record at all.")
refused("nothing", "an envelope has 32 bytes", "record", data=b"")
refused("header-cut", "an envelope has 32 bytes", "record", data=whole("record")[:31])
refused("header-only", "the body is there", "record", data=whole("record")[:32])
refused("body-cut", "the body is there", "record", data=whole("record")[:-1])
refused("body-length-longest", "the body is there", "record", length=2**32 - 1)
refused("body-empty", "the key is in the body", "record", body=b"")
refused("checksum", "checksum", "record", checksum=bytes(16))
refused("checksum-last-bit", "checksum", "record", data=whole("record")[:31] + bytes([whole("record")[31] ^ 1]) + whole("record")[32:])
for code in (0, 7, 255):
    x = GOOD["record"]
    refused(f"kind-{code}", "an unknown kind is damage", "record", data=envelope(x, body(x, 1), kind=code))
x = GOOD["leaf"]
refused("kind-of-another-key", "the kind is that of the key", "leaf", data=envelope(x, body(x, 1), kind=1))
refused("manifest-at-a-record", "the kind is that of the key", "root", at=record_key(1), key=record_key(1))
refused("stub-at-a-record", "the kind is that of the key", "stub", at=record_key(3), key=record_key(3))
x = GOOD["stub"]
refused("stub-version-0", "kind 6 is of version 1 alone", "stub", data=envelope(x, body(x, 0), version=0))
refused("key-cut", "a text ends within the body", "record", body=varint(200) + b"v/")
refused("key-length-longest", "a text ends within the body", "record", body=varint(BIG) + b"v/")
refused("key-not-utf-8", "a text is UTF-8", "record", key=b"\x3a" + b"\xff" * 58)

# Heads
refused("catalog-head-no-state", "c/head carries the state", "drop", {"state": None}, at="c/head")
refused("catalog-head-of-a-manifest", "a head is of its sequence", "root", at="c/head")
refused("catalog-head-key-0", "numbers in keys are from 1", "drop", {"key": f"c/{number(0)}"}, at="c/head")
refused("catalog-head-key-too-large", "numbers in keys are at most 2^53 - 2", "drop", {"key": f"c/{number(BIG)}"}, at="c/head")
refused("catalog-head-key-short", "numbers in keys have 16 digits", "drop", {"key": "c/17"}, at="c/head")
refused("manifest-head-of-another-volume", "a head is of its sequence", "root", at=f"v/{OTHER}/m/head")
refused("manifest-head-of-a-record", "a head is of its sequence", "root", at=f"v/{V}/m/head", key=record_key(1))
refused("manifest-head-of-a-head", "a head's key is that of a generation", "root", at=f"v/{V}/m/head", key=f"v/{V}/m/head")
refused("manifest-head-key-in-capitals", "ids in keys are lower-case", "root", at=f"v/{V}/m/head", key=manifest_key(1, V.upper()))
refused("manifest-head-key-too-large", "numbers in keys are at most 2^53 - 2", "root", at=f"v/{V}/m/head", key=manifest_key(BIG))
refused("manifest-head-of-a-stub", "the head of a volume is a manifest", "stub", at=f"v/{V}/m/head")

# Varints
refused("varint-long-form", "a varint is in its shortest form", "fence", {"firstLsn": b"\x9f\x00"})
refused("varint-zero-long-form", "a varint is in its shortest form", "stub", {"generation": b"\x84\x80\x00"})
refused("varint-2-53", "a varint is at most 2^53 - 1", "stub", {"generation": 2**53})
refused("varint-2-56", "a varint is at most 2^53 - 1", "stub", {"generation": 2**56})
refused("varint-2-64", "a varint is at most 2^53 - 1", "stub", {"generation": 2**64 + 9})
refused("varint-never-ends", "the fields end with the body", "stub", {"generation": b"\x80"})

# Ranges
refused("first-lsn-0", "the first LSN is at least 1", "fence", {"firstLsn": 0})
refused("lsn-too-large", "an LSN is at most 2^53 - 2", "fence", {"firstLsn": BIG, "times": [T], "pageCounts": [0], "pagesChanged": [0]})
refused("lsn-count-2-50", "the fields end with the body", "fence", {"lsnCount": 2**50})
refused("lsn-count-over", "the fields end with the body", "record", {"lsnCount": 5})
refused("time-too-large", "a time is at most 2^53 - 1", "record", {"times.1": varint(BIG)})
refused("page-count-too-large", "a page count is at most 2^32 - 1", "record", {"pageCounts.3": 2**32})
refused("page-count-first-too-large", "a page count is at most 2^32 - 1", "record", {"pageCounts": [2**32, 0, 0, 0]})
refused("page-count-negative", "a page count is at least 0", "record", {"pageCounts.3": -1})
refused("pages-changed-too-large", "pages changed are at most 2^32 - 1", "record", {"pagesChanged.0": 2**32})
refused("vid-count-2-50", "the fields end with the body", "record", {"vidCount": 2**50})
refused("vid-own", "the table holds other volumes", "record", {"table": [V, OTHER]})
refused("vid-twice", "the table holds a volume once", "record", {"table": [PARENT, PARENT]})
ONE = {"references": [in_object(4, PARENT)], "drops": [], "meta": None}
refused("vid-twice-named-once", "the table holds a volume once", "record", ONE | {"table": [PARENT, PARENT]})
refused("vid-own-and-not-named", "the table holds other volumes", "record", ONE | {"references": [in_object(9)], "table": [V]})
refused("vid-never-named", "the table holds the volumes that are named", "record", {"table": [PARENT, OTHER, GROUP]})
refused("vid-named-out-of-order", "the table is in the order of naming", "record", {"references.1.location.vid": b"\2", "references.1.vid": b"\1", "table": [PARENT, OTHER]})
refused("vid-number-beyond", "a vid number is in the table", "record", {"references.1.vid": b"\3", "table": [PARENT, OTHER]})
refused("vid-number-2-50", "a vid number is in the table", "record", {"references.1.vid": varint(2**50), "table": [PARENT, OTHER]})
refused("reference-count-2-50", "the fields end with the body", "record", {"referenceCount": 2**50})
refused("reference-count-under", "the fields end with the body", "record", {"referenceCount": 1})
refused("drop-count-2-50", "the fields end with the body", "record", {"dropCount": 2**50})

# References
for bit in (2, 3, 4, 5):
    refused(f"tag-bit-{bit}", "other bits of a tag are zero", "record", {"references.0.tag": 2 | 1 << bit})
refused("no-sha-in-a-record", "tag bit 6 is of images alone", "record", {"references.0.tag": 2 | 0x40})
refused("no-sha-in-a-record-and-none", "tag bit 6 is of images alone", "record", {"references.0.tag": 2 | 0x40, "references.0.sha256": None})
refused("sha-in-an-image", "tag bit 6 is always in images", "leaf", {"image.references.0.tag": 1, "image.references.0.sha256": "00" * 32})
refused("attached-in-a-leaf", "attached segments are in records alone", "first-leaf", {"references.0": attached_reference()}, attached=b"")
refused("attached-in-an-image", "attached segments are in records alone", "leaf", {"image.references.0": attached_reference(sha256=None)})
refused("attached-in-a-tail", "attached segments are in records alone", "root", {"tail.references.0": attached_reference()})
refused("attached-with-head", "the head of an attached segment is not put in", "attached", {"references.0.head": HEAD.hex()}, attached=SEGMENT)
refused("attached-missing", "the attached segments are there", "attached")
refused("attached-cut", "the attached segments end the record", "attached", attached=SEGMENT[:-1])
refused("attached-and-more", "the attached segments end the record", "attached", attached=SEGMENT + b"\0")
refused("in-its-own-record", "an embedded segment is of an earlier record", "record", {"references.0": in_record(9, 166)})
x = changed("attached", {"references.0": in_record(9, 200)})
where = len(envelope(x, body(x, 1)))
assert len(varint(where)) == len(varint(200))
refused(
    "in-its-own-record-in-its-place",
    "an embedded segment is of an earlier record",
    "attached",
    {"references.0": in_record(9, where)},
    attached=SEGMENT,
)
refused("in-its-own-record-attached", "an embedded segment is of an earlier record", "attached", {"references.0": in_record(9, 234)}, attached=SEGMENT)
refused("in-a-later-record", "an embedded segment is of an earlier record", "record", {"references.0": in_record(10, 166)})
refused("in-record-0", "records are numbered from 1", "record", {"references.0": in_record(0, 166)})
refused("in-record-0-of-a-leaf", "records are numbered from 1", "first-leaf", {"references.0": in_record(0, 166)})
refused("object-of-record-0", "records are numbered from 1", "record", {"references.0.location.record": 0})
refused("base-before", "the base LSN is in the range", "leaf", {"references.0.baseLsn": 99, "references.0.highestRlsn": 2})
refused("base-0", "the base LSN is in the range", "record", {"references.0.baseLsn": 0})
refused("highest-lsn-after", "the highest LSN is in the range", "record", {"references.0.highestRlsn": 4})
refused("base-after", "the base LSN is in the range", "record", {"references.0.baseLsn": 5, "references.0.highestRlsn": 0})
refused("reference-of-a-fence", "every LSN of a reference is in the range", "fence", {"references": [in_object(9, baseLsn=31, highestRlsn=0)]})
refused(
    "rlsn-too-large", "an rLSN is at most 2^32 - 1", "leaf", {"firstLsn": 2**40, "references.0.baseLsn": 2**40, "drops": [], "image.references": [in_object(9, sha256=None, baseLsn=1, highestRlsn=2**32)]}
)
refused("segment-too-long", "a segment is at most 16 MiB", "record", {"references.0.lengthBytes": (16 << 20) + 1})
refused("body-offset-under-header", "the body offset is at least 64", "record", {"references.0.bodyOffset": 63})
refused("body-offset-beyond", "the body offset is at most the length", "record", {"references.0.bodyOffset": len(SEGMENT) + 1})
refused("segment-of-0-pages", "a segment has at least 1 page", "record", {"references.0.pageCount": 0})
refused("segment-of-too-many-pages", "a segment has at most 2^20 pages", "record", {"references.0.pageCount": 2**20 + 1})
refused("lowest-offset-too-large", "an offset is at most 2^32 - 2", "record", {"references.0.lowestOffset": 2**32 - 1, "references.0.highestOffset": 2**32 - 1})
refused("highest-offset-too-large", "an offset is at most 2^32 - 2", "record", {"references.0.highestOffset": 2**32 - 1})
refused("head-too-long", "a head of over 4096 bytes is not put in", "record", {"references.0.bodyOffset": 4097, "references.0.lengthBytes": 9000, "references.0.head": "00" * 4097})
refused("head-cut", "a head has body offset bytes", "record", {"references": [shared(head=HEAD.hex()[:-2])], "drops": [], "meta": None})

# Drops
refused("drop-lsn-after", "a drop is of an LSN of the range", "record", {"drops.2.lsn": 5})
refused("drop-of-a-fence", "a drop is of an LSN of the range", "fence", {"drops": [{"lsn": 31, "from": 0, "to": 1}]})
refused("drops-descend", "drops ascend by LSN", "record", {"drops.0.lsn": 4})
refused("drop-of-nothing", "a drop has at least 1 page", "record", {"drops.1.to": 0})
refused("drop-too-far", "a drop ends at most at 2^32 - 1", "record", {"drops.0.to": 2**32})
refused("drop-from-2-50", "a drop ends at most at 2^32 - 1", "record", {"drops.0.from": 2**50, "drops.0.to": 2**50 + 1})

# Records
for bit in (2, 7):
    refused(f"record-flag-{bit}", "an unknown flag is unsupported", "fence", {"flags": 1 << bit}, kind=NEW)
refused("meta-too-long", "meta is at most 4096 bytes", "record", {"meta": "00" * 4097})
refused("meta-missing", "the fields end with the body", "fence", {"flags": 2})
refused("closing-with-lsns", "the closing record is of no LSN", "record", {"closing": True})
refused("nonce-cut", "the fields end with the body", "record", body=text(record_key(9)) + bytes(15))

# Leaf bodies
refused("first-record-0", "records are numbered from 1", "leaf", {"firstRecord": 0})
refused("last-record-too-large", "the number of a record is at most 2^53 - 2", "leaf", {"firstRecord": 2**53 - 2})
refused("record-count-2-53-1", "the number of a record is at most 2^53 - 2", "leaf", {"recordCount": BIG})
refused("attempts-over-records", "there are at most as many attempts as records", "leaf", {"recordCount": 1})
refused("attempt-count-2-50", "the fields end with the body", "leaf", {"recordCount": 2**51, "attemptCount": 2**50})
refused("attempts-under-lsns", "the LSNs of all attempts are those of the range", "leaf", {"attempts.0.lsnCount": 0})
refused("attempts-over-lsns", "the LSNs of all attempts are those of the range", "leaf", {"attempts.0.lsnCount": 2})
refused("some-attempts-over-lsns", "the LSNs of some attempts are no more than the range's", "leaf", {"recordCount": 3, "attempts.0.lsnCount": 2})
refused("attempts-2-53", "the LSNs of some attempts are no more than the range's", "leaf", {"recordCount": 3, "attempts.0.lsnCount": BIG})
refused("no-records-with-lsns", "the LSNs of all attempts are those of the range", "leaf", {"recordCount": 0, "attempts": []})
for bit in (1, 7):
    refused(f"leaf-flag-{bit}", "an unknown flag is unsupported", "first-leaf", {"flags": 1 << bit}, kind=NEW)
refused("image-at-lsn-1", "there is no image at first LSN 1", "first-leaf", {"image": {"references": [], "drops": []}})
refused("image-missing", "the fields end with the body", "leaf", {"image": None, "flags": 1})
refused("image-without-flag", "the fields end with the body", "leaf", {"flags": 0})
refused("image-lsn-of-the-run", "an LSN of the image is at most C", "leaf", {"image.references.1.baseLsn": 97})
refused("image-base-0", "a base LSN of the image is at least 1", "leaf", {"image.references.0.baseLsn": 0})
refused("image-drop-of-the-run", "a drop of the image is of an LSN of at most C", "leaf", {"image.drops.1.lsn": 100})
refused("image-drops-descend", "drops ascend by LSN", "leaf", {"image.drops.0.lsn": 99, "image.drops.1.lsn": 98})
refused("image-vid-never-named", "the table holds the volumes that are named", "leaf", {"image.table": [OTHER, PARENT]})
refused("image-reference-count-2-50", "the fields end with the body", "leaf", {"image.referenceCount": 2**50})

# Manifests
for bit in (2, 7):
    refused(f"manifest-flag-{bit}", "an unknown flag is unsupported", "empty", {"flags": 1 << bit}, kind=NEW)
    refused(f"leaf-entry-flag-{bit}", "an unknown flag is unsupported", "manifest", {"leaves.2.flags": 1 << bit}, kind=NEW)
    refused(f"tail-flag-{bit}", "an unknown flag is unsupported", "root", {"tail.flags": 1 << bit}, kind=NEW)
for size in (0, 256, 768, 131072, 2**50):
    refused(f"manifest-page-size-{size}", "a page size is a power of two from 512 to 65536", "root", {"pageSize": size})
BAD_NAMES = {
    "empty": ("", "a name has at least 1 byte"),
    "too-long": ("\N{GRINNING FACE}" * 64, "a name has at most 255 bytes"),
    "line-feed": ("a\nb", "a name has no control characters"),
    "nul": ("\0", "a name has no control characters"),
    "delete": ("\x7f", "a name has no control characters"),
    "c1": ("a\x9b", "a name has no control characters"),
    "id": (V, "a name is not the characters of an id"),
    "id-in-capitals": (V.upper(), "a name is not the characters of an id"),
    "not-utf-8": (b"\2\xc3\x28", "a text is UTF-8"),
    "surrogate": (b"\3\xed\xa0\x80", "a text is UTF-8"),
    "overlong": (b"\2\xc1\x81", "a text is UTF-8"),
}
for name, (value, must) in BAD_NAMES.items():
    refused(f"manifest-name-{name}", must, "root", {"name": value})
    refused(f"catalog-name-{name}", must, "catalog", {"name": value, "state": None})
    refused(f"catalog-state-name-{name}", must, "catalog", {"state.1.name": value})
refused("cutoff-0", "the cutoff is at least the first LSN", "root", {"cutoff": 0})
refused("cutoff-before", "the cutoff is at least the first LSN", "manifest", {"firstLsn": 2, "cutoff": 1, "tail.firstLsn": 102, "tail.references": []})
refused("cutoff-beyond", "the cutoff is at most the last LSN", "root", {"cutoff": 5})
refused("cutoff-beyond-nothing", "the cutoff is at most the first LSN where there is none", "empty", {"cutoff": 2})
refused("boundary-beyond", "the boundary is at most the last record", "root", {"boundary": 4})
refused("time-of-another", "the time is that of the last LSN", "root", {"lastTime": T})
refused("time-of-another-leaf", "the time is that of the last LSN", "manifest", {"tail": run_of_records(19, 0, [], run(101, [], [], [])), "boundary": 0, "lastTime": T + 5000})
refused("time-of-nothing", "the time is 0 before the first LSN", "empty", {"lastTime": 1})
refused("page-count-of-another", "the page count is that of the last LSN", "root", {"pageCount": 5})
refused("page-count-of-nothing", "the page count is 0 before the first LSN", "empty", {"pageCount": 1})
refused("manifest-page-count-too-large", "a page count is at most 2^32 - 1", "manifest", {"tail": run_of_records(19, 0, [], run(101, [], [], [])), "boundary": 0, "lastTime": T + 6000, "pageCount": 2**32})
refused("manifest-meta-too-long", "meta is at most 4096 bytes", "root", {"meta": "00" * 4097})
refused("manifest-first-record-0", "records are numbered from 1", "empty", {"firstRecord": 0})
refused("manifest-first-lsn-0", "the first LSN is at least 1", "empty", {"firstLsn": 0})
refused("leaf-count-2-50", "the fields end with the body", "empty", {"leafCount": 2**50})
refused("gap-in-records", "leaves and tail follow each other without gaps", "manifest", {"tail.firstRecord": 20})
refused("overlap-in-records", "leaves and tail follow each other without gaps", "manifest", {"tail.firstRecord": 18})
refused("gap-in-lsns", "leaves and tail follow each other without gaps", "manifest", {"leaves.0.lsnCount": 8})
refused("first-record-of-another", "leaves and tail follow from the first record given", "root", {"firstRecord": 2})
refused("first-lsn-of-another", "leaves and tail follow from the first LSN given", "root", {"firstLsn": 2, "cutoff": 2})
refused("leaf-records-too-large", "the number of a record is at most 2^53 - 2", "manifest", {"leaves.0.recordCount": BIG})
refused("leaf-lsns-too-large", "an LSN is at most 2^53 - 2", "manifest", {"leaves.0.lsnCount": BIG})
refused("leaf-time-too-large", "a time is at most 2^53 - 1", "manifest", {"leaves.0.lastTime": 2**53})
refused("leaf-lowest-offset-too-large", "an offset is at most 2^32 - 2", "manifest", {"leaves.0.lowestOffset": 2**32, "leaves.0.highestOffset": 2**32})
refused("leaf-highest-offset-too-large", "an offset is at most 2^32 - 2", "manifest", {"leaves.0.highestOffset": 2**32 - 1})
refused("leaf-without-pages-with-span", "a leaf without pages has span 0", "manifest", {"leaves.1.span": 1})
refused("leaf-dropped-too-large", "a dropped offset is at most 2^32 - 1", "manifest", {"leaves.0.lowestDropped": 2**32})
refused("leaf-image-at-lsn-1", "there is no image at first LSN 1", "manifest", {"leaves.0.hasImage": True})
refused("tail-image-at-lsn-1", "there is no image at first LSN 1", "root", {"tail.image": {"references": [], "drops": []}})

# Stubs, lists, the catalog
refused("stub-of-itself", "a stub's generation is newer", "stub", {"generation": 3})
refused("stub-that-points-back", "a stub's generation is newer", "stub", {"generation": 2})
refused("stub-of-nothing", "a stub's generation is newer", "stub", {"generation": 0})
refused("list-count-2-50", "the fields end with the body", "shared-list", {"count": 2**50})
refused("list-record-0", "records are numbered from 1", "shared-list", {"records.0.record": 0})
refused("catalog-flag-1", "an unknown flag is unsupported", "catalog", {"flags": 3}, kind=NEW)
refused("catalog-flag-7", "an unknown flag is unsupported", "drop", {"flags": 0x80, "state": None}, kind=NEW)
for code in (0, 4, 255):
    refused(f"catalog-operation-{code}", "operations are 1 to 3", "drop", {"code": code, "state": None})
for size in (0, 256, 768, 131072):
    refused(f"catalog-page-size-{size}", "a page size is a power of two from 512 to 65536", "catalog", {"pageSize": size, "state": None})
    refused(f"catalog-state-page-size-{size}", "a page size is a power of two from 512 to 65536", "catalog", {"state.1.pageSize": size})
refused("catalog-state-count-2-50", "the fields end with the body", "catalog", {"stateCount": 2**50})
refused("catalog-state-missing", "the fields end with the body", "drop", {"state": None, "flags": 1})
refused("catalog-state-descends", "ids of the state ascend", "catalog", {"state": [volume(V, "app", 512, T), *STATE[::-1]]})
refused("catalog-state-id-twice", "ids of the state ascend", "catalog", {"state": [volume(V, "app", 512, T), STATE[0], STATE[0] | {"name": "z"}]})
refused("catalog-state-name-twice", "names of the state are unique", "catalog", {"state.1.name": "app"})
refused("catalog-state-without-it", "the state is that after the operation", "catalog", {"state": STATE})
refused("catalog-state-other-name", "the state is that after the operation", "catalog", {"state.0.name": "ape"})
refused("catalog-state-other-page-size", "the state is that after the operation", "catalog", {"state.0.pageSize": 1024})
refused("catalog-state-other-time", "the state is that after the operation", "catalog", {"state.0.created": T + 1})
refused("catalog-rename-state-old-name", "the state is that after the operation", "rename", {"state.0.name": "old"})
refused("catalog-rename-state-without-it", "the state is that after the operation", "rename", {"state": STATE})
refused("catalog-drop-state-with-it", "the state is that after the operation", "drop", {"state": [volume(V, "app"), *STATE]})
