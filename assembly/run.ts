// A run: one volume's versions in several segments, merged for lookups. It lies in one allocation of the host's:
//
//   part        64 bytes (parts.ts), filled in by the host before the run is built
//   frames      u32 for each segment
//   directory   u32 for each bucket of 2^shift offsets, and one more: where its entries begin
//   entries     u64 for each version, ascending: offset within its bucket | rLSN | segment | local page number, from the
//               most significant bit down, in the widths that the part says
//
// A lookup reads one pair of the directory and, mostly, one cache line of entries. Segments are numbered in the order of
// their LSNs. Building appends entries in the order of (offset, rLSN), from an opened index or from two older runs.
import {
  localBitsOf,
  ones,
  positionBitsOf,
  rlsnBitsOf,
} from "./parts";
import {
  BITMAP,
  bitsAt,
  BYTES,
  CONSTANT,
  FIXED_CUMULATIVE,
  FIXED_SINGLE,
  FIXED_UNIFORM,
  RUN,
  tableAt,
} from "./volume";

// The run that is being built.
let run: u32 = 0;
let nextEntry: u32 = 0; // address
let nextBucket: u32 = 0;
let largestRlsn: u64 = 0; // that the part allows
let exceeded: bool = false;

function startRun(part: u32): void {
  run = part;
  nextEntry = load<u32>(part, 40);
  nextBucket = 0;
  largestRlsn = <u64>(load<f64>(part, 16) - load<f64>(part, 8));
  exceeded = false;
}

/** Begins the buckets up to `bucket` at the next entry. */
// @ts-ignore: decorator
@inline
function openBuckets(bucket: u32): void {
  const directory = load<u32>(run, 36);
  const index = (nextEntry - load<u32>(run, 40)) >> 3;
  for (; nextBucket <= bucket; nextBucket++) store<u32>(directory + (nextBucket << 2), index);
}

// @ts-ignore: decorator
@inline
function append(offset: u32, rlsn: u32, segment: u32, local: u32): void {
  if (<u64>rlsn > largestRlsn) {
    exceeded = true;
    return;
  }
  const x = offset - load<u32>(run, 24);
  const shift = <u32>load<u8>(run, 1);
  openBuckets(x >> shift);
  const low = <u64>x & ones(shift);
  store<u64>(
    nextEntry,
    (((low << rlsnBitsOf(run)) | rlsn) << positionBitsOf(run)) | (<u64>segment << localBitsOf(run)) | local,
  );
  nextEntry += 8;
}

function finishRun(): void {
  openBuckets((load<u32>(run, 28) >> <u32>load<u8>(run, 1)) + 1);
}

// The volume that is being read: its versions in order.
let source: u32 = 0;
let version: u32 = 0;
let deltaAt: u32 = 0; // where the next byte delta begins
let bucket: u32 = 0; // of merged rLSNs: the bucket that holds `version`

function nextDelta(): u32 {
  const byte = <u32>load<u8>(deltaAt);
  if (byte < 255) {
    deltaAt += 1;
    return byte;
  }
  const value = load<u32>(deltaAt, 1);
  deltaAt += 5;
  return value;
}

/** Appends the versions of the volume's offset `ordinal`, which is `offset`. */
function appendVersions(ordinal: u32, offset: u32): void {
  const kind = <u32>load<u8>(source, 1);
  const width = load<u32>(source, 32);
  const bits = load<u32>(source, 24);
  const directory = load<u32>(source, 28);
  const local = load<u32>(source, 48);
  if (kind == CONSTANT || kind == FIXED_SINGLE) {
    append(offset, kind == CONSTANT ? width : bitsAt(bits, ordinal, width), 0, local + ordinal);
  } else if (kind == FIXED_UNIFORM || kind == FIXED_CUMULATIVE) {
    const each = load<u32>(source, 36);
    const starts = directory + (ordinal << 2);
    const end = kind == FIXED_UNIFORM ? version + each : load<u32>(starts, 4);
    for (; version < end; version++) append(offset, bitsAt(bits, version, width), 0, local + version);
  } else if (kind == BYTES) {
    const end = load<u32>(directory + ((ordinal + 1) << 3));
    let rlsn: u32 = 0;
    for (let first = true; version < end; version++, first = false) {
      rlsn = first ? nextDelta() : rlsn + nextDelta() + 1;
      append(offset, rlsn, 0, local + version);
    }
  } else {
    const wide = <u32>load<u8>(source, 3);
    const base = <u64>ordinal * load<u64>(source, 40);
    const end = base + load<u64>(source, 40);
    const count = load<u32>(source, 56);
    for (; version < count; version++) {
      while (tableAt(directory, wide, bucket + 1) <= version) bucket++;
      const key = (<u64>bucket << width) | bitsAt(bits, version, width);
      if (key >= end) return;
      append(offset, <u32>(key - base), 0, local + version);
    }
  }
}

