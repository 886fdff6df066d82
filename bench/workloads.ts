/**
 * The workloads of the index, seeded: the same segments and the same queries in every run. Each makes full segments, any
 * number of them, and a segment of any number of pages, for the search of how many an index can hold.
 */
import { SegmentId, VolumeId } from "../src/core/ids.js";
import type { VolumeVersions } from "../src/format/segment-index.js";
import { encodeHead } from "../src/format/segment-index-encode.js";
import { Random } from "../test/helpers/random.js";

/** What a segment holds, and the limits that a bound may take as known. */
export interface Contents {
  /** In ascending order of their ids. */
  readonly volumes: VolumeVersions[];
  /** Every volume's offsets lie below this. */
  readonly universe: number;
  /** Every volume's rLSNs lie below this: how many LSNs the segment spans. */
  readonly span: number;
}

export interface Workload {
  readonly name: string;
  /** The volumes of the full segment with this number, in ascending order of their ids. */
  volumes(segment: number): VolumeVersions[];
  /** The full segment with this number. */
  full(segment: number): Contents;
  /** A segment of `pageCount` pages, or of a few less where offsets come with several versions each. */
  sized(pageCount: number): Contents;
}

/** Full: as many 4096-byte pages with their checksums as 16 MiB hold with a small index. */
const FULL_PAGES = 4087;
/** Commits in a full segment, where it has a history; one of n pages has n/4. */
const FULL_SPAN = 1024;

function distinct(random: Random, count: number, limit: number): number[] {
  if (count === limit) return Array.from({ length: count }, (_, i) => i);
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(random.below(limit));
  return [...drawn].sort((a, b) => a - b);
}

/** `count` offsets below `universe`, each with `each` versions at distinct rLSNs below `span`. */
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

/** Draws numbers below `universe` by Zipf's law: the k-th most frequent in proportion to 1 / k^exponent. */
function zipfDraw(random: Random, universe: number, exponent: number): () => number {
  const cumulative: number[] = [];
  let total = 0;
  for (let k = 1; k <= universe; k++) cumulative.push((total += 1 / k ** exponent));
  const order = Array.from({ length: universe }, (_, i) => i);
  for (let i = universe - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return () => {
    const target = (random.u32() / 2 ** 32) * total;
    let lo = 0;
    let hi = universe - 1;
    while (lo < hi) {
      const middle = (lo + hi) >> 1;
      if (cumulative[middle] <= target) lo = middle + 1;
      else hi = middle;
    }
    return order[lo];
  };
}

/** `count` updates that fall on offsets by Zipf's law, spread evenly over `span` commits. */
function zipf(random: Random, count: number, universe: number, exponent: number, span: number): VolumeVersions {
  const draw = zipfDraw(random, universe, exponent);
  const byOffset = new Map<number, number[]>();
  for (let i = 0; i < count; i++) {
    const rlsn = Math.floor((i * span) / count);
    // A commit writes a page once.
    for (;;) {
      const offset = draw();
      const list = byOffset.get(offset);
      if (list?.at(-1) === rlsn) continue;
      if (list) list.push(rlsn);
      else byOffset.set(offset, [rlsn]);
      break;
    }
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

type Make = (random: Random, pageCount: number, span: number) => Contents;

function workload(name: string, fullPages: number, fullSpan: number, spanOf: (pages: number) => number, make: Make) {
  const full = (segment: number) => make(new Random(1 + segment), fullPages, fullSpan);
  return {
    name,
    full,
    volumes: (segment: number) => full(segment).volumes,
    sized: (pageCount: number) => make(new Random(1), pageCount, spanOf(pageCount)),
  };
}

/** Every page by the same commit. */
const oneCommit = (name: string, make: Make): Workload => workload(name, FULL_PAGES, 1, () => 1, make);

/** One commit for each 4 pages. */
const history = (name: string, fullPages: number, make: Make): Workload =>
  workload(name, fullPages, FULL_SPAN, (pages) => Math.max(4, Math.ceil(pages / 4)), make);

/** One version each of offsets below `universe`; of all of them where none is given. */
const pages =
  (universe?: number): Make =>
  (random, pageCount, span) => ({
    volumes: [versions(random, pageCount, universe ?? pageCount, 1, span)],
    universe: universe ?? pageCount,
    span,
  });

/** Volumes of `each` pages, of which the last may have fewer. */
function many(name: string, count: number, each: number, universe: number, span: number): Workload {
  const make: Make = (random, pageCount) => {
    const volumes: VolumeVersions[] = [];
    for (let rest = pageCount; rest > 0; rest -= each) {
      volumes.push(versions(random, Math.min(each, rest), universe, 1, span));
    }
    return { volumes: volumes.sort((a, b) => a.vid.compare(b.vid)), universe, span };
  };
  return workload(name, count * each, span, () => span, make);
}

/** With it a full segment's updates fall on about 720 of 1000 offsets. */
const ZIPF_EXPONENT = 0.99;

export const workloads: readonly Workload[] = [
  oneCommit("dense, one commit", pages()),
  history("dense, T=1024", FULL_PAGES, pages()),
  history("4 versions each", 4000, (random, pageCount, span) => ({
    volumes: [versions(random, Math.max(1, pageCount >> 2), 1 << 20, 4, span)],
    universe: 1 << 20,
    span,
  })),
  oneCommit("sparse, one commit", pages(1 << 20)),
  history("sparse, T=1024", FULL_PAGES, pages(1 << 20)),
  history("sparse of 2^32, T=1024", FULL_PAGES, pages(2 ** 32 - 1)),
  many("16 volumes x 250", 16, 250, 1 << 12, 64),
  many("1000 volumes x 4", 1000, 4, 64, 16),
  history("Zipf", FULL_PAGES, (random, pageCount, span) => ({
    volumes: [zipf(random, pageCount, 1000, ZIPF_EXPONENT, span)],
    universe: 1000,
    span,
  })),
];

/** The head of a workload's segment with this number. */
export function headOf(volumes: readonly VolumeVersions[], segment: number): Uint8Array {
  const id = SegmentId.fromBytes(new Random(segment).bytes(16));
  return encodeHead({ id, pageSizeBytes: 4096, volumes });
}
