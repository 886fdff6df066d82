// Batches that touch ahead: before its queries are answered, a block of them reads one byte of every cache line that they
// are going to need, level by level. The reads of a level do not depend on one another, so that the processor waits for
// their lines together. What lies a level below is guessed from what was read: being off by a few entries is mostly the
// same line, and never wrong, since the probe itself comes last. For design c, the two-level hash, and for g, ranked sets,
// whose volumes are the core's (assembly/volume.ts): the core's own batches ask one volume, these are scattered.
import { probe as findRanked } from "../../../assembly/probe";
import {
  BITMAP,
  BYTES,
  CONSTANT,
  FIXED_CUMULATIVE,
  FIXED_SINGLE,
  FIXED_UNIFORM,
  MERGED,
  RUN,
  tableAt,
} from "../../../assembly/volume";
import { HANDLES, LOCALS, OFFSETS, RLSNS, SINK } from "./memory";
import { findTwoLevel, likelyEntry, likelyList } from "./two-level";

/** Bytes of a block's queries in each array of the batch: 32 queries, whose lines the first-level cache holds easily. */
const BLOCK_BYTES: u32 = 128;
const LINE_BYTES: u32 = 64;

/** Reads `bytes` at `address` in order, one byte of each line: faster than as queries come to ask for them. */
// @ts-ignore: decorator
@inline
export function readAhead(address: u32, bytes: u32): void {
  let sum: u32 = 0;
  for (let at: u32 = 0; at < bytes; at += LINE_BYTES) sum += load<u8>(address + at);
  // Somebody has to want the sum.
  store<u32>(SINK, sum);
}

function touchVolumes(start: u32, end: u32): void {
  let sum: u32 = 0;
  for (let i = start; i < end; i += 4) sum += load<u8>(load<u32>(HANDLES + i));
  store<u32>(SINK, sum);
}

// Design c.

function touchEntries(start: u32, end: u32): void {
  let sum: u32 = 0;
  for (let i = start; i < end; i += 4) sum += load<u8>(likelyEntry(load<u32>(HANDLES + i), load<u32>(OFFSETS + i)));
  store<u32>(SINK, sum);
}

function touchLists(start: u32, end: u32): void {
  let sum: u32 = 0;
  for (let i = start; i < end; i += 4) {
    const volume = load<u32>(HANDLES + i);
    sum += load<u8>(likelyList(volume, likelyEntry(volume, load<u32>(OFFSETS + i))));
  }
  store<u32>(SINK, sum);
}

/** A scattered batch of design c. */
export function findScatteredTwoLevelAhead(count: u32): void {
  const end = count << 2;
  for (let start: u32 = 0; start < end; start += BLOCK_BYTES) {
    const stop = min(start + BLOCK_BYTES, end);
    touchVolumes(start, stop);
    touchEntries(start, stop);
    touchLists(start, stop);
    for (let i = start; i < stop; i += 4) {
      store<i32>(LOCALS + i, findTwoLevel(load<u32>(HANDLES + i), load<u32>(OFFSETS + i), load<u32>(RLSNS + i)));
    }
  }
}

// Design g. Between its levels LOCALS[i] holds the ordinal of query i, or a guess at it.

/** How far the query's offset is above the volume's first; 0 where that is behind its last. */
// @ts-ignore: decorator
@inline
function distanceOf(volume: u32, offset: u32): u32 {
  const x = offset - load<u32>(volume, 4);
  return select<u32>(x, 0, x <= load<u32>(volume, 8));
}

/** The bitmap's word and its rank, or the bucket of a sparse set. */
function touchOffsets(start: u32, end: u32): void {
  let sum: u32 = 0;
  for (let i = start; i < end; i += 4) {
    const volume = load<u32>(HANDLES + i);
    const kind = <u32>load<u8>(volume);
    const x = distanceOf(volume, load<u32>(OFFSETS + i));
    const directory = load<u32>(volume, 16);
    if (kind == BITMAP) {
      sum += load<u8>(load<u32>(volume, 12) + (x >> 3)) + load<u8>(directory + ((x >> 6) << 2));
    } else if (kind != RUN) {
      sum += load<u8>(directory + ((x >> load<u32>(volume, 20)) << (1 + <u32>load<u8>(volume, 2))));
    }
  }
  store<u32>(SINK, sum);
}

