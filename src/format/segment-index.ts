/**
 * The index of a segment (spec/segment.md, "Index"), right behind the header: a table of volume ids, ascending, then a
 * block for each volume:
 *
 *     tag            u8      bits 0-1 offsets, 2-3 counts, 4-5 rLSNs, 6-7 zero
 *     offset count   varint  K
 *     first offset   varint
 *     span           varint  last offset - first offset; not for runs
 *     counts         varint  uniform: versions of each; cumulative and implied: N, the versions of all; else nothing
 *     rLSNs          constant: varint; fixed: u8 width; byte deltas: varint length; merged Elias-Fano: varint largest
 *                    rLSN; partitioned Elias-Fano: varint largest rLSN, varint length
 *     payloads       of the offsets, of the counts, of the rLSNs
 *
 * Versions are in the order of (offset, rLSN), as the pages are in the body, so that a version's rank is its local page
 * number and none is stored.
 */
import { Corrupt } from "../core/errors.js";
import { ID_BYTES, VolumeId } from "../core/ids.js";
import { MAX_OFFSET, MAX_RLSN } from "../core/numbers.js";
import { bitsAt, bitsFrom, bytesFor, eliasFano, nextSetBit, paddingIsZero, walkEliasFano } from "./bits.js";
import { ByteReader } from "./bytes.js";
import {
  BAD_BLOCK,
  BAD_CHECKSUM,
  BAD_COUNTS,
  BAD_LENGTH,
  BAD_OFFSETS,
  BAD_RLSNS,
  BAD_VOLUME_TABLE,
  indexProblem,
} from "./index-problems.js";
import { endWidth, type Inner, innerOf, partitionOf } from "./partition.js";
import {
  CHECKSUM_AT,
  decodeSegmentHeader,
  HEADER_BYTES,
  headChecksum,
  MAX_SEGMENT_PAGES,
  type SegmentHeader,
} from "./segment-header.js";

export type OffsetEncoding = "run" | "bitmap" | "elias-fano";
export type RlsnEncoding = "constant" | `fixed-${number}` | "byte-deltas" | "elias-fano" | "partitioned";

export const OFFSETS_RUN = 0;
export const OFFSETS_BITMAP = 1;
export const OFFSETS_ELIAS_FANO = 2;
export const COUNTS_ONE = 0;
export const COUNTS_UNIFORM = 1;
export const COUNTS_CUMULATIVE = 2;
export const COUNTS_IMPLIED = 3;
export const RLSNS_CONSTANT = 0;
export const RLSNS_FIXED = 1;
export const RLSNS_BYTES = 2;
/** Merged where the counts are implied, else partitioned. */
export const RLSNS_ELIAS_FANO = 3;
/** In byte deltas: a u32 follows, for a value of 255 or more. */
export const DELTA_ESCAPE = 255;
/** `offset count * (largest rLSN + 1)` may be at most this. */
export const MAX_KEYS = 2 ** 53;

/** One volume's versions, as plain arrays. */
export interface VolumeVersions {
  readonly vid: VolumeId;
  /** Ascending, distinct. */
  readonly offsets: Uint32Array;
  /** The versions of `offsets[i]` are those from `starts[i]` up to `starts[i + 1]`; one entry more than offsets. */
  readonly starts: Uint32Array;
  /** Of every version, ascending for each offset. */
  readonly rlsns: Uint32Array;
}

/** One volume as its block holds it. */
export interface DecodedVolume extends VolumeVersions {
  /** Local page number of the volume's first version. */
  readonly firstLocal: number;
  readonly offsetEncoding: OffsetEncoding;
  readonly rlsnEncoding: RlsnEncoding;
  /** Its block and its entry in the volume table. */
  readonly indexBytes: number;
}

export interface DecodedIndex {
  readonly header: SegmentHeader;
  readonly volumes: readonly DecodedVolume[];
}

