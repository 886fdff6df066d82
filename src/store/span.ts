/**
 * A chapter made fit to be looked up: its references as parts, few of them, since neighbours of like size are merged, and
 * its drops.
 */
import type { Drop } from "../format/record-range.js";
import type { Reference } from "../format/record-reference.js";
import type { CallOptions } from "../io/object-store.js";
import { Chapter } from "../log/chapter.js";
import type { VolumeLog } from "../log/volume-log.js";
import { fitsRun, type RunContents, together } from "../probe/version-run.js";
import { type Loadable, Part, type PartContext } from "./part.js";

/** While a chapter grows, what is new joins the part before unless that one has so many times its pages. */
const GROWTH = 8;
/** A run holds at most so many pages: it is rebuilt whole when one of its neighbours joins it. */
const MAX_RUN_PAGES = 1 << 18;
/** A run takes up to about ten bytes for a page: at most this part of the memory. */
const RUN_PAGES_PER_BYTE = 1 / 128;
/** Segments whose heads the log does not carry are merged once so many of them are open. */
const OPEN_TO_MERGE = 8;

/** Parts that become one. */
interface Group {
  readonly parts: Part[];
  pageCount: number;
  contents: RunContents;
}

export class Span implements Loadable {
  readonly chapter: Chapter;
  readonly #log: VolumeLog;
  readonly #context: PartContext;
  readonly #onChange: () => void;
  readonly #maxRunPages: number;
  /** By last LSN, ascending. */
  #parts: Part[] = [];
  /** References before this ordinal are in parts. */
  #indexed = 0;
  #isSettled = false;
  #image: Span | undefined;

  /** @param onChange Told when a part was opened or evicted. */
  constructor(chapter: Chapter, log: VolumeLog, context: PartContext, onChange: () => void) {
    this.chapter = chapter;
    this.#log = log;
    this.#context = context;
    this.#onChange = onChange;
    this.#maxRunPages = Math.min(MAX_RUN_PAGES, context.core.arena.limitBytes * RUN_PAGES_PER_BYTE);
  }

  /** The last LSN of a version or drop in it, or the one before its first. */
  get lastLsn(): number {
    return this.chapter.firstLsn + this.chapter.lsnCount - 1;
  }

  /** Whether its contents are at hand. */
  get isLoaded(): boolean {
    return this.chapter.leaf !== undefined;
  }

  /** Of a loaded span: what was before it, to be looked up like a chapter of its own. */
  get image(): Span | undefined {
    const image = this.chapter.leaf!.image;
    if (image && !this.#image) {
      this.#image = new Span(Chapter.ofImage(image), this.#log, this.#context, this.#onChange);
      this.#image.settle();
    }
    return this.#image;
  }

  get drops(): readonly Drop[] {
    return this.chapter.leaf!.drops;
  }

  /** Of a loaded span: its parts, by last LSN in descending order, with what was committed since. */
  parts(): readonly Part[] {
    const { references } = this.chapter.leaf!;
    if (this.chapter.entry) this.settle();
    if (this.#indexed < references.length) this.#index(references);
    this.#mendParts();
    return this.#parts.toReversed();
  }

  /** The chapter grows no more: as few parts as there can be. */
  settle(): void {
    if (this.#isSettled || !this.isLoaded) return;
    this.#isSettled = true;
    this.#index(this.chapter.leaf!.references);
  }

  #index(references: readonly Reference[]): void {
    let newPages = 0;
    for (; this.#indexed < references.length; this.#indexed++) {
      const reference = references[this.#indexed];
      newPages += reference.pageCount;
      this.#parts.push(Part.of(this.#context, reference, this.#onChange));
    }
    this.#mergeParts((part) => part.carriesHeads, newPages);
  }

  /** Takes apart what was evicted and cannot be made again at once; merges segments that had to be read. */
  #mendParts(): void {
    let open = 0;
    for (const part of this.#parts) {
      if (!part.carriesHeads && part.isOpen && part.references.length === 1) open++;
    }
    const isBroken = this.#parts.some((part) => part.isBroken);
    if (isBroken) this.#parts = this.#parts.flatMap((part) => (part.isBroken ? part.split() : part));
    else if (open >= OPEN_TO_MERGE) this.#mergeParts((part) => part.isOpen, 0);
  }

  /** Merges neighbours of which `mayMerge` holds. There are `newPages` pages that were in no part before. */
  #mergeParts(mayMerge: (part: Part) => boolean, newPages: number): void {
    const groups: Group[] = [];
    for (const part of this.#parts.sort((a, b) => a.contents.lastLsn - b.contents.lastLsn)) {
      let newest: Group = { parts: [part], pageCount: part.pageCount, contents: part.contents };
      for (
        let older = groups.at(-1);
        older && mayMerge(older.parts[0]) && mayMerge(newest.parts[0]);
        older = groups.at(-1)
      ) {
        if (!this.#isSettled && older.pageCount > GROWTH * Math.max(newest.pageCount, newPages)) break;
        if (!this.#fit(older, newest)) break;
        groups.pop();
        for (const each of newest.parts) older.parts.push(each);
        older.pageCount += newest.pageCount;
        older.contents = together(older.contents, newest.contents);
        newest = older;
      }
      groups.push(newest);
    }
    this.#parts = groups.map(({ parts }) => (parts.length === 1 ? parts[0] : Part.merge(parts)));
  }

  /** Whether one run can hold both. */
  #fit(older: Group, newer: Group): boolean {
    return older.pageCount + newer.pageCount <= this.#maxRunPages && fitsRun(together(older.contents, newer.contents));
  }

  async load(options?: CallOptions): Promise<void> {
    const leaf = await this.#log.leaves.read(this.chapter, options);
    this.chapter.leaf ??= leaf;
    this.#onChange();
  }

  loadSync(): boolean {
    const leaf = this.#log.leaves.readSync(this.chapter);
    this.chapter.leaf ??= leaf;
    this.#onChange();
    return leaf !== undefined;
  }

  /** Whether it holds what can be read again, and nothing of it is in use. */
  get isIdle(): boolean {
    return this.chapter.entry !== undefined && this.isLoaded && !this.isInUse;
  }

  /** Whether any of its indexes, or of its image's, is in memory. */
  get isInUse(): boolean {
    return this.#parts.some((part) => part.isOpen) || this.#image?.isInUse === true;
  }

  /** Lets go of what can be read again. */
  forget(): void {
    this.close();
    this.chapter.leaf = undefined;
    this.#parts = [];
    this.#indexed = 0;
    this.#isSettled = false;
    this.#onChange();
  }

  close(): void {
    for (const part of this.#parts) part.dispose();
    this.#image?.close();
    this.#image = undefined;
  }
}
