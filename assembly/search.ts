// The searches of a probe, shared by single calls (probe.ts) and batches (batch.ts): an offset's ordinal in a sparse set,
// the newest version at or below an rLSN in a group, and a rank in merged rLSNs. Each narrows its range until it fits the
// fields of one load, which few ranges do not at once, and ends without a branch. All constants of a volume are arguments,
// so that a batch keeps them in registers.
import { beforeAbove, beforeEqual, fieldCount, fieldsAt } from "./fields";
import { bitsAt } from "./volume";

/** A range of indexes in one value: where it starts in the low half, its end in the high half. */
type Range = u64;

// @ts-ignore: decorator
@inline
function startOf(range: Range): u32 {
  return <u32>range;
}

// @ts-ignore: decorator
@inline
function endOf(range: Range): u32 {
  return <u32>(range >> 32);
}

/** The elements of a bucket: its entry and the next of a table of u32 (`wide`) or u16. Reads up to 4 bytes behind them. */
// @ts-ignore: decorator
@inline
function bucketAt(table: u32, wide: u32, bucket: u32): Range {
  const entries = load<u64>(table + (bucket << (1 + wide)));
  return wide != 0 ? entries : (entries & 0xffff) | ((entries << 16) & 0xffff_0000_0000);
}

/** The ordinal of the offset `x` behind the first one, or -1. */
// @ts-ignore: decorator
@inline
export function sparseOrdinal(
  x: u32,
  table: u32,
  wide: u32,
  bits: u32,
  width: u32,
  ones: u64,
  tops: u64,
  mask: u64,
): i32 {
  const bucket = bucketAt(table, wide, x >> width);
  const low = x & ((1 << width) - 1);
  let start = startOf(bucket);
  let end = endOf(bucket);
  while (end - start > fieldCount(width)) {
    const middle = (start + end) >> 1;
    if (bitsAt(bits, middle, width) <= low) start = middle;
    else end = middle;
  }
  const found = start + beforeEqual(fieldsAt(bits, start, width, mask), low, ones, tops);
  return found < end ? found : -1;
}

/** How many versions of `start..end`, whose fixed-width rLSNs ascend, come before the first above `rlsn`, plus `start`. */
// @ts-ignore: decorator
@inline
export function groupRank(
  rlsn: u32,
  start: u32,
  end: u32,
  bits: u32,
  width: u32,
  ones: u64,
  tops: u64,
  mask: u64,
): u32 {
  let size = end - start;
  while (size > fieldCount(width)) {
    const half = size >> 1;
    start += bitsAt(bits, start + half, width) <= rlsn ? half : 0;
    size -= half;
  }
  const largest = <u32>((<u64>1 << width) - 1);
  return start + min(size, beforeAbove(fieldsAt(bits, start, width, mask), min(rlsn, largest), ones, tops));
}

/** How many values of a merged sequence are at most `key`. */
// @ts-ignore: decorator
@inline
export function mergedRank(
  key: u64,
  table: u32,
  wide: u32,
  bits: u32,
  width: u32,
  ones: u64,
  tops: u64,
  mask: u64,
): u32 {
  const bucket = bucketAt(table, wide, <u32>(key >> width));
  const low = <u32>(key & ((<u64>1 << width) - 1));
  return groupRank(low, startOf(bucket), endOf(bucket), bits, width, ones, tops, mask);
}
