// Design d, sorted arrays, over the bytes that bench/designs/sorted-arrays.ts describes: one query at a time, and sixteen
// in lockstep. Bisection takes the same steps whatever it finds, so the steps of sixteen queries can be interleaved:
// none waits for another's cache misses, and no branch depends on what is found. A record:
//
//    0  first offset  u32
//    4  count         u32  K, offsets
//    8  offsets       u32  address of the array
//   12  bytes         u32  of an offset: 1 to 4
//   16  versions (ordinal-versions.ts)
//   48  id
import { readAhead } from "./ahead";
import { HANDLES, LANES, LOCALS, OFFSETS, RLSNS } from "./memory";
import { beginRecord, codecOf, RECORD_BYTES, SEPARATE_HEADER_BYTES } from "./opened";
import { newestOfOrdinal, openOrdinals, ordinalHeaderBytes } from "./ordinal-versions";

const VOLUME_ENTRY_BYTES: u32 = 20;
const BLOCK_AT: u32 = 16;
const VERSIONS_AT: u32 = 8;

/** Writes the records of the index at `index` to `area`; returns how many. */
export function openSortedArrays(index: u32, separate: bool, area: u32): u32 {
  const head = separate ? index + SEPARATE_HEADER_BYTES : index;
  const align: u32 = separate ? 7 : 0;
  const codec = codecOf(load<u8>(head));
  const volumes = <u32>load<u16>(head, 2);
  const table = (head + 4 + align) & ~align;
  for (let i: u32 = 0; i < volumes; i++) {
    const entry = table + i * VOLUME_ENTRY_BYTES;
    const record = area + i * RECORD_BYTES;
    const block = index + load<u32>(entry, BLOCK_AT);
    const count = <u32>load<u16>(block, 4);
    const header = block + VERSIONS_AT;
    const bytes = <u32>load<u8>(header, 5);
    const offsets = (header + ordinalHeaderBytes(header) + align) & ~align;
    beginRecord(record, entry);
    store<u32>(record, load<u32>(block));
    store<u32>(record, count, 4);
    store<u32>(record, offsets, 8);
    store<u32>(record, bytes, 12);
    openOrdinals(record, header, offsets + bytes * count, count, load<u16>(block, 6), align, codec);
  }
  return volumes;
}

// @ts-ignore: decorator
@inline
function maskOf(bytes: u32): u32 {
  return 0xffffffff >> (32 - (bytes << 3));
}

/** `step` where `condition` holds, else 0, without a branch. */
// @ts-ignore: decorator
@inline
function stepIf(condition: bool, step: u32): u32 {
  return step & -(<u32>condition);
}

/** The position of the last offset at or below `distance` in the array; 0 where none is. */
// @ts-ignore: decorator
@inline
function bisect<T>(offsets: u32, count: u32, distance: u32): u32 {
  let at = offsets;
  for (let length = count; length > 1; ) {
    const half = length >> 1;
    const step = half * sizeof<T>();
    at += stepIf(<u32>load<T>(at + step) <= distance, step);
    length -= half;
  }
  return (at - offsets) / sizeof<T>();
}

// @ts-ignore: decorator
@inline
function bisectAny(offsets: u32, count: u32, bytes: u32, distance: u32): u32 {
  const mask = maskOf(bytes);
  let ordinal: u32 = 0;
  for (let length = count; length > 1; ) {
    const half = length >> 1;
    ordinal += stepIf((load<u32>(offsets + (ordinal + half) * bytes) & mask) <= distance, half);
    length -= half;
  }
  return ordinal;
}

// @ts-ignore: decorator
@inline
function offsetAt(offsets: u32, bytes: u32, ordinal: u32): u32 {
  return load<u32>(offsets + ordinal * bytes) & maskOf(bytes);
}

// @ts-ignore: decorator
@inline
export function findSorted(volume: u32, offset: u32, rlsn: u32): i32 {
  // Below the first offset it wraps to more than any distance that is stored.
  const distance = offset - load<u32>(volume);
  const count = load<u32>(volume, 4);
  const offsets = load<u32>(volume, 8);
  const bytes = load<u32>(volume, 12);
  let ordinal: u32;
  if (bytes == 2) ordinal = bisect<u16>(offsets, count, distance);
  else if (bytes == 4) ordinal = bisect<u32>(offsets, count, distance);
  else ordinal = bisectAny(offsets, count, bytes, distance);
  return offsetAt(offsets, bytes, ordinal) == distance ? newestOfOrdinal(volume, ordinal, rlsn) : -1;
}

// Lanes: 16 bytes each in LANES.
//
//    0  distance  u32  of the query's offset from the first
//    4  at        u32  address of the offset that the bisection stands at
//    8  length    u32  how many offsets it has still to choose from
//   12  bytes     u32  of an offset
const LANE_COUNT: u32 = 16;
const LANE_BYTES: u32 = 16;
/** A batch reads ahead what has at most so many cache lines for each of its queries, as the core's does. */
const LINES_PER_QUERY: u32 = 4;

