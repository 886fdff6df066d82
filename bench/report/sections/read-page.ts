/** A whole `readPage`: look-up, checksum where it is due, and handing the bytes over. */

import { barChart } from "../bar-chart.js";
import { figure, listing, quantity } from "../figures.js";
import { html } from "../markup.js";
import { OURS } from "../palette.js";
import { picture } from "../picture.js";
import type { Rows } from "../rows.js";
import { metricTables } from "../table.js";
import { type Section, told } from "./section.js";

function inWords(rows: Rows, workload: string): string | undefined {
  const here = rows.where({ workload });
  const parts = here
    .where({ metric: "time" })
    .filter(({ implementation }) => implementation !== "empty call")
    .all.slice(0, 3)
    .map(({ implementation, value, unit }) => {
      const calls = here.find({ implementation, metric: "empty calls" });
      return `${quantity(value, unit)} “${implementation}”${calls ? ` (${figure(calls.value)} empty calls)` : ""}`;
    });
  return parts.length === 0 ? undefined : `“${workload}”: a page takes ${listing(parts)}`;
}

export const readPageSection: Section = {
  suite: "read-page",
  title: "What does a whole page cost?",
  intro: html`<p><code>readPage(vid, offset, lsn)</code> finds the newest version at or below the LSN and hands over its 4096 bytes. <em>Borrowed</em>: a view of the store’s memory, good until the next call. <em>Into</em>: copied into a buffer that the caller reuses. <em>Owned</em>: copied into bytes of the caller’s own. Each is asked without a promise (sync), with one (async), or for 256 pages at once. Pages are few enough for the processor’s cache (hot), more than that but in memory, or in a folder and more than the store may keep in memory.</p>`,
  show(rows) {
    const times = rows.where({ metric: "time" }).filter(({ implementation }) => implementation !== "empty call");
    const workloads = times.distinct("workload");
    const { drawn, undrawn } = barChart({
      about:
        "Time to read a page, by the way it is handed over and by where it lies. The tables below have the figures.",
      axisName: "time for each page, logarithmic",
      unit: "ns",
      groups: workloads.map((workload) => ({
        name: workload,
        bars: times.where({ workload }).all.map((row) => ({
          name: row.implementation,
          value: row.value,
          spread: rows.spreadOf(row),
          colour: OURS,
          label: quantity(row.value, row.unit),
        })),
      })),
    });
    const first = workloads[0] === undefined ? undefined : inWords(rows, workloads[0]);
    return {
      takeaways: told(first),
      body: html`${
        times.isEmpty
          ? undefined
          : picture([drawn], {
              takeaway: first,
              explanation:
                "Shorter is faster; the axis is logarithmic, so that lengths show ratios and not differences; the thin stroke is the spread",
              undrawn,
            })
      }
${metricTables(rows, {
  down: "implementation",
  across: "workload",
  captions: { time: "ns for each page, with the spread", "empty calls": "Multiples of an empty call" },
})}`,
    };
  },
};
