/** A page store on storage that the test made: to fail, to count, to be shared. */
import type { ObjectStore } from "../../src/io/object-store.js";
import { type OpenOptions, PageStore } from "../../src/node.js";

/** The least: each store reserves its memory anew, and the more is reserved, the more often V8 collects garbage. */
const MEMORY_BYTES = 1 << 20;

export function openOn(objects: ObjectStore, memory = MEMORY_BYTES, options: OpenOptions = {}): Promise<PageStore> {
  return PageStore.open("test:", { objects, memory, ...options });
}
