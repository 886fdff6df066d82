import { describe, expect, it } from "vitest";
import { DescriptorCache } from "../../../src/io/descriptor-cache.js";

function cacheOf(limit: number) {
  const closed: number[] = [];
  return { closed, cache: new DescriptorCache(limit, (fd) => closed.push(fd)) };
}

describe("descriptor cache", () => {
  it("closes the least recently used beyond its limit", () => {
    const { closed, cache } = cacheOf(2);
    cache.release(cache.add("a", 1));
    cache.release(cache.add("b", 2));
    cache.release(cache.acquire("a")!);
    cache.release(cache.add("c", 3));
    expect(closed).toEqual([2]);
    expect(cache.acquire("b")).toBeUndefined();
    expect(cache.acquire("a")!.fd).toBe(1);
  });

  it("closes one that is being read from when its last reader lets go, and only once", () => {
    const { closed, cache } = cacheOf(1);
    const first = cache.add("a", 1);
    const second = cache.acquire("a")!;
    cache.release(cache.add("b", 2));
    cache.release(first);
    expect(closed).toEqual([]);
    cache.release(second);
    expect(closed).toEqual([1]);
    cache.drop("a");
    cache.clear();
    expect(closed).toEqual([1, 2]);
  });

  it("keeps one of two that were opened at once", () => {
    const { closed, cache } = cacheOf(4);
    const first = cache.add("a", 1);
    const second = cache.add("a", 2);
    expect(second).toBe(first);
    expect(closed).toEqual([2]);
    cache.drop("a");
    cache.release(first);
    cache.release(second);
    expect(closed).toEqual([2, 1]);
  });
});
