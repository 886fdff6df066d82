/**
 * Answers where the page lies that a reader of one volume sees. The core looks it up in a table that lies in its memory
 * (assembly/resolve.ts): the parts of all chapters, the newest first. What the table lacks is named by `need`, loaded by
 * the caller, and asked again.
 */
import { NoSpace } from "../core/errors.js";
import { MAX_PAGE_COUNT } from "../core/numbers.js";
import type { Drop } from "../format/record-range.js";
import type { Chapter } from "../log/chapter.js";
import type { VolumeLog } from "../log/volume-log.js";
import type { Evictable } from "../probe/arena.js";
import { PART_BYTES, PART_DROPS, PART_IMAGE, PART_UNLOADED } from "../probe/version-run.js";
import type { PlacedSegment } from "../segment/page-frames.js";
import { type Loadable, Part, type PartContext } from "./part.js";
import { Span } from "./span.js";

// What `find` says, besides the address of a page in memory, which is larger.
export const ABSENT = 0;
export const NEEDS_LOAD = 1;
export const NOT_RESIDENT = 2;

/** A table's header: number of parts, newest and oldest readable LSN. */
const TABLE_HEADER_BYTES = 64;
const DROP_BYTES = 16;

/** Chapters that are kept though none of their indexes is in memory: they cost about half a megabyte each. */
const IDLE_SPANS = 16;

/** A lookup that opens more parts than so many times all there are makes no headway. */
const OPENS_PER_PART = 4;

/** What one part of the table stands for: looked up, consulted for drops, to be loaded, or the beginning of an image. */
type Holder = Part | DropsOf | Span | ImageOf;

/** The `partCount` parts that follow are what a reader at `lsn` sees. */
interface ImageOf {
  readonly imageLsn: number;
  readonly partCount: number;
}

interface DropsOf {
  readonly drops: readonly Drop[];
}

