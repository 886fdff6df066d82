/**
 * The shape of partitioned Elias-Fano rLSNs (spec/segment.md): a sequence for each offset between its own first and last
 * rLSN. Its share of the low bits is the first rLSN, how many rLSNs up to the last are missing, then the low parts of the
 * versions between; its share of the high bits is those versions' high parts, or, where their low width is 0, a bitmap.
 */
import { bytesFor, lowWidth } from "./bits.js";

/** Width of first rLSNs and of numbers of missing ones. */
export function endWidth(largest: number): number {
  return Math.max(1, 32 - Math.clz32(largest));
}

/** The versions between an offset's first and last, where some between are missing. */
export interface Inner {
  readonly count: number;
  /** Their values are below this. */
  readonly universe: number;
  /** Of the low parts. */
  readonly width: number;
  readonly highBits: number;
}

/** Of an offset with `count` versions, `missing` of whose rLSNs are not there; `undefined` where none is encoded. */
export function innerOf(count: number, missing: number): Inner | undefined {
  if (count <= 2 || missing === 0) return undefined;
  const universe = count - 2 + missing;
  const width = lowWidth(count - 2, universe);
  const highBits = width === 0 ? universe : count - 2 + Math.floor((universe - 1) / 2 ** width);
  return { count: count - 2, universe, width, highBits };
}

export interface Partition {
  readonly lowBits: number;
  readonly lowBytes: number;
  readonly highBits: number;
  readonly byteLength: number;
}

/** The shape of a payload, given each offset's number of versions and, where there are several, of missing rLSNs. */
export function partitionOf(
  offsetCount: number,
  largest: number,
  countOf: (ordinal: number) => number,
  missingOf: (ordinal: number, lowBits: number) => number,
): Partition {
  const width = endWidth(largest);
  let lowBits = 0;
  let highBits = 0;
  for (let ordinal = 0; ordinal < offsetCount; ordinal++) {
    const count = countOf(ordinal);
    const inner = count > 1 ? innerOf(count, missingOf(ordinal, lowBits)) : undefined;
    lowBits += count > 1 ? 2 * width : width;
    if (inner === undefined) continue;
    lowBits += inner.count * inner.width;
    highBits += inner.highBits;
  }
  const lowBytes = bytesFor(lowBits);
  return { lowBits, lowBytes, highBits, byteLength: lowBytes + bytesFor(highBits) };
}
