/** Groups of bars on a logarithmic axis: a name before each bar, its figure behind it, its spread across its end. */
import { html, type Markup } from "./markup.js";
import { clipped, horizontalAxis, LINE_HEIGHT, px, segment, svg, text, widthOf, wrapped } from "./picture.js";
import { logAxis } from "./scale.js";

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly spread?: number;
  readonly colour: string;
  /** What stands behind the bar. */
  readonly label: string;
}

export interface BarGroup {
  readonly name: string;
  readonly bars: readonly Bar[];
}

export interface BarChart {
  readonly about: string;
  readonly axisName: string;
  readonly unit: string;
  readonly groups: readonly BarGroup[];
}

const WIDTH = 760;
const BAR = 14;
const STEP = 21;
const NAME_CHARACTERS = 38;

/** One picture, and how many bars have no place in it. */
export function barChart({ about, axisName, unit, groups }: BarChart): { drawn: Markup; undrawn: number } {
  const shown = groups.map(({ name, bars }) => ({ name, bars: bars.filter(({ value }) => value > 0) }));
  const bars = shown.flatMap((group) => group.bars);
  const names = new Map(bars.map((bar) => [bar, clipped(bar.name, NAME_CHARACTERS)]));
  // The shortest bar must be seen: the axis begins well below it.
  const values = bars.map(({ value }) => value);
  const axis = logAxis(values.flatMap((value) => [value, value / 2]));
  const left = Math.max(60, ...[...names.values()].map(widthOf)) + 12;
  const right = WIDTH - Math.max(40, ...bars.map(({ label }) => widthOf(label))) - 10;
  const at = (value: number) => left + axis.place(value) * (right - left);
  const parts: Markup[] = [];
  let y = 4;
  for (const group of shown) {
    if (group.bars.length === 0) continue;
    for (const head of wrapped(group.name, 90)) parts.push(text(0, (y += LINE_HEIGHT + 4), head, "head"));
    y += 8;
    for (const bar of group.bars) {
      const { value, spread, colour, label } = bar;
      const middle = y + BAR / 2;
      const whisker =
        spread === undefined
          ? undefined
          : segment(at(value * (1 - spread)), middle, at(value * (1 + spread)), middle, "spread");
      const behind = Math.max(at(value), spread === undefined ? 0 : at(value * (1 + spread))) + 6;
      parts.push(html`<g class="point bars ${colour}"><title>${bar.name}: ${label}</title>${text(left - 8, middle + 4.5, names.get(bar), "", "end")}<rect class="mark" x="${px(left)}" y="${px(y)}" width="${px(at(value) - left)}" height="${BAR}"/>${whisker}${text(behind, middle + 4.5, label)}</g>
`);
      y += STEP;
    }
    y += 8;
  }
  const frame = horizontalAxis(axis, unit, axisName, [left, right], [4, y]);
  return {
    drawn: svg("wide", WIDTH, y + 42, about, [frame, ...parts]),
    undrawn: groups.flatMap((group) => group.bars).length - bars.length,
  };
}
