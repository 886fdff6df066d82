/**
 * One process of a crash history: opens the store on a disk, holds it against the model, goes on with calls of all kinds,
 * and keeps the model up to date with what it is told. What the disk does to it meanwhile is not its business.
 */
import { Conflict, OutcomeUnknown, PalimpsestError, Unavailable } from "../../src/core/errors.js";
import { FileStore } from "../../src/io/file-store.js";
import { PageStore } from "../../src/store/page-store.js";
import {
  afterCommits,
  type CrashCommit,
  type CrashModel,
  type OpenAttempt,
  stampedPage,
  type Track,
  type VolumeState,
} from "../helpers/crash-model.js";
import {
  adopt,
  checkObjects,
  checkPages,
  HIGHEST_OFFSET,
  isDamage,
  resolveAttempt,
  seenInLogs,
  seenInStore,
  testPlatform,
  Violation,
} from "../helpers/crash-model-check.js";
import type { Random } from "../helpers/random.js";

/** In a folder that the store has to make, in one that is durable. */
export const DISK_FOLDER = "/disk";
export const STORE_FOLDER = `${DISK_FOLDER}/a/pages`;
const MEMORY_BYTES = 1 << 20;
/** Five such pages are too many for a record: they get a segment of their own. */
const LARGE_PAGE = 65536;
const PAGE_SIZES = [512, 512, 512, 512, 512, 512, 1024, LARGE_PAGE];
/** How often a call that failed is made again. */
const TRIES = 3;

export type Kind =
  | "commit"
  | "large"
  | "batch"
  | "shrink"
  | "create"
  | "rename"
  | "drop"
  | "each"
  | "parallel"
  | "reopen";
const KINDS: readonly Kind[] = [
  ...Array<Kind>(6).fill("commit"),
  "large",
  ...Array<Kind>(3).fill("batch"),
  ...Array<Kind>(2).fill("shrink"),
  ...Array<Kind>(2).fill("create"),
  "rename",
  "drop",
  ...Array<Kind>(3).fill("each"),
  ...Array<Kind>(2).fill("parallel"),
  "reopen",
];

export interface Outcomes {
  /** Calls that were acknowledged, and those that failed. */
  acknowledged: number;
  failed: number;
  /** Commits whose outcome was unknown, and what they resolved to. */
  unknown: number;
  committed: number;
  conflict: number;
}

export interface SessionPlan {
  readonly calls: number;
  /** What they are drawn from. Where there is no volume, one is created. */
  readonly kinds?: readonly Kind[] | undefined;
  /** No killed process left anything on the disk that a power cut could take. */
  readonly isSynced: boolean;
  /** The disk fails. */
  readonly isFaulty: boolean;
  /** Everything is checked at every look, not only by chance. */
  readonly isThorough: boolean;
  /** Whether the objects that are there now were never looked at, one and all. */
  isNew(): boolean;
}

export class CrashSession {
  readonly model: CrashModel;
  readonly #random: Random;
  readonly #outcomes: Outcomes;
  #objects!: FileStore;
  #store!: PageStore;

  constructor(model: CrashModel, random: Random, outcomes: Outcomes) {
    this.model = model;
    this.#random = random;
    this.#outcomes = outcomes;
  }

  /**
   * Opens, checks, makes `calls` calls and checks again.
   *
   * @returns Whether it came to the end. Where it did not, the store said why, by an error that it may throw.
   */
  async run({ calls, kinds = KINDS, isSynced, isFaulty, isThorough, isNew }: SessionPlan): Promise<boolean> {
    const { model } = this;
    model.boots++;
    try {
      await this.#retry(() => this.#open());
      await this.#recover(!isSynced);
      if (isNew()) await this.#check(isThorough);
      for (let i = 0; i < calls; i++) {
        await this.#call(this.#random.pick(kinds));
        await this.#settle();
      }
      if ((isThorough || this.#random.chance(0.3)) && isNew()) await this.#check(isThorough);
      return true;
    } catch (error) {
      if (!(error instanceof PalimpsestError) || isDamage(error) || !isFaulty) throw error;
      return false;
    } finally {
      await this.#store?.close();
      await this.#objects?.close();
    }
  }

  async #open(): Promise<void> {
    this.#objects = new FileStore(STORE_FOLDER);
    this.#store = await PageStore.openOn(testPlatform, "test:", { objects: this.#objects, memory: MEMORY_BYTES });
  }

  /** As `run`, but only looks which LSNs there are, and makes no call. */
  async look(isSynced: boolean): Promise<void> {
    this.#objects = new FileStore(STORE_FOLDER);
    adopt(this.model, await seenInLogs(this.#objects), !isSynced);
    await this.#objects.close();
  }

  async #adopt(mayBeLost: boolean): Promise<void> {
    adopt(this.model, await this.#retry(() => seenInStore(this.#store)), mayBeLost);
  }

  /** Each volume is in a state that is possible, and attempts resolve to it. */
  async #recover(mayBeLost: boolean): Promise<void> {
    await this.#adopt(mayBeLost);
    for (const open of this.model.attempts) {
      if (!this.model.tracks.get(open.serial)?.possible.some((state) => state !== undefined)) continue;
      if (open.answer === undefined || this.#random.chance(0.5)) await this.#resolveOne(open);
    }
  }

  async #check(isThorough: boolean): Promise<void> {
    await this.#adopt(false);
    await this.#retry(() => checkPages(this.#store, this.model));
    if (isThorough || this.#random.chance(0.3)) await this.#retry(() => checkObjects(this.#objects));
  }

  /** A disk that fails may fail a check too: that is no violation, and it is made again. */
  async #retry<T>(step: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await step();
      } catch (error) {
        if (tries === TRIES || !(error instanceof PalimpsestError) || isDamage(error)) throw error;
      }
    }
  }

