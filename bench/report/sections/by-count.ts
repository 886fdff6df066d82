/**
 * Sections whose rows differ in how many there are of something (segments, workers): a picture for each metric, the count
 * along it. Where nothing is counted, bars. Also shows suites that this report does not know.
 */
import type { Row } from "../../measure.js";
import { barChart } from "../bar-chart.js";
import { figureOf, isTime, quantity } from "../figures.js";
import { type LineChart, lineCharts, type Series } from "../line-chart.js";
import { html, type Markup } from "../markup.js";
import { designOf, OTHER, OURS } from "../palette.js";
import { picture } from "../picture.js";
import type { Rows } from "../rows.js";
import { matrix } from "../table.js";
import { askedOf, colourOfAsked, countIn } from "./names.js";
import type { Findings } from "./section.js";

export interface ByCount {
  /** What is counted, in names of workloads or implementations. */
  readonly noun: RegExp;
  /** Names the axis. */
  readonly countName: string;
  /** Metrics to draw, in this order; without them, times and what is in bytes or requests. */
  readonly metrics?: readonly string[];
  /** What the first picture says, where a section knows better than "from … to …". */
  readonly takeaway?: string;
}

/** A row with its count taken out of its names. */
interface CountedRow {
  readonly row: Row;
  readonly count: number | undefined;
  readonly workload: string;
  readonly implementation: string;
}

function countedRow(row: Row, noun: RegExp): CountedRow {
  const inWorkload = countIn(row.workload, noun);
  if (inWorkload) {
    return { row, count: inWorkload.count, workload: inWorkload.rest, implementation: row.implementation };
  }
  const inImplementation = countIn(row.implementation, noun);
  if (inImplementation) {
    return { row, count: inImplementation.count, workload: row.workload, implementation: inImplementation.rest };
  }
  return { row, count: undefined, workload: row.workload, implementation: row.implementation };
}

/** The names without the parts, between commas, that all have: with several, these tell nothing apart. */
function shortened(names: readonly string[]): Map<string, string> {
  const parts = names.map((name) => name.split(", "));
  const isShared = (part: string) => parts.every((those) => those.includes(part));
  return new Map(
    names.map((name, i) => {
      const own = parts[i].filter((part) => !isShared(part)).join(", ");
      return [name, names.length > 1 && own !== "" ? own : name];
    }),
  );
}

/** Known designs have their colour; of the rest, the first named is ours. */
function colour(implementation: string, first: string): string {
  const isAsked = designOf(implementation) !== undefined || /^(wasm|js)\b/.test(implementation);
  if (isAsked)
    return colourOfAsked(
      askedOf(implementation) ?? { design: designOf(implementation) ?? "g", language: "js", way: "" },
    );
  return implementation === first ? OURS : OTHER;
}

const shortNames = (counted: readonly CountedRow[]) =>
  shortened([...new Set(counted.map(({ implementation }) => implementation))]);

const DASHES = [undefined, "dashed", "dotted"] as const;

function lines(rows: Rows, counted: readonly CountedRow[], metric: string, { countName }: ByCount): Markup {
  const panels = [...new Set(counted.map(({ workload }) => workload))];
  const { unit } = counted[0].row;
  const short = shortNames(counted);
  const all = [...new Set(counted.map(({ implementation }) => implementation))];
  const charts = panels.map((workload): LineChart => {
    const here = counted.filter((one) => one.workload === workload);
    const names = [...new Set(here.map(({ implementation }) => implementation))];
    return {
      about: `${workload}: ${metric} against ${countName}. The table below has the figures.`,
      title: workload || undefined,
      xName: `${countName}, logarithmic`,
      xUnit: "",
      yName: `${metric}, logarithmic`,
      yUnit: unit,
      series: names.map((implementation): Series => {
        const seat = all.indexOf(implementation);
        return {
          name: short.get(implementation) || metric,
          colour: colour(implementation, all[0]),
          isHeavy: seat === 0,
          dash: DASHES[seat % DASHES.length],
          points: here
            .filter((one) => one.implementation === implementation)
            .map(({ row, count }) => ({
              x: count!,
              y: row.value,
              spread: isTime(row.unit) ? rows.spreadOf(row) : undefined,
              about: `${row.workload}, ${row.implementation}: ${quantity(row.value, row.unit)}`,
            })),
        };
      }),
    };
  });
  const { drawn, undrawn } = lineCharts(charts);
  return picture(drawn, {
    takeaway: grown(counted, metric, countName),
    explanation: `${metric} against ${countName}; both axes are logarithmic and the same in every panel`,
    undrawn,
  });
}

