import { expect, test } from "vitest";
import { xxh64 } from "../../../src/format/xxh64.js";
import { Core } from "../../../src/probe/core.js";
import { Random, runSeed } from "../../helpers/random.js";

const bytesOf = (text: string) => new TextEncoder().encode(text);

test("the specification's sanity checks and well-known sums", () => {
  expect(xxh64(bytesOf(""))).toBe(0xef46db3751d8e999n);
  expect(xxh64(bytesOf("a"))).toBe(0xd24ec4f1a98c6e5bn);
  expect(xxh64(bytesOf("abc"))).toBe(0x44bc2cf5ad770999n);
  // XXH_testdata of the reference implementation: byte i is the top byte of PRIME32 * PRIME64^i.
  const data = new Uint8Array(222);
  let generator = 2654435761n;
  for (let i = 0; i < data.length; i++) {
    data[i] = Number(generator >> 56n);
    generator = (generator * 11400714785074694797n) & 0xffffffffffffffffn;
  }
  expect(xxh64(data.subarray(0, 1))).toBe(0xe934a84adb052768n);
  expect(xxh64(data.subarray(0, 14))).toBe(0x8282dcc4994e35c8n);
  expect(xxh64(data)).toBe(0xb641ae8cb691c174n);
  expect(xxh64(data, 0x9e3779b1n)).toBe(0x20cb8ab7ae10c14an);
});

test("the core and TypeScript agree, at every length and alignment", () => {
  const random = new Random(runSeed("xxh64"));
  const core = Core.create({ memoryBytes: 1 << 20 });
  const data = random.bytes(300);
  for (let length = 0; length <= 200; length++) {
    const start = random.below(100);
    const seed = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
    const piece = data.subarray(start, start + length);
    const address = core.stagingAddress + random.below(8);
    core.memory.set(piece, address);
    core.exports.hash(address, length, BigInt.asIntN(64, seed));
    expect(xxh64(piece, seed)).toBe(core.view.getBigUint64(core.exports.resultAddress(), true));
  }
});
