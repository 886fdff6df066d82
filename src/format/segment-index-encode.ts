/** Encodes the head of a segment: picks an encoding for each volume, then writes header, index and padding. */
import { InvalidArgument } from "../core/errors.js";
import { ID_BYTES, type SegmentId } from "../core/ids.js";
import { MAX_OFFSET } from "../core/numbers.js";
import { bytesFor, eliasFano, putBits, putBitsFrom, putEliasFano } from "./bits.js";
import { ByteWriter } from "./bytes.js";
import { endWidth, innerOf, type Partition, partitionOf } from "./partition.js";
import {
  bodyOffsetOf,
  encodeSegmentHeader,
  HEADER_BYTES,
  MAX_SEGMENT_BYTES,
  MAX_SEGMENT_PAGES,
} from "./segment-header.js";
import {
  COUNTS_CUMULATIVE,
  COUNTS_IMPLIED,
  COUNTS_ONE,
  COUNTS_UNIFORM,
  DELTA_ESCAPE,
  MAX_KEYS,
  OFFSETS_BITMAP,
  OFFSETS_ELIAS_FANO,
  OFFSETS_RUN,
  type OffsetEncoding,
  RLSNS_BYTES,
  RLSNS_CONSTANT,
  RLSNS_ELIAS_FANO,
  RLSNS_FIXED,
  type RlsnEncoding,
  type VolumeVersions,
} from "./segment-index.js";

/** Encodings picked by hand, for tests and benches. "fixed" is the narrowest width that fits. */
export interface ForcedEncodings {
  readonly offsets?: OffsetEncoding | undefined;
  readonly rlsns?: RlsnEncoding | "fixed" | undefined;
}

/**
 * A faster encoding is taken when it is at most so many times the bytes of the smallest: bitmaps before Elias-Fano
 * offsets; of rLSNs, fixed widths before partitioned before merged Elias-Fano before byte deltas. Measured in `bench`, suite `probe`.
 */
const SPEED_MARGIN = 1.15;

/** One way to write a set of offsets or the versions: its bytes, and how to put them. */
interface Plan {
  readonly kind: number;
  readonly byteLength: number;
  write(writer: ByteWriter): void;
}

interface VersionsPlan extends Plan {
  readonly countsKind: number;
  /** The parameter behind the counts. */
  writeParameter(writer: ByteWriter): void;
}

/** Bits that hold every number up to `value`. */
function bitWidth(value: number): number {
  return Math.max(1, 32 - Math.clz32(value));
}

/** Appends `byteLength` zeros and lets `fill` set bits in them. */
function payload(writer: ByteWriter, byteLength: number, fill: (bytes: Uint8Array, at: number) => void): void {
  const at = writer.length;
  writer.zeros(byteLength);
  fill(writer.bytes, at);
}

function planOffsets(offsets: Uint32Array, forced: OffsetEncoding | undefined): Plan {
  const count = offsets.length;
  const first = offsets[0];
  const span = offsets[count - 1] - first;
  const run: Plan = { kind: OFFSETS_RUN, byteLength: 0, write() {} };
  const bitmapBytes = bytesFor(span + 1);
  const bitmap: Plan = {
    kind: OFFSETS_BITMAP,
    byteLength: bitmapBytes,
    write: (writer) =>
      payload(writer, bitmapBytes, (bytes, at) => {
        for (const offset of offsets) bytes[at + ((offset - first) >>> 3)] |= 1 << ((offset - first) & 7);
      }),
  };
  const shape = eliasFano(count, span);
  const sparse: Plan = {
    kind: OFFSETS_ELIAS_FANO,
    byteLength: shape.byteLength,
    write: (writer) =>
      payload(writer, shape.byteLength, (bytes, at) => putEliasFano(bytes, at, shape, (i) => offsets[i] - first)),
  };
  const contiguous = span === count - 1;
  switch (forced) {
    case undefined:
      if (contiguous) return run;
      return bitmapBytes <= SPEED_MARGIN * shape.byteLength ? bitmap : sparse;
    case "run":
      if (!contiguous) throw new InvalidArgument("offsets forced to be a run: they have gaps");
      return run;
    case "bitmap":
      return bitmap;
    case "elias-fano":
      return sparse;
    default:
      throw new InvalidArgument(`no offset encoding "${String(forced)}": run, bitmap or elias-fano`);
  }
}

