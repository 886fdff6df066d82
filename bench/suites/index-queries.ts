/** Queries of the index suites, seeded: in batches of 256 against one volume, or scattered over all segments. */
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { Random } from "../../test/helpers/random.js";

export const BATCH = 256;

/** Queries against one volume of one segment. */
export interface Batch {
  readonly segment: number;
  readonly volume: number;
  readonly offsets: Uint32Array;
  readonly rlsns: Uint32Array;
}

/** A batch of queries of which each names its own segment and volume. */
export interface Scattered {
  readonly segments: Uint32Array;
  readonly volumes: Uint32Array;
  readonly offsets: Uint32Array;
  readonly rlsns: Uint32Array;
}

function shuffle(random: Random, count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Draws queries for one volume: at or above a version that is there, or for an offset that is not. */
class Drawing {
  readonly #random: Random;
  readonly #versions: VolumeVersions;
  readonly #stored: Set<number>;
  readonly #span: number;

  constructor(random: Random, versions: VolumeVersions) {
    this.#random = random;
    this.#versions = versions;
    this.#stored = new Set(versions.offsets);
    this.#span = versions.offsets[versions.offsets.length - 1] + 1;
  }

  hit(): [offset: number, rlsn: number] {
    const { offsets, starts, rlsns } = this.#versions;
    const ordinal = this.#random.below(offsets.length);
    const version = starts[ordinal] + this.#random.below(starts[ordinal + 1] - starts[ordinal]);
    return [offsets[ordinal], rlsns[version] + this.#random.below(3)];
  }

  /** In a set without gaps, an offset behind its end. */
  miss(): [offset: number, rlsn: number] {
    let offset = this.#random.below(this.#span);
    for (let tries = 0; this.#stored.has(offset) && tries < 20; tries++) offset = this.#random.below(this.#span);
    return [this.#stored.has(offset) ? this.#span + offset : offset, 0xffff_ffff];
  }
}

/** Batches that visit the segments in random order, each as often as the others or once more. */
export function drawBatches(contents: readonly (readonly VolumeVersions[])[], count: number, hits: boolean): Batch[] {
  const random = new Random(99);
  let order: number[] = [];
  return Array.from({ length: count }, () => {
    if (order.length === 0) order = shuffle(random, contents.length);
    const segment = order.pop()!;
    const volume = random.below(contents[segment].length);
    const drawing = new Drawing(random, contents[segment][volume]);
    const batch = { segment, volume, offsets: new Uint32Array(BATCH), rlsns: new Uint32Array(BATCH) };
    for (let i = 0; i < BATCH; i++) [batch.offsets[i], batch.rlsns[i]] = hits ? drawing.hit() : drawing.miss();
    return batch;
  });
}

/** The same queries in random order, so that neighbours ask different segments: at most `count` batches of them. */
export function scatter(batches: readonly Batch[], count: number): Scattered[] {
  const order = shuffle(new Random(98), batches.length * BATCH);
  return Array.from({ length: Math.min(count, batches.length) }, (_, i) => {
    const queries = order.slice(i * BATCH, (i + 1) * BATCH);
    const pick = (of: (batch: Batch, query: number) => number) =>
      Uint32Array.from(queries, (query) => of(batches[Math.floor(query / BATCH)], query % BATCH));
    return {
      segments: pick(({ segment }) => segment),
      volumes: pick(({ volume }) => volume),
      offsets: pick(({ offsets }, query) => offsets[query]),
      rlsns: pick(({ rlsns }, query) => rlsns[query]),
    };
  });
}