interface Block {
  readonly start: number;
  readonly offsetsKind: number;
  readonly countsKind: number;
  readonly rlsnsKind: number;
  readonly offsetCount: number;
  readonly versionCount: number;
  readonly firstOffset: number;
  readonly span: number;
  readonly versionsEach: number;
  /** Width of fixed rLSNs, the constant rLSN, or the largest one. */
  readonly rlsnParameter: number;
  readonly offsetsAt: number;
  readonly countsAt: number;
  readonly rlsnsAt: number;
  readonly end: number;
}

/** Reads the parameters of the block at the reader's position, and skips its payloads. `undefined` for a bad one. */
function parseBlock(reader: ByteReader): Block | undefined {
  const start = reader.position;
  const tag = reader.u8();
  const offsetsKind = tag & 3;
  const countsKind = (tag >> 2) & 3;
  const rlsnsKind = (tag >> 4) & 3;
  if (tag > 0x3f || offsetsKind > OFFSETS_ELIAS_FANO) return undefined;
  if (countsKind === COUNTS_IMPLIED && rlsnsKind !== RLSNS_ELIAS_FANO) return undefined;
  if (countsKind === COUNTS_ONE && rlsnsKind === RLSNS_ELIAS_FANO) return undefined;
  if (countsKind !== COUNTS_ONE && rlsnsKind === RLSNS_CONSTANT) return undefined;
  const offsetCount = reader.varint(MAX_SEGMENT_PAGES);
  const firstOffset = reader.varint(MAX_OFFSET);
  const span = offsetsKind === OFFSETS_RUN ? offsetCount - 1 : reader.varint(MAX_OFFSET);
  if (offsetCount === 0 || firstOffset + span > MAX_OFFSET || span < offsetCount - 1) return undefined;
  let versionCount = offsetCount;
  let versionsEach = 1;
  if (countsKind === COUNTS_UNIFORM) {
    versionsEach = reader.varint(MAX_SEGMENT_PAGES);
    versionCount = offsetCount * versionsEach;
    if (versionsEach < 2) return undefined;
  } else if (countsKind !== COUNTS_ONE) {
    versionCount = reader.varint(MAX_SEGMENT_PAGES);
  }
  if (versionCount < offsetCount || versionCount > MAX_SEGMENT_PAGES) return undefined;
  let rlsnParameter: number;
  let rlsnBytes = 0;
  if (rlsnsKind === RLSNS_CONSTANT) {
    rlsnParameter = reader.varint(MAX_RLSN);
  } else if (rlsnsKind === RLSNS_FIXED) {
    rlsnParameter = reader.u8();
    if (rlsnParameter < 1 || rlsnParameter > 32) return undefined;
    rlsnBytes = bytesFor(versionCount * rlsnParameter);
  } else if (rlsnsKind === RLSNS_BYTES) {
    rlsnParameter = 0;
    rlsnBytes = reader.varint(MAX_RLSN);
  } else if (countsKind !== COUNTS_IMPLIED) {
    rlsnParameter = reader.varint(MAX_RLSN);
    rlsnBytes = reader.varint(MAX_RLSN);
  } else {
    rlsnParameter = reader.varint(MAX_RLSN);
    const keys = offsetCount * (rlsnParameter + 1);
    if (keys > MAX_KEYS || versionCount > keys) return undefined;
    rlsnBytes = eliasFano(versionCount, keys - 1).byteLength;
  }
  const offsetsAt = reader.position;
  if (offsetsKind === OFFSETS_BITMAP) reader.raw(bytesFor(span + 1));
  else if (offsetsKind === OFFSETS_ELIAS_FANO) reader.raw(eliasFano(offsetCount, span).byteLength);
  const countsAt = reader.position;
  if (countsKind === COUNTS_CUMULATIVE && offsetCount > 1) {
    reader.raw(eliasFano(offsetCount - 1, versionCount - offsetCount).byteLength);
  }
  const rlsnsAt = reader.position;
  reader.raw(rlsnBytes);
  return {
    start,
    offsetsKind,
    countsKind,
    rlsnsKind,
    offsetCount,
    versionCount,
    firstOffset,
    span,
    versionsEach,
    rlsnParameter,
    offsetsAt,
    countsAt,
    rlsnsAt,
    end: reader.position,
  };
}

