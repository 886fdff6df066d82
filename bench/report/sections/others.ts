/** A cold store, shared memory, SQLite files; and suites that the report does not know. */
import { barChart } from "../bar-chart.js";
import { figure, listing, quantity, range } from "../figures.js";
import { html } from "../markup.js";
import { OTHER, OURS } from "../palette.js";
import { picture } from "../picture.js";
import type { Rows } from "../rows.js";
import { matrix } from "../table.js";
import { showByCount } from "./by-count.js";
import { countIn } from "./names.js";
import { type Section, told } from "./section.js";

const SEGMENTS = /segments?/;

export const coldSection: Section = {
  suite: "cold",
  title: "How soon does a cold store give its first page?",
  intro: html`<p>From opening a store in a folder to the first page in hand: the time, how many reads it took, and how many bytes. An inline index travels with the log’s own record of the segment; a separate one is a read of its own. Where the system allows it, its page cache is emptied before each opening.</p>`,
  show: (rows) => showByCount(rows, { noun: SEGMENTS, countName: "segments", metrics: ["time", "reads", "bytes"] }),
};

const WORKERS = /workers?|threads?/;

/** By number of workers, what a look-up costs against one reader alone on plain memory. */
function toPlainMemory(rows: Rows): string | undefined {
  const of = rows
    .where({ metric: "to plain memory" })
    .filter(({ implementation }) => countIn(implementation, WORKERS) !== undefined);
  const parts = of.distinct("implementation").map((implementation) => {
    const ratios = of.where({ implementation }).all.map(({ value }) => value);
    return `${implementation} ${range(ratios, figure)}`;
  });
  return parts.length === 0
    ? undefined
    : `Against one reader alone on plain memory, a look-up in shared memory takes so many times the processor time, by workload: ${listing(parts)}`;
}

function linearMemory(rows: Rows): string | undefined {
  const of = rows.where({ metric: "linear memory" });
  const sizes = range(
    of.all.map(({ value }) => value),
    (value) => quantity(value, "bytes"),
  );
  return sizes && `Linear memory has ${sizes}, with ${listing(of.distinct("implementation"))}`;
}

export const sharedSection: Section = {
  suite: "shared",
  title: "What does sharing memory between workers cost?",
  intro: html`<p>One thread loads segments into shared memory, and any number of workers search the same bytes without copies. Given is processor time for each look-up: if sharing were free, it would not depend on how many workers there are.</p>`,
  show(rows) {
    const findings = showByCount(rows, {
      noun: WORKERS,
      countName: "workers",
      metrics: ["processor time", "time"],
      takeaway: toPlainMemory(rows),
    });
    return { ...findings, takeaways: told(...findings.takeaways, linearMemory(rows)) };
  },
};

export const importSection: Section = {
  suite: "import",
  title: "How fast do SQLite databases come in, and out?",
  intro: html`<p>A write-ahead log becomes an LSN for each of its transactions, a database file becomes one LSN, and a restore writes the file back. Each runs in a process of its own, so that its peak memory is its own. The time that the storage took to make bytes durable is also given apart, and a restore is held against writing so many bytes and nothing else.</p>`,
  show(rows) {
    const rates = rows.where({ metric: "rate" });
    const rounds = (implementation: string) => rates.where({ implementation }).all.map(({ value }) => value);
    const say = (implementation: string, verb: string) => {
      const text = range(rounds(implementation), figure);
      return text && `${verb} ran at ${text} MB/s`;
    };
    const parts = [say("import", "imports"), say("restore", "restores"), say("bare write", "bare writing")].filter(
      (text) => text !== undefined,
    );
    const takeaway = parts.length === 0 ? undefined : `Syncs included, ${parts.join("; ")}`;
    const { drawn, undrawn } = barChart({
      about: "Rates of importing, restoring and bare writing. The table below has the figures.",
      axisName: "MB/s, syncs included, logarithmic",
      unit: "",
      groups: rates.distinct("workload").map((workload) => ({
        name: workload,
        bars: rates.where({ workload }).all.map(({ implementation, value, unit }) => ({
          name: implementation,
          value,
          colour: implementation === "bare write" ? OTHER : OURS,
          label: quantity(value, unit),
        })),
      })),
    });
    return {
      takeaways: told(takeaway),
      body: html`${rates.isEmpty ? undefined : picture([drawn], { takeaway, explanation: "Longer is faster; the axis is logarithmic", undrawn })}
${rows.distinct("workload").map((workload) => {
  const here = rows.where({ workload });
  const head = (metric: string) => html`${metric}<br><small>${here.find({ metric })!.unit}</small>`;
  return matrix(here, { caption: workload, down: "implementation", across: "metric", head });
})}`,
    };
  },
};

/** Of a suite that has no section of its own. */
export const unknownSection = (suite: string): Section => ({
  suite,
  title: `Also measured: ${suite}`,
  intro: html`<p>A suite that this report has no words for: its rows as they are.</p>`,
  show: (rows) => showByCount(rows, { noun: /segments?|workers?|pages?/, countName: "count" }),
});
