/**
 * Storage that fails at random: requests that never arrive, or that arrive long after they were given up, and answers that
 * are lost. A commit then is committed, refused, or `OutcomeUnknown`; what it says is the truth, and `resolve` finds out the rest.
 */
import { describe, expect, it } from "vitest";
import { Conflict, OutcomeUnknown, Unavailable } from "../../src/core/errors.js";
import { verifyObjects } from "../../src/history/verify.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import type { PageStore } from "../../src/node.js";
import type { Volume } from "../../src/store/volume.js";
import { type Fault, FaultStore, randomFaults } from "../helpers/fault-store.js";
import { KNOWN_PAGE_SIZE, knownCommit, wrongPages } from "../helpers/known-history.js";
import { openOn } from "../helpers/open-on.js";
import { runSeed, seededRandom } from "../helpers/random.js";

const SEEDS = 15;
const LAST = 30;
const FAULTS: readonly Fault[] = ["fail", "lose-answer", "late", "delay"];

/** Tries a call until the storage lets it through. Only `Unavailable` says that trying again is safe. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
  }
}

/**
 * Opens the volume through storage that fails seldom. Opening reads every record behind the last manifest and repeats
 * nothing by itself, so where a third of all requests fail it would have to be tried thousands of times.
 */
async function openVolume(objects: FaultStore, random: () => number): Promise<{ store: PageStore; volume: Volume }> {
  const { plan } = objects;
  objects.plan = randomFaults(random, 0.03, FAULTS);
  // Without retries: it is what a store says of each failure that is looked at here.
  const store = await insist(() => openOn(objects, undefined, { retry: { attempts: 1 } }));
  const volume = await insist(() => store.volume("app"));
  objects.plan = plan;
  return { store, volume };
}

describe("a store whose answers are lost", () => {
  it(`says the truth about every commit: ${SEEDS} seeds of ${LAST} commits`, async () => {
    const base = runSeed("lost answers");
    const seen = { committed: 0, unavailable: 0, unknown: 0, wasCommitted: 0, wasNot: 0 };
    for (let seed = base; seed < base + SEEDS; seed++) {
      const inner = new MemoryStore();
      const objects = new FaultStore(inner, () => undefined);
      await (await openOn(inner)).createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
      const random = seededRandom(seed);
      objects.plan = randomFaults(random, 0.35, FAULTS);
      let { store, volume } = await openVolume(objects, random);
      let lsn = 0;
      while (lsn < LAST) {
        const lsns = Array.from({ length: random() < 0.2 ? 3 : 1 }, (_, i) => lsn + 1 + i);
        try {
          if (lsns.length > 1) await volume.commitBatch(lsns.map(knownCommit), { expectedLsn: lsn });
          else await volume.commit({ ...knownCommit(lsns[0]), expectedLsn: lsn });
          seen.committed++;
          lsn += lsns.length;
        } catch (error) {
          if (error instanceof OutcomeUnknown) {
            seen.unknown++;
            // By this process, or by one that starts afresh, as after a crash.
            if (random() < 0.5) ({ store, volume } = await openVolume(objects, random));
            const outcome = await insist(() => volume.resolve(error.attempt));
            if (outcome.status === "committed") {
              expect([outcome.firstLsn, outcome.lastLsn]).toEqual([lsns[0], lsns.at(-1)]);
              lsn += lsns.length;
              seen.wasCommitted++;
            } else {
              seen.wasNot++;
            }
          } else {
            expect(error, `seed ${seed}: ${(error as Error).stack}`).toBeInstanceOf(Unavailable);
            seen.unavailable++;
          }
        }
        // A look from outside: what was said is so, whatever the process itself believes.
        await using outside = await openOn(inner);
        expect((await (await outside.volume("app")).latest())?.lsn ?? 0, `seed ${seed}`).toBe(lsn);
      }
      objects.plan = () => undefined;
      await objects.settled();
      expect((await volume.latest())?.lsn).toBe(lsn);
      expect(await wrongPages(lsn, (at) => volume.snapshot(at)), `seed ${seed}`).toEqual([]);
      expect((await verifyObjects(inner)).problems).toEqual([]);
      await store.close();
    }
    console.info("lost answers:", JSON.stringify(seen));
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0);
  });

  it("lets one of several writers win each LSN, and tells the others who did", async () => {
    const base = runSeed("lost answers, several writers");
    for (let seed = base; seed < base + 5; seed++) {
      const inner = new MemoryStore();
      await (await openOn(inner)).createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
      const winners = new Map<number, number>();
      const page = (writer: number) => new Uint8Array(KNOWN_PAGE_SIZE).fill(writer);
      const write = async (writer: number): Promise<void> => {
        const random = seededRandom(seed * 10 + writer);
        const objects = new FaultStore(inner, randomFaults(random, 0.2, FAULTS));
        const { volume } = await openVolume(objects, random);
        for (let commits = 0; commits < 15; ) {
          const lsn = ((await insist(() => volume.latest()))?.lsn ?? 0) + 1;
          const win = () => {
            expect(winners.has(lsn), `seed ${seed}: LSN ${lsn} was won twice`).toBe(false);
            winners.set(lsn, writer);
            commits++;
          };
          try {
            await volume.commit({ expectedLsn: lsn - 1, pages: [[0, page(writer)]] });
            win();
          } catch (error) {
            if (error instanceof OutcomeUnknown) {
              if ((await insist(() => volume.resolve(error.attempt))).status === "committed") win();
            } else if (error instanceof Conflict) {
              expect(error.winningLsn).toBeGreaterThanOrEqual(lsn);
            } else {
              expect(error, `seed ${seed}: ${(error as Error).stack}`).toBeInstanceOf(Unavailable);
            }
          }
        }
      };
      await Promise.all([1, 2, 3, 4].map(write));
      await using store = await openOn(inner);
      const volume = await store.volume("app");
      expect((await volume.latest())?.lsn).toBe(60);
      expect(winners.size).toBe(60);
      for (const [lsn, writer] of winners) {
        expect((await store.readPage(volume.id, 0, lsn))?.[0], `seed ${seed}, LSN ${lsn}`).toBe(writer);
      }
    }
  });
});