/** `parseBlock`, with a block that the index ends before taken as a bad one, as the core takes it. */
function tryParseBlock(reader: ByteReader): Block | undefined {
  try {
    return parseBlock(reader);
  } catch (error) {
    if (error instanceof Corrupt) return undefined;
    throw error;
  }
}

function decodeOffsets(bytes: Uint8Array, block: Block): Uint32Array | undefined {
  const { offsetCount, firstOffset, span, offsetsAt } = block;
  const offsets = new Uint32Array(offsetCount);
  if (block.offsetsKind === OFFSETS_RUN) {
    for (let i = 0; i < offsetCount; i++) offsets[i] = firstOffset + i;
    return offsets;
  }
  if (block.offsetsKind === OFFSETS_BITMAP) {
    if (!paddingIsZero(bytes, offsetsAt, span + 1)) return undefined;
    let count = 0;
    const byteCount = bytesFor(span + 1);
    for (let i = 0; i < byteCount; i++) {
      for (let byte = bytes[offsetsAt + i]; byte !== 0; byte &= byte - 1) {
        if (count === offsetCount) return undefined;
        offsets[count++] = firstOffset + i * 8 + 31 - Math.clz32(byte & -byte);
      }
    }
    const complete = count === offsetCount && offsets[0] === firstOffset && offsets[count - 1] === firstOffset + span;
    return complete ? offsets : undefined;
  }
  let before = -1;
  const intact = walkEliasFano(bytes, offsetsAt, eliasFano(offsetCount, span), (value, i) => {
    if (value <= before || value > span || (i === 0 && value !== 0)) return false;
    offsets[i] = firstOffset + value;
    before = value;
    return true;
  });
  return intact && before === span ? offsets : undefined;
}

function decodeStarts(bytes: Uint8Array, block: Block): Uint32Array | undefined {
  const { offsetCount, versionCount, versionsEach } = block;
  const starts = new Uint32Array(offsetCount + 1);
  starts[offsetCount] = versionCount;
  if (block.countsKind !== COUNTS_CUMULATIVE) {
    // Those of implied counts come from the rLSNs.
    for (let i = 1; i < offsetCount; i++) starts[i] = i * versionsEach;
    return starts;
  }
  if (offsetCount === 1) return starts;
  const last = versionCount - offsetCount;
  let before = 0;
  const intact = walkEliasFano(bytes, block.countsAt, eliasFano(offsetCount - 1, last), (value, i) => {
    if (value < before || value > last) return false;
    starts[i + 1] = value + i + 1;
    before = value;
    return true;
  });
  return intact ? starts : undefined;
}

function ascendWithin(rlsns: Uint32Array, starts: Uint32Array): boolean {
  for (let group = 0; group + 1 < starts.length; group++) {
    for (let i = starts[group] + 1; i < starts[group + 1]; i++) if (rlsns[i] <= rlsns[i - 1]) return false;
  }
  return true;
}

function decodeByteDeltas(bytes: Uint8Array, block: Block, starts: Uint32Array, rlsns: Uint32Array): boolean {
  let at = block.rlsnsAt;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let group = 0; group < block.offsetCount; group++) {
    let value = -1;
    for (let i = starts[group]; i < starts[group + 1]; i++) {
      if (at >= block.end) return false;
      let delta = bytes[at++];
      if (delta === DELTA_ESCAPE) {
        if (block.end - at < 4) return false;
        delta = view.getUint32(at, true);
        if (delta < DELTA_ESCAPE) return false;
        at += 4;
      }
      value += delta + 1;
      if (value > MAX_RLSN) return false;
      rlsns[i] = value;
    }
  }
  return at === block.end;
}

