// Batches of probes. Each takes two passes, one that turns offsets into ordinals and one that turns ordinals and rLSNs into
// local page numbers, with a loop for each kind of set and of versions. Queries do not depend on one another and the loops
// hardly branch, so that the processor has several under way at once and waits for their cache lines together. A query
// without an answer goes along with ordinal 0, and its answer is put right at the end.
import { lastDeltaAtOrBelow } from "./deltas";
import { fieldCount, fieldOnes, fieldTops } from "./fields";
import { LOCALS, OFFSETS, RESULT, RLSNS } from "./memory";
import { groupRank, mergedRank, sparseOrdinal } from "./search";
import { BITMAP, bitsAt, BYTES, CONSTANT, FIXED_CUMULATIVE, FIXED_SINGLE, FIXED_UNIFORM, RUN } from "./volume";

const LINE_BYTES: u32 = 64;
/** A batch reads ahead what has at most so many cache lines for each of its queries. */
const LINES_PER_QUERY: u32 = 4;

/**
 * Reads `bytes` at `address` in order, a byte of each cache line, if the batch of `count` queries is large enough for
 * that: an index that has left the cache comes back several times faster in order than as queries ask for it.
 */
// @ts-ignore: decorator
@inline
function readAhead(address: u32, bytes: u32, count: u32): void {
  if (bytes > count * (LINES_PER_QUERY * LINE_BYTES)) return;
  let sum: u32 = 0;
  for (let at: u32 = 0; at < bytes; at += LINE_BYTES) sum += load<u8>(address + at);
  // A sum that goes nowhere need not be computed; RESULT is free in a batch.
  store<u32>(RESULT, sum);
}

// What LOCALS[i] holds between the passes: the ordinal of query i, or -1.

function runOrdinals(volume: u32, count: u32): void {
  const first = load<u32>(volume, 4);
  const span = load<u32>(volume, 8);
  for (let i: u32 = 0, end = count << 2; i < end; i += 4) {
    const x = load<u32>(OFFSETS + i) - first;
    store<i32>(LOCALS + i, select<i32>(x, -1, x <= span));
  }
}

function bitmapOrdinals(volume: u32, count: u32): void {
  const first = load<u32>(volume, 4);
  const span = load<u32>(volume, 8);
  const bits = load<u32>(volume, 12);
  const ranks = load<u32>(volume, 16);
  readAhead(bits, span >> 3, count);
  readAhead(ranks, (span >> 6) << 2, count);
  for (let i: u32 = 0, end = count << 2; i < end; i += 4) {
    const x = load<u32>(OFFSETS + i) - first;
    const at = select<u32>(x, 0, x <= span);
    const word = load<u64>(bits + ((at >> 6) << 3));
    const shift = <u64>(at & 63);
    const ordinal = load<u32>(ranks + ((at >> 6) << 2)) + <u32>popcnt(word & ((<u64>1 << shift) - 1));
    const isThere = <u32>(x <= span) & <u32>(word >> shift) & 1;
    store<i32>(LOCALS + i, select<i32>(ordinal, -1, isThere));
  }
}

function sparseOrdinals(volume: u32, count: u32): void {
  const first = load<u32>(volume, 4);
  const span = load<u32>(volume, 8);
  const bits = load<u32>(volume, 12);
  const table = load<u32>(volume, 16);
  const width = load<u32>(volume, 20);
  const wide = <u32>load<u8>(volume, 2);
  const fields = fieldCount(width);
  const ones = fieldOnes(width, fields);
  const tops = fieldTops(width, ones);
  readAhead(table, (span >> width) << (1 + wide), count);
  readAhead(bits, (load<u32>(volume, 52) * width) >> 3, count);
  for (let i: u32 = 0, end = count << 2; i < end; i += 4) {
    const x = load<u32>(OFFSETS + i) - first;
    const at = select<u32>(x, 0, x <= span);
    const ordinal = sparseOrdinal(at, table, wide, bits, width, fields, ones, tops);
    store<i32>(LOCALS + i, select<i32>(ordinal, -1, x <= span));
  }
}

function constantLocals(volume: u32, count: u32): void {
  const constant = load<u32>(volume, 32);
  const firstLocal = load<u32>(volume, 48);
  for (let i: u32 = 0, end = count << 2; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    const isThere = <u32>(ordinal >= 0) & <u32>(load<u32>(RLSNS + i) >= constant);
    store<i32>(LOCALS + i, select<i32>(ordinal + firstLocal, -1, isThere));
  }
}