/** Guesses the ordinals, and touches the low bits of sparse sets there. */
function guessOrdinals(start: u32, end: u32): void {
  let sum: u32 = 0;
  for (let i = start; i < end; i += 4) {
    const volume = load<u32>(HANDLES + i);
    const kind = <u32>load<u8>(volume);
    const x = distanceOf(volume, load<u32>(OFFSETS + i));
    let ordinal = x;
    if (kind == BITMAP) ordinal = load<u32>(load<u32>(volume, 16) + ((x >> 6) << 2));
    else if (kind != RUN) {
      const width = load<u32>(volume, 20);
      ordinal = tableAt(load<u32>(volume, 16), load<u8>(volume, 2), x >> width);
      sum += load<u8>(load<u32>(volume, 12) + ((ordinal * width) >> 3));
    }
    store<u32>(LOCALS + i, ordinal);
  }
  store<u32>(SINK, sum);
}

/** The bucket in the table of merged rLSNs where the query ends up. */
// @ts-ignore: decorator
@inline
function mergedBucket(volume: u32, ordinal: u32, rlsn: u32): u32 {
  const span = load<u64>(volume, 40);
  return <u32>((<u64>ordinal * span + min<u64>(rlsn, span - 1)) >> load<u32>(volume, 32));
}

/** The rLSNs, or what leads to them. */
function touchVersions(start: u32, end: u32): void {
  let sum: u32 = 0;
  for (let i = start; i < end; i += 4) {
    const volume = load<u32>(HANDLES + i);
    const kind = <u32>load<u8>(volume, 1);
    if (kind == CONSTANT) continue;
    const ordinal = load<u32>(LOCALS + i);
    const bits = load<u32>(volume, 24);
    const directory = load<u32>(volume, 28);
    const width = load<u32>(volume, 32);
    let at: u32;
    if (kind == FIXED_SINGLE) at = bits + ((ordinal * width) >> 3);
    else if (kind == FIXED_UNIFORM) at = bits + ((ordinal * load<u32>(volume, 36) * width) >> 3);
    else if (kind == FIXED_CUMULATIVE) at = directory + (ordinal << 2);
    else if (kind == BYTES) at = directory + (ordinal << 3);
    else at = directory + (mergedBucket(volume, ordinal, load<u32>(RLSNS + i)) << (1 + <u32>load<u8>(volume, 3)));
    sum += load<u8>(at);
  }
  store<u32>(SINK, sum);
}

/** The rLSNs behind a directory. */
function touchListed(start: u32, end: u32): void {
  let sum: u32 = 0;
  for (let i = start; i < end; i += 4) {
    const volume = load<u32>(HANDLES + i);
    const kind = <u32>load<u8>(volume, 1);
    const ordinal = load<u32>(LOCALS + i);
    const bits = load<u32>(volume, 24);
    const directory = load<u32>(volume, 28);
    const width = load<u32>(volume, 32);
    if (kind == MERGED) {
      const bucket = mergedBucket(volume, ordinal, load<u32>(RLSNS + i));
      sum += load<u8>(bits + ((tableAt(directory, load<u8>(volume, 3), bucket) * width) >> 3));
    } else if (kind == FIXED_CUMULATIVE) sum += load<u8>(bits + ((load<u32>(directory + (ordinal << 2)) * width) >> 3));
    else if (kind == BYTES) sum += load<u8>(bits + load<u32>(directory + (ordinal << 3), 4));
  }
  store<u32>(SINK, sum);
}

/** A scattered batch of design g. */
export function findScatteredRankedAhead(count: u32): void {
  const end = count << 2;
  for (let start: u32 = 0; start < end; start += BLOCK_BYTES) {
    const stop = min(start + BLOCK_BYTES, end);
    touchVolumes(start, stop);
    touchOffsets(start, stop);
    guessOrdinals(start, stop);
    touchVersions(start, stop);
    touchListed(start, stop);
    for (let i = start; i < stop; i += 4) {
      store<i32>(LOCALS + i, findRanked(load<u32>(HANDLES + i), load<u32>(OFFSETS + i), load<u32>(RLSNS + i)));
    }
  }
}
