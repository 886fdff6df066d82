/**
 * Pages that are resident: verified once, then held in frames of linear memory until the arena takes one for something
 * else. A `PlacedSegment` says where a segment's bytes lie (an object of its own, or a range of a log record) and which
 * of its pages are resident.
 *
 * Readers on other threads may follow a frame table at any time. So a word leads to a frame only once the page is there, and
 * no more before the frame is freed; a frame keeps its page for as long; and these words are written atomically.
 */
import { Corrupt } from "../core/errors.js";
import type { SegmentId } from "../core/ids.js";
import { PAGE_CHECKSUM_BYTES, recordPosition } from "../format/segment-header.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import type { Evictable } from "../probe/arena.js";
import type { Core } from "../probe/core.js";

export interface SegmentPlace {
  /** The object that holds the segment. */
  readonly key: string;
  /** Where in the object the segment begins, in bytes. */
  readonly start: number;
  readonly segmentId: SegmentId;
  readonly bodyOffset: number;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
}

/** The tag of a frame table in the arena; a frame's is its local page number. */
const TABLE = -1;

/** A place and its frame table: the address of each page's frame in the core's memory, 0 where it is not resident. */
export class PlacedSegment implements Evictable {
  readonly place: SegmentPlace;
  readonly #core: Core;
  /** Address of the frame table, 0 where there is none: it is made with the first page. */
  #table = 0;
  /** Where the core looks for that address, 0 where nowhere. */
  #slot = 0;

  constructor(core: Core, place: SegmentPlace) {
    this.#core = core;
    this.place = place;
  }

