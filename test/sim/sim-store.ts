/**
 * A bucket in a simulated world, and what each process sees of it. A request takes time; it is applied at some moment between being sent
 * and being answered, or it fails before or after it was applied, or is applied long after it was given up, or twice, or is told
 * that the key is taken because another is just being written, or gives fewer bytes than there are.
 *
 * What the bucket holds is consistent at every moment, as S3's is: all the rest is what networks and clients make of it.
 */
import { onAbort } from "../../src/core/abort.js";
import { Aborted, throwIfAborted, Unavailable } from "../../src/core/errors.js";
import {
  type CallOptions,
  newIoStats,
  type ObjectInfo,
  type ObjectStore,
  type RangeOptions,
  type SyncReads,
} from "../../src/io/object-store.js";
import type { Process, World } from "./world.js";

interface Stored {
  readonly bytes: Uint8Array;
  readonly modifiedMs: number;
}

/** Told of what changes, at the moment it does. */
export interface BucketWatcher {
  created(key: string, bytes: Uint8Array): void;
  replaced(key: string, bytes: Uint8Array): void;
  deleted(key: string): void;
}

export class Bucket {
  readonly #objects = new Map<string, Stored>();
  readonly #world: World;
  watcher: BucketWatcher | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  read(key: string): Uint8Array | undefined {
    return this.#objects.get(key)?.bytes;
  }

  has(key: string): boolean {
    return this.#objects.has(key);
  }

  put(key: string, bytes: Uint8Array): void {
    const isNew = !this.#objects.has(key);
    this.#objects.set(key, { bytes, modifiedMs: this.#world.nowMs });
    this.#tell((watcher) => (isNew ? watcher.created(key, bytes) : watcher.replaced(key, bytes)));
  }

  putIfAbsent(key: string, bytes: Uint8Array): "created" | "exists" {
    if (this.#objects.has(key)) return "exists";
    this.put(key, bytes);
    return "created";
  }

  delete(key: string): void {
    if (this.#objects.delete(key)) this.#tell((watcher) => watcher.deleted(key));
  }

  /** What the watcher throws ends the run: it must not reach the code under test as an answer. */
  #tell(what: (watcher: BucketWatcher) => void): void {
    try {
      if (this.watcher) what(this.watcher);
    } catch (error) {
      this.#world.fail(error);
    }
  }

  list(prefix: string): ObjectInfo[] {
    const found: ObjectInfo[] = [];
    for (const [key, { bytes, modifiedMs }] of this.#objects) {
      if (key.startsWith(prefix)) found.push({ key, sizeBytes: bytes.length, modifiedMs });
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

/**
 * How likely each fault is, from 0 to 1. `late` and `twice` are of writes, `taken` of put-if-absent, `short` of reads; `cut`: from
 * this write on the process reaches nothing for a while.
 */
export interface FaultRates {
  readonly fail: number;
  readonly lose: number;
  readonly late: number;
  readonly twice: number;
  readonly taken: number;
  readonly short: number;
  readonly slow: number;
  readonly cut: number;
}

export const NO_FAULTS: FaultRates = { fail: 0, lose: 0, late: 0, twice: 0, taken: 0, short: 0, slow: 0, cut: 0 };

/** What all processes' requests go by. */
export interface Weather {
  rates: FaultRates;
}

const LIST_PAGE = 50;
const CUT_MS = 20_000;

export class SimStore implements ObjectStore {
  readonly url = "sim://bucket";
  readonly stats = newIoStats();
  /** Answers that were cut short so far: only after one may a reader find damage. */
  shortened = 0;
  readonly sync?: SyncReads;
  #isCutUntilMs = 0;
  readonly #bucket: Bucket;
  readonly #world: World;
  readonly #process: Process;
  readonly #weather: Weather;

  constructor(bucket: Bucket, world: World, process: Process, weather: Weather, canReadInPlace: boolean) {
    this.#bucket = bucket;
    this.#world = world;
    this.#process = process;
    this.#weather = weather;
    if (canReadInPlace) this.sync = this.#syncReads();
  }

  #syncReads(): SyncReads {
    const read = (key: string) => {
      if (this.#world.random.chance(this.#weather.rates.fail)) throw this.#failed("reading in place", key);
      return this.#bucket.read(key);
    };
    return {
      get: (key) => read(key)?.slice(),
      readRange: (key, start, target) => {
        const part = read(key)?.subarray(start, start + target.length);
        if (part === undefined) return -1;
        target.set(part);
        return part.length;
      },
    };
  }

  get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#read("get", key, options, () => this.#bucket.read(key));
  }

  async getRange(key: string, start: number, length: number, options?: RangeOptions): Promise<Uint8Array | undefined> {
    const bytes = await this.#read("getRange", key, options, () =>
      this.#bucket.read(key)?.subarray(start, start + length),
    );
    if (bytes === undefined || options?.into === undefined) return bytes;
    options.into.set(bytes);
    return options.into.subarray(0, bytes.length);
  }

  put(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    const own = bytes.slice();
    return this.#write("put", key, options, () => void this.#bucket.put(key, own));
  }

  putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    const own = bytes.slice();
    return this.#write("putIfAbsent", key, options, () => this.#bucket.putIfAbsent(key, own));
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.#write("delete", key, options, () => void this.#bucket.delete(key));
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    let last = "";
    for (;;) {
      const page = await this.#request<ObjectInfo[]>("list", prefix, options, () =>
        this.#bucket
          .list(prefix)
          .filter(({ key }) => key > last)
          .slice(0, LIST_PAGE),
      );
      if (page.length === 0) return;
      yield* page;
      last = page[page.length - 1].key;
    }
  }

