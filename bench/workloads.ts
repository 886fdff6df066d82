/** The workloads of the index, seeded: the same segments and the same queries in every run. */
import { SegmentId, VolumeId } from "../src/core/ids.js";
import type { VolumeVersions } from "../src/format/segment-index.js";
import { encodeHead } from "../src/format/segment-index-encode.js";
import { Random } from "../test/helpers/random.js";

export interface Workload {
  readonly name: string;
  /** The volumes of the segment with this number, in ascending order of their ids. */
  volumes(segment: number): VolumeVersions[];
}

function distinct(random: Random, count: number, limit: number): number[] {
  if (count === limit) return Array.from({ length: count }, (_, i) => i);
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(random.below(limit));
  return [...drawn].sort((a, b) => a - b);
}

/** `count` offsets of `universe`, each with `each` versions at distinct rLSNs below `span`. */
function versions(random: Random, count: number, universe: number, each: number, span: number): VolumeVersions {
  const offsets = distinct(random, count, universe);
  const rlsns = offsets.flatMap(() => distinct(random, each, span));
  return {
    vid: VolumeId.fromBytes(random.bytes(16)),
    offsets: Uint32Array.from(offsets),
    starts: Uint32Array.from({ length: count + 1 }, (_, i) => i * each),
    rlsns: Uint32Array.from(rlsns),
  };
}

/** Updates that fall on offsets by Zipf's law: `count` versions, a commit each. */
function zipf(random: Random, count: number, universe: number, exponent: number): VolumeVersions {
  const weights = Array.from({ length: universe }, (_, i) => 1 / (i + 1) ** exponent);
  const cumulative: number[] = [];
  let total = 0;
  for (const weight of weights) cumulative.push((total += weight));
  const order = Array.from({ length: universe }, (_, i) => i);
  for (let i = universe - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  const byOffset = new Map<number, number[]>();
  for (let rlsn = 0; rlsn < count; rlsn++) {
    const target = (random.u32() / 2 ** 32) * total;
    let lo = 0;
    let hi = universe - 1;
    while (lo < hi) {
      const middle = (lo + hi) >> 1;
      if (cumulative[middle] <= target) lo = middle + 1;
      else hi = middle;
    }
    const offset = order[lo];
    const list = byOffset.get(offset);
    if (list) list.push(rlsn);
    else byOffset.set(offset, [rlsn]);
  }
  const sorted = [...byOffset].sort(([a], [b]) => a - b);
  const starts = [0];
  for (const [, list] of sorted) starts.push(starts[starts.length - 1] + list.length);
  return {
    vid: VolumeId.fromBytes(random.bytes(16)),
    offsets: Uint32Array.from(sorted, ([offset]) => offset),
    starts: Uint32Array.from(starts),
    rlsns: Uint32Array.from(sorted.flatMap(([, list]) => list)),
  };
}

const one = (name: string, make: (random: Random) => VolumeVersions): Workload => ({
  name,
  volumes: (segment) => [make(new Random(1 + segment))],
});

const many = (name: string, count: number, make: (random: Random) => VolumeVersions): Workload => ({
  name,
  volumes(segment) {
    const random = new Random(1 + segment);
    return Array.from({ length: count }, () => make(random)).sort((a, b) => a.vid.compare(b.vid));
  },
});

export const workloads: readonly Workload[] = [
  one("dense, one commit", (random) => versions(random, 4087, 4087, 1, 1)),
  one("dense, T=1024", (random) => versions(random, 4087, 4087, 1, 1024)),
  one("4 versions each", (random) => versions(random, 1000, 1 << 20, 4, 1024)),
  one("sparse, one commit", (random) => versions(random, 4087, 1 << 20, 1, 1)),
  one("sparse, T=1024", (random) => versions(random, 4087, 1 << 20, 1, 1024)),
  one("sparse of 2^32, T=1024", (random) => versions(random, 4087, 2 ** 32 - 1, 1, 1024)),
  many("16 volumes x 250", 16, (random) => versions(random, 250, 1 << 12, 1, 1)),
  many("1000 volumes x 4", 1000, (random) => versions(random, 4, 1 << 10, 1, 1)),
  one("Zipf", (random) => zipf(random, 4087, 1000, 0.8)),
];

/** The head of a workload's segment with this number. */
export function headOf(volumes: readonly VolumeVersions[], segment: number): Uint8Array {
  const id = SegmentId.fromBytes(new Random(segment).bytes(16));
  return encodeHead({ id, pageSizeBytes: 4096, volumes });
}
