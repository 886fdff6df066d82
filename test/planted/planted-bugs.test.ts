/** That the bugs of `bugs.mjs` can still be planted; and, of a few of them, chosen by chance, that they are caught. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { runSeed } from "../helpers/random.js";
import { bugs } from "./bugs.mjs";

it("each change fits its file once, and makes another of it", () => {
  expect(bugs.length).toBeGreaterThanOrEqual(30);
  expect(new Set(bugs.map(({ name }) => name)).size).toBe(bugs.length);
  for (const { name, file, edits } of bugs) {
    let text = readFileSync(file, "utf8");
    for (const [from, to] of edits) {
      expect(text.split(from).length, `${name}: ${from}`).toBe(2);
      expect(to).not.toBe(from);
      text = text.replace(from, () => to);
    }
  }
});

it("a few of them are caught: all by node scripts/planted-bugs.mjs", { timeout: 600_000 }, () => {
  const seed = runSeed("planted bugs");
  const { status, stdout } = spawnSync("node", ["scripts/planted-bugs.mjs", "--sample", "2", "--seed", `${seed}`], {
    encoding: "utf8",
  });
  console.info(stdout);
  expect(status, stdout).toBe(0);
});
