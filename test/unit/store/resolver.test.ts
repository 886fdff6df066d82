/**
 * The resolver against a plain list of versions: segments in every encoding, with heads that the log carries or not, that
 * overlap or not, in chapters that are at hand or must be read, with drops, in little memory and in much.
 */
import { expect, test } from "vitest";
import { NoSpace } from "../../../src/core/errors.js";
import { SegmentId, type VolumeId } from "../../../src/core/ids.js";
import type { Leaf } from "../../../src/format/manifest-leaf.js";
import type { Drop } from "../../../src/format/record-range.js";
import type { Reference } from "../../../src/format/record-reference.js";
import type { VolumeVersions } from "../../../src/format/segment-index.js";
import { encodeHead, type ForcedEncodings } from "../../../src/format/segment-index-encode.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { Chapter } from "../../../src/log/chapter.js";
import { imageAfter } from "../../../src/log/image.js";
import { segmentKey } from "../../../src/log/keys.js";
import type { VolumeLog } from "../../../src/log/volume-log.js";
import { Core } from "../../../src/probe/core.js";
import { WasmProbe } from "../../../src/probe/wasm-probe.js";
import { ABSENT, NEEDS_LOAD, NOT_RESIDENT, Resolver } from "../../../src/store/resolver.js";
import { Random, runSeed } from "../../helpers/random.js";
import { canForce, OFFSET_ENCODINGS, RLSN_ENCODINGS, randomVersions, randomVid } from "../../helpers/versions.js";

const PAGE_SIZE = 512;

interface Version {
  readonly lsn: number;
  readonly segment: SegmentId;
  readonly local: number;
}

/** Every version of every offset, in the order of LSNs, and every drop. */
class Oracle {
  readonly versions = new Map<number, Version[]>();
  readonly drops: Drop[] = [];

  add(offset: number, version: Version): void {
    const list = this.versions.get(offset);
    if (list) list.push(version);
    else this.versions.set(offset, [version]);
  }

  find(offset: number, lsn: number): Version | undefined {
    let best: Version | undefined;
    for (const version of this.versions.get(offset) ?? []) {
      if (version.lsn <= lsn && version.lsn > (best?.lsn ?? 0)) best = version;
    }
    const isDropped = (drop: Drop) =>
      drop.lsn <= lsn && drop.lsn > best!.lsn && offset >= drop.from && offset < drop.to;
    return best && this.drops.some(isDropped) ? undefined : best;
  }
}

interface Made {
  readonly log: VolumeLog;
  readonly objects: MemoryStore;
  readonly oracle: Oracle;
  readonly leaves: ReadonlyMap<Chapter, Leaf>;
}

/** A segment of `versions` and perhaps other volumes: its head in the store, its reference. */
async function makeSegment(
  random: Random,
  objects: MemoryStore,
  vid: VolumeId,
  versions: VolumeVersions,
  baseLsn: number,
  carriesHead: boolean,
): Promise<Reference & { firstLocal: number }> {
  const force: ForcedEncodings = { offsets: random.pick(OFFSET_ENCODINGS), rlsns: random.pick(RLSN_ENCODINGS) };
  const other = random.chance(0.2) ? [randomVersions(random, smallShape, randomVid(random))] : [];
  const volumes = [versions, ...other].sort((a, b) => a.vid.compare(b.vid));
  const segmentId = SegmentId.fromBytes(random.bytes(16));
  const isForced = random.chance(0.7) && volumes.every((volume) => canForce(volume, force));
  const head = encodeHead({ id: segmentId, pageSizeBytes: PAGE_SIZE, volumes, force: isForced ? force : {} });
  await objects.put(segmentKey(vid, 1, segmentId), head);
  let [firstLocal, pageCount] = [0, 0];
  for (const volume of volumes) {
    if (volume === versions) firstLocal = pageCount;
    pageCount += volume.rlsns.length;
  }
  return {
    location: { kind: "object", vid, record: 1 },
    segmentId,
    sha256: new Uint8Array(32),
    vid,
    baseLsn,
    highestRlsn: versions.rlsns.reduce((a, b) => Math.max(a, b), 0),
    byteLength: head.length,
    bodyOffset: head.length,
    pageCount,
    lowestOffset: versions.offsets[0],
    highestOffset: versions.offsets[versions.offsets.length - 1],
    head: carriesHead ? head : undefined,
    firstLocal,
  };
}

