// Opening an index: `measure` checks its checksum and the structure of its blocks and says how much memory the derived
// part takes; `derive` checks every value and writes the volumes and their directories there. Between them they accept
// exactly what spec/segment.md allows, so that a probe need check nothing. Lengths are computed in 64 bits and compared
// with what remains of the index; nothing outside head and area is read for a decision.
//
// The derived area: a volume (volume.ts) for each block, then their directories, each 8-aligned:
//   bitmap        rank table: u32 for each 64 bits
//   Elias-Fano    bucket table: where each value of the high bits begins among the elements, and two ends
//   cumulative    starts: u32 for each offset, and the end
//   partitioned   starts where the counts are cumulative, then the rLSNs: u16, or u32 where one takes more
//   byte deltas   groups: (first version, byte position) for each offset, and the end;
//                 samples: (rLSN, byte position behind it) for every 32nd version
import {
  blockEnd,
  bytesFor,
  constantRlsn,
  COUNTS_CUMULATIVE,
  COUNTS_IMPLIED,
  COUNTS_ONE,
  COUNTS_UNIFORM,
  countsAt,
  countsKind,
  cursor,
  firstOffset,
  lowWidth,
  MAX_U32,
  maxRlsn,
  offsetCount,
  offsetsAt,
  offsetsKind,
  offsetSpan,
  paddingIsZero,
  parseBlock,
  RLSNS_BYTES,
  RLSNS_CONSTANT,
  RLSNS_ELIAS_FANO,
  RLSNS_FIXED,
  rlsnsAt,
  rlsnsKind,
  startBlocks,
  versionCount,
  versionsEach,
  width,
} from "./block";
import {
  BAD_CHECKSUM,
  BAD_COUNTS,
  BAD_LENGTH,
  BAD_OFFSETS,
  BAD_RLSNS,
  BAD_VOLUME_TABLE,
  OK,
  report,
  RESULT,
} from "./memory";
import {
  BITMAP,
  bitsAt,
  BYTES,
  CONSTANT,
  ELIAS_FANO,
  FIXED_CUMULATIVE,
  FIXED_SINGLE,
  FIXED_UNIFORM,
  MERGED,
  RUN,
  SAMPLE_INTERVAL,
  VOLUME_BYTES,
} from "./volume";

import { decodePartitioned, plainBytes, plainWidth } from "./partition";
import { xxh64 } from "./xxh64";

const HEADER_BYTES: u32 = 64;
const CHECKSUM_AT: u32 = 56;
/** Behind the last directory: filling a bucket table may write some entries past its end. */
const GUARD_BYTES: u64 = 8;

// @ts-ignore: decorator
@inline
function align8(bytes: u64): u64 {
  return (bytes + 7) & ~(<u64>7);
}

// @ts-ignore: decorator
@inline
function entryBytes(elements: u32): u64 {
  return elements > 0xffff ? 4 : 2;
}

/** Entries of the bucket table of a sequence whose largest possible value is `last`. */
// @ts-ignore: decorator
@inline
function bucketEntries(last: u64, w: u32): u64 {
  return (last >> w) + 3;
}

// @ts-ignore: decorator
@inline
function lastKey(): u64 {
  return <u64>offsetCount * (<u64>maxRlsn + 1) - 1;
}

