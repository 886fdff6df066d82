/**
 * Answers where the page lies that a reader of one volume sees: from the chapter that holds its LSN back to the oldest,
 * the first that decides. Everything stays on one synchronous path; what it lacks is named by `need`, loaded by the
 * caller, and asked again.
 */
import { MAX_PAGE_COUNT } from "../core/numbers.js";
import { type Chapter, chapterIndexOf } from "../log/chapter.js";
import type { VolumeLog } from "../log/volume-log.js";
import type { PlacedSegment } from "../segment/page-frames.js";
import type { Loadable, PartContext } from "./part.js";
import { DROPPED, NEEDS_LOAD, NOT_HERE, Span } from "./span.js";

/** What `find` says, besides the LSN of the version that it found. */
export const ABSENT = 0;
export { NEEDS_LOAD };

/** Chapters that are kept though none of their indexes is in memory: they cost about half a megabyte each. */
const IDLE_SPANS = 16;

/** Where many pages lie: by the number of the query, `undefined` for an absent page. */
export interface FoundPages {
  readonly places: readonly (PlacedSegment | undefined)[];
  readonly locals: Uint32Array;
}

export class Resolver {
  readonly #log: VolumeLog;
  readonly #context: PartContext;
  #spans: Span[] = [];
  #epoch = -1;
  #lookups = 0;
  /** Of the version that `find` found: where it lies. */
  #span: Span | undefined;
  /** What `find` needs where it says `NEEDS_LOAD`. */
  need: Loadable | undefined;

  constructor(log: VolumeLog, context: PartContext) {
    this.#log = log;
    this.#context = context;
  }

  /** The LSN of the version of `offset` that a reader at `lsn` sees, `ABSENT`, or `NEEDS_LOAD`. */
  find(offset: number, lsn: number): number {
    const log = this.#log;
    if (lsn === log.lsn && offset >= log.pageCount) return ABSENT;
    const lookup = ++this.#lookups;
    for (let i = this.#spanOf(lsn); i >= 0; i--) {
      const span = this.#spans[i];
      if (!span.mayTouch(offset)) continue;
      const found = span.find(offset, lsn, lookup);
      if (found > NOT_HERE) {
        this.#span = span;
        return found;
      }
      if (found === DROPPED) return ABSENT;
      if (found === NEEDS_LOAD) {
        this.#lack(span, lookup);
        return NEEDS_LOAD;
      }
    }
    return ABSENT;
  }

  /** `find` for many offsets, all at once; `undefined` where `need` must be loaded first. */
  findMany(offsets: Uint32Array, lsn: number): FoundPages | undefined {
    const log = this.#log;
    const lookup = ++this.#lookups;
    const found = {
      places: new Array<PlacedSegment | undefined>(offsets.length),
      locals: new Uint32Array(offsets.length),
    };
    const limit = lsn === log.lsn ? log.pageCount : MAX_PAGE_COUNT;
    let pending = Array.from(offsets.keys()).filter((i) => offsets[i] < limit);
    for (let s = this.#spanOf(lsn); s >= 0 && pending.length > 0; s--) {
      const span = this.#spans[s];
      const asked = pending.filter((i) => span.mayTouch(offsets[i]));
      if (asked.length === 0) continue;
      const batch = span.findMany(
        Uint32Array.from(asked, (i) => offsets[i]),
        lsn,
        lookup,
      );
      if (batch === undefined) {
        this.#lack(span, lookup);
        return undefined;
      }
      const isDecided = new Set<number>();
      for (const [at, i] of asked.entries()) {
        if (batch.lsns[at] === NOT_HERE) continue;
        isDecided.add(i);
        if (batch.lsns[at] === DROPPED) continue;
        found.places[i] = span.place(batch.ordinals[at]);
        found.locals[i] = batch.locals[at];
      }
      if (isDecided.size > 0) pending = pending.filter((i) => !isDecided.has(i));
    }
    return found;
  }

  /** The span that holds an LSN, once the spans are in line with the log. */
  #spanOf(lsn: number): number {
    if (this.#epoch !== this.#log.epoch || this.#spans.length !== this.#log.chapters.length) this.#update();
    const last = this.#spans.length - 1;
    return lsn < this.#spans[last].firstLsn ? chapterIndexOf(this.#spans, lsn) : last;
  }

  #lack(span: Span, lookup: number): void {
    this.trim(lookup);
    this.need = span.need;
  }

  /** After `find` found a version: the segment that holds it. */
  get place(): PlacedSegment {
    return this.#span!.place(this.#span!.ordinal);
  }

  /** After `find` found a version: its local page number. */
  get local(): number {
    return this.#span!.local;
  }

  /** Brings the spans in line with the log's chapters. */
  #update(): void {
    const known = new Map<Chapter, Span>(this.#spans.map((span) => [span.chapter, span]));
    this.#spans = this.#log.chapters.map(
      (chapter) => known.get(chapter) ?? new Span(chapter, this.#log, this.#context),
    );
    const kept = new Set(this.#spans);
    for (const span of known.values()) if (!kept.has(span)) span.close();
    for (const span of this.#spans.slice(0, -1)) span.settle();
    this.#epoch = this.#log.epoch;
  }

  /**
   * Forgets what can be read again, but for a few chapters and those that are in use: their indexes are in memory, or the
   * lookup of that number goes through them. Called before something is loaded, and after something was stored.
   */
  trim(lookup = -1): void {
    if (this.#epoch !== this.#log.epoch || this.#spans.length !== this.#log.chapters.length) this.#update();
    const idle = this.#spans.filter((span) => span.isIdle);
    if (idle.length <= IDLE_SPANS) return;
    for (const span of idle) if (span.lastLookup !== lookup) span.forget();
  }

  close(): void {
    for (const span of this.#spans) span.close();
    this.#spans = [];
    this.#epoch = -1;
  }
}
