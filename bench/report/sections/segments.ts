/** Look-ups with many segments resident: time against the bytes that the indexes have together. */
import { median } from "../../measure.js";
import { counted, figure, listing, quantity, range } from "../figures.js";
import { type LineChart, lineCharts, type Series } from "../line-chart.js";
import { html, type Markup } from "../markup.js";
import { picture } from "../picture.js";
import type { Rows } from "../rows.js";
import { metricTables } from "../table.js";
import { askedOf, colourOfAsked, countIn } from "./names.js";
import { type Section, told } from "./section.js";

/** "dense, one commit; 4 segments; scattered": its parts. */
function partsOf(workload: string) {
  const [data, segments, ...way] = workload.split("; ");
  return { data, count: countIn(segments ?? "", /segments?/)?.count ?? 0, way: way.join("; ") };
}

/** What an implementation's name is short for on a picture. */
function shortName(implementation: string): string {
  const asked = askedOf(implementation);
  if (!asked) return implementation;
  return [asked.design, asked.language === "js" ? "TypeScript" : "", asked.way].filter((word) => word !== "").join(" ");
}

function seriesOf(rows: Rows): Series[] {
  const times = rows.where({ metric: "time" });
  const resident = rows.where({ metric: "resident" });
  return resident.distinct("implementation").map((implementation): Series => {
    const asked = askedOf(implementation);
    return {
      name: shortName(implementation),
      colour: colourOfAsked(asked),
      isHeavy: asked?.design === "g" && asked.language === "wasm",
      isHollow: asked?.language === "js",
      dash: asked?.way ? "dashed" : asked?.language === "js" ? "dotted" : undefined,
      points: times.where({ implementation }).all.flatMap((row) => {
        const { workload, value, unit } = row;
        const bytes = resident.find({ workload, implementation });
        if (!bytes) return [];
        const about = `${workload}, ${implementation}: ${quantity(value, unit)} with ${quantity(bytes.value, "bytes")} resident`;
        return [{ x: bytes.value, y: value, spread: rows.spreadOf(row), about }];
      }),
    };
  });
}

/** With the most segments that were measured: every rival's time as a multiple of that of g. */
function atMost(rows: Rows): string | undefined {
  const most = Math.max(...rows.all.map(({ workload }) => partsOf(workload).count));
  const here = rows.filter(({ workload }) => partsOf(workload).count === most).where({ metric: "time" });
  const shipped = here.where({ implementation: "g wasm" });
  const others = here.distinct("implementation").flatMap((implementation) => {
    if (implementation === "g wasm" || !askedOf(implementation)) return [];
    const ratios = here.where({ implementation }).all.flatMap(({ workload, value }) => {
      const ours = shipped.find({ workload })?.value;
      return ours ? [value / ours] : [];
    });
    return ratios.length === 0 ? [] : [{ name: shortName(implementation), ratio: median(ratios) }];
  });
  if (others.length === 0) return undefined;
  const time = range(
    shipped.all.map(({ value }) => value),
    figure,
  );
  const list = listing(others.map(({ name, ratio }) => `${name} ${figure(ratio)}`));
  return `With ${counted(most, "segment")} resident, g takes ${time} ${shipped.all[0].unit} a look-up, by workload; the others take so many times as long (medians): ${list}`;
}

function chartsOf(rows: Rows, way: string): Markup {
  const here = rows.filter(({ workload }) => partsOf(workload).way === way);
  const data = [...new Set(here.distinct("workload").map((workload) => partsOf(workload).data))];
  const charts = data.map((name): LineChart => {
    const title = name;
    const series = seriesOf(here.filter(({ workload }) => partsOf(workload).data === name));
    return {
      about: `${name}, ${way}: time of a look-up against the bytes of all resident indexes, by design. The tables below have the figures.`,
      title,
      xName: "bytes of all indexes together",
      xUnit: "bytes",
      yName: "time of a look-up",
      yUnit: "ns",
      series,
    };
  });
  const { drawn, undrawn } = lineCharts(charts);
  return picture(drawn, {
    takeaway: atMost(here),
    explanation: `Look-ups ${way === "scattered" ? "scattered over all segments" : `by ${way}`}; both axes are logarithmic and the same in every panel; each point is a number of segments, further right is a larger index, further down is faster; an upright stroke is a point’s spread`,
    undrawn,
  });
}

const CAPTIONS = {
  time: "ns for each look-up, with the spread",
  "of g wasm": "multiples of the time of g in WebAssembly",
  "empty calls": "multiples of an empty call",
  resident: "bytes of all indexes together",
};

function tablesOf(rows: Rows, way: string): Markup {
  const tables = metricTables(
    rows.filter(({ workload }) => partsOf(workload).way === way),
    {
      title: way,
      down: "workload",
      across: "implementation",
      name: (workload) => workload.split("; ").slice(0, 2).join("; "),
      apart: ["empty call"],
      captions: CAPTIONS,
      least: ["time", "resident"],
    },
  );
  return html`<details><summary>Figures: ${way}</summary>
${tables}</details>
`;
}

export const segmentsSection: Section = {
  suite: "segments",
  title: "What happens with many segments?",
  intro: html`<p>A store has more than one segment open, and soon their indexes no longer fit the processor’s caches: then waiting for memory rules, and bytes saved are time saved. The same look-ups are asked with more and more segments resident, of indexes of every design laid out for speed. Queries come scattered over all segments, so that the caches have to hold every index, or in batches of 256 to one segment, whose first queries bring its index into the cache for the others.</p>`,
  show(rows) {
    const ways = [...new Set(rows.distinct("workload").map((workload) => partsOf(workload).way))];
    const ordered = [...ways.filter((way) => way === "scattered"), ...ways.filter((way) => way !== "scattered")];
    const first = rows.filter(({ workload }) => partsOf(workload).way === ordered[0]);
    return {
      takeaways: told(atMost(first)),
      body: html`${ordered.map((way) => html`<h3>${way === "scattered" ? "Scattered over all segments" : `In batches: ${way}`}</h3>\n${chartsOf(rows, way)}${tablesOf(rows, way)}`)}`,
    };
  },
};
