/**
 * A SQLite write-ahead log, read from outside (https://sqlite.org/fileformat2.html#the_write_ahead_log). All integers are
 * big-endian; the words that the checksums run over are so only where the magic is odd.
 *
 *     header, 32 bytes:  0 magic 0x377f0682 or ..83 | 4 version 3007000 | 8 page size | 12 checkpoint sequence number
 *                       16 salt-1 | 20 salt-2 | 24 checksum-1 | 28 checksum-2 (of the first 24 bytes)
 *     then frames:       0 page number from 1 | 4 of a transaction's last frame the database's length in pages, else 0
 *                        8 salt-1 | 12 salt-2 | 16 checksum-1 | 20 checksum-2 | 24 the page
 *
 * A checksum runs on from the one before it over the frame's first 8 bytes and its page. A frame counts while its salts
 * are the header's and its checksum holds; a transaction counts once its last frame does. When SQLite starts the WAL over
 * it changes the salts and writes from the beginning, so that frames of before may follow the valid ones: they are stale.
 */
import { throwIfAborted, Unavailable, UnsupportedFormat } from "../core/errors.js";
import { isPageSize } from "../core/numbers.js";
import type { InputFile } from "./input-file.js";
import { WalChecksum } from "./wal-checksum.js";
import { WalFrames } from "./wal-frames.js";

export const WAL_HEADER_BYTES = 32;
export const FRAME_HEADER_BYTES = 24;

const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;
const VERSION = 3007000;
const CHUNK_BYTES = 4 << 20;

/** Change whenever the WAL is started over: salt-1 goes up by one, salt-2 is random. */
export interface WalSalts {
  readonly salt1: number;
  readonly salt2: number;
}

export interface WalHeader extends WalSalts {
  readonly bigEndian: boolean;
  readonly pageSize: number;
  readonly s1: number;
  readonly s2: number;
}

/** A place between two frames: how many are before it, and the running checksum there. */
export interface WalPosition {
  readonly frame: number;
  readonly s1: number;
  readonly s2: number;
}

/**
 * Reads a WAL's header; `undefined` where SQLite would take the file for an empty WAL: cut short, another magic, a wrong
 * checksum.
 *
 * @throws UnsupportedFormat for a version that SQLite would refuse, too.
 */
export function decodeWalHeader(bytes: Uint8Array, path: string): WalHeader | undefined {
  if (bytes.length < WAL_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic !== MAGIC_LITTLE_ENDIAN && magic !== MAGIC_BIG_ENDIAN) return undefined;
  const bigEndian = magic === MAGIC_BIG_ENDIAN;
  const pageSize = view.getUint32(8);
  if (!isPageSize(pageSize)) return undefined;
  const checksum = new WalChecksum(bigEndian);
  checksum.add(new Int32Array(new Uint8Array(bytes.subarray(0, 24)).buffer), 0, 24);
  const header = {
    bigEndian,
    pageSize,
    salt1: view.getUint32(16),
    salt2: view.getUint32(20),
    s1: view.getUint32(24),
    s2: view.getUint32(28),
  };
  if (checksum.s1 !== header.s1 || checksum.s2 !== header.s2) return undefined;
  const version = view.getUint32(4);
  if (version !== VERSION) {
    throw new UnsupportedFormat(
      `WAL ${path} has version ${version}; known is ${VERSION}. Checkpoint it with SQLite first.`,
    );
  }
  return header;
}

export class Wal {
  readonly file: InputFile;
  readonly header: WalHeader;
  readonly frameBytes: number;

  constructor(file: InputFile, header: WalHeader) {
    this.file = file;
    this.header = header;
    this.frameBytes = FRAME_HEADER_BYTES + header.pageSize;
  }

  /** Where the first frame begins. */
  get start(): WalPosition {
    return { frame: 0, s1: this.header.s1, s2: this.header.s2 };
  }

  framePosition(frame: number): number {
    return WAL_HEADER_BYTES + frame * this.frameBytes;
  }

  /** Whether the frames before `place` are those that were there when it was noted. */
  async holds(place: WalPosition): Promise<boolean> {
    if (place.frame === 0) return place.s1 === this.header.s1 && place.s2 === this.header.s2;
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    if ((await this.file.read(bytes, this.framePosition(place.frame - 1))) < bytes.length) return false;
    const view = new DataView(bytes.buffer);
    return this.#isCurrent(view, 0) && view.getUint32(16) === place.s1 && view.getUint32(20) === place.s2;
  }

