/**
 * A cold store in a folder: from `PageStore.open` to the first page, with 1, 100 and 10,000 segments whose index is inline
 * (carried by the log) or separate (longer than 4096 bytes, so that it is read from the segment). Requests and bytes are
 * the store's own count. Where the system lets us, its page cache is emptied before each opening.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SegmentId, type VolumeId } from "../../src/core/ids.js";
import { sha256 } from "../../src/core/sha256.js";
import { encodeRecord } from "../../src/format/record.js";
import { decodeSegmentHeader } from "../../src/format/segment-header.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import { segmentKey } from "../../src/log/keys.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import { PageStore } from "../../src/node.js";
import { SegmentBuilder } from "../../src/segment/segment-builder.js";
import { Random } from "../../test/helpers/random.js";
import { type Effort, median, type Row, type Suite, spread } from "../measure.js";

const PAGE_SIZE = 512;
const SEGMENT_PAGES = 8;
/** Offsets lie within so many: as a bitmap they pass 4096 bytes. */
const UNIVERSE = 65_536;
const MANIFEST_EVERY = 64;

type Form = "inline" | "separate";

/** Segment `lsn - 1`: its offsets, the first and the last of the universe among them. */
function offsetsOf(random: Random): number[] {
  const offsets = new Set([0, UNIVERSE - 1]);
  while (offsets.size < SEGMENT_PAGES) offsets.add(random.below(UNIVERSE));
  return [...offsets];
}

/** Fills a folder with a volume of `count` commits, a segment in an object of its own for each. */
async function makeStore(folder: string, count: number, form: Form) {
  const random = new Random(11);
  const objects = new MemoryStore();
  const store = await PageStore.open("memory:", { objects, memory: 16 << 20 });
  const { id: vid } = await store.createVolume({ name: "bench", pageSize: PAGE_SIZE });
  await store.close();
  const log = await VolumeLog.open(objects, vid);
  const page = new Uint8Array(PAGE_SIZE);
  const written: number[][] = [];
  for (let lsn = 1; lsn <= count; lsn++) {
    const offsets = offsetsOf(random);
    written.push(offsets);
    const builder = new SegmentBuilder({
      pageSize: PAGE_SIZE,
      id: SegmentId.fromBytes(random.bytes(16)),
      force: form === "separate" ? { offsets: "bitmap" } : {},
    });
    for (const offset of offsets) {
      new DataView(page.buffer).setUint32(0, offset);
      new DataView(page.buffer).setUint32(4, lsn);
      builder.add(vid, offset, 0, page.slice());
    }
    const segment = builder.finish();
    await objects.put(segmentKey(vid, log.nextRecord, builder.id), segment);
    await log.append((record, key, nonce) =>
      encodeRecord(key, vid, record, { nonce, range: rangeOf(segment, vid, record, lsn) }, []),
    );
    if (lsn % MANIFEST_EVERY === 0 || lsn === count) await log.publish();
  }
  for await (const { key } of objects.list("")) {
    const path = join(folder, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, (await objects.get(key))!);
  }
  return { vid, written };
}

/** What the log says of one commit; the head is carried where it may be, as a commit does it. */
function rangeOf(segment: Uint8Array, vid: VolumeId, record: number, lsn: number) {
  const { id: segmentId, bodyOffset, pageCount } = decodeSegmentHeader(segment, "bench");
  const reference = {
    location: { kind: "object", vid, record } as const,
    segmentId,
    sha256: sha256(segment),
    vid,
    baseLsn: lsn,
    highestRlsn: 0,
    byteLength: segment.length,
    bodyOffset,
    pageCount,
    lowestOffset: 0,
    highestOffset: UNIVERSE - 1,
    head: segment.slice(0, bodyOffset),
  };
  return {
    firstLsn: lsn,
    times: [lsn],
    pageCounts: [UNIVERSE],
    changed: [pageCount],
    references: [reference],
    drops: [],
  };
}

/** Empties the page cache, where that is allowed. */
function dropCaches(): boolean {
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "1");
    return true;
  } catch {
    return false;
  }
}

interface First {
  readonly ms: number;
  readonly gets: number;
  readonly bytesRead: number;
}

/** Opens the store and reads one page of the newest LSN, which must be the one that `lsn` wrote. */
async function readFirst(folder: string, vid: VolumeId, offset: number, lsn: number, last: number): Promise<First> {
  const start = performance.now();
  await using store = await PageStore.open(`file:${folder}`, { memory: 64 << 20 });
  const volume = await store.volume(vid);
  const page = await volume.readPage(offset, last);
  const ms = performance.now() - start;
  const view = page && new DataView(page.buffer, page.byteOffset);
  if (view?.getUint32(0) !== offset || view.getUint32(4) !== lsn) throw new Error(`wrong page ${offset} at ${last}`);
  const { gets, bytesRead } = store.stats().io;
  return { ms, gets, bytesRead };
}

async function measure(folder: string, count: number, form: Form, effort: Effort, report: (row: Row) => void) {
  const { vid, written } = await makeStore(folder, count, form);
  const random = new Random(12);
  const newest = new Map<number, number>();
  written.forEach((offsets, i) => {
    for (const offset of offsets) newest.set(offset, i + 1);
  });
  const all = [...newest];
  const cases = {
    "a page of the newest commit": () => random.pick(all.filter(([, lsn]) => lsn === count)),
    "a page at random": () => random.pick(all),
  };
  const isCold = dropCaches();
  for (const [name, pick] of Object.entries(cases)) {
    const firsts: First[] = [];
    for (let round = 0; round < effort.rounds; round++) {
      const [offset, lsn] = pick();
      dropCaches();
      firsts.push(await readFirst(folder, vid, offset, lsn, count));
    }
    const workload = `${name}, ${count} segment${count === 1 ? "" : "s"}`;
    const implementation = `${form} index, ${isCold ? "cold" : "warm"} page cache`;
    const row = (metric: string, value: number, unit: string) =>
      report({ suite: "cold", workload, implementation, metric, value, unit });
    row("time", median(firsts.map(({ ms }) => ms)), "ms");
    row("spread", spread(firsts.map(({ ms }) => ms)), "of the median");
    row("reads", median(firsts.map(({ gets }) => gets)), "requests");
    row("bytes", median(firsts.map(({ bytesRead }) => bytesRead)), "B");
  }
}

export const cold: Suite = {
  name: "cold",
  about: "from opening a store to its first page: 1 to 10,000 segments, index inline against separate",
  async run(effort, report) {
    for (const count of effort.quick ? [1, 100] : [1, 100, 10_000]) {
      for (const form of ["inline", "separate"] as const) {
        const folder = await mkdtemp(join(tmpdir(), "palimpsest-cold-"));
        try {
          await measure(folder, count, form, effort, report);
        } finally {
          await rm(folder, { recursive: true });
        }
      }
    }
  },
};
