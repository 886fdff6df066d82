/**
 * How the designs that number a volume's offsets (d, f) keep their versions: offset number i (its ordinal, from 0) has
 * its first local page number and its list of rLSNs by arithmetic or in arrays, and no offset stores either beside it.
 * The header of a volume's versions:
 *
 *     0   u32   parameter: under CONSTANT the rLSN of every version, else the largest rLSN
 *     4   u8    rule
 *     5   u8    for the design's use
 *     6   u16   versions of each offset, 0 where their numbers differ     (6 to 9 not under the rule CONSTANT)
 *     8   u16   stride
 *
 * and its sections, each at a multiple of 8 in the separate form:
 *
 *     starts    u16 x (K + 1)   where numbers differ: the first version of each offset, counted from the volume's first;
 *                               at last the number of all
 *     pointers  u16 or u32 x K  POINTED: where each list begins in the lists
 *     lists                     as the rule says
 *
 * | rule         | lists                                                                    | stride            |
 * |--------------|--------------------------------------------------------------------------|-------------------|
 * | 0 CONSTANT   | none: one version of each offset, all at one rLSN; no section            |                   |
 * | 1 STRIDED    | those of equally many versions and bytes, back to back                   | bytes of a list   |
 * | 2 BY_VERSION | fixed widths, numbers differ: those of all offsets, back to back         | bytes of an rLSN  |
 * | 3 POINTED    | any others; equal ones once                                              | bytes of a pointer|
 */
import type { ByteWriter } from "../../src/format/bytes.js";
import type { IndexForm } from "./design.js";
import { alignSection } from "./frame.js";
import { FIXED_BYTES, newestInList } from "./rlsn-lists.js";
import { putList } from "./rlsn-lists-encode.js";
import { isConstant, packLists, type VersionSet, versionsOfEach } from "./version-sets.js";

export const CONSTANT = 0;
export const STRIDED = 1;
export const BY_VERSION = 2;
export const POINTED = 3;

export interface OrdinalPlan {
  readonly rule: number;
  /** @param ownByte The byte for the design's use. */
  writeHeader(writer: ByteWriter, ownByte: number): void;
  writeSections(writer: ByteWriter): void;
}

/** Bytes of the header. */
export function ordinalHeaderBytes(rule: number): number {
  return rule === CONSTANT ? 6 : 10;
}

export function planOrdinals(set: VersionSet, codec: number, form: IndexForm): OrdinalPlan {
  const { starts, rlsns } = set;
  const each = versionsOfEach(starts);
  const largest = rlsns.reduce((a, b) => Math.max(a, b), 0);
  const plan = (rule: number, stride: number, writeSections: (writer: ByteWriter) => void): OrdinalPlan => ({
    rule,
    writeHeader(writer, ownByte) {
      writer.u32(largest);
      writer.u8(rule);
      writer.u8(ownByte);
      if (rule === CONSTANT) return;
      writer.u16(each);
      writer.u16(stride);
    },
    writeSections,
  });
  const writeStarts = (writer: ByteWriter) => {
    if (each > 0) return;
    alignSection(writer, form);
    for (const start of starts) writer.u16(start);
  };
  if (isConstant(set)) return plan(CONSTANT, 0, () => {});
  const width = FIXED_BYTES[codec];
  if (width > 0) {
    return plan(each > 0 ? STRIDED : BY_VERSION, each > 0 ? each * width : width, (writer) => {
      writeStarts(writer);
      alignSection(writer, form);
      putList(writer, codec, rlsns, largest);
    });
  }
  const lists = packLists(set, codec, largest, false);
  const { positions, bytes, stride } = lists;
  if (each > 0 && stride > 0) {
    return plan(STRIDED, stride, (writer) => {
      alignSection(writer, form);
      for (let i = 0; i < positions.length; i++) writer.raw(bytes.subarray(positions[i], positions[i] + stride));
    });
  }
  const pointerBytes = bytes.length > 0xffff ? 4 : 2;
  return plan(POINTED, pointerBytes, (writer) => {
    writeStarts(writer);
    alignSection(writer, form);
    for (const position of positions) {
      if (pointerBytes === 4) writer.u32(position);
      else writer.u16(position);
    }
    alignSection(writer, form);
    writer.raw(bytes);
  });
}

/**
 * The local page number of the newest version at or below `rlsn` of the offset with this ordinal, or -1.
 *
 * @param header Where the header of the versions is.
 * @param sections Where their sections begin.
 * @param offsetCount K.
 * @param firstLocal The volume's first local page number.
 * @param align 7 in the separate form, 0 inline.
 */
export function newestOfOrdinal(
  view: DataView,
  header: number,
  sections: number,
  offsetCount: number,
  firstLocal: number,
  align: number,
  ordinal: number,
  codec: number,
  rlsn: number,
): number {
  const parameter = view.getUint32(header, true);
  const rule = view.getUint8(header + 4);
  if (rule === CONSTANT) return rlsn >= parameter ? firstLocal + ordinal : -1;
  let count = view.getUint16(header + 6, true);
  const stride = view.getUint16(header + 8, true);
  let at = (sections + align) & ~align;
  let first = ordinal * count;
  if (count === 0) {
    first = view.getUint16(at + 2 * ordinal, true);
    count = view.getUint16(at + 2 * ordinal + 2, true) - first;
    at = (at + 2 * (offsetCount + 1) + align) & ~align;
  }
  if (rule === STRIDED) at += ordinal * stride;
  else if (rule === BY_VERSION) at += first * stride;
  else {
    const lists = (at + stride * offsetCount + align) & ~align;
    at = lists + (stride === 2 ? view.getUint16(at + 2 * ordinal, true) : view.getUint32(at + 4 * ordinal, true));
  }
  const i = newestInList(view, at, codec, count, parameter, rlsn);
  return i < 0 ? -1 : firstLocal + first + i;
}