/** Fills `starts` and `rlsns` from a sequence over `ordinal * T + rLSN`. */
function decodeMerged(bytes: Uint8Array, block: Block, starts: Uint32Array, rlsns: Uint32Array): boolean {
  const span = block.rlsnParameter + 1;
  const shape = eliasFano(block.versionCount, block.offsetCount * span - 1);
  let ordinal = -1;
  let before = -1;
  let largest = 0;
  const intact = walkEliasFano(bytes, block.rlsnsAt, shape, (key, i) => {
    if (key <= before || key > shape.last) return false;
    before = key;
    const group = Math.floor(key / span);
    if (group !== ordinal) {
      if (group !== ordinal + 1) return false;
      ordinal = group;
      starts[group] = i;
    }
    rlsns[i] = key - group * span;
    largest = Math.max(largest, rlsns[i]);
    return true;
  });
  return intact && ordinal === block.offsetCount - 1 && largest === block.rlsnParameter;
}

/** Fills `rlsns` from a sequence for each offset. */
function decodePartitioned(bytes: Uint8Array, block: Block, starts: Uint32Array, rlsns: Uint32Array): boolean {
  const { rlsnsAt, end, offsetCount, rlsnParameter: largest } = block;
  const width = endWidth(largest);
  const payload = bytes.subarray(rlsnsAt, end);
  const countOf = (ordinal: number) => starts[ordinal + 1] - starts[ordinal];
  // Where the payload ends too early, zeros are read, and its length is found to be wrong.
  const missingOf = (_: number, lowBits: number) => bitsFrom(payload, 0, lowBits + width, width);
  const { lowBits, lowBytes, highBits, byteLength } = partitionOf(offsetCount, largest, countOf, missingOf);
  if (byteLength !== payload.length) return false;
  if (!paddingIsZero(payload, 0, lowBits) || !paddingIsZero(payload, lowBytes, highBits)) return false;
  let low = 0;
  let high = 0;
  let largestSeen = 0;
  for (let ordinal = 0; ordinal < offsetCount; ordinal++) {
    const start = starts[ordinal];
    const count = countOf(ordinal);
    const first = bitsFrom(payload, 0, low, width);
    const missing = count > 1 ? bitsFrom(payload, 0, low + width, width) : 0;
    const last = first + missing + count - 1;
    if (last > largest) return false;
    largestSeen = Math.max(largestSeen, last);
    low += count > 1 ? 2 * width : width;
    const inner = innerOf(count, missing);
    if (inner) {
      if (!decodeInner(payload, inner, low, lowBytes, high, rlsns, start, first)) return false;
      low += inner.count * inner.width;
      high += inner.highBits;
    } else {
      for (let i = 1; i < count - 1; i++) rlsns[start + i] = first + i;
    }
    rlsns[start] = first;
    rlsns[start + count - 1] = last;
  }
  return largestSeen === largest;
}

/** The versions between an offset's first and last, from bit `low` of the low bits and bit `high` of the high ones. */
function decodeInner(
  payload: Uint8Array,
  { count, universe, width, highBits }: Inner,
  low: number,
  highAt: number,
  high: number,
  rlsns: Uint32Array,
  start: number,
  first: number,
): boolean {
  const end = high + highBits;
  let bit = high - 1;
  let before = -1;
  for (let i = 0; i < count; i++) {
    bit = nextSetBit(payload, highAt, bit + 1, end);
    if (bit === end) return false;
    const upper = width === 0 ? bit - high : bit - high - i;
    const value = upper * 2 ** width + bitsFrom(payload, 0, low + i * width, width);
    if (value <= before || value >= universe) return false;
    before = value;
    rlsns[start + 1 + i] = first + 1 + value;
  }
  return nextSetBit(payload, highAt, bit + 1, end) === end;
}

function decodeRlsns(bytes: Uint8Array, block: Block, starts: Uint32Array): Uint32Array | undefined {
  const rlsns = new Uint32Array(block.versionCount);
  switch (block.rlsnsKind) {
    case RLSNS_CONSTANT:
      return rlsns.fill(block.rlsnParameter);
    case RLSNS_FIXED: {
      const width = block.rlsnParameter;
      if (!paddingIsZero(bytes, block.rlsnsAt, block.versionCount * width)) return undefined;
      for (let i = 0; i < rlsns.length; i++) rlsns[i] = bitsAt(bytes, block.rlsnsAt, i, width);
      return ascendWithin(rlsns, starts) ? rlsns : undefined;
    }
    case RLSNS_BYTES:
      return decodeByteDeltas(bytes, block, starts, rlsns) ? rlsns : undefined;
    default: {
      const decode = block.countsKind === COUNTS_IMPLIED ? decodeMerged : decodePartitioned;
      return decode(bytes, block, starts, rlsns) ? rlsns : undefined;
    }
  }
}

