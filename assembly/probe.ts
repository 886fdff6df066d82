// The probe: offset to ordinal, then ordinal and rLSN to the newest version at or below. It trusts what `derive` has
// written, checks nothing twice, and allocates nothing.
import { deltaRlsn, lastDeltaAtOrBelow } from "./deltas";
import { fieldCount, fieldOnes, fieldTops } from "./fields";
import { ID } from "./memory";
import { groupRank, mergedRank, sparseOrdinal } from "./search";
import { BITMAP, bitsAt, BYTES, CONSTANT, FIXED_CUMULATIVE, FIXED_SINGLE, FIXED_UNIFORM, RUN, tableAt } from "./volume";

export { findMany } from "./batch";

/** The ordinal of `offset` among the volume's offsets, or -1. */
// @ts-ignore: decorator
@inline
function ordinalOf(volume: u32, offset: u32): i32 {
  const x = offset - load<u32>(volume, 4);
  if (x > load<u32>(volume, 8)) return -1;
  const kind = load<u8>(volume);
  if (kind == RUN) return x;
  const bits = load<u32>(volume, 12);
  const directory = load<u32>(volume, 16);
  if (kind == BITMAP) {
    const word = load<u64>(bits + ((x >> 6) << 3));
    const shift = <u64>(x & 63);
    if (((word >> shift) & 1) == 0) return -1;
    return load<u32>(directory + ((x >> 6) << 2)) + <u32>popcnt(word & ((<u64>1 << shift) - 1));
  }
  const width = load<u32>(volume, 20);
  const wide = <u32>load<u8>(volume, 2);
  const fields = fieldCount(width);
  const ones = fieldOnes(width, fields);
  return sparseOrdinal(x, directory, wide, bits, width, fields, ones, fieldTops(width, ones));
}

/** `find`, inlined where the core calls it itself: a local page number, or -1. */
// @ts-ignore: decorator
@inline
export function probe(volume: u32, offset: u32, rlsn: u32): i32 {
  const ordinal = ordinalOf(volume, offset);
  if (ordinal < 0) return -1;
  const kind = load<u8>(volume, 1);
  const width = load<u32>(volume, 32);
  const firstLocal = load<u32>(volume, 48);
  if (kind == CONSTANT) return rlsn >= width ? ordinal + firstLocal : -1;
  const bits = load<u32>(volume, 24);
  if (kind == FIXED_SINGLE) return rlsn >= bitsAt(bits, ordinal, width) ? ordinal + firstLocal : -1;
  if (kind == BYTES) {
    const found = lastDeltaAtOrBelow(volume, ordinal, rlsn);
    return found < 0 ? -1 : found + firstLocal;
  }
  const fields = fieldCount(width);
  const ones = fieldOnes(width, fields);
  const tops = fieldTops(width, ones);
  const directory = load<u32>(volume, 28);
  let start: u32;
  let rank: u32;
  if (kind == FIXED_UNIFORM || kind == FIXED_CUMULATIVE) {
    const each = load<u32>(volume, 36);
    let end: u32;
    if (kind == FIXED_UNIFORM) {
      start = ordinal * each;
      end = start + each;
    } else {
      start = load<u32>(directory + (ordinal << 2));
      end = load<u32>(directory + (ordinal << 2), 4);
    }
    rank = groupRank(rlsn, start, end, bits, width, fields, ones, tops);
  } else {
    const wide = <u32>load<u8>(volume, 3);
    const span = load<u64>(volume, 40);
    const base = <u64>ordinal * span;
    const past = base + min<u64>(<u64>rlsn + 1, span);
    start = mergedRank(base, directory, wide, bits, width, fields, ones, tops);
    rank = mergedRank(past, directory, wide, bits, width, fields, ones, tops);
  }
  return rank > start ? rank - 1 + firstLocal : -1;
}

/** The local page number of the newest version of `offset` at or below `rlsn`, or -1. `volume` is a handle. */
export function find(volume: u32, offset: u32, rlsn: u32): i32 {
  return probe(volume, offset, rlsn);
}

/** The rLSN of the version at `local`, a local page number of this volume. */
export function rlsnAt(volume: u32, local: u32): u32 {
  const kind = load<u8>(volume, 1);
  const width = load<u32>(volume, 32);
  if (kind == CONSTANT) return width;
  const index = local - load<u32>(volume, 48);
  const bits = load<u32>(volume, 24);
  if (kind < BYTES) return bitsAt(bits, index, width);
  if (kind == BYTES) return deltaRlsn(volume, index);
  // The last bucket that begins at or before the index holds its value.
  const directory = load<u32>(volume, 28);
  const span = load<u64>(volume, 40);
  const wide = <u32>load<u8>(volume, 3);
  let lo: u32 = 0;
  let hi = <u32>((<u64>load<u32>(volume, 52) * span - 1) >> width) + 1;
  while (hi - lo > 1) {
    const middle = (lo + hi) >> 1;
    if (tableAt(directory, wide, middle) <= index) lo = middle;
    else hi = middle;
  }
  const value = (<u64>lo << width) | bitsAt(bits, index, width);
  return <u32>(value % span);
}

/** The handle of the volume whose id is in ID, or 0. `table` holds `count` ids, `volumes` their volumes. */
export function findVolume(table: u32, volumes: u32, count: u32): u32 {
  const high = bswap(load<u64>(ID));
  const low = bswap(load<u64>(ID, 8));
  let lo: u32 = 0;
  let hi = count;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    const id = table + (middle << 4);
    const idHigh = bswap(load<u64>(id));
    if (idHigh < high || (idHigh == high && bswap(load<u64>(id, 8)) < low)) lo = middle + 1;
    else hi = middle;
  }
  if (lo == count) return 0;
  const id = table + (lo << 4);
  return bswap(load<u64>(id)) == high && bswap(load<u64>(id, 8)) == low ? volumes + (lo << 6) : 0;
}
