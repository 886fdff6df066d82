/** Half of the crash states that a run of the tests recovers from: one for each worker, so that both are busy. */
import { expect, it } from "vitest";
import { runSeed } from "../helpers/random.js";
import { CrashStates } from "./crash-states.js";

const STATES = Number(process.env.CRASH_STATES ?? 100_000) / 2;

/** @param half Sets the seeds apart. */
export function itRecovers(half: number): void {
  it(`recovers from ${STATES} states of a crashed disk`, { timeout: 36_000_000 }, async () => {
    const report = await new CrashStates(runSeed(`crash states, half ${half}`) + half * 2 ** 30, STATES).run();
    console.log(JSON.stringify(report));
    expect(report.distinct).toBeGreaterThanOrEqual(STATES);
    expect(Math.min(report.nested, report.kills, report.acknowledged)).toBeGreaterThan(0);
  });
}
