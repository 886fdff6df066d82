/**
 * The storage as a store reads it: the backend, and above it, each where it is asked for, what traces its requests, hedges slow
 * reads, sends failed requests again, and keeps what was read on this machine.
 */
import type { BackoffPolicy } from "../io/backoff.js";
import type { BlockCache, CacheStats } from "../io/block-cache.js";
import { CacheStore } from "../io/cache-store.js";
import { type HedgeOptions, HedgeStore } from "../io/hedge-store.js";
import type { IoListener } from "../io/io-events.js";
import type { ObjectStore } from "../io/object-store.js";
import { RetryStore } from "../io/retry-store.js";
import type { S3Options } from "../io/s3-options.js";
import { TraceStore } from "../io/trace-store.js";
import { isImmutableKey } from "../log/keys.js";
import type { CacheOptions, Platform } from "./platform.js";

export interface ObjectStackOptions {
  /** Of `s3:`: what the environment does not say, or says otherwise. */
  readonly s3?: S3Options;
  /** Over a network: how long one request may take, 30 s by default, and a second more for each 64 KiB. */
  readonly requestTimeoutMs?: number;
  /** How often what failed in a way that may pass is tried, and how long it waits in between: 5 times, 50 ms to 2 s. */
  readonly retry?: Partial<BackoffPolicy>;
  /** Sends reads that are slow a second time. By default never. */
  readonly hedge?: HedgeOptions;
  /**
   * Keeps pages and indexes that were read on this machine: in Node `{ folder, bytes }`, in a browser `{ bytes }`, or a cache that
   * the caller opened, and closes.
   */
  readonly cache?: CacheOptions | BlockCache;
  /** Told of every request, retry, hedge and look into the cache. */
  readonly onEvent?: IoListener;
  /** Storage that the caller opened, and closes: then the URL is only a name. */
  readonly objects?: ObjectStore;
}

export interface ObjectStack {
  readonly objects: ObjectStore;
  /** As they are now; `undefined` where there is no cache. */
  readonly cacheStats: Readonly<CacheStats> | undefined;
  /** Closes what was opened here. */
  close(): Promise<void>;
}

export async function openObjectStack(
  platform: Platform,
  url: string,
  options: ObjectStackOptions,
): Promise<ObjectStack> {
  const { s3, requestTimeoutMs, hedge, onEvent } = options;
  const backend = options.objects ?? (await platform.openObjects(url, { s3, requestTimeoutMs }));
  let objects: ObjectStore = onEvent ? new TraceStore(backend, onEvent) : backend;
  if (hedge) objects = new HedgeStore(objects, hedge, onEvent);
  objects = new RetryStore(objects, { policy: options.retry, onEvent });
  const closeBackend = async () => {
    if (!options.objects) await backend.close();
  };
  const given = options.cache && "read" in options.cache ? options.cache : undefined;
  let opened: BlockCache | undefined;
  try {
    if (options.cache && !given) opened = await platform.openCache(options.cache as CacheOptions);
  } catch (error) {
    await closeBackend();
    throw error;
  }
  const cache = given ?? opened;
  const cached = cache && new CacheStore(objects, cache, { isImmutable: isImmutableKey, onEvent });
  return {
    objects: cached ?? objects,
    get cacheStats() {
      return cached?.cacheStats;
    },
    async close() {
      await cached?.settled();
      await closeBackend();
      await opened?.close();
    },
  };
}
