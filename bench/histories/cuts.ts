/**
 * A history cut into segments, as compaction would: which versions go together. Every cut holds each version once, and a
 * segment has at most as many pages as 16 MiB hold. Versions are given by their numbers in the trace's order, which is
 * that of (offset, LSN).
 */
import { VolumeId } from "../../src/core/ids.js";
import { Random } from "../../test/helpers/random.js";
import type { Contents } from "../workloads.js";
import type { Trace } from "./trace.js";

/** Of 4096 bytes, with a checksum each. */
export const SEGMENT_PAGES = 4087;

export interface Cut {
  readonly name: string;
  /** Every version, in the order in which segments take them. */
  readonly order: Uint32Array;
  /** Views of `order`. */
  readonly segments: readonly Uint32Array[];
}

/** Fills segments greedily. Neighbours of the same group stay together where they fit; those of two windows never are. */
function fill(order: Uint32Array, groupOf: (version: number) => number, windowOf: (version: number) => number) {
  const segments: Uint32Array[] = [];
  let first = 0;
  const end = (at: number) => {
    if (at > first) segments.push(order.subarray(first, at));
    first = at;
  };
  for (let at = 0; at < order.length; ) {
    let next = at + 1;
    while (next < order.length && groupOf(order[next]) === groupOf(order[at])) next++;
    if (at > 0 && windowOf(order[at]) !== windowOf(order[at - 1])) end(at);
    if (next - first > SEGMENT_PAGES) end(at);
    while (next - first > SEGMENT_PAGES) end(first + SEGMENT_PAGES);
    at = next;
  }
  end(order.length);
  return segments;
}

/** Whole transactions in the order of their LSNs: what batches of commits leave, before any compaction. */
export function batchCut({ lsns }: Trace): Cut {
  const order = Uint32Array.from(lsns.keys()).sort((a, b) => lsns[a] - lsns[b] || a - b);
  const lsnOf = (version: number) => lsns[version];
  return { name: "batches of commits", order, segments: fill(order, lsnOf, () => 0) };
}

/**
 * Whole offsets with every version, in the order of the offsets; in windows of so many LSNs, where `windowLsns` is given:
 * how compaction would have to pack so that rLSNs fit a narrow width.
 */
export function rangeCut({ offsets, starts, lsns }: Trace, windowLsns = Infinity): Cut {
  const offsetOf = new Uint32Array(lsns.length);
  for (let i = 0; i < offsets.length; i++) offsetOf.fill(offsets[i], starts[i], starts[i + 1]);
  const windowOf = (version: number) => Math.floor(lsns[version] / windowLsns);
  const order = Uint32Array.from(lsns.keys()).sort((a, b) => windowOf(a) - windowOf(b) || a - b);
  // A group is an offset's versions of one window.
  const groupOf = (version: number) => windowOf(version) * 2 ** 32 + offsetOf[version];
  const name = windowLsns === Infinity ? "offset ranges" : `offset ranges in windows of ${windowLsns} LSNs`;
  return { name, order, segments: fill(order, groupOf, windowOf) };
}

const vid = VolumeId.fromBytes(new Random(1).bytes(16));

/** A segment of these versions. Its base LSN is its first one, so that rLSNs begin at 0. */
export function contentsOf(trace: Trace, versions: Uint32Array): Contents {
  const sorted = versions.slice().sort();
  let base = Infinity;
  for (const version of sorted) base = Math.min(base, trace.lsns[version]);
  const offsets: number[] = [];
  const starts: number[] = [];
  const rlsns = new Uint32Array(sorted.length);
  let largest = 0;
  for (let i = 0, ordinal = -1; i < sorted.length; i++) {
    const version = sorted[i];
    if (ordinal < 0 || version >= trace.starts[ordinal + 1]) {
      ordinal = ordinalOf(trace.starts, version);
      offsets.push(trace.offsets[ordinal]);
      starts.push(i);
    }
    rlsns[i] = trace.lsns[version] - base;
    largest = Math.max(largest, rlsns[i]);
  }
  starts.push(sorted.length);
  const volume = { vid, offsets: Uint32Array.from(offsets), starts: Uint32Array.from(starts), rlsns };
  return { volumes: [volume], universe: trace.pageCount, span: largest + 1 };
}

/** The offset, by its position, to which a version belongs. */
function ordinalOf(starts: Uint32Array, version: number): number {
  let lo = 0;
  let hi = starts.length - 2;
  while (lo < hi) {
    const middle = (lo + hi + 1) >> 1;
    if (starts[middle] <= version) lo = middle;
    else hi = middle - 1;
  }
  return lo;
}
