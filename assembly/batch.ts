// Batches of probes. Each takes two passes, one that turns offsets into ordinals, one that turns ordinals and rLSNs into
// local page numbers, with a loop for each kind of set and of versions. Queries do not depend on one another and the loops
// hardly branch, so that the processor has many of them under way at once: while one waits for a cache line, the next
// ones ask for theirs. A query without an answer goes along with ordinal 0, and its answer is put right at the end.
import { fieldMask, fieldOnes, fieldTops } from "./fields";
import { LOCALS, OFFSETS, RLSNS } from "./memory";
import { groupRank, mergedRank, sparseOrdinal } from "./search";
import { lastDeltaAtOrBelow } from "./deltas";
import { BITMAP, bitsAt, BYTES, CONSTANT, FIXED_CUMULATIVE, FIXED_SINGLE, FIXED_UNIFORM, RUN } from "./volume";

// In both passes LOCALS[i] is the ordinal of query i, or -1.

function runOrdinals(volume: u32, end: u32): void {
  const first = load<u32>(volume, 4);
  const span = load<u32>(volume, 8);
  for (let i: u32 = 0; i < end; i += 4) {
    const x = load<u32>(OFFSETS + i) - first;
    store<i32>(LOCALS + i, select<i32>(x, -1, x <= span));
  }
}

function bitmapOrdinals(volume: u32, end: u32): void {
  const first = load<u32>(volume, 4);
  const span = load<u32>(volume, 8);
  const bits = load<u32>(volume, 12);
  const ranks = load<u32>(volume, 16);
  for (let i: u32 = 0; i < end; i += 4) {
    const x = load<u32>(OFFSETS + i) - first;
    const at = select<u32>(x, 0, x <= span);
    const word = load<u64>(bits + ((at >> 6) << 3)) ;
    const shift = <u64>(at & 63);
    const ordinal = load<u32>(ranks + ((at >> 6) << 2)) + <u32>popcnt(word & ((<u64>1 << shift) - 1));
    store<i32>(LOCALS + i, select<i32>(ordinal, -1, (<u32>(word >> shift) & <u32>(x <= span)) != 0));
  }
}

function sparseOrdinals(volume: u32, end: u32): void {
  const first = load<u32>(volume, 4);
  const span = load<u32>(volume, 8);
  const bits = load<u32>(volume, 12);
  const table = load<u32>(volume, 16);
  const width = load<u32>(volume, 20);
  const wide = <u32>load<u8>(volume, 2);
  const ones = fieldOnes(width);
  const tops = fieldTops(width);
  const mask = fieldMask(width);
  for (let i: u32 = 0; i < end; i += 4) {
    const x = load<u32>(OFFSETS + i) - first;
    const at = select<u32>(x, 0, x <= span);
    const ordinal = sparseOrdinal(at, table, wide, bits, width, ones, tops, mask);
    store<i32>(LOCALS + i, select<i32>(ordinal, -1, x <= span));
  }
}

function constantLocals(volume: u32, end: u32): void {
  const constant = load<u32>(volume, 32);
  const firstLocal = load<u32>(volume, 48);
  for (let i: u32 = 0; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    const isThere = <u32>(ordinal >= 0) & <u32>(load<u32>(RLSNS + i) >= constant);
    store<i32>(LOCALS + i, select<i32>(ordinal + firstLocal, -1, isThere != 0));
  }
}

function singleLocals(volume: u32, end: u32): void {
  const bits = load<u32>(volume, 24);
  const width = load<u32>(volume, 32);
  const firstLocal = load<u32>(volume, 48);
  for (let i: u32 = 0; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    const at = <u32>max(ordinal, 0);
    const isThere = <u32>(ordinal >= 0) & <u32>(load<u32>(RLSNS + i) >= bitsAt(bits, at, width));
    store<i32>(LOCALS + i, select<i32>(ordinal + firstLocal, -1, isThere != 0));
  }
}

/** Versions of fixed width: `each` of every offset, or, where that is 0, from one of the starts to the next. */
// @ts-ignore: decorator
@inline
function groupLocals(volume: u32, end: u32, isUniform: bool): void {
  const bits = load<u32>(volume, 24);
  const starts = load<u32>(volume, 28);
  const width = load<u32>(volume, 32);
  const each = load<u32>(volume, 36);
  const firstLocal = load<u32>(volume, 48);
  const ones = fieldOnes(width);
  const tops = fieldTops(width);
  const mask = fieldMask(width);
  for (let i: u32 = 0; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    const at = <u32>max(ordinal, 0);
    const from = isUniform ? at * each : load<u32>(starts + (at << 2));
    const to = isUniform ? from + each : load<u32>(starts + (at << 2), 4);
    const rank = groupRank(load<u32>(RLSNS + i), from, to, bits, width, ones, tops, mask);
    const isThere = <u32>(ordinal >= 0) & <u32>(rank > from);
    store<i32>(LOCALS + i, select<i32>(rank - 1 + firstLocal, -1, isThere != 0));
  }
}

function deltaLocals(volume: u32, end: u32): void {
  const firstLocal = load<u32>(volume, 48);
  for (let i: u32 = 0; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    if (ordinal < 0) continue;
    const found = lastDeltaAtOrBelow(volume, ordinal, load<u32>(RLSNS + i));
    store<i32>(LOCALS + i, select<i32>(found + firstLocal, -1, found >= 0));
  }
}

function mergedLocals(volume: u32, end: u32): void {
  const bits = load<u32>(volume, 24);
  const table = load<u32>(volume, 28);
  const width = load<u32>(volume, 32);
  const span = load<u64>(volume, 40);
  const wide = <u32>load<u8>(volume, 3);
  const firstLocal = load<u32>(volume, 48);
  const ones = fieldOnes(width);
  const tops = fieldTops(width);
  const mask = fieldMask(width);
  for (let i: u32 = 0; i < end; i += 4) {
    const ordinal = load<i32>(LOCALS + i);
    const base = <u64>max(ordinal, 0) * span;
    const key = base + min<u64>(load<u32>(RLSNS + i), span - 1);
    const rank = mergedRank(key, table, wide, bits, width, ones, tops, mask);
    // The key before the group's first, where there is one.
    const before = mergedRank(base - <u64>(base != 0), table, wide, bits, width, ones, tops, mask);
    const isThere = <u32>(ordinal >= 0) & <u32>(rank > select<u32>(before, 0, base != 0));
    store<i32>(LOCALS + i, select<i32>(rank - 1 + firstLocal, -1, isThere != 0));
  }
}

/** `find` for the first `count` queries of the batch. */
export function findMany(volume: u32, count: u32): void {
  const end = count << 2;
  const offsets = load<u8>(volume);
  if (offsets == RUN) runOrdinals(volume, end);
  else if (offsets == BITMAP) bitmapOrdinals(volume, end);
  else sparseOrdinals(volume, end);
  const versions = load<u8>(volume, 1);
  if (versions == CONSTANT) constantLocals(volume, end);
  else if (versions == FIXED_SINGLE) singleLocals(volume, end);
  else if (versions == FIXED_UNIFORM) groupLocals(volume, end, true);
  else if (versions == FIXED_CUMULATIVE) groupLocals(volume, end, false);
  else if (versions == BYTES) deltaLocals(volume, end);
  else mergedLocals(volume, end);
}
