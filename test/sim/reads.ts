/** Reads of a simulated process, in all the ways there are, each held against the truth. */
import { NotFound, NotResident } from "../../src/core/errors.js";
import { LIMIT, OFFSETS, tagOf } from "./drafts.js";
import type { Held, Session } from "./session.js";
import type { Shared } from "./simulation.js";
import { must } from "./truth.js";

/** A few reads, most of them of pages. */
export async function readSome(shared: Shared, held: Held): Promise<void> {
  const { random } = shared.world;
  const { session } = held;
  const reads = new Reads(shared, held);
  switch (random.below(12)) {
    case 0:
      return await reads.attempt("log reads", () => reads.latest());
    case 1:
      return await reads.attempt("log reads", () => reads.log());
    case 2:
      return await reads.attempt("log reads", () => reads.changes());
    case 3:
      return await reads.attempt("log reads", () => reads.lsnAt());
    case 4:
      return await reads.attempt("log reads", () => reads.list());
    case 5:
      return await reads.attempt("reads", () => reads.ofSnapshots());
    default:
      for (let left = random.between(6, 30); left > 0; left--) {
        if (random.chance(session.canReadInPlace ? 0.8 : 0.2))
          await reads.attempt("reads", async () => reads.pageInPlace());
        else await reads.attempt("reads", () => reads.page());
      }
      if (random.chance(0.2)) await reads.attempt("reads", () => reads.pages());
  }
}

class Reads {
  readonly #shared: Shared;
  readonly #session: Session;
  readonly #held: Held;

  constructor(shared: Shared, held: Held) {
    this.#shared = shared;
    this.#session = held.session;
    this.#held = held;
  }

  async attempt(kind: string, read: () => Promise<void>): Promise<void> {
    if (!this.#shared.take(kind)) return;
    try {
      await read();
    } catch (error) {
      // A volume that is dropped may be gone from here at any moment.
      if (this.#held.truth.isClosed && (error instanceof NotFound || error instanceof NotResident)) return;
      this.#session.tolerate(error);
    }
  }

  /** Mostly a recent one; sometimes the one after the last. 0 where there is none yet. */
  #lsn(): number {
    const { random } = this.#shared.world;
    const { truth } = this.#held;
    if (random.chance(0.03)) return truth.lsn + 1;
    return random.chance(0.5) ? Math.max(0, truth.lsn - random.below(4)) : random.below(truth.lsn + 1);
  }

  /** That a page is what the truth has there. */
  #check(offset: number, lsn: number, page: Uint8Array | undefined, how: string): void {
    const { truth } = this.#held;
    must(lsn <= truth.lsn, `${how} found LSN ${lsn} of ${truth.id}, which does not exist`);
    const tag = page && tagOf(page);
    const expected = truth.at(offset, lsn)?.tag;
    if (tag !== expected) {
      must(false, `${how}: page ${offset} of ${truth.id} at LSN ${lsn} is ${tag}, not ${expected}`);
    }
    this.#held.known = Math.max(this.#held.known, lsn);
  }

  /** `NotFound` is right only of an LSN that was not there when the call began, or that this process was not shown. */
  #checkAbsence(error: unknown, lsn: number, existing: number): void {
    if (!(error instanceof NotFound) || this.#held.truth.isClosed) throw error;
    must(lsn > existing || lsn < 1, `LSN ${lsn} is there, but: ${error.message}`);
  }

  /** Without a promise: what this process has not looked for yet, it need not know. */
  pageInPlace(): void {
    const { random } = this.#shared.world;
    const { volume, known, truth, session } = this.#held;
    const { store } = session;
    const lsn =
      known === 0 || random.chance(0.1)
        ? this.#lsn()
        : random.between(random.chance(0.5) ? 1 : Math.max(1, known - 5), known);
    if (lsn === 0) return;
    const offset = random.pick(OFFSETS);
    const read = (): Uint8Array | undefined => {
      const kind = random.below(3);
      if (kind === 0) return store.readPageSync(volume.id, offset, lsn);
      if (kind === 1) return store.borrowPage(volume.id, offset, lsn);
      const target = new Uint8Array(volume.pageSize);
      return store.readPageIntoSync(volume.id, offset, lsn, target) ? target : undefined;
    };
    try {
      this.#check(offset, lsn, read(), "a read in place");
    } catch (error) {
      if (error instanceof NotResident && !session.canReadInPlace) return;
      this.#checkAbsence(error, lsn, Math.min(known, truth.lsn));
    }
  }

  async page(): Promise<void> {
    const { random } = this.#shared.world;
    const { volume, truth } = this.#held;
    const { store } = this.#session;
    const lsn = this.#lsn();
    if (lsn === 0) return;
    const offset = random.pick(OFFSETS);
    const existing = truth.lsn;
    try {
      switch (random.below(4)) {
        case 0: {
          const target = new Uint8Array(volume.pageSize);
          const found = await store.readPageInto(volume.id, offset, lsn, target);
          return this.#check(offset, lsn, found ? target : undefined, "readPageInto");
        }
        case 1: {
          const version = await volume.versionLsn(offset, lsn);
          const expected = truth.at(offset, lsn)?.lsn;
          must(version === expected, `version of page ${offset} at LSN ${lsn}: ${version}, not ${expected}`);
          return;
        }
        default:
          return this.#check(offset, lsn, await store.readPage(volume.id, offset, lsn), "readPage");
      }
    } catch (error) {
      this.#checkAbsence(error, lsn, existing);
    }
  }