  /**
   * Reads every frame from `from` on and checks it. Memory: 20 bytes a frame and a chunk of 4 MiB; the pages are read
   * again when they are wanted.
   */
  async scan(
    from: WalPosition,
    options: { signal?: AbortSignal | undefined; onBytes?: (bytes: number) => void } = {},
  ): Promise<WalFrames> {
    const { frameBytes, header } = this;
    const frames = new WalFrames(header.pageSize, from);
    const checksum = new WalChecksum(header.bigEndian, from.s1, from.s2);
    const chunkFrames = Math.max(1, Math.floor(CHUNK_BYTES / frameBytes));
    const buffer = new ArrayBuffer(chunkFrames * frameBytes);
    const bytes = new Uint8Array(buffer);
    const words = new Int32Array(buffer);
    const view = new DataView(buffer);
    for (let frame = from.frame; ; frame += chunkFrames) {
      throwIfAborted(options.signal, `reading WAL ${this.file.path}`);
      const count = await this.file.read(bytes, this.framePosition(frame));
      const whole = Math.floor(count / frameBytes);
      for (let i = 0; i < whole; i++) {
        const at = i * frameBytes;
        const pageNumber = view.getUint32(at);
        const current = this.#isCurrent(view, at);
        if (current && pageNumber !== 0) {
          checksum.add(words, at, 8);
          const { s1, s2 } = checksum;
          checksum.add(words, at + FRAME_HEADER_BYTES, header.pageSize);
          if (checksum.s1 === view.getUint32(at + 16) && checksum.s2 === view.getUint32(at + 20)) {
            frames.add(pageNumber, view.getUint32(at + 4), s1, s2, checksum.s1, checksum.s2);
            continue;
          }
        }
        // The rest of the chunk tells a stale frame from a damaged one: behind a stale one there are only stale ones.
        let damaged = current;
        for (let j = i + 1; j < whole && !damaged; j++) damaged = this.#isCurrent(view, j * frameBytes);
        frames.end(damaged ? "damaged" : "stale");
        return frames;
      }
      options.onBytes?.(count);
      if (count === bytes.length) continue;
      const rest = count - whole * frameBytes;
      // Of a frame that is cut short within its salts nothing says whether it was stale.
      const stale = rest >= 16 && !this.#isCurrent(view, whole * frameBytes);
      frames.end(rest === 0 ? "whole" : stale ? "stale" : "cut short");
      return frames;
    }
  }

  /**
   * The WAL as it was before it was last started over, when it had other salts: frames of then may still be there, behind
   * those of now.
   */
  before(salts: WalSalts): Wal {
    return new Wal(this.file, { ...this.header, salt1: salts.salt1, salt2: salts.salt2 });
  }

  /**
   * Makes sure that what was read of frame `first` and those behind it was theirs. SQLite writes from the beginning of
   * the WAL on, and a frame's header before its page: while the first of them has its salts, none was overwritten.
   *
   * @throws Unavailable
   */
  async checkIntact(first: number): Promise<void> {
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    const count = await this.file.read(bytes, this.framePosition(first));
    if (count === bytes.length && this.#isCurrent(new DataView(bytes.buffer), 0)) return;
    throw new Unavailable(
      `WAL ${this.file.path} was started over while it was read: import again. Long reads of a busy database want ` +
        "PRAGMA wal_autocheckpoint=0 on its connections.",
    );
  }

  /** Reads `count` whole frames from `frame` on into the beginning of `target`. */
  async readFrames(frame: number, count: number, target: Uint8Array): Promise<void> {
    await this.#readWhole(target.subarray(0, count * this.frameBytes), this.framePosition(frame));
  }

  /** Reads the beginning of a frame's page, or all of it, into `target`. */
  async readPage(frame: number, target: Uint8Array): Promise<void> {
    await this.#readWhole(target, this.framePosition(frame) + FRAME_HEADER_BYTES);
  }

  async #readWhole(target: Uint8Array, position: number): Promise<void> {
    if ((await this.file.read(target, position)) === target.length) return;
    throw new Unavailable(`WAL ${this.file.path} became shorter while it was read: import again.`);
  }

  #isCurrent(view: DataView, at: number): boolean {
    return view.getUint32(at + 8) === this.header.salt1 && view.getUint32(at + 12) === this.header.salt2;
  }
}
