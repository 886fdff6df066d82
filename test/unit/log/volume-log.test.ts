/** One volume's log: what is appended is what others read, whoever publishes which manifest, and contradictions are damage. */
import { describe, expect, it } from "vitest";
import { Corrupt, InvalidArgument, NotFound, OutcomeUnknown, Unavailable } from "../../../src/core/errors.js";
import { toHex, VolumeId } from "../../../src/core/ids.js";
import { encodeRecord } from "../../../src/format/record.js";
import type { Range } from "../../../src/format/record-range.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import type { ObjectStore } from "../../../src/io/object-store.js";
import { leafKey, manifestHeadKey, manifestKey, recordKey } from "../../../src/log/keys.js";
import { now } from "../../../src/log/look.js";
import { VolumeLog } from "../../../src/log/volume-log.js";
import { deleteLeaves } from "../../helpers/collector.js";
import { FaultStore } from "../../helpers/fault-store.js";
import { Random, runSeed } from "../../helpers/random.js";

const vid = VolumeId.parse("00112233-4455-6677-8899-aabbccddeeff");

/** `count` LSNs without pages, on top of `log`. The page count tells them apart. */
function rangeOn(log: VolumeLog, count: number): Range {
  const lsns = Array.from({ length: count }, (_, i) => log.lsn + 1 + i);
  return {
    firstLsn: log.lsn + 1,
    times: lsns.map((lsn) => 1000 + lsn),
    pageCounts: lsns.map((lsn) => lsn % 97),
    changed: lsns.map(() => 0),
    references: [],
    drops: lsns.filter((lsn) => lsn % 5 === 0).map((lsn) => ({ lsn, from: lsn % 7, to: 10 + (lsn % 7) })),
  };
}

const append = (log: VolumeLog, count = 1, meta?: Uint8Array) =>
  log.append((record, key, nonce) => encodeRecord(key, vid, record, { nonce, range: rangeOn(log, count), meta }));

/** Everything that a log says. */
async function contentsOf(log: VolumeLog) {
  const lsns: unknown[] = [];
  for (const chapter of log.chapters) {
    const { firstLsn, times, pageCounts, drops } = await log.leaves.read(chapter);
    expect(firstLsn).toBe(chapter.firstLsn);
    times.forEach((time, i) => {
      lsns.push([firstLsn + i, time, pageCounts[i], drops.filter(({ lsn }) => lsn === firstLsn + i)]);
    });
  }
  const { lsn, nextRecord, time, pageCount, meta, closed } = log;
  return { lsns, lsn, nextRecord, time, pageCount, meta, closed };
}

const traits = { name: "app", pageSizeBytes: 512 };

async function open(objects: ObjectStore): Promise<VolumeLog> {
  const log = await VolumeLog.open(objects, vid);
  log.traits = traits;
  return log;
}