  /** Many at once, as a list or as a run. */
  async pages(): Promise<void> {
    const { random } = this.#shared.world;
    const { volume, truth } = this.#held;
    const lsn = this.#lsn();
    if (lsn === 0) return;
    const existing = truth.lsn;
    const count = random.between(1, 30);
    const first = random.below(30);
    try {
      if (random.chance(0.5)) {
        const offsets = Array.from({ length: count }, () => random.pick(OFFSETS));
        const pages = await volume.readPages(offsets, lsn);
        for (const [i, page] of pages.entries()) this.#check(offsets[i], lsn, page, "readPages");
      } else {
        const run = new Uint8Array(count * volume.pageSize);
        await volume.readRun(first, run, lsn);
        for (let i = 0; i < count; i++) {
          const page = run.subarray(i * volume.pageSize, (i + 1) * volume.pageSize);
          // Zeros stand for an absent page: no page's number is 0.
          this.#check(first + i, lsn, tagOf(page) === 0 ? undefined : page, "readRun");
        }
      }
    } catch (error) {
      this.#checkAbsence(error, lsn, existing);
    }
  }

  /** The newest LSN: not older than when the call began, nor than what was shown before. */
  async latest(): Promise<void> {
    const held = this.#held;
    const existing = held.truth.lsn;
    const { known } = held;
    const snapshot = await held.volume.latest();
    const lsn = snapshot?.lsn ?? 0;
    must(lsn >= existing, `the newest LSN is ${lsn}, but ${existing} was there before`);
    must(lsn >= known, `the newest LSN is ${lsn}, but ${known} was shown before`);
    must(lsn <= held.truth.lsn, `the newest LSN is ${lsn}, but ${held.truth.lsn} is`);
    held.known = lsn;
    if (!snapshot) return;
    this.#checkSnapshot(snapshot);
    this.#session.snapshots.push({ held, snapshot });
    const meta = await held.volume.latestMeta();
    const number = meta && new DataView(meta.buffer, meta.byteOffset).getUint32(0);
    const recent = Array.from({ length: held.truth.lsn - lsn + 1 }, (_, i) => held.truth.commitAt(lsn + i));
    must(number !== undefined && recent.includes(number), `the newest meta is of commit ${number}, not of ${recent}`);
  }

  #checkSnapshot({ lsn, pageCount, time }: { lsn: number; pageCount: number; time: Date }): void {
    const { truth } = this.#held;
    must(pageCount === truth.pageCountAt(lsn), `${pageCount} pages at LSN ${lsn}, not ${truth.pageCountAt(lsn)}`);
    must(time.getTime() === truth.timeAt(lsn), `LSN ${lsn} is of ${time.getTime()}, not of ${truth.timeAt(lsn)}`);
  }

  /** Snapshots that were taken before say the same as ever. */
  async ofSnapshots(): Promise<void> {
    const { random } = this.#shared.world;
    const { snapshots } = this.#session;
    if (snapshots.length === 0) return;
    const { held, snapshot } = random.pick(snapshots);
    const reads = new Reads(this.#shared, held);
    for (let left = 3; left > 0; left--) {
      const offset = random.pick(OFFSETS);
      reads.#check(offset, snapshot.lsn, await snapshot.readPage(offset), "a snapshot");
    }
    reads.#checkSnapshot(snapshot);
  }

  async log(): Promise<void> {
    const { random } = this.#shared.world;
    const { volume, truth } = this.#held;
    if (truth.lsn === 0) return;
    const to = random.between(1, truth.lsn);
    const from = Math.max(1, to - random.below(12));
    let next = from;
    for await (const { lsn, time, pageCount, pagesChanged, bytes } of volume.log({ from, to })) {
      must(lsn === next++, `the log gives LSN ${lsn} after ${next - 2}`);
      this.#checkSnapshot({ lsn, pageCount, time });
      const expected = truth.pagesChangedAt(lsn);
      must(pagesChanged === expected, `LSN ${lsn} changed ${pagesChanged} pages, not ${expected}`);
      must(bytes === pagesChanged * truth.pageSize, `LSN ${lsn} wrote ${bytes} bytes`);
    }
    must(next === to + 1, `the log ends at LSN ${next - 1}, not at ${to}`);
  }

  async changes(): Promise<void> {
    const { random } = this.#shared.world;
    const { volume, truth } = this.#held;
    if (truth.lsn === 0) return;
    const to = random.between(1, truth.lsn);
    const from = Math.max(0, to - random.below(12));
    const expected = truth.changed(from, to, LIMIT).join();
    const found = (await volume.changedOffsets(from, to)).join();
    must(found === expected, `LSNs ${from} to ${to} changed ${found}, not ${expected}`);
  }

  async lsnAt(): Promise<void> {
    const { random } = this.#shared.world;
    const { volume, truth } = this.#held;
    const existing = truth.lsn;
    if (existing === 0) return;
    const timeMs = truth.timeAt(random.between(1, existing)) + random.pick([-1, 0, 0, 1]);
    const lsn = (await volume.lsnAt(new Date(timeMs))) ?? 0;
    must(lsn <= truth.lsn && (lsn === 0 || truth.timeAt(lsn) <= timeMs), `LSN ${lsn} is later than ${timeMs}`);
    must(lsn >= existing || truth.timeAt(lsn + 1) > timeMs, `LSN ${lsn + 1} is not later than ${timeMs}`);
  }

  /** All volumes: as they were at some moment since the call began. */
  async list(): Promise<void> {
    const { truth } = this.#shared;
    const before = truth.catalog.length - 1;
    const listed: string[] = [];
    for await (const { id, name } of this.#session.store.volumes()) listed.push(`${name} ${id}`);
    const states = truth.catalog.slice(before).map((names) => [...names].map(([id, name]) => `${name} ${id}`).sort());
    must(
      states.some((state) => state.join() === listed.join()),
      `the volumes are said to be ${listed}, and are ${states.at(-1)}`,
    );
  }
}
