/**
 * Quantiles of recent durations: of the last `WINDOW`, so that they follow a storage that becomes slower or faster. Exact, by
 * sorting, and sorted again only now and then.
 */
const WINDOW = 512;
/** Too few to say anything about the slowest twentieth. */
const ENOUGH = 40;
/** The answer may be so many durations old. */
const STALE = 16;

export class Latency {
  readonly #quantile: number;
  readonly #recent: number[] = [];
  #next = 0;
  #value: number | undefined;
  #newer = 0;

  /** @param quantile From 0 to 1: the duration that this share of requests does not exceed. */
  constructor(quantile: number) {
    this.#quantile = quantile;
  }

  add(durationMs: number): void {
    this.#recent[this.#next] = durationMs;
    this.#next = (this.#next + 1) % WINDOW;
    this.#newer++;
  }

  /** Milliseconds; `undefined` until enough durations are known. */
  get value(): number | undefined {
    const { length } = this.#recent;
    if (length < ENOUGH) return undefined;
    if (this.#value === undefined || this.#newer >= STALE) {
      const sorted = Float64Array.from(this.#recent).sort();
      this.#value = sorted[Math.min(length - 1, Math.floor(this.#quantile * length))];
      this.#newer = 0;
    }
    return this.#value;
  }
}
