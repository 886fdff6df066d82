/**
 * Reads the pages of one volume: finds where a page lies, has it resident, hands its address in the core's memory to
 * whoever copies it out. An address is good until the next allocation, so no one keeps it across an `await`.
 */
import { NoSpace, NotFound, NotResident, Truncated } from "../core/errors.js";
import { toLsn, toOffset } from "../core/numbers.js";
import { PAGE_CHECKSUM_BYTES, recordPosition } from "../format/segment-header.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import type { VolumeLog } from "../log/volume-log.js";
import type { Core } from "../probe/core.js";
import type { PageFrames, PlacedSegment } from "../segment/page-frames.js";
import { ABSENT, NEEDS_LOAD, NOT_RESIDENT, type Resolver } from "./resolver.js";
import type { StoreContext } from "./store-context.js";

/** How often one read loads something before it gives up: each load may evict what another just loaded. */
const MAX_LOADS = 10_000;
/** One request reads at most so many bytes of pages that lie side by side. */
const RUN_BYTES = 1 << 20;
/** So many bytes between two pages that are wanted are read with them: cheaper than a request more. */
const GAP_BYTES = 16 << 10;
/** Requests under way at once for one call. */
const PARALLEL_RUNS = 4;

export class PageReader {
  readonly #log: VolumeLog;
  readonly #resolver: Resolver;
  readonly #frames: PageFrames;
  readonly #core: Core;
  readonly #objects: ObjectStore;
  /** For the runs of pages that pass: a buffer for each request that was under way at once. */
  readonly #buffers: Uint8Array[] = [];

  constructor(log: VolumeLog, resolver: Resolver, { frames, core, objects }: StoreContext) {
    this.#log = log;
    this.#resolver = resolver;
    this.#frames = frames;
    this.#core = core;
    this.#objects = objects;
  }

  /**
   * The address of the page, 0 where there is none.
   *
   * @throws NotResident where it would take I/O that the storage cannot do in place.
   */
  addressSync(offset: number, lsn: number): number {
    toOffset(offset);
    if (toLsn(lsn) > this.#log.lsn || lsn < this.#log.cutoff) throw this.#outOfReach(lsn);
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
    for (let loads = 0; loads < MAX_LOADS; loads++) {
      const found = this.#resolver.find(offset, lsn);
      if (found > NOT_RESIDENT) return use(found);
      if (found === ABSENT) return undefined;
      if (found === NEEDS_LOAD) await this.#resolver.need!.load(options);
      else await this.#frames.load(this.#resolver.place, this.#resolver.local, options);
    }
    throw this.#thrashing();
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
    const missing: MissingPage[] = [];
    for (let done = 0, loads = 0; done < offsets.length; ) {
      const answered = this.#useResident(offsets, done, lsn, use, missing);
      done += answered;
      if (answered > 0) continue;
      if (++loads === MAX_LOADS) throw this.#thrashing();
      await this.#resolver.need!.load(options);
    }
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
    const [{ place: segment, local: first }] = run;
    const { key, start, bodyOffset, pageSizeBytes } = segment.place;
    const recordBytes = pageSizeBytes + PAGE_CHECKSUM_BYTES;
    const from = start + recordPosition(bodyOffset, pageSizeBytes, first);
    const length = (run[run.length - 1].local - first + 1) * recordBytes;
    const { pass = false, signal } = options ?? {};
    const into = pass ? (this.#buffers.pop() ?? new Uint8Array(RUN_BYTES)) : undefined;
    const bytes = await this.#objects.getRange(key, from, length, { signal, into });
    for (const { i, local } of run) {
      const at = (local - first) * recordBytes;
      const record = bytes?.subarray(at, at + recordBytes);
      use(i, pass ? this.#frames.pass(segment, local, record) : this.#frames.put(segment, local, record));
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

interface MissingPage {
  readonly i: number;
  readonly place: PlacedSegment;
  readonly local: number;
}

/** Groups pages that lie side by side, or nearly so, in a segment, in the order of their places. */
function runsOf(pages: MissingPage[]): MissingPage[][] {
  const bySegment = new Map<PlacedSegment, MissingPage[]>();
  for (const page of pages) {
    const others = bySegment.get(page.place);
    if (others) others.push(page);
    else bySegment.set(page.place, [page]);
  }
  const runs: MissingPage[][] = [];
  for (const [segment, group] of bySegment) {
    group.sort((a, b) => a.local - b.local);
    const recordBytes = segment.place.pageSizeBytes + PAGE_CHECKSUM_BYTES;
    const maxPages = Math.max(1, Math.floor(RUN_BYTES / recordBytes));
    const maxStep = 1 + Math.floor(GAP_BYTES / recordBytes);
    let run: MissingPage[] = [];
    for (const page of group) {
      const last = run[run.length - 1];
      if (!last || page.local > last.local + maxStep || page.local - run[0].local >= maxPages) runs.push((run = []));
      run.push(page);
    }
  }
  return runs;
}
