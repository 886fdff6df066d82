import { expect, test } from "vitest";
import { murmur3, type Seed128 } from "../../../src/core/murmur3.js";
import { Random, runSeed } from "../../helpers/random.js";

const seeded = (seed: number): Seed128 => [seed, seed, seed, seed];
const hex = (bytes: Uint8Array, seed: Seed128) =>
  [...murmur3(bytes, seed)].map((word) => word.toString(16).padStart(8, "0")).join("");

test("the verification value of SMHasher, where the algorithm was published", () => {
  // KeysetTest.cpp, VerificationTest: keys {}, {0}, {0, 1}, ... with seeds 256, 255, ...; then the sum of all sums.
  const sums = new Uint8Array(256 * 16);
  for (let i = 0; i < 256; i++) {
    const key = Uint8Array.from({ length: i }, (_, at) => at);
    sums.set(new Uint8Array(murmur3(key, seeded(256 - i)).buffer), i * 16);
  }
  expect(murmur3(sums, seeded(0))[0]).toBe(0xb3ece62a);
});

test("the same sum wherever the bytes lie, another for each seed word, each length and each bit", () => {
  const random = new Random(runSeed("murmur3"));
  const seed: Seed128 = [random.u32(), random.u32(), random.u32(), random.u32()];
  for (const length of [1, 15, 16, 17, 33, 100]) {
    const data = random.bytes(length);
    const sum = hex(data, seed);
    for (let shift = 1; shift < 8; shift++) {
      const memory = new Uint8Array(length + 16);
      memory.set(data, shift);
      expect(hex(memory.subarray(shift, shift + length), seed)).toBe(sum);
    }
    const others = new Set([sum]);
    for (let i = 0; i < 4; i++) others.add(hex(data, seed.map((word, at) => word ^ Number(at === i)) as never));
    for (let bit = 0; bit < length * 8; bit++) {
      const flipped = Uint8Array.from(data);
      flipped[bit >> 3] ^= 1 << (bit & 7);
      others.add(hex(flipped, seed));
    }
    others.add(hex(new Uint8Array([...data, 0]), seed));
    expect(others.size).toBe(1 + 4 + length * 8 + 1);
  }
});
