/**
 * A file as pages, read in ascending order in blocks: a database file, or any file whose last page is filled up with
 * zeros. Over a database file may lie the newest of some WAL frames.
 */
import { throwIfAborted } from "../core/errors.js";
import type { PageWrite } from "../store/types.js";
import type { FileState, InputFile } from "./input-file.js";
import type { Wal } from "./wal.js";
import type { WalFrames } from "./wal-frames.js";

const BLOCK_BYTES = 1 << 20;

export interface PageBlock {
  /** The offset of the first page. */
  readonly first: number;
  /** Whole pages; fresh bytes. */
  readonly bytes: Uint8Array;
}

/** Frames whose pages stand in place of the file's. */
export interface Overlay {
  readonly wal: Wal;
  readonly frames: WalFrames;
  /** The newest frame of each page, by ascending page number. */
  readonly newest: Uint32Array;
}

export class FilePages {
  readonly file: InputFile;
  readonly pageSize: number;
  readonly pageCount: number;
  /** The file as it was before anything of it was read. */
  readonly #state: FileState;
  readonly #overlay: Overlay | undefined;

  constructor(file: InputFile, state: FileState, pageSize: number, pageCount: number, overlay?: Overlay) {
    this.file = file;
    this.pageSize = pageSize;
    this.pageCount = pageCount;
    this.#state = state;
    this.#overlay = overlay;
  }

  /** Every page. @throws Unavailable at the end where the file has changed meanwhile. */
  async *blocks(signal?: AbortSignal): AsyncGenerator<PageBlock> {
    const blockPages = Math.max(1, BLOCK_BYTES / this.pageSize);
    for (let first = 0; first < this.pageCount; first += blockPages) {
      yield await this.#read(first, Math.min(blockPages, this.pageCount - first), signal);
    }
    await this.#checkUnchanged();
  }

  /** The pages at `offsets` (ascending), or all, to be committed. @throws Unavailable as `blocks`. */
  async *writes(offsets: Uint32Array | undefined, signal?: AbortSignal): AsyncGenerator<PageWrite> {
    if (offsets === undefined) {
      for await (const { first, bytes } of this.blocks(signal)) {
        for (let at = 0; at < bytes.length; at += this.pageSize) {
          yield [first + at / this.pageSize, bytes.subarray(at, at + this.pageSize)];
        }
      }
      return;
    }
    const runPages = Math.max(1, BLOCK_BYTES / this.pageSize);
    for (let i = 0; i < offsets.length; ) {
      let end = i + 1;
      while (end < offsets.length && end - i < runPages && offsets[end] === offsets[i] + end - i) end++;
      const { bytes } = await this.#read(offsets[i], end - i, signal);
      for (let at = 0; i < end; i++, at += this.pageSize) {
        yield [offsets[i], bytes.subarray(at, at + this.pageSize)];
      }
    }
    await this.#checkUnchanged();
  }

  async #read(first: number, count: number, signal: AbortSignal | undefined): Promise<PageBlock> {
    throwIfAborted(signal, `reading ${this.file.path}`);
    // What lies beyond the file's end stays zero.
    const bytes = new Uint8Array(count * this.pageSize);
    await this.file.read(bytes, first * this.pageSize);
    const overlay = this.#overlay;
    if (overlay !== undefined) {
      const reads: Promise<void>[] = [];
      for (let i = lowerBound(overlay, first + 1); i < overlay.newest.length; i++) {
        const frame = overlay.newest[i];
        const at = (overlay.frames.pageNumber(frame) - 1 - first) * this.pageSize;
        if (at >= bytes.length) break;
        reads.push(overlay.wal.readPage(overlay.frames.from.frame + frame, bytes.subarray(at, at + this.pageSize)));
      }
      await Promise.all(reads);
    }
    return { first, bytes };
  }

  async #checkUnchanged(): Promise<void> {
    await this.file.checkUnchanged(this.#state);
    await this.#overlay?.wal.checkIntact(this.#overlay.frames.from.frame);
  }
}

/** The first of the overlay's frames whose page number is `pageNumber` or more. */
function lowerBound({ frames, newest }: Overlay, pageNumber: number): number {
  let low = 0;
  let high = newest.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (frames.pageNumber(newest[middle]) < pageNumber) low = middle + 1;
    else high = middle;
  }
  return low;
}
