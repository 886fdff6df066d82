/**
 * What reads a volume below `Volume`, for the suite `shared`: on plain or shared memory, with every page in memory. And the
 * volume itself, the same whenever it is made.
 */
import { sha256 } from "../../src/core/sha256.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import { Core } from "../../src/probe/core.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { PageFrames } from "../../src/segment/page-frames.js";
import { PageReader } from "../../src/store/page-reader.js";
import { PageStore } from "../../src/store/page-store.js";
import { NOT_RESIDENT, Resolver } from "../../src/store/resolver.js";
import { StoreContext } from "../../src/store/store-context.js";
import type { VolumeHandle } from "../../src/store/volume-handle.js";
import { VolumeSharing } from "../../src/store/volume-sharing.js";
import { Random } from "../../test/helpers/random.js";

const PAGE_SIZE = 4096;
export const COMMITS = 16;
const MEMORY_BYTES = 256 << 20;

/** Queries in one batch. */
export const BATCH = 256;

/** Of one batch: random offsets, and one LSN. */
export interface QueryBatch {
  readonly offsets: Uint32Array;
  readonly lsn: number;
}

export type Way = "single" | "batched";

/** Every offset in the first commit, then a sixteenth of them in each. */
async function fill(objects: MemoryStore, pageCount: number): Promise<VolumeLog> {
  await using store = await PageStore.open("memory:", { objects });
  const volume = await store.createVolume({ name: "bench", pageSize: PAGE_SIZE });
  const random = new Random(7);
  const page = () => new Uint8Array(PAGE_SIZE).fill(random.below(256));
  await volume.commit({ pages: Array.from({ length: pageCount }, (_, offset) => [offset, page()] as const) });
  for (let commit = 1; commit < COMMITS; commit++) {
    const offsets = new Set(Array.from({ length: pageCount / 16 }, () => random.below(pageCount)));
    await volume.commit({ pages: [...offsets].map((offset) => [offset, page()] as const) });
  }
  return await VolumeLog.open(objects, volume.id);
}

export class Reading {
  readonly core: Core;
  readonly resolver: Resolver;
  readonly #context: StoreContext;
  readonly #reader: PageReader;
  readonly #sharing: VolumeSharing;

  private constructor(objects: MemoryStore, log: VolumeLog, core: Core) {
    const probe = new WasmProbe(core);
    const frames = new PageFrames(core, objects);
    this.core = core;
    this.#context = new StoreContext({ objects, core, probe, frames, sha256, isShared: core.sharing !== undefined });
    this.resolver = new Resolver(log, { vid: log.vid, pageSizeBytes: PAGE_SIZE, objects, core, probe });
    this.#reader = new PageReader(log, this.resolver, PAGE_SIZE, this.#context);
    this.#sharing = new VolumeSharing(this.#context, log, this.resolver, this.#reader, PAGE_SIZE);
  }

  static async open(pageCount: number, shared: boolean): Promise<Reading> {
    const objects = new MemoryStore();
    const log = await fill(objects, pageCount);
    const reading = new Reading(objects, log, Core.create({ memoryBytes: MEMORY_BYTES, shared }));
    const offsets = Array.from({ length: pageCount }, (_, i) => i);
    for (let lsn = 1; lsn <= COMMITS; lsn++) await reading.#reader.withAddresses(offsets, lsn, () => {});
    return reading;
  }

  share(): VolumeHandle {
    return this.#sharing.share();
  }

  /** As workers on shared memory do, without a pin. */
  run(way: Way, queries: readonly QueryBatch[]): number {
    return way === "single" ? this.#single(queries) : this.#batched(queries);
  }

  #single(queries: readonly QueryBatch[]): number {
    const { resolver } = this;
    const { views } = this.#context;
    let sum = 0;
    for (const { offsets, lsn } of queries) {
      for (let i = 0; i < BATCH; i++) sum = (sum + views.of(resolver.find(offsets[i], lsn), PAGE_SIZE)[0]) | 0;
    }
    return sum;
  }

  #batched(queries: readonly QueryBatch[]): number {
    const { batchOffsets, batchLocals } = this.core;
    const { views } = this.#context;
    let sum = 0;
    const use = (_: number, page: Uint8Array) => {
      sum = (sum + page[0]) | 0;
    };
    for (const { offsets, lsn } of queries) {
      for (let i = 0; i < BATCH; i++) batchOffsets[i] = offsets[i];
      if (this.resolver.findMany(BATCH, lsn) !== BATCH) throw new Error("a page of the bench is not in memory");
      for (let i = 0; i < BATCH; i++) {
        const found = batchLocals[i] >>> 0;
        if (found > NOT_RESIDENT) use(i, views.of(found, PAGE_SIZE));
      }
    }
    return sum;
  }
}
