/**
 * The bytes of a slab: a file of fixed size that holds blocks in sets of 16, so that one small read tells whether a block
 * may be there and where. Numbers are 32-bit words in the machine's own byte order.
 *
 *     at          size
 *     0           4096           header
 *     4096        sets * 512     table: for each set, 16 entries of 32 bytes
 *     slotsStart  sets * 16 * B  slots of B = blockBytes; slotsStart is a multiple of 4096
 *
 *     header: 0   16  "palimpsest slab\n"        entry: 0   12  hash of the key: 96 bits of its SHA-256
 *             16  4   version, 1                        12  4   block number
 *             20  4   blockBytes                        16  8   checksum of hash, number, length and content
 *             24  4   sets                              24  4   length in bytes
 *             28  4   ways: 16                          28  4   stamp; bit 31: protected. An empty entry is all zeros
 *
 * The rest of the header is zeros. Nothing in the file is believed: an entry and its slot count only together, when the
 * checksum fits both. The stamp alone is not covered, since it decides only what is evicted.
 */
import { InvalidArgument } from "../core/errors.js";

export const DEFAULT_BLOCK_BYTES = 16 << 10;
export const HEADER_BYTES = 4096;
export const WAYS = 16;
export const ENTRY_BYTES = 32;
export const ENTRY_WORDS = ENTRY_BYTES / 4;
export const SET_BYTES = WAYS * ENTRY_BYTES;
/** Where a field is in an entry, in words; hash and block number are the first four. */
export const CHECKSUM = 4;
export const LENGTH = 6;
export const STAMP = 7;

const VERSION = 1;
const MAGIC = "palimpsest slab\n";
const ALIGNMENT = 4096;
const MIN_BLOCK_BYTES = 512;
const MAX_BLOCK_BYTES = 1 << 20;

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const slotsStartOf = (setCount: number) => aligned(HEADER_BYTES + setCount * SET_BYTES);
const sizeOf = (setCount: number, blockBytes: number) => slotsStartOf(setCount) + setCount * WAYS * blockBytes;

export class SlabLayout {
  readonly blockBytes: number;
  readonly setCount: number;
  readonly slotsStart: number;
  /** Of the file: at most what was asked for. */
  readonly sizeBytes: number;

  /** @throws InvalidArgument where `bytes` hold no set of blocks, or for a block size that is none. */
  constructor(bytes: number, blockBytes: number = DEFAULT_BLOCK_BYTES) {
    const isPower = Number.isInteger(Math.log2(blockBytes));
    if (!isPower || blockBytes < MIN_BLOCK_BYTES || blockBytes > MAX_BLOCK_BYTES) {
      const range = `${MIN_BLOCK_BYTES} to ${MAX_BLOCK_BYTES}`;
      throw new InvalidArgument(`cache blocks of ${String(blockBytes)} bytes: must be a power of two, ${range}`);
    }
    const smallest = sizeOf(1, blockBytes);
    if (!Number.isSafeInteger(bytes) || bytes < smallest) {
      throw new InvalidArgument(
        `cache of ${String(bytes)} bytes: must be a whole number, at least ${smallest} (${WAYS} blocks of ${blockBytes})`,
      );
    }
    this.blockBytes = blockBytes;
    let setCount = Math.floor((bytes - HEADER_BYTES) / (SET_BYTES + WAYS * blockBytes));
    // Aligning the slots may have cost the room of the last set.
    if (sizeOf(setCount, blockBytes) > bytes) setCount--;
    this.setCount = setCount;
    this.slotsStart = slotsStartOf(setCount);
    this.sizeBytes = sizeOf(setCount, blockBytes);
  }

  get slotCount(): number {
    return this.setCount * WAYS;
  }

  setAt(set: number): number {
    return HEADER_BYTES + set * SET_BYTES;
  }

  entryAt(set: number, way: number): number {
    return this.setAt(set) + way * ENTRY_BYTES;
  }

  slotAt(set: number, way: number): number {
    return this.slotsStart + (set * WAYS + way) * this.blockBytes;
  }

  /** What the file begins with. A file of another geometry, version or byte order begins otherwise. */
  header(): Uint8Array {
    const header = new Uint8Array(HEADER_BYTES);
    header.set(new TextEncoder().encode(MAGIC));
    new Uint32Array(header.buffer, MAGIC.length, 4).set([VERSION, this.blockBytes, this.setCount, WAYS]);
    return header;
  }

  /** Whether a file of `sizeBytes` that begins with `header` is of this layout. */
  isOf(header: Uint8Array, sizeBytes: number): boolean {
    const expected = this.header();
    return (
      sizeBytes === this.sizeBytes &&
      header.length === expected.length &&
      header.every((byte, i) => byte === expected[i])
    );
  }
}