const smallShape = { offsets: 4, universe: 40, rlsns: 9, versions: 2, uniform: false };

/** A log of a few chapters, the last of which grows. */
async function makeLog(random: Random, segmentCount: number): Promise<Made> {
  const objects = new MemoryStore();
  const oracle = new Oracle();
  const vid = randomVid(random);
  const universe = random.pick([8, 300, 100_000, 2 ** 32 - 2]);
  const carries = random.pick([0, 0.5, 0.9, 1]);
  const chapterLength = random.pick([5, 40, segmentCount]);
  const chapters: Chapter[] = [];
  const leaves = new Map<Chapter, Leaf>();
  let lsn = 0;
  let leaf: Leaf | undefined;
  let previous: Leaf | undefined;
  const endChapter = () => {
    if (leaf === undefined) return;
    const chapter = Chapter.of(leaf);
    leaves.set(chapter, leaf);
    if (random.chance(0.7)) {
      chapter.entry = chapter.describe({ id: SegmentId.random(), checksum: new Uint8Array(8), byteLength: 0 });
      if (random.chance(0.7)) chapter.leaf = undefined;
    }
    chapters.push(chapter);
    previous = leaf;
    leaf = undefined;
  };
  for (let i = 0; i < segmentCount; i++) {
    leaf ??= {
      ...emptyLeaf,
      firstLsn: lsn + 1,
      times: [],
      pageCounts: [],
      changed: [],
      attempts: [],
      references: [],
      drops: [],
      image: previous && random.chance(0.9) ? imageAfter(previous, vid) : undefined,
    };
    const rlsns = random.pick([1, 2, 30, 70_000]);
    const shape = {
      offsets: random.between(1, 30),
      universe,
      rlsns,
      versions: random.pick([1, 1, 3, 12]),
      uniform: false,
    };
    const versions = randomVersions(random, { ...shape, universe: Math.min(universe, 2 ** 32 - 3) }, vid);
    const baseLsn = lsn + 1;
    const reference = await makeSegment(random, objects, vid, versions, baseLsn, random.chance(carries));
    lsn = baseLsn + reference.highestRlsn;
    leaf.references.push(reference);
    leaf.times.length = lsn - leaf.firstLsn + 1;
    versions.offsets.forEach((offset, o) => {
      for (let at = versions.starts[o]; at < versions.starts[o + 1]; at++) {
        const local = reference.firstLocal + at;
        oracle.add(offset, { lsn: baseLsn + versions.rlsns[at], segment: reference.segmentId, local });
      }
    });
    if (random.chance(0.1)) {
      const from = random.pick([...oracle.versions.keys()]);
      const drop = { lsn, from, to: random.chance(0.5) ? from + 1 : 2 ** 32 - 1 };
      leaf.drops.push(drop);
      oracle.drops.push(drop);
    }
    if (leaf.references.length >= chapterLength) endChapter();
  }
  endChapter();
  // The newest chapter is never stored.
  const last = chapters[chapters.length - 1];
  last.entry = undefined;
  last.leaf = leaves.get(last);
  const read = async (chapter: Chapter) => leaves.get(chapter)!;
  const log = {
    vid,
    lsn,
    epoch: 0,
    chapters,
    pageCount: 2 ** 32 - 1,
    cutoff: 1,
    leaves: { read },
  } as unknown as VolumeLog;
  return { log, objects, oracle, leaves };
}

const emptyLeaf = { firstRecord: 1, recordCount: 0 };

/** One lookup, with what it needs loaded, held against the oracle. */
async function hold(resolver: Resolver, oracle: Oracle, offset: number, lsn: number): Promise<void> {
  let found = resolver.find(offset, lsn);
  for (let loads = 0; found === NEEDS_LOAD; loads++) {
    expect(loads).toBeLessThan(2000);
    await resolver.need!.load();
    found = resolver.find(offset, lsn);
  }
  const expected = oracle.find(offset, lsn);
  if (expected === undefined) {
    expect(found, `offset ${offset} at LSN ${lsn}`).toBe(ABSENT);
    return;
  }
  expect(found).toBe(NOT_RESIDENT);
  const { place, local, lsn: written } = resolver;
  expect({ segment: String(place.place.segmentId), local, lsn: written }, `offset ${offset} at LSN ${lsn}`).toEqual({
    ...expected,
    segment: String(expected.segment),
  });
}

