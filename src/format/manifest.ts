/**
 * A manifest: the whole state of a volume at an LSN (spec/log.md, "Manifest"). It is a small root: leaves hold the older
 * history, so that reading the present never loads the past.
 */
import { ID_BYTES, SegmentId, type VolumeId } from "../core/ids.js";
import { MAX_OFFSET, MAX_PAGE_COUNT } from "../core/numbers.js";
import type { ByteReader, ByteWriter } from "./bytes.js";
import { readName, readPageSize } from "./catalog.js";
import { CHECKSUM_BYTES, checkFlags, decodeEnvelope, encodeEnvelope, Kind } from "./envelope.js";
import { decodeLeafBody, encodeLeafBody, type Leaf } from "./manifest-leaf.js";
import { MAX_META_BYTES } from "./record.js";

const CLOSED = 1;
const META = 2;
/** Flags of a leaf entry. */
const HAS_IMAGE = 1;

/** What a manifest says of a leaf: enough to know whether a read needs it. */
export interface LeafEntry {
  readonly id: SegmentId;
  /** Of the leaf's envelope. */
  readonly checksum: Uint8Array;
  readonly byteLength: number;
  readonly firstRecord: number;
  readonly recordCount: number;
  readonly firstLsn: number;
  readonly lsnCount: number;
  readonly firstTime: number;
  readonly lastTime: number;
  /** Of the pages written; lowest > highest where there are none. */
  readonly lowestOffset: number;
  readonly highestOffset: number;
  /** 2^32 - 1 where nothing is dropped. */
  readonly lowestDrop: number;
  /** Whether a read at one of its LSNs needs nothing older. */
  readonly hasImage: boolean;
}

export interface Manifest {
  readonly closed: boolean;
  /** The volume's page size and name, unless it is of version 0. The name may be an old one. */
  readonly volume: { readonly pageSizeBytes: number; readonly name: string } | undefined;
  /** The oldest readable LSN. */
  readonly cutoff: number;
  /** Records up to this one may be gone. */
  readonly boundary: number;
  /** Of the last LSN. */
  readonly time: number;
  readonly pageCount: number;
  /** The newest that any record gave. */
  readonly meta: Uint8Array | undefined;
  readonly leaves: readonly LeafEntry[];
  readonly tail: Leaf;
}

/** `manifest.volume` must be known. */
export function encodeManifest(key: string, vid: VolumeId, manifest: Manifest): Uint8Array {
  return encodeEnvelope(Kind.manifest, key, (writer) => {
    writer.u8((manifest.closed ? CLOSED : 0) | (manifest.meta ? META : 0));
    writer.varint(manifest.volume!.pageSizeBytes);
    writer.text(manifest.volume!.name);
    writer.varint(manifest.cutoff);
    writer.varint(manifest.boundary);
    writer.varint(manifest.time);
    writer.varint(manifest.pageCount);
    if (manifest.meta) writer.blob(manifest.meta);
    const first = manifest.leaves[0] ?? manifest.tail;
    writer.varint(first.firstRecord);
    writer.varint(first.firstLsn);
    writer.varint(manifest.leaves.length);
    for (const leaf of manifest.leaves) encodeLeafEntry(writer, leaf);
    encodeLeafBody(writer, manifest.tail, vid);
  });
}

function encodeLeafEntry(writer: ByteWriter, leaf: LeafEntry): void {
  writer.raw(leaf.id.bytes);
  writer.raw(leaf.checksum);
  writer.varint(leaf.byteLength);
  writer.varint(leaf.recordCount);
  writer.varint(leaf.lsnCount);
  writer.varint(leaf.firstTime);
  writer.varint(leaf.lastTime - leaf.firstTime);
  writer.varint(leaf.lowestOffset);
  writer.varint(leaf.lowestOffset > MAX_OFFSET ? 0 : leaf.highestOffset - leaf.lowestOffset);
  writer.varint(leaf.lowestDrop);
  writer.u8(leaf.hasImage ? HAS_IMAGE : 0);
}

