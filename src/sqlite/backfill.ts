/**
 * How much of a WAL a checkpoint has already copied into the database file. A checkpoint copies the newest version of
 * each page that some first S transactions wrote, in ascending order of pages; the WAL keeps its frames until SQLite
 * starts it over. The states before S are then gone: the file no longer holds the pages that they had. So an import
 * begins with the state after S, which the file and the frames give together whether the copying was finished or not.
 *
 * SQLite's WAL index says how far checkpoints came, where it is still there. Without it pages are compared, by the checksums
 * that the scan kept. The state after S is exact for any S that is not too small, since frames up to S lie over the file;
 * too large an S costs transactions.
 */
import type { DatabaseFile } from "./database-file.js";
import type { Wal } from "./wal.js";
import { WalChecksum } from "./wal-checksum.js";
import type { WalFrames } from "./wal-frames.js";
import type { CheckpointState } from "./wal-index.js";

const WINDOW_BYTES = 1 << 20;
/**
 * So many pages, the lowest of those that transactions 1 to S wrote, show that a checkpoint to S was cut off. Fewer may just be
 * as they were: page 1 is when a database has grown and shrunk again.
 */
const MIN_COPIED = 3;

export interface Backfill {
  /** The first transactions of the WAL that the file holds, S. */
  readonly transactionCount: number;
  /** Whether no page of the file is as the WAL has it: the file is what it was when the WAL began. */
  readonly untouched: boolean;
}

/**
 * @param frames Of the whole WAL, from its first frame.
 * @param index What the WAL index says.
 */
export async function findBackfill(
  database: DatabaseFile,
  wal: Wal,
  frames: WalFrames,
  index: CheckpointState | undefined,
): Promise<Backfill> {
  const attempted = index && transactionsIn(frames, index.attemptedFrames);
  if (index?.copiedFrames === index?.attemptedFrames && attempted !== undefined) {
    return { transactionCount: attempted, untouched: attempted === 0 };
  }
  const pages = new PageDigests(database, wal);
  if (!(await hasCopiedFirst(frames, pages))) return { transactionCount: 0, untouched: true };
  const { finished, begun } = await match(frames, pages, attempted);
  // Where transactions wrote over and over the pages of the first, and only those, nothing of their states is gone.
  if (finished > 0 && samePages(frames, finished)) return { transactionCount: 0, untouched: false };
  return { transactionCount: begun, untouched: false };
}

/** How many transactions end with a number of frames; `undefined` where none does. */
function transactionsIn(frames: WalFrames, frameCount: number): number | undefined {
  let low = 0;
  let high = frames.transactionCount;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (frames.firstFrame(middle) < frameCount) low = middle + 1;
    else high = middle;
  }
  return frames.firstFrame(low) === frameCount ? low : undefined;
}

/** Whether the file's lowest page of transactions 1 to S is as the WAL has it at S, for any S: else no S was begun. */
async function hasCopiedFirst(frames: WalFrames, pages: PageDigests): Promise<boolean> {
  const tried = new Set<number>();
  let lowest = Number.POSITIVE_INFINITY;
  for (let frame = 0; frame < frames.frameCount; frame++) {
    lowest = Math.min(lowest, frames.pageNumber(frame));
  }
  let low = Number.POSITIVE_INFINITY;
  for (let transaction = 0; transaction < frames.transactionCount && low > lowest; transaction++) {
    for (let frame = frames.firstFrame(transaction); frame < frames.firstFrame(transaction + 1); frame++) {
      low = Math.min(low, frames.pageNumber(frame));
    }
    tried.add(low);
  }
  for (const page of tried) {
    const digest = await pages.of(page);
    if (digest === undefined) continue;
    for (let frame = 0; frame < frames.frameCount; frame++) {
      if (frames.pageNumber(frame) === page && frames.digestIs(frame, digest.s1, digest.s2)) return true;
    }
  }
  return false;
}

/** Numbers from 0 to a limit, some of them taken out: a union-find over the gaps. */
class Remaining {
  readonly #next: Uint32Array;

