/** Random version histories for segments, in shapes that reach every encoding. */
import { SegmentId, VolumeId } from "../../src/core/ids.js";
import { MAX_OFFSET } from "../../src/core/numbers.js";
import type { OffsetEncoding, VolumeVersions } from "../../src/format/segment-index.js";
import { encodeHead, type ForcedEncodings } from "../../src/format/segment-index-encode.js";
import type { Random } from "./random.js";

export const OFFSET_ENCODINGS: readonly OffsetEncoding[] = ["run", "bitmap", "elias-fano"];
export const RLSN_ENCODINGS: readonly NonNullable<ForcedEncodings["rlsns"]>[] = [
  "constant",
  "fixed",
  "fixed-8",
  "fixed-16",
  "fixed-32",
  "byte-deltas",
  "elias-fano",
  "partitioned",
];

export interface Shape {
  /** Number of offsets. */
  readonly offsets: number;
  /** Offsets lie within so many of the first one. */
  readonly universe: number;
  /** rLSNs are below this. */
  readonly rlsns: number;
  /** Versions of an offset: exactly this, or up to it. */
  readonly versions: number;
  readonly uniform: boolean;
}

/** Draws sorted distinct whole numbers below `limit`. */
function distinct(random: Random, count: number, limit: number): number[] {
  if (count === limit) return Array.from({ length: count }, (_, i) => i);
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(random.below(limit));
  return [...drawn].sort((a, b) => a - b);
}

export function randomVersions(random: Random, shape: Shape, vid: VolumeId = randomVid(random)): VolumeVersions {
  const { universe, rlsns: limit, versions, uniform } = shape;
  const count = Math.min(shape.offsets, universe);
  const first = random.chance(0.3) ? 0 : random.below(MAX_OFFSET - universe + 2);
  const offsets = distinct(random, count, universe).map((x) => first + x);
  const starts = [0];
  const rlsns: number[] = [];
  for (let i = 0; i < count; i++) {
    const each = uniform ? Math.min(versions, limit) : random.between(1, Math.min(versions, limit));
    rlsns.push(...distinct(random, each, limit));
    starts.push(rlsns.length);
  }
  return { vid, offsets: Uint32Array.from(offsets), starts: Uint32Array.from(starts), rlsns: Uint32Array.from(rlsns) };
}

export function randomVid(random: Random): VolumeId {
  return VolumeId.fromBytes(random.bytes(16));
}

/** Where two arrays differ first, or -1: far cheaper than `toEqual` for the long ones. */
export function firstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

/** A head of these volumes, sorted by id. */
export function headOf(random: Random, volumes: readonly VolumeVersions[], force?: ForcedEncodings): Uint8Array {
  const sorted = [...volumes].sort((a, b) => a.vid.compare(b.vid));
  return encodeHead({ id: SegmentId.fromBytes(random.bytes(16)), pageSizeBytes: 4096, volumes: sorted, force });
}

/** Whether the encodings can hold these versions; the encoder refuses the others. */
export function canForce(versions: VolumeVersions, force: ForcedEncodings): boolean {
  const { offsets, rlsns } = versions;
  const span = offsets[offsets.length - 1] - offsets[0];
  const largest = rlsns.reduce((a, b) => Math.max(a, b), 0);
  if (force.offsets === "run" && span !== offsets.length - 1) return false;
  if (force.offsets === "bitmap" && span > 1 << 22) return false;
  if (force.rlsns === "constant") return rlsns.length === offsets.length && rlsns.every((rlsn) => rlsn === largest);
  if (force.rlsns === "fixed-8") return largest < 2 ** 8;
  if (force.rlsns === "fixed-16") return largest < 2 ** 16;
  if (force.rlsns === "partitioned") return rlsns.length > offsets.length;
  if (force.rlsns === "elias-fano") return offsets.length * (largest + 1) <= 2 ** 53;
  return true;
}

/** The oracle: a `Map` from offset to its versions, searched from the newest. Knows nothing of encodings. */
export class VersionsOracle {
  readonly #versions = new Map<number, { rlsn: number; local: number }[]>();

  constructor({ offsets, starts, rlsns }: VolumeVersions, firstLocal: number) {
    for (const [i, offset] of offsets.entries()) {
      const versions = [];
      for (let j = starts[i]; j < starts[i + 1]; j++) versions.push({ rlsn: rlsns[j], local: firstLocal + j });
      this.#versions.set(offset, versions.reverse());
    }
  }

  find(offset: number, rlsn: number): number {
    return this.#versions.get(offset)?.find((version) => version.rlsn <= rlsn)?.local ?? -1;
  }
}

/** An offset and an rLSN worth asking for: near what is stored, at the edges, or anywhere. */
export function randomQuery(random: Random, { offsets, rlsns }: VolumeVersions): [offset: number, rlsn: number] {
  const near = (value: number, limit: number) => Math.min(limit, Math.max(0, value + random.between(-1, 1)));
  const offset = random.chance(0.8)
    ? near(offsets[random.below(offsets.length)], 0xffff_ffff)
    : random.pick([0, 1, MAX_OFFSET, 0xffff_ffff, random.u32()]);
  const rlsn = random.chance(0.8)
    ? near(rlsns[random.below(rlsns.length)], 0xffff_ffff)
    : random.pick([0, 1, 255, 256, 65535, 65536, 0xffff_ffff, random.u32()]);
  return [offset, rlsn];
}
