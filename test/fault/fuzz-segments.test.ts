/**
 * Hostile heads, whose checksum is right: both probes and an oracle accept and refuse the same ones and give the same answers,
 * and nothing outside the segment matters, whatever lies in the rest of linear memory. `npm run soak` runs it for longer.
 */
import { expect, test } from "vitest";
import { SegmentFuzz } from "../campaign/fuzz-segments.js";
import { runSeed } from "../helpers/random.js";

const CASES = Number(process.env.FUZZ_ROUNDS ?? 1_000_000);

test(`${CASES} hostile heads: both probes agree with the oracle`, { timeout: 1_000_000 }, () => {
  const fuzz = new SegmentFuzz(runSeed("fuzz segments"));
  fuzz.run(CASES);
  const { cases, accepted, answers, refused } = fuzz.report;
  const reasons = [...refused].sort(([, a], [, b]) => b - a).map(([reason, count]) => `${count} ${reason}`);
  console.log(`${accepted} accepted, ${answers} questions; refused: ${reasons.join("; ")}`);
  // The campaign reaches both sides, and every kind of problem.
  expect(cases).toBe(CASES);
  expect(accepted).toBeGreaterThan(CASES / 4);
  expect(answers).toBeGreaterThan(CASES);
  for (const problem of ["index block", "offset set", "version counts", "rLSNs", "index length", "volume table"]) {
    expect(refused.get(`Corrupt bad ${problem}`) ?? 0, problem).toBeGreaterThan(CASES / 1000);
  }
});
