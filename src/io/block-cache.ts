/**
 * A second-level cache: blocks of objects kept on this machine, between the memory of a store and its storage. A block is the
 * aligned piece number `block` of the object at `key`: `blockBytes` long, shorter only where the object ends. Whatever was
 * written may be gone at any time; what is given back is what was written, or nothing.
 *
 * Implementations: `SlabCache` (one file, in Node and in a browser's worker), `IndexedDbCache` (in a browser's page).
 */
import type { CallOptions } from "./object-store.js";

export interface CacheStats {
  hits: number;
  misses: number;
  /** Blocks that were found and were not what had been written: damaged, or being replaced at that moment. Misses too. */
  damaged: number;
  bytesRead: number;
  bytesWritten: number;
  /** Blocks that were given up for others. */
  evictions: number;
  /** Calls to the disk that failed. The cache then rests for a while: reads are misses, writes are dropped. */
  failures: number;
}

export interface BlockCache {
  readonly blockBytes: number;
  readonly stats: Readonly<CacheStats>;
  /** The block, the caller's own; `undefined` where it is not here. */
  read(key: string, block: number, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** Keeps a block, if it can. `bytes` must not change until it has settled. */
  write(key: string, block: number, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Block numbers are 32 bits wherever they are stored. */
export const MAX_BLOCK = 0xffff_ffff;

export function newCacheStats(): CacheStats {
  return { hits: 0, misses: 0, damaged: 0, bytesRead: 0, bytesWritten: 0, evictions: 0, failures: 0 };
}
