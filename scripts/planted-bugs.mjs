// Plants bugs, one at a time, in a copy of the project, and runs the check that must catch each (test/planted/bugs.json). A check
// that passes with its bug in place is no check. Every check is first run without any bug.
//
//     npm run core && node scripts/planted-bugs.mjs [--only NAME] [--sample N --seed S] [--write]
//
// --write puts the table into docs/planted-bugs.md.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bugs = JSON.parse(readFileSync(join(root, "test/planted/bugs.json"), "utf8"));
const COPIED = ["assembly", "bench", "scripts", "spec", "src", "test"];
const FILES = ["asconfig.json", "package.json", "tsconfig.json", "vitest.config.ts"];

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    sample: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    write: { type: "boolean", default: false },
  },
});

/** The first `count` of the bugs in an order that the seed gives. */
function sampleOf(count, seed) {
  let state = seed >>> 0;
  const rank = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  return bugs
    .map((bug) => ({ bug, at: rank() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, count)
    .map(({ bug }) => bug);
}

const chosen = values.only
  ? bugs.filter(({ name }) => name.includes(values.only))
  : values.sample
    ? sampleOf(Number(values.sample), Number(values.seed))
    : bugs;
if (values.sample) console.log(`sample of ${values.sample}, --seed ${values.seed}`);

const copy = mkdtempSync(join(tmpdir(), "palimpsest-planted-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
for (const folder of COPIED) cpSync(join(root, folder), join(copy, folder), { recursive: true });
for (const file of FILES) cpSync(join(root, file), join(copy, file));
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
const cores = ["core.wasm", "core-shared.wasm"].map((file) => join("build", file));
for (const file of cores) cpSync(join(root, file), join(copy, file));

/** What vitest says of one check: how many tests failed and passed, and the first failure's words. */
function run(check) {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  const named = check.test ? ["-t", check.test] : [];
  const output = ["--reporter=json", `--outputFile=${report}`];
  const env = { ...process.env, CI: "", ...check.env };
  const bin = join(copy, "node_modules/.bin/vitest");
  spawnSync(bin, ["run", ...check.file.split(" "), ...named, ...output], {
    cwd: copy,
    env,
    stdio: "ignore",
    timeout: 600_000,
  });
  if (!existsSync(report)) return { failed: 0, passed: 0, message: "no report" };
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failures = results.filter(({ status }) => status === "failed");
  const message =
    failures[0]?.failureMessages?.[0] ?? testResults.find(({ status }) => status === "failed")?.message ?? "";
  return {
    failed: failures.length,
    passed: results.filter(({ status }) => status === "passed").length,
    message: message.split("\n")[0].slice(0, 160),
  };
}

const idOf = ({ file, test, env }) => JSON.stringify([file, test, env]);
let wrong = 0;
const sound = new Map();
for (const { check } of chosen) {
  if (sound.has(idOf(check))) continue;
  const result = run(check);
  const passes = result.failed === 0 && result.passed > 0;
  sound.set(idOf(check), passes);
  if (!passes) wrong++;
  console.log(`${passes ? "sound" : "NOT SOUND"} without a bug: ${check.file} ${check.test ?? ""} ${result.message}`);
}

const rows = [];
for (const { name, file, edits, check } of chosen) {
  const path = resolve(copy, file);
  const before = readFileSync(path, "utf8");
  let after = before;
  for (const [from, to] of edits) {
    if (after.split(from).length !== 2) throw new Error(`${name}: ${JSON.stringify(from)} is not once in ${file}`);
    after = after.replace(from, () => to);
  }
  writeFileSync(path, after);
  const isCore = file.startsWith("assembly/");
  if (isCore) execFileSync("node", ["scripts/build.mjs", "core"], { cwd: copy, stdio: "ignore" });
  const began = performance.now();
  const { failed, message } = run(check);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  writeFileSync(path, before);
  if (isCore) for (const core of cores) cpSync(join(root, core), join(copy, core));
  const isCaught = failed > 0 && sound.get(idOf(check));
  if (!isCaught) wrong++;
  console.log(`${isCaught ? "caught" : "NOT CAUGHT"} (${seconds} s): ${name}: ${message}`);
  rows.push(
    `| ${name} | \`${file}\` | \`${check.file}\`${check.test ? `: ${check.test}` : ""} | ${isCaught ? "yes" : "**no**"} |`,
  );
}

console.log(`${rows.length} bugs planted, ${rows.filter((row) => row.endsWith("yes |")).length} caught`);
if (values.write) {
  const text = `# Planted bugs

Each was put into a copy of the project by \`node scripts/planted-bugs.mjs --write\`, which made this table, and the check named beside it
failed; without any bug it passed. \`test/planted/bugs.json\` has the exact change of each; every run of the tests plants a few, chosen
by chance.

| bug | in | caught by | caught |
|---|---|---|---|
${rows.join("\n")}
`;
  writeFileSync(join(root, "docs/planted-bugs.md"), text);
}
process.exitCode = wrong === 0 ? 0 : 1;
