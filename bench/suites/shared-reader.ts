/**
 * One worker of the suite `shared`: attaches to the volume that it is given and, whenever it is told to, looks up all queries,
 * one by one or in batches, and reads the first byte of each page.
 */
import { parentPort, workerData } from "node:worker_threads";
import { PinnedPages } from "../../src/store/pinned-pages.js";
import type { VolumeHandle } from "../../src/store/volume-handle.js";
import { Random } from "../../test/helpers/random.js";
import { BATCH, type QueryBatch, Reading, type Way } from "./shared-reading.js";

/** What a worker of the suite gets. */
export interface ReaderData {
  /** Without one, it reads plain memory of its own. */
  readonly handle: VolumeHandle | undefined;
  readonly queries: QueryPlan;
}

export interface QueryPlan {
  readonly count: number;
  readonly pageCount: number;
  readonly commits: number;
  readonly seed: number;
}

export interface Go {
  readonly way: Way;
  readonly repeats: number;
}

export function makeQueries({ count, pageCount, commits, seed }: QueryPlan): QueryBatch[] {
  const random = new Random(seed);
  return Array.from({ length: count / BATCH }, () => ({
    offsets: Uint32Array.from({ length: BATCH }, () => random.below(pageCount)),
    lsn: random.between(1, commits),
  }));
}

function single(pages: PinnedPages, queries: readonly QueryBatch[]): number {
  let sum = 0;
  for (const { offsets, lsn } of queries) {
    for (let i = 0; i < BATCH; i++) {
      const address = pages.find(offsets[i], lsn);
      sum = (sum + pages.page(address)[0]) | 0;
      pages.unpin();
    }
  }
  return sum;
}

function batched(pages: PinnedPages, queries: readonly QueryBatch[]): number {
  let sum = 0;
  const use = (_: number, page: Uint8Array | undefined) => {
    sum = (sum + page![0]) | 0;
  };
  const miss = () => {
    throw new Error("a page of the bench is not in memory");
  };
  for (const { offsets, lsn } of queries) pages.useMany(offsets, 0, lsn, use, miss);
  return sum;
}

/** Looks all queries up on the memory that the worker was given, or on its own. */
async function runner({ handle, queries: plan }: ReaderData): Promise<(way: Way) => number> {
  const queries = makeQueries(plan);
  if (!handle) {
    const reading = await Reading.open(plan.pageCount, false);
    return (way) => reading.run(way, queries);
  }
  const pages = new PinnedPages(handle.shared!, handle.pageSize);
  return (way) => (way === "single" ? single(pages, queries) : batched(pages, queries));
}

/** The main program of such a worker, which serves until it is terminated. */
export async function runSharedReader(): Promise<void> {
  const run = await runner(workerData as ReaderData);
  parentPort!.on("message", ({ way, repeats }: Go) => {
    let sum = 0;
    for (let i = 0; i < repeats; i++) sum = run(way);
    parentPort!.postMessage(sum);
  });
  parentPort!.postMessage("ready");
}
