/** That the bugs of `bugs.json` can still be planted; and, of a few of them, chosen by chance, that they are caught. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { runSeed } from "../helpers/random.js";

/** Each with the check that must catch it: `scripts/planted-bugs.mjs` plants them. An edit replaces a text that occurs once. */
interface Bug {
  readonly name: string;
  /** The part of the system that it is in: a heading of docs/planted-bugs.md. */
  readonly group: string;
  readonly file: string;
  readonly edits: readonly (readonly [from: string, to: string])[];
  readonly check: { readonly file: string; readonly test?: string; readonly env?: Readonly<Record<string, string>> };
}
const bugs: readonly Bug[] = JSON.parse(readFileSync("test/planted/bugs.json", "utf8"));

it("each change fits its file once, and makes another of it", () => {
  expect(bugs.length).toBeGreaterThanOrEqual(90);
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
