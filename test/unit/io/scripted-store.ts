/** A store whose requests a test answers one by one, by name: it sees what was sent, in which order, and whether it was cancelled. */
import { Aborted } from "../../../src/core/errors.js";
import type { CallOptions, ObjectInfo, ObjectStore, RangeOptions } from "../../../src/io/object-store.js";
import { newIoStats } from "../../../src/io/object-store.js";

export interface Sent {
  readonly call: string;
  readonly options: RangeOptions;
  readonly atMs: number;
  isCancelled: boolean;
}

/** What a request gives: a value, an error, either after a while, or nothing ever (until it is cancelled). */
export interface Step {
  readonly value?: unknown;
  readonly error?: Error;
  readonly afterMs?: number;
  readonly never?: true;
}

export class ScriptedStore implements ObjectStore {
  readonly url = "test:";
  readonly stats = newIoStats();
  readonly sent: Sent[] = [];
  /** The n-th request goes as the n-th step says. */
  readonly script: (call: string, index: number) => Step;

  constructor(script: readonly Step[] | ((call: string, index: number) => Step)) {
    this.script =
      typeof script === "function"
        ? script
        : (call, i) => {
            if (i >= script.length) throw new Error(`request ${i + 1}, ${call}, is one too many`);
            return script[i];
          };
  }

  get calls(): string[] {
    return this.sent.map(({ call }) => call);
  }

  #answer<T>(call: string, options: RangeOptions = {}): Promise<T> {
    const step = this.script(call, this.sent.length);
    const sent: Sent = { call, options, atMs: performance.now(), isCancelled: false };
    this.sent.push(sent);
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (step.error) reject(step.error);
        else resolve(step.value as T);
      };
      const timer = step.never ? undefined : setTimeout(settle, step.afterMs ?? 0);
      options.signal?.addEventListener("abort", () => {
        sent.isCancelled = true;
        clearTimeout(timer);
        reject(new Aborted(`${call} was aborted`, { cause: options.signal?.reason }));
      });
    });
  }

  get(key: string, options?: CallOptions) {
    return this.#answer<Uint8Array | undefined>(`get ${key}`, options);
  }

  getRange(key: string, start: number, length: number, options?: RangeOptions) {
    return this.#answer<Uint8Array | undefined>(`getRange ${key} ${start} ${length}`, options);
  }

  put(key: string, _bytes: Uint8Array, options?: CallOptions) {
    return this.#answer<void>(`put ${key}`, options);
  }

  putIfAbsent(key: string, _bytes: Uint8Array, options?: CallOptions) {
    return this.#answer<"created" | "exists">(`putIfAbsent ${key}`, options);
  }

  /** A step's value is the keys that it gives before its error, if any. */
  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    const step = this.script(`list ${prefix}`, this.sent.length);
    this.sent.push({ call: `list ${prefix}`, options: options ?? {}, atMs: performance.now(), isCancelled: false });
    for (const key of (step.value ?? []) as string[]) yield { key, sizeBytes: 1, modifiedMs: 0 };
    if (step.error) throw step.error;
  }

  delete(key: string, options?: CallOptions) {
    return this.#answer<void>(`delete ${key}`, options);
  }

  checkWritable(options?: CallOptions) {
    return this.#answer<void>("checkWritable", options);
  }

  async close() {
    this.sent.push({ call: "close", options: {}, atMs: performance.now(), isCancelled: false });
  }
}
