/**
 * Resolving through many overlapping segments: the newest version, one of the past, and an offset that nobody wrote, by
 * the merged resolver, and, for comparison, by asking the index of every overlapping segment, the newest first.
 */
import { PageStore } from "../../src/index.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import { Core } from "../../src/probe/core.js";
import type { SegmentIndex } from "../../src/probe/probe.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { Resolver } from "../../src/store/resolver.js";
import { Random } from "../../test/helpers/random.js";
import { type Contender, interleave, median, type Row, type Suite, spread } from "../measure.js";

const PAGE_SIZE = 512;
/** Pages of each segment, out of so many offsets, so that all segments overlap; odd offsets are never written. */
const SEGMENT_PAGES = 64;
const UNIVERSE = 8192;
const QUERIES = 4096;
const BATCH = 256;

interface Query {
  readonly offset: number;
  readonly lsn: number;
}

/** A volume of `count` commits, a segment each, and where its segments' heads say its versions are. */
async function makeVolume(count: number) {
  const random = new Random(count);
  const objects = new MemoryStore();
  const store = await PageStore.open("memory:", { objects, memory: 16 << 20 });
  const volume = await store.createVolume({ name: "bench", pageSize: PAGE_SIZE });
  const written: Uint32Array[] = [];
  for (let lsn = 1; lsn <= count; lsn++) {
    const offsets = new Set<number>();
    while (offsets.size < SEGMENT_PAGES) offsets.add(random.below(UNIVERSE / 2) * 2);
    // Bytes that differ from page to page are not needed: no page is read.
    await volume.commit({ pages: [...offsets].map((offset) => [offset, new Uint8Array(PAGE_SIZE)] as const) });
    written.push(Uint32Array.from(offsets));
  }
  const { id } = volume;
  await store.close();
  return { objects, vid: id, written };
}

/** For each version that is asked for, the LSN that the answer must have: from the list of what was written. */
function makeQueries(written: readonly Uint32Array[]): Record<"latest" | "history" | "absent", Query[]> {
  const random = new Random(3);
  const last = written.length;
  const anyWritten = () => random.pick([...random.pick(written)]);
  return {
    latest: Array.from({ length: QUERIES }, () => ({ offset: anyWritten(), lsn: last })),
    history: Array.from({ length: QUERIES }, () => {
      const lsn = random.between(1, last);
      return { offset: written[lsn - 1][random.below(SEGMENT_PAGES)], lsn: random.between(lsn, last) };
    }),
    absent: Array.from({ length: QUERIES }, () => ({ offset: random.below(UNIVERSE / 2) * 2 + 1, lsn: last })),
  };
}

/** Every segment by itself: newest first, until one has the offset. */
class OneByOne {
  readonly #segments: { readonly index: SegmentIndex; readonly volume: number; readonly base: number }[] = [];

  constructor(log: VolumeLog, probe: WasmProbe) {
    for (const { leaf } of log.chapters) {
      for (const { head, vid, baseLsn } of leaf!.references) {
        const index = probe.openIndex(head!, "bench");
        this.#segments.push({ index, volume: index.volume(vid), base: baseLsn });
      }
    }
    this.#segments.reverse();
  }

  close(): void {
    for (const { index } of this.#segments) index.close();
  }

  /** The LSN that wrote what is found, 0 for nothing. */
  find({ offset, lsn }: Query): number {
    for (const { index, volume, base } of this.#segments) {
      if (base > lsn) continue;
      const local = index.find(volume, offset, lsn - base);
      if (local >= 0) return base + index.rlsnAt(volume, local);
    }
    return 0;
  }
}

/** @param cores For the merged resolver and for its rival: the same for all counts, so that no call becomes polymorphic. */
async function measure(
  count: number,
  [core, rivalCore]: readonly [Core, Core],
  rounds: number,
  report: (row: Row) => void,
): Promise<void> {
  const { objects, vid, written } = await makeVolume(count);
  const log = await VolumeLog.open(objects, vid);
  for (const chapter of log.chapters) chapter.leaf ??= await log.leaves.read(chapter);
  const context = { vid, pageSizeBytes: PAGE_SIZE, objects, core, probe: new WasmProbe(core) };
  const resolver = new Resolver(log, context);
  const queries = makeQueries(written);
  const usedBefore = core.arena.usedBytes;
  const start = performance.now();
  for (const query of queries.absent) resolver.find(query.offset, query.lsn);
  const buildMs = performance.now() - start;
  const oneByOne = new OneByOne(log, new WasmProbe(rivalCore));
  const workload = `${count} overlapping segment${count === 1 ? "" : "s"}`;
  const row = (implementation: string, metric: string, value: number, unit: string) =>
    report({ suite: "resolve", workload, implementation, metric, value, unit });
  const versions = count * SEGMENT_PAGES;
  row("merged", "bytes a version", (core.arena.usedBytes - usedBefore) / versions, "B");
  row("merged", "build", (buildMs * 1e6) / versions, "ns a version");
  row("one by one", "bytes a version", rivalCore.arena.usedBytes / versions, "B");
  const contenders: Contender[] = [
    {
      implementation: "empty call",
      operations: 100_000,
      run() {
        for (let i = 0; i < 100_000; i++) core.exports.empty();
        return 0;
      },
    },
  ];
  for (const [kind, list] of Object.entries(queries)) {
    for (const query of list) {
      const merged = resolver.find(query.offset, query.lsn) === 0 ? 0 : resolver.lsn;
      if (merged !== oneByOne.find(query)) throw new Error(`${workload}: answers differ for ${JSON.stringify(query)}`);
    }
    contenders.push({
      implementation: `merged: ${kind}`,
      operations: list.length,
      run() {
        let sum = 0;
        for (const { offset, lsn } of list) sum += resolver.find(offset, lsn);
        return sum;
      },
    });
    // Few enough to end within a second.
    const some = list.slice(0, Math.max(16, Math.floor(200_000 / count)));
    contenders.push({
      implementation: `one by one: ${kind}`,
      operations: some.length,
      run() {
        let sum = 0;
        for (const query of some) sum += oneByOne.find(query);
        return sum;
      },
    });
  }
  const { latest } = queries;
  contenders.push({
    implementation: `merged: latest, batches of ${BATCH}`,
    operations: latest.length,
    run() {
      let sum = 0;
      for (let at = 0; at < latest.length; at += BATCH) {
        for (let i = 0; i < BATCH; i++) core.batchOffsets[i] = latest[at + i].offset;
        sum += resolver.findMany(BATCH, latest[at].lsn);
      }
      return sum;
    },
  });
  const samples = interleave(contenders, rounds);
  const unit = median(samples.get("empty call")!);
  for (const [implementation, times] of samples) {
    row(implementation, "time", median(times), "ns");
    row(implementation, "spread", spread(times), "of the median");
    row(implementation, "empty calls", median(times) / unit, "x");
  }
  resolver.close();
  oneByOne.close();
}

export const resolve: Suite = {
  name: "resolve",
  about: "the newest version, the past and absence through 1 to 10,000 overlapping segments",
  async run({ quick, rounds }, report) {
    const cores = [Core.create({ memoryBytes: 64 << 20 }), Core.create({ memoryBytes: 256 << 20 })] as const;
    for (const count of quick ? [1, 10, 100] : [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000]) {
      await measure(count, cores, rounds, report);
    }
  },
};
