/**
 * A chapter: a run of records of one volume as a process knows it. It is filled record by record, sealed when it is long,
 * stored as a leaf with the next manifest, and after that its contents can be forgotten and read again.
 */
import { MAX_PAGE_COUNT } from "../core/numbers.js";
import type { LeafEntry } from "../format/manifest.js";
import type { Image, Leaf } from "../format/manifest-leaf.js";
import type { Range } from "../format/record-range.js";

/** A chapter is sealed when it has one of these. They bound what one leaf costs to read and to index. */
const SEALED_REFERENCES = 1024;
const SEALED_LSNS = 4096;
const SEALED_HEAD_BYTES = 256 << 10;
const SEALED_PAGES = 1 << 18;

export class Chapter {
  /** Its leaf, once a manifest names it. Until then its contents are not forgotten: a collector may take the leaf. */
  entry: LeafEntry | undefined;
  /** Its leaf once it was put, for the next manifest to name. */
  unnamed: LeafEntry | undefined;
  /** Its contents, unless they were forgotten. */
  leaf: Leaf | undefined;
  readonly firstLsn: number;
  readonly firstRecord: number;
  /** Of the pages written; lowest > highest where there are none. */
  lowestOffset = MAX_PAGE_COUNT;
  highestOffset = -1;
  /** 2^32 - 1 where nothing is dropped. */
  lowestDrop = MAX_PAGE_COUNT;
  #headBytes = 0;
  #pages = 0;

  private constructor(firstLsn: number, firstRecord: number) {
    this.firstLsn = firstLsn;
    this.firstRecord = firstRecord;
  }

  static empty(firstLsn: number, firstRecord: number): Chapter {
    return Chapter.of({
      firstRecord,
      recordCount: 0,
      firstLsn,
      times: [],
      pageCounts: [],
      changed: [],
      references: [],
      drops: [],
      attempts: [],
      image: undefined,
    });
  }

  /** Takes the leaf over: it grows by `append`. */
  static of(leaf: Leaf): Chapter {
    const chapter = new Chapter(leaf.firstLsn, leaf.firstRecord);
    chapter.leaf = leaf;
    chapter.#measure(leaf);
    return chapter;
  }

  /** What an image is made of, as if it were a chapter of its own. */
  static ofImage({ references, drops }: Image): Chapter {
    const chapter = Chapter.empty(1, 1);
    Object.assign(chapter.leaf!, { references, drops });
    return chapter;
  }

  /** A stored chapter that was not read yet. */
  static stored(entry: LeafEntry): Chapter {
    const chapter = new Chapter(entry.firstLsn, entry.firstRecord);
    chapter.entry = entry;
    chapter.lowestOffset = entry.lowestOffset;
    chapter.highestOffset = entry.highestOffset;
    chapter.lowestDrop = entry.lowestDrop;
    return chapter;
  }

  get lsnCount(): number {
    return this.leaf?.times.length ?? this.entry!.lsnCount;
  }

  /** Whether it is time to begin another one. */
  get isLong(): boolean {
    const leaf = this.leaf!;
    return (
      leaf.references.length >= SEALED_REFERENCES ||
      leaf.times.length >= SEALED_LSNS ||
      this.#headBytes >= SEALED_HEAD_BYTES ||
      this.#pages >= SEALED_PAGES
    );
  }

  /** Adds one record's LSNs. */
  append(range: Range, nonce: string): void {
    const leaf = this.leaf!;
    leaf.recordCount++;
    leaf.attempts.push({ nonce, lsnCount: range.times.length });
    for (let i = 0; i < range.times.length; i++) {
      leaf.times.push(range.times[i]);
      leaf.pageCounts.push(range.pageCounts[i]);
      leaf.changed.push(range.changed[i]);
    }
    for (const reference of range.references) leaf.references.push(reference);
    for (const drop of range.drops) leaf.drops.push(drop);
    this.#measure(range);
  }

  #measure({ references, drops }: Pick<Range, "references" | "drops">): void {
    for (const reference of references) {
      this.lowestOffset = Math.min(this.lowestOffset, reference.lowestOffset);
      this.highestOffset = Math.max(this.highestOffset, reference.highestOffset);
      this.#headBytes += reference.head?.length ?? 0;
      this.#pages += reference.pageCount;
    }
    for (const drop of drops) this.lowestDrop = Math.min(this.lowestDrop, drop.from);
  }

  /** What the manifest says of it, given where its leaf was put. */
  describe({ id, checksum, byteLength }: Pick<LeafEntry, "id" | "checksum" | "byteLength">): LeafEntry {
    const leaf = this.leaf!;
    return {
      id,
      checksum,
      byteLength,
      firstRecord: this.firstRecord,
      recordCount: leaf.recordCount,
      firstLsn: this.firstLsn,
      lsnCount: leaf.times.length,
      firstTime: leaf.times[0] ?? 0,
      lastTime: leaf.times.at(-1) ?? 0,
      lowestOffset: this.lowestOffset,
      highestOffset: this.highestOffset,
      lowestDrop: this.lowestDrop,
      hasImage: leaf.image !== undefined,
    };
  }

  /** Whether a read at one of its LSNs needs nothing older. */
  get hasImage(): boolean {
    return this.leaf ? this.leaf.image !== undefined : this.entry!.hasImage;
  }

  get recordCount(): number {
    return this.leaf?.recordCount ?? this.entry!.recordCount;
  }

  /** Time of its first LSN, where it has any. */
  get firstTime(): number {
    return this.leaf?.times[0] ?? this.entry?.firstTime ?? 0;
  }
}

/** The last chapter whose first LSN is at or below `lsn`: the one that holds it, where any does. */
export function chapterIndexOf(chapters: readonly { readonly firstLsn: number }[], lsn: number): number {
  let low = 0;
  let high = chapters.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (chapters[middle].firstLsn <= lsn) low = middle;
    else high = middle - 1;
  }
  return low;
}
