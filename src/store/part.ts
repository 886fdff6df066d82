/**
 * A part of a chapter that is probed as one: a segment by its own index, or many small ones by a merged index. The index
 * lies in the core's memory and may be evicted; it is made again from the heads that the log carries, or, for a segment
 * whose head is too long for that, read again.
 */
import { Corrupt } from "../core/errors.js";
import type { VolumeId } from "../core/ids.js";
import { MAX_RLSN } from "../core/numbers.js";
import { lastLsnIn, type Reference } from "../format/record-reference.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { placeOf } from "../log/keys.js";
import type { Probe, SegmentIndex } from "../probe/probe.js";
import { localIn, mergeIndexes, segmentIn } from "./merged-index.js";
import { checkHeader, decodeHead, missingVolume } from "./referenced-head.js";

/** What the parts of one volume share. */
export interface PartContext {
  readonly vid: VolumeId;
  readonly pageSizeBytes: number;
  readonly objects: ObjectStore;
  readonly probe: Probe;
}

/** Many offsets that are looked up together, and the best that was found for each so far. */
export interface Batch {
  readonly offsets: Uint32Array;
  /** LSNs of the versions found, 0 for none. */
  readonly lsns: Float64Array;
  readonly ordinals: Uint32Array;
  readonly locals: Uint32Array;
}

/** Something that a lookup found missing in memory. */
export interface Loadable {
  load(options?: CallOptions): Promise<void>;
  /** False where the storage cannot read in place. */
  loadSync(): boolean;
}

/** `Part.find` needs the part to be loaded first. */
export const NOT_LOADED = -1;

export class Part implements Loadable {
  readonly references: readonly Reference[];
  /** Of each reference: its place in the chapter's list. */
  readonly ordinals: readonly number[];
  readonly baseLsn: number;
  readonly lastLsn: number;
  readonly lowestOffset: number;
  readonly highestOffset: number;
  /** Pages of the referenced segments. */
  readonly pageCount: number;
  /** Of the version that `find` found. */
  ordinal = 0;
  local = 0;
  readonly #context: PartContext;
  #index: SegmentIndex | undefined;
  #volume = -1;
  #positions: Uint32Array | undefined;

  /** Several references, if all of them carry their heads; or one. */
  constructor(context: PartContext, references: readonly Reference[], ordinals: readonly number[]) {
    this.#context = context;
    this.references = references;
    this.ordinals = ordinals;
    let [baseLsn, lastLsn, lowest, highest, pageCount] = [Number.MAX_SAFE_INTEGER, 0, MAX_RLSN, 0, 0];
    for (const reference of references) {
      baseLsn = Math.min(baseLsn, reference.baseLsn);
      lastLsn = Math.max(lastLsn, lastLsnIn(reference));
      lowest = Math.min(lowest, reference.lowestOffset);
      highest = Math.max(highest, reference.highestOffset);
      pageCount += reference.pageCount;
    }
    this.baseLsn = baseLsn;
    this.lastLsn = lastLsn;
    this.lowestOffset = lowest;
    this.highestOffset = highest;
    this.pageCount = pageCount;
  }

  get isOpen(): boolean {
    return this.#index !== undefined;
  }

  /** Whether it can be merged with others. */
  get carriesHeads(): boolean {
    return this.references.length > 1 || this.references[0].head !== undefined;
  }

