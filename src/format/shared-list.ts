/**
 * A shared list: the records that may introduce the segments of one group (spec/log.md, "Shared list"). Written before
 * them, so that a collector can tell a group in flight from garbage.
 */
import { ID_BYTES, VolumeId } from "../core/ids.js";
import { decodeEnvelope, encodeEnvelope, Kind } from "./envelope.js";

export interface RecordName {
  readonly vid: VolumeId;
  readonly record: number;
}

export function encodeSharedList(key: string, records: readonly RecordName[]): Uint8Array {
  return encodeEnvelope(Kind.sharedList, key, (writer) => {
    writer.varint(records.length);
    for (const { vid, record } of records) {
      writer.raw(vid.bytes);
      writer.varint(record);
    }
  });
}

export function decodeSharedList(bytes: Uint8Array, key: string): RecordName[] {
  const { reader } = decodeEnvelope(bytes, key, Kind.sharedList);
  const records: RecordName[] = [];
  for (let left = reader.varint(reader.remaining); left > 0; left--) {
    records.push({ vid: VolumeId.fromBytes(reader.raw(ID_BYTES)), record: reader.positive("record of a list") });
  }
  reader.end();
  return records;
}
