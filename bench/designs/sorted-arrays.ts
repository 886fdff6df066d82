/**
 * Design d: sorted arrays and binary search. A volume's offsets are one array, of the fewest bytes that hold their
 * distance from the first; an offset's position in it, its ordinal, leads to its versions. Positions count from the first
 * byte of the index; K and V are at most 65,535.
 *
 *     inline  separate
 *      -       0   16 bytes         header (frame.ts)
 *      0      16   u8               tag (frame.ts)
 *      1      17   u8               zero
 *      2      18   u16              V, volumes
 *      -      20   u32              zero
 *      4      24   20 bytes x V     volume table, ascending by id as by memcmp: id (16 bytes), position of its block (u32)
 *                  blocks           of each volume in the same order; at multiples of 8 in the separate form
 *
 *     block:
 *      0   u32           first offset
 *      4   u16           K, offsets
 *      6   u16           local page number of the volume's first version
 *      8   6 or 10 bytes header of the versions (ordinal-versions.ts); its byte for the design's use is w, the bytes of
 *                        an offset: 1 to 4, in the separate form 1, 2 or 4
 *          w bytes x K   offsets less the first, ascending; in the separate form at the next
 *                        multiple of 8
 *          sections      of the versions (ordinal-versions.ts)
 */
import type { VolumeId } from "../../src/core/ids.js";
import type { ByteWriter } from "../../src/format/bytes.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import type { BuildOptions, Design, DesignIndex, IndexForm } from "./design.js";
import { alignSection, openFrame, pageCountOf, SEPARATE_HEADER_BYTES, sealFrame, viewOf } from "./frame.js";
import { idOrder, loadId } from "./keys.js";
import { newestOfOrdinal, ordinalHeaderBytes, planOrdinals } from "./ordinal-versions.js";
import { codecOf } from "./rlsn-lists.js";
import { checkRlsns } from "./rlsn-lists-encode.js";

const VOLUME_ENTRY_BYTES = 20;
const BLOCK_AT = 16;
const VERSIONS_AT = 8;

/** Bytes that hold numbers up to `span`. */
function offsetBytes(span: number, form: IndexForm): number {
  const bytes = span === 0 ? 1 : (39 - Math.clz32(span)) >>> 3;
  return form === "separate" && bytes === 3 ? 4 : bytes;
}

function writeBlock(
  writer: ByteWriter,
  { offsets, starts, rlsns }: VolumeVersions,
  firstLocal: number,
  { form, rlsns: width }: BuildOptions,
): void {
  checkRlsns(rlsns, width);
  const plan = planOrdinals({ starts, rlsns }, codecOf(width), form);
  const first = offsets[0];
  const bytes = offsetBytes(offsets[offsets.length - 1] - first, form);
  writer.u32(first);
  writer.u16(offsets.length);
  writer.u16(firstLocal);
  plan.writeHeader(writer, bytes);
  alignSection(writer, form);
  for (const offset of offsets) {
    for (let byte = 0; byte < bytes; byte++) writer.u8(((offset - first) >>> (8 * byte)) & 0xff);
  }
  plan.writeSections(writer);
  alignSection(writer, form);
}

class SortedArrays implements DesignIndex {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Added and masked away to align sections: 7 in the separate form, 0 inline. */
  readonly #align: number;
  readonly #codec: number;
  readonly #volumeCount: number;
  readonly #table: number;

  constructor(bytes: Uint8Array, form: IndexForm) {
    const at = form === "separate" ? SEPARATE_HEADER_BYTES : 0;
    this.bytes = bytes;
    this.#view = viewOf(bytes);
    this.#align = form === "separate" ? 7 : 0;
    this.#codec = bytes[at] & 7;
    this.#volumeCount = this.#view.getUint16(at + 2, true);
    this.#table = (at + 4 + this.#align) & ~this.#align;
  }

  find(vid: VolumeId, offset: number, rlsn: number): number {
    const block = this.volume(vid);
    return block < 0 ? -1 : this.findAt(block, offset, rlsn);
  }

  /** The position of the volume's block. */
  volume(vid: VolumeId): number {
    loadId(vid);
    const view = this.#view;
    let lo = 0;
    let hi = this.#volumeCount;
    while (lo < hi) {
      const middle = (lo + hi) >>> 1;
      const at = this.#table + VOLUME_ENTRY_BYTES * middle;
      const order = idOrder(view, at);
      if (order === 0) return view.getUint32(at + BLOCK_AT, true);
      if (order < 0) lo = middle + 1;
      else hi = middle;
    }
    return -1;
  }

  findAt(block: number, offset: number, rlsn: number): number {
    const view = this.#view;
    const distance = offset - view.getUint32(block, true);
    if (distance < 0) return -1;
    const count = view.getUint16(block + 4, true);
    const header = block + VERSIONS_AT;
    const bytes = view.getUint8(header + 5);
    const offsets = (header + ordinalHeaderBytes(view.getUint8(header + 4)) + this.#align) & ~this.#align;
    const mask = 0xffff_ffff >>> (32 - 8 * bytes);
    let ordinal = 0;
    // No early end: the same number of steps for each probe, and nothing to predict but the last of them.
    for (let length = count; length > 1; ) {
      const half = length >>> 1;
      if ((view.getUint32(offsets + bytes * (ordinal + half), true) & mask) >>> 0 <= distance) ordinal += half;
      length -= half;
    }
    if ((view.getUint32(offsets + bytes * ordinal, true) & mask) >>> 0 !== distance) return -1;
    const sections = offsets + bytes * count;
    const firstLocal = view.getUint16(block + 6, true);
    return newestOfOrdinal(view, header, sections, count, firstLocal, this.#align, ordinal, this.#codec, rlsn);
  }
}

export const sortedArrays: Design = {
  letter: "d",
  name: "sorted arrays",
  rlsnWidths: ["u32", "u16", "u8", "byte-deltas", "delta-deltas", "elias-fano"],
  localBytesSaved: (volumes) => 2 * pageCountOf(volumes),
  build(volumes, options) {
    const { form } = options;
    const writer = openFrame(volumes, options);
    writer.u8(0);
    writer.u16(volumes.length);
    alignSection(writer, form);
    const table = writer.length;
    for (const [v, { vid }] of volumes.entries()) {
      writer.zeros(VOLUME_ENTRY_BYTES);
      vid.writeTo(writer.bytes, table + VOLUME_ENTRY_BYTES * v);
    }
    alignSection(writer, form);
    let firstLocal = 0;
    for (const [v, volume] of volumes.entries()) {
      const block = writer.length;
      new DataView(writer.bytes.buffer).setUint32(table + VOLUME_ENTRY_BYTES * v + BLOCK_AT, block, true);
      writeBlock(writer, volume, firstLocal, options);
      firstLocal += volume.rlsns.length;
    }
    return new SortedArrays(sealFrame(writer, form), form);
  },
};
