/**
 * Reads the pages of one volume: finds where a page lies, has it resident, hands its address in the core's memory to
 * whoever copies it out. An address is good until the next allocation, so no one keeps it across an `await`.
 */
import { Corrupt, NoSpace, NotFound, NotResident, Truncated } from "../core/errors.js";
import { MAX_PAGE_COUNT, toLsn, toOffset } from "../core/numbers.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import type { VolumeLog } from "../log/volume-log.js";
import type { Core } from "../probe/core.js";
import type { PageFrames } from "../segment/page-frames.js";
import type { PageFetcher } from "./page-fetcher.js";
import { type PlacedPage, RUN_BYTES, rangeOf, runsOf } from "./page-runs.js";
import { ReadAhead } from "./read-ahead.js";
import { ABSENT, NEEDS_LOAD, NOT_RESIDENT, type Resolver } from "./resolver.js";
import type { StoreContext } from "./store-context.js";

/** How often one read loads something before it gives up: each load may evict what another just loaded. */
const MAX_LOADS = 10_000;
/** A reader that goes through in order has at most so many bytes read ahead, and this part of the memory. */
const AHEAD_BYTES = 2 << 20;
const AHEAD_SHARE = 1 / 8;
/** A window from which on pages that lie elsewhere are read ahead, too. */
const LONG_WINDOW = 16;
/** Pages are near if no more than so many versions of each lie between them. */
const NEAR = 2;
/** Requests under way at once for one call. */
const PARALLEL_RUNS = 4;

export class PageReader {
  readonly #log: VolumeLog;
  readonly #resolver: Resolver;
  readonly #frames: PageFrames;
  readonly #core: Core;
  readonly #objects: ObjectStore;
  readonly #fetcher: PageFetcher;
  readonly #counts: { reads: number; misses: number };
  readonly #readAhead: ReadAhead;
  /** For the runs of pages that pass: a buffer for each request that was under way at once. */
  readonly #buffers: Uint8Array[] = [];

  constructor(log: VolumeLog, resolver: Resolver, pageSizeBytes: number, store: StoreContext) {
    const { frames, core, objects, fetcher, pageCounts } = store;
    this.#log = log;
    this.#resolver = resolver;
    this.#frames = frames;
    this.#core = core;
    this.#objects = objects;
    this.#fetcher = fetcher;
    this.#counts = pageCounts;
    const aheadBytes = Math.min(AHEAD_BYTES, core.arena.limitBytes * AHEAD_SHARE);
    this.#readAhead = new ReadAhead(Math.max(1, Math.floor(aheadBytes / pageSizeBytes)));
  }

