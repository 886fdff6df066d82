/** The simulator itself: that it repeats, that it finds something out, and the first half of its campaign. */
import { expect, test } from "vitest";
import { runSeed } from "../helpers/random.js";
import { campaign } from "./campaign.js";
import { Simulation } from "./simulation.js";
import { Violation } from "./truth.js";

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

campaign("first half");
