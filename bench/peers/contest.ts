/**
 * One workload: the same questions to every open store by every way that it has, the answers held against the history,
 * then rounds in turns. Against one another's traces, and those of other programs:
 *
 * - Each begins without young garbage of the others'. (A full collection would also cost what comes next: it takes from
 *   V8 some of what it has learned about the code, and tripled the time of one contender.) Threads that free memory have
 *   a moment to come to an end.
 * - The questions are asked in parts, and one part by one after another only rounds later, so that none finds pages which
 *   another has just brought into the memory of a store that both use. Over the rounds all ask the same.
 * - Beside the time that passed, the processor time of the whole process is taken, its other threads' too: on a machine
 *   that has nothing else to do the two agree, for calls that do not wait. A ratio is the median of the rounds' ratios of
 *   processor times.
 */
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { median, type Row, spread } from "../measure.js";
import { addSample, type History, type Queries, sampleOf } from "./history.js";
import type { AnyWay } from "./peer.js";

/** Offsets that are handed over at once, where a store takes many. */
export const BATCH = 256;
/** Rounds that warm up and are not kept. */
const WARM_UP = 2;
const PAUSE_MS = 5;
/** Ways that may share one store's memory: no more come one after another. */
const SHARING = 4;

/** A way to ask an open store, under the name that its rows bear. */
export interface Seat {
  readonly implementation: string;
  readonly way: AnyWay;
  /** Palimpsest, or one of those that it is compared with. */
  readonly isPeer: boolean;
  /** The peers' times are also given as multiples of this one's. */
  readonly isYardstick: boolean;
}

async function checksum(way: AnyWay, { offsets, lsns }: Queries): Promise<number> {
  let sum = 0;
  if ("read" in way) {
    for (let i = 0; i < offsets.length; i++) sum = addSample(sum, sampleOf(way.read(offsets[i], lsns[i])));
  } else if ("readAsync" in way) {
    for (let i = 0; i < offsets.length; i++) sum = addSample(sum, sampleOf(await way.readAsync(offsets[i], lsns[i])));
  } else {
    for (let i = 0; i < offsets.length; i += BATCH) {
      const pages = await way.readMany(offsets.subarray(i, i + BATCH), lsns[i]);
      for (const page of pages) sum = addSample(sum, sampleOf(page));
    }
  }
  return sum;
}

/** Fails unless everyone answers as the history says. */
async function checkAnswers(
  workload: string,
  history: History,
  seats: readonly Seat[],
  parts: readonly Queries[],
): Promise<void> {
  for (const part of parts) {
    const expected = history.checksum(part);
    for (const { implementation, way } of seats) {
      const sum = await checksum(way, part);
      if (sum !== expected) {
        throw new Error(`${workload}: the answers of ${implementation} sum up to ${sum}, the history's to ${expected}`);
      }
    }
  }
}

function youngGarbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: { type: "minor" }) => void;
  return () => collect({ type: "minor" });
}

/** Nanoseconds per question, a sample a round. */
interface Samples {
  readonly passed: number[];
  readonly processor: number[];
}

async function takeTurns(seats: readonly Seat[], parts: readonly Queries[], rounds: number): Promise<Samples[]> {
  const collectYoungGarbage = youngGarbageCollector();
  const samples = seats.map((): Samples => ({ passed: [], processor: [] }));
  const stride = Math.ceil(parts.length / SHARING);
  for (let round = 0; round < WARM_UP + rounds; round++) {
    for (const [i, { way }] of seats.entries()) {
      const part = parts[(round + i * stride) % parts.length];
      collectYoungGarbage();
      await pause(PAUSE_MS);
      const processorAtStart = process.cpuUsage();
      const start = performance.now();
      await checksum(way, part);
      const passed = performance.now() - start;
      const { user, system } = process.cpuUsage(processorAtStart);
      if (round < WARM_UP) continue;
      samples[i].passed.push((passed * 1e6) / part.offsets.length);
      samples[i].processor.push(((user + system) * 1e3) / part.offsets.length);
    }
  }
  return samples;
}

export async function contest(
  workload: string,
  history: History,
  seats: readonly Seat[],
  parts: readonly Queries[],
  rounds: number,
  report: (row: Row) => void,
): Promise<void> {
  await checkAnswers(workload, history, seats, parts);
  const samples = await takeTurns(seats, parts, rounds);
  for (const [i, { implementation, isPeer }] of seats.entries()) {
    const row = (metric: string, value: number, unit: string) =>
      report({ suite: "peers", workload, implementation, metric, value, unit });
    const { passed, processor } = samples[i];
    row("time", median(passed), "ns");
    row("processor", median(processor), "ns");
    row("spread", spread(processor), "of the median");
    if (!isPeer) continue;
    for (const [j, other] of seats.entries()) {
      if (!other.isYardstick) continue;
      const ratios = processor.map((time, round) => time / samples[j].processor[round]);
      row(`/ ${other.implementation}`, median(ratios), "x");
    }
  }
}
