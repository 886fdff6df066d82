/** `kill -9` at 50 random moments of an import; `scripts/kill-import.mjs` does it a thousand times. */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { needs } from "../helpers/requires.js";

describe("an import that is killed", needs("sqlite3"), () => {
  it("leaves a store that opens, verifies, and goes on to the same history: 50 kills", () => {
    const seed = process.env.SEED === undefined ? [] : ["--seed", process.env.SEED];
    const done = spawnSync(process.execPath, ["scripts/kill-import.mjs", "--count", "50", ...seed], {
      encoding: "utf8",
    });
    console.log(done.stdout);
    expect(done.stderr).toBe("");
    expect(done.status).toBe(0);
  });
});
