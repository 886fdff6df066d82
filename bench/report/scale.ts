/** From figures to places on an axis. */
export interface Axis {
  readonly ticks: readonly number[];
  /** From 0 at the axis's beginning to 1 at its end; what lies outside is moved to the nearer end. */
  place(value: number): number;
}

/** Figures beyond have no place on a linear axis: their differences would be beyond all numbers. */
const MOST = 1e300;

const within = (part: number) => Math.min(1, Math.max(0, part));

/** Numbers of the form 1, 2 or 5 times a power of ten. */
function round(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const lead = value / power;
  return (lead > 5 ? 10 : lead > 2 ? 5 : lead > 1 ? 2 : 1) * power;
}

/** From 0, or from the least where that is negative. */
export function linearAxis(values: readonly number[]): Axis {
  const bounded = values.map((value) => Math.min(MOST, Math.max(-MOST, value)));
  const least = Math.min(0, ...bounded);
  const greatest = Math.max(0, ...bounded);
  const extent = greatest - least;
  const step = round(extent > 1 / MOST ? extent / 6 : 1);
  const from = Math.floor(least / step) * step;
  const to = Math.max(from + step, Math.ceil(greatest / step) * step);
  const count = Math.round((to - from) / step);
  return {
    ticks: Array.from({ length: count + 1 }, (_, i) => from + i * step),
    place: (value) => within((value - from) / (to - from)),
  };
}

/** How far beyond the least and the greatest a logarithmic axis goes. */
const MARGIN = 1.25;

/**
 * Logarithmic, with ticks at powers of `base` (10, or 2 for bytes), fewer where they would be many, and at 2 and 5 times
 * powers of ten where they would be few. Of figures above 0.
 */
export function logAxis(values: readonly number[], base: 2 | 10 = 10): Axis {
  const positive = values.filter((value) => value > 0);
  const [least, greatest] = positive.length === 0 ? [1, 10] : [Math.min(...positive), Math.max(...positive)];
  const from = Math.log(least) - Math.log(MARGIN);
  const to = Math.log(greatest) + Math.log(MARGIN);
  const step = Math.log(base);
  const powers: number[] = [];
  const every = Math.max(1, Math.ceil((to - from) / step / 7));
  for (let power = Math.ceil(from / step); power * step <= to; power++) if (power % every === 0) powers.push(power);
  let ticks = powers.map((power) => base ** power);
  if (ticks.length < 3) {
    const first = Math.floor(from / step);
    const all = Array.from({ length: Math.ceil(to / step) - first + 1 }, (_, i) => base ** (first + i));
    const parts = base === 2 ? [1, 1.5] : [1, 2, 5];
    const fine = all.flatMap((power) => parts.map((part) => part * power));
    ticks = fine.filter((tick) => Math.log(tick) >= from && Math.log(tick) <= to);
  }
  return { ticks, place: (value) => (value > 0 ? within((Math.log(value) - from) / (to - from)) : 0) };
}
