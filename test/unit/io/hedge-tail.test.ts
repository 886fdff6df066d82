/**
 * What hedging is for: where 1 % of answers come 2 seconds late, the 99th percentile is within 3 times the median, at under 5 %
 * more requests. In virtual time, with latencies drawn from a seed, so that the machine has no say in it.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HedgeStore } from "../../../src/io/hedge-store.js";
import type { ObjectStore } from "../../../src/io/object-store.js";
import { Random } from "../../helpers/random.js";
import { ScriptedStore } from "./scripted-store.js";

const READS = 4000;
const LATE_SHARE = 0.01;
const LATE_MS = 2000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** As object storage answers: 15 ms at least, 19 ms in the middle, a twentieth above 33 ms; and some very late. */
function slowStore(random: Random): ScriptedStore {
  const page = new Uint8Array(1);
  return new ScriptedStore(() => {
    const usualMs = 15 - 6 * Math.log(1 - random.u32() / 2 ** 32);
    return { value: page, afterMs: usualMs + (random.chance(LATE_SHARE) ? LATE_MS : 0) };
  });
}

/** Reads, one after another: the p-th of their durations in ascending order, the first tenth of them not counted. */
async function measure(store: ObjectStore): Promise<(p: number) => number> {
  const durations: number[] = [];
  for (let i = 0; i < READS; i++) {
    const began = performance.now();
    const read = store.getRange("k", 0, 4096).then(() => durations.push(performance.now() - began));
    await vi.runAllTimersAsync();
    await read;
  }
  const sorted = durations.slice(READS / 10).sort((a, b) => a - b);
  return (p) => sorted[Math.floor(sorted.length * p)];
}

describe("the tail of reads, 1 % of them late by 2 s", () => {
  // Fixed: the figures are at stake, not rare cases.
  const seeds = process.env.SEED === undefined ? [1, 2, 3] : [Number(process.env.SEED)];

  it.each(seeds)("is there without hedging (seed %i)", async (seed) => {
    const at = await measure(slowStore(new Random(seed)));
    expect(at(0.5)).toBeLessThan(25);
    expect(at(0.995)).toBeGreaterThan(LATE_MS);
  });

  it.each(seeds.flatMap((seed) => [["p95", seed] as const, [40, seed] as const]))(
    "is cut off by hedging after %s (seed %i)",
    async (delayMs, seed) => {
      const inner = slowStore(new Random(seed));
      const store = new HedgeStore(inner, { delayMs });
      const at = await measure(store);
      const more = inner.sent.length / READS - 1;
      const told = `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${(100 * more).toFixed(2)} % more requests`;
      console.log(`hedging after ${delayMs}, seed ${seed}: ${told}`);
      expect(at(0.99), told).toBeLessThan(3 * at(0.5));
      expect(more, told).toBeLessThan(0.05);
      expect(more).toBeCloseTo(store.stats.hedges / READS, 10);
    },
  );
});