function singleLocals(volume: u32, count: u32): void {
  const bits = load<u32>(volume, 24);
  const width = load<u32>(volume, 32);
  const firstLocal = load<u32>(volume, 48);
  readAhead(bits, (load<u32>(volume, 56) * width) >> 3, count);
  for (let i: u32 = 0, end = count << 2; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    const rlsn = bitsAt(bits, max(ordinal, 0), width);
    const isThere = <u32>(ordinal >= 0) & <u32>(load<u32>(RLSNS + i) >= rlsn);
    store<i32>(LOCALS + i, select<i32>(ordinal + firstLocal, -1, isThere));
  }
}

/** Groups of fixed-width rLSNs, all of one size or from one of the starts to the next. */
// @ts-ignore: decorator
@inline
function groupLocals(volume: u32, count: u32, isUniform: bool): void {
  const bits = load<u32>(volume, 24);
  const starts = load<u32>(volume, 28);
  const width = load<u32>(volume, 32);
  const each = load<u32>(volume, 36);
  const firstLocal = load<u32>(volume, 48);
  const fields = fieldCount(width);
  const ones = fieldOnes(width, fields);
  const tops = fieldTops(width, ones);
  if (!isUniform) readAhead(starts, load<u32>(volume, 52) << 2, count);
  readAhead(bits, (load<u32>(volume, 56) * width) >> 3, count);
  for (let i: u32 = 0, end = count << 2; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    const group = <u32>max(ordinal, 0);
    const start = isUniform ? group * each : load<u32>(starts + (group << 2));
    const next = isUniform ? start + each : load<u32>(starts + (group << 2), 4);
    const rank = groupRank(load<u32>(RLSNS + i), start, next, bits, width, fields, ones, tops);
    const isThere = <u32>(ordinal >= 0) & <u32>(rank > start);
    store<i32>(LOCALS + i, select<i32>(rank - 1 + firstLocal, -1, isThere));
  }
}

function uniformLocals(volume: u32, count: u32): void {
  groupLocals(volume, count, true);
}

function cumulativeLocals(volume: u32, count: u32): void {
  groupLocals(volume, count, false);
}

function deltaLocals(volume: u32, count: u32): void {
  const groups = load<u32>(volume, 28);
  const firstLocal = load<u32>(volume, 48);
  const groupBytes = load<u32>(volume, 52) << 3;
  readAhead(groups, groupBytes, count);
  readAhead(load<u32>(volume, 24), load<u32>(groups + groupBytes, 4), count);
  for (let i: u32 = 0, end = count << 2; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    if (ordinal < 0) continue;
    const found = lastDeltaAtOrBelow(volume, ordinal, load<u32>(RLSNS + i));
    store<i32>(LOCALS + i, select<i32>(found + firstLocal, -1, found >= 0));
  }
}

function mergedLocals(volume: u32, count: u32): void {
  const bits = load<u32>(volume, 24);
  const table = load<u32>(volume, 28);
  const width = load<u32>(volume, 32);
  const span = load<u64>(volume, 40);
  const wide = <u32>load<u8>(volume, 3);
  const firstLocal = load<u32>(volume, 48);
  const fields = fieldCount(width);
  const ones = fieldOnes(width, fields);
  const tops = fieldTops(width, ones);
  readAhead(table, <u32>((load<u32>(volume, 52) * span) >> width) << (1 + wide), count);
  readAhead(bits, (load<u32>(volume, 56) * width) >> 3, count);
  for (let i: u32 = 0, end = count << 2; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    const base = <u64>max(ordinal, 0) * span;
    const past = base + min<u64>(<u64>load<u32>(RLSNS + i) + 1, span);
    const start = mergedRank(base, table, wide, bits, width, fields, ones, tops);
    const rank = mergedRank(past, table, wide, bits, width, fields, ones, tops);
    const isThere = <u32>(ordinal >= 0) & <u32>(rank > start);
    store<i32>(LOCALS + i, select<i32>(rank - 1 + firstLocal, -1, isThere));
  }
}

/** `find` for the first `count` queries of the batch. */
export function findMany(volume: u32, count: u32): void {
  const offsets = load<u8>(volume);
  if (offsets == RUN) runOrdinals(volume, count);
  else if (offsets == BITMAP) bitmapOrdinals(volume, count);
  else sparseOrdinals(volume, count);
  const versions = load<u8>(volume, 1);
  if (versions == CONSTANT) constantLocals(volume, count);
  else if (versions == FIXED_SINGLE) singleLocals(volume, count);
  else if (versions == FIXED_UNIFORM) uniformLocals(volume, count);
  else if (versions == FIXED_CUMULATIVE) cumulativeLocals(volume, count);
  else if (versions == BYTES) deltaLocals(volume, count);
  else mergedLocals(volume, count);
}
