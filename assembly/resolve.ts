// Resolving: where the page lies that a reader of `offset` at an LSN sees, in one call however many segments overlap.
//
// A table (one for each volume, written by the host) is 64 bytes, then the parts (parts.ts) in descending order of their
// last LSN:
//
//    0  part count   u32
//    8  newest LSN   f64  of the volume when the table was written
//   16  oldest LSN   f64  that could be read then
//
// A lookup goes down the parts until none can hold anything newer than what it has. The page's frame is found through the
// segment's table of frames, a u32 for each local page number.
import { HEAP, LOCALS, OFFSETS, published, publishedByte, RESULT } from "./memory";
import {
  DROPS,
  IMAGE,
  localBitsOf,
  ones,
  PART_BYTES,
  positionBitsOf,
  rlsnBitsOf,
  RUN,
  UNLOADED,
} from "./parts";
import { probe, rlsnAt } from "./probe";
import { findInRun } from "./run";

// What `resolve` returns besides an address, which is larger.
export const ABSENT: u32 = 0;
export const NEEDS_LOAD: u32 = 1;
export const NOT_RESIDENT: u32 = 2;

const TABLE_HEADER_BYTES: u32 = 64;
const DROP_BYTES: u32 = 16;

/** Marks an allocation as in demand: a byte for each 256 bytes of the heap, at its beginning. */
// @ts-ignore: decorator
@inline
function touch(address: u32): void {
  const mark = HEAP + ((address - HEAP) >> 8);
  // Read first, so that readers on several processors do not take the line from each other.
  if (load<u8>(mark) == 0) store<u8>(mark, 1);
}

/** The newest LSN above `written` and at or below `lsn` at which `offset` was dropped, or 0. Drops ascend. */
function newestDrop(part: u32, offset: u32, lsn: f64, written: f64): f64 {
  const drops = load<u32>(part, 36);
  for (let i = load<u32>(part, 44); i > 0; i--) {
    const drop = drops + (i - 1) * DROP_BYTES;
    const at = load<f64>(drop);
    if (at <= written) break;
    if (at <= lsn && offset >= load<u32>(drop, 8) && offset < load<u32>(drop, 12)) return at;
  }
  return 0;
}

/**
 * The address of the page that a reader of `offset` at `lsn` sees, `ABSENT`, `NEEDS_LOAD` (`result`: u32 number of the
 * part) or `NOT_RESIDENT`. Where there is a page, `result` has: u32 part, u32 segment in it, u32 local page number, and at
 * 16 the f64 LSN that wrote it. `result` may be 0: then nothing is left.
 */
// @ts-ignore: decorator
@inline
export function resolveOne(table: u32, offset: u32, lsn: f64, result: u32): u32 {
  let written: f64 = 0;
  let dropped: f64 = 0;
  let holder: u32 = 0;
  let segment: u32 = 0;
  let local: u32 = 0;
  const first = table + TABLE_HEADER_BYTES;
  let end = first + load<u32>(table) * PART_BYTES;
  for (let part = first; part < end; part += PART_BYTES) {
    const last = load<f64>(part, 16);
    if (last <= written || last < dropped) break;
    const base = load<f64>(part, 8);
    const kind = publishedByte(part);
    if (kind == IMAGE) {
      const parts = load<u32>(part, 44) * PART_BYTES;
      if (base > lsn) part += parts;
      else end = part + PART_BYTES + parts;
      continue;
    }
    if (base > lsn) continue;
    if (offset - load<u32>(part, 24) > load<u32>(part, 28)) {
      if (kind != UNLOADED || offset < load<u32>(part, 48)) continue;
    }
    if (kind == RUN) {
      const entry = findInRun(part, offset, <u64>(lsn - base));
      touch(load<u32>(part, 56));
      if (entry == u64.MAX_VALUE) continue;
      const position = entry & ones(positionBitsOf(part));
      const at = base + <f64>((entry >> positionBitsOf(part)) & ones(rlsnBitsOf(part)));
      if (at <= written) continue;
      written = at;
      holder = part;
      segment = <u32>(position >> localBitsOf(part));
      local = <u32>(position & ones(localBitsOf(part)));
    } else if (kind == DROPS) {
      dropped = max(dropped, newestDrop(part, offset, lsn, written));
    } else if (kind == UNLOADED) {
      if (result != 0) store<u32>(result, (part - first) / PART_BYTES);
      return NEEDS_LOAD;
    } else {
      const volume = load<u32>(part, 36);
      const found = probe(volume, offset, <u32>min<f64>(lsn - base, 4294967295));
      touch(load<u32>(part, 40));
      touch(load<u32>(part, 56));
      if (found < 0) continue;
      const at = base + <f64>rlsnAt(volume, found);
      if (at <= written) continue;
      written = at;
      holder = part;
      segment = 0;
      local = found;
    }
  }
  if (holder == 0 || dropped > written) return ABSENT;
  if (result != 0) {
    store<u32>(result, (holder - first) / PART_BYTES);
    store<u32>(result, segment, 4);
    store<u32>(result, local, 8);
    store<f64>(result, written, 16);
  }
  const frames = published(load<u32>(holder, 32) + (segment << 2));
  if (frames == 0) return NOT_RESIDENT;
  touch(frames);
  const frame = published(frames + (local << 2));
  if (frame == 0) return NOT_RESIDENT;
  touch(frame);
  return frame;
}

export function resolve(table: u32, offset: u32, lsn: f64): u32 {
  touch(table);
  return resolveOne(table, offset, lsn, RESULT);
}

/**
 * `resolve` of the batch's first `count` offsets into LOCALS: an address, `ABSENT` or `NOT_RESIDENT` each. Stops at the
 * first that needs a load; returns how many were resolved.
 */
export function resolveMany(table: u32, count: u32, lsn: f64): u32 {
  touch(table);
  for (let i: u32 = 0; i < count; i++) {
    const found = resolveOne(table, load<u32>(OFFSETS + (i << 2)), lsn, RESULT);
    if (found == NEEDS_LOAD) return i;
    store<u32>(LOCALS + (i << 2), found);
  }
  return count;
}
