/** Figures in words: rounded to three significant digits at most, with units that keep them short. */

const rounded = new Intl.NumberFormat("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/**
 * Three significant digits, those that are 0 too; powers of ten where there would be many zeros. Rows are finite, but what
 * is computed from them may be beyond all numbers.
 */
export function figure(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-5 || size >= 1e9)) {
    const [digits, exponent] = value.toExponential(2).split("e");
    return `${digits} × 10^${Number(exponent)}`;
  }
  return size === 0 ? "0" : rounded.format(value);
}

/** `figure` without zeros at the end: of shares, and of round numbers. */
export const roundFigure = (value: number): string =>
  Math.abs(value) < 1e9 && (value === 0 || Math.abs(value) >= 1e-5) ? short.format(value) : figure(value);

/** A figure in the unit that its row has. Counts are exact: they are not measured. */
export function figureOf(value: number, unit: string): string {
  const isCount = unit === "" || unit === "pages" || unit === "requests";
  if (isCount && Number.isSafeInteger(value)) return exact.format(value);
  return unit.startsWith("%") ? roundFigure(value) : figure(value);
}

/** In the largest of `units`, each `step` times the one before, in which it is at least 1. */
function scaled(value: number, step: number, units: readonly string[], say: (value: number) => string): string {
  let at = 0;
  let rest = value;
  // What rounds to the next unit is of that unit.
  for (; at < units.length - 1 && Math.abs(rest) >= 0.9995 * step; at++) rest /= step;
  return `${say(rest)} ${units[at]}`;
}

const MULTIPLES: Readonly<Record<string, number>> = { ns: 1, µs: 1e3, us: 1e3, ms: 1e6, s: 1e9 };

const isBytes = (unit: string): boolean => unit === "B" || unit === "bytes";

/** A quantity as it stands in a sentence or beside a mark: `12300 ns` is `12.3 µs`, `1024 B` is `1 KiB`. */
export function quantity(value: number, unit: string, say = figure): string {
  const nanoseconds = MULTIPLES[unit];
  if (nanoseconds !== undefined) return scaled(value * nanoseconds, 1e3, ["ns", "µs", "ms", "s"], say);
  if (isBytes(unit)) return scaled(value, 1024, ["bytes", "KiB", "MiB", "GiB", "TiB"], roundFigure);
  if (unit === "x") return `${say(value)}×`;
  return unit === "" ? figureOf(value, unit) : `${figureOf(value, unit)} ${unit}`;
}

/** A round number on an axis. */
export const tickText = (value: number, unit: string): string =>
  isTime(unit) || isBytes(unit) ? quantity(value, unit, roundFigure) : roundFigure(value);

export const isTime = (unit: string): boolean => unit in MULTIPLES;

/** The least and the greatest, or the one there is; `undefined` of none. */
export function range(values: readonly number[], say: (value: number) => string): string | undefined {
  if (values.length === 0) return undefined;
  const [least, greatest] = [Math.min(...values), Math.max(...values)].map(say);
  return least === greatest ? least : `${least} to ${greatest}`;
}

/** "a, b and c". */
export function listing(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** "1 segment", "2 segments". */
export function counted(count: number, noun: string): string {
  return `${exact.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Sentences with a capital and a full stop each; what there is nothing to say about is left out. */
export function sentences(...texts: readonly (string | undefined)[]): string {
  return texts
    .filter((text) => text !== undefined && text !== "")
    .map((text) => `${text![0].toUpperCase()}${text!.slice(1).replace(/[.]?$/, ".")}`)
    .join(" ");
}
