import { describe, expect, it } from "vitest";
import { Latency } from "../../../src/io/latency.js";
import { Random, runSeed } from "../../helpers/random.js";

describe("Latency", () => {
  it("says nothing until it knows forty", () => {
    const latency = new Latency(0.95);
    for (let i = 0; i < 39; i++) latency.add(10);
    expect(latency.value).toBe(undefined);
    latency.add(10);
    expect(latency.value).toBe(10);
  });

  it("is the exact quantile of what it knows", () => {
    const random = new Random(runSeed("latency"));
    const latency = new Latency(0.95);
    const all: number[] = [];
    for (let i = 0; i < 512; i++) {
      all.push(random.u32() / 1000);
      latency.add(all[i]);
    }
    all.sort((a, b) => a - b);
    expect(latency.value).toBe(all[486]);
  });

  it("follows a storage that becomes slow, and one that becomes fast again", () => {
    const latency = new Latency(0.95);
    const add = (count: number, durationMs: number) => {
      for (let i = 0; i < count; i++) latency.add(durationMs);
    };
    add(600, 10);
    expect(latency.value).toBe(10);
    add(100, 500);
    expect(latency.value).toBe(500);
    add(600, 10);
    expect(latency.value).toBe(10);
  });
});
