/** What the founding note asks about sizes, answered from the rows. */
import type { Row } from "../../measure.js";
import { median } from "../../measure.js";
import { figure, figureOf, listing, range, roundFigure, sentences } from "../figures.js";
import { html, type Markup } from "../markup.js";
import { DESIGNS, designOf } from "../palette.js";
import type { Rows } from "../rows.js";
import { type Standing, standings } from "./best-sizes.js";

const valuesOf = (all: readonly Standing[], letter: string) => all.flatMap(({ best }) => best.get(letter)?.value ?? []);

function oneOrTwoLevels(rows: Rows): string | undefined {
  const sizes = standings(rows, "inline size", "least");
  const inline = standings(rows, "most inline", "greatest");
  const ratios = sizes.flatMap(({ best }) => {
    const [one, two] = [best.get("b"), best.get("c")];
    return one && two && two.value > 0 ? [one.value / two.value] : [];
  });
  if (ratios.length === 0) return undefined;
  const capacity = (letter: string) => range(valuesOf(inline, letter), (value) => figureOf(value, "pages"));
  return sentences(
    `With the volume’s id in every key (b) a page costs ${range(valuesOf(sizes, "b"), figure)} bytes, with a level of its own for the volume (c) ${range(valuesOf(sizes, "c"), figure)}: one level takes ${range(ratios, figure)} times the bytes of two, at the median ${figure(median(ratios))}`,
    capacity("b") && capacity("c") && `Inline, b holds ${capacity("b")} pages and c ${capacity("c")}`,
    `Two levels are smaller in ${ratios.filter((ratio) => ratio > 1).length} of ${ratios.length} workloads`,
  );
}

/** Pairs of rows of the same workload and implementation. */
function pairs(rows: Rows, metric: string, other: string): [Row, Row][] {
  const others = new Map(
    rows.where({ metric: other }).all.map((row) => [`${row.workload}\n${row.implementation}`, row]),
  );
  return rows.where({ metric }).all.flatMap((row): [Row, Row][] => {
    const match = others.get(`${row.workload}\n${row.implementation}`);
    return match && row.value > 0 ? [[row, match]] : [];
  });
}

function inlineOrSeparate(rows: Rows): string | undefined {
  const both = pairs(rows, "inline size", "separate size");
  const costs = DESIGNS.flatMap(({ letter }) => {
    const ratios = both
      .filter(([{ implementation }]) => designOf(implementation) === letter)
      .map(([inline, separate]) => separate.value / inline.value);
    return ratios.length === 0 ? [] : [`${letter} ${figure(median(ratios))}`];
  });
  const shares = rows.where({ metric: "inline", unit: "% of segments" }).all.map(({ value }) => value);
  return sentences(
    costs.length === 0
      ? undefined
      : `Inline, header and index are one read, but the index must be packed. Laid out apart, with aligned sections, it takes this many times the bytes (medians): ${listing(costs)}`,
    shares.length === 0
      ? undefined
      : `Of full segments of real histories, ${range(shares, roundFigure)} % hold the shipped index inline, by history and cut`,
  );
}

function narrowWidths(rows: Rows): string | undefined {
  const sizes = rows.where({ metric: "inline size" });
  const saved = (width: string) => {
    const differences = sizes
      .filter(({ implementation }) => implementation.endsWith(` ${width}`))
      .all.flatMap(({ workload, implementation, value }) => {
        const wide = sizes.find({ workload, implementation: `${designOf(implementation)} u32` });
        return wide ? [wide.value - value] : [];
      });
    return differences.length === 0 ? undefined : `${width} saves ${figure(median(differences))} bytes a page`;
  };
  const savings = [saved("u16"), saved("u8")].filter((text) => text !== undefined);
  const fits = (width: string) => {
    const shares = rows.where({ metric: `rLSNs fit ${width}` }).all.map(({ value }) => value);
    const text = range(shares, roundFigure);
    return text && `${width} fits ${text} % of the segments of a cut`;
  };
  const fitting = [fits("u16"), fits("u8")].filter((text) => text !== undefined);
  return sentences(
    savings.length === 0
      ? undefined
      : `Against u32, ${listing(savings)} (medians, all designs and workloads where it fits)`,
    fitting.length === 0
      ? undefined
      : `In real histories ${listing(fitting)}: it depends on the history and on the cut`,
  );
}

function deltas(rows: Rows): string | undefined {
  const sizes = rows.where({ metric: "inline size" });
  const firsts = new Map<string, number>();
  let count = 0;
  for (const workload of sizes.distinct("workload")) {
    const ofD = sizes.where({ workload }).filter(({ implementation }) => designOf(implementation) === "d");
    const lists = [...ofD.all].sort((a, b) => a.value - b.value);
    if (lists.length === 0) continue;
    count++;
    for (const { implementation, value } of lists) {
      if (figure(value) !== figure(lists[0].value)) break;
      const width = implementation.slice(2);
      firsts.set(width, 1 + (firsts.get(width) ?? 0));
    }
  }
  if (count === 0) return undefined;
  const ranked = [...firsts].sort(([, a], [, b]) => b - a).map(([width, wins]) => `${width} in ${wins}`);
  const gaps = rows.where({ metric: "gaps fit u8" }).all.map(({ value }) => value);
  return sentences(
    `With sorted arrays (d), of ${count} workloads these are the smallest, or as small: ${listing(ranked)}`,
    gaps.length === 0
      ? undefined
      : `Of the gaps between an offset’s rLSNs, ${range(gaps, roundFigure)} % fit a byte, by history and cut`,
  );
}

function firstLocal(rows: Rows): string | undefined {
  const saved = rows.where({ metric: "saved" });
  const ranges = DESIGNS.flatMap(({ letter }) => {
    const values = saved.filter(({ implementation }) => designOf(implementation) === letter).all;
    const text = range(
      values.map(({ value }) => value),
      figure,
    );
    return text === undefined ? [] : [`${letter} ${text}`];
  });
  return ranges.length === 0
    ? undefined
    : sentences(
        `Pages lie in the order of volume, offset and rLSN, so that the first local page number of a list says the others. Bytes a page that this saves, by workload: ${listing(ranges)}`,
      );
}

const QUESTIONS: readonly (readonly [question: string, answer: (rows: Rows) => string | undefined])[] = [
  ["One level or two?", oneOrTwoLevels],
  ["What does inline cost, and what does it buy?", inlineOrSeparate],
  ["What do u16 and u8 rLSNs save, and how often do they fit?", narrowWidths],
  ["Deltas, and deltas of deltas?", deltas],
  ["What does storing only the first local offset save?", firstLocal],
];

export function sizeQuestions(rows: Rows): Markup | undefined {
  const answers = QUESTIONS.flatMap(([question, answer]) => {
    const text = answer(rows);
    return text ? [html`<dt>${question}</dt><dd>${text}</dd>\n`] : [];
  });
  return answers.length === 0 ? undefined : html`<h3>The note’s questions, answered</h3>\n<dl>\n${answers}</dl>\n`;
}
