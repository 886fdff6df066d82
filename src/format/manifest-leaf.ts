/**
 * A leaf: an immutable piece of a volume's older history (spec/log.md, "Leaf"), and the run of records that it shares with
 * a manifest's tail.
 */
import type { VolumeId } from "../core/ids.js";
import type { ByteReader, ByteWriter } from "./bytes.js";
import { decodeEnvelope, encodeEnvelope, Kind } from "./envelope.js";
import { decodeRange, encodeRange, type Range } from "./record-range.js";

/** The LSNs of a run of records. */
export interface Leaf extends Range {
  firstRecord: number;
  recordCount: number;
}

export function encodeLeafBody(writer: ByteWriter, leaf: Leaf, vid: VolumeId): void {
  writer.varint(leaf.firstRecord);
  writer.varint(leaf.recordCount);
  encodeRange(writer, leaf, vid);
}

export function decodeLeafBody(reader: ByteReader, vid: VolumeId): Leaf {
  const firstRecord = reader.varint();
  if (firstRecord === 0) throw reader.corrupt("first record", "at least 1", "0");
  const recordCount = reader.varint(Number.MAX_SAFE_INTEGER - firstRecord);
  return { firstRecord, recordCount, ...decodeRange(reader, vid) };
}

export function encodeLeaf(key: string, vid: VolumeId, leaf: Leaf): Uint8Array {
  return encodeEnvelope(Kind.leaf, key, (writer) => encodeLeafBody(writer, leaf, vid));
}

export function decodeLeaf(bytes: Uint8Array, key: string, vid: VolumeId): { leaf: Leaf; checksum: Uint8Array } {
  const { reader, checksum } = decodeEnvelope(bytes, key, Kind.leaf);
  const leaf = decodeLeafBody(reader, vid);
  reader.end();
  return { leaf, checksum };
}
