/** What the calls of `PageStore` do, promise and refuse, one by one. The property test holds the answers themselves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  Aborted,
  Closed,
  Conflict,
  Corrupt,
  InvalidArgument,
  NotFound,
  NotResident,
  Unavailable,
} from "../../../src/core/errors.js";
import { VolumeId } from "../../../src/core/ids.js";
import { PageStore as PortablePageStore } from "../../../src/index.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import type { ObjectStore } from "../../../src/io/object-store.js";
import { PageStore } from "../../../src/node.js";
import type { Commit, PageWrite } from "../../../src/store/types.js";
import { CountingStore } from "../../helpers/counting-store.js";
import { FaultStore, WRITES } from "../../helpers/fault-store.js";
import { pageOf } from "../../helpers/page-oracle.js";

const SIZE = 512;
const page = (tag: number) => pageOf(tag, SIZE);

async function withVolume(objects: ObjectStore = new MemoryStore()) {
  const store = await PageStore.open("memory:", { objects, memory: 4 << 20 });
  const volume = await store.createVolume({ name: "app", pageSize: SIZE });
  return { store, volume, objects };
}

describe("opening a store", () => {
  const folder = mkdtempSync(join(tmpdir(), "palimpsest-store-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("keeps what was committed in a folder", async () => {
    {
      await using store = await PageStore.open(`file:${folder}/pages`);
      const volume = await store.createVolume({ name: "app" });
      expect([volume.name, volume.pageSize]).toEqual(["app", 4096]);
      await volume.commit({ pages: [[3, pageOf(9, 4096)]] });
    }
    await using store = await PageStore.open(`file:${folder}/pages`);
    const volume = await store.volume("app");
    expect(store.readPageSync(volume.id, 3, 1)).toEqual(pageOf(9, 4096));
    expect(store.url).toBe(`file:${folder}/pages`);
  });

  it("refuses what it cannot open, and says what it can", async () => {
    await expect(PageStore.open("gopher://x")).rejects.toThrow(/file:, s3:, https:, http: and memory:/);
    await expect(PortablePageStore.open("file:./pages")).rejects.toThrow(/palimpsest\/node/);
    await expect(PageStore.open(7 as unknown as string)).rejects.toThrow(InvalidArgument);
    await expect(PageStore.open("memory:", { memory: 5 })).rejects.toThrow(InvalidArgument);
  });

  it("writes nothing by itself", async () => {
    const objects = new CountingStore(new MemoryStore());
    const store = await PageStore.open("memory:", { objects });
    for await (const volume of store.volumes()) expect.fail(volume.name);
    await expect(store.volume("app")).rejects.toThrow(NotFound);
    await store.close();
    expect(objects.count("put", "putIfAbsent", "list", "delete")).toBe(0);
  });
});

describe("volumes", () => {
  it("are listed by name, renamed, and found by name or id", async () => {
    const { store, volume } = await withVolume();
    await store.createVolume({ name: "Zoo", pageSize: 65536 });
    await store.renameVolume("app", "old");
    const listed = [];
    for await (const each of store.volumes()) listed.push(each);
    expect(listed.map(({ name, pageSize }) => [name, pageSize])).toEqual([
      ["Zoo", 65536],
      ["old", 512],
    ]);
    expect(listed[1].id.equals(volume.id)).toBe(true);
    expect(await store.volume("old")).toBe(volume);
    expect(await store.volume(volume.id)).toBe(volume);
    expect(await store.volume(volume.id.toString())).toBe(volume);
    await expect(store.volume("app")).rejects.toThrow(NotFound);
    await expect(store.createVolume({ name: "old" })).rejects.toThrow(Conflict);
    await expect(store.createVolume({ name: "" })).rejects.toThrow(InvalidArgument);
    await expect(store.createVolume({ name: "x", pageSize: 1000 })).rejects.toThrow(InvalidArgument);
    await expect(store.volume(5 as unknown as string)).rejects.toThrow(InvalidArgument);
  });

  it("once dropped take no commit, from whoever holds them open, and free their names", async () => {
    const objects = new MemoryStore();
    const { store, volume } = await withVolume(objects);
    const other = await PageStore.open("memory:", { objects });
    const held = await other.volume("app");
    await volume.commit({ pages: [[0, page(1)]] });
    await store.dropVolume("app");
    await expect(held.commit({ pages: [[0, page(2)]] })).rejects.toThrow(/dropped/);
    await expect(volume.commit({ pages: [[0, page(2)]] })).rejects.toThrow(NotFound);
    await expect(held.latest()).rejects.toThrow(NotFound);
    await expect(store.volume("app")).rejects.toThrow(NotFound);
    await expect(store.dropVolume("app")).rejects.toThrow(NotFound);
    const next = await store.createVolume({ name: "app", pageSize: SIZE });
    expect(next.id.equals(volume.id)).toBe(false);
    expect(await next.latest()).toBe(undefined);
  });

  it("can be dropped again where the first call failed half-way", async () => {
    const inner = new MemoryStore();
    const objects = new FaultStore(inner, () => undefined);
    const { store, volume } = await withVolume(objects);
    await volume.commit({ pages: [[0, page(1)]] });
    objects.plan = ({ operation, key }) => (operation === "putIfAbsent" && key.startsWith("c/") ? "fail" : undefined);
    await expect(store.dropVolume("app")).rejects.toThrow(Unavailable);
    await expect(volume.commit({ pages: [[0, page(2)]] })).rejects.toThrow(NotFound);
    objects.plan = () => undefined;
    await store.dropVolume("app");
    for await (const { name } of store.volumes()) expect.fail(name);
  });

  it("are dropped once that can be seen by their ids as well, and until then the call fails", async () => {
    // Neither manifests can be put, nor the hint at the newest one; then the hint alone.
    for (const [unwritable, what] of [
      [/\/m\//, "manifests"],
      [/\/m\/head$/, "the hint"],
    ] as const) {
      const inner = new MemoryStore();
      const first = await withVolume(inner);
      await first.volume.commit({ pages: [[0, page(1)]] });
      await first.store.close(); // which leaves a hint that says that the volume is open
      const objects = new FaultStore(inner, () => undefined);
      const store = await PageStore.open("memory:", { objects });
      const volume = await store.volume("app");
      objects.plan = ({ operation, key }) => (WRITES.includes(operation) && unwritable.test(key) ? "fail" : undefined);
      await expect(store.dropVolume("app"), what).rejects.toThrow(Unavailable);
      await expect(volume.commit({ pages: [[0, page(2)]] }), what).rejects.toThrow(NotFound);
      objects.plan = () => undefined;
      await store.dropVolume("app");
      const other = await PageStore.open("memory:", { objects: inner });
      await expect(other.volume("app"), what).rejects.toThrow(NotFound);
      await expect(other.volume(volume.id), what).rejects.toThrow(NotFound);
      await expect(other.readPage(volume.id, 0, 1), what).rejects.toThrow(NotFound);
    }
  });
});

describe("a commit", () => {
  it("of little is one PUT, and reading its page one request", async () => {
    const objects = new CountingStore(new MemoryStore());
    const { store, volume } = await withVolume(objects);
    objects.take();
    const { lsn } = await volume.commit({
      pages: [
        [0, page(1)],
        [1, page(2)],
      ],
    });
    expect(objects.take().map(({ operation }) => operation)).toEqual(["putIfAbsent"]);
    await store.readPage(volume.id, 0, lsn);
    await store.readPage(volume.id, 0, lsn);
    await store.readPage(volume.id, 9, lsn);
    expect(objects.take().map(({ operation }) => operation)).toEqual(["getRange"]);
  });

  it("of more than a segment streams: segments first, then the record, two segments in memory at most", async () => {
    const objects = new CountingStore(new MemoryStore());
    const store = await PageStore.open("memory:", { objects, memory: 64 << 20 });
    const volume = await store.createVolume({ name: "big", pageSize: 65536 });
    objects.take();
    const count = 700;
    let taken = 0;
    let mostAhead = 0;
    async function* pages(): AsyncGenerator<PageWrite> {
      for (let i = 0; i < count; i++) {
        const written = objects.requests.reduce((sum, { bytes }) => sum + bytes, 0);
        mostAhead = Math.max(mostAhead, ++taken * 65536 - written);
        yield [i, pageOf(i, 65536)];
      }
    }
    const { lsn, pageCount } = await volume.commit({ pages: pages() });
    expect([lsn, pageCount]).toEqual([1, count]);
    const keys = objects.take().map(({ operation, key }) => `${operation} ${key.split("/")[0]}`);
    expect(keys).toEqual(["putIfAbsent s", "putIfAbsent s", "putIfAbsent s", "putIfAbsent v"]);
    expect(mostAhead).toBeLessThan(33 << 20);
    const fresh = await PageStore.open("memory:", { objects, memory: 64 << 20 });
    const all = await fresh.readPages(
      volume.id,
      Array.from({ length: count + 1 }, (_, i) => i),
      1,
    );
    all.forEach((found, i) => {
      if (i === count) expect(found).toBe(undefined);
      else if (Buffer.compare(found!, pageOf(i, 65536)) !== 0) expect.fail(`page ${i}`);
    });
  });

  it("holds each offset once, in whatever segment the first one went", async () => {
    const { volume, store } = await withVolume();
    const twice = [
      [5, 5],
      [5, 6, 5],
      [9, 3, 3],
    ];
    for (const offsets of twice) {
      const pages = offsets.map((offset) => [offset, page(1)] as const);
      await expect(volume.commit({ pages })).rejects.toThrow(/comes twice/);
    }
    const big = await store.createVolume({ name: "big", pageSize: 65536 });
    function* wide(): Generator<PageWrite> {
      for (let i = 600; i > 0; i--) yield [i, pageOf(i, 65536)];
      yield [600, pageOf(0, 65536)];
    }
    await expect(big.commit({ pages: wide() })).rejects.toThrow(/offset 600 comes twice/);
    expect(await big.latest()).toBe(undefined);
    await volume.commitBatch([{ pages: [[5, page(1)]] }, { pages: [[5, page(2)]] }]);
    expect(store.readPageSync(volume.id, 5, 1)).toEqual(page(1));
    expect(store.readPageSync(volume.id, 5, 2)).toEqual(page(2));
  });

  it("refuses what can never be, and leaves the store as it was", async () => {
    const { volume } = await withVolume();
    const bad: unknown[] = [
      undefined,
      7,
      { pages: 5 },
      { pages: [5] },
      { pages: [[-1, page(1)]] },
      { pages: [[0.5, page(1)]] },
      { pages: [[2 ** 32 - 1, page(1)]] },
      { pages: [["0", page(1)]] },
      { pages: [[0, page(1).subarray(1)]] },
      { pages: [[0, "text"]] },
      { pages: [[3, page(1)]], pageCount: 3 },
      { pageCount: -1 },
      { pageCount: 2 ** 32 },
      { drops: [[3, 3]] },
      { drops: [[0, 2 ** 32]] },
      { drops: [[0.5, 2]] },
      { drops: [7] },
      { time: new Date(Number.NaN) },
      { time: new Date(-1) },
      { time: 5 },
      { meta: new Uint8Array(4097) },
      { meta: "text" },
      { expectedLsn: -1 },
      { expectedLsn: 0.5 },
    ];
    for (const commit of bad) {
      const attempt = volume.commit(commit as Commit);
      await expect(attempt, JSON.stringify(commit)).rejects.toThrow(InvalidArgument);
    }
    await expect(volume.commitBatch([])).rejects.toThrow(InvalidArgument);
    await expect(volume.commitBatch(7 as unknown as Commit[])).rejects.toThrow(InvalidArgument);
    await expect(volume.commitBatch([7 as unknown as Commit])).rejects.toThrow(InvalidArgument);
    await expect(volume.commitBatch([{ pages: [[0, page(1)]] }, { pageCount: -1 }])).rejects.toThrow(InvalidArgument);
    expect(await volume.latest()).toBe(undefined);
    const { lsn } = await volume.commit({ meta: new Uint8Array(4096), pages: new Map([[2 ** 32 - 2, page(1)]]) });
    expect(lsn).toBe(1);
  });

  it("passes on what the caller's own iterable throws, and commits nothing", async () => {
    const { volume } = await withVolume();
    const mistake = new Error("mistake");
    function* pages(): Generator<PageWrite> {
      yield [0, page(1)];
      throw mistake;
    }
    await expect(volume.commit({ pages: pages() })).rejects.toBe(mistake);
    expect((await volume.commit({})).lsn).toBe(1);
  });

  it("on a wrong expectation is a conflict that names the winner", async () => {
    const { volume } = await withVolume();
    await volume.commit({ expectedLsn: 0, pages: [[0, page(1)]] });
    for (const expectedLsn of [0, 2]) {
      const error = await volume.commit({ expectedLsn, pages: [[0, page(2)]] }).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(Conflict);
      expect(error.winningLsn).toBe(1);
    }
  });

  it("without an expectation goes on top of whoever won, segments and all", async () => {
    const objects = new MemoryStore();
    const { store, volume } = await withVolume(objects);
    const other = await (await PageStore.open("memory:", { objects })).volume("app");
    const large = (tag: number) => Array.from({ length: 800 }, (_, i): PageWrite => [i, page(tag + i)]);
    await other.commit({ pages: large(1000), pageCount: 2000 });
    const { lsn, pageCount } = await volume.commit({ pages: large(2000) });
    expect([lsn, pageCount]).toEqual([2, 2000]);
    for (const [at, tag] of [
      [1, 1000],
      [2, 2000],
    ]) {
      expect(store.readPageSync(volume.id, 799, at)).toEqual(page(tag + 799));
    }
    const keys = [];
    for await (const { key } of objects.list("s/")) keys.push(key.split("/")[2]);
    expect(keys, "written for record 1, then again for the record that introduces it").toEqual([
      "0000000000000001",
      "0000000000000001",
      "0000000000000002",
    ]);
    await expect(other.commit({ expectedLsn: 1, pages: large(5) })).rejects.toThrow(Conflict);
  });

  it("whose segments a collector took, having waited so long, is no damage: nothing was committed", async () => {
    const objects = new MemoryStore();
    const { volume } = await withVolume(objects);
    const other = await (await PageStore.open("memory:", { objects })).volume("app");
    const large = Array.from({ length: 800 }, (_, i): PageWrite => [i, page(i)]);
    await other.commit({ pages: [[0, page(1)]] });
    const { putIfAbsent } = objects;
    objects.putIfAbsent = async (key, bytes) => {
      // Its record comes too late, and what it wrote before has gone by then.
      if (key.includes("/l/")) for await (const segment of objects.list("s/")) await objects.delete(segment.key);
      return putIfAbsent.call(objects, key, bytes);
    };
    const error = await volume.commit({ pages: large }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(Unavailable);
    expect(error.message).toMatch(/collected.*Nothing was committed/);
    objects.putIfAbsent = putIfAbsent;
    expect((await volume.commit({ pages: large })).lsn).toBe(2);
  });

  it("keeps its order when many are under way at once", async () => {
    const { store, volume } = await withVolume();
    const commits = Array.from({ length: 50 }, (_, i) => volume.commit({ pages: [[0, page(i + 1)]] }));
    const lsns = (await Promise.all(commits)).map(({ lsn }) => lsn);
    expect(lsns).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    for (const lsn of lsns) expect(store.readPageSync(volume.id, 0, lsn)).toEqual(page(lsn));
  });

  it("raises a time that goes back, and keeps the newest meta", async () => {
    const { volume } = await withVolume();
    const times = [5000, 4000, 6000].map((ms) => new Date(ms));
    for (const time of times)
      await volume.commit({ time, meta: time.getTime() === 4000 ? Uint8Array.of(4) : undefined });
    const seen = [];
    for await (const { time } of volume.log()) seen.push(time.getTime());
    expect(seen).toEqual([5000, 5000, 6000]);
    expect(await volume.latestMeta()).toEqual(Uint8Array.of(4));
    expect(await volume.lsnAt(new Date(5000))).toBe(2);
    expect(await volume.lsnAt(new Date(4999))).toBe(undefined);
    await expect(volume.lsnAt(new Date(Number.NaN))).rejects.toThrow(InvalidArgument);
  });

  it("stops for a signal, before its record is on the way", async () => {
    const { volume } = await withVolume();
    const aborted = AbortSignal.abort("enough");
    await expect(volume.commit({ pages: [[0, page(1)]], signal: aborted })).rejects.toThrow(Aborted);
    const controller = new AbortController();
    async function* pages(): AsyncGenerator<PageWrite> {
      for (let i = 0; ; i++) {
        if (i === 1000) controller.abort();
        yield [i, page(i)];
      }
    }
    await expect(volume.commit({ pages: pages(), signal: controller.signal })).rejects.toThrow(Aborted);
    expect(await volume.latest()).toBe(undefined);
    await expect(volume.latest({ signal: aborted })).rejects.toThrow(Aborted);
  });
});

describe("shrinking, growing and dropping", () => {
  it("never brings old bytes back", async () => {
    const { store, volume } = await withVolume();
    await volume.commit({ pages: [0, 1, 2, 3].map((offset) => [offset, page(offset + 1)] as const) });
    await volume.commit({ pageCount: 2 });
    await volume.commit({ pageCount: 4 });
    await volume.commit({ drops: [[0, 1]], pages: [[1, page(9)]] });
    await volume.commit({ drops: [[0, 9]], pages: [[3, page(7)]] });
    const at = (lsn: number) => [0, 1, 2, 3].map((offset) => store.readPageSync(volume.id, offset, lsn)?.[0]);
    expect([1, 2, 3, 4, 5].map(at)).toEqual([
      [1, 2, 3, 4],
      [1, 2, undefined, undefined],
      [1, 2, undefined, undefined],
      [undefined, 9, undefined, undefined],
      [undefined, undefined, undefined, 7],
    ]);
    expect((await volume.snapshot(3)).pageCount).toBe(4);
    expect([...(await volume.changedOffsets(1, 2))]).toEqual([2, 3]);
    expect([...(await volume.changedOffsets(2, 3))]).toEqual([]);
    expect([...(await volume.changedOffsets(0, 5))]).toEqual([0, 1, 2, 3]);
    await expect(volume.changedOffsets(3, 2)).rejects.toThrow(InvalidArgument);
    expect(await (await volume.snapshot(5)).versionLsn(3)).toBe(5);
    expect(await (await volume.snapshot(5)).versionLsn(1)).toBe(undefined);
  });

  it("of more pages than an answer can hold is refused before memory is taken for them", async () => {
    const { volume } = await withVolume();
    await volume.commit({ pageCount: 2 ** 32 - 1 });
    await volume.commit({ pageCount: 0 });
    const error = await volume.changedOffsets(1, 2).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgument);
    expect(error.message).toContain("4294967295 offsets changed");
  });
});

describe("reading", () => {
  it("gives pages that are the caller's, and borrows views", async () => {
    const { store, volume } = await withVolume();
    await volume.commit({ pages: [[0, page(1)]] });
    (await store.readPage(volume.id, 0, 1))!.fill(9);
    store.readPageSync(volume.id, 0, 1)!.fill(9);
    expect(store.readPageSync(volume.id, 0, 1)).toEqual(page(1));
    const borrowed = store.borrowPage(volume.id, 0, 1)!;
    expect(borrowed).toEqual(page(1));
    expect(borrowed.buffer.byteLength).toBeGreaterThan(1 << 20);
    const target = new Uint8Array(SIZE);
    expect(await store.readPageInto(volume.id, 1, 1, target)).toBe(false);
    expect(store.readPageIntoSync(volume.id, 0, 1, target)).toBe(true);
    expect(target).toEqual(page(1));
    await expect(store.readPageInto(volume.id, 0, 1, new Uint8Array(5))).rejects.toThrow(InvalidArgument);
  });

  it("refuses offsets and LSNs that are none, and looks once for an LSN beyond the last", async () => {
    const objects = new MemoryStore();
    const { store, volume } = await withVolume(objects);
    await expect(store.readPage(volume.id, 0, 1)).rejects.toThrow(/no commit yet/);
    await volume.commit({ pages: [[0, page(1)]] });
    for (const lsn of [0, -1, 0.5, Number.NaN, 2 ** 53, "1" as unknown as number]) {
      await expect(store.readPage(volume.id, 0, lsn), `${lsn}`).rejects.toThrow(InvalidArgument);
      expect(() => store.readPageSync(volume.id, 0, lsn)).toThrow(InvalidArgument);
      await expect(volume.snapshot(lsn)).rejects.toThrow(InvalidArgument);
    }
    for (const offset of [-1, 0.5, 2 ** 32 - 1, Number.NaN]) {
      await expect(store.readPage(volume.id, offset, 1)).rejects.toThrow(InvalidArgument);
      await expect(store.readPages(volume.id, [0, offset], 1)).rejects.toThrow(InvalidArgument);
      expect(() => store.borrowPage(volume.id, offset, 1)).toThrow(InvalidArgument);
    }
    expect(await store.readPage(volume.id, 2 ** 32 - 2, 1)).toBe(undefined);
    const other = await (await PageStore.open("memory:", { objects })).volume("app");
    await other.commit({ pages: [[0, page(2)]] });
    expect(() => store.readPageSync(volume.id, 0, 2)).toThrow(NotFound);
    expect(await store.readPage(volume.id, 0, 2)).toEqual(page(2));
    expect(store.readPageSync(volume.id, 0, 2)).toEqual(page(2));
    await expect(store.readPage(volume.id, 0, 3)).rejects.toThrow(/its last is 2/);
    await expect(store.readPage(VolumeId.random(), 0, 1)).rejects.toThrow(NotFound);
    expect(() => store.readPageSync(VolumeId.random(), 0, 1)).toThrow(NotResident);
  });

  it("says NotResident where the storage cannot be read in place, until the page is in memory", async () => {
    const objects = new FaultStore(new MemoryStore(), () => undefined);
    Object.defineProperty(objects, "sync", { value: undefined });
    const { store, volume } = await withVolume(objects);
    await volume.commit({ pages: [[0, page(1)]] });
    expect(() => store.readPageSync(volume.id, 0, 1)).toThrow(NotResident);
    await store.readPage(volume.id, 0, 1);
    expect(store.readPageSync(volume.id, 0, 1)).toEqual(page(1));
  });

  it("reports a damaged page, and never as absent", async () => {
    const objects = new MemoryStore();
    const { volume } = await withVolume(objects);
    await volume.commit({ pages: [[0, page(1)]] });
    const key = `v/${volume.id}/l/0000000000000001`;
    const bytes = (await objects.get(key))!;
    for (const damaged of [bytes.map((byte, i) => byte ^ (i === bytes.length - 30 ? 1 : 0)), bytes.subarray(0, -20)]) {
      const copy = new MemoryStore();
      for await (const { key: each } of objects.list("")) await copy.put(each, (await objects.get(each))!);
      const store = await PageStore.open("memory:", { objects: copy });
      await store.volume("app");
      await copy.put(key, damaged);
      await expect(store.readPage(volume.id, 0, 1)).rejects.toThrow(Corrupt);
      expect(() => store.readPageSync(volume.id, 0, 1)).toThrow(Corrupt);
    }
  });
});

describe("commitEach", () => {
  it("shares a segment, lists its records first, and gives each its outcome", async () => {
    const objects = new CountingStore(new MemoryStore());
    const { store, volume } = await withVolume(objects);
    const second = await store.createVolume({ name: "second", pageSize: SIZE });
    const third = await store.createVolume({ name: "third", pageSize: 1024 });
    await second.commit({ pages: [[7, page(70)]] });
    objects.take();
    const outcomes = await store.commitEach([
      { volume: second, expectedLsn: 1, pages: [[0, page(20)]], meta: Uint8Array.of(2) },
      { volume, expectedLsn: 3, pages: [[0, page(10)]] },
      { volume: third, pages: [[0, pageOf(30, 1024)]] },
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["committed", "failed", "committed"]);
    expect(outcomes[0]).toEqual({ status: "committed", lsn: 2, pageCount: 8 });
    const puts = objects.take().filter(({ operation }) => operation === "putIfAbsent");
    const kinds = puts.map(({ key }) => key.replace(/[0-9a-f-]{36}/g, "id").replace(/\d{16}/, "k"));
    const group = ["s/shared/id/records", "s/shared/id/id", "v/id/l/k"];
    expect(kinds).toEqual([...group, ...group]);
    expect(store.readPageSync(second.id, 0, 2)).toEqual(page(20));
    expect(await second.latestMeta()).toEqual(Uint8Array.of(2));
    const both = await store.commitEach([
      { volume, pages: [[1, page(11)]] },
      { volume: second, pages: [[1, page(21)]], drops: [[7, 8]] },
    ]);
    expect(both.map(({ status }) => status)).toEqual(["committed", "committed"]);
    const fresh = await PageStore.open("memory:", { objects });
    expect(await fresh.readPage(volume.id, 1, 1)).toEqual(page(11));
    expect(await fresh.readPage(second.id, 1, 3)).toEqual(page(21));
    expect(await fresh.readPage(second.id, 7, 3)).toBe(undefined);
    expect(await fresh.readPage(volume.id, 0, 1)).toBe(undefined);
  });

  it("keeps one commit's mistake from the others", async () => {
    const { store, volume } = await withVolume();
    const second = await store.createVolume({ name: "second", pageSize: SIZE });
    const [bad, good] = await store.commitEach([
      {
        volume,
        pages: [
          [0, page(1)],
          [0, page(2)],
        ],
      },
      { volume: second, pages: [[0, page(3)]] },
    ]);
    expect(bad.status === "failed" && bad.error).toBeInstanceOf(InvalidArgument);
    expect(good.status).toBe("committed");
    expect(store.readPageSync(second.id, 0, 1)).toEqual(page(3));
    expect(await volume.latest()).toBe(undefined);
  });

  it("fails everyone whose shared segment was not written", async () => {
    const objects = new FaultStore(new MemoryStore(), () => undefined);
    const { store, volume } = await withVolume(objects);
    const second = await store.createVolume({ name: "second", pageSize: SIZE });
    objects.plan = ({ key }) => (/^s\/shared\/[^/]*\/[^r]/.test(key) ? "fail" : undefined);
    const outcomes = await store.commitEach([
      { volume, pages: [[0, page(1)]] },
      { volume: second, pages: [[0, page(3)]] },
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["failed", "failed"]);
    expect([await volume.latest(), await second.latest()]).toEqual([undefined, undefined]);
  });

  it("puts shared pages on top of a winner, under a key of their own", async () => {
    const objects = new MemoryStore();
    const { store, volume } = await withVolume(objects);
    const other = await (await PageStore.open("memory:", { objects })).volume("app");
    await other.commit({ pages: [[0, page(1)]] });
    const [outcome] = await store.commitEach([{ volume, pages: [[0, page(2)]] }]);
    expect(outcome).toEqual({ status: "committed", lsn: 2, pageCount: 1 });
    for await (const { key } of objects.list("s/shared/")) await objects.delete(key);
    expect(await (await PageStore.open("memory:", { objects })).readPage(volume.id, 0, 2)).toEqual(page(2));
  });

  it("refuses a volume twice, and volumes of another store", async () => {
    const { store, volume } = await withVolume();
    const { volume: foreign } = await withVolume();
    await expect(store.commitEach([{ volume }, { volume }])).rejects.toThrow(/comes twice/);
    await expect(store.commitEach([{ volume: foreign }])).rejects.toThrow(InvalidArgument);
    await expect(store.commitEach([undefined as never])).rejects.toThrow(InvalidArgument);
    expect(await store.commitEach([])).toEqual([]);
  });
});

describe("a closed store", () => {
  it("answers every call with Closed", async () => {
    const { store, volume } = await withVolume();
    const at = await volume.commit({ pages: [[0, page(1)]] });
    await store.close();
    await store.close();
    const calls: (() => Promise<unknown>)[] = [
      () => store.volume("app"),
      () => store.createVolume({ name: "x" }),
      () => store.dropVolume("app"),
      () => store.renameVolume("app", "x"),
      () => store.volumes().next(),
      () => store.readPage(volume.id, 0, 1),
      () => store.readPages(volume.id, [0], 1),
      () => store.commitEach([]),
      () => volume.commit({}),
      () => volume.commitBatch([{}]),
      () => volume.latest(),
      () => volume.snapshot(1),
      () => volume.log().next(),
      () => volume.lsnAt(new Date()),
      () => volume.changedOffsets(0, 1),
      () => at.readPage(0),
      () => at.versionLsn(0),
    ];
    for (const call of calls) await expect(call(), String(call)).rejects.toThrow(Closed);
    for (const call of [
      () => store.readPageSync(volume.id, 0, 1),
      () => store.borrowPage(volume.id, 0, 1),
      () => at.readPageSync(0),
    ]) {
      expect(call).toThrow(Closed);
    }
  });

  it("publishes what would make the next opening slow, and finishes what is under way", async () => {
    const objects = new MemoryStore();
    const { store, volume } = await withVolume(objects);
    const commits = Array.from({ length: 30 }, (_, i) => volume.commit({ pages: [[0, page(i)]] }));
    await Promise.all(commits);
    await store.close();
    expect(await objects.get(`v/${volume.id}/m/head`)).not.toBe(undefined);
  });

  it("does not close storage that it was given", async () => {
    const { store, objects, volume } = await withVolume();
    await volume.commit({ pages: [[0, page(1)]] });
    await store.close();
    const again = await PageStore.open("memory:", { objects });
    expect((await (await again.volume("app")).latest())?.lsn).toBe(1);
  });
});

describe("manifests", () => {
  it("never fail a commit, and are tried again", async () => {
    const inner = new MemoryStore();
    const objects = new FaultStore(inner, () => undefined);
    const { store, volume } = await withVolume(objects);
    objects.plan = ({ operation, key }) => (operation !== "get" && /\/m\//.test(key) ? "fail" : undefined);
    for (let i = 0; i < 70; i++) await volume.commit({ pages: [[0, page(i)]] });
    expect(volume.manifestFailures).toBeGreaterThan(0);
    objects.plan = () => undefined;
    await volume.commit({});
    await store.close();
    expect(await inner.get(`v/${volume.id}/m/0000000000000001`)).not.toBe(undefined);
  });
});
