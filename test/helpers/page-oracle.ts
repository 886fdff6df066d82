/** What a volume must hold at every LSN, kept as plainly as possible: a map of all pages for each LSN. */
import type { Commit, DropRange } from "../../src/store/types.js";
import type { Random } from "./random.js";

/** A commit of the oracle: pages are named by a number that their bytes are made of. */
export interface OracleCommit {
  readonly pages: ReadonlyMap<number, number>;
  readonly pageCount?: number;
  readonly drops: readonly DropRange[];
  readonly timeMs: number;
  readonly meta?: Uint8Array;
}

interface State {
  readonly pages: ReadonlyMap<number, { tag: number; lsn: number }>;
  readonly pageCount: number;
  readonly timeMs: number;
  readonly commit: OracleCommit | undefined;
}

/** The bytes of a page: its number over and over. */
export function pageOf(tag: number, pageSize: number): Uint8Array {
  const page = new Uint8Array(pageSize);
  new Uint32Array(page.buffer).fill(tag);
  return page;
}

export function tagOf(page: Uint8Array): number {
  return new DataView(page.buffer, page.byteOffset).getUint32(0, true);
}

export class VolumeOracle {
  readonly pageSize: number;
  readonly #states: State[] = [{ pages: new Map(), pageCount: 0, timeMs: 0, commit: undefined }];

  constructor(pageSize: number) {
    this.pageSize = pageSize;
  }

  get lsn(): number {
    return this.#states.length - 1;
  }

  at(lsn: number): State {
    return this.#states[lsn];
  }

  /** The newest meta up to the last LSN. */
  get meta(): Uint8Array | undefined {
    return this.#states.findLast(({ commit }) => commit?.meta)?.commit?.meta;
  }

  apply(commit: OracleCommit): void {
    const before = this.#states[this.lsn];
    const lsn = this.lsn + 1;
    const written = Math.max(-1, ...commit.pages.keys()) + 1;
    const pageCount = commit.pageCount ?? Math.max(before.pageCount, written);
    const pages = new Map(before.pages);
    const gone = (offset: number) =>
      offset >= pageCount || commit.drops.some(([from, to]) => offset >= from && offset < to);
    for (const offset of before.pages.keys()) if (gone(offset)) pages.delete(offset);
    for (const [offset, tag] of commit.pages) pages.set(offset, { tag, lsn });
    this.#states.push({ pages, pageCount, timeMs: Math.max(before.timeMs, commit.timeMs), commit });
  }

  /** Offsets written or dropped by LSNs above `from` up to `to`, below the larger page count. */
  changed(from: number, to: number, candidates: readonly number[]): number[] {
    const limit = Math.max(this.at(from).pageCount, this.at(to).pageCount);
    const changed = candidates.filter((offset) => {
      if (offset >= limit) return false;
      for (let lsn = from + 1; lsn <= to; lsn++) {
        const { commit, pageCount } = this.at(lsn);
        if (commit!.pages.has(offset) || commit!.drops.some(([low, high]) => offset >= low && offset < high))
          return true;
        if (pageCount < this.at(lsn - 1).pageCount && offset >= pageCount) return true;
      }
      return false;
    });
    return changed;
  }
}

export function toCommit(commit: OracleCommit, pageSize: number): Commit {
  return {
    pages: [...commit.pages].map(([offset, tag]) => [offset, pageOf(tag, pageSize)]),
    pageCount: commit.pageCount,
    drops: commit.drops,
    time: new Date(commit.timeMs),
    meta: commit.meta,
  };
}

/** Where random commits write: mostly a few neighbours, now and then the far end. */
export const FAR_OFFSETS = [70, 200, 1000];
export const NEAR = 48;

let tags = 0;

export function randomCommit(random: Random, pageCount: number): OracleCommit {
  const pages = new Map<number, number>();
  for (let left = random.below(random.chance(0.05) ? 60 : 6); left > 0; left--) {
    pages.set(random.chance(0.03) ? random.pick(FAR_OFFSETS) : random.below(NEAR), ++tags);
  }
  const written = Math.max(-1, ...pages.keys()) + 1;
  const drops: DropRange[] = [];
  while (random.chance(0.12)) {
    const from = random.below(NEAR);
    drops.push([from, random.chance(0.1) ? 2 ** 32 - 1 : from + 1 + random.below(12)]);
  }
  const resize = random.below(12);
  const newCount =
    resize === 0
      ? Math.max(written, random.below(NEAR)) // shrinks, mostly
      : resize === 1
        ? Math.max(written, pageCount + random.below(10))
        : undefined;
  return {
    pages,
    pageCount: newCount,
    drops,
    timeMs: 1_700_000_000_000 + random.below(1_000_000),
    meta: random.chance(0.1) ? random.bytes(random.below(40)) : undefined,
  };
}

/** One of very many. */
export function tinyCommit(random: Random): OracleCommit {
  const pages = new Map([[random.below(NEAR), ++tags]]);
  return { pages, drops: [], timeMs: 1_700_000_000_000 + random.below(1_000_000) };
}

/** More pages than lie in a record. */
export function wideCommit(random: Random): OracleCommit {
  const pages = new Map<number, number>();
  for (let offset = random.below(20); offset < 1000; offset += random.pick([1, 1, 1, 2])) pages.set(offset, ++tags);
  return { pages, drops: [], timeMs: 1_700_000_000_000 + random.below(1_000_000) };
}
