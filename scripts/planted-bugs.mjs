// Plants bugs, one at a time, in a copy of the project, and runs the check that must catch each (test/planted/bugs.json). A check
// that passes with its bug in place is no check. Every check is first run without any bug.
//
//     npm run core && node scripts/planted-bugs.mjs [--only TEXT] [--sample N --seed S] [--write]
//
// --only takes those whose name, group or file contains the text. --write, of all, makes docs/planted-bugs.md.
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
  ? bugs.filter(({ name, group, file }) => [name, group, file].some((text) => text.includes(values.only)))
  : values.sample
    ? sampleOf(Number(values.sample), Number(values.seed))
    : bugs;
if (values.write && chosen.length < bugs.length) throw new Error("--write is for a run of all bugs");
if (values.sample) console.log(`sample of ${values.sample}, --seed ${values.seed}`);

const copy = mkdtempSync(join(tmpdir(), "palimpsest-planted-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
for (const folder of COPIED) cpSync(join(root, folder), join(copy, folder), { recursive: true });
for (const file of FILES) cpSync(join(root, file), join(copy, file));
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
const cores = ["core.wasm", "core-shared.wasm"].map((file) => join("build", file));
for (const file of cores) cpSync(join(root, file), join(copy, file));

/** What vitest says of one check, up to its first failure: how many tests failed and passed, and the failure's words. */
function run(check) {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  const named = check.test ? ["-t", check.test] : [];
  const output = ["--bail=1", "--reporter=json", `--outputFile=${report}`];
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
const began = performance.now();
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

let caught = 0;
/** The table's rows, by group. */
const rows = new Map();
for (const { name, group, file, edits, check } of chosen) {
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
  const start = performance.now();
  const { failed, message } = run(check);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  writeFileSync(path, before);
  if (isCore) for (const core of cores) cpSync(join(root, core), join(copy, core));
  const isCaught = failed > 0 && sound.get(idOf(check));
  if (isCaught) caught++;
  else wrong++;
  console.log(`${isCaught ? "caught" : "NOT CAUGHT"} (${seconds} s): ${name}: ${message}`);
  const settings = Object.entries(check.env ?? {}).map(([key, value]) => `, \`${key}=${value}\``);
  const by = `\`${check.file}\`${check.test ? `: ${check.test}` : ""}${settings.join("")}`;
  const row = `| ${name} | \`${file}\` | ${by} | ${isCaught ? `yes, ${seconds} s` : "**no**"} |`;
  rows.set(group, [...(rows.get(group) ?? []), row]);
}

console.log(`${chosen.length} bugs planted, ${caught} caught`);
if (values.write) {
  const minutes = ((performance.now() - began) / 60_000).toFixed(0);
  const tables = [...rows].map(
    ([group, lines]) => `## ${group}\n\n| bug | in | caught by | caught |\n|---|---|---|---|\n${lines.join("\n")}\n`,
  );
  const text = `# Planted bugs

A check that cannot fail proves nothing. So each of these bugs, a mistake of a few tokens, is put into a copy of the project by
\`npm run core && node scripts/planted-bugs.mjs\`, and the check named beside it must fail; without any bug it must pass.
\`test/planted/bugs.json\` has the exact change of each, and every run of the tests plants two of them, chosen by chance.

Last run of all, with \`--write\`, which makes this page: ${new Date().toISOString().slice(0, 10)}, ${chosen.length} planted, ${caught} caught, in
${minutes} minutes. The seconds are those of the check until its first failure, start included.

${tables.join("\n")}`;
  writeFileSync(join(root, "docs/planted-bugs.md"), text);
}
process.exitCode = wrong === 0 ? 0 : 1;
