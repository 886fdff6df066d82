/**
 * `PageStore` against a map of every page at every LSN: random commits, batches and commits to several volumes, shrinks,
 * drops, lost races against a second store on the same objects, answers that get lost, reopening, and memory limits so
 * small that everything is evicted all the time.
 */
import { expect, test } from "vitest";
import { Conflict, NotFound, OutcomeUnknown, Unavailable } from "../../src/core/errors.js";
import { compareBytes } from "../../src/core/ids.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import { PageStore } from "../../src/node.js";
import type { Volume } from "../../src/store/volume.js";
import { type Fault, FaultStore, randomFaults } from "../helpers/fault-store.js";
import {
  FAR_OFFSETS,
  NEAR,
  type OracleCommit,
  pageOf,
  randomCommit,
  tagOf,
  tinyCommit,
  toCommit,
  VolumeOracle,
  wideCommit,
} from "../helpers/page-oracle.js";
import { Random, runSeed } from "../helpers/random.js";

const SEEDS = Number(process.env.SEEDS ?? 16);
const STEPS = 220;
const FAULTS: readonly Fault[] = ["fail", "lose-answer"];
const OFFSETS = [...Array.from({ length: NEAR + 4 }, (_, i) => i), ...FAR_OFFSETS, 2 ** 32 - 2];

