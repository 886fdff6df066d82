/** A volume of an open store: commits to it, reads of it, its log. Made by `PageStore`. */
import { type Attempt, Closed, InvalidArgument, NotFound, OutcomeUnknown } from "../core/errors.js";
import { fromHex, type VolumeId } from "../core/ids.js";
import { toLsn } from "../core/numbers.js";
import type { CatalogEntry } from "../format/catalog.js";
import { NONCE_BYTES } from "../format/record.js";
import { Mutex } from "../log/mutex.js";
import type { VolumeLog } from "../log/volume-log.js";
import { PageReader } from "./page-reader.js";
import { Resolver } from "./resolver.js";
import { Snapshot } from "./snapshot.js";
import type { StoreContext } from "./store-context.js";
import type { AttemptOutcome, CallOptions, Commit, CommitInfo, CommitOptions } from "./types.js";
import type { VolumeHandle } from "./volume-handle.js";
import { VolumeHistory } from "./volume-history.js";
import { VolumeSharing } from "./volume-sharing.js";
import { type LsnRange, VolumeWriter } from "./volume-writer.js";

/** A manifest is published when so many records are in none: opening reads at most about that many. */
const RECORDS_PER_MANIFEST = 64;

export class Volume {
  readonly id: VolumeId;
  readonly pageSize: number;
  /** As of when the volume was opened. */
  readonly name: string;
  readonly #store: StoreContext;
  readonly #log: VolumeLog;
  readonly #resolver: Resolver;
  readonly #reader: PageReader;
  readonly #writer: VolumeWriter;
  readonly #history: VolumeHistory;
  /** Once it was shared. */
  #sharing: VolumeSharing | undefined;
  readonly #mutex = new Mutex();
  #hasCommitted = false;
  #manifestFailures = 0;

  /** Use `PageStore.volume` or `PageStore.createVolume`. */
  constructor(entry: Pick<CatalogEntry, "vid" | "name" | "pageSizeBytes">, log: VolumeLog, store: StoreContext) {
    const { vid, pageSizeBytes } = entry;
    const { objects, probe, core, sha256 } = store;
    const context = { vid, pageSizeBytes, objects, probe, core, sha256 };
    this.id = vid;
    this.pageSize = pageSizeBytes;
    this.name = entry.name;
    this.#store = store;
    this.#log = log;
    this.#resolver = new Resolver(log, context);
    this.#reader = new PageReader(log, this.#resolver, pageSizeBytes, store);
    this.#writer = new VolumeWriter(log, context);
    this.#history = new VolumeHistory(log, context);
  }

  /** Whether it was opened by that store. */
  isOf(store: StoreContext): boolean {
    return this.#store === store;
  }

  /** Manifests that could not be published so far; each is tried again with a later commit. */
  get manifestFailures(): number {
    return this.#manifestFailures;
  }

  /**
   * Commits one transaction, atomically and durably: it takes the next LSN, or nothing of it is ever visible.
   *
   * @throws Conflict where `expectedLsn` is not the newest LSN (`winningLsn` is), OutcomeUnknown where the storage did not
   *   say what became of it, InvalidArgument, NotFound for a dropped volume, ReadOnly, NoSpace, Aborted.
   */
  async commit(commit: Commit & CommitOptions): Promise<Snapshot> {
    return this.#commit([commit], commit ?? {});
  }

  /**
   * Commits many transactions, an LSN for each, all or none, with one record. Returns a snapshot of the last. Throws as
   * `commit` does.
   */
  commitBatch(commits: Iterable<Commit> | AsyncIterable<Commit>, options: CommitOptions = {}): Promise<Snapshot> {
    return this.#commit(commits, options);
  }

