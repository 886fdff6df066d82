/**
 * The pages and indexes in a store's linear memory as a cache: bounded in bytes to the last one, counted exactly, and not swept
 * empty by whoever reads everything once. What is read ahead into it is asked for again before it is called damaged.
 */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { PageStore } from "../../../src/node.js";
import { CountingStore } from "../../helpers/counting-store.js";
import { openOn } from "../../helpers/open-on.js";
import { pageOf, tagOf } from "../../helpers/page-oracle.js";
import { Random, runSeed } from "../../helpers/random.js";
import { RemoteStore } from "../../helpers/remote-store.js";

const PAGES = 20_000;
const PAGE_SIZE = 4096;
const MEMORY = 8 << 20;

async function open(): Promise<{
  objects: CountingStore;
  store: PageStore;
  id: import("../../../src/index.js").VolumeId;
}> {
  const inner = new MemoryStore();
  const writer = await PageStore.open("memory:", { objects: inner });
  const volume = await writer.createVolume({ name: "app", pageSize: PAGE_SIZE });
  const pages = Array.from({ length: PAGES }, (_, offset) => [offset, pageOf(offset, PAGE_SIZE)] as const);
  await volume.commit({ pages });
  await writer.close();
  const objects = new CountingStore(inner);
  const store = await PageStore.open("memory:", { objects, memory: MEMORY });
  const { id } = await store.volume("app");
  return { objects, store, id };
}

describe("the cache in memory", () => {
  it("keeps what is read again and again while everything else is read once", async () => {
    const { objects, store, id } = await open();
    const random = new Random(runSeed("page cache"));
    // An eighth of what fits, used as often as ten pages of the scan go by.
    const hot = Array.from({ length: 256 }, () => random.below(PAGES));
    const read = async (offset: number) => {
      expect(tagOf((await store.readPage(id, offset, 1))!)).toBe(offset);
    };
    for (let round = 0; round < 4; round++) for (const offset of hot) await read(offset);
    let [misses, asked] = [0, 0];
    for (let offset = 0; offset < PAGES; offset++) {
      await read(offset);
      if (offset % 10 !== 0) continue;
      const before = objects.requests.length;
      await read(random.pick(hot));
      asked++;
      if (objects.requests.length > before) misses++;
    }
    console.info(`scan of ${PAGES} pages, ten times the memory: ${misses} of ${asked} reads of hot pages missed`);
    expect(misses).toBeLessThan(asked / 20);
    await store.close();
  });

  it("takes no more than it was given, and says how much it has", async () => {
    const { store, id } = await open();
    const random = new Random(runSeed("page cache accounting"));
    let most = 0;
    for (let i = 0; i < 6000; i++) {
      const offset = random.below(PAGES);
      expect(tagOf((await store.readPage(id, offset, 1))!)).toBe(offset);
      const { usedBytes, limitBytes } = store.stats().memory;
      expect(usedBytes).toBeLessThanOrEqual(limitBytes);
      expect(limitBytes).toBeLessThanOrEqual(MEMORY);
      most = Math.max(most, usedBytes);
    }
    expect(most, "and uses it").toBeGreaterThan(MEMORY / 2);
    const { memory, io } = store.stats();
    expect(memory.pageHits + memory.pageMisses).toBe(6000);
    expect(memory.pageMisses, "each page that was not in memory was requested").toBeLessThanOrEqual(io.gets);
    await store.close();
    expect(store.stats().memory.usedBytes, "nothing is left behind").toBe(0);
  });
});

describe("a page that is being read ahead", () => {
  it("is asked for again before it is called damaged, once somebody waits for it", async () => {
    const remote = new RemoteStore(new MemoryStore());
    const writer = await openOn(remote);
    const { id } = await writer.createVolume({ name: "app", pageSize: PAGE_SIZE });
    const pages = Array.from({ length: 100 }, (_, offset) => [offset, pageOf(offset, PAGE_SIZE)] as const);
    await (await writer.volume(id)).commit({ pages });
    const store = await openOn(remote);
    await store.readPage(id, 0, 1);
    await store.readPage(id, 1, 1); // and 2 to 4 with it
    const refreshes: boolean[] = [];
    let sent = () => {};
    const isSent = new Promise<void>((resolve) => {
      sent = resolve;
    });
    // A cache on the way has kept damaged bytes, but for the page that is waited for first (and its 8 bytes of framing).
    remote.onGet = async (_, bytes, { refresh = false }) => {
      refreshes.push(refresh);
      if (refresh || !bytes) return;
      sent();
      await new Promise((resolve) => setTimeout(resolve, 20));
      for (let at = PAGE_SIZE + 8; at < bytes.length; at++) bytes[at] ^= 0x55;
    };
    const first = store.readPage(id, 5, 1);
    await isSent;
    const second = store.readPage(id, 6, 1);
    expect(tagOf((await first)!)).toBe(5);
    expect(tagOf((await second)!)).toBe(6);
    expect(refreshes, "one request for both, and one past the cache").toEqual([false, true]);
  });
});
