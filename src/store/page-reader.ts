/**
 * Reads the pages of one volume: finds where a page lies, has it resident, hands its address in the core's memory to
 * whoever copies it out. An address is good until the next allocation, so no one keeps it across an `await`.
 */
import { NoSpace, NotFound, NotResident, Truncated } from "../core/errors.js";
import { toLsn, toOffset } from "../core/numbers.js";
import { PAGE_CHECKSUM_BYTES, recordPosition } from "../format/segment-header.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import type { VolumeLog } from "../log/volume-log.js";
import type { PageFrames, PlacedSegment } from "../segment/page-frames.js";
import { ABSENT, NEEDS_LOAD, type Resolver } from "./resolver.js";

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
  readonly #objects: ObjectStore;
  /** For the runs of pages that pass: a buffer for each request that was under way at once. */
  readonly #buffers: Uint8Array[] = [];

  constructor(log: VolumeLog, resolver: Resolver, frames: PageFrames, objects: ObjectStore) {
    this.#log = log;
    this.#resolver = resolver;
    this.#frames = frames;
    this.#objects = objects;
  }

  /**
   * The address of the page, 0 where there is none.
   *
   * @throws NotResident where it would take I/O that the storage cannot do in place.
   */
  addressSync(offset: number, lsn: number): number {
    toOffset(offset);
    this.#checkLsn(toLsn(lsn));
    for (let loads = 0; loads < MAX_LOADS; loads++) {
      const found = this.#resolver.find(offset, lsn);
      if (found === ABSENT) return 0;
      if (found === NEEDS_LOAD) {
        if (!this.#resolver.need!.loadSync()) throw this.#notResident(offset, lsn);
        continue;
      }
      const { place, local } = this.#resolver;
      const address = this.#frames.resident(place, local);
      if (address !== 0) return address;
      if (!this.#frames.canLoadSync) throw this.#notResident(offset, lsn);
      return this.#frames.loadSync(place, local);
    }
    throw this.#thrashing();
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
      if (found === ABSENT) return undefined;
      if (found === NEEDS_LOAD) {
        await this.#resolver.need!.load(options);
        continue;
      }
      const { place, local } = this.#resolver;
      const address = this.#frames.resident(place, local);
      if (address !== 0) return use(address);
      await this.#frames.load(place, local, options);
    }
    throw this.#thrashing();
  }

  /** The LSN that wrote what a reader at `lsn` sees, `undefined` where that is nothing. */
  async versionLsn(offset: number, lsn: number, options?: CallOptions): Promise<number | undefined> {
    toOffset(offset);
    await this.reach(lsn, options);
    for (let loads = 0; loads < MAX_LOADS; loads++) {
      const found = this.#resolver.find(offset, lsn);
      if (found !== NEEDS_LOAD) return found === ABSENT ? undefined : found;
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
    const asked = Uint32Array.from(offsets);
    let found = this.#resolver.findMany(asked, lsn);
    for (let loads = 0; found === undefined; loads++) {
      if (loads === MAX_LOADS) throw this.#thrashing();
      await this.#resolver.need!.load(options);
      found = this.#resolver.findMany(asked, lsn);
    }
    const missing: MissingPage[] = [];
    for (let i = 0; i < asked.length; i++) {
      const place = found.places[i];
      if (place === undefined) continue;
      const local = found.locals[i];
      const address = this.#frames.resident(place, local);
      if (address !== 0) use(i, address);
      else missing.push({ i, place, local });
    }
    const runs = runsOf(missing);
    for (let at = 0; at < runs.length; at += PARALLEL_RUNS) {
      await Promise.all(runs.slice(at, at + PARALLEL_RUNS).map((run) => this.#readRun(run, use, options)));
    }
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
    this.#checkLsn(lsn);
  }

  #checkLsn(lsn: number): void {
    const { vid, lsn: last, cutoff } = this.#log;
    if (lsn > last) {
      const newest = last === 0 ? "it has no commit yet" : `its last is ${last}`;
      throw new NotFound(`volume ${vid} has no LSN ${lsn}: ${newest}`);
    }
    if (lsn < cutoff) {
      throw new Truncated(`LSN ${lsn} of volume ${vid} was forgotten; the oldest readable is ${cutoff}`, cutoff);
    }
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
