/**
 * The whole of `readPage`: pages as owned, copied into the caller's buffer, and borrowed, without and with a promise, and
 * in batches; once with every page in memory, once from a folder whose pages are in the page cache of the operating
 * system but do not fit the store's memory.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PageStore, type Volume } from "../../src/node.js";
import { Core } from "../../src/probe/core.js";
import { PageSlabs } from "../../src/store/page-slabs.js";
import { Random } from "../../test/helpers/random.js";
import { type AsyncContender, interleaveAsync, median, type Row, type Suite, spread } from "../measure.js";

const PAGE_SIZE = 4096;
const COMMITS = 16;
const BATCH = 256;

interface Query {
  readonly offset: number;
  readonly lsn: number;
}

/** Every offset in the first commit, then a sixteenth of them in each. */
async function fill(volume: Volume, pageCount: number): Promise<void> {
  const random = new Random(7);
  const page = () => {
    const bytes = new Uint8Array(PAGE_SIZE);
    const words = new Uint32Array(bytes.buffer);
    for (let i = 0; i < words.length; i += 64) words[i] = random.u32();
    return bytes;
  };
  await volume.commit({ pages: Array.from({ length: pageCount }, (_, offset) => [offset, page()] as const) });
  for (let commit = 1; commit < COMMITS; commit++) {
    const offsets = new Set(Array.from({ length: pageCount / 16 }, () => random.below(pageCount)));
    await volume.commit({ pages: [...offsets].map((offset) => [offset, page()] as const) });
  }
}

function contenders(store: PageStore, volume: Volume, queries: readonly Query[]): AsyncContender[] {
  const { id } = volume;
  const target = new Uint8Array(PAGE_SIZE);
  const operations = queries.length;
  const sync = (implementation: string, read: (query: Query) => number): AsyncContender => ({
    implementation,
    operations,
    async run() {
      let sum = 0;
      for (const query of queries) sum = (sum + read(query)) | 0;
      return sum;
    },
  });
  // What the memory alone asks for, without a store: bytes copied to where they were copied to before, and to pages that
  // the caller keeps, which come from memory that is in no cache.
  const bare = Array.from({ length: 64 }, (_, i) => new Uint8Array(PAGE_SIZE).fill(i));
  const slabs = new PageSlabs();
  return [
    sync("borrowed", ({ offset, lsn }) => store.borrowPage(id, offset, lsn)![0]),
    sync("into, sync", ({ offset, lsn }) => {
      store.readPageIntoSync(id, offset, lsn, target);
      return target[0];
    }),
    sync("owned, sync", ({ offset, lsn }) => store.readPageSync(id, offset, lsn)![0]),
    {
      implementation: "owned, async",
      operations,
      async run() {
        let sum = 0;
        for (const { offset, lsn } of queries) sum = (sum + (await store.readPage(id, offset, lsn))![0]) | 0;
        return sum;
      },
    },
    {
      implementation: "into, async",
      operations,
      async run() {
        let sum = 0;
        for (const { offset, lsn } of queries) {
          await store.readPageInto(id, offset, lsn, target);
          sum = (sum + target[0]) | 0;
        }
        return sum;
      },
    },
    sync("bare copy, one buffer", ({ offset }) => {
      target.set(bare[offset & 63]);
      return target[0];
    }),
    sync("bare copy, owned", ({ offset }) => slabs.copy(bare[offset & 63])[0]),
  ];
}

/** Batches have one LSN each, so they are measured on queries of their own. */
function batches(store: PageStore, volume: Volume, queries: readonly Query[]): AsyncContender {
  const groups = Array.from({ length: Math.ceil(queries.length / BATCH) }, (_, i) => ({
    offsets: Uint32Array.from(queries.slice(i * BATCH, (i + 1) * BATCH), ({ offset }) => offset),
    lsn: queries[i * BATCH].lsn,
  }));
  return {
    implementation: `owned, batches of ${BATCH}`,
    operations: queries.length,
    async run() {
      let sum = 0;
      for (const { offsets, lsn } of groups) {
        for (const page of await store.readPages(volume.id, offsets, lsn)) sum = (sum + page![0]) | 0;
      }
      return sum;
    },
  };
}

async function measure(
  workload: string,
  store: PageStore,
  queryCount: number,
  pageCount: number,
  rounds: number,
  report: (row: Row) => void,
): Promise<void> {
  const volume = await store.createVolume({ name: "bench", pageSize: PAGE_SIZE });
  await fill(volume, pageCount);
  const random = new Random(8);
  const queries = Array.from({ length: queryCount }, () => ({
    offset: random.below(pageCount),
    lsn: random.between(1, COMMITS),
  }));
  const rivals = contenders(store, volume, queries);
  const sums = [];
  for (const { implementation, run } of rivals) if (!implementation.startsWith("bare")) sums.push(await run());
  if (new Set(sums).size > 1) throw new Error(`${workload}: the contenders' answers differ: ${sums.join(", ")}`);
  const { empty } = Core.create({ memoryBytes: 1 << 20 }).exports;
  const emptyCall: AsyncContender = {
    implementation: "empty call",
    operations: 100_000,
    async run() {
      for (let i = 0; i < 100_000; i++) empty();
      return 0;
    },
  };
  const samples = await interleaveAsync([emptyCall, ...rivals, batches(store, volume, queries)], rounds);
  const unit = median(samples.get("empty call")!);
  for (const [implementation, times] of samples) {
    const row = (metric: string, value: number, rowUnit: string) =>
      report({ suite: "read-page", workload, implementation, metric, value, unit: rowUnit });
    row("time", median(times), "ns");
    row("spread", spread(times), "of the median");
    row("empty calls", median(times) / unit, "x");
  }
}

export const readPage: Suite = {
  name: "read-page",
  about: "readPage as a whole: owned, into, borrowed; sync, async and batched; hot, and from a folder",
  async run({ quick, rounds }, report) {
    const queryCount = quick ? 512 : 8192;
    const pageCount = quick ? 512 : 8192;
    // Pages that fit the processor's cache, then more than fit it: the second is bound by memory, not by the lookup.
    for (const [workload, count] of [
      ["hot", 64],
      ["32 MiB in memory", pageCount],
    ] as const) {
      await using store = await PageStore.open("memory:", { memory: 256 << 20 });
      await measure(workload, store, queryCount, count, rounds, report);
    }
    const folder = await mkdtemp(join(tmpdir(), "palimpsest-bench-"));
    try {
      await using store = await PageStore.open(`file:${folder}`, { memory: quick ? 2 << 20 : 8 << 20 });
      await measure("folder, larger than memory", store, queryCount, pageCount, rounds, report);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};
