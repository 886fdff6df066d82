/**
 * What the rival designs share around their bytes: the two forms. Positions count from the first byte of an index; integers
 * are little-endian.
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

/** Begins an index: a separate header to be filled in, then the tag. */
export function openFrame(volumes: readonly VolumeVersions[], { form, rlsns }: BuildOptions): ByteWriter {
  const pageCount = pageCountOf(volumes);
  if (pageCount > MAX_PAGES) throw new RangeError(`${pageCount} pages in one index: at most ${MAX_PAGES}`);
  const writer = new ByteWriter(4096);
  const separate = form === "separate";
  if (separate) writer.zeros(SEPARATE_HEADER_BYTES);
  writer.u8(RLSN_WIDTHS.indexOf(rlsns) | (separate ? 8 : 0));
  return writer;
}

/** In the separate form, zeros up to a multiple of 8. */
export function alignSection(writer: ByteWriter, form: IndexForm): void {
  if (form === "separate") writer.zeros(-writer.length & 7);
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
