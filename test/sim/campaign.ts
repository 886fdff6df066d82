/**
 * The simulation in its form for every run of the tests: a million operations over a thousand seeds, in two halves, so that two workers
 * share it. `SEED=7 SEEDS=1 npx vitest run test/sim` runs one seed alone, `SEEDS=20000` many; `OPERATIONS` are those of each.
 */
import { test } from "vitest";
import { runSeed } from "../helpers/random.js";
import { withoutStacks } from "../helpers/without-stacks.js";
import { Simulation } from "./simulation.js";

const SEEDS = Number(process.env.SEEDS ?? 1000);
const OPERATIONS = Number(process.env.OPERATIONS ?? 1000);
/** Only so that a run that hangs ends. */
const TIMEOUT_MS = 100 * SEEDS + SEEDS * OPERATIONS + 60_000;

export function campaign(half: "first half" | "second half"): void {
  const firstHalf = Math.ceil(SEEDS / 2);
  const [from, count] = half === "first half" ? [0, firstHalf] : [firstHalf, SEEDS - firstHalf];
  const name = `nothing is lost, doubled or mistaken: ${count} seeds of ${OPERATIONS} operations`;
  test(name, { timeout: TIMEOUT_MS }, async () => {
    const base = runSeed(`simulation, ${half}`) + from;
    const sums: Record<string, number> = {};
    const began = performance.now();
    const run = (seed: number) => new Simulation({ seed, operations: OPERATIONS }).run();
    for (let seed = base; seed < base + count; seed++) {
      // A seed that is run alone shows where its errors come from.
      const { counts, events } = SEEDS === 1 ? await run(seed) : await withoutStacks(() => run(seed));
      for (const [kind, sum] of Object.entries({ ...counts, events })) sums[kind] = (sums[kind] ?? 0) + sum;
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const told = Object.entries(sums).map((entry) => entry.join(" "));
    console.log(`${seconds} s: ${told.join(", ")}`);
  });
}
