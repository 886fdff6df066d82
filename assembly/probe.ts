// The probe: offset to ordinal, then ordinal and rLSN to the newest version at or below. It trusts what `derive` has
// written, checks nothing twice, and allocates nothing.
import { ID, LOCALS, OFFSETS, RLSNS } from "./memory";
import {
  BITMAP,
  bitsAt,
  BYTES,
  CONSTANT,
  FIXED_CUMULATIVE,
  FIXED_SINGLE,
  FIXED_UNIFORM,
  RUN,
  SAMPLE_INTERVAL,
  tableAt,
} from "./volume";

/** Buckets up to this many entries are scanned, longer ones bisected. */
const SCAN_LIMIT: u32 = 8;

/** The first index in `start..end` whose low bits are `target` or more; the low bits ascend within a bucket. */
// @ts-ignore: decorator
@inline
function lowerBound(bits: u32, width: u32, start: u32, end: u32, target: u32): u32 {
  while (end - start > SCAN_LIMIT) {
    const middle = (start + end) >> 1;
    if (bitsAt(bits, middle, width) < target) start = middle + 1;
    else end = middle;
  }
  while (start < end && bitsAt(bits, start, width) < target) start++;
  return start;
}

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
  const bucket = x >> width;
  const end = tableAt(directory, wide, bucket + 1);
  const low = x & ((1 << width) - 1);
  const found = lowerBound(bits, width, tableAt(directory, wide, bucket), end, low);
  return found < end && bitsAt(bits, found, width) == low ? found : -1;
}

/** The last index in `start..end` of fixed-width values that is at most `rlsn`, or -1; the values ascend. */
// @ts-ignore: decorator
@inline
function lastAtOrBelow(bits: u32, width: u32, start: u32, end: u32, rlsn: u32): i32 {
  const first = start;
  while (start < end) {
    const middle = (start + end) >> 1;
    if (bitsAt(bits, middle, width) <= rlsn) start = middle + 1;
    else end = middle;
  }
  return start > first ? start - 1 : -1;
}

/** How many values of a merged sequence are below `key`. */
// @ts-ignore: decorator
@inline
function mergedRank(volume: u32, bits: u32, width: u32, key: u64): u32 {
  const directory = load<u32>(volume, 28);
  const wide = <u32>load<u8>(volume, 3);
  const bucket = <u32>(key >> width);
  const low = <u32>(key & ((<u64>1 << width) - 1));
  return lowerBound(bits, width, tableAt(directory, wide, bucket), tableAt(directory, wide, bucket + 1), low);
}

/** One byte delta: its value, with `at` moved on by its length. */
let at: u32 = 0;
// @ts-ignore: decorator
@inline
function nextDelta(): u32 {
  const byte = <u32>load<u8>(at);
  if (byte < 255) {
    at += 1;
    return byte;
  }
  const value = load<u32>(at, 1);
  at += 5;
  return value;
}

/** A group's last version at or below `rlsn` in byte deltas, or -1. */
function lastDeltaAtOrBelow(volume: u32, ordinal: u32, rlsn: u32): i32 {
  const bytes = load<u32>(volume, 24);
  const group = load<u32>(volume, 28) + (ordinal << 3);
  const samples = load<u32>(volume, 36);
  const start = load<u32>(group);
  const end = load<u32>(group, 8);
  // The samples inside the group are those of indexes lo*32 .. (hi-1)*32; the last one at or below rlsn begins the scan.
  const firstSample = (start + SAMPLE_INTERVAL - 1) / SAMPLE_INTERVAL;
  let lo = firstSample;
  let hi = (end + SAMPLE_INTERVAL - 1) / SAMPLE_INTERVAL;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (load<u32>(samples + (middle << 3)) <= rlsn) lo = middle + 1;
    else hi = middle;
  }
  let index: u32;
  let value: u32;
  if (lo > firstSample) {
    const sample = samples + ((lo - 1) << 3);
    index = (lo - 1) * SAMPLE_INTERVAL;
    value = load<u32>(sample);
    at = bytes + load<u32>(sample, 4);
  } else {
    index = start;
    at = bytes + load<u32>(group, 4);
    value = nextDelta();
    if (value > rlsn) return -1;
  }
  while (index + 1 < end) {
    const next = <u64>value + nextDelta() + 1;
    if (next > <u64>rlsn) break;
    value = <u32>next;
    index++;
  }
  return index;
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
  let found: i32;
  if (kind == FIXED_UNIFORM) {
    const each = load<u32>(volume, 36);
    found = lastAtOrBelow(bits, width, ordinal * each, (ordinal + 1) * each, rlsn);
  } else if (kind == FIXED_CUMULATIVE) {
    const start = load<u32>(volume, 28) + (ordinal << 2);
    found = lastAtOrBelow(bits, width, load<u32>(start), load<u32>(start, 4), rlsn);
  } else if (kind == BYTES) {
    found = lastDeltaAtOrBelow(volume, ordinal, rlsn);
  } else {
    const span = load<u64>(volume, 40);
    const base = <u64>ordinal * span;
    const past = <u64>rlsn < span ? base + rlsn + 1 : base + span;
    const rank = mergedRank(volume, bits, width, past);
    found = rank > mergedRank(volume, bits, width, base) ? rank - 1 : -1;
  }
  return found < 0 ? -1 : found + firstLocal;
}

/** The local page number of the newest version of `offset` at or below `rlsn`, or -1. `volume` is a handle. */
export function find(volume: u32, offset: u32, rlsn: u32): i32 {
  return probe(volume, offset, rlsn);
}

/** `find` for the first `count` queries of the batch. */
export function findMany(volume: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const step = i << 2;
    store<i32>(LOCALS + step, probe(volume, load<u32>(OFFSETS + step), load<u32>(RLSNS + step)));
  }
}

/** The rLSN of the version at `local`, a local page number of this volume. */
export function rlsnAt(volume: u32, local: u32): u32 {
  const kind = load<u8>(volume, 1);
  const width = load<u32>(volume, 32);
  if (kind == CONSTANT) return width;
  const index = local - load<u32>(volume, 48);
  const bits = load<u32>(volume, 24);
  if (kind < BYTES) return bitsAt(bits, index, width);
  const directory = load<u32>(volume, 28);
  let lo: u32 = 0;
  if (kind == BYTES) {
    // The group that holds the index, then along it.
    let hi = load<u32>(volume, 52);
    while (hi - lo > 1) {
      const middle = (lo + hi) >> 1;
      if (load<u32>(directory + (middle << 3)) <= index) lo = middle;
      else hi = middle;
    }
    const group = directory + (lo << 3);
    const start = load<u32>(group);
    const sampled = index - (index % SAMPLE_INTERVAL);
    let from = start;
    let value: u32;
    if (sampled > start) {
      const sample = load<u32>(volume, 36) + ((sampled / SAMPLE_INTERVAL) << 3);
      from = sampled;
      value = load<u32>(sample);
      at = bits + load<u32>(sample, 4);
    } else {
      at = bits + load<u32>(group, 4);
      value = nextDelta();
    }
    while (from < index) {
      value += nextDelta() + 1;
      from++;
    }
    return value;
  }
  // The last bucket that begins at or before the index holds its value.
  const span = load<u64>(volume, 40);
  const wide = <u32>load<u8>(volume, 3);
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
