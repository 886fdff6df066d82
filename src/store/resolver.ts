/**
 * Answers where the page lies that a reader of one volume sees: from the chapter that holds its LSN back to the oldest,
 * the first that decides. Everything stays on one synchronous path; what it lacks is named by `need`, loaded by the
 * caller, and asked again.
 */
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
    if (this.#epoch !== log.epoch || this.#spans.length !== log.chapters.length) this.#update();
    const spans = this.#spans;
    const lookup = ++this.#lookups;
    let i = spans.length - 1;
    if (lsn < spans[i].firstLsn) i = chapterIndexOf(spans, lsn);
    for (; i >= 0; i--) {
      const span = spans[i];
      if (!span.mayTouch(offset)) continue;
      const found = span.find(offset, lsn, lookup);
      if (found > NOT_HERE) {
        this.#span = span;
        return found;
      }
      if (found === DROPPED) return ABSENT;
      if (found === NEEDS_LOAD) {
        this.trim(lookup);
        this.need = span.need;
        return NEEDS_LOAD;
      }
    }
    return ABSENT;
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