  /** From now on the core looks for the frame table's address at `slot`; 0: nowhere. */
  lookAt(slot: number): void {
    this.#slot = slot;
    if (slot !== 0) Atomics.store(this.#core.words, slot >>> 2, this.#table);
  }

  #setTable(address: number): void {
    this.#table = address;
    if (this.#slot !== 0) Atomics.store(this.#core.words, this.#slot >>> 2, address);
  }

  /** The address of a page's frame, 0 where it is not resident. */
  frame(local: number): number {
    return this.#table === 0 ? 0 : this.#core.words[(this.#table >>> 2) + local];
  }

  /**
   * Copies the page at `source` to a frame, for a page that has none. It is evictable from the next allocation on.
   *
   * @throws NoSpace
   */
  makeFrame(local: number, source: number): number {
    const { arena, memory, words } = this.#core;
    const { pageSizeBytes } = this.place;
    const frame = arena.allocate(pageSizeBytes);
    try {
      if (this.#table === 0) {
        const bytes = this.place.pageCount * 4;
        const table = arena.allocate(bytes, this, TABLE);
        words.fill(0, table >>> 2, (table + bytes) >>> 2);
        this.#setTable(table);
      }
    } catch (error) {
      arena.free(frame);
      throw error;
    }
    memory.copyWithin(frame, source, source + pageSizeBytes);
    Atomics.store(words, (this.#table >>> 2) + local, frame);
    arena.release(frame, this, local);
    arena.onProbation(frame);
    return frame;
  }

  evict(tag: number): void {
    if (tag !== TABLE) {
      Atomics.store(this.#core.words, (this.#table >>> 2) + tag, 0);
      return;
    }
    this.#freeFrames();
    this.#setTable(0);
  }

  #freeFrames(): void {
    const { arena, words } = this.#core;
    const first = this.#table >>> 2;
    for (let i = 0; i < this.place.pageCount; i++) {
      const frame = words[first + i];
      if (frame === 0) continue;
      Atomics.store(words, first + i, 0);
      arena.free(frame);
    }
  }

  /** Gives up every resident page. */
  close(): void {
    const table = this.#table;
    if (table === 0) return;
    this.#freeFrames();
    this.#setTable(0);
    this.#core.arena.free(table);
  }
}

export class PageFrames {
  readonly #core: Core;
  readonly #objects: ObjectStore;
  /** By page size: the staging region, cut to a record. */
  readonly #staged = new Map<number, Uint8Array>();

  constructor(core: Core, objects: ObjectStore) {
    this.#core = core;
    this.#objects = objects;
  }

  /** Whether pages can be loaded without a promise. */
  get canLoadSync(): boolean {
    return this.#objects.sync !== undefined;
  }

  /**
   * Reads and verifies a page in place, where the storage can (`canLoadSync`). Returns its address in the core's memory,
   * which is valid until the next allocation in the arena.
   *
   * @throws Corrupt for a damaged or missing page; what the storage throws.
   */
  loadSync(segment: PlacedSegment, local: number): number {
    const { key } = segment.place;
    const record = this.#staging(segment.place.pageSizeBytes);
    const count = this.#objects.sync!.readRange(key, this.#position(segment, local), record);
    this.#checkLength(segment, local, count, record.length);
    return this.#adopt(segment, local);
  }

  /** `loadSync`, with a promise. */
  async load(segment: PlacedSegment, local: number, options?: CallOptions): Promise<number> {
    const length = segment.place.pageSizeBytes + PAGE_CHECKSUM_BYTES;
    const bytes = await this.#objects.getRange(segment.place.key, this.#position(segment, local), length, options);
    return this.put(segment, local, bytes);
  }

  /** Verifies a record that was read elsewhere, `undefined` for an object that is not there, and makes it resident. */
  put(segment: PlacedSegment, local: number, record: Uint8Array | undefined): number {
    this.#stage(segment, local, record);
    return this.#adopt(segment, local);
  }

  /** Verifies a record as `put` does, but leaves it where it is only until the next call. */
  pass(segment: PlacedSegment, local: number, record: Uint8Array | undefined): number {
    this.#stage(segment, local, record);
    this.#verify(segment, local);
    return this.#core.stagingAddress;
  }

  #stage(segment: PlacedSegment, local: number, record: Uint8Array | undefined): void {
    const staging = this.#staging(segment.place.pageSizeBytes);
    this.#checkLength(segment, local, record === undefined ? -1 : record.length, staging.length);
    staging.set(record!);
  }

  #staging(pageSizeBytes: number): Uint8Array {
    let staging = this.#staged.get(pageSizeBytes);
    if (!staging) {
      const { memory, stagingAddress } = this.#core;
      staging = memory.subarray(stagingAddress, stagingAddress + pageSizeBytes + PAGE_CHECKSUM_BYTES);
      this.#staged.set(pageSizeBytes, staging);
    }
    return staging;
  }

  #position({ place }: PlacedSegment, local: number): number {
    return place.start + recordPosition(place.bodyOffset, place.pageSizeBytes, local);
  }

  #checkLength(segment: PlacedSegment, local: number, count: number, expected: number): void {
    if (count === expected) return;
    throw this.#corrupt(segment, local, `${expected} bytes`, count < 0 ? "no object" : `${count} bytes`);
  }

  /** Moves the staged record into a frame, once it is found intact. */
  #adopt(segment: PlacedSegment, local: number): number {
    this.#verify(segment, local);
    return segment.frame(local) || segment.makeFrame(local, this.#core.stagingAddress);
  }

  /** Refuses the staged record unless it is that page. */
  #verify(segment: PlacedSegment, local: number): void {
    const { pageSizeBytes, segmentId } = segment.place;
    if (this.#core.pageIsIntact(this.#core.stagingAddress, pageSizeBytes, segmentId, local)) return;
    throw this.#corrupt(segment, local, "the page's XXH64", "another sum");
  }

  #corrupt(segment: PlacedSegment, local: number, expected: string, actual: string): Corrupt {
    const { key, segmentId } = segment.place;
    const byteOffset = this.#position(segment, local);
    return new Corrupt(`page ${local} of segment ${segmentId} damaged`, { key, byteOffset, expected, actual });
  }
}
