/**
 * What a scan of a WAL found: of each frame its page number and a digest of its page, and the transactions. Columns of
 * 32-bit numbers, since a WAL may hold millions of frames.
 *
 * The digest costs nothing extra. The WAL's checksum is linear: the state after a page is M^n times the state before it,
 * plus what the checksum of the page alone would be, where M = [[1, 1], [1, 2]] and n is the number of word pairs. So
 * the latter falls out of two states that the scan knows anyway. It finds candidates for equal pages; only a comparison
 * of the bytes decides.
 */
import type { WalPosition } from "./wal.js";

/** A list of unsigned 32-bit numbers that grows. */
class Column {
  values = new Uint32Array(256);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const values = new Uint32Array(2 * this.length);
      values.set(this.values);
      this.values = values;
    }
    this.values[this.length++] = value;
  }

  truncate(length: number): void {
    this.length = length;
  }
}

/** M^n modulo 2^32 as [a, b, b, d], by squaring. Powers of M are symmetric. */
function checksumPower(n: number): { a: number; b: number; d: number } {
  let result = { a: 1, b: 0, d: 1 };
  let power = { a: 1, b: 1, d: 2 };
  const times = (x: typeof power, y: typeof power) => ({
    a: (Math.imul(x.a, y.a) + Math.imul(x.b, y.b)) | 0,
    b: (Math.imul(x.a, y.b) + Math.imul(x.b, y.d)) | 0,
    d: (Math.imul(x.b, y.b) + Math.imul(x.d, y.d)) | 0,
  });
  for (let rest = n; rest > 0; rest >>>= 1) {
    if (rest & 1) result = times(result, power);
    power = times(power, power);
  }
  return result;
}

/** How the valid part ended: with the file, with frames of before a reset, with a damaged frame, or within a frame. */
export type WalEnd = "whole" | "stale" | "damaged" | "cut short";

export class WalFrames {
  /** Where the scan began. Frames and transactions are counted from there. */
  readonly from: WalPosition;
  /** Frames of an unfinished transaction behind the last whole one; they belong to no transaction. */
  uncommittedCount = 0;
  ended: WalEnd = "whole";

  readonly #power: { a: number; b: number; d: number };
  readonly #pageNumbers = new Column();
  readonly #digest1 = new Column();
  readonly #digest2 = new Column();
  readonly #ends = new Column();
  readonly #pageCounts = new Column();
  readonly #s1 = new Column();
  readonly #s2 = new Column();

  constructor(pageSize: number, from: WalPosition) {
    this.from = from;
    this.#power = checksumPower(pageSize / 8);
  }

  /** Adds a frame: its page number, its commit field, and the running checksum before and after its page. */
  add(pageNumber: number, commitPageCount: number, before1: number, before2: number, s1: number, s2: number): void {
    const { a, b, d } = this.#power;
    this.#pageNumbers.push(pageNumber);
    this.#digest1.push(s1 - Math.imul(a, before1) - Math.imul(b, before2));
    this.#digest2.push(s2 - Math.imul(b, before1) - Math.imul(d, before2));
    if (commitPageCount === 0) return;
    this.#ends.push(this.#pageNumbers.length);
    this.#pageCounts.push(commitPageCount);
    this.#s1.push(s1);
    this.#s2.push(s2);
  }

  /** Ends the scan: what follows the last whole transaction is left out. */
  end(ended: WalEnd): void {
    this.ended = ended;
    this.uncommittedCount = this.#pageNumbers.length - this.frameCount;
    this.#pageNumbers.truncate(this.frameCount);
  }

  get transactionCount(): number {
    return this.#ends.length;
  }

  /** Frames of whole transactions. */
  get frameCount(): number {
    return this.firstFrame(this.#ends.length);
  }

  /** The first frame of a transaction, counted from the scan's beginning; of the one after the last, the end. */
  firstFrame(transaction: number): number {
    return transaction === 0 ? 0 : this.#ends.values[transaction - 1];
  }

  /** The database's length in pages after a transaction. */
  pageCount(transaction: number): number {
    return this.#pageCounts.values[transaction];
  }

  /** The place behind a transaction; for -1 the scan's beginning. */
  positionAfter(transaction: number): WalPosition {
    if (transaction < 0) return this.from;
    return {
      frame: this.from.frame + this.firstFrame(transaction + 1),
      s1: this.#s1.values[transaction],
      s2: this.#s2.values[transaction],
    };
  }

  /** A frame's page number, from 1. */
  pageNumber(frame: number): number {
    return this.#pageNumbers.values[frame];
  }

  /** Whether the checksum of a page alone (from 0, 0) is the frame's page's. */
  digestIs(frame: number, s1: number, s2: number): boolean {
    return this.#digest1.values[frame] === s1 && this.#digest2.values[frame] === s2;
  }

  /**
   * The newest frame of each page that some transactions wrote, by ascending page number. Pages beyond the length after
   * the last of them are left out: SQLite writes such frames when its cache spills before the database shrinks.
   *
   * @returns Frames, counted from the scan's beginning.
   */
  newestFrames(fromTransaction: number, toTransaction: number): Uint32Array {
    const first = this.firstFrame(fromTransaction);
    const frames = new Uint32Array(this.firstFrame(toTransaction) - first);
    for (let i = 0; i < frames.length; i++) frames[i] = first + i;
    const { values } = this.#pageNumbers;
    frames.sort((x, y) => values[x] - values[y] || x - y);
    const pageCount = toTransaction > fromTransaction ? this.pageCount(toTransaction - 1) : 0;
    let kept = 0;
    for (let i = 0; i < frames.length; i++) {
      const page = values[frames[i]];
      if (page > pageCount) break;
      if (i + 1 === frames.length || values[frames[i + 1]] !== page) frames[kept++] = frames[i];
    }
    return frames.subarray(0, kept);
  }

  /** Every page, ascending, with its frames, ascending: of each transaction that wrote it the last. */
  *versionsByPage(): Generator<{ page: number; versions: { frame: number; transaction: number }[] }> {
    const { values } = this.#pageNumbers;
    const frames = new Uint32Array(this.frameCount);
    const transactions = new Uint32Array(this.frameCount);
    for (let transaction = 0; transaction < this.transactionCount; transaction++) {
      for (let frame = this.firstFrame(transaction); frame < this.firstFrame(transaction + 1); frame++) {
        frames[frame] = frame;
        transactions[frame] = transaction;
      }
    }
    frames.sort((x, y) => values[x] - values[y] || x - y);
    for (let i = 0; i < frames.length; ) {
      const page = values[frames[i]];
      const versions: { frame: number; transaction: number }[] = [];
      for (; i < frames.length && values[frames[i]] === page; i++) {
        const version = { frame: frames[i], transaction: transactions[frames[i]] };
        if (versions.at(-1)?.transaction === version.transaction) versions[versions.length - 1] = version;
        else versions.push(version);
      }
      yield { page, versions };
    }
  }
}
