/**
 * A folder with a cache in front of it: what the cache answers is as durable as what the folder itself would have answered. A
 * record that was only read from the cache was once built on before its name was durable, and told as lasting.
 */
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { decodeRecord } from "../../../src/format/record.js";
import { recordKey } from "../../../src/log/keys.js";
import { PageStore, type Volume } from "../../../src/node.js";
import { disk } from "../../helpers/fault-fs.js";

vi.mock("node:fs", async (original) => (await import("../../helpers/fault-fs.js")).faulty(await original()));

let parent: string;
let folder: string;
let writer: PageStore;
let written: Volume;
let stores: PageStore[];

beforeEach(async () => {
  parent = realpathSync(mkdtempSync(join(tmpdir(), "palimpsest-cached-folder-")));
  folder = join(parent, "pages");
  writer = await PageStore.open(`file:${folder}`);
  written = await writer.createVolume({ name: "app" });
  await written.commit({ pageCount: 1 });
  stores = [writer];
});

afterEach(async () => {
  disk.beforeChange = undefined;
  for (const store of stores) await store.close();
  rmSync(parent, { recursive: true });
});

/** As another process has it, through a cache that holds all that was read before, or without one. */
async function opened(isCached: boolean): Promise<Volume> {
  const cache = { folder: join(parent, "cache"), bytes: 10_000_000 };
  if (isCached) {
    const warming = await PageStore.open(`file:${folder}`, { cache });
    await (await warming.volume("app")).latest();
    await warming.close();
  }
  const store = await PageStore.open(`file:${folder}`, isCached ? { cache } : {});
  stores.push(store);
  const volume = await store.volume("app");
  expect((await volume.latest())!.lsn).toBeGreaterThan(0);
  if (isCached) expect(store.stats().cache!.hits, "it is read from the cache").toBeGreaterThan(0);
  return volume;
}

/** The folders that `call` syncs and the files that it gives names, in order. */
async function changesOf(call: () => Promise<unknown>): Promise<string[]> {
  const changes: string[] = [];
  disk.beforeChange = ({ name, path }) => {
    const isOurs = path.startsWith(`${folder}/`) && (name === "syncFolder" || name === "link");
    if (isOurs) changes.push(`${name} ${path.slice(folder.length + 1)}`);
    return undefined;
  };
  await call();
  disk.beforeChange = undefined;
  return changes;
}

describe("a folder behind a cache", () => {
  it("is synced where an object is asked for as lasting", async () => {
    const key = recordKey(written.id, 1);
    const { nonce } = decodeRecord(readFileSync(join(folder, key)), key, written.id, 1);
    const attempt = { volume: written.id.toString(), record: 1, nonce };
    for (const isCached of [false, true]) {
      const volume = await opened(isCached);
      const changes = await changesOf(async () => {
        expect(await volume.resolve(attempt)).toMatchObject({ status: "committed", firstLsn: 1 });
      });
      expect(changes, isCached ? "with a cache" : "without").toContain(`syncFolder v/${written.id}/l`);
    }
  });

  it("is synced where records were seen, before one is put on top of them", async () => {
    for (const isCached of [false, true]) {
      const volume = await opened(isCached);
      const { lsn } = (await volume.latest())!;
      const changes = await changesOf(() => volume.commit({ pageCount: 2 }));
      const put = changes.indexOf(`link ${recordKey(written.id, lsn + 1)}`);
      const what = isCached ? "with a cache" : "without";
      expect(put, what).toBeGreaterThan(0);
      expect(changes.slice(0, put), what).toContain(`syncFolder v/${written.id}/l`);
    }
  });
});