  /**
   * The LSN of the newest version of `offset` at or below `lsn`; 0 for none; `NOT_LOADED`. `lsn` is at least the base.
   */
  find(offset: number, lsn: number): number {
    if (this.#index === undefined && !this.#open()) return NOT_LOADED;
    const index = this.#index!;
    index.touch();
    const rlsn = lsn - this.baseLsn;
    const local = index.find(this.#volume, offset, Math.min(rlsn, MAX_RLSN));
    if (local < 0) return 0;
    this.#locate(local);
    return this.baseLsn + index.rlsnAt(this.#volume, local);
  }

  /**
   * `find` for the queries of `batch` whose numbers are in `asked`, with one probe; takes in what is newer than they have.
   * False where the part must be loaded first.
   */
  findMany(batch: Batch, asked: readonly number[], lsn: number): boolean {
    if (this.#index === undefined && !this.#open()) return false;
    const index = this.#index!;
    index.touch();
    const offsets = Uint32Array.from(asked, (i) => batch.offsets[i]);
    const rlsns = new Uint32Array(asked.length).fill(Math.min(lsn - this.baseLsn, MAX_RLSN));
    const locals = new Int32Array(asked.length);
    index.findMany(this.#volume, offsets, rlsns, locals);
    for (let at = 0; at < asked.length; at++) {
      if (locals[at] < 0) continue;
      const found = this.baseLsn + index.rlsnAt(this.#volume, locals[at]);
      const i = asked[at];
      if (found <= batch.lsns[i]) continue;
      this.#locate(locals[at]);
      batch.lsns[i] = found;
      batch.ordinals[i] = this.ordinal;
      batch.locals[i] = this.local;
    }
    return true;
  }

  #locate(local: number): void {
    if (this.#positions === undefined) {
      this.ordinal = this.ordinals[0];
      this.local = local;
    } else {
      const position = this.#positions[local];
      this.ordinal = this.ordinals[segmentIn(position)];
      this.local = localIn(position);
    }
  }

  /** Whether it may hold what a reader of `offset` at `lsn` sees. */
  mayHold(offset: number, lsn: number): boolean {
    return this.baseLsn <= lsn && offset >= this.lowestOffset && offset <= this.highestOffset;
  }

  /** Opens the index from the heads at hand. */
  #open(): boolean {
    const [first] = this.references;
    if (this.references.length === 1) {
      if (!first.head) return false;
      this.#openOne(first.head);
      return true;
    }
    const { vid, pageSizeBytes, probe } = this.#context;
    const volumes = this.references.map((reference) => decodeHead(reference.head!, reference, vid, pageSizeBytes));
    const bases = this.references.map((reference) => reference.baseLsn - this.baseLsn);
    const { head, positions } = mergeIndexes(vid, pageSizeBytes, volumes, bases);
    this.#index = probe.openIndex(head, `merged index of volume ${vid}`, () => this.#forget());
    this.#positions = positions;
    this.#volume = this.#index.volume(vid);
    return true;
  }

  #openOne(head: Uint8Array): void {
    const { vid, pageSizeBytes, probe } = this.#context;
    const [reference] = this.references;
    const { key } = this.#place;
    const index = probe.openIndex(head, key, () => this.#forget());
    try {
      checkHeader(index.header, reference, vid, pageSizeBytes);
      this.#volume = index.volume(reference.vid);
      if (this.#volume === -1) throw missingVolume(reference, vid);
    } catch (error) {
      index.close();
      throw error;
    }
    this.#index = index;
  }

  #forget(): void {
    this.#index = undefined;
    this.#positions = undefined;
  }

  close(): void {
    this.#index?.close();
    this.#forget();
  }

  get #place(): { key: string; start: number } {
    const [{ segmentId, location }] = this.references;
    return placeOf(this.#context.vid, segmentId, location);
  }

  async load(options?: CallOptions): Promise<void> {
    const { key, start } = this.#place;
    const { bodyOffset } = this.references[0];
    const head = await this.#context.objects.getRange(key, start, bodyOffset, options);
    if (!this.isOpen) this.#openOne(this.#checkLength(head, head?.length ?? -1));
  }

  loadSync(): boolean {
    const { sync } = this.#context.objects;
    if (!sync) return false;
    const { key, start } = this.#place;
    const head = new Uint8Array(this.references[0].bodyOffset);
    this.#openOne(this.#checkLength(head, sync.readRange(key, start, head)));
    return true;
  }

  #checkLength(head: Uint8Array | undefined, length: number): Uint8Array {
    const { bodyOffset } = this.references[0];
    if (head && length === bodyOffset) return head;
    const { key, start } = this.#place;
    throw new Corrupt("segment that the log refers to", {
      key,
      byteOffset: start,
      expected: `${bodyOffset} bytes of header and index`,
      actual: length < 0 ? "no object" : `${length} bytes`,
    });
  }
}
