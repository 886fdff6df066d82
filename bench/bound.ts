/**
 * The information-theoretic bound: the fewest bits, on average over all segments of the same shape, that tell one from
 * the others. The shape is taken as known: how many volumes, their offsets' universe U and the span of LSNs T, and of
 * each volume its K offsets and N versions. Told are
 *
 *     which ids the V volumes have      V * 128 - log2(V!)     sets of V out of 2^128 ids
 *     and of each volume
 *     which offsets it has              log2 C(U, K)
 *     how many versions each has        log2 C(N - 1, K - 1)   ways to write N as K numbers of 1 or more
 *     which rLSNs each offset's n have  log2 C(T, n), summed
 */
import type { Contents } from "./workloads.js";

/** log2 of how many ways there are to choose `k` of `n`. Exact but for rounding; takes min(k, n - k) steps. */
export function log2Choose(n: number, k: number): number {
  const fewer = Math.min(k, n - k);
  if (fewer < 0) throw new RangeError(`cannot choose ${k} of ${n}`);
  let bits = 0;
  for (let i = 1; i <= fewer; i++) bits += Math.log2((n - fewer + i) / i);
  return bits;
}

/** Bits for a set of `count` ids. */
export function idBits(count: number, bitsEach = 128): number {
  let bits = 0;
  for (let i = 1; i <= count; i++) bits += bitsEach - Math.log2(i);
  return bits;
}

/** The bound of a segment's index, in bits. */
export function boundBits({ volumes, universe, span }: Contents): number {
  let bits = idBits(volumes.length);
  const choicesOf = new Map<number, number>();
  for (const { offsets, starts, rlsns } of volumes) {
    bits += log2Choose(universe, offsets.length) + log2Choose(rlsns.length - 1, offsets.length - 1);
    for (let i = 0; i < offsets.length; i++) {
      const count = starts[i + 1] - starts[i];
      let choices = choicesOf.get(count);
      if (choices === undefined) choicesOf.set(count, (choices = log2Choose(span, count)));
      bits += choices;
    }
  }
  return bits;
}