/** What the first implementation's figures grow by, from the fewest to the most. */
function grown(counted: readonly CountedRow[], metric: string, countName: string): string | undefined {
  const short = shortNames(counted);
  const groups = new Map<string, CountedRow[]>();
  for (const one of counted) {
    const key = [one.workload, short.get(one.implementation)!].filter((name) => name !== "").join(", ");
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const texts = [...groups].flatMap(([name, list]) => {
    const sorted = [...list].sort((a, b) => a.count! - b.count!);
    const [first, last] = [sorted[0], sorted[sorted.length - 1]];
    if (first.count === last.count) return [];
    const say = ({ row }: CountedRow) => quantity(row.value, row.unit);
    const change = say(first) === say(last) ? say(first) : `${say(first)} to ${say(last)}`;
    return [{ from: first.count!, to: last.count!, text: `${name ? `${name}: ` : ""}${change}` }];
  });
  if (texts.length === 0) return undefined;
  const { from, to } = texts[0];
  return `${metric}, from ${figureOf(from, "")} to ${figureOf(to, "")} ${countName}: ${texts.map(({ text }) => text).join("; ")}`;
}

/** Where something is counted in some rows, the others are what these are held against. */
function bars(rows: Rows, metric: string, { noun }: ByCount, known: string | undefined): Markup {
  const of = rows.where({ metric });
  const isCounted = (row: Row) => countedRow(row, noun).count !== undefined;
  const first = (of.all.find(isCounted) ?? of.all[0]).implementation;
  const hasBoth = of.all.some(isCounted) && !of.all.every(isCounted);
  const { drawn, undrawn } = barChart({
    about: `${metric} by workload and implementation. The table below has the figures.`,
    axisName: `${metric}, logarithmic`,
    unit: of.all[0].unit,
    groups: of.distinct("workload").map((workload) => ({
      name: workload,
      bars: of.where({ workload }).all.map((row) => ({
        name: row.implementation,
        value: row.value,
        spread: isTime(row.unit) ? rows.spreadOf(row) : undefined,
        colour: hasBoth && isCounted(row) ? OURS : colour(row.implementation, first),
        label: quantity(row.value, row.unit),
      })),
    })),
  });
  const sorted = [...of.all].sort((a, b) => a.value - b.value);
  const say = ({ workload, implementation, value, unit }: Row) =>
    `${quantity(value, unit)} (“${workload}”, ${implementation})`;
  const takeaway =
    known ??
    (sorted.length === 1
      ? `${metric}: ${say(sorted[0])}`
      : `${metric}: from ${say(sorted[0])} to ${say(sorted[sorted.length - 1])}`);
  return picture([drawn], { takeaway, explanation: "The axis is logarithmic, so that lengths show ratios", undrawn });
}

const isPictured = ({ metric, unit }: Row) =>
  metric !== "spread" && (isTime(unit) || unit === "B" || unit === "bytes" || unit === "requests");

export function showByCount(rows: Rows, options: ByCount): Findings {
  const counted = rows.all.map((row) => countedRow(row, options.noun));
  const candidates = options.metrics ?? rows.filter(isPictured).distinct("metric");
  const metrics = candidates.filter((metric) => !rows.where({ metric }).isEmpty);
  const takeaways: string[] = options.takeaway === undefined ? [] : [options.takeaway];
  const pictures = metrics.map((metric, i) => {
    const of = counted.filter(({ row }) => row.metric === metric && row.implementation !== "empty call");
    if (of.length === 0) return undefined;
    const countable = of.filter(({ count }) => count !== undefined);
    if (new Set(countable.map(({ count }) => count)).size < 2 || countable.length < of.length) {
      return bars(
        rows.filter(({ implementation }) => implementation !== "empty call"),
        metric,
        options,
        i === 0 ? options.takeaway : undefined,
      );
    }
    const takeaway = grown(of, metric, options.countName);
    if (takeaway) takeaways.push(takeaway);
    return lines(rows, of, metric, options);
  });
  const tables = rows.distinct("workload").map((workload) => {
    const here = rows.where({ workload });
    const head = (metric: string) => html`${metric}<br><small>${here.find({ metric })!.unit}</small>`;
    return matrix(here, { caption: workload, down: "implementation", across: "metric", head });
  });
  return { takeaways: takeaways.slice(0, 1), body: html`${pictures}\n${tables}` };
}