const OFFSET_ENCODINGS: readonly OffsetEncoding[] = ["run", "bitmap", "elias-fano"];

function rlsnEncodingOf(block: Block): RlsnEncoding {
  if (block.rlsnsKind === RLSNS_FIXED) return `fixed-${block.rlsnParameter}`;
  if (block.rlsnsKind === RLSNS_CONSTANT) return "constant";
  if (block.rlsnsKind === RLSNS_BYTES) return "byte-deltas";
  return block.countsKind === COUNTS_IMPLIED ? "elias-fano" : "partitioned";
}

/**
 * Decodes and checks a whole head.
 *
 * @param head The segment's bytes from 0 to its body offset, or beyond.
 * @param key Names the segment in errors.
 * @throws Corrupt, UnsupportedFormat
 */
export function decodeIndex(head: Uint8Array, key: string): DecodedIndex {
  const header = decodeSegmentHeader(head, key);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (headChecksum(head, header.bodyOffset) !== view.getBigUint64(CHECKSUM_AT, true)) {
    throw indexProblem(BAD_CHECKSUM, CHECKSUM_AT, key);
  }
  const indexEnd = HEADER_BYTES + header.indexBytes;
  for (let at = indexEnd; at < header.bodyOffset; at++) if (head[at] !== 0) throw indexProblem(BAD_LENGTH, at, key);
  if (header.volumeCount * ID_BYTES > header.indexBytes) throw indexProblem(BAD_VOLUME_TABLE, HEADER_BYTES, key);
  const index = head.subarray(0, indexEnd);
  const reader = new ByteReader(index, key);
  reader.position = HEADER_BYTES + header.volumeCount * ID_BYTES;
  // The structure of all blocks first, then their values: the order in which the core finds problems, too.
  const vids: VolumeId[] = [];
  for (let v = 0; v < header.volumeCount; v++) {
    const idAt = HEADER_BYTES + v * ID_BYTES;
    const vid = VolumeId.fromBytes(index.subarray(idAt, idAt + ID_BYTES));
    if (v > 0 && vid.compare(vids[v - 1]) <= 0) throw indexProblem(BAD_VOLUME_TABLE, idAt, key);
    vids.push(vid);
  }
  let pageCount = 0;
  const blocks = vids.map(() => {
    const start = reader.position;
    const block = tryParseBlock(reader);
    if (!block) throw indexProblem(BAD_BLOCK, start, key);
    pageCount += block.versionCount;
    return block;
  });
  if (reader.position !== indexEnd) throw indexProblem(BAD_LENGTH, reader.position, key);
  if (pageCount !== header.pageCount) throw indexProblem(BAD_LENGTH, 36, key);
  let firstLocal = 0;
  const volumes = blocks.map((block, v): DecodedVolume => {
    const offsets = decodeOffsets(index, block);
    if (!offsets) throw indexProblem(BAD_OFFSETS, block.offsetsAt, key);
    const starts = decodeStarts(index, block);
    if (!starts) throw indexProblem(BAD_COUNTS, block.countsAt, key);
    const rlsns = decodeRlsns(index, block, starts);
    if (!rlsns) throw indexProblem(BAD_RLSNS, block.rlsnsAt, key);
    const before = firstLocal;
    firstLocal += block.versionCount;
    return {
      vid: vids[v],
      offsets,
      starts,
      rlsns,
      firstLocal: before,
      offsetEncoding: OFFSET_ENCODINGS[block.offsetsKind],
      rlsnEncoding: rlsnEncodingOf(block),
      indexBytes: ID_BYTES + block.end - block.start,
    };
  });
  return { header, volumes };
}
