/**
 * The storage that everything stands on: objects named by keys, put once or overwritten whole, read whole or by range.
 * A local folder can do it, and so can S3 with `If-None-Match: *`. Implementations pass `test/conformance`.
 *
 * Keys are relative, `/`-separated, made by `src/log/keys.ts` alone from parsed ids and numbers. Bytes returned are the
 * caller's; bytes passed in are only read, and not after the call has settled.
 *
 * Errors: `Unavailable` (may pass), `NoSpace`, `ReadOnly`, `Aborted`, `Closed`. An absent object is a value.
 */
import type { BackoffPolicy } from "./backoff.js";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Of a read: the key most likely does not exist yet. Where the storage cannot say "absent" plainly (403 to whoever may not
   * list, a page of HTML for everything), that is how it says it; to any other read the same answer is an error.
   */
  readonly probing?: boolean | undefined;
  /** Of a read: what a cache on the way holds was found to be damaged. Ask the storage itself. */
  readonly refresh?: boolean | undefined;
  /**
   * Of `get`: what is found survives a power cut once this resolves. In a folder it may have been named by a process that died
   * before it synced the name. Other storages show nothing that may be lost.
   */
  readonly lasting?: boolean | undefined;
}

export interface RangeOptions extends CallOptions {
  /** Memory for the answer, at least as long as the range: what is returned is then a view of it. */
  readonly into?: Uint8Array | undefined;
}

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** By the store's own clock, milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** Requests, bytes and time since the store was opened. */
export interface IoStats {
  gets: number;
  /** Gets of an absent object, counted in `gets` too. */
  misses: number;
  puts: number;
  lists: number;
  deletes: number;
  bytesRead: number;
  bytesWritten: number;
  /** Calls that made bytes durable (fsync), and the milliseconds they took. */
  syncs: number;
  syncMs: number;
  /** Requests that were sent again after a failure. */
  retries: number;
  /** Reads that were sent a second time because they were slow, and how many of these answered first. */
  hedges: number;
  hedgesWon: number;
}

export interface ObjectStore {
  /** For messages. Holds no credentials. */
  readonly url: string;
  readonly stats: Readonly<IoStats>;
  /** The whole object, or `undefined` where there is none. */
  get(key: string, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** Up to `length` bytes from `start`: fewer only where the object ends; `undefined` where there is no object. */
  getRange(key: string, start: number, length: number, options?: RangeOptions): Promise<Uint8Array | undefined>;
  /** Creates or replaces; durable when it resolves. */
  put(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void>;
  /** Creates, atomically and durably; "exists" without any effect where the key is taken. */
  putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists">;
  /** Every object whose key begins with `prefix`, in ascending order of keys. For collection and tools alone. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo>;
  /** Deletes; an absent object is no error. */
  delete(key: string, options?: CallOptions): Promise<void>;
  /** Refuses a store that does not honour put-if-absent; called once before the first write. `ReadOnly` where it cannot write. */
  checkWritable(options?: CallOptions): Promise<void>;
  /**
   * Where the storage can read in place: like `get` and `getRange`, without a promise. `readRangeSync` reads into
   * `target` and returns the number of bytes read (fewer than its length only where the object ends), or -1 where there
   * is no object.
   */
  readonly sync?: SyncReads | undefined;
  /** How often to try what this store does not repeat by itself (`putIfAbsent`), and how long to wait in between. */
  readonly backoff?: BackoffPolicy | undefined;
  /** An object was seen, though not here (in a cache): what is put from now on may build on it, as after a `get`. */
  noteSeen?(key: string): void;
  close(): Promise<void>;
}

export interface SyncReads {
  get(key: string): Uint8Array | undefined;
  readRange(key: string, start: number, target: Uint8Array): number;
}

export function newIoStats(): IoStats {
  return {
    gets: 0,
    misses: 0,
    puts: 0,
    lists: 0,
    deletes: 0,
    bytesRead: 0,
    bytesWritten: 0,
    syncs: 0,
    syncMs: 0,
    retries: 0,
    hedges: 0,
    hedgesWon: 0,
  };
}
