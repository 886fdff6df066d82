/** What an attempt's outcome is when the storage answers truly, falsely, late or not at all. */
import { describe, expect, it, vi } from "vitest";
import { Corrupt, NoSpace, ReadOnly, Unavailable, UnsupportedFormat } from "../../../src/core/errors.js";
import { compareBytes } from "../../../src/core/ids.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import type { ObjectStore } from "../../../src/io/object-store.js";
import { putOnce } from "../../../src/log/put-once.js";

const mine = Uint8Array.of(1);
const theirs = Uint8Array.of(2);
const isMine = (found: Uint8Array) => compareBytes(found, mine) === 0;
const policy = { attempts: 3, baseMs: 1, capMs: 1 };
const put = (objects: ObjectStore) => putOnce(objects, "c/1", mine, isMine, policy);

/** A store whose next calls go as scripted; after that they go well. */
function scripted(
  puts: (undefined | "fail" | "lose" | Error)[],
  gets: (undefined | "fail")[] = [],
): { objects: ObjectStore; calls: string[] } {
  const inner = new MemoryStore();
  const calls: string[] = [];
  const objects = Object.create(inner) as ObjectStore;
  objects.putIfAbsent = async (key, bytes) => {
    calls.push("put");
    const step = puts.shift();
    if (step instanceof Error) throw step;
    if (step === "fail") throw new Unavailable("refused");
    const answer = await inner.putIfAbsent(key, bytes);
    if (step === "lose") throw new Unavailable("answer lost");
    return answer;
  };
  objects.get = async (key) => {
    calls.push("get");
    if (gets.shift() === "fail") throw new Unavailable("unreadable");
    return await inner.get(key);
  };
  return { objects, calls };
}

describe("putOnce", () => {
  it("takes one request when all is well", async () => {
    const { objects, calls } = scripted([undefined]);
    expect(await put(objects)).toEqual({ status: "ours" });
    expect(calls).toEqual(["put"]);
  });

  it("finds its own object behind a lost answer", async () => {
    const { objects, calls } = scripted(["lose"]);
    expect(await put(objects)).toEqual({ status: "ours" });
    expect(calls).toEqual(["put", "get"]);
  });

  it("does not take 'exists' for a defeat: a library may have sent the PUT twice", async () => {
    const { objects } = scripted([]);
    await objects.putIfAbsent("c/1", mine);
    expect(await put(objects)).toEqual({ status: "ours" });
  });

  it("reports whose object is there when it lost", async () => {
    const { objects } = scripted([]);
    await objects.putIfAbsent("c/1", theirs);
    expect(await put(objects)).toEqual({ status: "lost", bytes: theirs });
  });

  it("puts the same bytes again while nothing is there", async () => {
    const { objects, calls } = scripted(["fail", "fail"]);
    expect(await put(objects)).toEqual({ status: "ours" });
    expect(calls).toEqual(["put", "get", "put", "get", "put"]);
  });

  it("is unknown when the key cannot be read back, and when every try failed", async () => {
    expect((await put(scripted(["lose"], ["fail"]).objects)).status).toBe("unknown");
    expect((await put(scripted(["fail", "fail", "fail"]).objects)).status).toBe("unknown");
  });

  it("is unknown, without another try, when the storage asks to be left alone for very long", async () => {
    const { objects, calls } = scripted([new Unavailable("maintenance", { retryAfterMs: 3_600_000 })]);
    expect((await put(objects)).status).toBe("unknown");
    expect(calls).toEqual(["put", "get"]);
  });

  it("waits between its tries, longer and longer", async () => {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    try {
      const { objects, calls } = scripted(["fail", "fail"]);
      const slow = putOnce(objects, "c/1", mine, isMine, { attempts: 3, baseMs: 200, capMs: 1000 });
      await vi.advanceTimersByTimeAsync(99);
      expect(calls).toEqual(["put", "get"]);
      await vi.advanceTimersByTimeAsync(1);
      expect(calls).toEqual(["put", "get", "put", "get"]);
      await vi.advanceTimersByTimeAsync(199);
      expect(calls).toHaveLength(4);
      await vi.advanceTimersByTimeAsync(1);
      expect(await slow).toEqual({ status: "ours" });
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
      vi.restoreAllMocks();
    }
  });

  it("is unknown when the key is said to exist and then not to", async () => {
    const { objects } = scripted([]);
    objects.putIfAbsent = async () => "exists";
    const outcome = await put(objects);
    expect(outcome.status).toBe("unknown");
    expect(outcome.status === "unknown" && outcome.cause).toBeInstanceOf(Unavailable);
  });

  it("throws what refused it, once nothing is found at the key", async () => {
    await expect(put(scripted([new NoSpace("full")]).objects)).rejects.toThrow(NoSpace);
    await expect(put(scripted([new ReadOnly("no")]).objects)).rejects.toThrow(ReadOnly);
  });

  it("does not believe a refusal while an earlier try may still land", async () => {
    const full = new NoSpace("full");
    expect(await put(scripted(["fail", full]).objects)).toEqual({ status: "unknown", cause: full });
  });

  it("does not know the outcome where what is at the key is damaged, at the second look too", async () => {
    const { objects } = scripted([]);
    await objects.putIfAbsent("c/1", theirs);
    const damaged = new Corrupt("record", { key: "c/1", byteOffset: 0, expected: "a record", actual: "none" });
    let looks = 0;
    const attempt = putOnce(objects, "c/1", mine, () => {
      looks++;
      throw damaged;
    });
    expect(await attempt).toEqual({ status: "unknown", cause: damaged });
    expect(looks).toBe(2);
    looks = 0;
    const mended = putOnce(objects, "c/1", mine, () => {
      if (looks++ === 0) throw damaged;
      return false;
    });
    expect(await mended).toEqual({ status: "lost", bytes: theirs });
  });

  it("says of a newer version's object that it is one", async () => {
    const { objects } = scripted([]);
    await objects.putIfAbsent("c/1", theirs);
    const newer = new UnsupportedFormat("version 9");
    const attempt = putOnce(objects, "c/1", mine, () => {
      throw newer;
    });
    await expect(attempt).rejects.toBe(newer);
  });
});