/** Bytes of the directory of the parsed block's offsets. */
function offsetDirectoryBytes(): u64 {
  if (offsetsKind == BITMAP) return align8((((<u64>offsetSpan >> 6) + 1) << 2));
  if (offsetsKind == ELIAS_FANO) {
    const w = lowWidth(offsetCount, <u64>offsetSpan + 1);
    return align8(bucketEntries(offsetSpan, w) * entryBytes(offsetCount));
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function isPartitioned(): bool {
  return rlsnsKind == RLSNS_ELIAS_FANO && countsKind != COUNTS_IMPLIED;
}

/** Bytes of the directory of the parsed block's versions, without samples and decoded rLSNs. */
function versionDirectoryBytes(): u64 {
  if (countsKind == COUNTS_IMPLIED) return align8(bucketEntries(lastKey(), width) * entryBytes(versionCount));
  if (rlsnsKind == RLSNS_BYTES) return (<u64>offsetCount + 1) << 3;
  if (countsKind == COUNTS_CUMULATIVE) return align8((<u64>offsetCount + 1) << 2);
  return 0;
}

/** Bytes of the samples of byte deltas, or of decoded rLSNs. */
function sampleBytes(): u64 {
  if (isPartitioned()) return plainBytes();
  return rlsnsKind == RLSNS_BYTES ? ((<u64>versionCount + SAMPLE_INTERVAL - 1) / SAMPLE_INTERVAL) << 3 : 0;
}

/**
 * Checks the checksum, the volume table and the structure of every block of the head at `head`: header, index of
 * `indexBytes` and padding, `bodyOffset` bytes. Returns the bytes that `derive` needs, or minus a status.
 */
export function measure(head: u32, indexBytes: u32, bodyOffset: u32, volumeCount: u32, pageCount: u32): i32 {
  const sum = xxh64(head + HEADER_BYTES, bodyOffset - HEADER_BYTES, xxh64(head, CHECKSUM_AT, 0));
  if (sum != load<u64>(head + CHECKSUM_AT)) return -report(BAD_CHECKSUM, CHECKSUM_AT);
  const table = head + HEADER_BYTES;
  const end = table + indexBytes;
  for (let at = end; at < head + bodyOffset; at++) {
    if (load<u8>(at) != 0) return -report(BAD_LENGTH, at - head);
  }
  if (volumeCount == 0 || <u64>volumeCount << 4 > <u64>indexBytes) return -report(BAD_VOLUME_TABLE, HEADER_BYTES);
  for (let i: u32 = 1; i < volumeCount; i++) {
    const id = table + (i << 4);
    const high = bswap(load<u64>(id));
    const before = bswap(load<u64>(id - 16));
    if (high < before || (high == before && bswap(load<u64>(id, 8)) <= bswap(load<u64>(id - 8)))) {
      return -report(BAD_VOLUME_TABLE, id - head);
    }
  }
  startBlocks(table + (volumeCount << 4), end);
  let bytes: u64 = <u64>volumeCount * VOLUME_BYTES + GUARD_BYTES;
  let versions: u64 = 0;
  for (let i: u32 = 0; i < volumeCount; i++) {
    const status = parseBlock();
    if (status != OK) return -report(status, load<u32>(RESULT) - head);
    bytes += offsetDirectoryBytes() + versionDirectoryBytes() + sampleBytes();
    versions += versionCount;
  }
  if (cursor != end) return -report(BAD_LENGTH, cursor - head);
  if (versions != <u64>pageCount) return -report(BAD_LENGTH, 36);
  return bytes > 0x7fffffff ? -report(BAD_LENGTH, HEADER_BYTES) : <i32>bytes;
}

/** The 64 bits at `at` of a stream of `bits` bits that begins at `start` and ends behind `at`; zeros behind its end. */
// @ts-ignore: decorator
@inline
function wordAt(start: u32, bits: u64, at: u32): u64 {
  const left = bits - (<u64>(at - start) << 3);
  return left >= 64 ? load<u64>(at) : load<u64>(at) & ((<u64>1 << left) - 1);
}

/**
 * Writes the entries of a bucket table up to bucket `to`, from `from`: elements begin there at `index`. Up to three
 * entries behind are overwritten as well: the common short stretches take no branch.
 */
// @ts-ignore: decorator
@inline
function fillBuckets(table: u32, wide: bool, from: u32, to: u32, index: u32): void {
  if (wide) {
    const entries = <u64>index * 0x1_0000_0001;
    for (let at = table + (from << 2), end = table + (to << 2); at <= end; at += 8) store<u64>(at, entries);
  } else {
    const entries = <u64>index * 0x1_0001_0001_0001;
    const end = table + (to << 1);
    let at = table + (from << 1);
    store<u64>(at, entries);
    for (at += 8; at <= end; at += 8) store<u64>(at, entries);
  }
}

function deriveOffsets(volume: u32, directory: u32): i32 {
  store<u8>(volume, <u8>offsetsKind);
  store<u32>(volume, firstOffset, 4);
  store<u32>(volume, offsetSpan, 8);
  store<u32>(volume, offsetsAt, 12);
  store<u32>(volume, directory, 16);
  if (offsetsKind == RUN) return OK;
  if (offsetsKind == BITMAP) {
    const bits = <u64>offsetSpan + 1;
    if (!paddingIsZero(offsetsAt, bits)) return report(BAD_OFFSETS, offsetsAt);
    let rank: u32 = 0;
    let left = bits;
    for (let i: u32 = 0; left > 0; i++) {
      let word = load<u64>(offsetsAt + (i << 3));
      if (left < 64) word &= (<u64>1 << left) - 1;
      store<u32>(directory + (i << 2), rank);
      rank += <u32>popcnt(word);
      left = left < 64 ? 0 : left - 64;
    }
    const last = offsetSpan;
    if (
      rank != offsetCount ||
      (load<u8>(offsetsAt) & 1) == 0 ||
      ((load<u8>(offsetsAt + (last >> 3)) >> <u8>(last & 7)) & 1) == 0
    ) {
      return report(BAD_OFFSETS, offsetsAt);
    }
    return OK;
  }
  const w = lowWidth(offsetCount, <u64>offsetSpan + 1);
  const wide = offsetCount > 0xffff;
  store<u8>(volume, wide ? 1 : 0, 2);
  store<u32>(volume, w, 20);
  const lowBits = <u64>offsetCount * w;
  const highAt = offsetsAt + <u32>bytesFor(lowBits);
  const highCount = <u64>offsetCount + (<u64>offsetSpan >> w);
  if (!paddingIsZero(offsetsAt, lowBits) || !paddingIsZero(highAt, highCount)) return report(BAD_OFFSETS, offsetsAt);
  const count = offsetCount;
  const last = <u64>offsetSpan;
  const lowAt = offsetsAt;
  const highEnd = highAt + <u32>bytesFor(highCount);
  let i: u32 = 0;
  let bucket: u32 = 0;
  let least: u64 = 0; // that the next value may be
  for (let at = highAt; at < highEnd; at += 8) {
    for (let word = wordAt(highAt, highCount, at); word != 0; word &= word - 1) {
      if (i == count) return report(BAD_OFFSETS, highAt);
      const high = ((at - highAt) << 3) + <u32>ctz(word) - i;
      const value = (<u64>high << w) | bitsAt(lowAt, i, w);
      if (value < least || value > last || (i == 0 && value != 0)) return report(BAD_OFFSETS, lowAt);
      fillBuckets(directory, wide, bucket, high, i);
      bucket = high + 1;
      least = value + 1;
      i++;
    }
  }
  if (i != count || least != last + 1) return report(BAD_OFFSETS, highAt);
  fillBuckets(directory, wide, bucket, <u32>bucketEntries(last, w) - 1, count);
  return OK;
}

/** Writes the starts of the groups, `stride` bytes apart: u32 each. */
function deriveStarts(table: u32, stride: u32): i32 {
  store<u32>(table, 0);
  store<u32>(table + offsetCount * stride, versionCount);
  if (countsKind != COUNTS_CUMULATIVE) {
    const each = countsKind == COUNTS_UNIFORM ? versionsEach : 1;
    for (let i: u32 = 1; i < offsetCount; i++) store<u32>(table + i * stride, i * each);
    return OK;
  }
  const count = offsetCount - 1;
  if (count == 0) return OK;
  const last = <u64>(versionCount - offsetCount);
  const w = lowWidth(count, last + 1);
  const lowBits = <u64>count * w;
  const highAt = countsAt + <u32>bytesFor(lowBits);
  const highCount = <u64>count + (last >> w);
  if (!paddingIsZero(countsAt, lowBits) || !paddingIsZero(highAt, highCount)) return report(BAD_COUNTS, countsAt);
  const lowAt = countsAt;
  const highEnd = highAt + <u32>bytesFor(highCount);
  let i: u32 = 0;
  let least: u64 = 0;
  for (let at = highAt; at < highEnd; at += 8) {
    for (let word = wordAt(highAt, highCount, at); word != 0; word &= word - 1) {
      if (i == count) return report(BAD_COUNTS, highAt);
      const high = ((at - highAt) << 3) + <u32>ctz(word) - i;
      const value = (<u64>high << w) | bitsAt(lowAt, i, w);
      if (value < least || value > last) return report(BAD_COUNTS, lowAt);
      least = value;
      i++;
      table += stride;
      store<u32>(table, <u32>value + i);
    }
  }
  return i == count ? OK : report(BAD_COUNTS, highAt);
}

/** Checks that fixed-width values ascend within each group. */
function checkFixed(start: u32, end: u32): bool {
  const address = rlsnsAt;
  const w = width;
  let before = bitsAt(address, start, w);
  for (let i = start + 1; i < end; i++) {
    const rlsn = bitsAt(address, i, w);
    if (rlsn <= before) return false;
    before = rlsn;
  }
  return true;
}

function deriveFixed(volume: u32, directory: u32): i32 {
  if (countsKind == COUNTS_CUMULATIVE) {
    const status = deriveStarts(directory, 4);
    if (status != OK) return status;
  }
  if (!paddingIsZero(rlsnsAt, <u64>versionCount * width)) return report(BAD_RLSNS, rlsnsAt);
  if (countsKind == COUNTS_ONE) {
    store<u8>(volume, <u8>FIXED_SINGLE, 1);
  } else if (countsKind == COUNTS_UNIFORM) {
    store<u8>(volume, <u8>FIXED_UNIFORM, 1);
    for (let i: u32 = 0; i < offsetCount; i++) {
      if (!checkFixed(i * versionsEach, (i + 1) * versionsEach)) return report(BAD_RLSNS, rlsnsAt);
    }
  } else {
    store<u8>(volume, <u8>FIXED_CUMULATIVE, 1);
    for (let i: u32 = 0; i < offsetCount; i++) {
      const start = directory + (i << 2);
      if (!checkFixed(load<u32>(start), load<u32>(start, 4))) return report(BAD_RLSNS, rlsnsAt);
    }
  }
  return OK;
}

function deriveBytes(volume: u32, directory: u32, samples: u32): i32 {
  store<u8>(volume, <u8>BYTES, 1);
  store<u32>(volume, samples, 36);
  const status = deriveStarts(directory, 8);
  if (status != OK) return status;
  let at = rlsnsAt;
  let index: u32 = 0;
  for (let i: u32 = 0; i < offsetCount; i++) {
    const group = directory + (i << 3);
    store<u32>(group, at - rlsnsAt, 4);
    const end = load<u32>(group, 8);
    let value: u64 = 0;
    for (let first = true; index < end; first = false) {
      if (at >= blockEnd) return report(BAD_RLSNS, at);
      let delta = <u64>load<u8>(at++);
      if (delta == 255) {
        if (blockEnd - at < 4) return report(BAD_RLSNS, at);
        delta = load<u32>(at);
        if (delta < 255) return report(BAD_RLSNS, at);
        at += 4;
      }
      value = first ? delta : value + delta + 1;
      if (value > MAX_U32) return report(BAD_RLSNS, at);
      if (index % SAMPLE_INTERVAL == 0) {
        const sample = samples + ((index / SAMPLE_INTERVAL) << 3);
        store<u32>(sample, <u32>value);
        store<u32>(sample, at - rlsnsAt, 4);
      }
      index++;
    }
  }
  store<u32>(directory + (offsetCount << 3), at - rlsnsAt, 4);
  return at == blockEnd ? OK : report(BAD_RLSNS, at);
}

function derivePartitioned(volume: u32, directory: u32, plain: u32): i32 {
  const isCumulative = countsKind == COUNTS_CUMULATIVE;
  if (isCumulative) {
    const status = deriveStarts(directory, 4);
    if (status != OK) return status;
  }
  store<u8>(volume, <u8>(isCumulative ? FIXED_CUMULATIVE : FIXED_UNIFORM), 1);
  store<u32>(volume, plain, 24);
  store<u32>(volume, plainWidth(), 32);
  return decodePartitioned(isCumulative ? directory : 0, versionsEach, plain);
}

function deriveMerged(volume: u32, directory: u32): i32 {
  store<u8>(volume, <u8>MERGED, 1);
  const span = <u64>maxRlsn + 1;
  store<u64>(volume, span, 40);
  const wide = versionCount > 0xffff;
  store<u8>(volume, wide ? 1 : 0, 3);
  const last = lastKey();
  const lowBits = <u64>versionCount * width;
  const highAt = rlsnsAt + <u32>bytesFor(lowBits);
  const highCount = <u64>versionCount + (last >> width);
  if (!paddingIsZero(rlsnsAt, lowBits) || !paddingIsZero(highAt, highCount)) return report(BAD_RLSNS, rlsnsAt);
  const count = versionCount;
  const lowAt = rlsnsAt;
  const w = width;
  const highEnd = highAt + <u32>bytesFor(highCount);
  let i: u32 = 0;
  let bucket: u32 = 0;
  let least: u64 = 0;
  let group: u64 = 0; // the first key of the offset
  let largest: u64 = 0;
  for (let at = highAt; at < highEnd; at += 8) {
    for (let word = wordAt(highAt, highCount, at); word != 0; word &= word - 1) {
      if (i == count) return report(BAD_RLSNS, highAt);
      const high = ((at - highAt) << 3) + <u32>ctz(word) - i;
      const key = (<u64>high << w) | bitsAt(lowAt, i, w);
      if (key < least || key > last) return report(BAD_RLSNS, lowAt);
      if (key - group >= span) {
        // The next offset's versions begin, unless it has none, or is the first and has none.
        group += span;
        if (i == 0 || key - group >= span) return report(BAD_RLSNS, lowAt);
      }
      largest = max(largest, key - group);
      fillBuckets(directory, wide, bucket, high, i);
      bucket = high + 1;
      least = key + 1;
      i++;
    }
  }
  if (i != count || group + span != last + 1 || largest != <u64>maxRlsn) return report(BAD_RLSNS, highAt);
  fillBuckets(directory, wide, bucket, <u32>bucketEntries(last, w) - 1, count);
  return OK;
}

/** Checks every value of an index that `measure` has accepted and writes volumes and directories at `area`. A status. */
export function derive(head: u32, indexBytes: u32, volumeCount: u32, area: u32): i32 {
  const table = head + HEADER_BYTES;
  startBlocks(table + (volumeCount << 4), table + indexBytes);
  let directory = area + volumeCount * VOLUME_BYTES;
  let firstLocal: u32 = 0;
  for (let i: u32 = 0; i < volumeCount; i++) {
    parseBlock();
    const volume = area + i * VOLUME_BYTES;
    for (let at = volume; at < volume + VOLUME_BYTES; at += 8) store<u64>(at, 0);
    let status = deriveOffsets(volume, directory);
    if (status != OK) return report(status, load<u32>(RESULT) - head);
    directory += <u32>offsetDirectoryBytes();
    store<u32>(volume, rlsnsAt, 24);
    store<u32>(volume, directory, 28);
    store<u32>(volume, width, 32);
    store<u32>(volume, versionsEach, 36);
    store<u32>(volume, firstLocal, 48);
    store<u32>(volume, offsetCount, 52);
    store<u32>(volume, versionCount, 56);
    const samples = directory + <u32>versionDirectoryBytes();
    if (rlsnsKind == RLSNS_CONSTANT) {
      store<u8>(volume, <u8>CONSTANT, 1);
      store<u32>(volume, constantRlsn, 32);
    } else if (rlsnsKind == RLSNS_FIXED) {
      status = deriveFixed(volume, directory);
    } else if (rlsnsKind == RLSNS_BYTES) {
      status = deriveBytes(volume, directory, samples);
    } else if (isPartitioned()) {
      status = derivePartitioned(volume, directory, samples);
    } else {
      status = deriveMerged(volume, directory);
    }
    if (status != OK) return report(status, load<u32>(RESULT) - head);
    directory = samples + <u32>sampleBytes();
    firstLocal += versionCount;
  }
  return OK;
}
