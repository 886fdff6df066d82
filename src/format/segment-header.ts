/**
 * The first 64 bytes of a segment (spec/segment.md, "Header"), little-endian:
 *
 *     0  magic              8 bytes  89 50 53 45 47 0D 0A 1A
 *     8  format version     u16      1; 0 is read as well
 *    10  required features  u16      0
 *    12  page size          u32      bytes, a power of two from 512 to 65536
 *    16  segment id        16 bytes
 *    32  page count         u32      from 1
 *    36  volume count       u32      from 1
 *    40  index length       u32      bytes; the index begins at byte 64
 *    44  body offset        u32      64 + index length, rounded up to a multiple of 8
 *    48  reserved           8 bytes  zero
 *    56  head checksum      u64      XXH64 of bytes 64 to body offset, seeded with the XXH64 of bytes 0 to 56
 *
 * The *head* of a segment is all before the body: header, index, zero padding.
 */
import { Corrupt, UnsupportedFormat } from "../core/errors.js";
import { ID_BYTES, SegmentId } from "../core/ids.js";
import { isPageSize } from "../core/numbers.js";
import { xxh64 } from "./xxh64.js";

export const SEGMENT_VERSION = 1;
export const HEADER_BYTES = 64;
/** Header and index of a segment that indexes inline end within so many bytes. */
export const INLINE_BYTES = 4096;
export const MAX_SEGMENT_BYTES = 16 << 20;
/** Pages in one segment, and versions of one volume in it. */
export const MAX_SEGMENT_PAGES = 1 << 20;
/** The XXH64 behind each page in the body. */
export const PAGE_CHECKSUM_BYTES = 8;

export const CHECKSUM_AT = 56;
const MAGIC = Uint8Array.of(0x89, 0x50, 0x53, 0x45, 0x47, 0x0d, 0x0a, 0x1a);

export interface SegmentHeader {
  readonly id: SegmentId;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  readonly volumeCount: number;
  readonly indexBytes: number;
  /** Where the page records begin: the length of header, index and padding. */
  readonly bodyOffset: number;
}

/** Where the record of local page `local` begins in a segment, in bytes. */
export function recordPosition(bodyOffset: number, pageSizeBytes: number, local: number): number {
  return bodyOffset + local * (pageSizeBytes + PAGE_CHECKSUM_BYTES);
}

/** The length that a segment of this header has, in bytes. */
export function segmentLength(header: SegmentHeader): number {
  return recordPosition(header.bodyOffset, header.pageSizeBytes, header.pageCount);
}

export function bodyOffsetOf(indexBytes: number): number {
  return (HEADER_BYTES + indexBytes + 7) & ~7;
}

/** The checksum of a head: everything but the checksum itself. */
export function headChecksum(head: Uint8Array, bodyOffset: number): bigint {
  return xxh64(head.subarray(HEADER_BYTES, bodyOffset), xxh64(head.subarray(0, CHECKSUM_AT)));
}

/** Writes the header into the first 64 bytes of `head`, which already holds index and padding, and seals the head. */
export function encodeSegmentHeader(header: SegmentHeader, head: Uint8Array): void {
  const view = new DataView(head.buffer, head.byteOffset);
  head.set(MAGIC, 0);
  view.setUint16(8, SEGMENT_VERSION, true);
  view.setUint32(12, header.pageSizeBytes, true);
  header.id.writeTo(head, 16);
  view.setUint32(32, header.pageCount, true);
  view.setUint32(36, header.volumeCount, true);
  view.setUint32(40, header.indexBytes, true);
  view.setUint32(44, header.bodyOffset, true);
  view.setBigUint64(CHECKSUM_AT, headChecksum(head, header.bodyOffset), true);
}

/**
 * Reads the header and checks each field by itself; the checksum is for whoever reads the index.
 *
 * @param bytes At least the head of a segment, from its first byte.
 * @param key Names the segment in errors.
 * @throws Corrupt, UnsupportedFormat
 */
export function decodeSegmentHeader(bytes: Uint8Array, key: string): SegmentHeader {
  const refuse = (what: string, byteOffset: number, expected: string, actual: number | string) => {
    throw new Corrupt(what, { key, byteOffset, expected, actual: String(actual) });
  };
  if (bytes.length < HEADER_BYTES) refuse("segment header cut short", 0, `${HEADER_BYTES} bytes`, bytes.length);
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) refuse("not a segment", 0, "the segment magic", "other bytes");
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const version = view.getUint16(8, true);
  if (version > SEGMENT_VERSION) {
    throw new UnsupportedFormat(
      `${key}: segment format version ${version}; this release reads up to ${SEGMENT_VERSION}. Use a newer release.`,
    );
  }
  const features = view.getUint16(10, true);
  if (features !== 0) {
    throw new UnsupportedFormat(
      `${key}: needs segment features 0x${features.toString(16)}, which this release does not know. Use a newer release.`,
    );
  }
  const pageSizeBytes = view.getUint32(12, true);
  if (!isPageSize(pageSizeBytes)) refuse("bad page size", 12, "a power of two from 512 to 65536", pageSizeBytes);
  const pageCount = view.getUint32(32, true);
  if (pageCount < 1 || pageCount > MAX_SEGMENT_PAGES) {
    refuse("bad page count", 32, `1 to ${MAX_SEGMENT_PAGES}`, pageCount);
  }
  const volumeCount = view.getUint32(36, true);
  if (volumeCount < 1 || volumeCount > pageCount) refuse("bad volume count", 36, `1 to ${pageCount}`, volumeCount);
  const indexBytes = view.getUint32(40, true);
  if (indexBytes > MAX_SEGMENT_BYTES - HEADER_BYTES) {
    refuse("bad index length", 40, `at most ${MAX_SEGMENT_BYTES - HEADER_BYTES}`, indexBytes);
  }
  const bodyOffset = view.getUint32(44, true);
  if (bodyOffset !== bodyOffsetOf(indexBytes)) refuse("bad body offset", 44, `${bodyOffsetOf(indexBytes)}`, bodyOffset);
  if (view.getBigUint64(48, true) !== 0n) refuse("reserved bytes in use", 48, "zeros", "other bytes");
  if (bytes.length < bodyOffset) refuse("segment head cut short", bytes.length, `${bodyOffset} bytes`, bytes.length);
  const id = SegmentId.fromBytes(bytes.subarray(16, 16 + ID_BYTES));
  return { id, pageSizeBytes, pageCount, volumeCount, indexBytes, bodyOffset };
}
