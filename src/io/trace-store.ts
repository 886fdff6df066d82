/**
 * An object store that tells a listener of every request. It stands directly above the storage, below what sends requests
 * twice or not at all, so that it sees what the storage sees.
 */
import { PalimpsestError } from "../core/errors.js";
import type { IoEvent, IoListener } from "./io-events.js";
import { notify } from "./notify.js";
import type { CallOptions, ObjectInfo, ObjectStore, RangeOptions, SyncReads } from "./object-store.js";
import { StoreWrapper } from "./store-wrapper.js";

type RequestEvent = Extract<IoEvent, { type: "request" }>;
/** What is known of a request before it ends. */
type Sent = Pick<RequestEvent, "operation" | "key" | "start" | "length">;
/** How it ended. */
type Ended = Pick<RequestEvent, "bytes" | "outcome">;

const ofRead = (bytes: Uint8Array | undefined): Ended =>
  bytes ? { bytes: bytes.length, outcome: "ok" } : { bytes: 0, outcome: "absent" };

export class TraceStore extends StoreWrapper {
  readonly #listener: IoListener;
  readonly #sync: SyncReads | undefined;

  constructor(inner: ObjectStore, listener: IoListener) {
    super(inner);
    this.#listener = listener;
    const { sync } = inner;
    this.#sync = sync && {
      get: (key) => this.#traceSync({ operation: "get", key }, () => sync.get(key), ofRead),
      readRange: (key, start, target) =>
        this.#traceSync(
          { operation: "getRange", key, start, length: target.length },
          () => sync.readRange(key, start, target),
          (count) => (count < 0 ? { bytes: 0, outcome: "absent" } : { bytes: count, outcome: "ok" }),
        ),
    };
  }

  override get sync(): SyncReads | undefined {
    return this.#sync;
  }

  override get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#trace({ operation: "get", key }, () => this.inner.get(key, options), ofRead);
  }

  override getRange(
    key: string,
    start: number,
    length: number,
    options?: RangeOptions,
  ): Promise<Uint8Array | undefined> {
    const sent: Sent = { operation: "getRange", key, start, length };
    return this.#trace(sent, () => this.inner.getRange(key, start, length, options), ofRead);
  }

  override put(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.#trace(
      { operation: "put", key },
      () => this.inner.put(key, bytes, options),
      () => ({ bytes: bytes.length, outcome: "ok" }),
    );
  }

  override putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    return this.#trace(
      { operation: "putIfAbsent", key },
      () => this.inner.putIfAbsent(key, bytes, options),
      (outcome) => ({ bytes: bytes.length, outcome }),
    );
  }

  override delete(key: string, options?: CallOptions): Promise<void> {
    return this.#trace(
      { operation: "delete", key },
      () => this.inner.delete(key, options),
      () => ({ bytes: 0, outcome: "ok" }),
    );
  }

  /** One event for a whole listing, when it ends or is given up. */
  override async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    const tell = this.#start({ operation: "list", key: prefix });
    let ended: Ended = { bytes: 0, outcome: "ok" };
    try {
      yield* this.inner.list(prefix, options);
    } catch (error) {
      ended = failed(error);
      throw error;
    } finally {
      tell(ended);
    }
  }

  async #trace<T>(sent: Sent, request: () => Promise<T>, describe: (answer: T) => Ended): Promise<T> {
    const tell = this.#start(sent);
    let answer: T;
    try {
      answer = await request();
    } catch (error) {
      tell(failed(error));
      throw error;
    }
    tell(describe(answer));
    return answer;
  }

  #traceSync<T>(sent: Sent, request: () => T, describe: (answer: T) => Ended): T {
    const tell = this.#start(sent);
    let answer: T;
    try {
      answer = request();
    } catch (error) {
      tell(failed(error));
      throw error;
    }
    tell(describe(answer));
    return answer;
  }

  #start(sent: Sent): (ended: Ended) => void {
    const began = performance.now();
    return (ended) =>
      notify(this.#listener, { type: "request", ...sent, durationMs: performance.now() - began, ...ended });
  }
}

/** A store throws errors of ours alone; anything else is a fault in it, and at least no answer. */
function failed(error: unknown): Ended {
  return { bytes: 0, outcome: error instanceof PalimpsestError ? error.code : "Unavailable" };
}
