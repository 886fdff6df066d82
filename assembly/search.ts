// The searches of a probe, shared by single calls (probe.ts) and batches (batch.ts): an offset's ordinal in a sparse set,
// the newest version at or below an rLSN in a group, and a rank in merged rLSNs. Each halves its range until it fits the
// fields of one load, as most do at once, and ends without a branch. What is the same for all queries of a volume is an
// argument, so that a batch keeps it in registers: `fields`, `ones` and `tops` are the width's constants (fields.ts).
import { beforeAbove, beforeAtLeast, beforeEqual, fieldsAt } from "./fields";
import { bitsAt, tableAt } from "./volume";

/** The ordinal of the offset that is `x` above the first, or -1. */
// @ts-ignore: decorator
@inline
export function sparseOrdinal(
  x: u32,
  table: u32,
  wide: u32,
  bits: u32,
  width: u32,
  fields: u32,
  ones: u64,
  tops: u64,
): i32 {
  const bucket = x >> width;
  const low = x & ((1 << width) - 1);
  let start = tableAt(table, wide, bucket);
  let end = tableAt(table, wide, bucket + 1);
  while (end - start > fields) {
    const middle = (start + end) >> 1;
    if (bitsAt(bits, middle, width) <= low) start = middle;
    else end = middle;
  }
  const found = start + beforeEqual(fieldsAt(bits, start, width), low, ones, tops);
  return select<i32>(found, -1, found < end);
}

/** The end of the versions at or below `rlsn` among those of `start..end`, whose fixed-width rLSNs ascend. */
// @ts-ignore: decorator
@inline
export function groupRank(
  rlsn: u32,
  start: u32,
  end: u32,
  bits: u32,
  width: u32,
  fields: u32,
  ones: u64,
  tops: u64,
): u32 {
  let size = end - start;
  while (size > fields) {
    const half = size >> 1;
    start += select<u32>(half, 0, bitsAt(bits, start + half, width) <= rlsn);
    size -= half;
  }
  const largest = <u32>((<u64>1 << width) - 1);
  return start + min(size, beforeAbove(fieldsAt(bits, start, width), min(rlsn, largest), ones, tops));
}

/** How many values of a merged sequence are below `key`. */
// @ts-ignore: decorator
@inline
export function mergedRank(
  key: u64,
  table: u32,
  wide: u32,
  bits: u32,
  width: u32,
  fields: u32,
  ones: u64,
  tops: u64,
): u32 {
  const bucket = <u32>(key >> width);
  const low = <u32>(key & ((<u64>1 << width) - 1));
  let start = tableAt(table, wide, bucket);
  let size = tableAt(table, wide, bucket + 1) - start;
  while (size > fields) {
    const half = size >> 1;
    start += select<u32>(half, 0, bitsAt(bits, start + half, width) < low);
    size -= half;
  }
  return start + min(size, beforeAtLeast(fieldsAt(bits, start, width), low, ones, tops));
}