function decodeLeafEntry(
  reader: ByteReader,
  key: string,
  version: number,
  firstRecord: number,
  firstLsn: number,
): LeafEntry {
  const id = SegmentId.fromBytes(reader.raw(ID_BYTES));
  const checksum = reader.raw(CHECKSUM_BYTES).slice();
  const byteLength = reader.varint();
  const recordCount = reader.varint(Number.MAX_SAFE_INTEGER - firstRecord);
  const lsnCount = reader.varint(Number.MAX_SAFE_INTEGER - firstLsn);
  const firstTime = reader.varint();
  const lastTime = firstTime + reader.varint(Number.MAX_SAFE_INTEGER - firstTime);
  const lowestOffset = reader.varint(MAX_PAGE_COUNT);
  const span = reader.varint(Math.max(0, MAX_OFFSET - lowestOffset));
  const highestOffset = lowestOffset > MAX_OFFSET ? -1 : lowestOffset + span;
  const lowestDrop = reader.varint(MAX_PAGE_COUNT);
  const flags = version === 0 ? 0 : reader.u8();
  checkFlags(key, "leaf entry flags", flags, HAS_IMAGE);
  if (flags !== 0 && firstLsn === 1) throw reader.corrupt("image", "none before LSN 1", "one");
  return {
    id,
    checksum,
    byteLength,
    firstRecord,
    recordCount,
    firstLsn,
    lsnCount,
    firstTime,
    lastTime,
    lowestOffset,
    highestOffset,
    lowestDrop,
    hasImage: flags !== 0,
  };
}

/** What the runs say of the last LSN, where they say it. */
function lastOf(
  leaves: readonly LeafEntry[],
  tail: Leaf,
): { time: number; pageCount?: number | undefined } | undefined {
  if (tail.times.length > 0) return { time: tail.times.at(-1)!, pageCount: tail.pageCounts.at(-1) };
  const leaf = leaves.findLast(({ lsnCount }) => lsnCount > 0);
  return leaf && { time: leaf.lastTime };
}

/**
 * @param isHead The bytes are the hint: a copy of a manifest.
 * @returns the manifest, and the key that it was published at.
 */
export function decodeManifest(
  bytes: Uint8Array,
  key: string,
  vid: VolumeId,
  isHead = false,
): { manifest: Manifest; key: string } {
  const envelope = decodeEnvelope(bytes, key, Kind.manifest, isHead);
  const { reader, version } = envelope;
  const flags = reader.u8();
  checkFlags(key, "manifest flags", flags, CLOSED | META);
  const volume = version === 0 ? undefined : { pageSizeBytes: readPageSize(reader), name: readName(reader) };
  const cutoff = reader.varint();
  const boundary = reader.varint();
  const time = reader.varint();
  const pageCount = reader.varint(MAX_PAGE_COUNT);
  const meta = flags & META ? reader.blob(MAX_META_BYTES).slice() : undefined;
  const leaves: LeafEntry[] = [];
  let record = version === 0 ? 1 : reader.positive("first record", Number.MAX_SAFE_INTEGER);
  let lsn = version === 0 ? 1 : reader.positive("first LSN", Number.MAX_SAFE_INTEGER);
  const oldest = lsn;
  for (let left = reader.varint(reader.remaining); left > 0; left--) {
    const leaf = decodeLeafEntry(reader, key, version, record, lsn);
    leaves.push(leaf);
    record += leaf.recordCount;
    lsn += leaf.lsnCount;
  }
  const tail = decodeLeafBody(reader, vid, key, version);
  reader.end();
  if (tail.firstRecord !== record || tail.firstLsn !== lsn) {
    throw reader.corrupt(
      "gap before the tail",
      `record ${record}, LSN ${lsn}`,
      `record ${tail.firstRecord}, LSN ${tail.firstLsn}`,
    );
  }
  const nextLsn = lsn + tail.times.length;
  const nextRecord = record + tail.recordCount;
  if (cutoff < oldest || cutoff > Math.max(oldest, nextLsn - 1)) {
    throw reader.corrupt("cutoff", "an LSN of the log", `${cutoff}`);
  }
  if (boundary >= nextRecord) throw reader.corrupt("boundary", `below record ${nextRecord}`, `${boundary}`);
  const last = lastOf(leaves, tail);
  const isLast = nextLsn === 1 ? time === 0 && pageCount === 0 : time === (last?.time ?? time);
  if (!isLast || pageCount !== (last?.pageCount ?? pageCount)) {
    throw reader.corrupt("time and page count", "those of the last LSN", `${time}, ${pageCount}`);
  }
  return {
    manifest: { closed: (flags & CLOSED) !== 0, volume, cutoff, boundary, time, pageCount, meta, leaves, tail },
    key: envelope.key,
  };
}
