/** An object store that notes every request to the one it wraps: tests count requests, bytes and keys. */
import type { CallOptions, ObjectInfo, ObjectStore, RangeOptions, SyncReads } from "../../src/io/object-store.js";

export type Operation = "get" | "getRange" | "put" | "putIfAbsent" | "list" | "delete" | "syncGet" | "syncReadRange";

export interface Request {
  readonly operation: Operation;
  readonly key: string;
  /** Bytes sent or received; -1 where the object was absent. */
  readonly bytes: number;
}

export class CountingStore implements ObjectStore {
  readonly inner: ObjectStore;
  readonly sync?: SyncReads;
  requests: Request[] = [];

  constructor(inner: ObjectStore) {
    this.inner = inner;
    const { sync } = inner;
    if (sync === undefined) return;
    this.sync = {
      get: (key) => {
        const found = sync.get(key);
        this.#note("syncGet", key, found?.length ?? -1);
        return found;
      },
      readRange: (key, start, target) => {
        const count = sync.readRange(key, start, target);
        this.#note("syncReadRange", key, count);
        return count;
      },
    };
  }

  /** What was requested since the last call. */
  take(): Request[] {
    const taken = this.requests;
    this.requests = [];
    return taken;
  }

  count(...operations: Operation[]): number {
    return this.requests.filter((request) => operations.includes(request.operation)).length;
  }

  get url() {
    return this.inner.url;
  }

  get stats() {
    return this.inner.stats;
  }

  async get(key: string, options?: CallOptions) {
    const found = await this.inner.get(key, options);
    this.#note("get", key, found?.length ?? -1);
    return found;
  }

  async getRange(key: string, start: number, length: number, options?: RangeOptions) {
    const found = await this.inner.getRange(key, start, length, options);
    this.#note("getRange", key, found?.length ?? -1);
    return found;
  }

  async put(key: string, bytes: Uint8Array, options?: CallOptions) {
    this.#note("put", key, bytes.length);
    await this.inner.put(key, bytes, options);
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions) {
    this.#note("putIfAbsent", key, bytes.length);
    return this.inner.putIfAbsent(key, bytes, options);
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo> {
    this.#note("list", prefix, 0);
    return this.inner.list(prefix, options);
  }

  async delete(key: string, options?: CallOptions) {
    this.#note("delete", key, 0);
    await this.inner.delete(key, options);
  }

  checkWritable(options?: CallOptions) {
    return this.inner.checkWritable(options);
  }

  close() {
    return this.inner.close();
  }

  #note(operation: Operation, key: string, bytes: number): void {
    this.requests.push({ operation, key, bytes });
  }
}
