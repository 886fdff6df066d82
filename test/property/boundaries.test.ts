/** Numbers at the limits of their widths (test/campaign/boundaries.ts): a hundred thousand cases in every run. */
import { expect, it } from "vitest";
import { Boundaries } from "../campaign/boundaries.js";
import { runSeed } from "../helpers/random.js";

const CASES = Number(process.env.BOUNDARY_CASES ?? 100_000);

it("are refused or right, and never wrap", { timeout: 600_000 }, async () => {
  const boundaries = new Boundaries(runSeed("boundaries"));
  boundaries.runSegments(CASES);
  for (let run = 0; run < 5; run++) await boundaries.runStore(60);
  console.info(`${boundaries.cases} cases, ${boundaries.refused} refused`);
  expect(boundaries.cases).toBeGreaterThanOrEqual(CASES);
});
