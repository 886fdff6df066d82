/**
 * The shape of partitioned Elias-Fano rLSNs (spec/segment.md): a sequence for each offset, whose low width follows the
 * offset's own number of versions. A share of the high bits is a plain bitmap of the rLSNs where the low width is 0.
 */
import { bytesFor, lowWidth } from "./bits.js";

/** One offset's part in the two bit strings. */
export interface Share {
  /** Width of each version's low bits. */
  readonly width: number;
  readonly highBits: number;
}

export interface Partition {
  readonly lowBits: number;
  readonly lowBytes: number;
  readonly highBits: number;
  readonly byteLength: number;
}

/** The share of an offset with `count` versions, at most `largest + 1`. */
export function share(count: number, largest: number): Share {
  const width = lowWidth(count, largest + 1);
  return { width, highBits: width === 0 ? largest + 1 : count + Math.floor(largest / 2 ** width) };
}

/** The shape of a whole payload; `undefined` where an offset has more versions than there are rLSNs. */
export function partition(starts: Uint32Array, largest: number): Partition | undefined {
  let lowBits = 0;
  let highBits = 0;
  for (let group = 0; group + 1 < starts.length; group++) {
    const count = starts[group + 1] - starts[group];
    if (count > largest + 1) return undefined;
    const { width, highBits: bits } = share(count, largest);
    lowBits += count * width;
    highBits += bits;
  }
  const lowBytes = bytesFor(lowBits);
  return { lowBits, lowBytes, highBits, byteLength: lowBytes + bytesFor(highBits) };
}