/** One run: two stores on the same objects, and what their volumes must hold. */
class Run {
  readonly #random: Random;
  readonly #objects = new MemoryStore();
  readonly #oracles = new Map<string, VolumeOracle>();
  readonly #isFaulty: boolean;
  readonly #canBeLong: boolean;
  #stores: PageStore[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#isFaulty = this.#random.chance(0.4);
    this.#canBeLong = this.#random.chance(0.25);
  }

  async go(): Promise<void> {
    const random = this.#random;
    this.#stores = [await this.#open(false), await this.#open(true)];
    for (const name of ["a", "b", "c"]) {
      const pageSize = random.pick([512, 512, 1024, 4096]);
      await this.#stores[0].createVolume({ name, pageSize });
      this.#oracles.set(name, new VolumeOracle(pageSize));
    }
    for (let step = 0; step < STEPS; step++) await this.#step();
    this.#stores.push(await this.#open(false));
    for (const name of this.#oracles.keys()) await this.#checkAll(this.#stores[2], name);
    for (const store of this.#stores) await store.close();
  }

  async #open(mayFail: boolean): Promise<PageStore> {
    const memory = this.#random.pick([1 << 20, 1 << 20, 2 << 20, 16 << 20]);
    const objects = new FaultStore(this.#objects, () => undefined);
    const store = await PageStore.open("memory:", { memory, objects });
    if (mayFail && this.#isFaulty) {
      objects.plan = randomFaults(() => this.#random.u32() / 2 ** 32, 0.08, FAULTS);
    }
    return store;
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const kind = random.below(20);
    const which = random.below(this.#stores.length);
    if (kind === 0) {
      await this.#stores[which].close();
      this.#stores[which] = await this.#open(which === 1);
    } else if (kind < 9) {
      await this.#commit(this.#stores[which]);
    } else if (kind === 9) {
      await this.#commitEach(this.#stores[which]);
    } else {
      const name = random.pick([...this.#oracles.keys()]);
      await this.#insist(() => this.#checkSome(this.#stores[which], name));
    }
  }

  /** Tries a call until the storage lets it through. */
  async #insist<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
      }
    }
  }

  /** Commits, alone or in a batch, with or without an expectation, which may be wrong. */
  async #commit(store: PageStore): Promise<void> {
    const random = this.#random;
    const [name, oracle] = random.pick([...this.#oracles]);
    const volume = await this.#insist(() => store.volume(name));
    const commits: OracleCommit[] = [];
    let { pageCount } = oracle.at(oracle.lsn);
    // Now and then so many LSNs that a chapter is sealed, or so many pages that they make a segment of its own.
    const isLong = this.#canBeLong && random.chance(0.04);
    const isWide = this.#canBeLong && random.chance(0.04);
    for (let left = isLong ? 1500 : random.chance(0.2) ? random.between(1, 9) : 1; left > 0; left--) {
      const next = isLong ? tinyCommit(random) : isWide ? wideCommit(random) : randomCommit(random, pageCount);
      pageCount = next.pageCount ?? Math.max(pageCount, ...[...next.pages.keys()].map((offset) => offset + 1));
      commits.push(next);
    }
    const isWrong = random.chance(0.15);
    const expectedLsn = isWrong ? oracle.lsn + random.pick([-1, 1]) : random.chance(0.5) ? oracle.lsn : undefined;
    if (expectedLsn === -1) return;
    const attempt = async () => {
      const made = commits.map((commit) => toCommit(commit, oracle.pageSize));
      if (made.length > 1) return await volume.commitBatch(made, { expectedLsn });
      return await volume.commit({ ...made[0], expectedLsn });
    };
    try {
      const snapshot = await attempt();
      expect(isWrong, "a commit with a wrong expectation must fail").toBe(false);
      for (const commit of commits) oracle.apply(commit);
      expect([snapshot.lsn, snapshot.pageCount]).toEqual([oracle.lsn, pageCount]);
      expect(snapshot.time.getTime()).toBe(oracle.at(oracle.lsn).timeMs);
    } catch (error) {
      if (error instanceof OutcomeUnknown) {
        const outcome = await this.#insist(() => volume.resolve(error.attempt));
        if (outcome.status === "conflict") return;
        expect(outcome).toEqual({
          status: "committed",
          firstLsn: oracle.lsn + 1,
          lastLsn: oracle.lsn + commits.length,
        });
        for (const commit of commits) oracle.apply(commit);
      } else if (error instanceof Conflict) {
        expect(isWrong).toBe(true);
        expect(error.winningLsn).toBe(oracle.lsn);
      } else if (!(error instanceof Unavailable)) {
        throw error;
      }
    }
  }

  async #commitEach(store: PageStore): Promise<void> {
    const random = this.#random;
    const parts: { volume: Volume; commit: OracleCommit; oracle: VolumeOracle; expectedLsn?: number }[] = [];
    for (const [name, oracle] of this.#oracles) {
      if (random.chance(0.25)) continue;
      const volume = await this.#insist(() => store.volume(name));
      const commit = randomCommit(random, oracle.at(oracle.lsn).pageCount);
      const expectedLsn = random.pick([undefined, undefined, oracle.lsn, oracle.lsn + 1]);
      parts.push({ volume, commit, oracle, expectedLsn });
    }
    let outcomes: Awaited<ReturnType<PageStore["commitEach"]>>;
    try {
      outcomes = await store.commitEach(
        parts.map(({ volume, commit, oracle, expectedLsn }) => ({
          volume,
          expectedLsn,
          ...toCommit(commit, oracle.pageSize),
        })),
      );
    } catch (error) {
      if (error instanceof Unavailable) return;
      throw error;
    }
    for (const [i, outcome] of outcomes.entries()) {
      const { volume, commit, oracle, expectedLsn } = parts[i];
      if (outcome.status === "committed") {
        expect([undefined, oracle.lsn]).toContain(expectedLsn);
        oracle.apply(commit);
        expect(outcome.lsn).toBe(oracle.lsn);
        expect(outcome.pageCount).toBe(oracle.at(oracle.lsn).pageCount);
      } else if (outcome.error instanceof OutcomeUnknown) {
        const { attempt } = outcome.error;
        if ((await this.#insist(() => volume.resolve(attempt))).status === "committed") oracle.apply(commit);
      } else if (outcome.error instanceof Conflict) {
        expect(expectedLsn).toBe(oracle.lsn + 1);
      } else if (!(outcome.error instanceof Unavailable)) {
        throw outcome.error;
      }
    }
  }

  /** A few reads of every kind at random LSNs. */
  async #checkSome(store: PageStore, name: string): Promise<void> {
    const random = this.#random;
    const oracle = this.#oracles.get(name)!;
    const { pageSize } = oracle;
    const volume = await store.volume(name);
    if (oracle.lsn === 0) {
      expect(await volume.latest()).toBe(undefined);
      const error = await volume.snapshot(1).catch((thrown: unknown) => thrown);
      if (error instanceof Unavailable) throw error;
      expect(error).toBeInstanceOf(NotFound);
      return;
    }
    const lsn = random.chance(0.5) ? oracle.lsn : random.between(1, oracle.lsn);
    const { pages, pageCount, timeMs } = oracle.at(lsn);
    const at = await volume.snapshot(lsn);
    expect([at.lsn, at.pageCount, at.time.getTime()]).toEqual([lsn, pageCount, timeMs]);
    const same = (actual: Uint8Array | undefined, offset: number) => {
      const tag = pages.get(offset)?.tag;
      if (actual === undefined && tag === undefined) return;
      if (actual && tag !== undefined && compareBytes(actual, pageOf(tag, pageSize)) === 0) return;
      expect.fail(`volume ${name}, offset ${offset}, LSN ${lsn}: ${actual && tagOf(actual)}, not ${tag}`);
    };
    for (let left = 12; left > 0; left--) {
      const offset = random.pick(OFFSETS);
      const target = new Uint8Array(pageSize);
      switch (random.below(6)) {
        case 0:
          same(await store.readPage(volume.id, offset, lsn), offset);
          break;
        case 1:
          same(store.readPageSync(volume.id, offset, lsn), offset);
          break;
        case 2:
          same(store.borrowPage(volume.id, offset, lsn), offset);
          break;
        case 3:
          same((await store.readPageInto(volume.id, offset, lsn, target)) ? target : undefined, offset);
          break;
        case 4:
          same(at.readPageIntoSync(offset, target) ? target : undefined, offset);
          break;
        default:
          expect(await at.versionLsn(offset)).toBe(pages.get(offset)?.lsn);
      }
    }
    if (random.chance(0.3)) for (const [i, page] of (await at.readPages(OFFSETS)).entries()) same(page, OFFSETS[i]);
    if (random.chance(0.2)) await this.#checkLog(volume, oracle);
  }

  async #checkLog(volume: Volume, oracle: VolumeOracle): Promise<void> {
    const random = this.#random;
    const to = random.between(1, oracle.lsn);
    const low = random.between(Math.max(0, to - 20), to);
    const candidates = Array.from({ length: 1100 }, (_, i) => i);
    expect(Array.from(await volume.changedOffsets(low, to))).toEqual(oracle.changed(low, to, candidates));
    const listed = [];
    for await (const { lsn, time, pagesChanged, pageCount, bytes } of volume.log({ from: Math.max(1, low), to })) {
      listed.push([lsn, time.getTime(), pagesChanged, pageCount, bytes]);
    }
    const expected = [];
    for (let lsn = Math.max(1, low); lsn <= to; lsn++) {
      const { timeMs, pageCount, commit } = oracle.at(lsn);
      expected.push([lsn, timeMs, commit!.pages.size, pageCount, commit!.pages.size * oracle.pageSize]);
    }
    expect(listed).toEqual(expected);
    const timeMs = 1_700_000_000_000 + random.below(1_000_000);
    let last = 0;
    for (let lsn = 1; lsn <= oracle.lsn; lsn++) if (oracle.at(lsn).timeMs <= timeMs) last = lsn;
    expect(await volume.lsnAt(new Date(timeMs))).toBe(last || undefined);
    expect(await volume.latestMeta()).toEqual(oracle.meta);
  }

  /** Every page at every LSN, or at a sample of very many. */
  async #checkAll(store: PageStore, name: string): Promise<void> {
    const oracle = this.#oracles.get(name)!;
    const volume = await store.volume(name);
    expect((await volume.latest())?.lsn ?? 0).toBe(oracle.lsn);
    for (let lsn = 1; lsn <= oracle.lsn; lsn += oracle.lsn > 500 ? this.#random.between(1, 40) : 1) {
      const { pages } = oracle.at(lsn);
      const found = await store.readPages(volume.id, OFFSETS, lsn);
      for (const [i, offset] of OFFSETS.entries()) {
        const page = pages.get(offset);
        const tag = found[i] && tagOf(found[i]);
        if (tag !== page?.tag) expect.fail(`volume ${name}, offset ${offset}, LSN ${lsn}: ${tag}, not ${page?.tag}`);
      }
    }
  }
}

test(`PageStore agrees with an oracle: ${SEEDS} seeds of ${STEPS} steps`, async () => {
  const base = runSeed("page store");
  for (let seed = base; seed < base + SEEDS; seed++) {
    try {
      await new Run(seed).go();
    } catch (error) {
      console.error(`failed with SEED=${seed} SEEDS=1`);
      throw error;
    }
  }
});
