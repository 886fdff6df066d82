/**
 * `npm run bench -- report`: one static page from the suites' JSON. Without a folder of JSON it runs every suite first,
 * each in a process of its own, so that no suite's garbage, or failure, is another's.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { page } from "./page.js";
import { readFolder } from "./rows.js";

export interface ReportOptions {
  /** Every suite that can be run. */
  readonly suites: readonly string[];
  readonly quick: boolean;
  /** A folder of JSON that suites left; without it they are run. */
  readonly from: string | undefined;
  readonly out: string | undefined;
}

const DEFAULT_OUT = "build/bench/report.html";
/** Where the suites leave their rows when the report runs them. */
const ROWS_FOLDER = "build/bench/rows";

/** Runs the suites into `folder`; returns, by suite, why one has no rows. */
function runSuites(folder: string, suites: readonly string[], quick: boolean): Map<string, string> {
  mkdirSync(folder, { recursive: true });
  const absences = new Map<string, string>();
  for (const suite of suites) {
    const json = join(folder, `${suite}.json`);
    // Rows of an earlier run must not stand for a suite that fails now.
    rmSync(json, { force: true });
    const args = [process.argv[1], suite, "--json", json, ...(quick ? ["--quick"] : [])];
    console.log(`running ${suite}`);
    const { status, signal, stderr } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (status === 0) continue;
    const message = /^\w*Error: (.*)$/m.exec(stderr)?.[1] ?? `it ended with ${signal ?? `exit code ${status}`}`;
    absences.set(suite, message);
    console.error(`${suite} failed: ${message}`);
  }
  return absences;
}

/** @throws Error where the JSON cannot be read, or the page not be written. */
export function report({ suites, quick, from, out = DEFAULT_OUT }: ReportOptions): void {
  if (from !== undefined && !existsSync(from)) {
    console.error(`no folder "${from}": "npm run bench -- <suite> --json FILE" puts rows into one`);
    process.exitCode = 2;
    return;
  }
  const folder = from ?? ROWS_FOLDER;
  const absences = from === undefined ? runSuites(folder, suites, quick) : undefined;
  const results = readFolder(folder, absences);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, page(results));
  const count = results.rows.all.length;
  console.log(`${out}: ${count} rows of ${results.rows.distinct("suite").join(", ") || "no suite"}`);
}
