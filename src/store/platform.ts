/** What differs between Node, browsers and workers: which storage a URL names, and the fastest SHA-256. */
import { InvalidArgument } from "../core/errors.js";
import { type Sha256, sha256 } from "../core/sha256.js";
import { MemoryStore } from "../io/memory-store.js";
import type { ObjectStore } from "../io/object-store.js";

export interface Platform {
  /** @throws InvalidArgument for a URL that it cannot open. */
  openObjects(url: string): ObjectStore | Promise<ObjectStore>;
  readonly sha256: Sha256;
}

/** What every JavaScript host can do. */
export const portablePlatform: Platform = {
  openObjects(url) {
    if (url === "memory:") return new MemoryStore();
    throw unknownUrl(url, "memory:");
  },
  sha256,
};

export function unknownUrl(url: string, known: string): InvalidArgument {
  const hint = /^file:/.test(url) ? ' A folder needs Node: import from "palimpsest/node".' : "";
  return new InvalidArgument(`cannot open the store ${JSON.stringify(url)}: this release opens ${known}.${hint}`);
}
