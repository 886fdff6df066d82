/**
 * Lines on two logarithmic axes, each with its name at its end. Several charts may share their axes, so that they can be
 * compared at a glance.
 */
import { tickText } from "./figures.js";
import { html, type Markup } from "./markup.js";
import { boldWidthOf, clipped, horizontalAxis, LINE_HEIGHT, px, segment, svg, text, widthOf } from "./picture.js";
import { type Axis, logAxis } from "./scale.js";

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly spread?: number;
  readonly about: string;
}

export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly dash?: "dashed" | "dotted";
  readonly isHeavy?: boolean;
  readonly isHollow?: boolean;
  readonly points: readonly Point[];
}

export interface LineChart {
  readonly about: string;
  /** Stands above a panel. */
  readonly title?: string;
  readonly xName: string;
  readonly xUnit: string;
  readonly yName: string;
  readonly yUnit: string;
  readonly series: readonly Series[];
}

const isDrawn = ({ x, y }: Point) => x > 0 && y > 0;
const SIZES = {
  wide: { width: 760, height: 430, nameCharacters: 30 },
  panel: { width: 400, height: 330, nameCharacters: 16 },
};

/** Moves labels apart that would cover one another, as little as it takes, within `top` and `bottom`. */
function apart(wanted: readonly number[], top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((i, j) => wanted[i] - wanted[j] || i - j);
  const gap = Math.min(LINE_HEIGHT, (bottom - top) / Math.max(1, wanted.length - 1));
  const places = [...wanted];
  let least = top;
  for (const i of order) least = (places[i] = Math.max(places[i], least)) + gap;
  let most = bottom;
  for (const i of order.reverse()) most = (places[i] = Math.min(places[i], most)) - gap;
  return places;
}

function drawSeries(series: Series, at: (point: Point) => [number, number], y: (value: number) => number): Markup {
  const points = series.points.filter(isDrawn).sort((p, q) => p.x - q.x);
  const path = points.map((point) => at(point).map(px).join(",")).join(" ");
  const kind = `series${series.isHeavy ? " heavy" : ""}${series.dash ? ` ${series.dash}` : ""}`;
  const marks = points.map((point) => {
    const [cx, cy] = at(point);
    const { spread } = point;
    const whisker =
      spread === undefined
        ? undefined
        : segment(cx, y(point.y * (1 - spread)), cx, y(point.y * (1 + spread)), "spread");
    return html`<g class="point"><title>${point.about}</title>${whisker}<circle class="mark" cx="${px(cx)}" cy="${px(cy)}" r="${series.isHeavy ? 4.5 : 3.5}"/></g>
`;
  });
  return html`<g class="${series.colour}${series.isHollow ? " hollow" : ""}"><polyline class="${kind}" points="${path}"/>
${marks}</g>
`;
}

function verticalAxis(axis: Axis, unit: string, left: number, right: number, y: (value: number) => number): Markup[] {
  return axis.ticks.map(
    (tick) =>
      html`${segment(left, y(tick), right, y(tick), "grid")}${text(left - 6, y(tick) + 4, tickText(tick, unit), "soft", "end")}`,
  );
}

function draw(chart: LineChart, kind: "wide" | "panel", xAxis: Axis, yAxis: Axis): Markup {
  const { width, height, nameCharacters } = SIZES[kind];
  const { about, title, xName, xUnit, yName, yUnit } = chart;
  const shown = chart.series.filter(({ points }) => points.some(isDrawn));
  const names = shown.map(({ name }) => clipped(name, nameCharacters));
  const left = Math.max(...yAxis.ticks.map((tick) => widthOf(tickText(tick, yUnit))), 20) + 10;
  const right = width - Math.max(30, ...names.map(boldWidthOf)) - 22;
  const top = title === undefined ? 26 : 46;
  const bottom = height - 44;
  const x = (value: number) => left + xAxis.place(value) * (right - left);
  const y = (value: number) => bottom - yAxis.place(value) * (bottom - top);
  const at = (point: Point): [number, number] => [x(point.x), y(point.y)];
  const ends = shown.map(({ points }) => at(points.filter(isDrawn).reduce((p, q) => (q.x >= p.x ? q : p))));
  const places = apart(
    ends.map(([, end]) => end),
    top,
    bottom,
  );
  const labels = shown.map(
    ({ colour }, i) =>
      html`<g class="${colour}">${segment(ends[i][0] + 5, ends[i][1], right + 14, places[i], "leader")}${text(right + 17, places[i] + 4, names[i], "name")}</g>
`,
  );
  return svg(kind, width, height, about, [
    title === undefined ? undefined : text(0, 14, clipped(title, 54), "head"),
    text(0, top - 12, yName, "soft"),
    horizontalAxis(xAxis, xUnit, xName, [left, right], [top, bottom]),
    verticalAxis(yAxis, yUnit, left, right, y),
    labels,
    shown.map((series) => drawSeries(series, at, y)),
  ]);
}

const isBytes = (unit: string) => unit === "B" || unit === "bytes";

/** The charts, on the same axes, and how many points have no place in them. */
export function lineCharts(charts: readonly LineChart[]): { drawn: Markup[]; undrawn: number } {
  const points = charts.flatMap(({ series }) => series.flatMap((one) => one.points));
  const drawable = points.filter(isDrawn);
  const axisOf = (values: number[], unit = "") => logAxis(values, isBytes(unit) ? 2 : 10);
  const xAxis = axisOf(
    drawable.map(({ x }) => x),
    charts[0]?.xUnit,
  );
  const yAxis = axisOf(
    drawable.map(({ y }) => y),
    charts[0]?.yUnit,
  );
  const kind = charts.length > 1 ? "panel" : "wide";
  return {
    drawn: charts.map((chart) => draw(chart, kind, xAxis, yAxis)),
    undrawn: points.length - drawable.length,
  };
}
