/**
 * A leaf: an immutable piece of a volume's older history (spec/log.md, "Leaf"), and the body that it shares with a manifest's
 * tail: a run of records, which attempts they were, and an image of what was before them, so that a read at any LSN of the run needs nothing
 * older.
 */
import { fromHex, toHex, type VolumeId } from "../core/ids.js";
import type { ByteReader, ByteWriter } from "./bytes.js";
import { checkFlags, decodeEnvelope, encodeEnvelope, Kind } from "./envelope.js";
import { NONCE_BYTES } from "./record.js";
import { type Contents, decodeContents, decodeRange, encodeContents, encodeRange, type Range } from "./record-range.js";

const IMAGE = 1;

/** What a reader at the LSN before `firstLsn` sees. */
export type Image = Contents;

/** What became a record: its nonce, 32 hexadecimal digits, and how many LSNs it took. */
export interface RecordAttempt {
  readonly nonce: string;
  readonly lsnCount: number;
}

/** The LSNs of a run of records. */
export interface Leaf extends Range {
  firstRecord: number;
  recordCount: number;
  /** Of the last of its records. Version 0 kept none. */
  attempts: RecordAttempt[];
  image: Image | undefined;
}

export function encodeLeafBody(writer: ByteWriter, leaf: Leaf, vid: VolumeId): void {
  writer.varint(leaf.firstRecord);
  writer.varint(leaf.recordCount);
  writer.varint(leaf.attempts.length);
  for (const { nonce, lsnCount } of leaf.attempts) {
    writer.raw(fromHex(nonce)!);
    writer.varint(lsnCount);
  }
  encodeRange(writer, leaf, vid);
  writer.u8(leaf.image ? IMAGE : 0);
  if (leaf.image) encodeContents(writer, leaf.image, vid, { firstLsn: 1, isImage: true });
}

export function decodeLeafBody(reader: ByteReader, vid: VolumeId, key: string, version: number): Leaf {
  const firstRecord = reader.positive("first record", Number.MAX_SAFE_INTEGER);
  const recordCount = reader.varint(Number.MAX_SAFE_INTEGER - firstRecord);
  const attempts = version === 0 ? [] : decodeAttempts(reader, recordCount);
  const range = decodeRange(reader, vid);
  const lsnCount = attempts.reduce((sum, attempt) => sum + attempt.lsnCount, 0);
  if (
    attempts.length === recordCount && version > 0 ? lsnCount !== range.times.length : lsnCount > range.times.length
  ) {
    throw reader.corrupt("LSNs of the records", `${range.times.length}`, `${lsnCount}`);
  }
  let image: Image | undefined;
  if (version > 0) {
    const flags = reader.u8();
    checkFlags(key, "leaf flags", flags, IMAGE);
    if (flags & IMAGE && range.firstLsn === 1) throw reader.corrupt("image", "none before LSN 1", "one");
    if (flags & IMAGE) image = decodeContents(reader, vid, { firstLsn: 1, count: range.firstLsn - 1, isImage: true });
  }
  return { firstRecord, recordCount, attempts, ...range, image };
}

function decodeAttempts(reader: ByteReader, recordCount: number): RecordAttempt[] {
  const attempts: RecordAttempt[] = [];
  for (let left = reader.varint(Math.min(recordCount, reader.remaining)); left > 0; left--) {
    attempts.push({ nonce: toHex(reader.raw(NONCE_BYTES)), lsnCount: reader.varint() });
  }
  return attempts;
}

export function encodeLeaf(key: string, vid: VolumeId, leaf: Leaf): Uint8Array {
  return encodeEnvelope(Kind.leaf, key, (writer) => encodeLeafBody(writer, leaf, vid));
}

export function decodeLeaf(bytes: Uint8Array, key: string, vid: VolumeId): { leaf: Leaf; checksum: Uint8Array } {
  const { reader, checksum, version } = decodeEnvelope(bytes, key, Kind.leaf);
  const leaf = decodeLeafBody(reader, vid, key, version);
  reader.end();
  return { leaf, checksum };
}
