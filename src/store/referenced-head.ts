/** A referenced segment's header and index: that they are the ones the log means, and the versions of its volume. */
import { Corrupt } from "../core/errors.js";
import type { VolumeId } from "../core/ids.js";
import type { Reference } from "../format/record-reference.js";
import type { SegmentHeader } from "../format/segment-header.js";
import { type DecodedVolume, decodeIndex } from "../format/segment-index.js";
import { placeOf } from "../log/keys.js";

/** @throws Corrupt where the segment at the reference's place is not the referenced one. */
export function checkHeader(header: SegmentHeader, reference: Reference, vid: VolumeId, pageSizeBytes: number): void {
  if (!header.id.equals(reference.segmentId)) {
    throw mismatch(reference, vid, "segment id", `${reference.segmentId}`, `${header.id}`);
  }
  check(reference, vid, "page size", pageSizeBytes, header.pageSizeBytes);
  check(reference, vid, "page count", reference.pageCount, header.pageCount);
  check(reference, vid, "body offset", reference.bodyOffset, header.bodyOffset);
}

/** The versions that a reference stands for, from the segment's head. `vid` is the volume whose log holds the reference. */
export function decodeHead(
  head: Uint8Array,
  reference: Reference,
  vid: VolumeId,
  pageSizeBytes: number,
): DecodedVolume {
  const { key } = placeOf(vid, reference.segmentId, reference.location);
  const { header, volumes } = decodeIndex(head, key);
  checkHeader(header, reference, vid, pageSizeBytes);
  const volume = volumes.find((candidate) => candidate.vid.equals(reference.vid));
  if (!volume) throw missingVolume(reference, vid);
  checkOffsets(reference, vid, volume.offsets[0], volume.offsets[volume.offsets.length - 1]);
  return volume;
}

/** @throws Corrupt where the volume's first and last offset in the segment are not those of the reference. */
export function checkOffsets(reference: Reference, vid: VolumeId, lowest: number, highest: number): void {
  check(reference, vid, "lowest offset", reference.lowestOffset, lowest);
  check(reference, vid, "highest offset", reference.highestOffset, highest);
}

export function missingVolume(reference: Reference, vid: VolumeId): Corrupt {
  return mismatch(reference, vid, "volume", reference.vid.toString(), "none of its pages");
}

function check(reference: Reference, vid: VolumeId, field: string, expected: number, actual: number): void {
  if (expected !== actual) throw mismatch(reference, vid, field, expected, actual);
}

function mismatch(
  reference: Reference,
  vid: VolumeId,
  field: string,
  expected: string | number,
  actual: string | number,
): Corrupt {
  const { key, start } = placeOf(vid, reference.segmentId, reference.location);
  return new Corrupt(`segment that the log refers to: ${field}`, {
    key,
    byteOffset: start,
    expected: `${expected}`,
    actual: `${actual}`,
  });
}
