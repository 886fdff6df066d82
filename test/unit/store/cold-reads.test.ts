/**
 * What a first read costs over HTTP, in requests and in rounds (requests that wait for the answers to others), from a store of
 * 10,000 commits: absent answers count. A history as an application makes it: a database, then commits that mostly change a few
 * hundred of its pages.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { VolumeId } from "../../../src/core/ids.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { PageStore } from "../../../src/node.js";
import { type RunningServer, startHttpServer } from "../../helpers/http-server.js";
import { pageOf, tagOf } from "../../helpers/page-oracle.js";
import { Random } from "../../helpers/random.js";

const COMMITS = 10_000;
const PAGE_SIZE = 1024;
const PAGES = 32_000;
const HOT = 300;
const written = new Map<number, number[]>();
let server: RunningServer;
let id: VolumeId;
let sparseId: VolumeId;

beforeAll(async () => {
  const random = new Random(11);
  const inner = new MemoryStore();
  const store = await PageStore.open("memory:", { objects: inner });
  const volume = await store.createVolume({ name: "app", pageSize: PAGE_SIZE });
  id = volume.id;
  const all = Array.from({ length: PAGES }, (_, offset) => offset);
  for (const offset of all) written.set(offset, [1]);
  await volume.commit({ pages: all.map((offset) => [offset, pageOf(1, PAGE_SIZE)] as const) });
  const hot = Array.from({ length: HOT }, () => random.below(PAGES));
  for (let lsn = 2; lsn <= COMMITS; lsn++) {
    const offsets = new Set(Array.from({ length: random.between(1, 4) }, () => random.pick(hot)));
    for (const offset of offsets) written.get(offset)!.push(lsn);
    await volume.commit({
      expectedLsn: lsn - 1,
      pages: [...offsets].map((offset) => [offset, pageOf(lsn, PAGE_SIZE)]),
    });
  }
  // Its index is longer than what the log carries.
  const sparse = await store.createVolume({ name: "sparse", pageSize: 512 });
  sparseId = sparse.id;
  const far = new Set(Array.from({ length: 20_000 }, () => random.below(2 ** 31)));
  const ascending = [...far].sort((a, b) => a - b);
  await sparse.commit({ pages: ascending.map((offset) => [offset, pageOf(offset % 1000, 512)] as const) });
  sparseOffset = ascending[777];
  await store.close();
  const objects = new Map<string, Uint8Array>();
  for await (const { key } of inner.list("")) objects.set(key, (await inner.get(key))!);
  server = await startHttpServer({ objects });
});
let sparseOffset = 0;
afterAll(() => server.close());

const expectedTag = (offset: number, lsn: number) => written.get(offset)?.findLast((at) => at <= lsn);
const kindOf = (path: string) => path.replace(/^v\/[^/]*\//, "").replace(/\/.*/, "");
const kinds = () => server.take().map(({ path }) => kindOf(path));

/**
 * Holds every answer until no further request comes, and counts how often. That none comes is seen in many short waits: in one
 * long one a process that got no time to run might have sent nothing either.
 */
function countRounds(): { rounds: number } {
  const count = { rounds: 0 };
  let waiting: (() => void)[] = [];
  const releaseWhenQuiet = async () => {
    for (let seen = 0, quiet = 0; quiet < 12; ) {
      await sleep(5);
      quiet = seen === waiting.length ? quiet + 1 : 0;
      seen = waiting.length;
    }
    count.rounds++;
    const release = waiting;
    waiting = [];
    for (const answer of release) answer();
  };
  server.onRequest = async () => {
    const answered = new Promise<void>((resolve) => waiting.push(resolve));
    if (waiting.length === 1) void releaseWhenQuiet();
    await answered;
    return false;
  };
  return count;
}

async function cold<T>(read: (store: PageStore) => Promise<T>): Promise<{ value: T; kinds: string[]; rounds: number }> {
  const store = await PageStore.open(server.url);
  server.take();
  const count = countRounds();
  const value = await read(store);
  server.onRequest = undefined;
  await store.close();
  return { value, kinds: kinds(), rounds: count.rounds };
}

