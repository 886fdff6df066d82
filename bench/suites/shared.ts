/**
 * Shared memory: processor time of a lookup in place by one reader on plain memory, and by 1, 2 and 4 workers that read the
 * same bytes of a store which another thread owns; one by one, with a pin each, and in batches, with a pin a batch. It is
 * processor time of the whole process, since there may be fewer processors than workers. And the linear memory, which does not
 * grow with the number of workers.
 */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
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
import { median, type Row, type Suite, spread } from "../measure.js";
import {
  BATCH,
  type Go,
  makeQueries,
  type QueryBatch,
  type QueryPlan,
  type ReaderData,
  type Way,
} from "./shared-reader.js";

const PAGE_SIZE = 4096;
const COMMITS = 16;
const MEMORY_BYTES = 256 << 20;
const WORKER_COUNTS = [1, 2, 4];
const WAYS: readonly Way[] = ["single", "batched"];

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

/** What reads a volume below `Volume`, with every page in memory. */
class Reading {
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
    this.#reader = new PageReader(log, this.resolver, this.#context);
    this.#sharing = new VolumeSharing(this.#context, log, this.resolver, this.#reader, PAGE_SIZE);
  }

  static async open(objects: MemoryStore, log: VolumeLog, pageCount: number, shared: boolean): Promise<Reading> {
    const reading = new Reading(objects, log, Core.create({ memoryBytes: MEMORY_BYTES, shared }));
    const offsets = Array.from({ length: pageCount }, (_, i) => i);
    for (let lsn = 1; lsn <= COMMITS; lsn++) await reading.#reader.withAddresses(offsets, lsn, () => {});
    return reading;
  }

  share(): VolumeHandle {
    return this.#sharing.share();
  }

  /** As the workers do, without a pin. */
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

/** The workers of one count, ready. */
class Team {
  readonly #workers: Worker[];

  private constructor(workers: Worker[]) {
    this.#workers = workers;
  }

  static async start(count: number, reading: Reading, queries: QueryPlan): Promise<Team> {
    const workers = Array.from({ length: count }, () => {
      const handle = reading.share();
      const workerData: ReaderData = { handle, queries };
      return new Worker(fileURLToPath(import.meta.url), { workerData, transferList: [handle.port as never] });
    });
    await Promise.all(workers.map((worker) => once(worker, "message")));
    return new Team(workers);
  }

  /** All at once; the checksum of each. */
  async run(way: Way, repeats: number): Promise<number[]> {
    const go: Go = { way, repeats };
    return await Promise.all(
      this.#workers.map(async (worker) => {
        const answer = once(worker, "message");
        worker.postMessage(go);
        return (await answer)[0] as number;
      }),
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** Nanoseconds of processor time that the process spends on `work`. */
async function cpuTime(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

async function measure(
  workload: string,
  pageCount: number,
  quick: boolean,
  rounds: number,
  report: (row: Row) => void,
) {
  const objects = new MemoryStore();
  const log = await fill(objects, pageCount);
  const plain = await Reading.open(objects, log, pageCount, false);
  const shared = await Reading.open(objects, log, pageCount, true);
  const plan: QueryPlan = { count: quick ? 2048 : 65_536, pageCount, commits: COMMITS, seed: 8 };
  const repeats = quick ? 2 : 8;
  const queries = makeQueries(plan);
  const teams = new Map<number, Team>();
  for (const count of WORKER_COUNTS) teams.set(count, await Team.start(count, shared, plan));
  for (const way of WAYS) {
    const expected = plain.run(way, queries);
    const samples = new Map<string, number[]>();
    // The first rounds warm up.
    for (let round = -2; round < rounds; round++) {
      const add = (implementation: string, ns: number, readers: number) => {
        if (round < 0) return;
        const of = samples.get(implementation) ?? [];
        samples.set(implementation, of);
        of.push(ns / (readers * repeats * plan.count));
      };
      const alone = await cpuTime(() => {
        for (let i = 0; i < repeats; i++) plain.run(way, queries);
      });
      add("plain memory, alone", alone, 1);
      for (const [count, team] of teams) {
        let sums: number[] = [];
        const together = await cpuTime(async () => {
          sums = await team.run(way, repeats);
        });
        if (sums.some((sum) => sum !== expected)) {
          throw new Error(`${workload}, ${way}: workers answer ${sums.join(", ")}, plain memory ${expected}`);
        }
        add(`${count} worker${count > 1 ? "s" : ""}`, together, count);
      }
    }
    const unit = median(samples.get("plain memory, alone")!);
    for (const [implementation, times] of samples) {
      const row = (metric: string, value: number, rowUnit: string) =>
        report({ suite: "shared", workload: `${workload}; ${way}`, implementation, metric, value, unit: rowUnit });
      row("processor time", median(times), "ns");
      row("spread", spread(times), "of the median");
      row("to plain memory", median(times) / unit, "x");
    }
  }
  for (const team of teams.values()) await team.end();
}

/** Linear memory, and what of it is taken, as workers come. */
async function measureMemory(report: (row: Row) => void): Promise<void> {
  const objects = new MemoryStore();
  const log = await fill(objects, 64);
  const reading = await Reading.open(objects, log, 64, true);
  const plan: QueryPlan = { count: BATCH, pageCount: 64, commits: COMMITS, seed: 8 };
  const teams: Team[] = [];
  for (const [before, count] of [
    [0, 1],
    [1, 2],
    [2, 4],
    [4, 8],
  ]) {
    const team = await Team.start(count - before, reading, plan);
    await team.run("batched", 1);
    teams.push(team);
    const { memory, arena } = reading.core;
    const row = (metric: string, value: number) =>
      report({
        suite: "shared",
        workload: "linear memory",
        implementation: `${count} worker${count > 1 ? "s" : ""}`,
        metric,
        value,
        unit: "bytes",
      });
    row("linear memory", memory.buffer.byteLength);
    row("in use", arena.usedBytes);
  }
  for (const team of teams) await team.end();
}

export const shared: Suite = {
  name: "shared",
  about: "lookups in shared memory: processor time at 1, 2 and 4 workers against one reader alone on plain memory",
  async run({ quick, rounds }, report) {
    for (const [workload, pageCount] of [
      ["hot", 64],
      ["32 MiB in memory", quick ? 512 : 8192],
    ] as const) {
      await measure(workload, pageCount, quick, rounds, report);
    }
    await measureMemory(report);
  },
};