  async #commit(
    commits: Iterable<Commit> | AsyncIterable<Commit>,
    { expectedLsn, signal }: CommitOptions,
  ): Promise<Snapshot> {
    await this.#store.checkWritable({ signal });
    return await this.exclusively(
      async (writer) => this.committed(await writer.commit(commits, { expectedLsn, signal })),
      { signal },
    );
  }

  /** Runs a task that commits, alone on this volume in this store. */
  async exclusively<T>(task: (writer: VolumeWriter, log: VolumeLog) => Promise<T>, options?: CallOptions): Promise<T> {
    try {
      return await this.#mutex.run(() => {
        this.#store.checkOpen();
        return task(this.#writer, this.#log);
      }, options?.signal);
    } finally {
      if (this.#log.unpublishedRecords >= RECORDS_PER_MANIFEST) void this.#mutex.run(() => this.#publish());
    }
  }

  /** A snapshot of an LSN that was just committed. */
  committed({ lastLsn, pageCount, timeMs }: LsnRange): Snapshot {
    this.#hasCommitted = true;
    this.#sharing?.publish();
    return new Snapshot(this, lastLsn, pageCount, timeMs);
  }

  /** Never fails a commit: what it would have said is in the log, and it is tried again after the next one. */
  async #publish(): Promise<void> {
    if (this.#store.isClosed || this.#log.unpublishedRecords < RECORDS_PER_MANIFEST) return;
    await this.#log.publish().catch(() => {
      this.#manifestFailures++;
    });
    this.#resolver.trim();
  }

  /**
   * What became of an attempt whose outcome was unknown. If its record is still absent, a fence is put in its place, so
   * that the answer is final.
   *
   * @throws InvalidArgument for an attempt that is not this volume's, Unavailable, ReadOnly, OutcomeUnknown.
   */
  async resolve(attempt: Attempt, options: CallOptions = {}): Promise<AttemptOutcome> {
    const nonce = typeof attempt?.nonce === "string" ? fromHex(attempt.nonce) : undefined;
    if (nonce?.length !== NONCE_BYTES || !Number.isSafeInteger(attempt.record) || attempt.record < 1) {
      throw new InvalidArgument("an attempt is what OutcomeUnknown.attempt holds: { volume, record, nonce }");
    }
    if (attempt.volume !== this.id.toString()) {
      throw new InvalidArgument(`the attempt is of volume ${attempt.volume}, this is volume ${this.id}`);
    }
    // The attempt may have to be fenced.
    await this.#store.checkWritable(options);
    return await this.exclusively(async (_, log) => {
      const decided = await log.settle(attempt.record, options);
      await log.refresh(options);
      if (!decided) {
        throw new OutcomeUnknown(
          `record ${attempt.record} of volume ${this.id} was forgotten with the history around it: what became of the attempt ` +
            "cannot be found out any more. Read the volume to see.",
          attempt,
        );
      }
      const { nonce: winner, firstLsn, lastLsn } = decided;
      return winner === attempt.nonce.toLowerCase()
        ? { status: "committed", firstLsn, lastLsn }
        : { status: "conflict" };
    }, options);
  }

  /** The volume at `lsn`. */
  async snapshot(lsn: number, options?: CallOptions): Promise<Snapshot> {
    this.#store.checkOpen();
    await this.#reader.reach(lsn, options);
    const { pageCount, timeMs } = await this.#history.infoOf(lsn, options);
    this.#resolver.trim();
    return new Snapshot(this, lsn, pageCount, timeMs);
  }

  /** The volume at its newest LSN, looking for new commits; `undefined` before the first. */
  async latest(options?: CallOptions): Promise<Snapshot | undefined> {
    await this.#refresh(options);
    const { lsn, pageCount, time } = this.#log;
    return lsn === 0 ? undefined : new Snapshot(this, lsn, pageCount, time);
  }

  /**
   * The page at the newest LSN, and that snapshot, looking for new commits: `latest` and `readPage` in one, which on remote
   * storage saves a round trip, since the page is read while it looks.
   *
   * @returns `page` is `undefined` where there is none; the whole is before the first commit.
   */
  async readLatest(
    offset: number,
    options?: CallOptions,
  ): Promise<{ readonly snapshot: Snapshot; readonly page: Uint8Array | undefined } | undefined> {
    this.#store.checkOpen();
    const known = this.#log.lsn;
    const early = known === 0 ? undefined : this.readPage(offset, known, options);
    early?.catch(() => undefined);
    const snapshot = await this.latest(options);
    if (!snapshot) return undefined;
    return { snapshot, page: await (snapshot.lsn === known ? early : snapshot.readPage(offset, options)) };
  }

  /** The newest `meta` that any commit gave, a copy, looking for new commits. */
  async latestMeta(options?: CallOptions): Promise<Uint8Array | undefined> {
    await this.#refresh(options);
    return this.#log.meta?.slice();
  }

  /** The volume at the last commit at or before a time; `undefined` where every commit is later. */
  async lsnAt(time: Date, options?: CallOptions): Promise<number | undefined> {
    if (!(time instanceof Date) || Number.isNaN(time.getTime())) throw new InvalidArgument("lsnAt takes a valid Date");
    await this.#refresh(options);
    return (await this.#history.lsnAt(time.getTime(), options)) || undefined;
  }

  /** The commits from LSN `from` (by default the oldest readable) to `to` (by default the newest), both included. */
  async *log(range: { from?: number; to?: number } & CallOptions = {}): AsyncGenerator<CommitInfo> {
    const { signal } = range;
    await this.#refresh({ signal });
    const from = range.from === undefined ? this.#log.cutoff : toLsn(range.from);
    const to = range.to === undefined ? this.#log.lsn : Math.min(toLsn(range.to), this.#log.lsn);
    if (from > to) return;
    await this.#reader.reach(from, { signal });
    yield* this.#history.commits(from, to, { signal });
  }

  /**
   * The offsets that LSNs above `from` (0 for the beginning) and up to `to` wrote or dropped: ascending, below the larger of
   * the two page counts. Reads indexes alone.
   *
   * @throws InvalidArgument also where they are more than 2^26 (one drop can cover 2^32).
   */
  async changedOffsets(from: number, to: number, options?: CallOptions): Promise<Uint32Array> {
    this.#store.checkOpen();
    if (from !== 0) await this.#reader.reach(from, options);
    await this.#reader.reach(to, options);
    return await this.#history.changedOffsets(from, to, options);
  }

  async #refresh(options?: CallOptions): Promise<void> {
    this.#store.checkOpen();
    await this.#log.refresh(options);
    this.#sharing?.publish();
    if (this.#log.closed) throw new NotFound(`volume ${this.id} was dropped`);
  }

  /** `PageStore.readPage` of this volume. */
  async readPage(offset: number, lsn: number, options?: CallOptions): Promise<Uint8Array | undefined> {
    this.#store.checkOpen();
    return await this.#reader.withAddress(offset, lsn, (address) => this.#copy(address), options);
  }

  /** `PageStore.readPageSync` of this volume. */
  readPageSync(offset: number, lsn: number): Uint8Array | undefined {
    if (this.#store.isClosed) throw this.#closed();
    const address = this.#reader.addressSync(offset, lsn);
    return address === 0 ? undefined : this.#copy(address);
  }

  #copy(address: number): Uint8Array {
    return this.#store.slabs.copy(this.#store.views.of(address, this.pageSize));
  }

  /** `PageStore.readPageInto` of this volume. */
  async readPageInto(offset: number, lsn: number, target: Uint8Array, options?: CallOptions): Promise<boolean> {
    this.#store.checkOpen();
    this.#checkTarget(target);
    const found = await this.#reader.withAddress(offset, lsn, (address) => this.#copyInto(address, target), options);
    return found !== undefined;
  }

  /** `PageStore.readPageIntoSync` of this volume. */
  readPageIntoSync(offset: number, lsn: number, target: Uint8Array): boolean {
    if (this.#store.isClosed) throw this.#closed();
    this.#checkTarget(target);
    const address = this.#reader.addressSync(offset, lsn);
    return address !== 0 && this.#copyInto(address, target);
  }

  #copyInto(address: number, target: Uint8Array): true {
    target.set(this.#store.views.of(address, this.pageSize));
    return true;
  }

  #checkTarget(target: Uint8Array): void {
    if (target instanceof Uint8Array && target.length === this.pageSize) return;
    throw new InvalidArgument(`the target of a page of volume ${this.id} is a Uint8Array of ${this.pageSize} bytes`);
  }

  /** `PageStore.borrowPage` of this volume. */
  borrowPage(offset: number, lsn: number): Uint8Array | undefined {
    if (this.#store.isClosed) throw this.#closed();
    const address = this.#reader.addressSync(offset, lsn);
    return address === 0 ? undefined : this.#store.views.of(address, this.pageSize);
  }

  /** `PageStore.readPages` of this volume. */
  async readPages(offsets: ArrayLike<number>, lsn: number, options?: CallOptions): Promise<(Uint8Array | undefined)[]> {
    this.#store.checkOpen();
    const pages: (Uint8Array | undefined)[] = new Array(offsets.length).fill(undefined);
    await this.#reader.withAddresses(offsets, lsn, (i, address) => (pages[i] = this.#copy(address)), options);
    return pages;
  }

  /** `Snapshot.readRun` at `lsn`. */
  async readRun(first: number, target: Uint8Array, lsn: number, options?: CallOptions): Promise<void> {
    this.#store.checkOpen();
    const { pageSize } = this;
    if (!(target instanceof Uint8Array) || target.length % pageSize !== 0) {
      throw new InvalidArgument(
        `the target of a run of volume ${this.id} is a Uint8Array of whole ${pageSize}-byte pages`,
      );
    }
    const { memory } = this.#store.core;
    const offsets = Array.from({ length: target.length / pageSize }, (_, i) => first + i);
    target.fill(0);
    const copy = (i: number, address: number) => target.set(memory.subarray(address, address + pageSize), i * pageSize);
    await this.#reader.withAddresses(offsets, lsn, copy, { signal: options?.signal, pass: true });
  }

  /** `Snapshot.versionLsn` at `lsn`. */
  async versionLsn(offset: number, lsn: number, options?: CallOptions): Promise<number | undefined> {
    this.#store.checkOpen();
    return await this.#reader.versionLsn(offset, lsn, options);
  }

  /**
   * A handle by which one other thread reads this volume, in the same memory: post it there with its port in the list of what
   * is transferred, and call `SharedVolume.attach` with it. The store must have been opened with `shared`.
   *
   * @throws NoSpace
   */
  share(): VolumeHandle {
    this.#store.checkOpen();
    if (!this.#store.isShared) {
      throw new InvalidArgument('volumes are shared by a store that was opened with "shared: true"');
    }
    this.#sharing ??= new VolumeSharing(this.#store, this.#log, this.#resolver, this.#reader, this.pageSize);
    return this.#sharing.share();
  }

  #closed(): Closed {
    return new Closed(`the store ${this.#store.objects.url} was closed; open it again`);
  }

  /**
   * Closes the log for good: the volume is being dropped.
   *
   * @throws Unavailable: the log may be closed and not published as such; to be called again.
   */
  async closeLog(options?: CallOptions): Promise<void> {
    await this.exclusively(async (_, log) => {
      await log.close(options);
      await log.publishClosing(options);
    }, options);
  }

  /** Ends what is under way and frees the memory. Part of closing the store. */
  async close(): Promise<void> {
    await this.#mutex.run(async () => {
      if (this.#hasCommitted && this.#log.isHeadBehind) {
        await this.#log.publishHead().catch(() => {
          this.#manifestFailures++;
        });
      }
      this.#resolver.close();
      this.#sharing?.close();
    });
  }
}
