/**
 * A chapter made fit to be looked up: parts for what is settled, a live index for the newest records. The number of parts
 * stays logarithmic in their pages, since neighbours of like size are merged.
 */
import type { Drop } from "../format/record-range.js";
import type { Reference } from "../format/record-reference.js";
import type { CallOptions } from "../io/object-store.js";
import type { Chapter } from "../log/chapter.js";
import { placeOf } from "../log/keys.js";
import type { VolumeLog } from "../log/volume-log.js";
import { PlacedSegment } from "../segment/page-frames.js";
import { LiveIndex } from "./live-index.js";
import { MAX_MERGED_SEGMENTS } from "./merged-index.js";
import { type Batch, type Loadable, NOT_LOADED, Part, type PartContext } from "./part.js";
import { decodeHead } from "./referenced-head.js";

/** The live index is folded when it has one of these. */
const LIVE_REFERENCES = 64;
const LIVE_VERSIONS = 16384;
/** A merged index holds at most so many pages: it is rebuilt whole when one of its neighbours joins it. */
const MAX_MERGED_PAGES = 1 << 18;

/** What `Span.find` says, besides the LSN of a version. */
export const NOT_HERE = 0;
export const DROPPED = -1;
export const NEEDS_LOAD = -2;

/** Parts that become one. */
interface Group {
  readonly parts: Part[];
  pageCount: number;
  referenceCount: number;
}

export class Span implements Loadable {
  readonly chapter: Chapter;
  readonly #log: VolumeLog;
  readonly #context: PartContext;
  /** By last LSN, descending. */
  #parts: Part[] = [];
  readonly #live = new LiveIndex();
  /** References from this ordinal on are in `#live`. */
  #settled = 0;
  /** References before this ordinal are indexed. */
  #indexed = 0;
  #isSettled = false;
  readonly #places: PlacedSegment[] = [];
  /** Of the version that `find` found. */
  ordinal = 0;
  local = 0;
  /** What `find` needs where it says `NEEDS_LOAD`. */
  need: Loadable = this;
  /** The number of the lookup that came here last. */
  lastLookup = 0;

  constructor(chapter: Chapter, log: VolumeLog, context: PartContext) {
    this.chapter = chapter;
    this.#log = log;
    this.#context = context;
  }

  get firstLsn(): number {
    return this.chapter.firstLsn;
  }

  /** Whether a write or a drop in this chapter may have touched `offset`. */
  mayTouch(offset: number): boolean {
    const { lowestOffset, highestOffset, lowestDrop } = this.chapter;
    return (offset >= lowestOffset && offset <= highestOffset) || offset >= lowestDrop;
  }

  /**
   * The LSN of the version of `offset` that a reader at `lsn` sees, if this chapter decides it; else `NOT_HERE`, `DROPPED`
   * or `NEEDS_LOAD`.
   */
  find(offset: number, lsn: number, lookup: number): number {
    const drops = this.#prepare(lookup);
    if (drops === undefined) return NEEDS_LOAD;
    let best = this.#live.find(offset, lsn);
    if (best !== 0) {
      this.ordinal = this.#live.ordinal;
      this.local = this.#live.local;
    }
    for (const part of this.#parts) {
      if (part.lastLsn <= best) break;
      if (!part.mayHold(offset, lsn)) continue;
      const found = part.find(offset, lsn);
      if (found === NOT_LOADED) {
        this.need = part;
        return NEEDS_LOAD;
      }
      if (found <= best) continue;
      best = found;
      this.ordinal = part.ordinal;
      this.local = part.local;
    }
    return offset >= this.chapter.lowestDrop && isDropped(drops, offset, best, lsn) ? DROPPED : best;
  }

