// The codecs of rLSN lists, over the bytes that bench/designs/rlsn-lists.ts describes: the search for the newest rLSN of
// a list at or below a given one.

/** Codecs by number, as an index's tag has them. */
export const U32: u32 = 0;
export const U16: u32 = 1;
export const U8: u32 = 2;
export const BYTE_DELTAS: u32 = 3;
export const DELTA_DELTAS: u32 = 4;
export const ELIAS_FANO: u32 = 5;

/** Byte codes below this are one byte, and those that begin below `ESCAPE` two; all others five. */
const NARROW: u32 = 192;
const ESCAPE: u32 = 255;

/** Bytes of an rLSN in the fixed widths; 0 for the other codecs. */
// @ts-expect-error: decorator
@inline
export function fixedBytes(codec: u32): u32 {
  return codec < BYTE_DELTAS ? 4 >> codec : 0;
}

/** Bytes of the code that begins with `first`. */
// @ts-expect-error: decorator
@inline
export function byteCodeLength(first: u32): u32 {
  return first < NARROW ? 1 : first < ESCAPE ? 2 : 5;
}

// @ts-expect-error: decorator
@inline
export function byteCodeAt(at: u32): u32 {
  const first = <u32>load<u8>(at);
  if (first < NARROW) return first;
  return first < ESCAPE ? NARROW + ((first - NARROW) << 8) + load<u8>(at, 1) : load<u32>(at, 1);
}

/** The `width` bits, at most 32, at this bit of the stream that begins at `at`. */
// @ts-expect-error: decorator
@inline
function bitsAt(at: u32, bit: u32, width: u32): u32 {
  return <u32>((load<u64>(at + (bit >> 3)) >> (bit & 7)) & ((<u64>1 << width) - 1));
}

// @ts-expect-error: decorator
@inline
function newestFixed<T>(at: u32, count: u32, rlsn: u32): i32 {
  let lo: u32 = 0;
  let hi = count;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (<u32>load<T>(at + middle * sizeof<T>()) <= rlsn) lo = middle + 1;
    else hi = middle;
  }
  return lo - 1;
}

function newestByteDelta(at: u32, count: u32, rlsn: u32): i32 {
  let value: i64 = -1;
  for (let i: u32 = 0; i < count; i++) {
    const first = <u32>load<u8>(at);
    value += <i64>byteCodeAt(at) + 1;
    at += byteCodeLength(first);
    if (value > <i64>rlsn) return i - 1;
  }
  return count - 1;
}

/** Bits of the z of a delta of deltas, and the smallest z, by its class. */
// @ts-expect-error: decorator
@inline
function deltaBits(kind: u32): u32 {
  return 3 + 3 * kind;
}
// @ts-expect-error: decorator
@inline
function deltaFirst(kind: u32): u32 {
  return kind == 1 ? 1 : kind == 2 ? 65 : 577;
}

/** The class behind the others: the rLSN itself, in 32 bits. */
const DELTA_ESCAPE: u32 = 4;

function newestDeltaDelta(at: u32, count: u32, rlsn: u32): i32 {
  let bit: u32 = 0;
  let before: i64 = -1;
  let gap: i64 = 1;
  for (let i: u32 = 0; i < count; i++) {
    // At most 36 bits in any class: one load has them.
    const word = load<u64>(at + (bit >> 3)) >> (bit & 7);
    let value = before + gap;
    if ((word & 1) == 0) bit++;
    else {
      const ones = <u32>ctz(~word);
      if (ones >= DELTA_ESCAPE) {
        value = <i64>((word >> DELTA_ESCAPE) & 0xffffffff);
        bit += DELTA_ESCAPE + 32;
      } else {
        const width = deltaBits(ones);
        const z = <i64>deltaFirst(ones) + <i64>((word >> (ones + 1)) & ((<u64>1 << width) - 1));
        value += (z & 1) == 0 ? z >> 1 : -((z + 1) >> 1);
        bit += ones + 1 + width;
      }
    }
    if (value > <i64>rlsn) return i - 1;
    gap = value - before;
    before = value;
  }
  return count - 1;
}

function newestEliasFano(at: u32, count: u32, largest: u32, rlsn: u32): i32 {
  if (rlsn >= largest) return count - 1;
  const ratio = largest / count;
  const width: u32 = ratio == 0 ? 0 : 31 - clz(ratio);
  const high = rlsn >> width;
  const low = rlsn - (high << width);
  // Behind the first `high` zeros of the high bits are the rLSNs whose high part is `high`: whole words are skipped.
  const highAt = count * width;
  let bit = highAt;
  let zeros = high;
  while (zeros > 0) {
    const shift = bit & 7;
    let word = ~load<u64>(at + (bit >> 3)) >> shift;
    const inWord = <u32>popcnt(word);
    if (inWord < zeros) {
      zeros -= inWord;
      bit += 64 - shift;
    } else {
      for (; zeros > 1; zeros--) word &= word - 1;
      bit += <u32>ctz(word) + 1;
      break;
    }
  }
  let i = bit - highAt - high;
  while (i < count && bitsAt(at, bit, 1) == 1 && bitsAt(at, i * width, width) <= low) {
    i++;
    bit++;
  }
  return i - 1;
}

/** The position in the list at `at`, of `count` rLSNs, of the last one at or below `rlsn`; -1 where there is none. */
// @ts-expect-error: decorator
@inline
export function newestInList(at: u32, codec: u32, count: u32, largest: u32, rlsn: u32): i32 {
  if (codec == U16) return newestFixed<u16>(at, count, rlsn);
  if (codec == U8) return newestFixed<u8>(at, count, rlsn);
  if (codec == U32) return newestFixed<u32>(at, count, rlsn);
  if (codec == BYTE_DELTAS) return newestByteDelta(at, count, rlsn);
  if (codec == DELTA_DELTAS) return newestDeltaDelta(at, count, rlsn);
  return newestEliasFano(at, count, largest, rlsn);
}
