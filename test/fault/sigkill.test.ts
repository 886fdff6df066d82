/** A process that commits in a loop, killed at random moments by real SIGKILLs: `KILLS` of them, 50 in every run. */
import { describe, expect, it } from "vitest";
import { CrashKills } from "../campaign/crash-kills.js";
import { bundleProgram } from "../helpers/programs.js";
import { runSeed } from "../helpers/random.js";

const KILLS = Number(process.env.KILLS ?? 50);

describe("a process that commits and is killed", () => {
  const program = bundleProgram("test/fault/programs/committer.ts");

  it(`has lost nothing that it acknowledged, ${KILLS} times`, { timeout: 600_000 + KILLS * 5000 }, async () => {
    const report = await new CrashKills(runSeed("SIGKILL"), KILLS, program).run();
    console.log(JSON.stringify(report));
    expect(report.kills).toBe(KILLS);
    // They died at different moments of their work.
    expect(report.lifetimes).toBeGreaterThan(Math.min(KILLS, 50) / 10);
    expect(report.lsns).toBeGreaterThan(KILLS);
  });
});
