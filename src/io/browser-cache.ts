/**
 * The second-level cache in a browser: a slab in the private file system where this is a dedicated worker and no other has it,
 * else IndexedDB, else none. What is cached survives reloads, until the browser needs the space.
 */
import { InvalidArgument } from "../core/errors.js";
import type { BlockCache } from "./block-cache.js";
import { openIndexedDbCache } from "./indexed-db-cache.js";
import { isKeyPart } from "./object-key.js";
import { SlabCache } from "./slab-cache.js";
import { openOpfsSlab } from "./slab-file-opfs.js";
import { SlabLayout } from "./slab-layout.js";

const INDEXED_DB_BLOCK_BYTES = 64 << 10;

export interface BrowserCacheOptions {
  /** What it takes of the site's storage: at least 264 KiB. */
  readonly bytes: number;
  /** Caches of other names are others: lower-case letters, digits, `.`, `_` and `-`. By default "palimpsest". */
  readonly name?: string | undefined;
}

/**
 * @returns `undefined` where nothing can be kept: the site has no storage, or no room in it.
 * @throws InvalidArgument
 */
export async function openBrowserCache({
  bytes,
  name = "palimpsest",
}: BrowserCacheOptions): Promise<BlockCache | undefined> {
  if (typeof name !== "string" || !isKeyPart(name)) {
    throw new InvalidArgument(`cache ${JSON.stringify(name)}: a name is made of a-z, 0-9, ".", "_" and "-"`);
  }
  const layout = new SlabLayout(bytes);
  const slab = await openOpfsSlab(name, layout);
  if (slab !== undefined) return new SlabCache(slab, layout);
  return await openIndexedDbCache(name, bytes, INDEXED_DB_BLOCK_BYTES);
}
