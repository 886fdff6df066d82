/**
 * What runs in the browser's tests, as a script of a page and as a worker's: it reads pages of a store over HTTP, by way of the
 * browser's own cache where it is told to, and says what it read. Bundled by `bundleBrowserReader`.
 */
import { PageStore } from "../../src/index.js";
import { openBrowserCache } from "../../src/io/browser-cache.js";
import { IndexedDbCache } from "../../src/io/indexed-db-cache.js";
import { SlabCache } from "../../src/io/slab-cache.js";

export interface ReadTask {
  readonly url: string;
  /** Of the cache; without a name there is none. */
  readonly cacheName?: string | undefined;
  readonly cacheBytes?: number | undefined;
  readonly lsns: readonly number[];
  readonly offsets: readonly number[];
  /** Keeps the cache open for so long after the reading. */
  readonly holdMs?: number | undefined;
}

export interface ReadResult {
  readonly cache: "none" | "slab" | "indexed db";
  /** For each LSN, for each offset: the page in base64, or nothing. */
  readonly pages: readonly (readonly (string | undefined)[])[];
  readonly hits: number;
  readonly misses: number;
  readonly failures: number;
  readonly ms: number;
}

const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));

async function readInBrowser(task: ReadTask): Promise<ReadResult> {
  const { url, cacheName: name, cacheBytes: bytes = 16 << 20, lsns, offsets, holdMs } = task;
  const cache = name === undefined ? undefined : await openBrowserCache({ name, bytes });
  const began = performance.now();
  const store = await PageStore.open(url, { memory: 4 << 20, cache });
  const volume = await store.volume("app");
  const pages: (string | undefined)[][] = [];
  for (const lsn of lsns) {
    const at = await volume.snapshot(lsn);
    pages.push((await at.readPages(offsets)).map((page) => page && base64(page)));
  }
  const ms = performance.now() - began;
  await store.close();
  if (holdMs !== undefined) await new Promise((resolve) => setTimeout(resolve, holdMs));
  await cache?.close();
  const kind = cache instanceof SlabCache ? "slab" : cache instanceof IndexedDbCache ? "indexed db" : "none";
  const { hits = 0, misses = 0, failures = 0 } = cache?.stats ?? {};
  return { cache: kind, pages, hits, misses, failures, ms };
}

/** Reads in a worker made of this same script. */
function readInWorker(script: string, task: ReadTask): Promise<ReadResult> {
  const worker = new Worker(script);
  return new Promise<ReadResult>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<{ result?: ReadResult; error?: string }>) => {
      if (data.result) resolve(data.result);
      else reject(new Error(data.error));
    };
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(task);
  }).finally(() => worker.terminate());
}

if ("document" in globalThis) {
  Object.assign(globalThis, { readInBrowser, readInWorker });
} else {
  globalThis.onmessage = async ({ data }: MessageEvent<ReadTask>) => {
    try {
      globalThis.postMessage({ result: await readInBrowser(data) });
    } catch (error) {
      globalThis.postMessage({ error: String((error as Error).stack) });
    }
  };
}
