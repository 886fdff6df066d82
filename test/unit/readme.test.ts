/** Every `sh` and `js` example of the README runs as it stands, in order, in one folder: a reader will copy them. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/run.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const examples = [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));

let folder: string;

beforeAll(() => {
  if (!existsSync(join(root, "dist", "cli.js"))) throw new Error('dist/ is missing: "npm run build" makes it');
  // Inside the package, so that its own name resolves as it does for a reader who installed it.
  mkdirSync(join(root, "build"), { recursive: true });
  folder = mkdtempSync(join(root, "build", "readme-"));
  symlinkSync(join(root, "scripts"), join(folder, "scripts"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin", "palimpsest"), `#!/bin/sh\nexec node "${root}/dist/cli.js" "$@"\n`);
  chmodSync(join(folder, "bin", "palimpsest"), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(program: string, args: string[]): string {
  const env = { ...process.env, PATH: `${join(folder, "bin")}:${process.env.PATH}`, PALIMPSEST_STORE: "" };
  return execFileSync(program, args, { cwd: folder, env, encoding: "utf8" });
}

test("the README has examples, and only of languages that are run here", () => {
  expect(examples.length).toBeGreaterThanOrEqual(3);
  expect([...new Set(examples.map(({ language }) => language))].sort()).toEqual(["js", "sh"]);
});

test.each(examples.map((example, i) => ({ ...example, i })))("example $i ($language) runs", ({ language, code, i }) => {
  if (language === "sh") {
    const output = run("sh", ["-euc", code]);
    expect(output).toMatch(/ada/);
    return;
  }
  const script = join(folder, `example-${i}.mjs`);
  writeFileSync(script, code);
  const printed = run(process.execPath, [script]).trimEnd().split("\n");
  // What a comment beside a console.log says it prints.
  const expected = [...code.matchAll(/^console\.log\(.*\/\/ (\w+)/gm)].map(([, value]) => value);
  if (expected.length > 0) expect(printed).toEqual(expected);
  else expect(printed.join("\n")).toContain("ada");
});

test("the table has every command", () => {
  const listed = [...readme.matchAll(/^\| `palimpsest (\w+)/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual(COMMANDS.map((command) => command.name).sort());
});

test("every link to a file of ours leads somewhere", () => {
  for (const page of ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]) {
    for (const [, path] of readFileSync(join(root, page), "utf8").matchAll(/\]\(((?!https?:)[^)#]+)\)/g)) {
      expect(existsSync(join(root, path)), `${path} in ${page}`).toBe(true);
    }
  }
});
