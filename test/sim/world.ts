/**
 * A world of its own for the code under test: a clock that is turned by hand, one queue of everything that is going to happen, and
 * chance from a seed. The code is not told: the globals that it takes time and chance from are replaced while the world runs.
 *
 * One event happens at a time: its callback, then everything that this lets go on (promises), then the next event. So all that runs
 * between two events belongs to the event's process, which is how a process has a clock of its own, and how it crashes: its events
 * no longer happen. The same seed gives the same run, which a hash of the trace shows.
 */
import { Random } from "../helpers/random.js";
import { Trace } from "./trace.js";

const realSetImmediate = setImmediate;
const real = { setTimeout, clearTimeout, random: Math.random, dateNow: Date.now };

/** The world begins in November 2023. */
const EPOCH_MS = 1_700_000_000_000;
/** Events between two turns of the real event loop: promises are run to their ends after each of them nevertheless. */
const BATCH = 256;

/** Whose code an event runs. Its clocks are its own, and wrong. */
export class Process {
  readonly name: string;
  isDead = false;
  /** Of its wall clock, which may be set anew at any time. */
  wallOffsetMs: number;
  /** How fast its clocks are. */
  readonly rate: number;

  constructor(name: string, wallOffsetMs = 0, rate = 1) {
    this.name = name;
    this.wallOffsetMs = wallOffsetMs;
    this.rate = rate;
  }
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly process: Process;
  readonly what: string;
  /** `undefined` once it was cancelled. */
  fire: (() => void) | undefined;
}

const isBefore = (a: Event, b: Event) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export class World {
  /** For the world's own choices: delays, faults, what processes do. */
  readonly random: Random;
  readonly trace = new Trace();
  /** Owns what happens whoever has crashed: requests that are on their way, the storage. */
  readonly network = new Process("network");
  nowMs = 0;
  eventCount = 0;
  /** A binary heap. */
  readonly #events: Event[] = [];
  /** For the code's choices. */
  readonly #chance: Random;
  #order = 0;
  #current: Process = this.network;
  #failure: { readonly error: unknown } | undefined;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.#chance = new Random(seed ^ 0x5eed);
  }

  /** Whose code is running. */
  get current(): Process {
    return this.#current;
  }

  /** Lets something happen later; `what` is for the trace. */
  after(delayMs: number, process: Process, what: string, fire: () => void): Event {
    const event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, process, what, fire };
    this.#push(event);
    return event;
  }

  /** Runs code as that of a process, from now on. */
  start(process: Process, what: string, code: () => Promise<void>): void {
    this.after(0, process, what, () => {
      code().catch((error: unknown) => this.fail(error));
    });
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, this.#current, "wake", resolve);
    });
  }

  /** Ends the run with an error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /**
   * Lets events happen until `isDone`.
   *
   * @throws what was given to `fail` or thrown by an event; Error where nothing is left to happen, or too much happened.
   */
  async run(isDone: () => boolean, maxEvents: number): Promise<void> {
    const restore = this.#replaceGlobals();
    const limit = this.eventCount + maxEvents;
    try {
      await new Promise<void>((resolve) => {
        let hasEnded = false;
        const step = () => {
          if (hasEnded) return;
          if (this.#failure || isDone()) {
            hasEnded = true;
            return resolve();
          }
          if (this.#events.length === 0)
            this.fail(new Error("nothing is left to happen, and it is not done: a deadlock"));
          else if (this.eventCount >= limit)
            this.fail(new Error(`not done after ${maxEvents} events: it does not converge`));
          else this.#next();
        };
        const batch = () => {
          // Node runs what promises wait for after each of them.
          for (let i = 0; i < BATCH; i++) realSetImmediate(step);
          realSetImmediate(() => {
            if (!hasEnded) batch();
          });
        };
        batch();
      });
    } finally {
      restore();
    }
    if (this.#failure) throw this.#failure.error;
  }

  /** Whether nothing is going to happen any more. */
  get isIdle(): boolean {
    return this.#events.length === 0;
  }

  #next(): void {
    const event = this.#pop();
    const { process, what, fire } = event;
    if (fire === undefined || process.isDead) return;
    this.nowMs = Math.max(this.nowMs, event.atMs);
    this.eventCount++;
    this.#current = process;
    this.trace.note(this.nowMs, process.name, what);
    try {
      fire();
    } catch (error) {
      this.fail(error);
    }
  }

  #push(event: Event): void {
    const heap = this.#events;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event {
    const heap = this.#events;
    const top = heap[0];
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }

  /** A process's wall clock, in whole milliseconds since 1970. */
  #wallMs(): number {
    const { wallOffsetMs, rate } = this.#current;
    return Math.floor(EPOCH_MS + wallOffsetMs + this.nowMs * rate);
  }

  /** Returns what puts the real ones back. */
  #replaceGlobals(): () => void {
    const setVirtualTimeout = (callback: () => void, delayMs = 0) =>
      this.after(delayMs / this.#current.rate, this.#current, "timer", callback);
    const clearVirtualTimeout = (event: Event | undefined) => {
      if (event) event.fire = undefined;
    };
    globalThis.setTimeout = setVirtualTimeout as unknown as typeof setTimeout;
    globalThis.clearTimeout = clearVirtualTimeout as unknown as typeof clearTimeout;
    Math.random = () => this.#chance.u32() / 2 ** 32;
    Date.now = () => this.#wallMs();
    const own = (value: unknown) => ({ value, configurable: true, writable: true });
    Object.defineProperty(
      performance,
      "now",
      own(() => this.nowMs * this.#current.rate),
    );
    const fill = <T extends ArrayBufferView>(array: T): T => {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      for (let i = 0; i < bytes.length; i++) bytes[i] = this.#chance.u32();
      return array;
    };
    Object.defineProperty(crypto, "getRandomValues", own(fill));
    return () => {
      globalThis.setTimeout = real.setTimeout;
      globalThis.clearTimeout = real.clearTimeout;
      Math.random = real.random;
      Date.now = real.dateNow;
      // What was put over the prototype's.
      Reflect.deleteProperty(performance, "now");
      Reflect.deleteProperty(crypto, "getRandomValues");
    };
  }
}
