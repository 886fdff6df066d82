/** Of each design the rLSN width that does best: sizes and capacities of all designs side by side. */
import type { Row } from "../../measure.js";
import { median } from "../../measure.js";
import { counted, figure, figureOf, listing, quantity, range } from "../figures.js";
import { html, type Markup } from "../markup.js";
import { colourOf, DESIGNS, designOf } from "../palette.js";
import type { Rows } from "../rows.js";
import { type Strip, type StripChart, stripChart } from "../strip-chart.js";
import { cell, line, table } from "../table.js";

export type Better = "least" | "greatest";

/** How one workload's designs do. */
export interface Standing {
  readonly workload: string;
  /** By letter; of g the shipped encoder, where it was measured. */
  readonly best: ReadonlyMap<string, Row>;
  readonly bound: Row | undefined;
}

const isBetter = (better: Better, a: number, b: number) => (better === "least" ? a < b : a > b);

export function standings(rows: Rows, metric: string, better: Better): Standing[] {
  const of = rows.where({ metric });
  return of.distinct("workload").map((workload) => {
    const here = of.where({ workload });
    const best = new Map<string, Row>();
    for (const { letter } of DESIGNS) {
      const shipped = here.find({ implementation: `${letter} as shipped` });
      const candidates = shipped
        ? [shipped]
        : here.filter(({ implementation }) => designOf(implementation) === letter).all;
      const top = candidates.reduce<Row | undefined>(
        (top, row) => (top === undefined || isBetter(better, row.value, top.value) ? row : top),
        undefined,
      );
      if (top) best.set(letter, top);
    }
    return { workload, best, bound: here.find({ implementation: "bound" }) };
  });
}

/** Equal as far as the page shows them. */
const isSame = (a: Row, b: Row) => figureOf(a.value, a.unit) === figureOf(b.value, b.unit);

/** Letters by how they do in one workload, the best first. */
const ranking = ({ best }: Standing, better: Better) =>
  [...best].sort(([, a], [, b]) => (better === "least" ? a.value - b.value : b.value - a.value));

/** The design that is best, or as good as the best, in most workloads. */
export function winner(all: readonly Standing[], better: Better) {
  const wins = new Map<string, Standing[]>();
  for (const standing of all) {
    const ranked = ranking(standing, better);
    for (const [letter, row] of ranked) {
      if (isSame(row, ranked[0][1])) wins.set(letter, [...(wins.get(letter) ?? []), standing]);
    }
  }
  const [first] = [...wins].sort(([, a], [, b]) => b.length - a.length);
  if (!first) return undefined;
  const [letter, won] = first;
  const sizeOf = (standing: Standing) => standing.best.get(letter)!.value;
  const toNext = won.flatMap((standing) => {
    const next = ranking(standing, better).find(([other]) => other !== letter);
    if (!next || next[1].value <= 0 || sizeOf(standing) <= 0) return [];
    const ratio = better === "least" ? next[1].value / sizeOf(standing) : sizeOf(standing) / next[1].value;
    return [{ letter: next[0], ratio, workload: standing.workload }];
  });
  const lost = all.flatMap((standing) => {
    const [other] = ranking(standing, better)[0] ?? [];
    return won.includes(standing) || other === undefined ? [] : [`${other} on “${standing.workload}”`];
  });
  return { letter, won: won.length, of: all.length, toNext, lost };
}

/** "g is the smallest in 21 of 21 workloads". */
export function winnerInWords(all: readonly Standing[], better: Better, adjective: string): string | undefined {
  const first = winner(all, better);
  if (!first) return undefined;
  const { letter, won, of, toNext, lost } = first;
  const start = `Design ${letter} ${adjective} in ${won} of ${counted(of, "workload")}`;
  const except = lost.length > 0 && lost.length <= 3 ? ` (not: ${listing(lost)})` : "";
  if (toNext.length === 0) return `${start}${except}`;
  const ratios = toNext.map(({ ratio }) => ratio);
  const nearest = toNext.reduce((a, b) => (b.ratio < a.ratio ? b : a));
  const how =
    better === "least"
      ? `the next smallest design takes ${range(ratios, figure)} times its bytes`
      : `it holds ${range(ratios, figure)} times as many as the next`;
  return `${start}${except}; ${how} (median ${figure(median(ratios))}), the nearest being ${nearest.letter} on “${nearest.workload}”`;
}

/** How near the shipped design comes to the bound. */
export function toBound(all: readonly Standing[], letter: string): string | undefined {
  const ratios = all.flatMap(({ best, bound }) => {
    const row = best.get(letter);
    return row && bound && bound.value > 0 ? [row.value / bound.value] : [];
  });
  if (ratios.length === 0) return undefined;
  return `${letter} takes ${range(ratios, figure)} times the bound (median ${figure(median(ratios))})`;
}

/** A strip for each workload. */
export function bestChart(
  all: readonly Standing[],
  chart: Pick<StripChart, "about" | "axisName" | "unit" | "scale">,
): ReturnType<typeof stripChart> {
  const strips = all.map(
    ({ workload, best, bound }): Strip => ({
      name: workload,
      marks: [...best].map(([letter, { implementation, value, unit }]) => ({
        letter,
        colour: colourOf(letter),
        value,
        about: `${workload}, ${implementation}: ${quantity(value, unit)}`,
      })),
      limit: bound && { value: bound.value, about: `${workload}, bound: ${quantity(bound.value, bound.unit)}` },
    }),
  );
  return stripChart({ ...chart, strips });
}

export function bestTable(all: readonly Standing[], better: Better, caption: string): Markup {
  const letters = DESIGNS.map(({ letter }) => letter).filter((letter) => all.some(({ best }) => best.has(letter)));
  const hasBound = all.some(({ bound }) => bound !== undefined);
  const lines = all.map((standing) => {
    const top = ranking(standing, better)[0]?.[1];
    const cells = letters.map((letter) => {
      const row = standing.best.get(letter);
      return cell(row, row !== undefined && isSame(row, top));
    });
    return line(standing.workload, hasBound ? [...cells, cell(standing.bound)] : cells);
  });
  const heads = letters.map((letter) => html`<span class="swatch ${colourOf(letter)}">${letter}</span>`);
  return table(caption, ["", ...heads, ...(hasBound ? ["bound"] : [])], lines);
}
