/**
 * Tables. Every figure is a `<data>` element whose value is the row's own, unrounded; what is read is rounded. The spread
 * of a figure stands behind it.
 */
import type { Row } from "../measure.js";
import { figureOf, roundFigure } from "./figures.js";
import { html, type Markup, type Part } from "./markup.js";
import type { Field, Rows } from "./rows.js";

/**
 * A table in a box that scrolls by itself, so that the page does not; its caption stays where it can be read. Columns of
 * words are on the left of their place, all others on the right.
 */
export function table(title: string, heads: readonly Part[], lines: readonly Markup[], kind = ""): Markup {
  const caption = title.trim() === "" ? "without a name" : title;
  return html`<figure class="tabled"><figcaption>${caption}</figcaption>
<div class="box" role="region" tabindex="0" aria-label="${caption}"><table class="${kind}" aria-label="${caption}">
<thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>
${lines}</tbody>
</table></div></figure>
`;
}

export function line(head: Part, cells: readonly Markup[]): Markup {
  return html`<tr><th scope="row">${head}</th>${cells}</tr>
`;
}

export const words = (text: Part): Markup => html`<td class="words">${text}</td>`;

/** A figure, and how far to trust it; a dash where there is none. */
export function cell(row: Row | undefined, isBest = false, spread?: number): Markup {
  if (!row) return html`<td class="none">–</td>`;
  const text = html`<data value="${row.value}">${figureOf(row.value, row.unit)}</data>`;
  const trust =
    spread === undefined
      ? undefined
      : html` <small>± <data value="${spread}">${roundFigure(100 * spread)}</data> %</small>`;
  return isBest ? html`<td class="best">${text}${trust}</td>` : html`<td>${text}${trust}</td>`;
}

export interface MatrixOptions {
  readonly caption: string;
  readonly down: Field;
  readonly across: Field;
  /** What stands above the column of names. */
  readonly corner?: string;
  readonly head?: (name: string) => Part;
  readonly name?: (name: string) => Part;
  /** Which figures of a line are in bold: its least, or its greatest. */
  readonly best?: "least" | "greatest";
  /** Names that no line's best may have: what they are held against. */
  readonly apart?: readonly string[];
  /** Where the spreads of these rows stand, if they are to be shown. */
  readonly spreads?: Rows;
}

/** The rows, one field's values down and another's across. */
export function matrix(rows: Rows, options: MatrixOptions): Markup | undefined {
  if (rows.isEmpty) return undefined;
  const { caption, down, across, corner = "", best, apart = [], spreads } = options;
  const heads = rows.distinct(across);
  const lines = rows.distinct(down).map((name) => {
    const here = rows.where({ [down]: name });
    const values = here.all.filter((row) => !apart.includes(row[across])).map(({ value }) => value);
    const top = best === "least" ? Math.min(...values) : Math.max(...values);
    const cells = heads.map((head) => {
      const row = here.find({ [across]: head });
      const isBest = best !== undefined && row?.value === top && !apart.includes(head);
      return cell(row, isBest, row && spreads?.spreadOf(row));
    });
    return line(options.name?.(name) ?? name, cells);
  });
  return table(caption, [corner, ...heads.map((head) => options.head?.(head) ?? head)], lines);
}

export interface MetricTables extends Pick<MatrixOptions, "down" | "across" | "name" | "apart"> {
  /** What a metric's caption begins with; nothing where there is one subject alone. */
  readonly title?: string;
  /** How metrics are called in captions; one that is not here by its name and its unit. */
  readonly captions?: Readonly<Record<string, string>>;
  /** Of which metrics a line's least is in bold. */
  readonly least?: readonly string[];
}

/** A table for each metric; the spread stands behind the times, since it is theirs. */
export function metricTables(rows: Rows, { title, captions = {}, least = [], ...options }: MetricTables): Part {
  const times = rows.where({ metric: "time" });
  return rows.distinct("metric").flatMap((metric) => {
    if (metric === "spread" && !times.isEmpty) return [];
    const of = rows.where({ metric });
    const { unit } = of.all[0];
    const what = captions[metric] ?? (unit === "" ? metric : `${metric}, ${unit}`);
    const bold = least.includes(metric) ? ". Bold: the least" : "";
    return matrix(of, {
      ...options,
      caption: `${title === undefined ? "" : `${title}: `}${what}${bold}`,
      best: bold ? "least" : undefined,
      spreads: metric === "time" ? rows : undefined,
    });
  });
}
