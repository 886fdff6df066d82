/**
 * What it takes to open a store of 10,000 commits and read from it, in requests and bytes: the manifest, the records that
 * are in none, the leaves on the way to the page, the page.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { PageStore } from "../../../src/node.js";
import { CountingStore, type Request } from "../../helpers/counting-store.js";
import { pageOf, tagOf } from "../../helpers/page-oracle.js";
import { Random } from "../../helpers/random.js";

const COMMITS = 10_000;
const PAGE_SIZE = 4096;
const OFFSETS = 500;
const inner = new MemoryStore();
/** By offset: the LSNs that wrote it, ascending. The LSN is the page's tag. */
const written = new Map<number, number[]>();
let logBytes = 0;

beforeAll(async () => {
  const random = new Random(7);
  const objects = new CountingStore(inner);
  const store = await PageStore.open("memory:", { objects });
  const volume = await store.createVolume({ name: "app", pageSize: PAGE_SIZE });
  for (let lsn = 1; lsn <= COMMITS; lsn++) {
    const pages = new Map<number, Uint8Array>();
    for (let left = random.between(1, 3); left > 0; left--) {
      const offset = random.below(random.chance(0.5) ? 20 : OFFSETS);
      if (!pages.has(offset)) written.set(offset, [...(written.get(offset) ?? []), lsn]);
      pages.set(offset, pageOf(lsn, PAGE_SIZE));
    }
    await volume.commit({ expectedLsn: lsn - 1, pages });
  }
  await store.close();
  expect(volume.manifestFailures).toBe(0);
  expect(objects.count("list", "delete")).toBe(0);
  const records = objects.requests.filter(({ operation, key }) => operation === "putIfAbsent" && /\/l\//.test(key));
  expect(records.length, "one PUT for each commit").toBe(COMMITS);
  logBytes = records.reduce((sum, { bytes }) => sum + bytes, 0);
});

const bytesOf = (requests: readonly Request[]) => requests.reduce((sum, { bytes }) => sum + Math.max(0, bytes), 0);
const kindOf = ({ key }: Request) => key.replace(/^v\/[^/]*\//, "").replace(/\/.*/, "");
const expectedTag = (offset: number, lsn: number) => written.get(offset)?.findLast((at) => at <= lsn);

async function openCold() {
  const objects = new CountingStore(inner);
  const store = await PageStore.open("memory:", { objects });
  return { objects, store, volume: await store.volume("app") };
}

describe(`a store of ${COMMITS} commits`, () => {
  it("opens by its newest manifest and the records after it", async () => {
    const { objects, store } = await openCold();
    const records = objects.requests.filter((request) => kindOf(request) === "l" && request.bytes >= 0);
    expect(records.length).toBeLessThan(64);
    expect(objects.requests.length).toBeLessThan(150);
    expect(bytesOf(objects.requests)).toBeLessThan(2 << 20);
    await store.close();
  });

  it("reads the newest page of a busy offset with one more request", async () => {
    const { objects, store, volume } = await openCold();
    objects.take();
    const page = await store.readPage(volume.id, 3, COMMITS);
    expect(tagOf(page!)).toBe(expectedTag(3, COMMITS));
    expect(objects.take().map(({ operation }) => operation)).toEqual(["getRange"]);
    await store.close();
  });

  it("reads a leaf once for a snapshot and the reads that follow", async () => {
    const { objects, store, volume } = await openCold();
    objects.take();
    const at = await volume.snapshot(500);
    for (const offset of [3, 4, 3]) expect(tagOf((await at.readPage(offset))!)).toBe(expectedTag(offset, 500));
    const kinds = objects.take().map(kindOf);
    expect(kinds).toEqual(["f", "l", "l"]);
    await store.close();
  });

  it("finds the page that a chapter's first or last LSN wrote", async () => {
    const { store, volume } = await openCold();
    for (let lsn = 1024; lsn < COMMITS; lsn += 1024) {
      for (const at of [lsn - 1, lsn, lsn + 1]) {
        const [offset] = [...written].find(([, lsns]) => lsns.includes(at))!;
        expect(tagOf((await store.readPage(volume.id, offset, at))!)).toBe(at);
        expect(tagOf((await store.readPages(volume.id, [offset], at))[0]!)).toBe(at);
        expect((await volume.snapshot(at)).pageCount).toBeGreaterThan(offset);
      }
    }
    await store.close();
  });

  it("reads any page at any LSN without reading the log: leaves, and the page itself", async () => {
    const random = new Random(8);
    for (let read = 0; read < 15; read++) {
      const { objects, store, volume } = await openCold();
      const offset = random.below(OFFSETS);
      const lsn = random.between(1, COMMITS);
      objects.take();
      const page = await store.readPage(volume.id, offset, lsn);
      expect(page && tagOf(page)).toBe(expectedTag(offset, lsn));
      const requests = objects.take();
      const records = requests.filter((request) => kindOf(request) === "l");
      expect(records.length, "the record that holds the page").toBe(page ? 1 : 0);
      expect(bytesOf(records)).toBe(page ? PAGE_SIZE + 8 : 0);
      expect(requests.every((request) => ["l", "f"].includes(kindOf(request)))).toBe(true);
      expect(bytesOf(requests)).toBeLessThan(logBytes / 10);
      await store.close();
    }
  });

  it("answers every offset at many LSNs as the commits say, in the least memory", async () => {
    const objects = new CountingStore(inner);
    const store = await PageStore.open("memory:", { objects, memory: 1 << 20 });
    const volume = await store.volume("app");
    const random = new Random(9);
    const all = Array.from({ length: OFFSETS }, (_, offset) => offset);
    for (let i = 0; i < 12; i++) {
      const lsn = random.between(1, COMMITS);
      const pages = await store.readPages(volume.id, all, lsn);
      for (const offset of all) expect(pages[offset] && tagOf(pages[offset])).toBe(expectedTag(offset, lsn));
    }
    expect(objects.count("list")).toBe(0);
    await store.close();
  });

  it("finds its newest manifest without the hint, in a number of requests that is logarithmic", async () => {
    for (const damage of ["missing", "damaged", "stale"] as const) {
      const copy = new MemoryStore();
      for await (const { key } of inner.list("")) {
        const bytes = (await inner.get(key))!;
        if (!key.endsWith("/head")) await copy.put(key, bytes);
        else if (damage === "damaged")
          await copy.put(
            key,
            bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
          );
        else if (damage === "stale" && key.startsWith("v/")) {
          await copy.put(key, (await inner.get(key.replace("head", "0000000000000005")))!);
        }
      }
      const objects = new CountingStore(copy);
      const store = await PageStore.open("memory:", { objects });
      const volume = await store.volume("app");
      expect((await volume.latest())?.lsn, damage).toBe(COMMITS);
      const manifests = objects.requests.filter((request) => kindOf(request) === "m");
      expect(manifests.length).toBeLessThan(45);
      expect(tagOf((await store.readPage(volume.id, 3, 5000))!)).toBe(expectedTag(3, 5000));
      await store.close();
    }
  });
});