const seed = runSeed("resolver");
const rounds = Number(process.env.SEEDS ?? 40);

test(`finds what a list of versions says: ${rounds} logs`, async () => {
  for (let round = 0; round < rounds; round++) {
    const random = new Random(seed + round);
    const segmentCount = random.pick([1, 2, 9, 60, 200]);
    const { log, objects, oracle } = await makeLog(random, segmentCount);
    // Enough for all indexes that one lookup needs at once.
    const core = Core.create({
      memoryBytes: random.pick(segmentCount > 9 ? [8 << 20, 16 << 20] : [1 << 20, 16 << 20]),
    });
    const { vid } = log;
    const context = { vid, pageSizeBytes: PAGE_SIZE, objects, core, probe: new WasmProbe(core) };
    const resolver = new Resolver(log, context);
    const offsets = [...oracle.versions.keys()];
    // Something that takes turns with the indexes in little memory.
    const filler = { evict() {} };
    // The newest chapter grows while it is read.
    const tail = log.tail ?? log.chapters[log.chapters.length - 1];
    const later = tail.leaf!.references.splice(random.between(1, tail.leaf!.references.length));
    const until = tail.leaf!.references[tail.leaf!.references.length - 1];
    const knownLsn = later.length > 0 ? until.baseLsn + until.highestRlsn : log.lsn;
    const lastLsn = log.lsn;
    log.lsn = knownLsn;
    for (let i = 0; i < 400; i++) {
      const offset = random.chance(0.8) ? random.pick(offsets) : Math.min(2 ** 32 - 2, random.pick(offsets) + 1);
      const lsn = random.chance(0.5) ? log.lsn : random.between(1, log.lsn);
      await hold(resolver, oracle, offset, lsn);
      if (random.chance(0.1)) core.arena.allocate(random.between(1, 200_000), filler);
      if (later.length > 0 && random.chance(0.3)) {
        const next = later.shift()!;
        tail.leaf!.references.push(next);
        log.lsn = later.length > 0 ? next.baseLsn + next.highestRlsn : lastLsn;
      }
      if (random.chance(0.02)) resolver.trim();
    }
    resolver.close();
  }
});

test("a lookup that needs more indexes at once than fit says so, and does not go round for ever", async () => {
  const random = new Random(seed);
  const objects = new MemoryStore();
  const vid = randomVid(random);
  const chapters: Chapter[] = [];
  for (let lsn = 1; lsn <= 80; lsn++) {
    // Both ends, so that each covers the offset that is looked up; as a bitmap, 12 KB and its ranks.
    const versions = {
      vid,
      offsets: Uint32Array.of(0, 100_000),
      starts: Uint32Array.of(0, 1, 2),
      rlsns: Uint32Array.of(0, 0),
    };
    const segmentId = SegmentId.fromBytes(random.bytes(16));
    const head = encodeHead({
      id: segmentId,
      pageSizeBytes: PAGE_SIZE,
      volumes: [versions],
      force: { offsets: "bitmap" },
    });
    const reference: Reference = {
      location: { kind: "object", vid, record: 1 },
      segmentId,
      sha256: new Uint8Array(32),
      vid,
      baseLsn: lsn,
      highestRlsn: 0,
      byteLength: head.length,
      bodyOffset: head.length,
      pageCount: 2,
      lowestOffset: 0,
      highestOffset: 100_000,
      head,
    };
    const columns = { firstLsn: lsn, times: [0], pageCounts: [0], changed: [2] };
    const leaf = { ...emptyLeaf, ...columns, references: [reference], drops: [], attempts: [], image: undefined };
    chapters.push(Chapter.of(leaf));
  }
  const log = { vid, lsn: 80, epoch: 0, chapters, pageCount: 2 ** 32 - 1, cutoff: 1 } as unknown as VolumeLog;
  const core = Core.create({ memoryBytes: 1 << 20 });
  const resolver = new Resolver(log, { vid, pageSizeBytes: PAGE_SIZE, objects, core, probe: new WasmProbe(core) });
  expect(resolver.find(0, 80)).toBe(NOT_RESIDENT);
  expect(() => resolver.find(5, 80)).toThrow(NoSpace);
  // What fits is still found.
  expect(resolver.find(100_000, 3)).toBe(NOT_RESIDENT);
  expect(resolver.lsn).toBe(3);
  resolver.close();
});
