/**
 * The seeded simulation in its form for every run of the tests. `SEED=7 SEEDS=1 npx vitest run test/sim` runs one seed alone,
 * `SEEDS=20000` many.
 */
import { expect, test } from "vitest";
import { runSeed } from "../helpers/random.js";
import { Simulation } from "./simulation.js";
import { Violation } from "./truth.js";

const SEEDS = Number(process.env.SEEDS ?? 1000);
const OPERATIONS = Number(process.env.OPERATIONS ?? 1000);

test("the same seed gives the same trace, another seed another", async () => {
  const base = runSeed("trace");
  const hashes: string[] = [];
  for (const seed of [base, base + 1, base, base + 1]) {
    hashes.push((await new Simulation({ seed, operations: 300 }).run()).traceHash);
  }
  expect(hashes[2]).toBe(hashes[0]);
  expect(hashes[3]).toBe(hashes[1]);
  expect(hashes[1]).not.toBe(hashes[0]);
});

test("a storage that overwrites where it should refuse is found out, and the failure says how to run it again", async () => {
  const now = Date.now;
  const simulation = new Simulation({ seed: 1, operations: 1000 });
  simulation.bucket.putIfAbsent = (key, bytes) => {
    simulation.bucket.put(key, bytes);
    return "created";
  };
  const error = await simulation.run().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Violation);
  expect((error as Error).message).toMatch(/^seed 1 \(run it alone with SEED=1 SEEDS=1/);
  expect((error as Error).message).toMatch(/Violation: .* was overwritten/);
  expect(Date.now).toBe(now);
});

test(`nothing is lost, doubled or mistaken: ${SEEDS} seeds of ${OPERATIONS} operations`, {
  timeout: 1_200_000,
}, async () => {
  const base = runSeed("simulation");
  const sums: Record<string, number> = {};
  const began = performance.now();
  for (let seed = base; seed < base + SEEDS; seed++) {
    const { counts, events } = await new Simulation({ seed, operations: OPERATIONS }).run();
    for (const [kind, count] of Object.entries({ ...counts, events })) sums[kind] = (sums[kind] ?? 0) + count;
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${seconds} s: ${Object.entries(sums)
      .map((entry) => entry.join(" "))
      .join(", ")}`,
  );
});
