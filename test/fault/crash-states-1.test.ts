/**
 * The file store crashed at every point, in every state that its disk may be left in: `CRASH_STATES` different ones, here and
 * in crash-states-2.test.ts. A failure names its seed and the way to the state; `SEED=…` goes there again.
 */
import { expect, it, vi } from "vitest";
import { itRecovers } from "../campaign/crash-half.js";
import { CrashStates } from "../campaign/crash-states.js";

vi.mock("node:fs", () => import("../helpers/memory-disk-fs.js"));

itRecovers(0);

it("goes the same way again from the same seed", async () => {
  const traces = [];
  for (const seed of [1, 1, 2]) traces.push((await new CrashStates(seed, 300).run()).trace);
  expect(traces[1]).toBe(traces[0]);
  expect(traces[2]).not.toBe(traces[0]);
});
