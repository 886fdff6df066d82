/**
 * Storage whose answers to reads are now and then short, flipped, absent, late or an error, while the objects are sound.
 * What is read is right, or a typed error; and once the storage behaves, the same open store is right about everything:
 * nothing bad was kept.
 */
import { describe, expect, it } from "vitest";
import { Corrupt, NotFound, Unavailable } from "../../src/core/errors.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import { RemoteStore } from "../helpers/block-caches.js";
import { type Fault, FaultStore, randomFaults } from "../helpers/fault-store.js";
import { KNOWN_OFFSETS, KNOWN_PAGE_SIZE, KnownHistory, knownCommit, wrongPages } from "../helpers/known-history.js";
import { openOn } from "../helpers/open-on.js";
import { Random, runSeed } from "../helpers/random.js";

const SEEDS = 50;
const LAST = 30;
const FAULTS: readonly Fault[] = ["fail", "delay", "short", "corrupt", "absent"];

describe("a store that is read badly", () => {
  it(`answers right or not at all, and keeps nothing bad: ${SEEDS} seeds`, async () => {
    const inner = new MemoryStore();
    {
      await using store = await openOn(inner);
      const volume = await store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
      for (let lsn = 1; lsn <= LAST; lsn++) await volume.commit(knownCommit(lsn));
    }
    const pages = new Map<number, (Uint8Array | undefined)[]>();
    for (const known = new KnownHistory(); known.lsn < LAST; ) {
      known.advance();
      pages.set(
        known.lsn,
        Array.from({ length: KNOWN_OFFSETS }, (_, offset) => known.page(offset)),
      );
    }
    const base = runSeed("bad reads");
    const seen = { right: 0, refused: 0 };
    for (let seed = base; seed < base + SEEDS; seed++) {
      const random = new Random(seed);
      const objects = new FaultStore(inner, () => undefined);
      await using store = await openOn(objects);
      const { id } = await store.volume("app");
      objects.plan = randomFaults(() => random.u32() / 2 ** 32, 0.3, FAULTS);
      for (let reads = 0; reads < 300; reads++) {
        const lsn = 1 + random.below(LAST);
        const offset = random.below(KNOWN_OFFSETS);
        const expected = pages.get(lsn)![offset];
        try {
          const sync = random.below(2) === 0;
          const found = sync ? store.readPageSync(id, offset, lsn) : await store.readPage(id, offset, lsn);
          const same = found && expected ? Buffer.compare(found, expected) === 0 : found === expected;
          expect(same, `seed ${seed}: LSN ${lsn}, offset ${offset}`).toBe(true);
          seen.right++;
        } catch (error) {
          const typed = error instanceof Corrupt || error instanceof Unavailable || error instanceof NotFound;
          expect(typed, `seed ${seed}: ${(error as Error).stack}`).toBe(true);
          seen.refused++;
        }
      }
      objects.plan = () => undefined;
      const volume = await store.volume("app");
      expect(await wrongPages(LAST, (lsn) => volume.snapshot(lsn)), `seed ${seed}`).toEqual([]);
    }
    console.info("bad reads:", JSON.stringify(seen));
    expect(seen.right).toBeGreaterThan(SEEDS * 100);
    expect(seen.refused).toBeGreaterThan(SEEDS);
  });

  it("is asked again before a page is called damaged", async () => {
    const inner = new MemoryStore();
    const objects = new FaultStore(new RemoteStore(inner), () => undefined);
    await using store = await openOn(objects);
    const volume = await store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
    const { lsn } = await volume.commit({ pages: [[3, new Uint8Array(KNOWN_PAGE_SIZE).fill(7)]] });
    await using other = await openOn(objects);
    await other.readPage(volume.id, 4, lsn);
    const hit = new Set<string>();
    objects.plan = ({ operation, key }) => {
      if (operation !== "getRange" || hit.has(key)) return undefined;
      hit.add(key);
      return "corrupt";
    };
    expect((await other.readPage(volume.id, 3, lsn))?.[0]).toBe(7);
    expect(hit.size).toBe(1);
  });
});
