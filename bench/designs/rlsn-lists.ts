/**
 * The codecs of rLSN lists: the rLSNs of one offset's versions, ascending, in bytes; and the search for the newest at or
 * below a given one, over the bytes and without allocation. How many rLSNs a list has is kept by who holds the list.
 *
 *     u32, u16, u8   a little-endian integer each
 *     byte deltas    byte codes: the first rLSN, then for each further one the gap to the one before, less 1
 *     delta deltas   a bit stream, least significant bit first. Each rLSN is predicted to keep the gap before it (the
 *                    first to be 0); of the error e, z = 2e for e >= 0 and -2e - 1 for e < 0:
 *                        0                     z = 0
 *                        1 0     + 6 bits      z - 1
 *                        1 1 0   + 9 bits      z - 65
 *                        1 1 1 0 + 12 bits     z - 577
 *                        1 1 1 1 + 32 bits     any other: the rLSN itself
 *     Elias-Fano     with n the rLSNs of the list, `largest` that of the set (kept by who holds the list) and
 *                    w = floor(log2(largest / n)), or 0: a bit stream of the low w bits of each rLSN, and right behind
 *                    it the high bits, in which rLSN i sets bit floor(rLSN / 2^w) + i of n + floor(largest / 2^w)
 *
 * A bit stream fills its last byte with zeros. A byte code is one byte for values below 192; two for those below 16320,
 * 192 + floor((value - 192) / 256) and (value - 192) mod 256; and five for any other, 255 and a u32.
 */
import { RLSN_WIDTHS, type RlsnWidth } from "./design.js";

/** Codecs by number: the position of their width in `RLSN_WIDTHS`. */
export const U32 = 0;
export const U16 = 1;
export const U8 = 2;
export const BYTE_DELTAS = 3;
export const DELTA_DELTAS = 4;
export const ELIAS_FANO = 5;

/** Bytes of an rLSN in the fixed widths; 0 for the other codecs. */
export const FIXED_BYTES: readonly number[] = [4, 2, 1, 0, 0, 0];

export function codecOf(width: RlsnWidth): number {
  return RLSN_WIDTHS.indexOf(width);
}

/** Byte codes below this are one byte, below `WIDE` two, 255 and a u32 otherwise. */
export const NARROW = 192;
export const WIDE = NARROW + 63 * 256;
export const ESCAPE = 255;

/** Bytes of the code that begins with `first`. */
export function byteCodeLength(first: number): number {
  return first < NARROW ? 1 : first < ESCAPE ? 2 : 5;
}

export function byteCodeAt(view: DataView, at: number): number {
  const first = view.getUint8(at);
  if (first < NARROW) return first;
  return first < ESCAPE ? NARROW + ((first - NARROW) << 8) + view.getUint8(at + 1) : view.getUint32(at + 1, true);
}

/** The classes of delta deltas: `DELTA_FIRST[c]` is the smallest z of class c, which has `DELTA_BITS[c]` bits. */
export const DELTA_FIRST = [0, 1, 65, 577, 4673];
export const DELTA_BITS = [0, 6, 9, 12, 32];
export const DELTA_ESCAPE = 4;

/** Width of the low bits of an Elias-Fano list. */
export function lowWidth(count: number, largest: number): number {
  const ratio = Math.floor(largest / count);
  return ratio === 0 ? 0 : 31 - Math.clz32(ratio);
}

/** The `width` bits, at most 32, at this bit of the stream that begins at `at`. */
function bitsAt(view: DataView, at: number, bit: number, width: number): number {
  if (width === 0) return 0;
  const byte = at + (bit >>> 3);
  const shift = bit & 7;
  let value = view.getUint32(byte, true) >>> shift;
  if (shift + width > 32) value |= view.getUint8(byte + 4) << (32 - shift);
  return width === 32 ? value >>> 0 : value & ((1 << width) - 1);
}

function newestU32(view: DataView, at: number, count: number, rlsn: number): number {
  let lo = 0;
  let hi = count;
  while (lo < hi) {
    const middle = (lo + hi) >>> 1;
    if (view.getUint32(at + 4 * middle, true) <= rlsn) lo = middle + 1;
    else hi = middle;
  }
  return lo - 1;
}