  get #isCut(): boolean {
    return this.#world.nowMs < this.#isCutUntilMs && this.#weather.rates !== NO_FAULTS;
  }

  async checkWritable(options?: CallOptions): Promise<void> {
    throwIfAborted(options?.signal, "checking that the store can be written");
  }

  async close(): Promise<void> {}

  /** Read as of when it was sent, or of when it is answered. */
  async #read(
    operation: string,
    key: string,
    options: CallOptions | undefined,
    read: () => Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const bytes = await this.#request(operation, key, options, read);
    if (bytes === undefined || bytes.length === 0) return bytes;
    const { random } = this.#world;
    if (!random.chance(this.#weather.rates.short)) return bytes.slice();
    this.shortened++;
    return bytes.slice(0, random.below(bytes.length));
  }

  #request<T>(operation: string, key: string, options: CallOptions | undefined, apply: () => T): Promise<T> {
    const { random } = this.#world;
    const { rates } = this.#weather;
    if (this.#isCut || random.chance(rates.fail))
      return this.#answer(operation, key, options, () => this.#fail(operation, key));
    if (random.chance(0.5)) return this.#answer(operation, key, options, apply);
    const applied = apply();
    return this.#answer(operation, key, options, () => applied);
  }

  async #write<T extends undefined | "created" | "exists">(
    operation: string,
    key: string,
    options: CallOptions | undefined,
    apply: () => T,
  ): Promise<T> {
    throwIfAborted(options?.signal, `${operation} ${key}`);
    const { random } = this.#world;
    const { fail, lose, late, twice, taken, cut } = this.#weather.rates;
    if (this.#isCut) return await this.#answer(operation, key, options, () => this.#fail(operation, key));
    const isCut = random.chance(cut);
    if (isCut) this.#isCutUntilMs = this.#world.nowMs + random.below(CUT_MS);
    if (isCut ? random.chance(0.5) : random.chance(late)) {
      this.#applyLate(operation, key, apply);
      return await this.#answer(operation, key, options, () => this.#fail(operation, key));
    }
    if (random.chance(twice)) this.#applyLate(operation, key, apply);
    if (random.chance(fail)) return await this.#answer(operation, key, options, () => this.#fail(operation, key));
    const isTaken = operation === "putIfAbsent" && random.chance(taken);
    // Refused because another's PUT of the same key was just under way: nothing was applied, and nothing may be there.
    if (isTaken && random.chance(0.5)) return await this.#answer(operation, key, options, () => "exists" as T);
    const isLost = isCut || random.chance(lose);
    const applied = await this.#applied(operation, key, options, apply);
    if (isLost) return this.#fail(operation, key);
    // Sent twice by whoever stands in between: the second is told of the first.
    return isTaken ? ("exists" as T) : applied;
  }

  /** Applies it at a moment of its own between now and the answer, which may outlive the process that sent it. */
  async #applied<T>(operation: string, key: string, options: CallOptions | undefined, apply: () => T): Promise<T> {
    let applied: { readonly answer: T } | undefined;
    const run = () => {
      const answer = apply();
      applied = { answer };
      this.#world.trace.note(this.#world.nowMs, this.#process.name, `applied ${operation} ${key}`, String(answer));
    };
    const beforeMs = this.#latencyMs();
    if (this.#world.random.chance(0.3)) run();
    else this.#world.after(beforeMs, this.#world.network, "apply", run);
    // Never before it was applied.
    return await this.#answer(operation, key, options, () => applied!.answer, beforeMs);
  }

  /** Long after: up to ten seconds, or up to two days. */
  #applyLate(operation: string, key: string, apply: () => void): void {
    const { random, network, trace } = this.#world;
    const delayMs = random.chance(0.6) ? random.below(10_000) : random.below(2 * 24 * 3600 * 1000);
    this.#world.after(delayMs, network, "apply late", () => {
      const answer = apply();
      trace.note(this.#world.nowMs, this.#process.name, `applied late: ${operation} ${key}`, String(answer));
    });
  }

  /** Settles after a while by `answer`, unless the process has crashed by then, or gives up. */
  #answer<T>(
    operation: string,
    key: string,
    options: CallOptions | undefined,
    answer: () => T,
    atLeastMs = 0,
  ): Promise<T> {
    const signal = options?.signal;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(operation, key, signal));
      const endWait = onAbort(signal, () => {
        event.fire = undefined;
        reject(aborted(operation, key, signal!));
      });
      const event = this.#world.after(atLeastMs + this.#latencyMs(), this.#process, operation, () => {
        endWait();
        try {
          const value = answer();
          this.#note(operation, key, value);
          resolve(value);
        } catch (error) {
          this.#note(operation, key, "failed");
          reject(error);
        }
      });
    });
  }

  #note(operation: string, key: string, value: unknown): void {
    const outcome =
      value instanceof Uint8Array ? `${value.length} bytes` : Array.isArray(value) ? "page" : String(value);
    this.#world.trace.note(this.#world.nowMs, this.#process.name, `${operation} ${key}`, outcome);
  }

  #latencyMs(): number {
    const { random } = this.#world;
    const usualMs = 1 + random.below(20_000) / 1000;
    return random.chance(this.#weather.rates.slow) ? usualMs + random.below(30_000) : usualMs;
  }

  #fail(operation: string, key: string): never {
    throw this.#failed(operation, key);
  }

  #failed(operation: string, key: string): Unavailable {
    const { random } = this.#world;
    const retryAfterMs = random.chance(0.1) ? random.below(3000) : undefined;
    return new Unavailable(`simulated: ${operation} ${key}`, { retryAfterMs });
  }
}

function aborted(operation: string, key: string, signal: AbortSignal): Aborted {
  return new Aborted(`${operation} ${key} was aborted`, { cause: signal.reason });
}
