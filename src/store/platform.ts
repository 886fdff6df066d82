/** What differs between Node, browsers and workers: which storage a URL names, and the fastest SHA-256. */
import { InvalidArgument } from "../core/errors.js";
import { type Sha256, sha256 } from "../core/sha256.js";
import type { BlockCache } from "../io/block-cache.js";
import { openBrowserCache } from "../io/browser-cache.js";
import { HttpStore } from "../io/http-store.js";
import { showUrl } from "../io/http-url.js";
import { MemoryStore } from "../io/memory-store.js";
import type { ObjectStore } from "../io/object-store.js";
import type { S3Options } from "../io/s3-options.js";

export interface OpenObjectsOptions {
  /** Of an `s3:` store: what the environment does not say, or says otherwise. */
  readonly s3?: S3Options | undefined;
  /** Of a store over a network: how long one request may take, 30 s by default, and a second more for each 64 KiB. */
  readonly requestTimeoutMs?: number | undefined;
}

export interface Platform {
  /** @throws InvalidArgument for a URL that it cannot open. */
  openObjects(url: string, options?: OpenObjectsOptions): ObjectStore | Promise<ObjectStore>;
  /** @returns `undefined` where nothing can be kept here. */
  openCache(options: CacheOptions): Promise<BlockCache | undefined>;
  readonly sha256: Sha256;
}

/** What is kept on this machine, between memory and the storage. */
export interface CacheOptions {
  /** How many bytes it takes of the disk, or of the browser's storage for this site. */
  readonly bytes: number;
  /** In Node: where. Processes share the cache of a folder. */
  readonly folder?: string;
  /** In a browser: caches of other names are others. */
  readonly name?: string;
}

/** What every JavaScript host can do. */
export const portablePlatform: Platform = {
  openObjects(url, options = {}) {
    if (url === "memory:") return new MemoryStore();
    if (/^https?:/i.test(url)) return new HttpStore(url, { requestTimeoutMs: options.requestTimeoutMs });
    throw unknownUrl(url, "https:, http: and memory:");
  },
  openCache: ({ bytes, name }) => openBrowserCache({ bytes, name }),
  sha256,
};

export function unknownUrl(url: string, known: string): InvalidArgument {
  const hint = /^(file|s3):/i.test(url)
    ? ' Folders and buckets need Node: import from "palimpsest/node", or pass an object store of your own.'
    : "";
  return new InvalidArgument(`cannot open the store ${showUrl(url)}: this release opens ${known}.${hint}`);
}