/**
 * Builds `part` from a volume of an opened index, as its segment 0. Its rLSNs are the volume's. False where one of them is
 * beyond the part's last LSN.
 */
export function runOfVolume(part: u32, volume: u32): bool {
  startRun(part);
  source = volume;
  version = 0;
  bucket = 0;
  deltaAt = load<u32>(volume, 24);
  const kind = <u32>load<u8>(volume);
  const first = load<u32>(volume, 4);
  const bits = load<u32>(volume, 12);
  const directory = load<u32>(volume, 16);
  const count = load<u32>(volume, 52);
  if (kind == RUN) {
    for (let i: u32 = 0; i < count; i++) appendVersions(i, first + i);
  } else if (kind == BITMAP) {
    let ordinal: u32 = 0;
    for (let at: u32 = 0; ordinal < count; at += 64) {
      // Bits behind the last offset belong to something else: the count ends the walk before them.
      for (let word = load<u64>(bits + (at >> 3)); word != 0 && ordinal < count; word &= word - 1) {
        appendVersions(ordinal++, first + at + <u32>ctz(word));
      }
    }
  } else {
    const wide = <u32>load<u8>(volume, 2);
    const width = load<u32>(volume, 20);
    let high: u32 = 0;
    for (let i: u32 = 0; i < count; i++) {
      while (tableAt(directory, wide, high + 1) <= i) high++;
      appendVersions(i, first + ((high << width) | bitsAt(bits, i, width)));
    }
  }
  finishRun();
  return !exceeded;
}

/**
 * Builds `part` from an older and a newer run; the newer one's segments come behind the older's `segmentCount`. Every
 * version is copied once for each doubling of what it is merged into: all widths are kept in locals.
 */
export function mergeRuns(part: u32, older: u32, newer: u32, segmentCount: u32): void {
  const base = load<f64>(part, 8);
  const lowest = load<u32>(part, 24);
  const directory = load<u32>(part, 36);
  const shift = <u32>load<u8>(part, 1);
  const lowMask = ones(shift);
  const rlsnBits = rlsnBitsOf(part);
  const localBits = localBitsOf(part);
  const positionBits = positionBitsOf(part);
  const entries = load<u32>(part, 40);
  let to = entries;
  let opened: u32 = 0; // buckets

  const aDelta = <u32>(load<f64>(older, 8) - base);
  const aDirectory = load<u32>(older, 36);
  const aShift = <u32>load<u8>(older, 1);
  const aRlsnBits = rlsnBitsOf(older);
  const aLocalBits = localBitsOf(older);
  const aPositionBits = positionBitsOf(older);
  const aFirst = load<u32>(older, 40);
  const aEnd = aFirst + (load<u32>(older, 44) << 3);
  let a = aFirst;
  let aBucket: u32 = 0;
  let aKey = keyAt(older, a, aEnd, aBucket = bucketOf(aDirectory, aFirst, a, aEnd, 0), aShift, aRlsnBits, aPositionBits, aDelta);

  const bDelta = <u32>(load<f64>(newer, 8) - base);
  const bDirectory = load<u32>(newer, 36);
  const bShift = <u32>load<u8>(newer, 1);
  const bRlsnBits = rlsnBitsOf(newer);
  const bLocalBits = localBitsOf(newer);
  const bPositionBits = positionBitsOf(newer);
  const bFirst = load<u32>(newer, 40);
  const bEnd = bFirst + (load<u32>(newer, 44) << 3);
  let b = bFirst;
  let bBucket: u32 = 0;
  let bKey = keyAt(newer, b, bEnd, bBucket = bucketOf(bDirectory, bFirst, b, bEnd, 0), bShift, bRlsnBits, bPositionBits, bDelta);

  while (a < aEnd || b < bEnd) {
    const fromA = aKey < bKey;
    const key = fromA ? aKey : bKey;
    let position: u64;
    if (fromA) {
      const stored = load<u64>(a) & ones(aPositionBits);
      position = ((stored >> aLocalBits) << localBits) | (stored & ones(aLocalBits));
      a += 8;
      aBucket = bucketOf(aDirectory, aFirst, a, aEnd, aBucket);
      aKey = keyAt(older, a, aEnd, aBucket, aShift, aRlsnBits, aPositionBits, aDelta);
    } else {
      const stored = load<u64>(b) & ones(bPositionBits);
      position = (((stored >> bLocalBits) + segmentCount) << localBits) | (stored & ones(bLocalBits));
      b += 8;
      bBucket = bucketOf(bDirectory, bFirst, b, bEnd, bBucket);
      bKey = keyAt(newer, b, bEnd, bBucket, bShift, bRlsnBits, bPositionBits, bDelta);
    }
    const x = <u32>(key >> 32) - lowest;
    for (const bucket = x >> shift; opened <= bucket; opened++) {
      store<u32>(directory + (opened << 2), (to - entries) >> 3);
    }
    store<u64>(to, (((<u64>x & lowMask) << rlsnBits | (key & 0xffff_ffff)) << positionBits) | position);
    to += 8;
  }
  for (const end = (load<u32>(part, 28) >> shift) + 1; opened <= end; opened++) {
    store<u32>(directory + (opened << 2), (to - entries) >> 3);
  }
}