  constructor(limit: number) {
    this.#next = new Uint32Array(limit + 2);
    for (let s = 0; s < this.#next.length; s++) this.#next[s] = s;
  }

  /** The first number from `from` on that is left, beyond the limit where none is. */
  from(from: number): number {
    let root = from;
    while (this.#next[root] !== root) root = this.#next[root];
    for (let s = from; s !== root; ) {
      const following = this.#next[s];
      this.#next[s] = root;
      s = following;
    }
    return root;
  }

  remove(s: number): void {
    this.#next[s] = s + 1;
  }
}

/**
 * `finished`: the largest S for which the file holds every page as it was after S, or 0. `begun`: the same, or a larger S
 * for which it holds newer pages, and every lower page, as they were after S: a checkpoint that was cut off.
 *
 * @param attempted The S of a checkpoint that is known to have been tried: a single page is proof of it.
 */
async function match(
  frames: WalFrames,
  pages: PageDigests,
  attempted: number | undefined,
): Promise<{ finished: number; begun: number }> {
  const count = frames.transactionCount;
  // For each S the lowest page that the file does not hold as it was then. Pages come in ascending order.
  const lowestBad = new Float64Array(count + 1).fill(Number.POSITIVE_INFINITY);
  const good = new Remaining(count);
  const held: { page: number; from: number; to: number }[] = [];
  for (const { page, versions } of frames.versionsByPage()) {
    const digest = await pages.of(page);
    for (let i = 0; i < versions.length; i++) {
      const { frame, transaction } = versions[i];
      const from = transaction + 1;
      const to = i + 1 < versions.length ? versions[i + 1].transaction : count;
      if (digest !== undefined && frames.digestIs(frame, digest.s1, digest.s2)) {
        held.push({ page, from, to });
        continue;
      }
      for (let s = good.from(from); s <= to; s = good.from(s)) {
        lowestBad[s] = page;
        good.remove(s);
      }
    }
  }
  let finished = count;
  // A page beyond the end is not copied.
  while (finished > 0 && lowestBad[finished] <= frames.pageCount(finished - 1)) finished--;
  let begun = finished;
  const copied = new Uint8Array(count + 1);
  const open = new Remaining(count);
  for (const { page, from, to } of held) {
    if (from <= finished) continue;
    for (let s = open.from(from); s <= to; s = open.from(s + 1)) {
      const isLower = page < lowestBad[s];
      if (isLower) copied[s]++;
      const isProof = isLower && copied[s] >= (s === attempted ? 1 : MIN_COPIED);
      if (isProof) begun = Math.max(begun, s);
      if (isProof || !isLower) open.remove(s);
    }
  }
  return { finished, begun };
}

/** Whether the first `count` transactions wrote the pages of the first of them, and no others. */
function samePages(frames: WalFrames, count: number): boolean {
  const first = frames.newestFrames(0, 1);
  const all = frames.newestFrames(0, count);
  return (
    first.length === all.length && all.every((frame, i) => frames.pageNumber(frame) === frames.pageNumber(first[i]))
  );
}

/** Checksums of the file's pages, read a window at a time: cheap in ascending order. */
class PageDigests {
  readonly #database: DatabaseFile;
  readonly #wal: Wal;
  readonly #words = new Int32Array(WINDOW_BYTES / 4);
  #windowStart = -1;
  #windowBytes = 0;

  constructor(database: DatabaseFile, wal: Wal) {
    this.#database = database;
    this.#wal = wal;
  }

  /** Of a page number, from 1; `undefined` beyond the file's end. */
  async of(page: number): Promise<WalChecksum | undefined> {
    const { pageSize, bigEndian } = this.#wal.header;
    const position = (page - 1) * pageSize;
    const start = position - (position % WINDOW_BYTES);
    if (start !== this.#windowStart) {
      this.#windowStart = start;
      this.#windowBytes = await this.#database.file.read(new Uint8Array(this.#words.buffer), start);
    }
    if (position - start + pageSize > this.#windowBytes) return undefined;
    const digest = new WalChecksum(bigEndian);
    digest.add(this.#words, position - start, pageSize);
    return digest;
  }
}
