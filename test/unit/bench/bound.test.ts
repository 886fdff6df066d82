/** The bound counts what it says it counts: small cases, by listing all of them. */
import { describe, expect, test } from "vitest";
import { boundBits, idBits, log2Choose } from "../../../bench/bound.js";
import type { Contents } from "../../../bench/workloads.js";
import { VolumeId } from "../../../src/core/ids.js";
import { Random } from "../../helpers/random.js";

/** Every set of `count` numbers below `limit`. */
function subsets(limit: number, count: number, from = 0): number[][] {
  if (count === 0) return [[]];
  const found: number[][] = [];
  for (let first = from; first < limit; first++) {
    for (const rest of subsets(limit, count - 1, first + 1)) found.push([first, ...rest]);
  }
  return found;
}

/** Every way to write `total` as `parts` numbers of 1 or more, in order. */
function compositions(total: number, parts: number): number[][] {
  if (parts === 1) return total >= 1 ? [[total]] : [];
  const found: number[][] = [];
  for (let first = 1; first < total; first++) {
    for (const rest of compositions(total - first, parts - 1)) found.push([first, ...rest]);
  }
  return found;
}

describe("choices", () => {
  test("as many as there are subsets", () => {
    for (let n = 0; n <= 10; n++) {
      for (let k = 0; k <= n; k++) expect(2 ** log2Choose(n, k)).toBeCloseTo(subsets(n, k).length, 8);
    }
  });

  test("the same from both ends, and large", () => {
    expect(log2Choose(4095, 1000)).toBe(log2Choose(4095, 3095));
    // C(2^32, 2) = 2^31 (2^32 - 1)
    expect(log2Choose(2 ** 32, 2)).toBeCloseTo(31 + Math.log2(2 ** 32 - 1), 10);
    // Within a bit of Stirling's n H(k/n) - log2(2 pi n p q) / 2.
    const [n, k] = [1 << 20, 4087];
    const p = k / n;
    const entropy = -p * Math.log2(p) - (1 - p) * Math.log2(1 - p);
    expect(Math.abs(log2Choose(n, k) - (n * entropy - Math.log2(2 * Math.PI * n * p * (1 - p)) / 2))).toBeLessThan(1);
  });

  test("more than there is cannot be chosen", () => {
    expect(() => log2Choose(3, 4)).toThrow(RangeError);
    expect(() => log2Choose(3, -1)).toThrow(RangeError);
  });
});

test("ids: lists of ids by the orders of each, which is their sets where none comes twice", () => {
  // 2-bit ids: 4 * 4 * 4 lists of three, 3! orders. Of 128 bits an id comes twice in 2^-100 of the lists.
  expect(2 ** idBits(3, 2)).toBeCloseTo(4 ** 3 / 6, 10);
  expect(idBits(0)).toBe(0);
  expect(idBits(1)).toBe(128);
  expect(idBits(3)).toBeCloseTo(3 * 128 - Math.log2(6), 10);
});

describe("a volume", () => {
  const volume = (offsets: number[], rlsns: number[][]) => ({
    vid: VolumeId.fromBytes(new Uint8Array(16)),
    offsets: Uint32Array.from(offsets),
    starts: Uint32Array.from([0, ...rlsns.map((_, i) => rlsns.slice(0, i + 1).flat().length)]),
    rlsns: Uint32Array.from(rlsns.flat()),
  });

  test("every segment of a shape and a way that its versions fall is told from the others", () => {
    const [universe, span] = [6, 4];
    for (const [offsetCount, versionCount] of [
      [1, 1],
      [1, 3],
      [2, 2],
      [2, 5],
      [3, 6],
      [4, 7],
    ]) {
      const offsetSets = subsets(universe, offsetCount);
      const ways = compositions(versionCount, offsetCount).filter((counts) => counts.every((count) => count <= span));
      const all = compositions(versionCount, offsetCount).length;
      for (const counts of ways) {
        let rlsnChoices: number[][][] = [[]];
        for (const count of counts) {
          rlsnChoices = rlsnChoices.flatMap((before) => subsets(span, count).map((next) => [...before, next]));
        }
        const contents: Contents = { volumes: [volume(offsetSets[0], rlsnChoices[0])], universe, span };
        const count = offsetSets.length * all * rlsnChoices.length;
        expect(2 ** (boundBits(contents) - 128)).toBeCloseTo(count, 6);
      }
    }
  });

  test("volumes add up, but for the order of their ids", () => {
    const random = new Random(7);
    const alone = Array.from({ length: 3 }, () =>
      volume([1, 4, random.between(5, 9)], [[0], [random.below(3), 3], [2]]),
    );
    const sum = alone.reduce((bits, one) => bits + boundBits({ volumes: [one], universe: 10, span: 8 }), 0);
    expect(boundBits({ volumes: alone, universe: 10, span: 8 })).toBeCloseTo(sum - Math.log2(6), 8);
  });
});
