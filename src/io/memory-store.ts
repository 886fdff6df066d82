/**
 * An object store in this process's memory: for tests, demos and browser tabs. Several `PageStore`s may open one
 * instance, one after another or at once, so `close` keeps the objects: they go when the instance does.
 */
import { throwIfAborted } from "../core/errors.js";
import { checkKey, checkPrefix, checkRange } from "./object-key.js";
import {
  type CallOptions,
  newIoStats,
  type ObjectInfo,
  type ObjectStore,
  type RangeOptions,
  type SyncReads,
} from "./object-store.js";

interface Stored {
  readonly bytes: Uint8Array;
  readonly modifiedMs: number;
}

export class MemoryStore implements ObjectStore {
  readonly url = "memory:";
  readonly stats = newIoStats();
  readonly #objects = new Map<string, Stored>();

  readonly sync: SyncReads = {
    get: (key) => this.#read(key)?.slice(),
    readRange: (key, start, target) => {
      checkRange(start, target.length);
      const part = this.#read(key, start, target.length);
      if (part === undefined) return -1;
      target.set(part);
      return part.length;
    },
  };

  async get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
    throwIfAborted(options?.signal, `reading ${key}`);
    return this.#read(key)?.slice();
  }

  async getRange(key: string, start: number, length: number, options?: RangeOptions): Promise<Uint8Array | undefined> {
    throwIfAborted(options?.signal, `reading ${key}`);
    checkRange(start, length);
    const bytes = this.#read(key, start, length);
    if (bytes === undefined || options?.into === undefined) return bytes?.slice();
    options.into.set(bytes);
    return options.into.subarray(0, bytes.length);
  }

  async put(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#startWrite(key, bytes, options);
    this.#replace(key, bytes);
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    this.#startWrite(key, bytes, options);
    if (this.#objects.has(key)) return "exists";
    this.#replace(key, bytes);
    return "created";
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    this.stats.lists++;
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    for (const key of keys) {
      throwIfAborted(options?.signal, `listing ${prefix}`);
      const stored = this.#objects.get(key);
      if (stored) yield { key, sizeBytes: stored.bytes.length, modifiedMs: stored.modifiedMs };
    }
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    checkKey(key);
    throwIfAborted(options?.signal, `deleting ${key}`);
    this.stats.deletes++;
    this.#objects.delete(key);
  }

  async checkWritable(options?: CallOptions): Promise<void> {
    throwIfAborted(options?.signal, "checking that the store can be written");
  }

  async close(): Promise<void> {}

  #read(key: string, start = 0, length = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    checkKey(key);
    this.stats.gets++;
    const bytes = this.#objects.get(key)?.bytes.subarray(start, start + length);
    if (bytes === undefined) this.stats.misses++;
    else this.stats.bytesRead += bytes.length;
    return bytes;
  }

  #startWrite(key: string, bytes: Uint8Array, options: CallOptions | undefined): void {
    checkKey(key);
    throwIfAborted(options?.signal, `writing ${key}`);
    this.stats.puts++;
    this.stats.bytesWritten += bytes.length;
  }

  /** Copies: the caller may reuse its bytes. (Not `slice`, which makes a view when `bytes` is a Node `Buffer`.) */
  #replace(key: string, bytes: Uint8Array): void {
    this.#objects.set(key, { bytes: new Uint8Array(bytes), modifiedMs: Date.now() });
  }
}