export class Resolver implements Evictable {
  readonly #log: VolumeLog;
  readonly #context: PartContext;
  /** By first LSN, ascending. */
  #spans: Span[] = [];
  #epoch = -1;
  #lsn = -1;
  /** Its address, 0 where there is none, and what its parts stand for. */
  #table = 0;
  #holders: Holder[] = [];
  #isStale = true;
  /** Where readers on other threads find the table's address, 0 where nowhere. */
  #cell = 0;
  readonly #onChange = () => {
    this.#isStale = true;
  };
  /** The lookup that was last told to load something, and the spans that it had loaded: it needs them all at once. */
  #loadingOffset = -1;
  #loadingLsn = 0;
  readonly #loading = new Set<Loadable>();
  /** What `find` needs where it says `NEEDS_LOAD`. */
  need: Loadable | undefined;

  constructor(log: VolumeLog, context: PartContext) {
    this.#log = log;
    this.#context = context;
  }

  /**
   * The address of the page that a reader of `offset` at `lsn` sees, valid until the next allocation in the arena; `ABSENT`,
   * `NOT_RESIDENT` or `NEEDS_LOAD`. After an address or `NOT_RESIDENT`, `place`, `local` and `lsn` say more.
   */
  find(offset: number, lsn: number): number {
    const { resolve } = this.#context.core.exports;
    for (let opened = 0; ; opened++) {
      const found = resolve(this.#current(), offset, lsn) >>> 0;
      if (found !== NEEDS_LOAD || !this.#canOpen(offset, lsn, opened)) return found;
    }
  }

  /** `find` that opens and asks for nothing: `NEEDS_LOAD` where it would take that. For reading ahead. */
  peek(offset: number, lsn: number): number {
    return this.#context.core.exports.resolve(this.#current(), offset, lsn) >>> 0;
  }

  /**
   * `find` for the first `count` offsets of the core's batch. The answers, addresses, `ABSENT` or `NOT_RESIDENT`, are left
   * there. Returns how many were found before one that lacks something: 0 after `need` was set.
   */
  findMany(count: number, lsn: number): number {
    const { exports, batchOffsets } = this.#context.core;
    for (let opened = 0; ; opened++) {
      const found = exports.resolveMany(this.#current(), count, lsn);
      // What is found is used before anything is opened, which might take its memory.
      if (found > 0 || !this.#canOpen(batchOffsets[0], lsn, opened)) return found;
    }
  }

  /** After `find` found a version: the segment that holds it. */
  get place(): PlacedSegment {
    const { words, resultAddress } = this.#context.core;
    const holder = this.#holders[words[resultAddress >>> 2]] as Part;
    return holder.place(words[(resultAddress + 4) >>> 2]);
  }

  /** After `find` found a version: its local page number. */
  get local(): number {
    const { words, resultAddress } = this.#context.core;
    return words[(resultAddress + 8) >>> 2];
  }

  /** After `find` found a version: the LSN that wrote it. */
  get lsn(): number {
    const { view, resultAddress } = this.#context.core;
    return view.getFloat64(resultAddress + 16, true);
  }

  /**
   * After `NEEDS_LOAD`: opens what the core lacked, from what is at hand. Where that takes more, leaves it in `need`.
   *
   * @param opened How many the lookup had opened before.
   * @throws NoSpace where they evict each other: a lookup needs all parts at once that may hold its page.
   */
  #canOpen(offset: number, lsn: number, opened: number): boolean {
    const { words, resultAddress } = this.#context.core;
    if (opened > OPENS_PER_PART * this.#holders.length) {
      throw new NoSpace(
        `the indexes that a lookup in volume ${this.#log.vid} needs do not fit in memory together. Open the store with a ` +
          `larger "memory".`,
      );
    }
    const lacking = this.#holders[words[resultAddress >>> 2]] as Part | Span;
    if (lacking instanceof Part && (lacking.open() || lacking.isBroken)) {
      this.#isStale = true;
      return true;
    }
    if (offset !== this.#loadingOffset || lsn !== this.#loadingLsn) this.#loading.clear();
    this.#loadingOffset = offset;
    this.#loadingLsn = lsn;
    this.#loading.add(lacking);
    this.trim();
    this.need = lacking;
    return false;
  }

  /** The address of a table that is in line with the log and with what is in memory. */
  #current(): number {
    const { epoch, lsn } = this.#log;
    if (this.#isStale || epoch !== this.#epoch || lsn !== this.#lsn) this.#update();
    return this.#table;
  }

  /** Brings spans and table in line with the log, and with what is in memory. */
  #update(): void {
    this.#updateSpans();
    const { arena, view, words } = this.#context.core;
    const holders: Holder[] = [];
    for (const span of this.#spans.toReversed()) for (const holder of holdersOf(span)) holders.push(holder);
    const dropCount = holders.reduce((sum, holder) => sum + (isDrops(holder) ? holder.drops.length : 0), 0);
    const table = arena.allocate(TABLE_HEADER_BYTES + holders.length * PART_BYTES + dropCount * DROP_BYTES);
    // From here on nothing is evicted.
    this.#isStale = false;
    this.#lsn = this.#log.lsn;
    const before = this.#table;
    this.#leaveTable();
    this.#table = table;
    this.#holders = holders;
    view.setUint32(table, holders.length, true);
    view.setFloat64(table + 8, this.#log.lsn, true);
    view.setFloat64(table + 16, this.#log.cutoff, true);
    let part = table + TABLE_HEADER_BYTES;
    let drops = part + holders.length * PART_BYTES;
    for (const holder of holders) {
      if (holder instanceof Part) holder.describe(part);
      else if (holder instanceof Span) describeUnloaded(holder, view, part);
      else if (isImage(holder)) describeImage(holder, view, part);
      else drops = describeDrops(holder.drops, view, part, drops);
      part += PART_BYTES;
    }
    if (this.#cell === 0) arena.release(table, this);
    else Atomics.store(words, this.#cell >>> 2, table);
    if (before !== 0) arena.free(before);
  }

  /**
   * From now on readers on other threads find the table by the u32 at `cell`, 0 where there is none, and it stays in memory.
   */
  publishAt(cell: number): void {
    this.#cell = cell;
    this.#isStale = true;
  }

  /** Brings what readers on other threads find in line with the log. Opens what was committed last, where that is at hand. */
  publish(): void {
    this.#updateSpans();
    const newest = this.#spans.at(-1);
    if (newest?.isLoaded) for (const part of newest.parts()) if (!part.isOpen && part.open()) this.#isStale = true;
    this.#current();
  }

  #updateSpans(): void {
    const { chapters, epoch } = this.#log;
    if (this.#epoch !== epoch || this.#spans.length !== chapters.length) {
      const known = new Map<Chapter, Span>(this.#spans.map((span) => [span.chapter, span]));
      this.#spans = chapters.map(
        (chapter) => known.get(chapter) ?? new Span(chapter, this.#log, this.#context, this.#onChange),
      );
      const kept = new Set(this.#spans);
      for (const span of known.values()) if (!kept.has(span)) span.close();
      for (const span of this.#spans.slice(0, -1)) span.settle();
      this.#epoch = epoch;
      this.#isStale = true;
    }
  }

  /**
   * Forgets what can be read again, but for a few chapters and those that are in use: their indexes are in memory, or the
   * lookup that goes on needs them. Called before something is loaded, and after something was stored.
   */
  trim(): void {
    this.#updateSpans();
    const idle = this.#spans.filter((span) => span.isIdle);
    if (idle.length <= IDLE_SPANS) return;
    for (const span of idle) if (!this.#loading.has(span)) span.forget();
  }

  /** The arena takes the table. */
  evict(): void {
    this.#isStale = true;
    this.#leaveTable();
  }

  #leaveTable(): void {
    for (const holder of this.#holders) if (holder instanceof Part) holder.leaveTable();
    this.#table = 0;
    this.#holders = [];
  }

  close(): void {
    const { arena, words } = this.#context.core;
    const table = this.#table;
    if (this.#cell !== 0) Atomics.store(words, this.#cell >>> 2, 0);
    this.#cell = 0;
    this.#leaveTable();
    if (table !== 0) arena.free(table);
    for (const span of this.#spans) span.close();
    this.#spans = [];
    this.#epoch = -1;
    this.#isStale = true;
  }
}

const isDrops = (holder: Holder): holder is DropsOf => "drops" in holder && !(holder instanceof Span);

const isImage = (holder: Holder): holder is ImageOf => "imageLsn" in holder;

/** What a chapter adds to the table, in descending order of last LSN: its own parts, then those of the image before it. */
function holdersOf(span: Span): readonly Holder[] {
  if (!span.isLoaded) return [span];
  const own = partsOf(span);
  if (!span.image) return own;
  const image = partsOf(span.image);
  return [...own, { imageLsn: span.chapter.firstLsn - 1, partCount: image.length }, ...image];
}

function partsOf(span: Span): readonly (Part | DropsOf)[] {
  const parts = span.parts();
  const { drops } = span;
  if (drops.length === 0) return parts;
  const lastDrop = drops[drops.length - 1].lsn;
  const before = parts.findIndex((part) => part.contents.lastLsn < lastDrop);
  const at = before < 0 ? parts.length : before;
  return [...parts.slice(0, at), { drops }, ...parts.slice(at)];
}

/** Writes a part (assembly/parts.ts) for drops, and the drops behind it at `at`; returns where they end. */
function describeDrops(drops: readonly Drop[], view: DataView, part: number, at: number): number {
  const lowest = drops.reduce((least, { from }) => Math.min(least, from), MAX_PAGE_COUNT);
  describe(view, part, PART_DROPS, drops[0].lsn, drops[drops.length - 1].lsn, lowest, MAX_PAGE_COUNT);
  view.setUint32(part + 36, at, true);
  view.setUint32(part + 44, drops.length, true);
  for (const { lsn, from, to } of drops) {
    view.setFloat64(at, lsn, true);
    view.setUint32(at + 8, from, true);
    view.setUint32(at + 12, to, true);
    at += DROP_BYTES;
  }
  return at;
}

function describeImage({ imageLsn, partCount }: ImageOf, view: DataView, part: number): void {
  describe(view, part, PART_IMAGE, imageLsn, imageLsn, 0, MAX_PAGE_COUNT);
  view.setUint32(part + 44, partCount, true);
}

/** Writes a part for a chapter that must be read first: for any offset, where its image answers for all before it. */
function describeUnloaded(span: Span, view: DataView, part: number): void {
  const { firstLsn, lowestOffset, highestOffset, lowestDrop, hasImage } = span.chapter;
  if (hasImage) {
    describe(view, part, PART_UNLOADED, firstLsn, span.lastLsn, 0, MAX_PAGE_COUNT);
    return;
  }
  const hasPages = lowestOffset <= highestOffset;
  const [lowest, highest] = hasPages ? [lowestOffset, highestOffset] : [MAX_PAGE_COUNT, MAX_PAGE_COUNT];
  describe(view, part, PART_UNLOADED, firstLsn, span.lastLsn, lowest, highest);
  view.setUint32(part + 48, lowestDrop, true);
}

function describe(
  view: DataView,
  part: number,
  kind: number,
  baseLsn: number,
  lastLsn: number,
  lowest: number,
  highest: number,
): void {
  for (let at = part; at < part + PART_BYTES; at += 8) view.setFloat64(at, 0, true);
  view.setUint8(part, kind);
  view.setFloat64(part + 8, baseLsn, true);
  view.setFloat64(part + 16, lastLsn, true);
  view.setUint32(part + 24, lowest, true);
  view.setUint32(part + 28, highest - lowest, true);
}
