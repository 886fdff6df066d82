/** Finding a version through many overlapping segments: cost against their number. */
import { counted, figure, listing, quantity, range } from "../figures.js";
import { lineCharts, type Series } from "../line-chart.js";
import { html } from "../markup.js";
import { OTHER, OURS } from "../palette.js";
import { picture } from "../picture.js";
import type { Rows } from "../rows.js";
import { matrix, metricTables } from "../table.js";
import { countIn } from "./names.js";
import { type Section, told } from "./section.js";

const countOf = (workload: string) => countIn(workload, /segments?/)?.count ?? 0;
const isMerged = (implementation: string) => implementation.startsWith("merged");

/** How lines of one colour are told apart. */
function dashOf(implementation: string): Series["dash"] {
  if (implementation.includes("absent")) return "dotted";
  return implementation.includes("history") ? "dashed" : undefined;
}

function seriesOf(rows: Rows): Series[] {
  const times = rows.where({ metric: "time" }).filter(({ implementation }) => implementation !== "empty call");
  return times.distinct("implementation").map(
    (implementation): Series => ({
      name: implementation,
      colour: isMerged(implementation) ? OURS : OTHER,
      isHeavy: isMerged(implementation),
      isHollow: implementation.includes("batches"),
      dash: dashOf(implementation),
      points: times.where({ implementation }).all.map((row) => ({
        x: countOf(row.workload),
        y: row.value,
        spread: rows.spreadOf(row),
        about: `${row.workload}, ${implementation}: ${quantity(row.value, row.unit)}`,
      })),
    }),
  );
}

/** Of one way: its time with the most segments over its time with the fewest. */
function growth(series: readonly Series[], name: string) {
  const points = series.find((one) => one.name === name)?.points.filter(({ x }) => x > 0);
  if (!points || points.length < 2) return undefined;
  const sorted = [...points].sort((p, q) => p.x - q.x);
  const [first, last] = [sorted[0], sorted[sorted.length - 1]];
  return first.x < last.x && first.y > 0 ? { from: first, to: last, factor: last.y / first.y } : undefined;
}

function grown(series: readonly Series[]): string | undefined {
  const kinds = ["latest", "history", "absent"];
  const of = (way: string) =>
    kinds.flatMap((kind) => {
      const found = growth(series, `${way}: ${kind}`);
      return found ? [{ kind, ...found }] : [];
    });
  const [merged, others] = [of("merged"), of("one by one")];
  if (merged.length === 0) return undefined;
  const say = (list: typeof merged) => listing(list.map(({ kind, factor }) => `${figure(factor)} (${kind})`));
  const { from, to } = merged[0];
  const against = others.length > 0 ? `; asked one by one, by ${say(others)}` : "";
  return `From ${counted(from.x, "overlapping segment")} to ${counted(to.x, "segment")} the merged resolver’s time is multiplied by ${say(merged)}${against}`;
}

function apart(series: readonly Series[]): string | undefined {
  const [ours, theirs] = ["merged: latest", "one by one: latest"].map((name) => growth(series, name)?.to);
  if (!ours || !theirs || ours.x !== theirs.x || ours.y <= 0) return undefined;
  return `Through ${counted(ours.x, "segment")} the newest version takes ${quantity(ours.y, "ns")} merged and ${quantity(theirs.y, "ns")} one by one, ${figure(theirs.y / ours.y)} times as long`;
}

export const resolveSection: Section = {
  suite: "resolve",
  title: "What does a version cost when many segments overlap?",
  intro: html`<p>Every commit may leave a segment, and any of them may have the page that is asked for. Asked <em>one by one</em>, the index of every overlapping segment is searched, the newest first, until one has the offset. The <em>merged</em> resolver keeps, for each volume, one map from offsets to versions, built from the segments’ indexes as they are needed. Three questions: the newest version (“latest”), the newest at or below an LSN of the past (“history”), and an offset that nobody ever wrote (“absent”), which one by one has to ask every segment.</p>`,
  show(rows) {
    const series = seriesOf(rows);
    const { drawn, undrawn } = lineCharts([
      {
        about:
          "Time to resolve a page against the number of overlapping segments, merged and one by one. The table below has the figures.",
        xName: "overlapping segments, logarithmic",
        xUnit: "",
        yName: "time of a question, logarithmic",
        yUnit: "ns",
        series,
      },
    ]);
    const memory = rows.filter(({ metric }) => metric === "bytes a version" || metric === "build");
    const mergedBytes = memory.where({ implementation: "merged", metric: "bytes a version" }).all;
    const bytes = range(
      mergedBytes.map(({ value }) => value),
      figure,
    );
    const takeaway = grown(series);
    return {
      takeaways: told(takeaway, apart(series)),
      body: html`${
        series.length === 0
          ? undefined
          : picture(drawn, {
              takeaway,
              explanation:
                "Heavy lines: the merged resolver; thin ones: one by one. Unbroken: latest; dashed: history; dotted: absent; rings: many questions in one call",
              undrawn,
            })
      }
${bytes && html`<p>${`The merged resolver keeps ${bytes} bytes a version in memory, by number of segments.`} ${apart(series) && `${apart(series)}.`}</p>`}
${metricTables(
  rows.filter((row) => !memory.all.includes(row)),
  {
    down: "workload",
    across: "implementation",
    captions: { time: "ns for each question, with the spread", "empty calls": "Multiples of an empty call" },
  },
)}
${memory.distinct("implementation").map((implementation) => matrix(memory.where({ implementation }), { caption: `${implementation}: memory (bytes a version), and time to build it (ns a version)`, down: "workload", across: "metric" }))}`,
    };
  },
};