describe(`a cold read of one page from ${COMMITS} commits over HTTP`, () => {
  it("takes two GETs where the newest manifest covers the LSN: the manifest, the page", async () => {
    const random = new Random(1);
    const offsets = Array.from({ length: 8 }, () => random.below(PAGES));
    for (const offset of [...offsets, [...written].find(([, lsns]) => lsns.length > 5)![0]]) {
      const { value, kinds, rounds } = await cold((store) => store.readPage(id, offset, COMMITS));
      expect(tagOf(value!)).toBe(expectedTag(offset, COMMITS));
      expect(kinds, `offset ${offset}`).toEqual(["m", expect.stringMatching(/^[ls]$/)]);
      expect(rounds).toBe(2);
    }
  });

  it("takes three at an LSN of long ago, and where the index is too long to be carried", async () => {
    const random = new Random(2);
    for (let i = 0; i < 8; i++) {
      const [offset, lsn] = [random.below(PAGES), random.between(1, COMMITS / 2)];
      const { value, kinds, rounds } = await cold((store) => store.readPage(id, offset, lsn));
      expect(tagOf(value!)).toBe(expectedTag(offset, lsn));
      expect(kinds, `offset ${offset} at ${lsn}`).toEqual(["m", "f", expect.stringMatching(/^[ls]$/)]);
      expect(rounds).toBe(3);
    }
    const { value, kinds } = await cold((store) => store.readPage(sparseId, sparseOffset, 1));
    expect(tagOf(value!)).toBe(sparseOffset % 1000);
    expect(kinds).toEqual(["m", "s", "s"]);
  });

  it("takes six in three rounds by name, at the newest LSN", async () => {
    const random = new Random(3);
    for (let i = 0; i < 5; i++) {
      const offset = random.below(PAGES);
      const { value, kinds, rounds } = await cold(async (store) => (await store.volume("app")).readLatest(offset));
      expect(value!.snapshot.lsn).toBe(COMMITS);
      expect(tagOf(value!.page!)).toBe(expectedTag(offset, COMMITS));
      expect(kinds.toSorted().join(), "catalog, its end, manifest, its end, log's end, page").toMatch(
        /^c,c,(l,l,m,m|l,m,m,s)$/,
      );
      expect(rounds).toBe(3);
    }
  });

  it("then takes one for each page that is not in memory, and none for those that are", async () => {
    const store = await PageStore.open(server.url);
    await store.readPage(id, 0, COMMITS);
    server.take();
    const seen = new Set([0]);
    for (let i = 0; i < 40; i++) {
      // Far apart, so that nobody seems to go through in order.
      const offset = (i * 797) % PAGES;
      const before = seen.has(offset);
      seen.add(offset);
      expect(tagOf((await store.readPage(id, offset, COMMITS))!)).toBe(expectedTag(offset, COMMITS));
      expect(kinds().length).toBe(before ? 0 : 1);
      expect(tagOf((await store.readPage(id, offset, COMMITS))!)).toBe(expectedTag(offset, COMMITS));
      expect(kinds().length).toBe(0);
    }
    const stats = store.stats();
    expect(stats.memory.pageMisses).toBe(40);
    expect(stats.memory.pageHits).toBe(41);
    await store.close();
  });

  it("reads neighbours that are asked for in the same turn with one", async () => {
    const store = await PageStore.open(server.url);
    await store.readPage(id, 0, COMMITS);
    server.take();
    const untouched = Array.from({ length: PAGES }, (_, offset) => offset).filter(
      (offset) => written.get(offset)!.length === 1,
    );
    const first = untouched.find(
      (offset) => [1, 2, 3, 4, 5, 6, 7].every((i) => untouched.includes(offset + i)) && offset > 1000,
    )!;
    const pages = await Promise.all(Array.from({ length: 8 }, (_, i) => store.readPage(id, first + i, COMMITS)));
    expect(pages.map((page) => tagOf(page!))).toEqual(new Array(8).fill(1));
    expect(server.take().length).toBe(1);
    // And the same page once, whoever asks.
    await Promise.all(Array.from({ length: 20 }, () => store.readPage(id, PAGES - 5, COMMITS)));
    expect(server.take().length).toBe(1);
    await store.close();
  });

  it("scans the whole volume with at most one for 64 pages", async () => {
    const store = await PageStore.open(server.url);
    const at = (await (await store.volume("app")).latest())!;
    server.take();
    for (let offset = 0; offset < PAGES; offset++) {
      expect(tagOf((await at.readPage(offset))!)).toBe(expectedTag(offset, COMMITS));
    }
    const gets = server.take().length;
    console.info(`scan: ${gets} GETs for ${PAGES} pages, ${(PAGES / gets).toFixed(0)} pages each`);
    expect(gets).toBeLessThanOrEqual(PAGES / 64);
    await store.close();
  });
});
