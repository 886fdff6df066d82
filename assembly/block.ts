// Blocks, the parts of an index: `parseBlock` reads the parameters of the one at `cursor` and finds its payloads
// (spec/segment.md, "Block"). One thread, no recursion: what it found stands in globals, until the next call.
import { BAD_BLOCK, OK, report } from "./memory";
import { BITMAP, ELIAS_FANO, RUN } from "./volume";

const MAX_VERSIONS: u64 = 1 << 20;
export const MAX_U32: u64 = 0xffffffff;
const MAX_KEYS: u64 = 1 << 53;

// How the versions of an offset are counted (bits 2 and 3 of a block's tag).
export const COUNTS_ONE: u32 = 0;
export const COUNTS_UNIFORM: u32 = 1;
export const COUNTS_CUMULATIVE: u32 = 2;
export const COUNTS_IMPLIED: u32 = 3;

// How rLSNs are stored (bits 4 and 5).
export const RLSNS_CONSTANT: u32 = 0;
export const RLSNS_FIXED: u32 = 1;
export const RLSNS_BYTES: u32 = 2;
export const RLSNS_ELIAS_FANO: u32 = 3; // merged where counts are implied, else partitioned

// Where parsing stands, and where the index ends.
export let cursor: u32 = 0;
let limit: u32 = 0;
let failed: bool = false;

// The block that was parsed last.
export let offsetsKind: u32 = 0;
export let countsKind: u32 = 0;
export let rlsnsKind: u32 = 0;
export let offsetCount: u32 = 0;
export let versionCount: u32 = 0;
export let firstOffset: u32 = 0;
export let offsetSpan: u32 = 0;
export let versionsEach: u32 = 0;
export let width: u32 = 0;
export let constantRlsn: u32 = 0;
export let maxRlsn: u32 = 0;
export let offsetsAt: u32 = 0;
export let countsAt: u32 = 0;
export let rlsnsAt: u32 = 0;
export let blockEnd: u32 = 0;

/** Begins at the block at `start` of an index that ends at `end`. */
export function startBlocks(start: u32, end: u32): void {
  cursor = start;
  limit = end;
}

/** A varint of at most `max`, in its shortest form; sets `failed` for anything else. */
function varint(max: u64): u64 {
  let value: u64 = 0;
  let shift: u64 = 0;
  while (cursor < limit && shift <= 49) {
    const byte = <u64>load<u8>(cursor++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      if ((byte == 0 && shift > 0) || value > max) failed = true;
      return value;
    }
    shift += 7;
  }
  failed = true;
  return 0;
}

/** The width of the low bits: the largest w with `count << w` at most `universe`, or 0. Neither is 0. */
export function lowWidth(count: u64, universe: u64): u32 {
  const w = <i32>clz(count) - <i32>clz(universe);
  return w <= 0 ? 0 : w - <i32>(count << w > universe);
}

// @ts-ignore: decorator
@inline
export function bytesFor(bits: u64): u64 {
  return (bits + 7) >> 3;
}

/** Whether the bits of the byte behind `bits` bits at `address` are zero. */
export function paddingIsZero(address: u32, bits: u64): bool {
  const used = <u32>(bits & 7);
  return used == 0 || load<u8>(address + <u32>(bits >> 3)) >> <u8>used == 0;
}

/** Takes `length` bytes of payload and returns where they begin; sets `failed` where the index ends before. */
function take(length: u64): u32 {
  const start = cursor;
  if (length > <u64>(limit - cursor)) failed = true;
  else cursor += <u32>length;
  return start;
}

/** Bytes of an Elias-Fano sequence: the low bits, then the high bits; `last` is the largest value it may hold. */
function eliasFanoBytes(count: u64, last: u64): u64 {
  const w = lowWidth(count, last + 1);
  return bytesFor(count * w) + bytesFor(count + (last >> w));
}

/** Parses the block at `cursor`: parameters and the places of the payloads. Returns a status. */
export function parseBlock(): i32 {
  const start = cursor;
  failed = false;
  const tag: u32 = cursor < limit ? <u32>load<u8>(cursor++) : 0xff;
  offsetsKind = tag & 3;
  countsKind = (tag >> 2) & 3;
  rlsnsKind = (tag >> 4) & 3;
  if (
    tag > 0x3f ||
    offsetsKind > ELIAS_FANO ||
    (countsKind == COUNTS_IMPLIED && rlsnsKind != RLSNS_ELIAS_FANO) ||
    (countsKind == COUNTS_ONE && rlsnsKind == RLSNS_ELIAS_FANO) ||
    (countsKind != COUNTS_ONE && rlsnsKind == RLSNS_CONSTANT)
  ) {
    return report(BAD_BLOCK, start);
  }
  offsetCount = <u32>varint(MAX_VERSIONS);
  firstOffset = <u32>varint(MAX_U32 - 1);
  offsetSpan = offsetsKind == RUN ? offsetCount - 1 : <u32>varint(MAX_U32 - 1);
  if (
    failed ||
    offsetCount == 0 ||
    <u64>firstOffset + offsetSpan > MAX_U32 - 1 ||
    offsetSpan < offsetCount - 1
  ) {
    return report(BAD_BLOCK, start);
  }
  let versions: u64 = offsetCount;
  versionsEach = 0;
  if (countsKind == COUNTS_UNIFORM) {
    versionsEach = <u32>varint(MAX_VERSIONS);
    versions = <u64>offsetCount * versionsEach;
    if (versionsEach < 2) failed = true;
  } else if (countsKind != COUNTS_ONE) {
    versions = varint(MAX_VERSIONS);
    if (versions < <u64>offsetCount) failed = true;
  }
  if (failed || versions > MAX_VERSIONS) return report(BAD_BLOCK, start);
  versionCount = <u32>versions;
  let rlsnBytes: u64 = 0;
  width = 0;
  if (rlsnsKind == RLSNS_CONSTANT) {
    constantRlsn = <u32>varint(MAX_U32);
  } else if (rlsnsKind == RLSNS_FIXED) {
    width = cursor < limit ? <u32>load<u8>(cursor++) : 0;
    if (width < 1 || width > 32) failed = true;
    rlsnBytes = bytesFor(<u64>versionCount * width);
  } else if (rlsnsKind == RLSNS_BYTES) {
    rlsnBytes = varint(MAX_U32);
  } else if (countsKind != COUNTS_IMPLIED) {
    maxRlsn = <u32>varint(MAX_U32);
    rlsnBytes = varint(MAX_U32);
  } else {
    maxRlsn = <u32>varint(MAX_U32);
    const keys = <u64>offsetCount * (<u64>maxRlsn + 1);
    if (keys > MAX_KEYS || <u64>versionCount > keys) failed = true;
    else {
      width = lowWidth(versionCount, keys);
      rlsnBytes = eliasFanoBytes(versionCount, keys - 1);
    }
  }
  if (failed) return report(BAD_BLOCK, start);
  offsetsAt = cursor;
  if (offsetsKind == BITMAP) take(bytesFor(<u64>offsetSpan + 1));
  else if (offsetsKind == ELIAS_FANO) take(eliasFanoBytes(offsetCount, offsetSpan));
  countsAt = cursor;
  if (countsKind == COUNTS_CUMULATIVE && offsetCount > 1) {
    take(eliasFanoBytes(offsetCount - 1, versionCount - offsetCount));
  }
  rlsnsAt = cursor;
  take(rlsnBytes);
  blockEnd = cursor;
  return failed ? report(BAD_BLOCK, start) : OK;
}