  /** Where calls failed without saying what they did, finds out. */
  async #settle(): Promise<void> {
    await this.#resolve();
    if ([...this.model.tracks.values()].some(({ possible }) => possible.length > 1)) await this.#adopt(true);
  }

  async #resolve(): Promise<void> {
    for (const open of [...this.model.attempts]) if (open.answer === undefined) await this.#resolveOne(open);
  }

  async #resolveOne(open: OpenAttempt): Promise<void> {
    const answer = await this.#retry(() => resolveAttempt(this.#store, this.model, open));
    this.#outcomes[answer]++;
  }

  async #call(kind: Kind): Promise<void> {
    const open = this.model.settled;
    const closed = this.model.halfDropped;
    if (closed.length > 0 && this.#random.chance(0.5)) return await this.#dropAgain(this.#random.pick(closed));
    if (open.length === 0 || kind === "create") return open.length < 3 ? await this.#create() : undefined;
    const { track, state } = this.#random.pick(open);
    switch (kind) {
      case "rename":
        return await this.#rename(track, state);
      case "drop":
        return await this.#drop(track, state);
      case "reopen":
        await this.#store.close();
        await this.#objects.close();
        return await this.#retry(() => this.#open());
      case "each":
        return await this.#commitEach(open);
      case "parallel":
        await Promise.all(
          open.map((each) => this.#commit(each.track, each.state, this.#random.pick(["commit", "batch"]))),
        );
        return;
      default:
        return await this.#commit(track, state, kind);
    }
  }

  async #create(): Promise<void> {
    const pageSize = this.#random.pick(PAGE_SIZES);
    const state: VolumeState = { name: `volume ${this.model.nextSerial}`, versions: [], isClosed: false };
    const serial = this.model.add(pageSize, [undefined, state]);
    await this.#change(serial, [undefined, state], async () => {
      const { id } = await this.#store.createVolume({ name: state.name, pageSize });
      this.model.identify(serial, id.toString());
    });
  }

  async #rename({ serial }: Track, state: VolumeState): Promise<void> {
    const renamed = { ...state, name: `volume ${serial} as ${this.model.boots}.${state.versions.length}` };
    await this.#change(serial, [state, renamed], () => this.#store.renameVolume(state.name, renamed.name));
  }

  async #drop({ serial }: Track, state: VolumeState): Promise<void> {
    const closed = { ...state, isClosed: true };
    await this.#change(serial, [state, closed, undefined], () => this.#store.dropVolume(state.name));
  }

  async #dropAgain({ serial, possible }: Track): Promise<void> {
    await this.#change(serial, [possible[0], undefined], () => this.#store.dropVolume(possible[0]!.name));
  }

  /** A call that changes the catalog: `possible` are the states before it, on the way, and after it. */
  async #change(serial: number, possible: Track["possible"], call: () => Promise<void>): Promise<void> {
    this.model.open(serial, possible);
    try {
      await call();
      this.model.catalogued(serial, possible.at(-1));
      this.#outcomes.acknowledged++;
    } catch (error) {
      this.#failed(error);
      // Only this error says that the catalog may have changed all the same; a drop closes the log first.
      if (!(error instanceof Unavailable) && possible.length === 2) this.model.open(serial, possible.slice(0, 1));
    }
  }

  async #commit({ serial, id }: Track, state: VolumeState, kind: Kind): Promise<void> {
    const volume = await this.#retry(() => this.#store.volume(state.name));
    if (volume.id.toString() !== id) throw new Violation(`"${state.name}" is volume ${volume.id}, not ${id}`);
    const pageSize = volume.pageSize;
    const expectedLsn = state.versions.length;
    const commits = Array.from({ length: kind === "batch" ? this.#random.between(2, 4) : 1 }, (_, i) =>
      this.#newCommit(serial, state, expectedLsn + 1 + i, kind, pageSize),
    );
    const next = afterCommits(state, commits);
    this.model.open(serial, [state, next]);
    try {
      const written = commits.map((commit) => withPages(commit, pageSize));
      if (kind === "batch") await volume.commitBatch(written, { expectedLsn });
      else await volume.commit({ ...written[0], expectedLsn });
      this.model.committed(serial, next);
      this.#outcomes.acknowledged++;
    } catch (error) {
      this.#commitFailed(serial, state, next, error);
    }
  }

  async #commitEach(open: readonly { track: Track; state: VolumeState }[]): Promise<void> {
    const parts = [];
    for (const { track, state } of open) {
      const volume = await this.#retry(() => this.#store.volume(state.name));
      const expectedLsn = state.versions.length;
      const commit = this.#newCommit(track.serial, state, expectedLsn + 1, "commit", track.pageSize);
      const next = afterCommits(state, [commit]);
      parts.push({
        serial: track.serial,
        state,
        next,
        call: { volume, expectedLsn, ...withPages(commit, track.pageSize) },
      });
    }
    for (const { serial, state, next } of parts) this.model.open(serial, [state, next]);
    let outcomes: Awaited<ReturnType<PageStore["commitEach"]>>;
    try {
      outcomes = await this.#store.commitEach(parts.map(({ call }) => call));
    } catch (error) {
      for (const { serial, state, next } of parts) this.#commitFailed(serial, state, next, error);
      return;
    }
    for (const [i, { serial, state, next }] of parts.entries()) {
      const outcome = outcomes[i];
      if (outcome.status === "failed") {
        this.#commitFailed(serial, state, next, outcome.error);
        continue;
      }
      if (outcome.lsn !== next.versions.length) throw new Violation(`commitEach gave LSN ${outcome.lsn}`);
      this.model.committed(serial, next);
      this.#outcomes.acknowledged++;
    }
  }

  /** Only an unknown outcome leaves open whether the commit will be seen. */
  #commitFailed(serial: number, before: VolumeState, after: VolumeState, error: unknown): void {
    this.#failed(error);
    if (error instanceof OutcomeUnknown) {
      this.#outcomes.unknown++;
      const firstLsn = before.versions.length + 1;
      const lastLsn = after.versions.length;
      this.model.attempts.push({ serial, attempt: error.attempt, firstLsn, lastLsn, answer: undefined });
      return;
    }
    this.model.open(serial, [before]);
  }

  #failed(error: unknown): void {
    this.#outcomes.failed++;
    if (error instanceof Conflict) throw new Violation("a conflict, and there is one writer", { cause: error });
    if (!(error instanceof PalimpsestError) || isDamage(error)) throw error;
  }

  #newCommit(serial: number, state: VolumeState, lsn: number, kind: Kind, pageSize: number): CrashCommit {
    const random = this.#random;
    const limit = Math.max(state.versions.at(-1)?.pageCount ?? 0, 1);
    if (kind === "shrink") return { pages: [], pageCount: random.below(limit) };
    const isLarge = kind === "large" && pageSize === LARGE_PAGE;
    const first = random.below(HIGHEST_OFFSET - 5);
    const offsets = isLarge
      ? [0, 1, 2, 3, 4].map((i) => first + i)
      : Array.from({ length: random.between(kind === "batch" ? 0 : 1, 3) }, () => random.below(HIGHEST_OFFSET));
    const salt = random.below(4);
    const pages = [...new Set(offsets)].map(
      (offset) => [offset, ((serial * 64 + lsn) * 16 + offset) * 4 + salt] as const,
    );
    return random.chance(0.2) ? { pages, drops: [[first, first + 2]] } : { pages };
  }
}

function withPages({ pages, drops, pageCount }: CrashCommit, pageSize: number) {
  return {
    pages: pages.map(([offset, stamp]): [number, Uint8Array] => [offset, stampedPage(pageSize, stamp)]),
    ...(drops && { drops: drops.map(([from, to]): [number, number] => [from, to]) }),
    ...(pageCount !== undefined && { pageCount }),
  };
}
