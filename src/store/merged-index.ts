/**
 * Several small segments' versions of one volume as one index: a probe of it stands for a probe of each. It is encoded as a
 * segment's head, so that the same probe answers; `positions` leads from its local page numbers to the pages.
 */
import { SegmentId, type VolumeId } from "../core/ids.js";
import type { DecodedVolume } from "../format/segment-index.js";
import { encodeHead } from "../format/segment-index-encode.js";

/** A position is which of the merged segments, and the local page number in it. */
const LOCAL_BITS = 20;
export const MAX_MERGED_SEGMENTS = 1 << (32 - LOCAL_BITS);
const LOCAL_MASK = (1 << LOCAL_BITS) - 1;

export const segmentIn = (position: number): number => position >>> LOCAL_BITS;
export const localIn = (position: number): number => position & LOCAL_MASK;

export interface MergedIndex {
  readonly head: Uint8Array;
  /** By local page number of the merged index. */
  readonly positions: Uint32Array;
}

/** Merged indexes are never stored; the id is only what a head must have. */
const MERGED_ID = SegmentId.fromBytes(new Uint8Array(16));

/** Versions in the order of (offset, rLSN), rLSNs counted from the base of the merged index. */
interface Run {
  readonly offsets: Uint32Array;
  readonly rlsns: Uint32Array;
  readonly positions: Uint32Array;
}

/** @param bases How much to add to the rLSNs of each volume's versions. */
export function mergeIndexes(
  vid: VolumeId,
  pageSizeBytes: number,
  volumes: readonly DecodedVolume[],
  bases: readonly number[],
): MergedIndex {
  let runs = volumes.map((volume, i) => runOf(volume, bases[i], i));
  while (runs.length > 1) {
    const merged: Run[] = [];
    for (let i = 0; i < runs.length; i += 2)
      merged.push(i + 1 < runs.length ? mergeRuns(runs[i], runs[i + 1]) : runs[i]);
    runs = merged;
  }
  const [{ offsets, rlsns, positions }] = runs;
  const distinct = new Uint32Array(offsets.length);
  const starts = new Uint32Array(offsets.length + 1);
  let count = 0;
  for (let i = 0; i < offsets.length; i++) {
    if (i > 0 && offsets[i] === offsets[i - 1]) continue;
    distinct[count] = offsets[i];
    starts[count++] = i;
  }
  starts[count] = offsets.length;
  const versions = { vid, offsets: distinct.subarray(0, count), starts: starts.subarray(0, count + 1), rlsns };
  return { head: encodeHead({ id: MERGED_ID, pageSizeBytes, volumes: [versions] }), positions };
}

function runOf({ offsets, starts, rlsns, firstLocal }: DecodedVolume, base: number, segment: number): Run {
  const run = {
    offsets: new Uint32Array(rlsns.length),
    rlsns: rlsns.map((rlsn) => rlsn + base),
    positions: rlsns.map((_, i) => ((segment << LOCAL_BITS) | (firstLocal + i)) >>> 0),
  };
  for (let i = 0; i < offsets.length; i++) run.offsets.fill(offsets[i], starts[i], starts[i + 1]);
  return run;
}

function mergeRuns(a: Run, b: Run): Run {
  const length = a.offsets.length + b.offsets.length;
  const merged = {
    offsets: new Uint32Array(length),
    rlsns: new Uint32Array(length),
    positions: new Uint32Array(length),
  };
  for (let to = 0, i = 0, j = 0; to < length; to++) {
    const fromA =
      j === b.offsets.length ||
      (i < a.offsets.length &&
        (a.offsets[i] < b.offsets[j] || (a.offsets[i] === b.offsets[j] && a.rlsns[i] < b.rlsns[j])));
    const from = fromA ? a : b;
    const at = fromA ? i++ : j++;
    merged.offsets[to] = from.offsets[at];
    merged.rlsns[to] = from.rlsns[at];
    merged.positions[to] = from.positions[at];
  }
  return merged;
}
