/** Checks one segment against itself and against the reference that names it, and a record against its segments. */
import { Corrupt } from "../core/errors.js";
import { compareBytes, toHex } from "../core/ids.js";
import type { Sha256 } from "../core/sha256.js";
import type { Range } from "../format/record-range.js";
import type { Reference } from "../format/record-reference.js";
import { type DecodedVolume, decodeIndex } from "../format/segment-index.js";
import { Segment } from "../segment/segment.js";

/** A reference and the part of its segment's index that it names. */
export interface SegmentPart {
  readonly reference: Reference;
  readonly index: DecodedVolume;
}

/**
 * SHA-256, head, every page, and that they are what the reference says. Returns the referenced volume's part of the index.
 *
 * @throws Corrupt, UnsupportedFormat
 */
export function checkSegment(
  bytes: Uint8Array,
  key: string,
  reference: Reference,
  pageSizeBytes: number,
  sha256: Sha256,
): DecodedVolume {
  const expect = (what: string, expected: string | number, actual: string | number) => {
    if (expected === actual) return;
    throw new Corrupt(what, { key, byteOffset: 0, expected: String(expected), actual: String(actual) });
  };
  expect("segment's length in bytes", reference.byteLength, bytes.length);
  {
    using segment = Segment.open(bytes, { key });
    for (let local = 0; local < reference.pageCount; local++) segment.page(local);
  }
  const { header, volumes } = decodeIndex(bytes, key);
  expect("segment id", String(reference.segmentId), String(header.id));
  expect("body offset", reference.bodyOffset, header.bodyOffset);
  expect("page count", reference.pageCount, header.pageCount);
  expect("page size", pageSizeBytes, header.pageSizeBytes);
  const volume = volumes.find(({ vid }) => vid.equals(reference.vid));
  if (volume === undefined) {
    throw new Corrupt("volume in the segment", { key, byteOffset: 0, expected: String(reference.vid), actual: "none" });
  }
  expect("lowest offset", reference.lowestOffset, volume.offsets[0]);
  expect("highest offset", reference.highestOffset, volume.offsets.at(-1)!);
  expect(
    "highest rLSN",
    reference.highestRlsn,
    volume.rlsns.reduce((a, b) => Math.max(a, b), 0),
  );
  // Last, since it says least about where the damage is.
  const digest = sha256(bytes);
  if (compareBytes(digest, reference.sha256) !== 0) expect("segment's SHA-256", toHex(reference.sha256), toHex(digest));
  return volume;
}

/** @throws Corrupt where the pages in the segments are not those that the record counts for each LSN. */
export function checkReferences(key: string, range: Range, parts: readonly SegmentPart[]): void {
  const written = new Array<number>(range.times.length).fill(0);
  for (const { reference, index } of parts) {
    for (let i = 0; i < index.offsets.length; i++) {
      for (let version = index.starts[i]; version < index.starts[i + 1]; version++) {
        const at = reference.baseLsn + index.rlsns[version] - range.firstLsn;
        written[at]++;
        if (index.offsets[i] >= range.pageCounts[at]) {
          throw new Corrupt("page beyond its commit's page count", {
            key,
            byteOffset: 0,
            expected: `offsets below ${range.pageCounts[at]} at LSN ${range.firstLsn + at}`,
            actual: `offset ${index.offsets[i]}`,
          });
        }
      }
    }
  }
  written.forEach((count, i) => {
    if (count === range.changed[i]) return;
    throw new Corrupt("pages written", {
      key,
      byteOffset: 0,
      expected: `${range.changed[i]} at LSN ${range.firstLsn + i}`,
      actual: `${count} in its segments`,
    });
  });
}