/** The bucket of the entry at `at`, which is `from` or a later one; `from` at the end. */
// @ts-ignore: decorator
@inline
function bucketOf(directory: u32, first: u32, at: u32, end: u32, from: u32): u32 {
  if (at < end) while (first + (load<u32>(directory + (from << 2), 4) << 3) <= at) from++;
  return from;
}

/** Offset, then rLSN with `delta` added; all bits set at the end. */
// @ts-ignore: decorator
@inline
function keyAt(
  part: u32,
  at: u32,
  end: u32,
  bucket: u32,
  shift: u32,
  rlsnBits: u64,
  positionBits: u64,
  delta: u32,
): u64 {
  if (at >= end) return u64.MAX_VALUE;
  const entry = load<u64>(at) >> positionBits;
  const offset = load<u32>(part, 24) + (bucket << shift) + <u32>(entry >> rlsnBits);
  return (<u64>offset << 32) | <u64>(<u32>(entry & ones(rlsnBits)) + delta);
}

/** Buckets with more entries than this are bisected before they are scanned. */
const SCAN_LIMIT: u32 = 8;

/** The entry of the newest version of `offset` at or below `rlsn`, or -1 as a u64 (no entry has all bits set). */
// @ts-ignore: decorator
@inline
export function findInRun(part: u32, offset: u32, rlsn: u64): u64 {
  const x = offset - load<u32>(part, 24);
  const shift = <u32>load<u8>(part, 1);
  const positionBits = positionBitsOf(part);
  const rlsnBits = rlsnBitsOf(part);
  const low = <u64>x & ones(shift);
  const pair = load<u64>(load<u32>(part, 36) + ((x >> shift) << 2));
  const entries = load<u32>(part, 40);
  let start = <u32>pair;
  let end = <u32>(pair >> 32);
  const first = start;
  const key = (((low << rlsnBits) | min(rlsn, ones(rlsnBits))) << positionBits) | ones(positionBits);
  while (end - start > SCAN_LIMIT) {
    const middle = (start + end) >> 1;
    if (load<u64>(entries + (middle << 3)) <= key) start = middle + 1;
    else end = middle;
  }
  while (start < end && load<u64>(entries + (start << 3)) <= key) start++;
  if (start == first) return u64.MAX_VALUE;
  const entry = load<u64>(entries + ((start - 1) << 3));
  return entry >> (positionBits + rlsnBits) == low ? entry : u64.MAX_VALUE;
}
