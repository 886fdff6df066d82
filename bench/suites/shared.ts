/**
 * Shared memory: processor time of a lookup in place by one reader on plain memory, and by 1, 2 and 4 workers that read the
 * same bytes of a store which another thread owns; one by one, with a pin each, and in batches, with a pin a batch. It is
 * processor time of the whole process, since there may be fewer processors than workers. What workers cost each other though
 * they share nothing but the processor's caches and its way to the memory, others show, each on plain memory of its own. And
 * the linear memory, which does not grow with the number of workers.
 */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { median, type Row, type Suite, spread } from "../measure.js";
import { type Go, makeQueries, type QueryPlan, type ReaderData } from "./shared-reader.js";
import { BATCH, COMMITS, Reading, type Way } from "./shared-reading.js";

const WORKER_COUNTS = [1, 2, 4];
const OWN_MEMORY_COUNTS = [1, 2];
const workersOf = (count: number) => `${count} worker${count > 1 ? "s" : ""}`;
const WAYS: readonly Way[] = ["single", "batched"];

/** The workers of one count, ready. */
class Team {
  readonly #workers: Worker[];

  private constructor(workers: Worker[]) {
    this.#workers = workers;
  }

  /** On the memory of `reading`, or, without one, on plain memory of their own. */
  static async start(count: number, reading: Reading | undefined, queries: QueryPlan): Promise<Team> {
    const workers = Array.from({ length: count }, () => {
      const handle = reading?.share();
      const workerData: ReaderData = { handle, queries };
      const transferList = handle ? [handle.port as never] : [];
      return new Worker(fileURLToPath(import.meta.url), { workerData, transferList });
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
  const plain = await Reading.open(pageCount, false);
  const shared = await Reading.open(pageCount, true);
  const plan: QueryPlan = { count: quick ? 2048 : 65_536, pageCount, commits: COMMITS, seed: 8 };
  const repeats = quick ? 2 : 8;
  const queries = makeQueries(plan);
  const teams = new Map<string, Team>();
  for (const count of WORKER_COUNTS) teams.set(workersOf(count), await Team.start(count, shared, plan));
  for (const count of OWN_MEMORY_COUNTS) {
    teams.set(`${workersOf(count)}, plain memory each`, await Team.start(count, undefined, plan));
  }
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
      for (const [implementation, team] of teams) {
        let sums: number[] = [];
        const together = await cpuTime(async () => {
          sums = await team.run(way, repeats);
        });
        if (sums.some((sum) => sum !== expected)) {
          throw new Error(`${workload}, ${way}: workers answer ${sums.join(", ")}, plain memory ${expected}`);
        }
        add(implementation, together, sums.length);
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
  const reading = await Reading.open(64, true);
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
        implementation: workersOf(count),
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
