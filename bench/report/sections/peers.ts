/** Palimpsest against the stores that people use today. */
import { type BarGroup, barChart } from "../bar-chart.js";
import { figure, quantity, range, sentences } from "../figures.js";
import { html, type Markup } from "../markup.js";
import { picture } from "../picture.js";
import type { Rows } from "../rows.js";
import { matrix } from "../table.js";
import { colourOfStore, OUR_NAME } from "./names.js";
import { type Section, told } from "./section.js";

/** "large: 448 MiB of pages; exact LSN known": how much data, and what is asked of it. */
function partsOf(workload: string): [scale: string, question: string] {
  const [scale, ...question] = workload.split("; ");
  return [scale, question.join("; ")];
}

/** Ratios are of processor times, so these are drawn where there are any. */
const timeMetric = (rows: Rows) => (rows.where({ metric: "processor" }).isEmpty ? "time" : "processor");

const yardstickOf = (rows: Rows) => rows.distinct("metric").find((metric) => metric.startsWith(`/ ${OUR_NAME}`));

/** The fastest peer, as a multiple of the yardstick. */
function nearest(rows: Rows, workload: string): string | undefined {
  const here = rows.where({ workload });
  const yardstick = yardstickOf(here);
  if (yardstick === undefined) return undefined;
  const ratios = [...here.where({ metric: yardstick }).all].sort((a, b) => a.value - b.value);
  const others = ratios
    .slice(1)
    .map(({ implementation, value }) => `${implementation} ${figure(value)}`)
    .join(", ");
  const [scale, question] = partsOf(workload);
  const { implementation, value } = ratios[0];
  return `“${scale}”, ${question}: the fastest peer, ${implementation}, takes ${figure(value)} times as long as ${yardstick.slice(2)}${others && ` (${others})`}`;
}

function chartOf(rows: Rows, scale: string): Markup | undefined {
  const workloads = rows.distinct("workload").filter((workload) => partsOf(workload)[0] === scale);
  const groups = workloads.flatMap((workload): BarGroup[] => {
    const here = rows.where({ workload });
    const times = here.where({ metric: timeMetric(here) });
    const yardstick = yardstickOf(here);
    if (times.isEmpty) return [];
    const ratioOf = (implementation: string) =>
      yardstick === undefined ? undefined : here.find({ implementation, metric: yardstick })?.value;
    return [
      {
        name: partsOf(workload)[1],
        bars: times.all.map((row) => {
          const ratio = ratioOf(row.implementation);
          return {
            name: row.implementation,
            value: row.value,
            spread: here.spreadOf(row),
            colour: colourOfStore(row.implementation),
            label: `${quantity(row.value, row.unit)}${ratio === undefined ? "" : `  (${figure(ratio)}×)`}`,
          };
        }),
      },
    ];
  });
  if (groups.length === 0) return undefined;
  const metric = timeMetric(rows.where({ workload: workloads[0] }));
  const { drawn, undrawn } = barChart({
    about: `${scale}: time for each page of every store and call. The tables below have the figures.`,
    axisName: `${metric === "processor" ? "processor time" : "time"} for each page, logarithmic`,
    unit: "ns",
    groups,
  });
  return html`<h3>${scale}</h3>
${picture([drawn], {
  takeaway: workloads.map((workload) => nearest(rows, workload)).find((text) => text !== undefined),
  explanation:
    "Shorter is faster; the axis is logarithmic, so that lengths show ratios. In brackets, a peer’s multiple of the first Palimpsest call of its group that is a yardstick: the median of the rounds’ ratios. Blue: Palimpsest; grey: peers; the thin stroke is the spread",
  undrawn,
})}`;
}

export const peersSection: Section = {
  suite: "peers",
  title: "How does it compare with stores in use?",
  intro: html`<p>The same pages with the same history in <code>lmdb</code>, <code>better-sqlite3</code> and <code>classic-level</code>, each tuned as those who know it would, and the same questions: the newest version at or below an LSN, the version with an LSN that is known exactly, and 256 offsets at one LSN. Every answer is checked. The peers are general stores that also write, share and recover; Palimpsest does one thing. What is compared is that one thing.</p>`,
  show(rows) {
    const onDisk = rows.filter(({ unit }) => unit === "bytes");
    const asked = rows.filter(({ unit }) => unit !== "bytes");
    const scales = [...new Set(asked.distinct("workload").map((workload) => partsOf(workload)[0]))];
    const findings = asked.distinct("workload").map((workload) => nearest(asked, workload));
    const ours = onDisk.where({ implementation: OUR_NAME });
    const others = onDisk.filter(({ implementation }) => implementation !== OUR_NAME);
    const say = (of: Rows) =>
      range(
        of.all.map(({ value }) => value),
        figure,
      );
    return {
      takeaways: told(findings.find((text) => text !== undefined)),
      body: html`${scales.map((scale) => chartOf(asked, scale))}
<ul>
${findings.map((text) => text && html`<li>${sentences(text)}</li>\n`)}</ul>
${asked.distinct("workload").map((workload) =>
  matrix(asked.where({ workload }), {
    caption: `${workload}: ns for each page by the clock and of the processor, the spread as a part of the median, and multiples (×) of calls of Palimpsest`,
    down: "implementation",
    across: "metric",
    head: (metric) => metric.replace(/^\/ /, "× "),
  }),
)}
${say(ours) && say(others) && html`<p>${`On disk, a version of a page takes Palimpsest ${say(ours)} bytes and the others ${say(others)}.`}</p>`}
${onDisk.distinct("workload").map((workload) =>
  matrix(onDisk.where({ workload }), {
    caption: `${workload}: bytes`,
    down: "implementation",
    across: "metric",
  }),
)}`,
    };
  },
};
