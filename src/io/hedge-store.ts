/**
 * An object store that sends a slow read a second time and takes the answer that comes first (hedged requests: J. Dean and
 * L. A. Barroso, The Tail at Scale, CACM 56(2), 2013). The other request is cancelled. Reads alone: a second PUT could be told
 * "exists" by its own first.
 *
 * How long a read must take to be slow is a fixed time, or the 95th percentile of recent requests of its kind: then about one in
 * twenty is hedged. A budget holds the second requests to a share of all, so that a storage that becomes slow as a whole does not
 * get twice the load.
 */
import { onAbort } from "../core/abort.js";
import { Aborted } from "../core/errors.js";
import { Budget } from "./budget.js";
import type { IoListener } from "./io-events.js";
import { Latency } from "./latency.js";
import { notify } from "./notify.js";
import type { CallOptions, IoStats, ObjectStore, RangeOptions } from "./object-store.js";
import { StoreWrapper } from "./store-wrapper.js";

export interface HedgeOptions {
  /** When a read is slow: after so many milliseconds, or at the 95th percentile of recent ones (none until 40 are known). */
  readonly delayMs: number | "p95";
  /** With "p95": never sooner than this. By default 5 ms. */
  readonly floorMs?: number;
  /** Second requests, as a share of all reads: by default 0.05. */
  readonly share?: number;
}

const DEFAULT_FLOOR_MS = 5;
const DEFAULT_SHARE = 0.05;
/** Unused second requests that are saved up, for a moment in which many are slow. */
const SAVED_HEDGES = 10;

/** Ranges up to these lengths are expected to take alike. */
const SIZE_CLASSES = [64 << 10, 1 << 20, Number.POSITIVE_INFINITY];

type Bytes = Uint8Array | undefined;
/** How one of a read's requests ended. */
type Outcome = { readonly isSecond: boolean } & ({ readonly bytes: Bytes } | { readonly error: unknown });

/** A read that can be sent more than once. */
interface Read {
  readonly operation: "get" | "getRange";
  readonly key: string;
  readonly signal: AbortSignal | undefined;
  send(signal: AbortSignal): Promise<Bytes>;
}

export class HedgeStore extends StoreWrapper {
  readonly #delayMs: number | "p95";
  readonly #floorMs: number;
  readonly #onEvent: IoListener | undefined;
  readonly #budget: Budget;
  readonly #getLatency = new Latency(0.95);
  readonly #rangeLatencies = SIZE_CLASSES.map(() => new Latency(0.95));
  #hedges = 0;
  #hedgesWon = 0;

  constructor(inner: ObjectStore, options: HedgeOptions, onEvent?: IoListener) {
    super(inner);
    this.#delayMs = options.delayMs;
    this.#floorMs = options.floorMs ?? DEFAULT_FLOOR_MS;
    this.#budget = new Budget(options.share ?? DEFAULT_SHARE, SAVED_HEDGES, 0);
    this.#onEvent = onEvent;
  }

  override get stats(): Readonly<IoStats> {
    const { stats } = this.inner;
    return { ...stats, hedges: stats.hedges + this.#hedges, hedgesWon: stats.hedgesWon + this.#hedgesWon };
  }

  override get(key: string, options?: CallOptions): Promise<Bytes> {
    const send = (signal: AbortSignal) => this.inner.get(key, { ...options, signal });
    return this.#race({ operation: "get", key, signal: options?.signal, send }, this.#getLatency);
  }

  override async getRange(key: string, start: number, length: number, options: RangeOptions = {}): Promise<Bytes> {
    // Neither request writes to the caller's memory: the one that lost may do so after the call has returned.
    const { into, ...rest } = options;
    const send = (signal: AbortSignal) => this.inner.getRange(key, start, length, { ...rest, signal });
    const latency = this.#rangeLatencies[SIZE_CLASSES.findIndex((limit) => length <= limit)];
    const bytes = await this.#race({ operation: "getRange", key, signal: rest.signal, send }, latency);
    if (bytes === undefined || into === undefined) return bytes;
    into.set(bytes);
    return into.subarray(0, bytes.length);
  }

  /** When to send a read again; `undefined`: not yet known. */
  #delayBy(latency: Latency): number | undefined {
    if (this.#delayMs !== "p95") return this.#delayMs;
    const p95 = latency.value;
    return p95 === undefined ? undefined : Math.max(this.#floorMs, p95);
  }

  async #race(read: Read, latency: Latency): Promise<Bytes> {
    this.#budget.earn();
    const { operation, key } = read;
    const requests = new Requests(read);
    const began = performance.now();
    try {
      const first = requests.send(false);
      const delayMs = this.#delayBy(latency);
      let outcome = delayMs === undefined ? await first : await withinDelay(first, delayMs);
      if (outcome === undefined && !read.signal?.aborted && this.#budget.spend()) {
        this.#hedges++;
        outcome = await firstAnswer(first, requests.send(true));
        const won = outcome.isSecond;
        if (won) this.#hedgesWon++;
        notify(this.#onEvent, { type: "hedge", operation, key, afterMs: delayMs!, won });
      }
      outcome ??= await first;
      if ("error" in outcome) throw outcome.error;
      // Of the first request alone. Where it lost, it took at least so long: without these the percentile would sink, since
      // the slowest would never be counted.
      latency.add(performance.now() - began);
      return outcome.bytes;
    } finally {
      requests.end();
    }
  }
}

/** The requests of one read: each has a signal of its own, which fires when the caller's does. */
class Requests {
  readonly #read: Read;
  readonly #pending = new Set<AbortController>();
  readonly #endWait: () => void;

  constructor(read: Read) {
    this.#read = read;
    this.#endWait = onAbort(read.signal, () => this.#abort(read.signal?.reason));
  }

  /** Never rejects, so that the error of one that lost is nobody's unhandled one. */
  async send(isSecond: boolean): Promise<Outcome> {
    const controller = new AbortController();
    this.#pending.add(controller);
    if (this.#read.signal?.aborted) controller.abort(this.#read.signal.reason);
    try {
      return { isSecond, bytes: await this.#read.send(controller.signal) };
    } catch (error) {
      return { isSecond, error };
    } finally {
      this.#pending.delete(controller);
    }
  }

  /** Cancels what is still under way. */
  end(): void {
    this.#endWait();
    if (this.#pending.size > 0) this.#abort(new Aborted(`the other request for ${this.#read.key} answered first`));
  }

  #abort(reason: unknown): void {
    for (const controller of this.#pending) controller.abort(reason);
  }
}

/** The outcome, or `undefined` after the delay. */
function withinDelay(request: Promise<Outcome>, delayMs: number): Promise<Outcome | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), delayMs);
    void request.then((outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    });
  });
}

/** The first that is an answer; where both failed, how the first request did. */
async function firstAnswer(first: Promise<Outcome>, second: Promise<Outcome>): Promise<Outcome> {
  const sooner = await Promise.race([first, second]);
  if ("bytes" in sooner) return sooner;
  const outcomes = await Promise.all([first, second]);
  return outcomes.find((outcome) => "bytes" in outcome) ?? outcomes[0];
}