  /**
   * The address of the page, 0 where there is none.
   *
   * @throws NotResident where it would take I/O that the storage cannot do in place.
   */
  addressSync(offset: number, lsn: number): number {
    toOffset(offset);
    if (toLsn(lsn) > this.#log.lsn || lsn < this.#log.cutoff) throw this.#outOfReach(lsn);
    this.#counts.reads++;
    const found = this.#resolver.find(offset, lsn);
    return found > NOT_RESIDENT || found === ABSENT ? found : this.#loadSync(found, offset, lsn);
  }

  /** Goes on where `find` found no page in memory. */
  #loadSync(found: number, offset: number, lsn: number): number {
    const resolver = this.#resolver;
    for (let loads = 0; found === NEEDS_LOAD; loads++) {
      if (loads === MAX_LOADS) throw this.#thrashing();
      if (!resolver.need!.loadSync()) throw this.#notResident(offset, lsn);
      found = resolver.find(offset, lsn);
    }
    if (found !== NOT_RESIDENT) return found;
    if (!this.#frames.canLoadSync) throw this.#notResident(offset, lsn);
    this.#counts.misses++;
    return this.#frames.loadSync(resolver.place, resolver.local);
  }

  /** Calls `use` with the address of the page, at once when it is resident; `undefined` where there is no page. */
  async withAddress<T>(
    offset: number,
    lsn: number,
    use: (address: number) => T,
    options?: CallOptions,
  ): Promise<T | undefined> {
    toOffset(offset);
    await this.reach(lsn, options);
    this.#counts.reads++;
    let isNew = false;
    for (let loads = 0; loads < MAX_LOADS; loads++) {
      const found = this.#resolver.find(offset, lsn);
      if (found > NOT_RESIDENT) {
        // Read once by whoever had it loaded: that alone does not make it one of those that stay.
        if (isNew) this.#core.arena.onProbation(found);
        return use(found);
      }
      if (found === ABSENT) return undefined;
      if (found === NEEDS_LOAD) {
        await this.#resolver.need!.load(options);
      } else {
        const page = { place: this.#resolver.place, local: this.#resolver.local };
        await this.#fetcher.load(page, isNew ? [] : this.#pagesAhead(page, offset, lsn), options);
        isNew = true;
      }
    }
    throw this.#thrashing();
  }

  /** Where the pages lie that a reader who goes through in order will ask for next, as far as that is known without loading. */
  #pagesAhead({ place, local }: PlacedPage, offset: number, lsn: number): PlacedPage[] {
    const pages: PlacedPage[] = [];
    // Many reads made side by side are no reader who goes on and on.
    if (this.#fetcher.isCollecting) return pages;
    const window = this.#readAhead.windowAt(offset);
    const end = Math.min(offset + window, MAX_PAGE_COUNT);
    for (let next = offset + 1; next < end; next++) {
      const found = this.#resolver.peek(next, lsn);
      if (found === NEEDS_LOAD) break;
      if (found !== NOT_RESIDENT) continue;
      const page = { place: this.#resolver.place, local: this.#resolver.local };
      // What takes a request of its own is read for those alone who have gone on for long.
      const isNear = page.place === place && page.local > local && page.local <= local + NEAR * window;
      if (isNear || window >= LONG_WINDOW) pages.push(page);
    }
    return pages;
  }

  /** The LSN that wrote what a reader at `lsn` sees, `undefined` where that is nothing. */
  async versionLsn(offset: number, lsn: number, options?: CallOptions): Promise<number | undefined> {
    toOffset(offset);
    await this.reach(lsn, options);
    for (let loads = 0; loads < MAX_LOADS; loads++) {
      const found = this.#resolver.find(offset, lsn);
      if (found !== NEEDS_LOAD) return found === ABSENT ? undefined : this.#resolver.lsn;
      await this.#resolver.need!.load(options);
    }
    throw this.#thrashing();
  }

  /**
   * Calls `use` with each offset's position in `offsets` and its page's address, in any order; not for absent pages.
   * Pages that lie side by side are read with one request. With `pass`, pages that were not in memory do not come to
   * stay: a scan does not push out what others need.
   */
  async withAddresses(
    offsets: ArrayLike<number>,
    lsn: number,
    use: (i: number, address: number) => void,
    options?: ManyOptions,
  ): Promise<void> {
    for (let i = 0; i < offsets.length; i++) toOffset(offsets[i]);
    await this.reach(lsn, options);
    this.#counts.reads += offsets.length;
    const missing: MissingPage[] = [];
    for (let done = 0, loads = 0; done < offsets.length; ) {
      const answered = this.#useResident(offsets, done, lsn, use, missing);
      done += answered;
      if (answered > 0) continue;
      if (++loads === MAX_LOADS) throw this.#thrashing();
      await this.#resolver.need!.load(options);
    }
    this.#counts.misses += missing.length;
    const runs = runsOf(missing);
    for (let at = 0; at < runs.length; at += PARALLEL_RUNS) {
      await Promise.all(runs.slice(at, at + PARALLEL_RUNS).map((run) => this.#readRun(run, use, options)));
    }
  }

  /**
   * Looks up a batch of the offsets from number `first` on: uses pages that are in memory, and notes the others. Returns how
   * many were answered before one that needs a load.
   */
  #useResident(
    offsets: ArrayLike<number>,
    first: number,
    lsn: number,
    use: (i: number, address: number) => void,
    missing: MissingPage[],
  ): number {
    const { batchOffsets, batchLocals } = this.#core;
    const count = Math.min(offsets.length - first, batchOffsets.length);
    for (let i = 0; i < count; i++) batchOffsets[i] = offsets[first + i];
    const answered = this.#resolver.findMany(count, lsn);
    for (let i = 0; i < answered; i++) {
      const found = batchLocals[i] >>> 0;
      if (found > NOT_RESIDENT) {
        use(first + i, found);
      } else if (found === NOT_RESIDENT) {
        // Only misses are looked up twice, to learn where they lie: the batch has room for an address alone.
        this.#resolver.find(offsets[first + i], lsn);
        missing.push({ i: first + i, place: this.#resolver.place, local: this.#resolver.local });
      }
    }
    return answered;
  }

  async #readRun(
    run: readonly MissingPage[],
    use: (i: number, address: number) => void,
    options?: ManyOptions,
  ): Promise<void> {
    const [{ place, local: first }] = run;
    const { key, start, length, recordBytes } = rangeOf(place, first, run[run.length - 1].local);
    const { pass = false, signal } = options ?? {};
    const into = pass ? (this.#buffers.pop() ?? new Uint8Array(RUN_BYTES)) : undefined;
    const read = (refresh: boolean) => this.#objects.getRange(key, start, length, { signal, into, refresh });
    let bytes = await read(false);
    let isFresh = false;
    for (let n = 0; n < run.length; ) {
      const { i, local } = run[n];
      const at = (local - first) * recordBytes;
      const record = bytes?.subarray(at, at + recordBytes);
      try {
        use(i, pass ? this.#frames.pass(place, local, record) : this.#frames.put(place, local, record));
        n++;
      } catch (error) {
        // What a cache on the way has kept may be damaged: the storage itself is asked before that is said of it.
        if (isFresh || !(error instanceof Corrupt)) throw error;
        bytes = await read(true);
        isFresh = true;
      }
    }
    // Only now: a request that was given up may still write to its buffer.
    if (into) this.#buffers.push(into);
  }

  /**
   * Makes sure that `lsn` can be read, looking once for commits that are new.
   *
   * @throws InvalidArgument, NotFound beyond the last LSN, Truncated.
   */
  async reach(lsn: number, options?: CallOptions): Promise<void> {
    if (toLsn(lsn) > this.#log.lsn) await this.#log.refresh(options);
    if (lsn > this.#log.lsn || lsn < this.#log.cutoff) throw this.#outOfReach(lsn);
  }

  #outOfReach(lsn: number): NotFound | Truncated {
    const { vid, lsn: last, cutoff } = this.#log;
    if (lsn < cutoff) {
      return new Truncated(`LSN ${lsn} of volume ${vid} was forgotten; the oldest readable is ${cutoff}`, cutoff);
    }
    const newest = last === 0 ? "it has no commit yet" : `its last is ${last}`;
    return new NotFound(`volume ${vid} has no LSN ${lsn}: ${newest}`);
  }

  #notResident(offset: number, lsn: number): NotResident {
    return new NotResident(
      `page ${offset} of volume ${this.#log.vid} at LSN ${lsn} is not in memory, and ${this.#objects.url} ` +
        "cannot be read in place. Read it with the asynchronous call first.",
    );
  }

  #thrashing(): NoSpace {
    return new NoSpace(
      `what a read of volume ${this.#log.vid} needs does not fit in memory together with the other reads. ` +
        `Open the store with a larger "memory".`,
    );
  }
}

interface ManyOptions extends CallOptions {
  readonly pass?: boolean | undefined;
}

interface MissingPage extends PlacedPage {
  readonly i: number;
}
