#!/usr/bin/env python3
"""Checks a whole Palimpsest store in a folder against spec/log.md and spec/segment.md, with the readers beside it: every object by
itself, and what the format says of one object towards others. A second reading of the format, like those.

    store_reader.py verify FOLDER   a line of JSON for each problem, then one with what was counted; exit code 1 where there
                                    is a problem

It holds one volume's history in memory, at some hundred bytes a page version.
"""

import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True

from log_reader import ATTACHED, OBJECT, RECORD, SHARED, Refused, decode, match_key, must  # noqa: E402
from reader import Segment  # noqa: E402
from reader import Refused as SegmentRefused  # noqa: E402


class Store:
    def __init__(self, folder):
        self.folder = folder
        self.keys = set()
        for at, folders, files in os.walk(folder):
            folders.sort()
            for name in files:
                self.keys.add(os.path.relpath(os.path.join(at, name), folder).replace(os.sep, "/"))
        self.problems = []
        self.counts = {"volumes": 0, "records": 0, "lsns": 0, "manifests": 0, "leaves": 0, "segments": 0, "pages": 0, "images": 0}

    def read(self, key):
        must(key in self.keys, f"{key} is missing")
        with open(os.path.join(self.folder, key), "rb") as file:
            return file.read()

    def decode(self, key):
        return decode(key, self.read(key))

    def attempt(self, key, check):
        """What `check` returns; None where it refuses something, which is reported."""
        try:
            return check()
        except (Refused, SegmentRefused) as refused:
            self.problems.append({"key": key, "problem": str(refused)})
            return None

    def numbers(self, kind, volume=None):
        """The numbers of a sequence that are there, ascending."""
        of = [parts for key in self.keys if (parts := match_key(kind, key)) and parts.get("volume") == volume]
        return sorted(parts["number"] for parts in of)

    def verify(self):
        volumes = self.verify_catalog()
        for vid, page_size in sorted(volumes.items()):
            Volume(self, vid, page_size).verify()
        for key in sorted(self.keys):
            if match_key("shared-list", key):
                self.attempt(key, lambda: self.decode(key))
        return not self.problems

    def verify_catalog(self):
        """Every volume that ever was: a dropped one's log stays until it is collected."""
        numbers, state, ever = self.numbers("catalog"), {}, {}
        for expected, number in enumerate(numbers, 1):
            key = f"c/{number:016d}"
            if not self.attempt(key, lambda: must(number == expected, f"c/{expected:016d} is missing before it") or True):
                return ever
            record = self.attempt(key, lambda: self.decode(key))
            if record is None:
                return ever
            self.attempt(key, lambda: self.apply(record, number, state))
            if record["operation"] == "create":
                ever[record["vid"]] = record["pageSize"]
        if "c/head" in self.keys:
            head = self.attempt("c/head", lambda: self.decode("c/head"))
            if head is not None:
                of = match_key("catalog", head["key"])["number"]
                self.attempt("c/head", lambda: must(of in numbers, "the head names a record that is not there"))
                if of == len(numbers):
                    self.attempt("c/head", lambda: must(as_state(head) == state, "the head's state is not the catalog's"))
        return ever

    def apply(self, record, number, state):
        vid, operation = record["vid"], record["operation"]
        must((vid in state) == (operation != "create"), "the volume is there already, or is not there")
        names = {volume["name"] for other, volume in state.items() if other != vid}
        must(record["name"] not in names, "the name is taken")
        if operation == "create":
            state[vid] = {"vid": vid, "pageSize": record["pageSize"], "created": record["time"], "name": record["name"]}
        elif operation == "rename":
            state[vid] = state[vid] | {"name": record["name"]}
        else:
            del state[vid]
        must(record["state"] is not None or number % 16 != 1, "a record of this number carries the state")
        must(record["state"] is None or as_state(record) == state, "the state is not what the records lead to")


def as_state(record):
    return {volume["vid"]: volume for volume in record["state"]}


