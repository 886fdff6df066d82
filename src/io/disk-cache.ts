/** The second-level cache in Node: a slab in a folder, which survives restarts, and which several processes share. */
import { SlabCache } from "./slab-cache.js";
import { openSlabFile } from "./slab-file-node.js";
import { SlabLayout } from "./slab-layout.js";

export interface DiskCacheOptions {
  /** Made where it is not there. Every process that names it shares the cache, and gives the same `bytes`. */
  readonly folder: string;
  /** What the cache takes of the disk at most. Blocks are 16 KiB: at least 264 KiB. */
  readonly bytes: number;
  /** For whoever has other pages than most: a power of two from 512 to 1 MiB. By default 16 KiB. */
  readonly blockBytes?: number;
}

/**
 * Opens or makes the cache of a folder.
 *
 * @throws InvalidArgument, NoSpace, ReadOnly, Unavailable: the folder cannot be used. Once open, the cache fails no call.
 */
export async function openDiskCache({ folder, bytes, blockBytes }: DiskCacheOptions): Promise<SlabCache> {
  const layout = new SlabLayout(bytes, blockBytes);
  return new SlabCache(await openSlabFile(folder, layout), layout);
}
