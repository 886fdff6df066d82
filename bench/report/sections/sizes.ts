/** How small each index is, against the bound, and how many pages it holds. */
import { median } from "../../measure.js";
import { figureOf, range } from "../figures.js";
import { html, type Markup } from "../markup.js";
import { designOf } from "../palette.js";
import { picture } from "../picture.js";
import type { Rows } from "../rows.js";
import { cell, line, matrix, table } from "../table.js";
import { bestChart, bestTable, standings, toBound, winner, winnerInWords } from "./best-sizes.js";
import { type Section, told } from "./section.js";
import { sizeQuestions } from "./size-questions.js";

const MEASURES: readonly (readonly [metric: string, caption: string])[] = [
  ["inline size", "bytes a page, inline form"],
  ["separate size", "bytes a page, separate form"],
  ["most inline", "most pages inline"],
  ["inline most in 16 MiB", "most pages in 16 MiB, inline form"],
  ["separate most in 16 MiB", "most pages in 16 MiB, separate form"],
];

/** Designs down, rLSN widths across: every contender of a workload. */
function widthTables(rows: Rows, workload: string): Markup[] {
  return MEASURES.flatMap(([metric, caption]) => {
    const of = rows.where({ workload, metric }).filter(({ implementation }) => designOf(implementation) !== undefined);
    if (of.isEmpty) return [];
    const widthOf = (implementation: string) => implementation.slice(2);
    const widths = [...new Set(of.distinct("implementation").map(widthOf))];
    const letters = [...new Set(of.distinct("implementation").map((name) => designOf(name)!))];
    const lines = letters.map((letter) =>
      line(
        letter,
        widths.map((width) => cell(of.find({ implementation: `${letter} ${width}` }))),
      ),
    );
    return [table(`${workload}: ${caption}`, ["", ...widths], lines)];
  });
}

function allWidths(rows: Rows): Markup {
  const workloads = rows.where({ metric: "inline size" }).distinct("workload");
  return html`<h3>Every rLSN width, in both forms</h3>
<p>A dash where a width cannot hold the rLSNs, or where the design has no such list. “as shipped” is the encoder of the product: it takes, volume by volume, the smallest encoding or a faster one that is little larger.</p>
${workloads.map((workload) => html`<details><summary>${workload}</summary>\n${widthTables(rows, workload)}</details>\n`)}`;
}

function cuts(rows: Rows): Markup | undefined {
  const of = rows.filter(({ metric, workload }) => metric === "segments per offset" && workload.endsWith(", cuts"));
  const histories = of.distinct("workload");
  if (histories.length === 0) return undefined;
  return html`<h3>How compaction cuts a history</h3>
<p>The same versions of pages, put into segments as the commits arrived (“batches of commits”), or gathered by offset, with all LSNs or in windows of so many LSNs that a width fits. “Segments per offset” is how many segments have versions of one page: so many have to be asked for its history.</p>
${histories.map((workload) => {
  const here = rows.where({ workload });
  const head = (metric: string) => {
    const unit = here.find({ metric })!.unit;
    return unit === "" || unit === "pages" ? metric : html`${metric}<br><small>${unit}</small>`;
  };
  return matrix(here, {
    caption: `${workload}: all segments, the shipped index`,
    down: "implementation",
    across: "metric",
    corner: "cut",
    head,
  });
})}`;
}

export const sizesSection: Section = {
  suite: "sizes",
  title: "How small can the index be?",
  intro: html`<p>The smaller an index, the more often it fits inline, and the more of it stays in the processor’s cache. Each design encodes the same segments: made-up ones, from a fixed seed, and pieces of real SQLite databases’ histories. Sizes leave out the segment’s 64-byte header. The <em>bound</em> is the fewest bits that tell one such segment from all others: no index can be smaller on average over segments in which every choice is equally likely. Real histories are less even and could be packed below it. “T” is how many LSNs a segment spans.</p>`,
  show(rows) {
    const sizes = standings(rows, "inline size", "least");
    const inline = standings(rows, "most inline", "greatest");
    const whole = standings(rows, "inline most in 16 MiB", "greatest");
    const smallest = winnerInWords(sizes, "least", "is the smallest, or as small as any,");
    const first = winner(sizes, "least");
    const bound = first && toBound(sizes, first.letter);
    const roomiest = winnerInWords(inline, "greatest", "holds the most pages inline, or as many as any,");
    const values = inline.flatMap(({ best }) => (first ? (best.get(first.letter)?.value ?? []) : []));
    const capacity =
      first && values.length > 0
        ? `Inline, ${first.letter} indexes ${range(values, (value) => figureOf(value, "pages"))} pages, by workload (median ${figureOf(median(values), "pages")})`
        : undefined;
    const sizeChart = bestChart(sizes, {
      about: "Index bytes a page of each design and workload, and the bound. The table below has the figures.",
      axisName: "index bytes a page, logarithmic",
      unit: "",
      scale: "log",
    });
    const inlineChart = bestChart(inline, {
      about: "The most pages that each design indexes inline, by workload. The table below has the figures.",
      axisName: "most pages indexed inline",
      unit: "",
      scale: "linear",
    });
    return {
      takeaways: told(smallest, bound && `Design ${bound}`, capacity),
      body: html`
${
  sizes.length === 0
    ? undefined
    : [
        picture([sizeChart.drawn], {
          takeaway: smallest,
          explanation:
            "Each letter is a design at the rLSN width that suits it best, in the inline form; further left is smaller. The upright stroke is the bound",
          undrawn: sizeChart.undrawn,
        }),
        bestTable(
          sizes,
          "least",
          "Index bytes a page, inline form, each design at its best width. Bold: the smallest design.",
        ),
      ]
}
${
  inline.length === 0
    ? undefined
    : [
        picture([inlineChart.drawn], {
          takeaway: roomiest,
          explanation:
            "Pages whose index fits the 4032 bytes behind the header in a segment’s first 4096; further right is better. The upright stroke is what the bound allows. A whole segment of 16 MiB holds 4087 pages of 4096 bytes at most",
        }),
        bestTable(inline, "greatest", "Most pages indexed inline. Bold: the most of any design."),
      ]
}
${whole.length === 0 ? undefined : bestTable(whole, "greatest", "Most pages in a segment of 16 MiB, index and pages together, inline form. Bold: the most of any design.")}
${sizeQuestions(rows)}
${cuts(rows)}
${allWidths(rows)}`,
    };
  },
};
