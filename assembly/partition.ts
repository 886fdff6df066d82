// Partitioned Elias-Fano rLSNs (spec/segment.md): a sequence for each offset in two bit strings. Opening decodes them to
// plain u16 or u32, so that a probe finds them as it finds any fixed width.
import { BAD_RLSNS, OK, report } from "./memory";
import {
  blockEnd,
  bytesFor,
  lowWidth,
  maxRlsn,
  offsetCount,
  paddingIsZero,
  rlsnsAt,
  versionCount,
} from "./block";

/** The width of the decoded rLSNs: 16 or 32 bits. */
export function plainWidth(): u32 {
  return maxRlsn > 0xffff ? 32 : 16;
}

/** Bytes of the decoded rLSNs of the parsed block, with room for a probe's load at the last of them. */
export function plainBytes(): u64 {
  return (((<u64>versionCount * plainWidth()) >> 3) + 15) & ~(<u64>7);
}

/** The `width` bits at bit `bit` of the stream at `address`. */
// @ts-ignore: decorator
@inline
function bitsFrom(address: u32, bit: u64, width: u32): u64 {
  return (load<u64>(address + <u32>(bit >> 3)) >> (bit & 7)) & ((<u64>1 << width) - 1);
}

/** The first set bit in `from..to` of the stream at `address`, or `to`. */
function nextSetBit(address: u32, from: u64, to: u64): u64 {
  // Bytes behind the stream may be read, but a bit found there is past `to`.
  while (from < to) {
    const word = load<u64>(address + <u32>(from >> 3)) >> (from & 7);
    if (word != 0) return min(to, from + ctz(word));
    from = (from & ~(<u64>7)) + 64;
  }
  return to;
}

// @ts-ignore: decorator
@inline
function groupSize(starts: u32, each: u32, group: u32): u32 {
  if (starts == 0) return each;
  const start = starts + (group << 2);
  return load<u32>(start, 4) - load<u32>(start);
}

/**
 * Checks the parsed block's rLSNs and decodes them at `plain`. Offset i has the versions from `starts[i]` to
 * `starts[i + 1]`, or, where `starts` is 0, `each` versions. A status.
 */
export function decodePartitioned(starts: u32, each: u32, plain: u32): i32 {
  const universe = <u64>maxRlsn + 1;
  let lowBits: u64 = 0;
  let highBits: u64 = 0;
  for (let group: u32 = 0; group < offsetCount; group++) {
    const count = <u64>groupSize(starts, each, group);
    if (count > universe) return report(BAD_RLSNS, rlsnsAt);
    const w = <u64>lowWidth(count, universe);
    lowBits += count * w;
    highBits += w == 0 ? universe : count + (<u64>maxRlsn >> w);
  }
  const highAt = rlsnsAt + <u32>bytesFor(lowBits);
  if (
    bytesFor(lowBits) + bytesFor(highBits) != <u64>(blockEnd - rlsnsAt) ||
    !paddingIsZero(rlsnsAt, lowBits) ||
    !paddingIsZero(highAt, highBits)
  ) {
    return report(BAD_RLSNS, rlsnsAt);
  }
  const wide = plainWidth() == 32;
  let low: u64 = 0;
  let high: u64 = 0;
  let index: u32 = 0;
  let largest: u64 = 0;
  for (let group: u32 = 0; group < offsetCount; group++) {
    const count = groupSize(starts, each, group);
    const w = lowWidth(count, universe);
    const highEnd = high + (w == 0 ? universe : <u64>count + (<u64>maxRlsn >> w));
    let bit = high;
    let floor: u64 = 0; // the least that the next rLSN may be
    for (let i: u32 = 0; i < count; i++) {
      bit = nextSetBit(highAt, bit, highEnd);
      if (bit == highEnd) return report(BAD_RLSNS, highAt);
      const rlsn = w == 0 ? bit - high : ((bit - high - i) << w) | bitsFrom(rlsnsAt, low, w);
      if (rlsn < floor || rlsn >= universe) return report(BAD_RLSNS, rlsnsAt);
      if (wide) store<u32>(plain + (index << 2), <u32>rlsn);
      else store<u16>(plain + (index << 1), <u16>rlsn);
      floor = rlsn + 1;
      low += w;
      bit++;
      index++;
    }
    if (nextSetBit(highAt, bit, highEnd) != highEnd) return report(BAD_RLSNS, highAt);
    if (floor > largest) largest = floor;
    high = highEnd;
  }
  return largest == universe ? OK : report(BAD_RLSNS, rlsnsAt);
}