class Volume:
    """One volume's log. Versions are (offset, LSN) -> the name of the reference that holds them."""

    def __init__(self, store, vid, page_size):
        self.store, self.vid, self.page_size = store, vid, page_size
        self.opened = {}  # by the name of a reference: its [(offset, LSN)]

    def key(self, kind, number):
        return f"v/{self.vid}/{kind}/{number:016d}"

    def verify(self):
        store = self.store
        store.counts["volumes"] += 1
        manifest, manifest_key = self.verify_manifests()
        runs = self.verify_leaves(manifest, manifest_key) if manifest else []
        records = self.verify_records(manifest)
        if runs is not None:
            self.verify_runs(runs, records)

    # Manifests and leaves ------------------------------------------------------------------------------------------------

    def verify_manifests(self):
        """The newest manifest and its key; a stub must name one that is there."""
        store, newest, newest_key, named = self.store, None, None, 0
        numbers = store.numbers("manifest", self.vid)
        for expected, number in enumerate(numbers, 1):
            key = self.key("m", number)
            store.attempt(key, lambda: must(number == expected, f"manifest {expected} is missing before it"))
            found = store.attempt(key, lambda: store.decode(key))
            store.counts["manifests"] += 1
            if found is None:
                continue
            if found["kind"] == "stub":
                named = max(named, found["generation"])
                continue
            if newest is not None:
                store.attempt(key, lambda: must_go_on(newest, found))
            newest, newest_key = found, key
        last = numbers[-1] if numbers else 0
        if named > last:
            store.attempt(self.key("m", named), lambda: must(False, "the manifest that a stub names is missing"))
        head_key = f"v/{self.vid}/m/head"
        if head_key in store.keys:
            head = store.attempt(head_key, lambda: store.decode(head_key))
            if head is not None:
                of = match_key("manifest", head["key"])["number"]
                store.attempt(head_key, lambda: must(of in numbers, "the head stands on a generation that is not there"))
                if of == last and newest is not None:
                    # A head may go further than its manifest: it is the better one to check.
                    store.attempt(head_key, lambda: must_go_on(newest, head, is_head=True))
                    newest, newest_key = head, head_key
        return newest, newest_key

    def verify_leaves(self, manifest, manifest_key):
        """The runs of a manifest: its leaves and its tail, each (key, body); None where one cannot be read."""
        store, runs = self.store, []
        record, lsn = manifest["firstRecord"], manifest["firstLsn"]
        page_size = manifest["pageSize"]
        store.attempt(manifest_key, lambda: must(page_size in (None, self.page_size), "another page size than the catalog's"))
        for entry in manifest["leaves"]:
            key = f"v/{self.vid}/f/{entry['leaf']}"
            leaf = store.attempt(key, lambda: self.leaf(key, entry, record, lsn))
            if leaf is None:
                return None
            store.counts["leaves"] += 1
            record, lsn = record + entry["recordCount"], lsn + entry["lsnCount"]
            runs.append((key, leaf))
        return runs + [(manifest_key, manifest["tail"])]

    def leaf(self, key, entry, record, lsn):
        data = self.store.read(key)
        must(len(data) == entry["lengthBytes"], "its length is not what the manifest says")
        must(data[16:32].hex() == entry["checksum"], "its checksum is not what the manifest says")
        leaf = decode(key, data)
        references, times = leaf["references"], leaf["times"]
        says = {
            "firstRecord": record,
            "recordCount": entry["recordCount"],
            "firstLsn": lsn,
            "lsnCount": entry["lsnCount"],
            "firstTime": entry["firstTime"],
            "lastTime": entry["lastTime"],
            "lowestOffset": entry["lowestOffset"],
            "highestOffset": entry["highestOffset"],
            "lowestDropped": entry["lowestDropped"],
            "hasImage": entry["hasImage"],
        }
        holds = {
            "firstRecord": leaf["firstRecord"],
            "recordCount": leaf["recordCount"],
            "firstLsn": leaf["firstLsn"],
            "lsnCount": len(times),
            "firstTime": times[0] if times else 0,
            "lastTime": times[-1] if times else 0,
            "lowestOffset": min((r["lowestOffset"] for r in references), default=None),
            "highestOffset": max((r["highestOffset"] for r in references), default=None),
            "lowestDropped": min((d["from"] for d in leaf["drops"]), default=None),
            "hasImage": leaf["image"] is not None,
        }
        for field, value in says.items():
            must(holds[field] == value, f"the manifest says {field} {value}, and it is {holds[field]}")
        for reference in references + (leaf["image"]["references"] if leaf["image"] else []):
            must(reference["head"] is not None or reference["bodyOffset"] > 4096, "a short head is not carried")
        return leaf

    # Records -------------------------------------------------------------------------------------------------------------

    def verify_records(self, manifest):
        """The records that are there, by number. Those up to the boundary may be gone, the others must follow each other."""
        store, records = self.store, {}
        boundary = manifest["boundary"] if manifest else 0
        promised = manifest["tail"]["firstRecord"] + manifest["tail"]["recordCount"] - 1 if manifest else 0
        numbers = store.numbers("record", self.vid)
        expected, lsn, time, count, closed = boundary + 1, None if boundary else 1, 0, None if boundary else 0, False
        for number in [number for number in numbers if number > boundary]:
            key = self.key("l", number)
            store.attempt(key, lambda: must(number == expected, f"record {expected} is missing before it"))
            expected = number + 1
            record = store.attempt(key, lambda: store.decode(key))
            if record is None:
                lsn = count = None
                continue
            store.counts["records"] += 1
            store.counts["lsns"] += len(record["times"])
            store.attempt(key, lambda: self.record(key, record, lsn, time, count, closed))
            records[number] = record
            lsn = record["firstLsn"] + len(record["times"])
            time, count = (record["times"] or [time])[-1], (record["pageCounts"] or [count])[-1]
            closed = record["closing"]
        store.attempt(self.key("l", promised), lambda: must(expected > promised, "a record that the manifest holds is missing"))
        return records

    def record(self, key, record, lsn, time, count, closed):
        must(not closed, "a record after the closing one")
        must(lsn in (None, record["firstLsn"]), f"it begins at LSN {record['firstLsn']}, and {lsn} is next")
        must(not record["times"] or record["times"][0] >= time, "its time is before that of the record before it")
        self.check_run(key, record)
        number = match_key("record", key)["number"]
        for reference in record["references"]:
            location = reference["location"]
            if location["in"] == OBJECT and location["vid"] == self.vid:
                must(location["record"] == number, "a segment that only another record may introduce")
            elif location["in"] == SHARED:
                of = self.store.decode(f"s/shared/{location['group']}/records")["records"]
                must({"vid": self.vid, "record": number} in of, "it is not in the list of the records that share its segment")
        for i, pages in enumerate(record["pageCounts"]):
            if count is not None and pages < count:
                at = record["firstLsn"] + i
                drops = [d for d in record["drops"] if d["lsn"] == at and d["from"] <= pages and d["to"] == 2**32 - 1]
                must(drops, f"LSN {at} makes the volume smaller, and drops nothing")
            count = pages

    def check_run(self, key, run):
        """Each version lies in the run, below its page count, once; and they are as many as the run says."""
        written, seen = [0] * len(run["times"]), set()
        for reference in run["references"]:
            for offset, lsn in self.versions(key, reference):
                must((offset, lsn) not in seen, f"offset {offset} is there twice at LSN {lsn}")
                seen.add((offset, lsn))
                at = lsn - run["firstLsn"]
                must(0 <= at < len(written), f"LSN {lsn} is not of these records")
                must(offset < run["pageCounts"][at], f"offset {offset} is beyond the page count of LSN {lsn}")
                written[at] += 1
        must(written == run["pagesChanged"], "the pages changed are not those in the segments")

    # Segments ------------------------------------------------------------------------------------------------------------

    def place(self, key, location, segment):
        if location["in"] == ATTACHED:
            return key, location["position"]
        if location["in"] == RECORD:
            return self.key("l", location["record"]), location["position"]
        if location["in"] == OBJECT:
            return f"s/{location['vid']}/{location['record']:016d}/{segment}", 0
        return f"s/shared/{location['group']}/{segment}", 0

    def versions(self, key, reference):
        """[(offset, LSN)] of a reference, whose segment is checked when it is first met."""
        name = name_of(reference)
        if name not in self.opened:
            place, position = self.place(key, reference["location"], reference["segment"])
            data = self.store.read(place)
            end = position + reference["lengthBytes"]
            must(end <= len(data) if position else end == len(data), f"{place} does not have the segment's length")
            self.opened[name] = self.open(place, data[position:end], reference)
        if reference["head"] is not None:
            place, position = self.place(key, reference["location"], reference["segment"])
            head = self.store.read(place)[position : position + reference["bodyOffset"]]
            must(head.hex() == reference["head"], "the head that is carried is not the segment's")
        return self.opened[name]

    def open(self, place, data, reference):
        try:
            segment = Segment(data)
            for local in range(segment.page_count):
                segment.page(local)
        except SegmentRefused as refused:
            raise Refused(f"{place}: {refused}") from None
        self.store.counts["segments"] += 1
        self.store.counts["pages"] += segment.page_count
        if reference["sha256"] is not None:
            must(hashlib.sha256(data).hexdigest() == reference["sha256"], f"{place}: another SHA-256")
        own = [(offset, rlsn) for vid, offset, rlsn in segment.versions() if vid.hex() == reference["vid"].replace("-", "")]
        must(own, f"{place}: no pages of the volume")
        holds = {
            "segment": segment.id.hex(),
            "bodyOffset": segment.body_offset,
            "pageCount": segment.page_count,
            "highestRlsn": max(rlsn for _, rlsn in own),
            "lowestOffset": own[0][0],
            "highestOffset": own[-1][0],
        }
        for field, value in holds.items():
            says = reference[field].replace("-", "") if field == "segment" else reference[field]
            must(says == value, f"{place}: the reference says {field} {says}, and it is {value}")
        must(segment.page_size == self.page_size, f"{place}: another page size")
        return [(offset, reference["baseLsn"] + rlsn) for offset, rlsn in own]

    # Runs against records, images against runs -----------------------------------------------------------------------------

    def verify_runs(self, runs, records):
        before = None
        for key, run in runs:
            self.store.attempt(key, lambda: self.check_run(key, run))
            self.store.attempt(key, lambda: self.compare(run, records))
            if run["image"] is not None:
                self.store.counts["images"] += 1
                self.store.attempt(key, lambda: self.check_image(key, run["image"], before))
            before = run

    def compare(self, run, records):
        """A run of records says what its records say."""
        attempts, first = run["attempts"], run["firstRecord"]
        known = dict(zip(range(first + run["recordCount"] - len(attempts), first + run["recordCount"]), attempts))
        references, drops = {name_of(r) for r in run["references"]}, [tuple(d.values()) for d in run["drops"]]
        for number in range(first, first + run["recordCount"]):
            record = records.get(number)
            if record is None:
                continue
            at, n = record["firstLsn"] - run["firstLsn"], len(record["times"])
            for column in ("times", "pageCounts", "pagesChanged"):
                must(run[column][at : at + n] == record[column], f"its {column} are not those of record {number}")
            must({name_of(r) for r in record["references"]} <= references, f"a reference of record {number} is missing")
            must(all(tuple(d.values()) in drops for d in record["drops"]), f"a drop of record {number} is missing")
            if number in known:
                same = known[number] == {"nonce": record["nonce"], "lsnCount": n}
                must(same, f"its attempt for record {number} is not the record's")
        if all(number in records for number in range(first, first + run["recordCount"])):
            of = [records[number] for number in range(first, first + run["recordCount"])]
            must(len(references) == sum(len(r["references"]) for r in of), "a reference that no record has")
            must(len(drops) == sum(len(r["drops"]) for r in of), "a drop that no record has")
            must(len(run["times"]) == sum(len(r["times"]) for r in of), "LSNs that no record has")

    def check_image(self, key, image, before):
        """It names references of earlier runs, and shows what they show."""
        if before is None or (before["firstLsn"] > 1 and before["image"] is None):
            return
        past = before["image"] or {"references": [], "drops": []}
        references, drops = past["references"] + before["references"], past["drops"] + before["drops"]
        names = {name_of(r) for r in references}
        for reference in image["references"]:
            must(name_of(reference) in names, f"it names segment {reference['segment']}, which no earlier run does")
        expected, shown = self.visible(key, references, drops), self.visible(key, image["references"], image["drops"])
        for offset in expected.keys() | shown.keys():
            says, is_so = shown.get(offset), expected.get(offset)
            must(says == is_so, f"it shows offset {offset} of LSN {says}, and it is {is_so}")

    def visible(self, key, references, drops):
        newest = {}
        for reference in references:
            for offset, lsn in self.versions(key, reference):
                newest[offset] = max(lsn, newest.get(offset, 0))
        for drop in drops:
            for offset in [o for o in newest if drop["from"] <= o < drop["to"] and newest[o] < drop["lsn"]]:
                del newest[offset]
        return newest


def name_of(reference):
    return reference["segment"], reference["vid"], reference["baseLsn"]


def must_go_on(older, newer, is_head=False):
    """A newer manifest goes further, or as far; so does the head that stands on a manifest."""
    must(newer["cutoff"] >= older["cutoff"] and newer["boundary"] >= older["boundary"], "cutoff or boundary went back")

    def end(manifest):
        return manifest["tail"]["firstRecord"] + manifest["tail"]["recordCount"]

    must(end(newer) >= end(older), "it ends before an older one")
    must(older["closed"] <= newer["closed"], "it is open, and was closed")
    if is_head:
        for field in ("leaves", "cutoff", "boundary", "firstRecord", "firstLsn"):
            must(newer[field] == older[field], f"a head has the {field} of its generation")


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "verify":
        store = Store(arguments[1])
        good = store.verify()
        for problem in store.problems:
            print(json.dumps(problem))
        print(json.dumps(store.counts))
        return 0 if good else 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
