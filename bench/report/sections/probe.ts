/** One look-up in one segment's index: WebAssembly against TypeScript, design against design. */
import { median, type Row } from "../../measure.js";
import { counted, figure, quantity, range } from "../figures.js";
import { html, type Markup } from "../markup.js";
import { colourOf } from "../palette.js";
import { picture } from "../picture.js";
import type { Rows } from "../rows.js";
import { type Mark, stripChart } from "../strip-chart.js";
import { matrix } from "../table.js";
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
    return { segments, kind, rows: rows.filter((row) => list.includes(row)) };
  });
}

const isBatched = (asked: Asked | undefined): asked is Asked =>
  asked !== undefined && (asked.way === "batched" || asked.way === "");

/** Times of one design in one language, batched; of the shipped one, the summary speaks. */
const timesOf = (rows: Rows, design: string, language: Asked["language"]) =>
  rows.where({ metric: "time" }).filter(({ implementation }) => {
    const asked = askedOf(implementation);
    return isBatched(asked) && asked.design === design && asked.language === language;
  });

/** For each workload of both, how many times the first takes of the second. */
function ratios(first: Rows, second: Rows): number[] {
  return first.all.flatMap(({ workload, value }) => {
    const other = second.find({ workload })?.value;
    return other !== undefined && other > 0 ? [value / other] : [];
  });
}

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
  return `With ${counted(segments, "segment")}, batched ${kind} take WebAssembly ${inNs} each, by workload; TypeScript takes ${range(slower, figure)} times as long (median ${figure(median(slower))})`;
}

function rivals({ segments, rows }: Group): string | undefined {
  const shipped = timesOf(rows, "g", "wasm");
  const others = ["a", "b", "c", "d", "e", "f"].flatMap((letter) => {
    const slower = ratios(timesOf(rows, letter, "wasm"), shipped);
    return slower.length === 0 ? [] : [`${letter} ${figure(median(slower))}`];
  });
  return others.length === 0
    ? undefined
    : `Against g in WebAssembly with ${counted(segments, "segment")}, the other designs take so many times as long (medians): ${others.join(", ")}`;
}

function chartOf({ segments, kind, rows }: Group): Markup {
  const shown = rows.where({ metric: "time" }).filter(({ implementation }) => isBatched(askedOf(implementation)));
  const strips = shown.distinct("workload").map((workload) => ({
    name: partsOf(workload).data,
    marks: shown.where({ workload }).all.map((row): Mark => {
      const { design, language } = askedOf(row.implementation)!;
      return {
        letter: design,
        colour: colourOf(design),
        isHollow: language === "js",
        value: row.value,
        spread: rows.spreadOf(row),
        about: `${workload}, design ${design} in ${languageName(language)}: ${quantity(row.value, row.unit)}`,
      };
    }),
  }));
  const { unit } = shown.all[0];
  const { drawn, undrawn } = stripChart({
    about: `Time of a batched look-up by workload, ${counted(segments, "segment")}, ${kind}; in WebAssembly and in TypeScript. The tables below have the figures.`,
    axisName: `${unit} for each look-up, logarithmic`,
    unit: "",
    scale: "log",
    strips,
  });
  return picture([drawn], {
    takeaway: languages({ segments, kind, rows }),
    explanation: `${counted(segments, "segment")}, ${kind}, in batches. Filled: WebAssembly; ring: TypeScript; the letter is the design; the stroke through a mark is its spread; further left is faster`,
    undrawn,
  });
}

function tablesOf({ segments, kind, rows }: Group): Markup {
  const name = (workload: string) => partsOf(workload).data;
  const of = (metric: string) => rows.where({ metric });
  const title = `${counted(segments, "segment")}, ${kind}`;
  return html`<details><summary>Figures: ${title}</summary>
${matrix(of("time"), { caption: `${title}: ns for each look-up, with the spread`, down: "workload", across: "implementation", name, spreads: rows })}
${matrix(of("empty calls"), { caption: `${title}: multiples of an empty call`, down: "workload", across: "implementation", name })}
${matrix(of("ratio"), { caption: `${title}: times of TypeScript over WebAssembly`, down: "workload", across: "implementation", name })}
</details>
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
