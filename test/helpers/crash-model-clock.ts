/**
 * Time and chance for code under a crash model: while it runs, what `Date`, `performance.now()`, `setTimeout()`,
 * `Math.random()` and `crypto.getRandomValues()` give follows from a seed alone, and waiting takes no time. A timer fires
 * when nothing else can go on, the earliest first.
 */
import { Random } from "./random.js";

/** 2026-01-01. */
const BEGINNING_MS = 1_767_225_600_000;

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

export class SeededWorld {
  #random = new Random(0);
  #elapsedMs = 0;
  #timers: Timer[] = [];
  readonly #actual = {
    date: Date,
    performanceNow: performance.now,
    random: Math.random,
    getRandomValues: crypto.getRandomValues,
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
  };

  /** Begins anew: time at its beginning, chance by `seed`. */
  reset(seed: number): void {
    this.#random = new Random(seed);
    this.#elapsedMs = 0;
    this.#timers = [];
  }

  /** Puts it in place of the real ones; to be undone by `leave`. */
  enter(): void {
    const nowMs = () => BEGINNING_MS + this.#elapsedMs;
    globalThis.Date = class extends this.#actual.date {
      constructor(value?: number | string | Date) {
        super(value ?? nowMs());
      }

      static override now = nowMs;
    } as DateConstructor;
    performance.now = () => this.#elapsedMs;
    Math.random = () => this.#random.u32() / 2 ** 32;
    crypto.getRandomValues = ((array: Uint8Array) => {
      for (let i = 0; i < array.length; i++) array[i] = this.#random.u32();
      return array;
    }) as typeof crypto.getRandomValues;
    globalThis.setTimeout = ((run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) => {
      const timer: Timer = { dueMs: this.#elapsedMs + delayMs, run: () => run(...args) };
      this.#timers.push(timer);
      setImmediate(() => this.#fire());
      return Object.assign(timer, { unref: () => timer, ref: () => timer, hasRef: () => true });
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((timer: unknown) => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    }) as typeof clearTimeout;
  }

  leave(): void {
    globalThis.Date = this.#actual.date;
    performance.now = this.#actual.performanceNow;
    Math.random = this.#actual.random;
    crypto.getRandomValues = this.#actual.getRandomValues;
    globalThis.setTimeout = this.#actual.setTimeout;
    globalThis.clearTimeout = this.#actual.clearTimeout;
  }

  #fire(): void {
    const next = this.#timers.reduce<Timer | undefined>(
      (first, timer) => (first === undefined || timer.dueMs < first.dueMs ? timer : first),
      undefined,
    );
    if (next === undefined) return;
    this.#timers = this.#timers.filter((timer) => timer !== next);
    this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
    next.run();
  }
}
