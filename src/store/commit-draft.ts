/**
 * A record before it has its place in the log: checked, its pages in segments, its LSNs still to be given. On a lost race
 * it is put on top of the winner without touching a page: segments know nothing but rLSNs.
 */
import { InvalidArgument, throwIfAborted } from "../core/errors.js";
import type { VolumeId } from "../core/ids.js";
import { MAX_OFFSET, MAX_PAGE_COUNT, toPageCount } from "../core/numbers.js";
import { encodeRecord, MAX_META_BYTES } from "../format/record.js";
import type { Drop, Range } from "../format/record-range.js";
import type { CallOptions } from "../io/object-store.js";
import type { VolumeLog } from "../log/volume-log.js";
import type { DraftSegment } from "./segment-writer.js";
import type { Commit, DropRange, PageWrite } from "./types.js";

/** One LSN of a draft. */
export interface DraftLsn {
  readonly pagesChanged: number;
  /** Highest offset written, plus 1. */
  readonly writtenEnd: number;
  readonly pageCount: number | undefined;
  readonly drops: readonly DropRange[];
  readonly timeMs: number;
}

export interface Draft {
  readonly lsns: readonly DraftLsn[];
  readonly segments: readonly DraftSegment[];
  readonly meta: Uint8Array | undefined;
  /** The record that its segments of their own were written for. */
  record: number;
}

/** Where the pages of a draft go. */
export interface PageSink {
  nextLsn(): void;
  add(offset: number, page: Uint8Array): Promise<void> | undefined;
}

/** Checks one commit and hands its pages to `sink`. */
export async function draftLsn(commit: Commit, sink: PageSink, options: CallOptions): Promise<DraftLsn> {
  if (typeof commit !== "object" || commit === null) throw new InvalidArgument("a commit is an object, like { pages }");
  const { pages = [], time = new Date(Date.now()), drops = [] } = commit;
  const timeMs = time instanceof Date ? time.getTime() : Number.NaN;
  if (!(timeMs >= 0)) throw new InvalidArgument("a commit's time must be a valid Date from 1970 on");
  const pageCount = commit.pageCount === undefined ? undefined : toPageCount(commit.pageCount);
  for (const range of drops) checkDrop(range);
  checkMeta(commit.meta);
  sink.nextLsn();
  let pagesChanged = 0;
  let writtenEnd = 0;
  for await (const write of iterate(pages, "a commit's pages are an iterable or async iterable of [offset, page]")) {
    if (!Array.isArray(write)) throw new InvalidArgument("a commit's pages are pairs: [offset, page]");
    const [offset, page] = write as PageWrite;
    const full = sink.add(offset, page);
    if (full) await full;
    pagesChanged++;
    if (offset >= writtenEnd) writtenEnd = offset + 1;
    if ((pagesChanged & 0xff) === 0) throwIfAborted(options.signal, "the commit");
  }
  if (pageCount !== undefined && pageCount < writtenEnd) {
    throw new InvalidArgument(`page count ${pageCount}: the same commit writes a page at offset ${writtenEnd - 1}`);
  }
  return { pagesChanged, writtenEnd, pageCount, drops, timeMs };
}

/** @throws InvalidArgument, saying what was expected, for what cannot be iterated. */
export function iterate<T>(value: Iterable<T> | AsyncIterable<T>, expected: string): Iterable<T> | AsyncIterable<T> {
  const candidate = value as Partial<Iterable<T> & AsyncIterable<T>> | null | undefined;
  if (candidate?.[Symbol.asyncIterator] || candidate?.[Symbol.iterator]) return value;
  throw new InvalidArgument(expected);
}

export function checkMeta(meta: unknown): void {
  if (meta === undefined) return;
  if (!(meta instanceof Uint8Array)) throw new InvalidArgument("a commit's meta is a Uint8Array");
  if (meta.length > MAX_META_BYTES) {
    throw new InvalidArgument(`a commit's meta of ${meta.length} bytes: at most ${MAX_META_BYTES} are allowed`);
  }
}

function checkDrop(range: unknown): void {
  const [from, to] = Array.isArray(range) ? range : [];
  if (Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from < to && to <= MAX_PAGE_COUNT) return;
  throw new InvalidArgument(
    `drop ${JSON.stringify(range)}: must be [from, to] in whole pages, 0 <= from < to <= ${MAX_PAGE_COUNT}`,
  );
}

/** The draft's LSNs on top of the newest of `log`. */
export function placeDraft(draft: Draft, log: VolumeLog, record: number): Range {
  const firstLsn = log.lsn + 1;
  const range: Range = { firstLsn, times: [], pageCounts: [], changed: [], references: [], drops: [] };
  let { time, pageCount } = log;
  draft.lsns.forEach((next, i) => {
    const lsn = firstLsn + i;
    const drops: Drop[] = next.drops.map(([from, to]) => ({ lsn, from, to }));
    const before = pageCount;
    time = Math.max(time, next.timeMs);
    pageCount = next.pageCount ?? Math.max(before, next.writtenEnd);
    if (pageCount < before) drops.push({ lsn, from: pageCount, to: MAX_OFFSET + 1 });
    range.times.push(time);
    range.pageCounts.push(pageCount);
    range.changed.push(next.pagesChanged);
    range.drops.push(...drops);
  });
  range.references = draft.segments.map(({ attached, baseIndex, location, ...segment }) => ({
    ...segment,
    baseLsn: firstLsn + baseIndex,
    location: attached ? { kind: "record", record, start: 0 } : location!,
  }));
  return range;
}

export function encodeDraft(
  draft: Draft,
  range: Range,
  vid: VolumeId,
  record: number,
  key: string,
  nonce: Uint8Array,
): Uint8Array {
  const attachments = draft.segments.flatMap(({ attached }) => attached ?? []);
  return encodeRecord(key, vid, record, { nonce, range, meta: draft.meta }, attachments);
}
