import { describe, expect, test } from "vitest";
import { NoSpace } from "../../../src/core/errors.js";
import { Arena, type Evictable } from "../../../src/probe/arena.js";
import { Random, runSeed } from "../../helpers/random.js";

const CHUNK = 65536;

/** Keeps a model of what is allocated, and checks that nothing overlaps and that nothing pinned is evicted. */
class Model implements Evictable {
  readonly live = new Map<number, { address: number; sizeBytes: number; pinned: boolean }>();
  evictions = 0;

  evict(tag: number): void {
    const allocation = this.live.get(tag);
    if (!allocation || allocation.pinned)
      throw new Error(`evicted ${tag}, which is ${allocation ? "pinned" : "not there"}`);
    this.live.delete(tag);
    this.evictions++;
  }

  check(start: number, end: number): void {
    const sorted = [...this.live.values()].sort((a, b) => a.address - b.address);
    let before = start;
    for (const { address, sizeBytes } of sorted) {
      expect(address % 64).toBe(0);
      expect(address).toBeGreaterThanOrEqual(before);
      before = address + sizeBytes;
    }
    expect(before).toBeLessThanOrEqual(end);
  }
}

test("random allocations never overlap, stay inside, and evict only what may go", () => {
  const random = new Random(runSeed("arena"));
  for (let round = 0; round < 20; round++) {
    const start = CHUNK * random.between(1, 3);
    const end = start + CHUNK * random.between(4, 40);
    const arena = new Arena(start, end, new Uint8Array((end - start) >>> 8));
    const model = new Model();
    for (let tag = 0; tag < 3000; tag++) {
      const sizeBytes = random.chance(0.05) ? random.between(CHUNK + 1, 3 * CHUNK) : random.between(1, 9000);
      const pinned = random.chance(0.02);
      try {
        const address = arena.allocate(sizeBytes, pinned ? undefined : model, tag);
        model.live.set(tag, { address, sizeBytes, pinned });
      } catch (error) {
        if (!(error instanceof NoSpace)) throw error;
      }
      const tags = [...model.live.keys()];
      if (random.chance(0.2)) {
        const victim = random.pick(tags);
        arena.free(model.live.get(victim)!.address);
        model.live.delete(victim);
      }
      if (random.chance(0.3) && model.live.size > 0) arena.touch(random.pick([...model.live.values()]).address);
      if (tag % 100 === 0) model.check(start, end);
    }
    expect(model.evictions).toBeGreaterThan(0);
    for (const { address } of model.live.values()) arena.free(address);
    expect(arena.usedBytes).toBe(0);
    // All of it is whole again.
    arena.free(arena.allocate(arena.limitBytes));
  }
});

describe("eviction", () => {
  test("takes what was not touched", () => {
    const arena = new Arena(CHUNK, CHUNK + 4 * CHUNK, new Uint8Array((4 * CHUNK) >>> 8));
    const model = new Model();
    const put = (tag: number) => {
      const address = arena.allocate(4096, model, tag);
      model.live.set(tag, { address, sizeBytes: 4096, pinned: false });
    };
    for (let tag = 0; tag < 64; tag++) put(tag);
    put(64); // the first time round clears the marks of the fresh ones
    const wanted = [...model.live.keys()].slice(0, 8);
    for (let tag = 100; tag < 130; tag++) {
      for (const w of wanted) arena.touch(model.live.get(w)!.address);
      put(tag);
    }
    expect(wanted.every((tag) => model.live.has(tag))).toBe(true);
  });

  test("what is pinned stays, and the rest is refused by name", () => {
    const arena = new Arena(CHUNK, 3 * CHUNK, new Uint8Array((2 * CHUNK) >>> 8));
    arena.allocate(CHUNK);
    arena.allocate(CHUNK);
    expect(() => arena.allocate(1)).toThrow(NoSpace);
    expect(() => arena.allocate(CHUNK * 2)).toThrow(/memory limit of 131072 bytes/);
    expect(() => arena.allocate(CHUNK * 5)).toThrow(NoSpace);
  });
});
