/** Runs the object store suite on every backend. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore } from "../../src/io/file-store.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import { describeObjectStore } from "./object-store.js";

describeObjectStore("memory", async () => {
  const store = new MemoryStore();
  return { store, again: () => store, remove: async () => {} };
});

describeObjectStore("file", async () => {
  const parent = mkdtempSync(join(tmpdir(), "palimpsest-store-"));
  const folder = join(parent, "not", "made", "yet");
  return {
    store: new FileStore(folder),
    again: () => new FileStore(folder),
    remove: async () => rmSync(parent, { recursive: true }),
  };
});
