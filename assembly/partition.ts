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

/** Puts the decoded rLSN of version `index`. */
// @ts-ignore: decorator
@inline
function put(plain: u32, wide: bool, index: u32, rlsn: u64): void {
  if (wide) store<u32>(plain + (index << 2), <u32>rlsn);
  else store<u16>(plain + (index << 1), <u16>rlsn);
}

/**
 * Checks the parsed block's rLSNs and decodes them at `plain`. Offset i has the versions from `starts[i]` to
 * `starts[i + 1]`, or, where `starts` is 0, `each` versions. A status.
 */
export function decodePartitioned(starts: u32, each: u32, plain: u32): i32 {
  const endWidth = max<u32>(1, 32 - clz(maxRlsn));
  const payloadBits = <u64>(blockEnd - rlsnsAt) << 3;
  // How long the two strings are, without a look behind the payload.
  let low: u64 = 0;
  let high: u64 = 0;
  for (let group: u32 = 0; group < offsetCount; group++) {
    const count = groupSize(starts, each, group);
    const ends = low;
    low += count > 1 ? endWidth << 1 : endWidth;
    if (low > payloadBits) return report(BAD_RLSNS, rlsnsAt);
    const missing = count > 2 ? bitsFrom(rlsnsAt, ends + endWidth, endWidth) : 0;
    if (missing == 0) continue;
    const inner = <u64>count - 2;
    const w = <u64>lowWidth(inner, inner + missing);
    low += inner * w;
    high += w == 0 ? inner + missing : inner + ((inner + missing - 1) >> w);
  }
  const lowBits = low;
  const highAt = rlsnsAt + <u32>bytesFor(lowBits);
  if (
    bytesFor(lowBits) + bytesFor(high) != payloadBits >> 3 ||
    !paddingIsZero(rlsnsAt, lowBits) ||
    !paddingIsZero(highAt, high)
  ) {
    return report(BAD_RLSNS, rlsnsAt);
  }
  const wide = plainWidth() == 32;
  low = 0;
  high = 0;
  let index: u32 = 0;
  let largest: u64 = 0;
  for (let group: u32 = 0; group < offsetCount; group++) {
    const count = groupSize(starts, each, group);
    const first = bitsFrom(rlsnsAt, low, endWidth);
    const missing = count > 1 ? bitsFrom(rlsnsAt, low + endWidth, endWidth) : 0;
    const last = first + missing + count - 1;
    if (last > <u64>maxRlsn) return report(BAD_RLSNS, rlsnsAt);
    if (last > largest) largest = last;
    low += count > 1 ? endWidth << 1 : endWidth;
    put(plain, wide, index, first);
    const end = index + count - 1;
    if (count <= 2 || missing == 0) {
      for (let i: u32 = 1; i + 1 < count; i++) put(plain, wide, index + i, first + i);
    } else {
      const inner = count - 2;
      const universe = <u64>inner + missing;
      const w = lowWidth(inner, universe);
      const highEnd = high + (w == 0 ? universe : <u64>inner + ((universe - 1) >> w));
      let bit = high;
      let floor: u64 = 0; // the least that the next value may be
      for (let i: u32 = 0; i < inner; i++) {
        bit = nextSetBit(highAt, bit, highEnd);
        if (bit == highEnd) return report(BAD_RLSNS, highAt);
        const value = w == 0 ? bit - high : ((bit - high - i) << w) | bitsFrom(rlsnsAt, low, w);
        if (value < floor || value >= universe) return report(BAD_RLSNS, rlsnsAt);
        put(plain, wide, index + 1 + i, first + 1 + value);
        floor = value + 1;
        low += w;
        bit++;
      }
      if (nextSetBit(highAt, bit, highEnd) != highEnd) return report(BAD_RLSNS, highAt);
      high = highEnd;
    }
    put(plain, wide, end, last);
    index = end + 1;
  }
  return largest == <u64>maxRlsn ? OK : report(BAD_RLSNS, rlsnsAt);
}
