/** Reading gapless sequences: all that is there, nothing twice, few requests. */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { catalogKey, numberIn } from "../../../src/log/keys.js";
import { CATCHING_UP, FOLLOWING, readNewest, readOnward } from "../../../src/log/sequence.js";
import { CountingStore } from "../../helpers/counting-store.js";

async function sequence(length: number): Promise<CountingStore> {
  const inner = new MemoryStore();
  for (let n = 1; n <= length; n++) await inner.put(catalogKey(n), Uint8Array.of(n & 255, n >> 8));
  return new CountingStore(inner);
}

describe("readOnward", () => {
  it("reads from a number to the end, however the window grows", async () => {
    const objects = await sequence(150);
    for (const from of [1, 2, 100, 150, 151]) {
      for (const growth of [CATCHING_UP, FOLLOWING] as const) {
        const numbers: number[] = [];
        for await (const { number, bytes } of readOnward(objects, catalogKey, from, growth)) {
          expect(bytes[0]).toBe(number & 255);
          numbers.push(number);
        }
        expect(numbers).toEqual(Array.from({ length: 151 - from }, (_, i) => from + i));
      }
    }
  });

  it("asks once where there is nothing new", async () => {
    const objects = await sequence(3);
    for await (const _ of readOnward(objects, catalogKey, 4, CATCHING_UP)) expect.fail("nothing is there");
    expect(objects.requests.length).toBe(1);
  });

  it("asks for little beyond the end where one follows, and in few rounds where one catches up", async () => {
    // By how many are new: requests, as 1 + 2 + 4 + … and 1 + 4 + 16 + …
    for (const [fresh, following, catchingUp] of [
      [1, 3, 5],
      [2, 3, 5],
      [5, 7, 21],
      [30, 31, 85],
    ]) {
      for (const [growth, requests] of [
        [FOLLOWING, following],
        [CATCHING_UP, catchingUp],
      ] as const) {
        const objects = await sequence(fresh);
        for await (const { number } of readOnward(objects, catalogKey, 1, growth)) {
          expect(number).toBeLessThanOrEqual(fresh);
        }
        expect(objects.requests.length, `${fresh} new, growth ${growth}`).toBe(requests);
      }
    }
  });
});

describe("readNewest", () => {
  it("finds the newest in few rounds, each of up to eight requests", async () => {
    for (const length of [0, 1, 2, 3, 7, 8, 9, 100, 1000, 5000]) {
      const objects = await sequence(length);
      for (const from of [1, 2, 5, 100, 1000]) {
        objects.take();
        const newest = await readNewest(objects, catalogKey, from);
        expect(newest?.number).toBe(from > length ? undefined : length);
        if (newest) expect(newest.bytes[0]).toBe(length & 255);
        if (from > length) expect(objects.requests.length, "one that is absent").toBe(1);
        // The first, eight steps that double, narrowing to a ninth each time, and the object itself.
        else
          expect(objects.requests.length).toBeLessThanOrEqual(
            2 + 8 * (2 + Math.ceil(Math.log(length + 1) / Math.log(9))),
          );
      }
    }
  });
});

describe("keys", () => {
  it("sort as their numbers do, and give them back", () => {
    const numbers = [1, 9, 10, 99, 12345, 2 ** 32, Number.MAX_SAFE_INTEGER - 1];
    const keys = numbers.map(catalogKey);
    expect(keys.toSorted()).toEqual(keys);
    expect(keys.map((key) => numberIn(key, catalogKey))).toEqual(numbers);
    const outside = [catalogKey(0), catalogKey(Number.MAX_SAFE_INTEGER), "c/9999999999999999"];
    for (const other of ["c/head", "c/1", "", "d/0000000000000001", "x/c/0000000000000001", ...outside]) {
      expect(numberIn(other, catalogKey)).toBe(undefined);
    }
  });
});