  /** `find` for many offsets, one probe for each part; `undefined` where `need` must be loaded first. */
  findMany(offsets: Uint32Array, lsn: number, lookup: number): Batch | undefined {
    const drops = this.#prepare(lookup);
    if (drops === undefined) return undefined;
    const count = offsets.length;
    const lsns = new Float64Array(count);
    const batch = { offsets, lsns, ordinals: new Uint32Array(count), locals: new Uint32Array(count) };
    for (let i = 0; i < count; i++) {
      if ((lsns[i] = this.#live.find(offsets[i], lsn)) === NOT_HERE) continue;
      batch.ordinals[i] = this.#live.ordinal;
      batch.locals[i] = this.#live.local;
    }
    for (const part of this.#parts) {
      const asked: number[] = [];
      for (let i = 0; i < count; i++) if (part.lastLsn > lsns[i] && part.mayHold(offsets[i], lsn)) asked.push(i);
      if (asked.length > 0 && !part.findMany(batch, asked, lsn)) {
        this.need = part;
        return undefined;
      }
    }
    for (let i = 0; i < count; i++) {
      if (offsets[i] >= this.chapter.lowestDrop && isDropped(drops, offsets[i], lsns[i], lsn)) lsns[i] = DROPPED;
    }
    return batch;
  }

  /** Has the chapter indexed, and returns its drops; `undefined` where it must be loaded first. */
  #prepare(lookup: number): readonly Drop[] | undefined {
    const { leaf } = this.chapter;
    if (leaf === undefined) {
      this.need = this;
      return undefined;
    }
    if (this.#indexed !== leaf.references.length) this.#index(leaf.references);
    this.lastLookup = lookup;
    return leaf.drops;
  }

  /** Where the segment of a reference lies, and its resident pages. */
  place(ordinal: number): PlacedSegment {
    return (this.#places[ordinal] ??= this.#makePlace(this.chapter.leaf!.references[ordinal]));
  }

  #makePlace(reference: Reference): PlacedSegment {
    const { segmentId, bodyOffset, pageCount } = reference;
    const { vid, pageSizeBytes } = this.#context;
    const { key, start } = placeOf(vid, segmentId, reference.location);
    return new PlacedSegment({ key, start, segmentId, bodyOffset, pageSizeBytes, pageCount });
  }

  /** Takes in the references that are new since the last lookup. */
  #index(references: readonly Reference[]): void {
    if (this.chapter.entry) {
      this.settle();
    } else if (references.length - this.#indexed <= LIVE_REFERENCES) {
      while (this.#indexed < references.length) this.#indexOne(references[this.#indexed]);
    } else {
      this.#indexed = references.length;
      this.#fold();
    }
  }

  #indexOne(reference: Reference): void {
    const fitsLive = this.#live.versionCount + reference.pageCount <= LIVE_VERSIONS;
    if (reference.head && fitsLive && this.#indexed - this.#settled < LIVE_REFERENCES) {
      const { vid, pageSizeBytes } = this.#context;
      const versions = decodeHead(reference.head, reference, vid, pageSizeBytes);
      this.#live.add(versions, reference.baseLsn, this.#indexed++);
    } else {
      this.#indexed++;
      this.#fold();
    }
  }

  /** The chapter grows no more: makes as few parts of it as there can be. */
  settle(): void {
    if (this.#isSettled || !this.chapter.leaf) return;
    this.#isSettled = true;
    this.#indexed = this.chapter.leaf.references.length;
    this.#fold();
  }

  /** Turns what is indexed but not settled into parts. */
  #fold(): void {
    const { references } = this.chapter.leaf!;
    for (; this.#settled < this.#indexed; this.#settled++) {
      this.#parts.push(new Part(this.#context, [references[this.#settled]], [this.#settled]));
    }
    this.#live.clear();
    this.#mergeParts();
  }

  /**
   * Merges neighbours: in a settled chapter all that fit one index, in a growing one while the newer is at least half as
   * large as the older, so that each page is merged a few times in all.
   */
  #mergeParts(): void {
    const groups: Group[] = [];
    for (const part of this.#parts.sort((a, b) => a.lastLsn - b.lastLsn)) {
      let newest: Group = { parts: [part], pageCount: part.pageCount, referenceCount: part.references.length };
      for (let older = groups.at(-1); older && this.#canMerge(older, newest); older = groups.at(-1)) {
        groups.pop();
        for (const each of newest.parts) older.parts.push(each);
        older.pageCount += newest.pageCount;
        older.referenceCount += newest.referenceCount;
        newest = older;
      }
      groups.push(newest);
    }
    this.#parts = groups.map(({ parts }) => this.#merge(parts)).reverse();
  }

  #canMerge(older: Group, newer: Group): boolean {
    return (
      older.parts[0].carriesHeads &&
      newer.parts[0].carriesHeads &&
      (this.#isSettled || older.pageCount <= 2 * newer.pageCount) &&
      older.pageCount + newer.pageCount <= MAX_MERGED_PAGES &&
      older.referenceCount + newer.referenceCount <= MAX_MERGED_SEGMENTS
    );
  }

  #merge(parts: readonly Part[]): Part {
    if (parts.length === 1) return parts[0];
    for (const part of parts) part.close();
    return new Part(
      this.#context,
      parts.flatMap(({ references }) => references),
      parts.flatMap(({ ordinals }) => ordinals),
    );
  }

  async load(options?: CallOptions): Promise<void> {
    const leaf = await this.#log.readLeaf(this.chapter, options);
    this.chapter.leaf ??= leaf;
  }

  loadSync(): boolean {
    const leaf = this.#log.readLeafSync(this.chapter);
    this.chapter.leaf ??= leaf;
    return leaf !== undefined;
  }

  /** Whether it holds what can be read again, and nothing of it is in use. */
  get isIdle(): boolean {
    const { entry, leaf } = this.chapter;
    return entry !== undefined && leaf !== undefined && !this.#parts.some((part) => part.isOpen);
  }

  /** Lets go of what can be read again. */
  forget(): void {
    this.chapter.leaf = undefined;
    this.#parts = [];
    this.#live.clear();
    this.#settled = this.#indexed = 0;
    this.#isSettled = false;
    this.#places.length = 0;
  }

  close(): void {
    for (const part of this.#parts) part.close();
  }
}

/** Whether a drop above `written` and at or below `lsn` covers the offset. Drops are in ascending order of LSN. */
function isDropped(drops: readonly Drop[], offset: number, written: number, lsn: number): boolean {
  for (let i = drops.length - 1; i >= 0 && drops[i].lsn > written; i--) {
    const { lsn: at, from, to } = drops[i];
    if (at <= lsn && offset >= from && offset < to) return true;
  }
  return false;
}
