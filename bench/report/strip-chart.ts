/**
 * A strip for each name, with marks along one axis: who needs how much. Marks that would cover one another step down.
 *
 *     dense, one commit   |   (g)        (e)  (d)   (c)      |
 *     Zipf                |        (g)(f) (d)(c)             |
 *                         0.01    0.1     1     10   bytes a page
 */
import { html, type Markup } from "./markup.js";
import type { Identity } from "./palette.js";
import { horizontalAxis, LINE_HEIGHT, px, segment, svg, text, widthOf, wrapped } from "./picture.js";
import { type Axis, linearAxis, logAxis } from "./scale.js";

export interface Mark extends Identity {
  readonly value: number;
  /** Half of the middle half, relative to the value. */
  readonly spread?: number;
  /** Drawn as a ring: a second kind of the same thing. */
  readonly isHollow?: boolean;
  /** What is read when the pointer rests on it. */
  readonly about: string;
}

export interface Strip {
  readonly name: string;
  readonly marks: readonly Mark[];
  /** A line across the strip: what no mark can be better than. */
  readonly limit?: { readonly value: number; readonly about: string };
}

export interface StripChart {
  readonly about: string;
  readonly axisName: string;
  readonly unit: string;
  readonly scale: "log" | "linear";
  readonly strips: readonly Strip[];
}

const WIDTH = 760;
const RADIUS = 8;
const STEP = 2 * RADIUS + 1;
const NAME_CHARACTERS = 26;
const RIGHT = WIDTH - 18;

/** Whether a figure has a place on the axis. */
export const isDrawn = (scale: StripChart["scale"], value: number): boolean => scale === "linear" || value > 0;

function drawMark({ colour, letter, isHollow, about }: Mark, x: number, y: number): Markup {
  return html`<g class="point ${colour}${isHollow ? " hollow" : ""}"><title>${about}</title><circle class="mark" cx="${px(x)}" cy="${px(y)}" r="${RADIUS}"/><text class="letter" x="${px(x)}" y="${px(y + 4)}">${letter}</text></g>
`;
}

/** For each mark, how many steps down it stands. */
function steps(places: readonly number[]): number[] {
  const ends: number[] = [];
  const order = places.map((_, i) => i).sort((i, j) => places[i] - places[j]);
  const stepOf: number[] = [];
  for (const i of order) {
    let step = 0;
    while (step < ends.length && places[i] - ends[step] < STEP) step++;
    ends[step] = places[i];
    stepOf[i] = step;
  }
  return stepOf;
}

/** One picture, and how many marks have no place in it. */
export function stripChart({ about, axisName, unit, scale, strips }: StripChart): { drawn: Markup; undrawn: number } {
  const marks = strips.flatMap((strip) => strip.marks);
  const limits = strips.flatMap(({ limit }) => (limit ? [limit.value] : []));
  const all = [...marks.map(({ value }) => value), ...limits];
  const axis: Axis = scale === "log" ? logAxis(all) : linearAxis(all);
  const names = strips.map(({ name }) => wrapped(name, NAME_CHARACTERS));
  const left = Math.max(60, ...names.flat().map(widthOf)) + 14;
  const at = (value: number) => left + axis.place(value) * (RIGHT - left);
  const rows: Markup[] = [];
  let y = 8;
  strips.forEach((strip, i) => {
    const shown = strip.marks.filter(({ value }) => isDrawn(scale, value));
    const down = steps(shown.map(({ value }) => at(value)));
    const height = Math.max(names[i].length * LINE_HEIGHT, (Math.max(0, ...down) + 1) * STEP) + 10;
    const middle = (mark: number) => y + 4 + RADIUS + down[mark] * STEP;
    const { limit } = strip;
    rows.push(
      html`${names[i].map((name, k) => text(left - 12, y + 17 + k * LINE_HEIGHT, name, "", "end"))}
${limit && isDrawn(scale, limit.value) ? html`<g><title>${limit.about}</title>${segment(at(limit.value), y + 2, at(limit.value), y + height - 3, "least")}</g>` : undefined}
${shown.map(({ value, spread, colour }, k) => {
  if (spread === undefined) return undefined;
  return html`<g class="${colour}">${segment(at(value * (1 - spread)), middle(k), at(value * (1 + spread)), middle(k), "spread")}</g>`;
})}
${shown.map((mark, k) => drawMark(mark, at(mark.value), middle(k)))}${segment(left, y + height, RIGHT, y + height, "grid")}
`,
    );
    y += height;
  });
  const frame = horizontalAxis(axis, unit, axisName, [left, RIGHT], [4, y]);
  return {
    drawn: svg("wide", WIDTH, y + 42, about, [frame, ...rows]),
    undrawn: marks.filter(({ value }) => !isDrawn(scale, value)).length,
  };
}
