/**
 * Many writers, one log, a real S3 server. Each races for every LSN of one volume, each through a page store and a connection
 * of its own: exactly one wins each LSN, and every other is told who did, or that the outcome is unknown, which `resolve` then
 * settles. Afterwards a fresh store must show at every LSN the winner's pages, and nowhere anything of an attempt that lost.
 *
 * Then again with a fault proxy before each writer, by which answers are lost after the PUT was applied, PUTs arrive late or
 * twice, and reads fail long enough for outcomes to stay unknown. Longer: `RACE_LSNS=20000 RACE_WRITERS=32`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Conflict, OutcomeUnknown, Unavailable } from "../../src/core/errors.js";
import { verifyObjects } from "../../src/history/verify.js";
import { S3Store, type S3StoreOptions } from "../../src/io/s3-store.js";
import { PageStore } from "../../src/node.js";
import { cephBucket, needsCeph } from "../helpers/ceph.js";
import { FaultProxy, type RequestKind, type SocketFault } from "../helpers/fault-proxy.js";
import { pageOf, tagOf } from "../helpers/page-oracle.js";
import { Random, runSeed } from "../helpers/random.js";

const WRITERS = Number(process.env.RACE_WRITERS ?? 16);
const LSNS = Number(process.env.RACE_LSNS ?? 1000);
const PAGE_SIZE = 512;
const MEMORY_BYTES = 4 << 20;
/** A writer rests between two attempts for up to so many times the last one's duration: else all of them put every record. */
const LONGEST_REST = 1;

interface Win {
  readonly writer: number;
  readonly tag: number;
}

/** What the writers were told. */
class Race {
  /** By LSN. */
  readonly wins = new Map<number, Win>();
  readonly seen = {
    wins: 0,
    conflicts: 0,
    "refused before the PUT": 0,
    unknown: 0,
    unavailable: 0,
    "unknown, was won": 0,
    requests: 0,
  };
  #attempts = 0;
  readonly #store: S3StoreOptions;
  readonly #lsns: number;

  constructor(store: S3StoreOptions, lsns: number) {
    this.#store = store;
    this.#lsns = lsns;
  }

