/**
 * A store over http:// in Chromium, in a page and in a worker: the answers that Node gives, with no cache, with IndexedDB and
 * with a slab in the private file system; after a reload and after the browser was started again nothing that was read before
 * is asked for; and a quota that is used up costs requests, never an answer.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isImmutableKey } from "../../src/log/keys.js";
import { PageStore } from "../../src/node.js";
import type { ReadResult, ReadTask } from "../helpers/browser-reader.js";
import { Chromium } from "../helpers/chromium.js";
import { type RunningServer, startHttpServer } from "../helpers/http-server.js";
import { KNOWN_OFFSETS, KNOWN_PAGE_SIZE, KnownHistory, knownCommit } from "../helpers/known-history.js";
import { needs } from "../helpers/requires.js";

const LAST = 60;
const LSNS = [1, 7, 30, 44, LAST];
const OFFSETS = Array.from({ length: 60 }, (_, i) => Math.floor((i * KNOWN_OFFSETS) / 60));

/** The functions that the script leaves in a page. */
declare global {
  function readInBrowser(task: ReadTask): Promise<ReadResult>;
  function readInWorker(script: string, task: ReadTask): Promise<ReadResult>;
}

describe("a store over HTTP in Chromium", needs("chromium"), () => {
  let folder: string;
  let server: RunningServer;
  let browser: Chromium;
  /** What must be read, in base64. */
  let expected: (string | undefined)[][];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "palimpsest-browser-"));
    const { outputFiles } = await build({
      entryPoints: ["test/helpers/browser-reader.ts"],
      bundle: true,
      format: "iife",
      target: "es2022",
      loader: { ".wasm": "binary" },
      write: false,
    });
    {
      await using store = await PageStore.open(`file:${folder}/pages`);
      const volume = await store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
      const known = new KnownHistory();
      expected = [];
      for (let lsn = 1; lsn <= LAST; lsn++) {
        await volume.commit(knownCommit(lsn));
        known.advance();
        if (!LSNS.includes(lsn)) continue;
        const pages = await volume.readPages(OFFSETS, lsn);
        const base64 = pages.map((page) => page && Buffer.from(page).toString("base64"));
        const right = OFFSETS.map((offset) => known.page(offset)).map(
          (page) => page && Buffer.from(page).toString("base64"),
        );
        expect(base64).toEqual(right);
        expected.push(base64);
      }
    }
    server = await startHttpServer({
      folder,
      onRequest: ({ path }, response) => {
        if (path !== "" && path !== "script.js" && path !== "favicon.ico") return false;
        response.setHeader("Content-Type", path === "script.js" ? "text/javascript" : "text/html");
        response.end(
          path === "script.js" ? outputFiles[0].contents : '<!doctype html><script src="script.js"></script>',
        );
        return true;
      },
    });
    browser = new Chromium();
  });
  afterAll(async () => {
    await browser?.remove();
    await server?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  const places = {
    page: (page: Page, task: ReadTask) => page.evaluate((given) => readInBrowser(given), task),
    worker: (page: Page, task: ReadTask) => page.evaluate((given) => readInWorker("script.js", given), task),
  };
  const taskOf = (cacheName?: string, more: Partial<ReadTask> = {}): ReadTask => ({
    url: `${server.url}/pages`,
    cacheName,
    lsns: LSNS,
    offsets: OFFSETS,
    ...more,
  });
  /** Requests since the last call for objects that never change, and are there. */
  const takeImmutable = () =>
    server.take().filter(({ path, status }) => isImmutableKey(path.replace(/^pages\//, "")) && status < 300).length;
  /** JSON has no `undefined` in lists. */
  const plain = (pages: ReadResult["pages"]) => pages.map((list) => list.map((page) => page ?? undefined));

  for (const place of ["page", "worker"] as const) {
    const kind = place === "page" ? "indexed db" : "slab";

    it(`gives in a ${place} what it gives in Node`, async () => {
      const page = await browser.open(server.url);
      server.take();
      for (let time = 0; time < 2; time++) {
        const result = await places[place](page, taskOf());
        expect(result.cache).toBe("none");
        expect(plain(result.pages)).toEqual(expected);
        expect(takeImmutable()).toBeGreaterThan(5);
      }
      await page.close();
    });

    it(`keeps in a ${place} what was read, in ${kind}: after a reload, and after the browser was started again`, async () => {
      const cacheName = `kept-in-${place}`;
      let page = await browser.open(server.url);
      server.take();
      const cold = await places[place](page, taskOf(cacheName));
      expect(cold).toMatchObject({ cache: kind, failures: 0 });
      expect(plain(cold.pages)).toEqual(expected);
      expect(takeImmutable()).toBeGreaterThan(5);
      await page.reload();
      const reloaded = await places[place](page, taskOf(cacheName));
      expect(reloaded).toMatchObject({ cache: kind, failures: 0 });
      expect(plain(reloaded.pages)).toEqual(expected);
      expect(reloaded.hits).toBeGreaterThan(5);
      expect(takeImmutable()).toBe(0);
      await browser.stop();
      page = await browser.open(server.url);
      const restarted = await places[place](page, taskOf(cacheName));
      expect(restarted).toMatchObject({ cache: kind, failures: 0 });
      expect(plain(restarted.pages)).toEqual(expected);
      expect(takeImmutable()).toBe(0);
      await page.close();
    });

    it(`only reads more in a ${place} when the site may keep nothing`, async () => {
      const page = await browser.open(server.url);
      const session = await page.context().newCDPSession(page);
      await session.send("Storage.overrideQuotaForOrigin", { origin: server.url, quotaSize: 1000 });
      try {
        for (let time = 0; time < 2; time++) {
          const result = await places[place](page, taskOf(`no-room-in-${place}`));
          expect(plain(result.pages)).toEqual(expected);
          expect(result.cache).not.toBe("slab");
          expect(result.hits).toBe(0);
          if (result.cache === "indexed db") expect(result.failures).toBeGreaterThan(0);
        }
      } finally {
        await session.send("Storage.overrideQuotaForOrigin", { origin: server.url });
        await page.close();
      }
    });
  }

  it("takes IndexedDB in a second worker, while a first has the slab", async () => {
    const page = await browser.open(server.url);
    const results = await page.evaluate(async (task) => {
      const first = readInWorker("script.js", { ...task, holdMs: 3000 });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return await Promise.all([first, readInWorker("script.js", task)]);
    }, taskOf("shared"));
    expect(results.map(({ cache }) => cache)).toEqual(["slab", "indexed db"]);
    for (const { pages } of results) expect(plain(pages)).toEqual(expected);
    await page.close();
  });

  it("stays within its bytes in IndexedDB, and right, while blocks are evicted", async () => {
    const page = await browser.open(server.url);
    for (let time = 0; time < 3; time++) {
      const result = await places.page(page, taskOf("small", { cacheBytes: 300 << 10 }));
      expect(plain(result.pages)).toEqual(expected);
      expect(result).toMatchObject({ cache: "indexed db", failures: 0 });
    }
    const state = await page.evaluate(
      () =>
        new Promise<{ counted: number; bytes: number }>((resolve) => {
          indexedDB.open("small-blocks-1").onsuccess = ({ target }) => {
            const db = (target as IDBOpenDBRequest).result;
            const transaction = db.transaction(["blocks", "state"]);
            const blocks = transaction.objectStore("blocks").getAll();
            const counted = transaction.objectStore("state").get("state");
            transaction.oncomplete = () => {
              db.close();
              const bytes = blocks.result.reduce(
                (sum: number, block: { bytes: Uint8Array }) => sum + block.bytes.length,
                0,
              );
              resolve({ counted: counted.result.bytes, bytes });
            };
          };
        }),
    );
    expect(state.counted).toBeLessThanOrEqual(300 << 10);
    expect(state.bytes).toBeLessThanOrEqual(state.counted);
    expect(state.bytes).toBeGreaterThan(100 << 10);
    await page.close();
  });

  it("does not believe blocks in IndexedDB that are not what was written", async () => {
    const page = await browser.open(server.url);
    await places.page(page, taskOf("damaged"));
    const count = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          indexedDB.open("damaged-blocks-1").onsuccess = ({ target }) => {
            const db = (target as IDBOpenDBRequest).result;
            const transaction = db.transaction("blocks", "readwrite");
            let damaged = 0;
            transaction.objectStore("blocks").openCursor().onsuccess = (event) => {
              const cursor = (event.target as IDBRequest<IDBCursorWithValue | null>).result;
              if (!cursor) return;
              const { value } = cursor;
              if (damaged % 3 === 0) value.bytes[damaged % value.bytes.length] ^= 1;
              else if (damaged % 3 === 1) value.bytes = value.bytes.slice(1);
              cursor.update(damaged % 3 === 2 ? "nonsense" : value);
              damaged++;
              cursor.continue();
            };
            transaction.oncomplete = () => {
              db.close();
              resolve(damaged);
            };
          };
        }),
    );
    expect(count).toBeGreaterThan(2);
    const again = await places.page(page, taskOf("damaged"));
    expect(plain(again.pages)).toEqual(expected);
    expect(again).toMatchObject({ hits: 0, failures: 0 });
    const healed = await places.page(page, taskOf("damaged"));
    expect(plain(healed.pages)).toEqual(expected);
    expect(healed.hits).toBeGreaterThan(0);
    await page.close();
  });
});