/** The counts that go with fixed widths and byte deltas. */
function planCounts(starts: Uint32Array): Plan {
  const count = starts.length - 1;
  const versions = starts[count];
  if (versions === count) return { kind: COUNTS_ONE, byteLength: 0, write() {} };
  const each = starts[1];
  let uniform = true;
  for (let i = 1; uniform && i <= count; i++) uniform = starts[i] === i * each;
  if (uniform) return { kind: COUNTS_UNIFORM, byteLength: 0, write() {} };
  const shape = eliasFano(count - 1, versions - count);
  return {
    kind: COUNTS_CUMULATIVE,
    byteLength: shape.byteLength,
    write: (writer) =>
      payload(writer, shape.byteLength, (bytes, at) => {
        putEliasFano(bytes, at, shape, (i) => starts[i + 1] - (i + 1));
      }),
  };
}

/** Calls `each` with every byte delta: an offset's first rLSN, then the gaps less 1. */
function forEachDelta(volume: VolumeVersions, each: (delta: number) => void): void {
  const { starts, rlsns } = volume;
  for (let group = 0; group + 1 < starts.length; group++) {
    let before = -1;
    for (let i = starts[group]; i < starts[group + 1]; i++) {
      each(rlsns[i] - before - 1);
      before = rlsns[i];
    }
  }
}

/** The shape of partitioned rLSNs. */
function partition({ starts, rlsns }: VolumeVersions, largest: number): Partition {
  const countOf = (ordinal: number) => starts[ordinal + 1] - starts[ordinal];
  const missingOf = (ordinal: number) =>
    rlsns[starts[ordinal + 1] - 1] - rlsns[starts[ordinal]] - (countOf(ordinal) - 1);
  return partitionOf(starts.length - 1, largest, countOf, missingOf);
}

/** Writes each offset's rLSNs as a sequence of its own into the zeros at `at`. */
function putPartition(
  bytes: Uint8Array,
  at: number,
  { lowBytes }: Partition,
  { starts, rlsns }: VolumeVersions,
  largest: number,
): void {
  const highAt = at + lowBytes;
  const width = endWidth(largest);
  let low = 0;
  let high = 0;
  const put = (value: number, bits: number) => {
    putBitsFrom(bytes, at, low, bits, value);
    low += bits;
  };
  for (let ordinal = 0; ordinal + 1 < starts.length; ordinal++) {
    const start = starts[ordinal];
    const count = starts[ordinal + 1] - start;
    const first = rlsns[start];
    put(first, width);
    if (count === 1) continue;
    const missing = rlsns[start + count - 1] - first - (count - 1);
    put(missing, width);
    const inner = innerOf(count, missing);
    if (inner === undefined) continue;
    for (let i = 0; i < inner.count; i++) {
      const value = rlsns[start + 1 + i] - first - 1;
      const upper = Math.floor(value / 2 ** inner.width);
      put(value - upper * 2 ** inner.width, inner.width);
      const bit = high + upper + (inner.width === 0 ? 0 : i);
      bytes[highAt + (bit >>> 3)] |= 1 << (bit & 7);
    }
    high += inner.highBits;
  }
}

