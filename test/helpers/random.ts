/** Seeded random numbers for tests: the same seed, the same run. */

/** xoshiro128** (Blackman and Vigna), seeded by splitmix32. */
export class Random {
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.seed = seed;
    let state = seed | 0;
    const next = () => {
      state = (state + 0x9e3779b9) | 0;
      let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** 32 random bits, unsigned. */
  u32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** A whole number from 0 to `limit - 1`, limit at most 2^32. */
  below(limit: number): number {
    return Math.floor((this.u32() / 2 ** 32) * limit);
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.u32() < probability * 2 ** 32;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.u32();
    return bytes;
  }
}

/** The seed of this run: `SEED` of the environment, or a new one. Printed, so that a failure can be run again. */
export function runSeed(name: string): number {
  const seed = process.env.SEED === undefined ? (Math.random() * 2 ** 31) | 0 : Number(process.env.SEED);
  console.log(`${name}: seed ${seed} (run again with SEED=${seed})`);
  return seed;
}

/** Fractions from 0 up to but not including 1. */
export function seededRandom(seed: number): () => number {
  const random = new Random(seed);
  return () => random.u32() / 2 ** 32;
}