  /** Commits until the log is full. */
  async write(writer: number, objects: S3Store, random: Random): Promise<void> {
    await using store = await PageStore.open("test:", {
      objects,
      memory: MEMORY_BYTES,
      retry: { attempts: 3, baseMs: 5 },
    });
    const volume = await insist(() => store.volume("app"));
    for (let lsn = 0, began = performance.now(); lsn < this.#lsns; ) {
      await sleep((random.below(1000) / 1000) * LONGEST_REST * (performance.now() - began));
      began = performance.now();
      const expected = lsn + 1;
      const tag = ++this.#attempts;
      const page = pageOf(tag, PAGE_SIZE);
      const putsBefore = objects.stats.puts;
      const won = () => {
        expect(this.wins.get(expected), `LSN ${expected} was won twice`).toBeUndefined();
        this.wins.set(expected, { writer, tag });
        this.seen.wins++;
        lsn = expected;
      };
      try {
        const snapshot = await volume.commit({
          expectedLsn: lsn,
          pages: [
            [0, page],
            [1 + writer, page],
          ],
        });
        expect(snapshot.lsn).toBe(expected);
        won();
      } catch (error) {
        if (error instanceof Conflict) {
          this.seen[objects.stats.puts > putsBefore ? "conflicts" : "refused before the PUT"]++;
          expect(error.winningLsn).toBeGreaterThanOrEqual(expected);
          expect(error.winningLsn).toBeLessThanOrEqual(this.#lsns);
          lsn = error.winningLsn;
        } else if (error instanceof OutcomeUnknown) {
          this.seen.unknown++;
          const outcome = await insist(() => volume.resolve(error.attempt));
          if (outcome.status === "committed") {
            this.seen["unknown, was won"]++;
            expect(outcome).toEqual({ status: "committed", firstLsn: expected, lastLsn: expected });
            won();
          }
        } else if (error instanceof Unavailable) {
          this.seen.unavailable++;
        } else {
          throw error;
        }
      }
    }
    this.seen.requests += objects.stats.gets + objects.stats.puts;
  }

  /** Holds what they were told against the log, as a store sees it that took no part. */
  async verify(): Promise<void> {
    expect(this.wins.size).toBe(this.#lsns);
    const direct = new S3Store(this.#store);
    await using store = await PageStore.open("test:", { objects: direct, memory: 64 << 20 });
    const volume = await store.volume("app");
    expect((await volume.latest())?.lsn).toBe(this.#lsns);
    /** The tag of the newest commit that each writer won. */
    const newest = new Map<number, number>();
    const offsets = Array.from({ length: 1 + WRITERS }, (_, i) => i);
    for (let lsn = 1; lsn <= this.#lsns; lsn++) {
      const { writer, tag } = this.wins.get(lsn)!;
      newest.set(writer, tag);
      const pages = await volume.readPages(offsets, lsn);
      const expected = [tag, ...offsets.slice(0, -1).map((i) => newest.get(i))];
      const tags = pages.map((page) => page && tagOf(page));
      expect(tags, `LSN ${lsn}`).toEqual(expected);
      for (const page of pages) if (page) expect(Buffer.compare(page, pageOf(tagOf(page), PAGE_SIZE))).toBe(0);
    }
    const report = await verifyObjects(new S3Store(this.#store));
    expect(report.problems).toEqual([]);
    expect(report.lsns).toBe(this.#lsns);
  }
}

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

async function newRace(lsns: number): Promise<{ race: Race; store: S3StoreOptions & { endpoint: string } }> {
  const store = { ...(await cephBucket()), requestTimeoutMs: 10_000 };
  await using pages = await PageStore.open("test:", { objects: new S3Store(store), memory: MEMORY_BYTES });
  await pages.createVolume({ name: "app", pageSize: PAGE_SIZE });
  return { race: new Race(store, lsns), store };
}

const WRITE_FAULTS: readonly SocketFault[] = [
  "lose-answer",
  "lose-answer",
  "late",
  "500-applied",
  "409-applied",
  "duplicate",
];

/** Faults of one writer's PUTs of records; after some of them it hears nothing for a while. */
function faultsOfWriter(random: Random): (kind: RequestKind, path: string) => SocketFault | undefined {
  let deaf = 0;
  return (kind, path) => {
    if (kind === "create" && path.includes("/l/") && random.chance(0.25)) {
      if (random.chance(0.3)) deaf = 1 + random.below(5);
      return random.pick(WRITE_FAULTS);
    }
    return kind === "get" && deaf-- > 0 ? random.pick(["reset-before", "503"]) : undefined;
  };
}

describe(`${WRITERS} writers race on Ceph`, needsCeph(), () => {
  it(`has one winner for each of ${LSNS} LSNs, and tells every loser`, async () => {
    const seed = runSeed("writers on Ceph");
    const { race, store } = await newRace(LSNS);
    const writers = Array.from({ length: WRITERS }, (_, i) => race.write(i, new S3Store(store), new Random(seed + i)));
    await Promise.all(writers);
    console.info("writers on Ceph:", JSON.stringify(race.seen));
    await race.verify();
    expect(race.seen.conflicts).toBeGreaterThan(LSNS / 10);
  }, 900_000);

  it(`has one winner for each of ${LSNS} LSNs when answers are lost and PUTs are late`, async () => {
    const seed = runSeed("writers on Ceph, answers lost");
    const { race, store } = await newRace(LSNS);
    const applied = new Map<string, number>();
    const writers = Array.from({ length: WRITERS }, async (_, i) => {
      await using proxy = await FaultProxy.start(store.endpoint, new Random(seed + 100 + i));
      proxy.plan = faultsOfWriter(new Random(seed + 200 + i));
      await race.write(i, new S3Store({ ...store, endpoint: proxy.endpoint }), new Random(seed + i));
      await proxy.settled();
      for (const [fault, count] of proxy.applied) applied.set(fault, (applied.get(fault) ?? 0) + count);
    });
    await Promise.all(writers);
    console.info("writers on Ceph, answers lost:", JSON.stringify(race.seen));
    console.info("faults of PUTs that were applied:", JSON.stringify(Object.fromEntries(applied)));
    await race.verify();
    expect(race.seen.unknown).toBeGreaterThan(0);
    // So many that each has happened.
    if (LSNS < 300) return;
    expect(race.seen["unknown, was won"]).toBeGreaterThan(0);
    for (const fault of WRITE_FAULTS) expect(applied.get(fault), fault).toBeGreaterThan(0);
  }, 900_000);
});
