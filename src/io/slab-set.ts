/**
 * One set of a slab's table, as it was read: which of its ways holds a block, and which one to give up for another.
 *
 * Eviction is a segmented LRU (R. Karedla, J. S. Love, B. G. Wherry, Caching Strategies to Improve Disk System Performance,
 * IEEE Computer 27(3), 1994) within the set: a block comes on probation; found again, it is protected; the oldest on
 * probation goes first. So blocks that are read once, by a scan, only push out each other. At most 12 ways of 16 are
 * protected: the oldest of these goes back on probation. And protection ends when it is not renewed: what was wanted long ago
 * outlives a scan of eight times the cache, not more.
 *
 * Stamps count the events of this set alone: no clock is shared between sets or processes.
 */
import { CHECKSUM, ENTRY_WORDS, LENGTH, SET_BYTES, STAMP, WAYS } from "./slab-layout.js";

const PROTECTED = 0x8000_0000;
const MAX_STAMP = 0x7fff_ffff;
const MAX_PROTECTED = (WAYS * 3) / 4;
/** Events of the set for which a block is protected. */
const PROTECTED_EVENTS = 8 * WAYS;

/** Which block, in the words that an entry begins with. */
export type BlockIdentity = readonly [hash0: number, hash1: number, hash2: number, block: number];

/** Bytes of the set that have changed, to be written at `at` in it. */
export interface SetChange {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export class SlabSet {
  readonly bytes = new Uint8Array(SET_BYTES);
  readonly #words = new Uint32Array(this.bytes.buffer);

  /** The way whose entry names the block, or -1. */
  find(identity: BlockIdentity): number {
    for (let way = 0; way < WAYS; way++) {
      const at = way * ENTRY_WORDS;
      if (this.#words[at + STAMP] !== 0 && identity.every((word, i) => this.#words[at + i] === word)) return way;
    }
    return -1;
  }

  /** A copy of the entry's words. */
  entry(way: number): Uint32Array {
    return this.#words.slice(way * ENTRY_WORDS, (way + 1) * ENTRY_WORDS);
  }

  lengthOf(way: number): number {
    return this.#words[way * ENTRY_WORDS + LENGTH];
  }

  hasSum(way: number, length: number, sum: Uint32Array): boolean {
    const at = way * ENTRY_WORDS;
    const [first, second] = this.#words.subarray(at + CHECKSUM);
    return this.lengthOf(way) === length && first === sum[0] && second === sum[1];
  }

  isEmpty(way: number): boolean {
    return this.#stamp(way) === 0;
  }

  /**
   * The way for another block: an empty one, else the oldest on probation, else the oldest. Each block begins to look for an empty one
   * at a place of its own, so that two processes that fill a set at once seldom choose the same.
   */
  victim(identity: BlockIdentity): number {
    for (let i = 0; i < WAYS; i++) {
      const way = (identity[0] + identity[3] + i) % WAYS;
      if (this.isEmpty(way)) return way;
    }
    const newest = this.#newest();
    const onProbation = this.#oldest((way) => !this.#isProtected(way, newest));
    return onProbation === -1 ? this.#oldest(() => true) : onProbation;
  }

  /** Fills in an entry, on probation. */
  fill(way: number, identity: BlockIdentity, length: number, sum: Uint32Array): SetChange {
    const stamp = this.#newest() + 1;
    this.#words.set([...identity, sum[0], sum[1], length, stamp], way * ENTRY_WORDS);
    if (stamp <= MAX_STAMP) return this.#change(way, 0, ENTRY_WORDS);
    this.#renumber(way);
    return { at: 0, bytes: this.bytes };
  }

  /** Clears an entry. */
  clear(way: number): SetChange {
    this.#words.fill(0, way * ENTRY_WORDS, (way + 1) * ENTRY_WORDS);
    return this.#change(way, 0, ENTRY_WORDS);
  }

  /**
   * A block was found again: protects it, and has the oldest protected one go back on probation where there are too many. The
   * stamp of a protected one is renewed when it has become old, not at every hit.
   */
  touch(way: number): SetChange[] {
    const newest = this.#newest();
    if (newest === MAX_STAMP) return [];
    const age = newest - (this.#stamp(way) & MAX_STAMP);
    if (this.#isProtected(way, newest) && age < WAYS) return [];
    const changes = [this.#setStamp(way, newest + 1 + PROTECTED)];
    let count = 0;
    for (let other = 0; other < WAYS; other++) if (this.#isProtected(other, newest)) count++;
    if (count > MAX_PROTECTED) {
      changes.push(
        this.#setStamp(
          this.#oldest((other) => this.#isProtected(other, newest)),
          newest + 1,
        ),
      );
    }
    return changes;
  }

  #stamp(way: number): number {
    return this.#words[way * ENTRY_WORDS + STAMP];
  }

  #setStamp(way: number, stamp: number): SetChange {
    this.#words[way * ENTRY_WORDS + STAMP] = stamp;
    return this.#change(way, STAMP, 1);
  }

  /** The words of an entry from `first` on. */
  #change(way: number, first: number, count: number): SetChange {
    const at = (way * ENTRY_WORDS + first) * 4;
    return { at, bytes: this.bytes.subarray(at, at + count * 4) };
  }

  #isProtected(way: number, newest: number): boolean {
    const stamp = this.#stamp(way);
    return stamp >= PROTECTED && newest - (stamp & MAX_STAMP) < PROTECTED_EVENTS;
  }

  #newest(): number {
    let newest = 0;
    for (let way = 0; way < WAYS; way++) {
      newest = Math.max(newest, this.#stamp(way) & MAX_STAMP);
    }
    return newest;
  }

  /** The way with the lowest stamp among those that `counts` names, or -1. */
  #oldest(counts: (way: number) => boolean): number {
    let oldest = -1;
    let lowest = Number.POSITIVE_INFINITY;
    for (let way = 0; way < WAYS; way++) {
      const stamp = this.#stamp(way) & MAX_STAMP;
      if (this.isEmpty(way) || stamp >= lowest || !counts(way)) continue;
      oldest = way;
      lowest = stamp;
    }
    return oldest;
  }

  /** After two thousand million events, or one flipped bit: stamps from 1 on in the same order, `newest` last. */
  #renumber(newest: number): void {
    const ways = Array.from({ length: WAYS }, (_, way) => way).filter((way) => way !== newest && !this.isEmpty(way));
    const ageOf = (way: number) => this.#stamp(way) & MAX_STAMP;
    ways.sort((a, b) => ageOf(a) - ageOf(b)).push(newest);
    for (const [i, way] of ways.entries()) {
      const bit = way !== newest && this.#stamp(way) >= PROTECTED ? PROTECTED : 0;
      this.#setStamp(way, i + 1 + bit);
    }
  }
}
