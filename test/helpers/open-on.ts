/** A page store on storage that the test made: to fail, to count, to be shared. */
import type { ObjectStore } from "../../src/io/object-store.js";
import { type OpenOptions, PageStore } from "../../src/node.js";

export function openOn(objects: ObjectStore, memory = 32 << 20, options: OpenOptions = {}): Promise<PageStore> {
  return PageStore.open("test:", { objects, memory, ...options });
}
