/** `kill -9` at 50 random moments of an import; `scripts/kill-import.mjs` does it a thousand times. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { needs } from "../helpers/requires.js";

describe("an import that is killed", needs("sqlite3"), () => {
  it("leaves a store that opens, verifies, and goes on to the same history: 50 kills", () => {
    const seed = process.env.SEED === undefined ? [] : ["--seed", process.env.SEED];
    // What a killed process leaves does not depend on the disk: one in memory saves thousands of syncs.
    const env = existsSync("/dev/shm") ? { ...process.env, TMPDIR: "/dev/shm" } : process.env;
    const args = ["scripts/kill-import.mjs", "--count", "50", ...seed];
    const done = spawnSync(process.execPath, args, { encoding: "utf8", env });
    console.log(done.stdout);
    expect(done.stderr).toBe("");
    expect(done.status).toBe(0);
  }, 600_000);
});