function planRlsns(volume: VolumeVersions, forced: ForcedEncodings["rlsns"]): VersionsPlan {
  const { starts, rlsns } = volume;
  const offsetCount = starts.length - 1;
  const versionCount = rlsns.length;
  let largest = 0;
  let smallest = rlsns[0];
  for (const rlsn of rlsns) {
    if (rlsn > largest) largest = rlsn;
    if (rlsn < smallest) smallest = rlsn;
  }
  const counts = planCounts(starts);
  const isConstant = versionCount === offsetCount && smallest === largest;
  const constant = (): VersionsPlan => ({
    kind: RLSNS_CONSTANT,
    countsKind: COUNTS_ONE,
    byteLength: 0,
    writeParameter: (writer) => writer.varint(largest),
    write() {},
  });
  const fixed = (width: number): VersionsPlan => {
    const byteLength = bytesFor(versionCount * width);
    return {
      kind: RLSNS_FIXED,
      countsKind: counts.kind,
      byteLength: counts.byteLength + byteLength,
      writeParameter: (writer) => writer.u8(width),
      write(writer) {
        counts.write(writer);
        payload(writer, byteLength, (bytes, at) => {
          for (let i = 0; i < versionCount; i++) putBits(bytes, at, i, width, rlsns[i]);
        });
      },
    };
  };
  const byteDeltas = (): VersionsPlan => {
    let byteLength = 0;
    forEachDelta(volume, (delta) => {
      byteLength += delta < DELTA_ESCAPE ? 1 : 5;
    });
    return {
      kind: RLSNS_BYTES,
      countsKind: counts.kind,
      byteLength: counts.byteLength + byteLength,
      writeParameter: (writer) => writer.varint(byteLength),
      write(writer) {
        counts.write(writer);
        forEachDelta(volume, (delta) => {
          if (delta < DELTA_ESCAPE) return writer.u8(delta);
          writer.u8(DELTA_ESCAPE);
          writer.u32(delta);
        });
      },
    };
  };
  const span = largest + 1;
  const fitsKeys = offsetCount * span <= MAX_KEYS;
  const merged = (): VersionsPlan => {
    const shape = eliasFano(versionCount, offsetCount * span - 1);
    return {
      kind: RLSNS_ELIAS_FANO,
      countsKind: COUNTS_IMPLIED,
      byteLength: shape.byteLength,
      writeParameter: (writer) => writer.varint(largest),
      write: (writer) =>
        payload(writer, shape.byteLength, (bytes, at) => {
          let group = 0;
          putEliasFano(bytes, at, shape, (i) => {
            while (i >= starts[group + 1]) group++;
            return group * span + rlsns[i];
          });
        }),
    };
  };
  const partitioned = (): VersionsPlan => {
    const shape = partition(volume, largest);
    return {
      kind: RLSNS_ELIAS_FANO,
      countsKind: counts.kind,
      byteLength: counts.byteLength + shape.byteLength,
      writeParameter(writer) {
        writer.varint(largest);
        writer.varint(shape.byteLength);
      },
      write(writer) {
        counts.write(writer);
        payload(writer, shape.byteLength, (bytes, at) => putPartition(bytes, at, shape, volume, largest));
      },
    };
  };
  if (forced === undefined) {
    if (isConstant) return constant();
    const candidates = [
      fixed(bitWidth(largest)),
      ...(counts.kind === COUNTS_ONE ? [] : [partitioned()]),
      ...(fitsKeys ? [merged()] : []),
      byteDeltas(),
    ];
    const fewest = Math.min(...candidates.map((plan) => plan.byteLength));
    return candidates.find((plan) => plan.byteLength <= SPEED_MARGIN * fewest)!;
  }
  if (forced === "constant") {
    if (!isConstant) throw new InvalidArgument("rLSNs forced to be constant: they differ");
    return constant();
  }
  if (forced === "byte-deltas") return byteDeltas();
  if (forced === "elias-fano") {
    if (!fitsKeys) throw new InvalidArgument("rLSNs forced to be Elias-Fano: offsets times T pass 2^53");
    return merged();
  }
  if (forced === "partitioned") {
    if (counts.kind === COUNTS_ONE) throw new InvalidArgument("rLSNs forced to be partitioned: no offset has several");
    return partitioned();
  }
  const narrowest = bitWidth(largest);
  if (forced === "fixed") return fixed(narrowest);
  const width = Number(/^fixed-([1-9]|[12][0-9]|3[0-2])$/.exec(forced)?.[1]);
  if (!width) {
    throw new InvalidArgument(
      `no rLSN encoding "${String(forced)}": constant, fixed, fixed-1 to fixed-32, byte-deltas, elias-fano or partitioned`,
    );
  }
  if (width < narrowest) {
    throw new InvalidArgument(`rLSNs forced to ${width} bits: the largest, ${largest}, needs ${narrowest}`);
  }
  return fixed(width);
}

