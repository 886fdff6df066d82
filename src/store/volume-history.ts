/** What the log alone says of a volume's past: commits, times, and which offsets changed. */
import { Corrupt, InvalidArgument } from "../core/errors.js";
import { lastLsnIn, type Reference } from "../format/record-reference.js";
import type { CallOptions } from "../io/object-store.js";
import { type Chapter, chapterIndexOf } from "../log/chapter.js";
import { placeOf } from "../log/keys.js";
import type { VolumeLog } from "../log/volume-log.js";
import type { PartContext } from "./part.js";
import { decodeHead } from "./referenced-head.js";
import type { CommitInfo } from "./types.js";

/** One LSN's columns. */
export interface LsnInfo {
  readonly timeMs: number;
  readonly pageCount: number;
}

/** Of one answer of `changedOffsets`: 256 MiB. */
const MAX_CHANGED = 2 ** 26;

export class VolumeHistory {
  readonly #log: VolumeLog;
  readonly #context: PartContext;

  constructor(log: VolumeLog, context: PartContext) {
    this.#log = log;
    this.#context = context;
  }

  /** `lsn` is an LSN of the log. */
  async infoOf(lsn: number, options?: CallOptions): Promise<LsnInfo> {
    if (lsn === this.#log.lsn) return { timeMs: this.#log.time, pageCount: this.#log.pageCount };
    const chapter = this.#chapterOf(lsn);
    const leaf = await this.#log.leaves.read(chapter, options);
    // Kept: who asks for a snapshot will read pages of it.
    chapter.leaf ??= leaf;
    const i = lsn - leaf.firstLsn;
    return { timeMs: leaf.times[i], pageCount: leaf.pageCounts[i] };
  }

  #chapterOf(lsn: number): Chapter {
    const { chapters } = this.#log;
    return chapters[chapterIndexOf(chapters, lsn)];
  }

  /** The last LSN at or before a time, 0 where all are later. */
  async lsnAt(timeMs: number, options?: CallOptions): Promise<number> {
    if (this.#log.lsn === 0) return 0;
    // The newest chapter that begins at or before the time holds the answer.
    const chapters = this.#log.chapters.filter((chapter) => chapter.lsnCount > 0);
    const chapter = chapters.findLast((candidate) => candidate.firstTime <= timeMs);
    if (!chapter) return 0;
    const { times, firstLsn } = await this.#log.leaves.read(chapter, options);
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (times[middle] <= timeMs) low = middle + 1;
      else high = middle;
    }
    return firstLsn + low - 1;
  }

  /** The commits from LSN `from` to LSN `to`, both included and both of the log. */
  async *commits(from: number, to: number, options?: CallOptions): AsyncGenerator<CommitInfo> {
    for (let lsn = from; lsn <= to; ) {
      const { firstLsn, times, pageCounts, changed } = await this.#log.leaves.read(this.#chapterOf(lsn), options);
      for (; lsn <= to && lsn < firstLsn + times.length; lsn++) {
        const i = lsn - firstLsn;
        yield {
          lsn,
          time: new Date(times[i]),
          pagesChanged: changed[i],
          pageCount: pageCounts[i],
          bytes: changed[i] * this.#context.pageSizeBytes,
        };
      }
    }
  }

  /** Offsets written or dropped by LSNs above `from` and up to `to`, ascending, clipped to the larger page count. */
  async changedOffsets(from: number, to: number, options?: CallOptions): Promise<Uint32Array> {
    if (from > to) throw new InvalidArgument(`changes from LSN ${from} to ${to}: the first must not be the later one`);
    const before = from === 0 ? 0 : (await this.infoOf(from, options)).pageCount;
    const limit = Math.max(before, (await this.infoOf(to, options)).pageCount);
    const lists: Uint32Array[] = [];
    const ranges: (readonly [from: number, to: number])[] = [];
    for (let lsn = from + 1; lsn <= to; ) {
      const leaf = await this.#log.leaves.read(this.#chapterOf(lsn), options);
      for (const reference of leaf.references) {
        if (reference.baseLsn > to || lastLsnIn(reference) <= from) continue;
        lists.push(await this.#offsetsIn(reference, from, to, options));
      }
      for (const drop of leaf.drops) {
        if (drop.lsn > from && drop.lsn <= to) ranges.push([drop.from, Math.min(drop.to, limit)]);
      }
      lsn = leaf.firstLsn + leaf.times.length;
    }
    return union(lists, ranges, limit);
  }

  async #offsetsIn(reference: Reference, from: number, to: number, options?: CallOptions): Promise<Uint32Array> {
    const { vid, pageSizeBytes } = this.#context;
    const read = async (refresh: boolean) => {
      const head = reference.head ?? (await this.#readHead(reference, { ...options, refresh }));
      return decodeHead(head, reference, vid, pageSizeBytes);
    };
    const { offsets, starts, rlsns } = await read(false).catch((error: unknown) => {
      // What a cache on the way has kept may be damaged: the storage itself is asked before that is said of it.
      if (reference.head || !(error instanceof Corrupt)) throw error;
      return read(true);
    });
    const { baseLsn } = reference;
    return offsets.filter((_, i) => {
      for (let at = starts[i]; at < starts[i + 1]; at++) {
        const lsn = baseLsn + rlsns[at];
        if (lsn > from && lsn <= to) return true;
      }
      return false;
    });
  }

  /** Bytes that are too few, or none, are refused by whoever decodes them. */
  async #readHead({ segmentId, location, bodyOffset }: Reference, options?: CallOptions): Promise<Uint8Array> {
    const { key, start } = placeOf(this.#context.vid, segmentId, location);
    return (await this.#context.objects.getRange(key, start, bodyOffset, options)) ?? new Uint8Array(0);
  }
}

/** The sorted union of offsets and ranges below `limit`. */
function union(
  lists: readonly Uint32Array[],
  ranges: readonly (readonly [from: number, to: number])[],
  limit: number,
): Uint32Array {
  const covered = mergeRanges(ranges);
  let length = 0;
  for (const list of lists) length += list.length;
  for (const [from, to] of covered) length += to - from;
  if (length > MAX_CHANGED) {
    throw new InvalidArgument(
      `${length} offsets changed, and one answer holds at most ${MAX_CHANGED}. Ask for fewer LSNs, or compare page counts`,
    );
  }
  const all = new Uint32Array(length);
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  for (const [from, to] of covered) for (let offset = from; offset < to; offset++) all[at++] = offset;
  all.sort();
  let count = 0;
  for (let i = 0; i < all.length && all[i] < limit; i++) {
    if (i === 0 || all[i] !== all[i - 1]) all[count++] = all[i];
  }
  return all.slice(0, count);
}

function mergeRanges(ranges: readonly (readonly [from: number, to: number])[]): [from: number, to: number][] {
  const merged: [from: number, to: number][] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else if (from < to) merged.push([from, to]);
  }
  return merged;
}
