/**
 * The history that every store of the comparison holds, and what is asked of it. All of it follows from a seed, pages
 * too: nothing is kept but who wrote what when, and the right answer to a question is known without any store.
 *
 * The first commit writes every page; each later one writes about one in sixteen, at random.
 */
import { Random } from "../../test/helpers/random.js";

export const PAGE_SIZE = 4096;
const WORDS = PAGE_SIZE / 4;

/** Positions of the bytes that stand for a page: far from one another, first and last among them. */
const SAMPLES = [0, 1365, 2730, PAGE_SIZE - 1] as const;

/** A few bytes of an answer: they show that it is the right page, and reading them costs next to nothing. */
export function sampleOf(page: Uint8Array | undefined): number {
  // No question of the comparison has an absent page for its answer.
  if (page === undefined) throw new Error("a page that was written is absent");
  return page[SAMPLES[0]] | (page[SAMPLES[1]] << 8) | (page[SAMPLES[2]] << 16) | (page[SAMPLES[3]] << 24);
}

/** Adds an answer to a checksum that depends on the order of answers. */
export function addSample(sum: number, sample: number): number {
  return (Math.imul(sum, 31) + sample) | 0;
}

/** Questions in the order in which they are asked: what is at `offsets[i]` as of `lsns[i]`? */
export interface Queries {
  readonly offsets: Uint32Array;
  readonly lsns: Uint32Array;
}

export class History {
  readonly pageCount: number;
  /** Offsets that LSN `i + 1` writes, in ascending order. */
  readonly commits: readonly Uint32Array[];
  readonly versionCount: number;
  readonly #seed: number;
  /** Of each offset: its LSNs, in ascending order. */
  readonly #lsns: readonly number[][];

  constructor(pageCount: number, commitCount: number, seed: number) {
    this.pageCount = pageCount;
    this.#seed = seed;
    const random = new Random(seed);
    const all = Uint32Array.from({ length: pageCount }, (_, offset) => offset);
    this.commits = Array.from({ length: commitCount }, (_, commit) =>
      commit === 0
        ? all
        : Uint32Array.from(new Set(Array.from({ length: pageCount >> 4 }, () => random.below(pageCount)))).sort(),
    );
    const lsns = Array.from({ length: pageCount }, (): number[] => []);
    this.commits.forEach((offsets, commit) => {
      for (const offset of offsets) lsns[offset].push(commit + 1);
    });
    this.#lsns = lsns;
    this.versionCount = this.commits.reduce((sum, { length }) => sum + length, 0);
  }

  get lastLsn(): number {
    return this.commits.length;
  }

  /** The page that `lsn` writes to `offset`, in memory of its own: random bytes, which no store can make smaller. */
  page(offset: number, lsn: number): Uint8Array<ArrayBuffer> {
    const words = new Uint32Array(WORDS);
    // xorshift32 (Marsaglia), from a state that is never zero.
    let state = Math.imul(offset + 1, 0x9e3779b1) ^ Math.imul(lsn + this.#seed, 0x85ebca77) || 1;
    for (let i = 0; i < WORDS; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
    return new Uint8Array(words.buffer);
  }

  /** The LSN that wrote what `offset` holds as of `lsn`. */
  versionAt(offset: number, lsn: number): number {
    return this.#lsns[offset].findLast((version) => version <= lsn)!;
  }

  /** Any page as of any LSN; with `sameLsnFor`, so many questions one after another are about the same LSN. */
  randomQueries(count: number, sameLsnFor = 1): Queries {
    const random = new Random(this.#seed + 1);
    const offsets = Uint32Array.from({ length: count }, () => random.below(this.pageCount));
    const lsns = new Uint32Array(count);
    for (let i = 0; i < count; i++) lsns[i] = i % sameLsnFor === 0 ? random.between(1, this.lastLsn) : lsns[i - 1];
    return { offsets, lsns };
  }

  /** The same questions with the exact LSN of each answer. */
  exactQueries({ offsets, lsns }: Queries): Queries {
    return { offsets, lsns: lsns.map((lsn, i) => this.versionAt(offsets[i], lsn)) };
  }

  /** The checksum of the right answers. */
  checksum({ offsets, lsns }: Queries): number {
    return offsets.reduce((sum, offset, i) => {
      return addSample(sum, sampleOf(this.page(offset, this.versionAt(offset, lsns[i]))));
    }, 0);
  }
}
