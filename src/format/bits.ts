/**
 * Bit streams: values of one width, packed least significant bit first, bit i of a stream being bit `i & 7` of byte
 * `i >> 3`; and Elias-Fano sequences (Elias 1974, Fano 1971; spec/segment.md, "Elias-Fano") built of them: `width` low
 * bits of each value packed, then the high parts as a bit string in which the set bit of element i stands at
 * `high + i`. Widths are at most 32 bits, values at most 2^53.
 */

/** Bytes that hold `bits` bits. */
export function bytesFor(bits: number): number {
  return Math.ceil(bits / 8);
}

/** The `width` bits at bit `index * width` of the stream that begins at `at`. Bytes behind the end count as 0. */
export function bitsAt(bytes: Uint8Array, at: number, index: number, width: number): number {
  return bitsFrom(bytes, at, index * width, width);
}

/** The `width` bits at bit `bit` of the stream that begins at `at`. Bytes behind the end count as 0. */
export function bitsFrom(bytes: Uint8Array, at: number, bit: number, width: number): number {
  if (width === 0) return 0;
  const first = at + (bit >>> 3);
  const shift = bit & 7;
  const low = (bytes[first] | (bytes[first + 1] << 8) | (bytes[first + 2] << 16) | (bytes[first + 3] << 24)) >>> shift;
  const value = shift === 0 ? low : low | (bytes[first + 4] << (32 - shift));
  return width === 32 ? value >>> 0 : (value & ((1 << width) - 1)) >>> 0;
}

/** Adds `value` to the zeros at bit `index * width` of the stream that begins at `at`. */
export function putBits(bytes: Uint8Array, at: number, index: number, width: number, value: number): void {
  putBitsFrom(bytes, at, index * width, width, value);
}

/** Adds `value` to the `width` zeros at bit `from` of the stream that begins at `at`. */
export function putBitsFrom(bytes: Uint8Array, at: number, from: number, width: number, value: number): void {
  let bit = from;
  let rest = value;
  for (let left = width; left > 0; ) {
    const shift = bit & 7;
    const count = Math.min(8 - shift, left);
    bytes[at + (bit >>> 3)] |= (rest % (1 << count)) << shift;
    rest = Math.floor(rest / (1 << count));
    bit += count;
    left -= count;
  }
}

/** The first set bit in `from..to` of the stream that begins at `at`, or `to`. */
export function nextSetBit(bytes: Uint8Array, at: number, from: number, to: number): number {
  for (let bit = from; bit < to; bit = (bit | 7) + 1) {
    const byte = bytes[at + (bit >>> 3)] >>> (bit & 7);
    if (byte !== 0) return Math.min(to, bit + 31 - Math.clz32(byte & -byte));
  }
  return to;
}

/** Whether the bits behind `bits` bits, up to the end of their byte, are zero. */
export function paddingIsZero(bytes: Uint8Array, at: number, bits: number): boolean {
  const used = bits % 8;
  return used === 0 || bytes[at + Math.floor(bits / 8)] >>> used === 0;
}

/** The shape of an Elias-Fano sequence of `count` values from 0 to `last`. */
export interface EliasFano {
  /** At least 1. */
  readonly count: number;
  readonly last: number;
  /** Width of the low bits: `lowWidth(count, last + 1)`. */
  readonly width: number;
  readonly lowBytes: number;
  /** Length of the high bits' string. */
  readonly highBits: number;
  readonly byteLength: number;
}

/** The largest w with `count * 2^w` at most `universe`, or 0. `count` is at least 1. */
export function lowWidth(count: number, universe: number): number {
  let width = 0;
  for (let size = 2 * count; size <= universe; size *= 2) width++;
  return width;
}

export function eliasFano(count: number, last: number): EliasFano {
  const width = lowWidth(count, last + 1);
  const lowBytes = bytesFor(count * width);
  const highBits = count + Math.floor(last / 2 ** width);
  return { count, last, width, lowBytes, highBits, byteLength: lowBytes + bytesFor(highBits) };
}

/** Writes the sequence of `valueAt(0)`, `valueAt(1)` …, which never descends, into the zeros at `at`. */
export function putEliasFano(bytes: Uint8Array, at: number, shape: EliasFano, valueAt: (i: number) => number): void {
  const { count, width, lowBytes } = shape;
  const scale = 2 ** width;
  const highAt = at + lowBytes;
  for (let i = 0; i < count; i++) {
    const value = valueAt(i);
    const high = Math.floor(value / scale);
    putBits(bytes, at, i, width, value - high * scale);
    const bit = high + i;
    bytes[highAt + (bit >>> 3)] |= 1 << (bit & 7);
  }
}

/**
 * Calls `each` with every value of the sequence at `at`, in order. False where the bytes are no such sequence: set bits
 * in the padding, or another number of elements. Whether values ascend and stay in range is for `each` to say: it
 * returns false to stop.
 */
export function walkEliasFano(
  bytes: Uint8Array,
  at: number,
  shape: EliasFano,
  each: (value: number, i: number) => boolean,
): boolean {
  const { count, width, lowBytes, highBits } = shape;
  const highAt = at + lowBytes;
  if (!paddingIsZero(bytes, at, count * width) || !paddingIsZero(bytes, highAt, highBits)) return false;
  const scale = 2 ** width;
  const highBytes = bytesFor(highBits);
  let i = 0;
  for (let byteIndex = 0; byteIndex < highBytes; byteIndex++) {
    for (let byte = bytes[highAt + byteIndex]; byte !== 0; byte &= byte - 1) {
      if (i === count) return false;
      const bit = byteIndex * 8 + 31 - Math.clz32(byte & -byte);
      if (!each((bit - i) * scale + bitsAt(bytes, at, i, width), i)) return false;
      i++;
    }
  }
  return i === count;
}
