/** An object store on top of another that passes every call on: the base of those that add one thing. */
import type { BackoffPolicy } from "./backoff.js";
import type { CallOptions, IoStats, ObjectInfo, ObjectStore, RangeOptions, SyncReads } from "./object-store.js";

export abstract class StoreWrapper implements ObjectStore {
  protected readonly inner: ObjectStore;

  constructor(inner: ObjectStore) {
    this.inner = inner;
  }

  get url(): string {
    return this.inner.url;
  }

  get stats(): Readonly<IoStats> {
    return this.inner.stats;
  }

  get sync(): SyncReads | undefined {
    return this.inner.sync;
  }

  get backoff(): BackoffPolicy | undefined {
    return this.inner.backoff;
  }

  get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.inner.get(key, options);
  }

  getRange(key: string, start: number, length: number, options?: RangeOptions): Promise<Uint8Array | undefined> {
    return this.inner.getRange(key, start, length, options);
  }

  put(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.inner.put(key, bytes, options);
  }

  putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    return this.inner.putIfAbsent(key, bytes, options);
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo> {
    return this.inner.list(prefix, options);
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.inner.delete(key, options);
  }

  checkWritable(options?: CallOptions): Promise<void> {
    return this.inner.checkWritable(options);
  }

  noteSeen(key: string): void {
    this.inner.noteSeen?.(key);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
