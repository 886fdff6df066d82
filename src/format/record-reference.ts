/**
 * A reference: one volume's part of one segment, and where the segment lies (spec/log.md, "Reference"). It keeps its base
 * LSN for ever: LSN = base + rLSN.
 */
import { ID_BYTES, SegmentId, type VolumeId } from "../core/ids.js";
import { MAX_OFFSET, MAX_RLSN } from "../core/numbers.js";
import { SHA256_BYTES } from "../core/sha256.js";
import type { ByteReader, ByteWriter } from "./bytes.js";
import type { VidTable } from "./record-range.js";
import { HEADER_BYTES, INLINE_BYTES, MAX_SEGMENT_BYTES, MAX_SEGMENT_PAGES } from "./segment-header.js";

export type Location =
  /** Inside record `record` of the volume's own log, from byte `start`. */
  | { readonly kind: "record"; readonly record: number; readonly start: number }
  /** An object of its own, written for record `record` of volume `vid`. */
  | { readonly kind: "object"; readonly vid: VolumeId; readonly record: number }
  /** An object that several volumes share. */
  | { readonly kind: "shared"; readonly group: SegmentId };

export interface Reference {
  readonly location: Location;
  readonly segmentId: SegmentId;
  /** SHA-256 of the whole segment; empty in an image, which is only to be looked up. */
  readonly sha256: Uint8Array;
  /** The volume inside the segment whose pages these are. */
  readonly vid: VolumeId;
  readonly baseLsn: number;
  readonly highestRlsn: number;
  readonly byteLength: number;
  /** Length of the segment's header, index and padding. */
  readonly bodyOffset: number;
  /** Pages in the segment, of all volumes. */
  readonly pageCount: number;
  readonly lowestOffset: number;
  readonly highestOffset: number;
  /** The segment's first `bodyOffset` bytes, where the log carries them. */
  readonly head: Uint8Array | undefined;
}

export const lastLsnIn = (reference: Reference): number => reference.baseLsn + reference.highestRlsn;

const Tag = { attached: 0, record: 1, object: 2, shared: 3 } as const;
const HEAD_FOLLOWS = 0x80;
const NO_SHA256 = 0x40;
const NOTHING = new Uint8Array(0);

/** @param record The number of the record being encoded: places in it are written as attachments. */
export function encodeReference(
  writer: ByteWriter,
  reference: Reference,
  vids: VidTable,
  { record, isImage }: { record?: number | undefined; isImage?: boolean | undefined } = {},
): void {
  const { location, head } = reference;
  const attached = location.kind === "record" && location.record === record;
  const headFollows = head !== undefined && !attached && head.length <= INLINE_BYTES ? HEAD_FOLLOWS : 0;
  writer.u8((attached ? Tag.attached : Tag[location.kind]) | (isImage ? NO_SHA256 : 0) | headFollows);
  if (location.kind === "object") {
    writer.varint(vids.numberOf(location.vid));
    writer.varint(location.record);
  } else if (location.kind === "shared") {
    writer.raw(location.group.bytes);
  } else if (!attached) {
    writer.varint(location.record);
    writer.varint(location.start);
  }
  writer.raw(reference.segmentId.bytes);
  if (!isImage) writer.raw(reference.sha256);
  writer.varint(vids.numberOf(reference.vid));
  writer.varint(reference.baseLsn);
  writer.varint(reference.highestRlsn);
  writer.varint(reference.byteLength);
  writer.varint(reference.bodyOffset);
  writer.varint(reference.pageCount);
  writer.varint(reference.lowestOffset);
  writer.varint(reference.highestOffset - reference.lowestOffset);
  if (headFollows) writer.raw(head!);
}

/** @param attached The record's number and where its next attachment begins: moved on past each one. */
export function decodeReference(
  reader: ByteReader,
  vids: VidTable,
  { attached, isImage }: { attached?: { record: number; at: number } | undefined; isImage: boolean },
): Reference {
  const tag = reader.u8();
  if ((tag & ~HEAD_FOLLOWS & ~3) !== (isImage ? NO_SHA256 : 0)) {
    throw reader.corrupt("reference tag", isImage ? "0x40 to 0x43" : "0 to 3", `0x${tag.toString(16)}`);
  }
  const kind = tag & 3;
  let location: Location;
  if (kind === Tag.attached) {
    if (!attached || tag !== Tag.attached) throw reader.corrupt("attached segment", "only in a record", "one here");
    location = { kind: "record", record: attached.record, start: attached.at };
  } else if (kind === Tag.record) {
    // What lies in the record itself is attached; nothing can lie in a later one.
    const record = reader.positive("record of an embedded segment", attached && attached.record - 1);
    location = { kind: "record", record, start: reader.varint() };
  } else if (kind === Tag.object) {
    location = { kind: "object", vid: vids.readVid(reader), record: reader.positive("record of a segment") };
  } else {
    location = { kind: "shared", group: SegmentId.fromBytes(reader.raw(ID_BYTES)) };
  }
  const segmentId = SegmentId.fromBytes(reader.raw(ID_BYTES));
  const sha256 = isImage ? NOTHING : reader.raw(SHA256_BYTES).slice();
  const vid = vids.readVid(reader);
  const baseLsn = reader.varint();
  const highestRlsn = reader.varint(MAX_RLSN);
  const byteLength = reader.varint(MAX_SEGMENT_BYTES);
  const bodyOffset = reader.varint(byteLength);
  if (bodyOffset < HEADER_BYTES) throw reader.corrupt("body offset", `at least ${HEADER_BYTES}`, `${bodyOffset}`);
  const pageCount = reader.positive("page count of a segment", MAX_SEGMENT_PAGES);
  const lowestOffset = reader.varint(MAX_OFFSET);
  const highestOffset = lowestOffset + reader.varint(MAX_OFFSET - lowestOffset);
  let head: Uint8Array | undefined;
  if (tag & HEAD_FOLLOWS) {
    if (bodyOffset > INLINE_BYTES)
      throw reader.corrupt("carried head", `at most ${INLINE_BYTES} bytes`, `${bodyOffset}`);
    head = reader.raw(bodyOffset).slice();
  }
  if (kind === Tag.attached && attached) attached.at += byteLength;
  return {
    location,
    segmentId,
    sha256,
    vid,
    baseLsn,
    highestRlsn,
    byteLength,
    bodyOffset,
    pageCount,
    lowestOffset,
    highestOffset,
    head,
  };
}
