/**
 * `npm run bench -- <suite> [--quick] [--json FILE]`: measures, prints a table, and keeps the rows as JSON.
 * Rows are `{ suite, workload, implementation, metric, value, unit }`. `report` makes a page from them.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread } from "node:worker_threads";
import type { Row, Suite } from "./measure.js";
import { report } from "./report/command.js";
import { writeConditions } from "./report/conditions.js";
import { cold } from "./suites/cold.js";
import { importSuite, runTask } from "./suites/import.js";
import { open } from "./suites/open.js";
import { peers } from "./suites/peers.js";
import { probe } from "./suites/probe.js";
import { readPage } from "./suites/read-page.js";
import { resolve } from "./suites/resolve.js";
import { segments } from "./suites/segments.js";
import { shared } from "./suites/shared.js";
import { runSharedReader } from "./suites/shared-reader.js";
import { sizes } from "./suites/sizes.js";
import { tail } from "./suites/tail.js";

/** A suite may print its rows in a form of its own. */
type Printing = Suite & { print?(rows: readonly Row[]): void };

const suites: readonly Printing[] = [
  probe,
  open,
  segments,
  resolve,
  readPage,
  shared,
  importSuite,
  cold,
  peers,
  sizes,
  tail,
];

const usage = `Usage: npm run bench -- <suite> [--quick] [--json FILE]
       npm run bench -- report [--quick] [--from FOLDER] [--out FILE]

${suites.map(({ name, about }) => `  ${name.padEnd(12)}${about}`).join("\n")}

  report      one HTML page, with tables and pictures, of every suite

  --quick        few rounds and small data: shows that it runs, not how fast
  --json FILE    also writes the rows there, and beside them when and on what they were measured (FILE.run.json)
  --from FOLDER  the report takes the JSON that is there, instead of running every suite
  --out FILE     where the report goes: build/bench/report.html unless said otherwise
`;

function wrongUsage(message: string): never {
  console.error(`${message}\n\n${usage}`);
  process.exit(2);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: "boolean" },
        json: { type: "string" },
        from: { type: "string" },
        out: { type: "string" },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    return wrongUsage((error as Error).message);
  }
}

/** One line for each workload: an implementation's figures side by side. */
function print(rows: readonly Row[]): void {
  const workloads = [...new Set(rows.map((row) => row.workload))];
  for (const workload of workloads) {
    console.log(`\n${workload}`);
    const of = rows.filter((row) => row.workload === workload);
    const width = Math.max(22, ...of.map(({ implementation }) => implementation.length)) + 2;
    for (const implementation of new Set(of.map((row) => row.implementation))) {
      const figures = of
        .filter((row) => row.implementation === implementation)
        .map(({ metric, value, unit }) => `${metric} ${Number(value.toPrecision(3))} ${unit}`);
      console.log(`  ${implementation.padEnd(width)}${figures.join("   ")}`);
    }
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parse();
  if (values.help) return console.log(usage);
  if (positionals.length !== 1) wrongUsage("name one suite");
  if (positionals[0] === "report") {
    const { quick = false, from, out } = values;
    return report({ suites: suites.map(({ name }) => name), quick, from, out });
  }
  const suite = suites.find(({ name }) => name === positionals[0]);
  if (!suite) return wrongUsage(`no suite "${positionals[0]}"`);
  const quick = values.quick === true;
  const rows: Row[] = [];
  console.log(
    `${suite.name}: Node ${process.version}, ${cpus()[0]?.model ?? "unknown processor"}${quick ? ", quick" : ""}`,
  );
  await suite.run({ quick, rounds: quick ? 3 : 15 }, (row) => rows.push(row));
  (suite.print ?? print)(rows);
  if (values.json === undefined) return;
  writeFileSync(values.json, `${JSON.stringify(rows, null, 1)}\n`);
  writeConditions(values.json, quick);
}

// A suite may run parts of itself in threads and processes of their own.
if (!isMainThread) await runSharedReader();
else if (process.argv[2] === "--task") await runTask(process.argv.slice(3));
else await main();