function newestU16(view: DataView, at: number, count: number, rlsn: number): number {
  let lo = 0;
  let hi = count;
  while (lo < hi) {
    const middle = (lo + hi) >>> 1;
    if (view.getUint16(at + 2 * middle, true) <= rlsn) lo = middle + 1;
    else hi = middle;
  }
  return lo - 1;
}

function newestU8(view: DataView, at: number, count: number, rlsn: number): number {
  let lo = 0;
  let hi = count;
  while (lo < hi) {
    const middle = (lo + hi) >>> 1;
    if (view.getUint8(at + middle) <= rlsn) lo = middle + 1;
    else hi = middle;
  }
  return lo - 1;
}

function newestByteDelta(view: DataView, at: number, count: number, rlsn: number): number {
  let value = -1;
  for (let i = 0; i < count; i++) {
    const first = view.getUint8(at);
    if (first < NARROW) {
      value += first + 1;
      at++;
    } else {
      value += byteCodeAt(view, at) + 1;
      at += byteCodeLength(first);
    }
    if (value > rlsn) return i - 1;
  }
  return count - 1;
}

function newestDeltaDelta(view: DataView, at: number, count: number, rlsn: number): number {
  let bit = 0;
  let before = -1;
  let gap = 1;
  for (let i = 0; i < count; i++) {
    // At most 16 bits in all but the last class: one load has them.
    const word = view.getUint32(at + (bit >>> 3), true) >>> (bit & 7);
    let value = before + gap;
    if ((word & 1) === 0) bit++;
    else {
      const zeros = ~word | (1 << DELTA_ESCAPE);
      const kind = 31 - Math.clz32(zeros & -zeros);
      if (kind === DELTA_ESCAPE) {
        value = bitsAt(view, at, bit + DELTA_ESCAPE, 32);
        bit += DELTA_ESCAPE + 32;
      } else {
        const width = DELTA_BITS[kind];
        const z = DELTA_FIRST[kind] + ((word >>> (kind + 1)) & ((1 << width) - 1));
        value += (z & 1) === 0 ? z >>> 1 : -((z + 1) >>> 1);
        bit += kind + 1 + width;
      }
    }
    if (value > rlsn) return i - 1;
    gap = value - before;
    before = value;
  }
  return count - 1;
}

function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function newestEliasFano(view: DataView, at: number, count: number, largest: number, rlsn: number): number {
  if (rlsn >= largest) return count - 1;
  const width = lowWidth(count, largest);
  if (count === 1) {
    // Its high part is 0 or 1.
    const value = bitsAt(view, at, 0, width) + (bitsAt(view, at, width, 1) === 1 ? 0 : 2 ** width);
    return value <= rlsn ? 0 : -1;
  }
  const high = rlsn >>> width;
  const low = rlsn - high * 2 ** width;
  // Behind the first `high` zeros of the high bits are the rLSNs whose high part is `high`: whole words are skipped.
  let bit = count * width;
  for (let zeros = high; zeros > 0; ) {
    const word = ~view.getUint32(at + (bit >>> 3), true) >>> (bit & 7);
    const span = 32 - (bit & 7);
    const inWord = popcount(word);
    if (inWord < zeros) {
      zeros -= inWord;
      bit += span;
    } else {
      let rest = word;
      for (; zeros > 1; zeros--) rest &= rest - 1;
      bit += 32 - Math.clz32(rest & -rest);
      zeros = 0;
    }
  }
  let i = bit - count * width - high;
  while (i < count && bitsAt(view, at, bit, 1) === 1 && bitsAt(view, at, i * width, width) <= low) {
    i++;
    bit++;
  }
  return i - 1;
}

/**
 * The position in the list at `at`, of `count` rLSNs, of the last one at or below `rlsn`; -1 where there is none.
 *
 * @param largest As given to `putList`; only Elias-Fano asks for it.
 */
export function newestInList(
  view: DataView,
  at: number,
  codec: number,
  count: number,
  largest: number,
  rlsn: number,
): number {
  switch (codec) {
    case U32:
      return newestU32(view, at, count, rlsn);
    case U16:
      return newestU16(view, at, count, rlsn);
    case U8:
      return newestU8(view, at, count, rlsn);
    case BYTE_DELTAS:
      return newestByteDelta(view, at, count, rlsn);
    case DELTA_DELTAS:
      return newestDeltaDelta(view, at, count, rlsn);
    default:
      return newestEliasFano(view, at, count, largest, rlsn);
  }
}
