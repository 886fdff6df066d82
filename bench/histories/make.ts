/** Makes the traces of `bench/histories` again; see scripts/make-histories.mjs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeFossil } from "./make-fossil.js";
import { makePackages } from "./make-packages.js";
import { makeProj } from "./make-proj.js";
import { makeTpcb } from "./make-tpcb.js";
import { encodeTrace, HISTORIES, type HistoryName, type Trace, tracePath } from "./trace.js";

const makers: Record<HistoryName, (folder: string) => Promise<Trace>> = {
  proj: makeProj,
  fossil: makeFossil,
  packages: makePackages,
  tpcb: makeTpcb,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !HISTORIES.some((known) => known === name));
if (unknown.length > 0) {
  console.error(`no history "${unknown[0]}": ${HISTORIES.join(", ")}`);
  process.exit(2);
}
for (const name of HISTORIES) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const folder = mkdtempSync(join(tmpdir(), `palimpsest-history-${name}-`));
  try {
    const trace = await makers[name](folder);
    const bytes = encodeTrace(trace);
    writeFileSync(tracePath(name), bytes);
    const { transactionCount, pageCount, offsets, lsns } = trace;
    console.log(
      `${name}: ${transactionCount} transactions, ${lsns.length} versions of ${offsets.length} of ${pageCount} pages, ${bytes.length} bytes`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