describe("a volume's log", () => {
  it("is read as it was written, with and without manifests", async () => {
    const objects = new MemoryStore();
    const log = await open(objects);
    for (let i = 0; i < 200; i++) {
      await append(log, 1 + (i % 3), i % 50 === 0 ? Uint8Array.of(i) : undefined);
      if (i % 41 === 0) await log.publish();
    }
    expect(log.meta).toEqual(Uint8Array.of(150));
    expect(await contentsOf(await open(objects))).toEqual(await contentsOf(log));
    for (let g = 1; g <= 5; g++) await objects.delete(manifestKey(vid, g));
    await objects.delete(manifestHeadKey(vid));
    expect(await contentsOf(await open(objects))).toEqual(await contentsOf(log));
  });

  it("seals long chapters and stores them as leaves, which are read on demand", async () => {
    const objects = new MemoryStore();
    const log = await open(objects);
    for (let i = 0; i < 30; i++) {
      await append(log, 1000);
      if (i % 7 === 0) await log.publish();
    }
    await log.publish();
    const read = await open(objects);
    expect(read.chapters.length).toBe(6);
    expect(read.chapters.slice(0, -1).every(({ leaf }) => leaf === undefined)).toBe(true);
    expect(await contentsOf(read)).toEqual(await contentsOf(log));
    const { key, bytes } = await leafOf(objects, read);
    await objects.put(
      key,
      bytes.map((byte, i) => byte ^ (i === 100 ? 1 : 0)),
    );
    await expect(read.leaves.read(read.chapters[1])).rejects.toThrow(Corrupt);
    await objects.delete(key);
    await expect(read.leaves.read(read.chapters[1])).rejects.toThrow(/no object/);
    expect(() => read.leaves.readSync(read.chapters[1])).toThrow(Corrupt);
    // Another leaf of the same volume in its place.
    await objects.put(key, (await objects.get(leafKey(vid, read.chapters[0].entry!.id)))!);
    await expect(read.leaves.read(read.chapters[1])).rejects.toThrow(/another object's bytes/);
  });

  it("keeps the contents of a leaf that no manifest names, which may be collected, and no hint names it", async () => {
    const inner = new MemoryStore();
    const objects = new FaultStore(inner, () => undefined);
    const log = await open(objects);
    await log.publish();
    for (let i = 0; i < 12; i++) await append(log, 1000);
    objects.plan = ({ key }) => (key.includes("/m/") ? "fail" : undefined);
    await expect(log.publish()).rejects.toThrow(Unavailable);
    const [first] = log.chapters;
    expect(first.unnamed && !first.entry).toBe(true);
    const other = await open(inner);
    await other.refresh();
    expect(await other.publish()).toBe(true);
    expect(await deleteLeaves(inner, other)).toBe(2);
    expect(await contentsOf(log)).toEqual(await contentsOf(other));
    objects.plan = () => undefined;
    await log.publishHead();
    expect(await contentsOf(await open(inner))).toEqual(await contentsOf(other));
    expect(log.chapters.slice(0, -1).every(({ entry }) => entry)).toBe(true);
  });

  async function leafOf(objects: MemoryStore, log: VolumeLog) {
    const key = leafKey(vid, log.chapters[1].entry!.id);
    return { key, bytes: (await objects.get(key))! };
  }

  it("gives each record one winner among several writers, who also publish", async () => {
    const seed = runSeed("volume log");
    for (let run = seed; run < seed + 8; run++) {
      const random = new Random(run);
      const objects = new MemoryStore();
      const logs = await Promise.all([1, 2, 3].map(() => open(objects)));
      let committed = 0;
      const write = async (log: VolumeLog) => {
        for (let i = 0; i < 60; i++) {
          const before = log.lsn;
          if ((await append(log, random.between(1, 120))) === "committed") committed += log.lsn - before;
          expect(log.lsn).toBeGreaterThan(before);
          if (random.chance(0.2)) await log.publish();
          if (random.chance(0.2)) await log.refresh();
          expect(log.lsn, "what a log shows never goes back").toBeGreaterThan(before);
        }
      };
      await Promise.all(logs.map(write));
      const fresh = await open(objects);
      expect(fresh.lsn, `SEED=${run}`).toBe(committed);
      const contents = await contentsOf(fresh);
      for (const log of logs) {
        await log.refresh();
        expect(await contentsOf(log), `SEED=${run}`).toEqual(contents);
      }
    }
  });

  it("shows nothing older while it takes over another's manifest", async () => {
    const objects = new MemoryStore();
    let isPublishing = false;
    let release = () => {};
    let isHeld = () => {};
    const held = new Promise<void>((resolve) => (isHeld = resolve));
    const slow = new FaultStore(objects, () => undefined);
    slow.get = async (key) => {
      const found = await objects.get(key);
      // The end of the log is told late: as it was when it was asked for.
      if (key === recordKey(vid, 3) && found === undefined && isPublishing) {
        isPublishing = false;
        isHeld();
        await new Promise<void>((resolve) => (release = resolve));
      }
      return found;
    };
    const other = await open(objects);
    const log = VolumeLog.fresh(slow, vid, traits, now());
    await append(other);
    await other.publish();
    await append(other);
    await append(log).then(() => expect(log.lsn).toBe(2));
    isPublishing = true;
    const publishing = log.publish();
    await held;
    await append(other);
    await log.refresh();
    expect(log.lsn).toBe(3);
    release();
    await publishing;
    expect(log.lsn).toBe(3);
    expect(await contentsOf(log)).toEqual(await contentsOf(other));
  });

  it("lets a process that only reads forget what the writer has stored", async () => {
    const objects = new MemoryStore();
    const [writer, reader] = [await open(objects), await open(objects)];
    for (let i = 0; i < 60; i++) {
      await append(writer, 1000);
      if (i % 10 === 0) await writer.publish();
      await reader.refresh();
    }
    expect(reader.chapters.filter(({ entry }) => !entry).length).toBeLessThan(6);
    expect(await contentsOf(reader)).toEqual(await contentsOf(writer));
  });

  it("fences a record whose outcome is unknown, so that it cannot be committed later", async () => {
    const inner = new MemoryStore();
    const faulty = new FaultStore(inner, () => undefined);
    const log = await open(faulty);
    await append(log);
    faulty.plan = () => "fail";
    const error = await append(log).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OutcomeUnknown);
    const { attempt } = error as OutcomeUnknown;
    expect(attempt).toMatchObject({ volume: vid.toString(), record: 2 });
    faulty.plan = () => undefined;
    const found = (await (await open(inner)).settle(2))!;
    expect(found.nonce).not.toBe(attempt.nonce);
    expect([found.firstLsn, found.lastLsn], "a fence takes no LSN").toEqual([2, 1]);
    expect(await log.settle(2)).toEqual(found);
    expect(await append(log)).toBe("lost");
    expect(await append(log)).toBe("committed");
    expect([log.lsn, log.nextRecord]).toEqual([2, 4]);
    await expect(log.settle(9)).rejects.toThrow(InvalidArgument);
  });

  it("says of a record that a manifest has taken in which attempt it was, and its LSNs", async () => {
    const objects = new MemoryStore();
    const log = await open(objects);
    const nonces: string[] = [];
    for (const count of [2, 1, 3]) {
      await log.append((record, key, nonce) => {
        nonces.push(toHex(nonce));
        return encodeRecord(key, vid, record, { nonce, range: rangeOn(log, count) });
      });
    }
    await log.publish({ boundary: 3 });
    for (const each of [log, await open(objects)]) {
      expect(await each.settle(1)).toEqual({ nonce: nonces[0], firstLsn: 1, lastLsn: 2 });
      expect(await each.settle(2)).toEqual({ nonce: nonces[1], firstLsn: 3, lastLsn: 3 });
      expect(await each.settle(3)).toEqual({ nonce: nonces[2], firstLsn: 4, lastLsn: 6 });
    }
  });

  it("ends with its closing record, for every writer", async () => {
    const objects = new MemoryStore();
    const [log, other] = [await open(objects), await open(objects)];
    await append(log);
    await log.close();
    await log.close();
    await expect(append(log)).rejects.toThrow(NotFound);
    expect(await append(other), "it finds out by losing").toBe("lost");
    await expect(append(other)).rejects.toThrow(/dropped/);
    await other.publish();
    expect((await open(objects)).closed).toBe(true);
  });

  it("refuses records that do not follow from the ones before them", async () => {
    const bad: ((range: Range) => Range)[] = [
      (range) => ({ ...range, firstLsn: range.firstLsn + 1, drops: [] }),
      (range) => ({ ...range, firstLsn: 1, drops: [] }),
      (range) => ({ ...range, times: range.times.map(() => 5) }),
    ];
    for (const spoil of bad) {
      const objects = new MemoryStore();
      const log = await open(objects);
      await append(log, 3);
      const key = recordKey(vid, 2);
      const nonce = new Uint8Array(16);
      await objects.put(key, encodeRecord(key, vid, 2, { nonce, range: spoil(rangeOn(log, 1)) }));
      await expect(log.refresh()).rejects.toThrow(Corrupt);
      await expect(open(objects)).rejects.toThrow(/against the ones before it/);
    }
    const objects = new MemoryStore();
    const log = await open(objects);
    await append(log);
    await append(log);
    await objects.put(recordKey(vid, 2), (await objects.get(recordKey(vid, 1)))!);
    await expect(open(objects)).rejects.toThrow(/another object's bytes/);
  });

  it("opens from a manifest that is newer than the hint, and without a hint that is damaged", async () => {
    const objects = new MemoryStore();
    const log = await open(objects);
    await append(log);
    await log.publish();
    const first = (await objects.get(manifestHeadKey(vid)))!;
    for (let i = 0; i < 20; i++) {
      await append(log, 10);
      await log.publish();
    }
    for (const hint of [first, first.map((byte, i) => byte ^ (i === 60 ? 1 : 0)), Uint8Array.of(1, 2, 3)]) {
      await objects.put(manifestHeadKey(vid), hint);
      expect(await contentsOf(await open(objects))).toEqual(await contentsOf(log));
    }
    // A manifest itself that is damaged is not passed over: what it alone knows would be lost.
    await objects.delete(manifestHeadKey(vid));
    const newest = (await objects.get(manifestKey(vid, 21)))!;
    await objects.put(manifestKey(vid, 21), newest.subarray(0, 50));
    await expect(open(objects)).rejects.toThrow(Corrupt);
  });
});
