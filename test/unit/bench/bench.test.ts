/** Every suite of the bench runs, with little data: that its rivals agree is part of the run, and rows come out. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Row } from "../../../bench/measure.js";

const folder = mkdtempSync(join(tmpdir(), "palimpsest-bench-test-"));
const main = "build/bench/main.js";

beforeAll(() => {
  execFileSync(process.execPath, ["scripts/build.mjs", "bench"], { stdio: "inherit" });
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(["probe", "open", "segments", "read-page", "shared", "import", "sizes", "tail"])(
  "%s --quick --json",
  (suite) => {
    const json = join(folder, `${suite}.json`);
    const output = execFileSync(process.execPath, [main, suite, "--quick", "--json", json], { encoding: "utf8" });
    const rows = JSON.parse(readFileSync(json, "utf8")) as Row[];
    expect(rows.length).toBeGreaterThan(3);
    for (const row of rows) {
      expect(Object.keys(row).sort()).toEqual(["implementation", "metric", "suite", "unit", "value", "workload"]);
      expect(row.suite).toBe(suite);
      expect(Number.isFinite(row.value)).toBe(true);
      expect(output).toContain(row.workload);
      expect(output).toContain(row.implementation);
    }
  },
);

test("wrong usage is told, and exits with 2", () => {
  for (const args of [[], ["no-such-suite"], ["probe", "--fast"]]) {
    const { status, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toContain("npm run bench -- <suite>");
  }
});