// @ts-ignore: decorator
@inline
function answer(volume: u32, lane: u32, rlsn: u32): i32 {
  const bytes = load<u32>(volume, 12);
  const at = load<u32>(lane, 4);
  if ((load<u32>(at) & maskOf(bytes)) != load<u32>(lane)) return -1;
  return newestOfOrdinal(volume, (at - load<u32>(volume, 8)) / bytes, rlsn);
}

/** The queries of one block in one volume: all lanes take steps of one length. */
// @ts-ignore: decorator
@inline
function lockstep<T>(offsets: u32, count: u32, bytes: u32, mask: u32): void {
  for (let length = count; length > 1; ) {
    const half = length >> 1;
    const step = half * bytes;
    for (let lane = LANES; lane < LANES + LANE_COUNT * LANE_BYTES; lane += LANE_BYTES) {
      const at = load<u32>(lane, 4);
      store<u32>(lane, at + stepIf((<u32>load<T>(at + step) & mask) <= load<u32>(lane), step), 4);
    }
    length -= half;
  }
}

/** `findSorted` for a batch in one volume, sixteen queries in lockstep. */
export function findManyLockstep(volume: u32, count: u32): void {
  const first = load<u32>(volume);
  const length = load<u32>(volume, 4);
  const offsets = load<u32>(volume, 8);
  const bytes = load<u32>(volume, 12);
  // An array that has left the cache comes back faster in order, if there are queries enough to pay for all of it.
  if (length * bytes <= count * LINES_PER_QUERY * 64) readAhead(offsets, length * bytes);
  let i: u32 = 0;
  for (; i + LANE_COUNT <= count; i += LANE_COUNT) {
    const block = i << 2;
    for (let l: u32 = 0; l < LANE_COUNT; l++) {
      const lane = LANES + l * LANE_BYTES;
      store<u32>(lane, load<u32>(OFFSETS + block + (l << 2)) - first);
      store<u32>(lane, offsets, 4);
    }
    if (bytes == 2) lockstep<u16>(offsets, length, 2, 0xffff);
    else if (bytes == 4) lockstep<u32>(offsets, length, 4, 0xffffffff);
    else lockstep<u32>(offsets, length, bytes, maskOf(bytes));
    for (let l: u32 = 0; l < LANE_COUNT; l++) {
      const query = block + (l << 2);
      store<i32>(LOCALS + query, answer(volume, LANES + l * LANE_BYTES, load<u32>(RLSNS + query)));
    }
  }
  for (; i < count; i++) {
    store<i32>(LOCALS + (i << 2), findSorted(volume, load<u32>(OFFSETS + (i << 2)), load<u32>(RLSNS + (i << 2))));
  }
}

/** `findSorted` for a batch whose queries name their volumes, sixteen in lockstep: each lane has a length of its own. */
export function findScatteredLockstep(count: u32): void {
  let i: u32 = 0;
  for (; i + LANE_COUNT <= count; i += LANE_COUNT) {
    const block = i << 2;
    let longest: u32 = 0;
    for (let l: u32 = 0; l < LANE_COUNT; l++) {
      const lane = LANES + l * LANE_BYTES;
      const volume = load<u32>(HANDLES + block + (l << 2));
      const length = load<u32>(volume, 4);
      store<u32>(lane, load<u32>(OFFSETS + block + (l << 2)) - load<u32>(volume));
      store<u32>(lane, load<u32>(volume, 8), 4);
      store<u32>(lane, length, 8);
      store<u32>(lane, load<u32>(volume, 12), 12);
      longest = max(longest, length);
    }
    for (; longest > 1; longest -= longest >> 1) {
      for (let lane = LANES; lane < LANES + LANE_COUNT * LANE_BYTES; lane += LANE_BYTES) {
        const at = load<u32>(lane, 4);
        const length = load<u32>(lane, 8);
        const bytes = load<u32>(lane, 12);
        const half = length >> 1;
        const step = half * bytes;
        store<u32>(lane, at + stepIf((load<u32>(at + step) & maskOf(bytes)) <= load<u32>(lane), step), 4);
        store<u32>(lane, length - half, 8);
      }
    }
    for (let l: u32 = 0; l < LANE_COUNT; l++) {
      const query = block + (l << 2);
      const volume = load<u32>(HANDLES + query);
      store<i32>(LOCALS + query, answer(volume, LANES + l * LANE_BYTES, load<u32>(RLSNS + query)));
    }
  }
  for (; i < count; i++) {
    const query = i << 2;
    const volume = load<u32>(HANDLES + query);
    store<i32>(LOCALS + query, findSorted(volume, load<u32>(OFFSETS + query), load<u32>(RLSNS + query)));
  }
}
