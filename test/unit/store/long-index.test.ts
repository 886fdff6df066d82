/**
 * Segments whose index is too long for the log to carry: it is read when a lookup comes to the segment, evicted, and read
 * again; lookups that cannot concern the segment never read it.
 */
import { describe, expect, it } from "vitest";
import { Corrupt, NotResident } from "../../../src/core/errors.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import type { ObjectStore } from "../../../src/io/object-store.js";
import { PageStore } from "../../../src/node.js";
import { CountingStore } from "../../helpers/counting-store.js";
import { FaultStore } from "../../helpers/fault-store.js";
import { pageOf, tagOf } from "../../helpers/page-oracle.js";
import { Random } from "../../helpers/random.js";

const SIZE = 512;
const PAGES = 4000;
const random = new Random(3);

/** Offsets far apart: three bytes of index for each page. LSN 1 writes them all, LSN 3 every other one. */
const offsets = [...new Set(Array.from({ length: PAGES }, () => 1000 + random.below(2 ** 31)))].sort((a, b) => a - b);
const inner = new MemoryStore();
const writer = await PageStore.open("memory:", { objects: inner });
const { id } = await writer.createVolume({ name: "app", pageSize: SIZE });
{
  const volume = await writer.volume(id);
  const pages = (lsn: number) =>
    offsets.flatMap((at, i) => (i % (lsn === 3 ? 2 : 1) === 0 ? [[at, pageOf(i * 10 + lsn, SIZE)] as const] : []));
  await volume.commit({ pages: pages(1) });
  await volume.commit({ pages: [[7, pageOf(7, SIZE)]] });
  await volume.commit({ pages: pages(3) });
  await writer.close();
}
const tag = (i: number, lsn: number) => (lsn >= 3 && i % 2 === 0 ? i * 10 + 3 : i * 10 + 1);

async function open(objects: ObjectStore, memory?: number) {
  const store = await PageStore.open("memory:", { objects, memory });
  return { store, volume: await store.volume("app") };
}

describe("a segment with a long index", () => {
  it("lies in an object of its own, with its index outside of the log", async () => {
    const objects = new CountingStore(inner);
    await open(objects);
    const bytes = objects.requests.reduce((sum, request) => sum + Math.max(0, request.bytes), 0);
    expect(bytes).toBeLessThan(4000);
  });

  it("is read where a lookup comes to it, and once", async () => {
    const objects = new CountingStore(inner);
    const { store } = await open(objects);
    objects.take();
    expect(tagOf((await store.readPage(id, offsets[5], 3))!)).toBe(tag(5, 3));
    // The index of LSN 3's segment, which has no such page, that of LSN 1's, the page.
    expect(objects.take().map(({ operation }) => operation)).toEqual(["getRange", "getRange", "getRange"]);
    expect(tagOf((await store.readPage(id, offsets[9], 3))!)).toBe(tag(9, 3));
    expect(objects.take().length).toBe(1);
  });

  it("is not read for offsets and LSNs that it cannot have", async () => {
    const objects = new CountingStore(inner);
    const { store } = await open(objects);
    objects.take();
    expect(tagOf((await store.readPage(id, 7, 3))!)).toBe(7);
    expect(await store.readPage(id, 8, 3)).toBe(undefined);
    expect(await store.readPage(id, 2 ** 32 - 2, 3)).toBe(undefined);
    expect(objects.take().length).toBe(1);
    await store.readPage(id, offsets[5], 2);
    expect(objects.take().length, "the index and the page of LSN 1's segment").toBe(2);
  });

  it("gives the same answers in the least memory, one by one, many at once and in place", async () => {
    for (const memory of [1 << 20, 64 << 20]) {
      const { store, volume } = await open(inner, memory);
      for (const lsn of [1, 2, 3]) {
        const pages = await store.readPages(id, offsets, lsn);
        for (const [i, page] of pages.entries()) if (tagOf(page!) !== tag(i, lsn)) expect.fail(`page ${i}, LSN ${lsn}`);
        for (let i = 0; i < offsets.length; i += 97) {
          expect(tagOf(store.readPageSync(id, offsets[i], lsn)!)).toBe(tag(i, lsn));
          expect(store.readPageSync(id, offsets[i] + 1, lsn)).toBe(undefined);
        }
      }
      expect([...(await volume.changedOffsets(0, 1))]).toEqual(offsets);
      expect([...(await volume.changedOffsets(1, 3))]).toEqual([7, ...offsets.filter((_, i) => i % 2 === 0)]);
      expect([...(await volume.changedOffsets(1, 2))]).toEqual([7]);
      await store.close();
    }
  });

  it("is damage where it is missing, cut short or another's", async () => {
    const keys: string[] = [];
    for await (const { key } of inner.list("s/")) keys.push(key);
    expect(keys.length).toBe(2);
    const [first, third] = await Promise.all(keys.map(async (key) => (await inner.get(key))!));
    for (const bytes of [undefined, first.subarray(0, 3000), third]) {
      const copy = new MemoryStore();
      for await (const { key } of inner.list("")) await copy.put(key, (await inner.get(key))!);
      await copy.delete(keys[0]);
      if (bytes) await copy.put(keys[0], bytes);
      const { store, volume } = await open(copy);
      await expect(store.readPage(id, offsets[5], 3)).rejects.toThrow(Corrupt);
      expect(() => store.readPageSync(id, offsets[5], 3)).toThrow(Corrupt);
      await expect(store.readPages(id, [offsets[5]], 3)).rejects.toThrow(Corrupt);
      await expect(volume.changedOffsets(0, 1)).rejects.toThrow(Corrupt);
      expect(tagOf((await store.readPage(id, 7, 3))!)).toBe(7);
    }
  });

  it("is NotResident where the storage cannot be read in place", async () => {
    const objects = new FaultStore(inner, () => undefined);
    Object.defineProperty(objects, "sync", { value: undefined });
    const { store } = await open(objects);
    expect(() => store.readPageSync(id, offsets[5], 3)).toThrow(NotResident);
    await store.readPage(id, offsets[5], 3);
    expect(tagOf(store.readPageSync(id, offsets[5], 3)!)).toBe(tag(5, 3));
  });
});
