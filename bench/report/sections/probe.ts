/** One look-up in one segment's index: WebAssembly against TypeScript, design against design. */
import { median, type Row } from "../../measure.js";
import { counted, figure, listing, range } from "../figures.js";
import { html, type Markup } from "../markup.js";
import { picture } from "../picture.js";
import { Rows } from "../rows.js";
import { stripChart } from "../strip-chart.js";
import { metricTables } from "../table.js";
import { askedStrips, isOtherWay, ratios } from "./asked-strips.js";
import { type Asked, askedOf, countIn, languageName } from "./names.js";
import { type Section, told } from "./section.js";

/** Workloads that differ in the data alone: so many segments, hits or misses. */
interface Group {
  readonly segments: number;
  readonly kind: string;
  readonly rows: Rows;
}

/** "dense, one commit; 4 segments; hits": its parts. */
function partsOf(workload: string) {
  const [data, segments, ...kind] = workload.split("; ");
  return { data, segments: countIn(segments ?? "", /segments?/)?.count ?? 1, kind: kind.join("; ") };
}

function groupsOf(rows: Rows): Group[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows.all) {
    const { segments, kind } = partsOf(row.workload);
    const key = JSON.stringify([segments, kind]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups].map(([key, list]) => {
    const [segments, kind] = JSON.parse(key) as [number, string];
    return { segments, kind, rows: new Rows(list) };
  });
}

const CAPTIONS = {
  time: "ns for each look-up, with the spread",
  "empty calls": "multiples of an empty call",
  ratio: "time in TypeScript over time in WebAssembly",
  index: "bytes of the index as stored",
  resident: "bytes in memory once the index is open",
};

const isBatched = (asked: Asked | undefined): asked is Asked => asked !== undefined && !asked.way.includes("single");

/** Times of one design in one language, batched in the plain way. */
const timesOf = (rows: Rows, design: string, language: Asked["language"]) =>
  rows.where({ metric: "time" }).filter(({ implementation }) => {
    const asked = askedOf(implementation);
    return asked?.design === design && asked.language === language && (asked.way === "batched" || asked.way === "");
  });

function languages({ segments, kind, rows }: Group): string | undefined {
  const wasm = timesOf(rows, "g", "wasm");
  const js = timesOf(rows, "g", "js");
  const slower = ratios(js, wasm);
  if (slower.length === 0) return undefined;
  const calls = rows
    .where({ metric: "empty calls" })
    .filter(({ implementation }) => wasm.all.some((row) => row.implementation === implementation)).all;
  const inCalls = range(
    calls.map(({ value }) => value),
    figure,
  );
  const time = range(
    wasm.all.map(({ value }) => value),
    figure,
  );
  const inNs = `${time} ${wasm.all[0].unit}${inCalls ? `, ${inCalls} empty calls` : ""}`;
  return `With ${counted(segments, "segment")}, batched ${kind} take g in WebAssembly ${inNs} each, by workload; in TypeScript ${range(slower, figure)} times as long (median ${figure(median(slower))})`;
}

function rivals({ segments, kind, rows }: Group): string | undefined {
  const against = (["wasm", "js"] as const).flatMap((language) => {
    const shipped = timesOf(rows, "g", language);
    const others = ["a", "b", "c", "d", "e", "f"].flatMap((letter) => {
      const slower = ratios(timesOf(rows, letter, language), shipped);
      return slower.length === 0 ? [] : [`${letter} ${figure(median(slower))}`];
    });
    return others.length === 0 ? [] : [`in ${languageName(language)} ${listing(others)}`];
  });
  return against.length === 0
    ? undefined
    : `Against g, with ${counted(segments, "segment")} and ${kind}, the other designs take so many times as long (medians): ${against.join("; ")}`;
}

function chartOf({ segments, kind, rows }: Group): Markup {
  const shown = rows.where({ metric: "time" }).filter(({ implementation }) => isBatched(askedOf(implementation)));
  const strips = askedStrips(shown, rows, (workload) => partsOf(workload).data);
  const { unit } = shown.all[0];
  const ways = shown.distinct("implementation").filter((name) => isOtherWay(askedOf(name)!));
  const capitals = ways.length > 0 ? `; a capital letter is the design asked in another way: ${listing(ways)}` : "";
  const { drawn, undrawn } = stripChart({
    about: `Time of a batched look-up by workload, ${counted(segments, "segment")}, ${kind}; in WebAssembly and in TypeScript. The tables below have the figures.`,
    axisName: `${unit} for each look-up, logarithmic`,
    unit: "",
    scale: "log",
    strips,
  });
  return picture([drawn], {
    takeaway: languages({ segments, kind, rows }),
    explanation: `${counted(segments, "segment")}, ${kind}, in batches. Filled: WebAssembly; ring: TypeScript; the letter is the design${capitals}; the stroke through a mark is its spread; further left is faster`,
    undrawn,
  });
}

function tablesOf({ segments, kind, rows }: Group): Markup {
  const title = `${counted(segments, "segment")}, ${kind}`;
  const tables = metricTables(rows, {
    title,
    down: "workload",
    across: "implementation",
    name: (workload) => partsOf(workload).data,
    captions: CAPTIONS,
  });
  return html`<details><summary>Figures: ${title}</summary>
${tables}</details>
`;
}

export const probeSection: Section = {
  suite: "probe",
  title: "How fast is one look-up in an index?",
  intro: html`<p>A look-up asks the index of one segment for the page of an offset at or below an LSN, by a random offset that is there (a hit) or is not (a miss). Look-ups come one by one, or in batches of 256 that cross from JavaScript into WebAssembly once. The same bytes are searched by the WebAssembly core and by its twin in TypeScript; every answer is compared. So that machines can be compared, times are also given as multiples of an <em>empty call</em> from JavaScript into WebAssembly, measured in the same rounds.</p>`,
  show(rows) {
    const groups = groupsOf(rows);
    const charted = groups.filter(({ rows }) =>
      rows.where({ metric: "time" }).all.some(({ implementation }) => isBatched(askedOf(implementation))),
    );
    const hits = charted.filter(({ kind }) => kind.includes("hits"));
    const main = hits.length > 0 ? hits : charted;
    return {
      takeaways: told(main[0] && languages(main[0]), main[0] && rivals(main[0])),
      body: html`${main.map(chartOf)}
${main.map(rivals).map((text) => text && html`<p>${text}.</p>`)}
${groups.map(tablesOf)}`,
    };
  },
};