function checkVolume(volume: VolumeVersions): void {
  const { vid, offsets, starts, rlsns } = volume;
  const fail = (what: string) => {
    throw new InvalidArgument(`volume ${vid} in a segment: ${what}`);
  };
  if (offsets.length === 0) fail("has no offsets");
  if (rlsns.length > MAX_SEGMENT_PAGES) fail(`${rlsns.length} versions; a segment holds ${MAX_SEGMENT_PAGES}`);
  if (offsets[offsets.length - 1] > MAX_OFFSET) fail(`offset over ${MAX_OFFSET}`);
  if (starts.length !== offsets.length + 1 || starts[0] !== 0 || starts[offsets.length] !== rlsns.length) {
    fail("starts do not span the versions");
  }
  for (let i = 0; i < offsets.length; i++) {
    if (i > 0 && offsets[i] <= offsets[i - 1]) fail(`offset ${offsets[i]} out of order`);
    if (starts[i + 1] <= starts[i]) fail(`offset ${offsets[i]} without a version`);
    for (let j = starts[i] + 1; j < starts[i + 1]; j++) {
      if (rlsns[j] <= rlsns[j - 1]) fail(`offset ${offsets[i]}: rLSN ${rlsns[j]} twice or out of order`);
    }
  }
}

function writeBlock(writer: ByteWriter, volume: VolumeVersions, force: ForcedEncodings): void {
  checkVolume(volume);
  const { offsets, starts, rlsns } = volume;
  const offsetsPlan = planOffsets(offsets, force.offsets);
  const rlsnsPlan = planRlsns(volume, force.rlsns);
  if (offsetsPlan.byteLength + rlsnsPlan.byteLength > MAX_SEGMENT_BYTES) {
    throw new InvalidArgument(
      `volume ${volume.vid}: its index alone passes 16 MiB. Force no encoding, or use more segments.`,
    );
  }
  const countsKind = rlsnsPlan.countsKind;
  writer.u8(offsetsPlan.kind | (countsKind << 2) | (rlsnsPlan.kind << 4));
  writer.varint(offsets.length);
  writer.varint(offsets[0]);
  if (offsetsPlan.kind !== OFFSETS_RUN) writer.varint(offsets[offsets.length - 1] - offsets[0]);
  if (countsKind === COUNTS_UNIFORM) writer.varint(starts[1]);
  else if (countsKind !== COUNTS_ONE) writer.varint(rlsns.length);
  rlsnsPlan.writeParameter(writer);
  offsetsPlan.write(writer);
  rlsnsPlan.write(writer);
}

export interface HeadContents {
  readonly id: SegmentId;
  readonly pageSizeBytes: number;
  /** In ascending order of their ids. */
  readonly volumes: readonly VolumeVersions[];
  readonly force?: ForcedEncodings | undefined;
}

/**
 * Encodes header, index and padding: the bytes of a segment up to its body.
 *
 * @throws InvalidArgument for volumes or versions out of order, and for what does not fit a segment.
 */
export function encodeHead({ id, pageSizeBytes, volumes, force = {} }: HeadContents): Uint8Array {
  const writer = new ByteWriter(HEADER_BYTES + 4096);
  writer.zeros(HEADER_BYTES);
  if (volumes.length === 0) throw new InvalidArgument("a segment without pages: add one before finish()");
  let pageCount = 0;
  for (const [i, { vid, rlsns }] of volumes.entries()) {
    if (i > 0 && vid.compare(volumes[i - 1].vid) <= 0) {
      throw new InvalidArgument(`volume ${vid} in a segment: ids twice or out of order`);
    }
    const at = writer.length;
    writer.zeros(ID_BYTES);
    vid.writeTo(writer.bytes, at);
    pageCount += rlsns.length;
  }
  if (pageCount > MAX_SEGMENT_PAGES) {
    throw new InvalidArgument(`${pageCount} pages in a segment; it holds ${MAX_SEGMENT_PAGES}. Use more segments.`);
  }
  for (const volume of volumes) writeBlock(writer, volume, force);
  const indexBytes = writer.length - HEADER_BYTES;
  const bodyOffset = bodyOffsetOf(indexBytes);
  writer.zeros(bodyOffset - writer.length);
  const head = writer.bytes.slice();
  const header = { id, pageSizeBytes, pageCount, volumeCount: volumes.length, indexBytes, bodyOffset };
  encodeSegmentHeader(header, head);
  return head;
}
