/**
 * What the rival designs share around their bytes: the two forms, hashing, and how a volume's id is compared. Positions
 * count from the first byte of an index; integers are little-endian.
 *
 * An inline index lies right behind a segment's header, whose checksum covers it, and is packed. A separate index begins
 * with a header of its own, and its sections begin at multiples of 8:
 *
 *     0   u32   length of the index in bytes, header included
 *     4   u32   zero
 *     8   u64   XXH64 of the bytes from 16 to the end, seed = length
 *
 * Every index then has, at 0 (inline) or 16 (separate), a tag: bits 0-2 the number of the rLSN width in `RLSN_WIDTHS`,
 * bit 3 set in the separate form.
 */
import { ID_BYTES, type VolumeId } from "../../src/core/ids.js";
import { ByteWriter } from "../../src/format/bytes.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { xxh64 } from "../../src/format/xxh64.js";
import { type BuildOptions, type IndexForm, RLSN_WIDTHS } from "./design.js";

export const SEPARATE_HEADER_BYTES = 16;

/** Local page numbers are u16: a segment of 16 MiB holds 32,263 pages of 512 bytes, the smallest size. */
const MAX_PAGES = 65_535;

/**
 * Bytes behind an index that a finder may load together with its last ones, but whose values reach no answer. In a
 * segment, padding and pages lie there.
 */
export const SLACK_BYTES = 8;

export const ceilDiv = (value: number, by: number) => Math.floor((value + by - 1) / by);
export const align8 = (at: number) => (at + 7) & ~7;

export function pageCountOf(volumes: readonly VolumeVersions[]): number {
  let count = 0;
  for (const { rlsns } of volumes) count += rlsns.length;
  return count;
}

export function offsetCountOf(volumes: readonly VolumeVersions[]): number {
  let count = 0;
  for (const { offsets } of volumes) count += offsets.length;
  return count;
}

export interface Opening {
  readonly writer: ByteWriter;
  /** Where the tag is: the first byte behind the separate header. */
  readonly at: number;
}

/** Begins an index: a separate header to be filled in, then the tag. */
export function openFrame(volumes: readonly VolumeVersions[], { form, rlsns }: BuildOptions): Opening {
  const pageCount = pageCountOf(volumes);
  if (pageCount > MAX_PAGES) throw new RangeError(`${pageCount} pages in one index: at most ${MAX_PAGES}`);
  const writer = new ByteWriter(4096);
  const separate = form === "separate";
  if (separate) writer.zeros(SEPARATE_HEADER_BYTES);
  const at = writer.length;
  writer.u8(RLSN_WIDTHS.indexOf(rlsns) | (separate ? 8 : 0));
  return { writer, at };
}

/** In the separate form, zeros up to a multiple of 8. */
export function alignSection(writer: ByteWriter, form: IndexForm): void {
  if (form === "separate") writer.zeros(align8(writer.length) - writer.length);
}

/** Ends an index: fills in the separate header, and puts slack behind the bytes. */
export function sealFrame(writer: ByteWriter, form: IndexForm): Uint8Array {
  const length = writer.length;
  const buffer = new Uint8Array(length + SLACK_BYTES);
  buffer.set(writer.bytes);
  const bytes = buffer.subarray(0, length);
  if (form === "separate") {
    const view = new DataView(buffer.buffer);
    view.setUint32(0, length, true);
    view.setBigUint64(8, xxh64(bytes.subarray(SEPARATE_HEADER_BYTES), BigInt(length)), true);
  }
  return bytes;
}

/** A view of a sealed index and its slack. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length + SLACK_BYTES);
}

/** 32 bits of which the high ones are mixed best: Fibonacci hashing (Knuth, TAOCP 3, section 6.4). */
export function hashOffset(offset: number): number {
  return Math.imul(offset, 0x9e3779b1) >>> 0;
}

/** The last id that `loadId` was given, as four little-endian words: hosts are little-endian, as WebAssembly is. */
export const idWords = new Int32Array(ID_BYTES / 4);
const idBytes = new Uint8Array(idWords.buffer);
const idView = new DataView(idWords.buffer);

export function loadId(vid: VolumeId): void {
  vid.writeTo(idBytes, 0);
}

/** Loads the id that lies at `at` of an index. */
export function loadIdAt(view: DataView, at: number): void {
  for (let i = 0; i < idWords.length; i++) idWords[i] = view.getInt32(at + 4 * i, true);
}

/** The hash of an id's four little-endian words. */
export function hashId(word0: number, word1: number, word2: number, word3: number): number {
  let hash = Math.imul(word0, 0x9e3779b1) + Math.imul(word1, 0x85ebca6b);
  hash = (hash + Math.imul(word2, 0xc2b2ae35) + Math.imul(word3, 0x27d4eb2f)) | 0;
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
}

export function hashVid(vid: VolumeId): number {
  loadId(vid);
  return hashId(idWords[0], idWords[1], idWords[2], idWords[3]);
}

/** Whether the id at `at` is the one loaded. */
export function isLoadedId(view: DataView, at: number): boolean {
  return (
    view.getInt32(at, true) === idWords[0] &&
    view.getInt32(at + 4, true) === idWords[1] &&
    view.getInt32(at + 8, true) === idWords[2] &&
    view.getInt32(at + 12, true) === idWords[3]
  );
}

/** How the id at `at` compares with the one loaded, as memcmp does: negative, 0 or positive. */
export function idOrder(view: DataView, at: number): number {
  for (let i = 0; i < ID_BYTES; i += 4) {
    const stored = view.getUint32(at + i);
    const loaded = idView.getUint32(i);
    if (stored !== loaded) return stored < loaded ? -1 : 1;
  }
  return 0;
}

/** Buckets of a packed table: four entries in each on average, a single one for up to eight. */
export function bucketCount(entries: number): number {
  return entries <= 8 ? 1 : (entries + 3) >>> 2;
}

/** The bucket, of at most 2^16, in which a hash falls. */
export function bucketOf(hash: number, buckets: number): number {
  return Math.imul(hash >>> 16, buckets) >>> 16;
}

/** Bits of the slot number in an open table: 2^bits is the smallest power of two that leaves a quarter free. */
export function slotBits(entries: number): number {
  return 32 - Math.clz32(entries + Math.floor((entries - 1) / 3));
}
