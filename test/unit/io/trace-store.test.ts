import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NoSpace, Unavailable } from "../../../src/core/errors.js";
import type { IoEvent } from "../../../src/io/io-events.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { TraceStore } from "../../../src/io/trace-store.js";
import { ScriptedStore, type Step } from "./scripted-store.js";

const page = Uint8Array.of(1, 2, 3);
const gone = new Unavailable("gone");

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function trace(steps: readonly Step[], use: (store: TraceStore) => Promise<unknown>): Promise<IoEvent[]> {
  const events: IoEvent[] = [];
  const store = new TraceStore(new ScriptedStore(steps), (event) => events.push(event));
  const call = use(store).catch((error: unknown) => error);
  await vi.runAllTimersAsync();
  await call;
  return events;
}

describe("TraceStore", () => {
  it("tells of every request: what, where, how long, how much, and how it ended", async () => {
    const type = "request";
    expect(
      await trace([{ value: page, afterMs: 30 }, { value: undefined }, { error: gone }], async (store) => {
        await store.get("a");
        await store.get("b");
        await store.get("c");
      }),
    ).toEqual([
      { type, operation: "get", key: "a", durationMs: 30, bytes: 3, outcome: "ok" },
      { type, operation: "get", key: "b", durationMs: 0, bytes: 0, outcome: "absent" },
      { type, operation: "get", key: "c", durationMs: 0, bytes: 0, outcome: "Unavailable" },
    ]);
    expect(await trace([{ value: page, afterMs: 7 }], (store) => store.getRange("a", 4, 8))).toEqual([
      { type, operation: "getRange", key: "a", start: 4, length: 8, durationMs: 7, bytes: 3, outcome: "ok" },
    ]);
    expect(
      await trace([{}, { value: "created" }, { value: "exists" }, { error: new NoSpace("full") }], async (store) => {
        await store.put("a", page);
        await store.putIfAbsent("b", page);
        await store.putIfAbsent("b", page);
        await store.put("a", page);
      }),
    ).toMatchObject([
      { operation: "put", key: "a", bytes: 3, outcome: "ok" },
      { operation: "putIfAbsent", key: "b", bytes: 3, outcome: "created" },
      { operation: "putIfAbsent", key: "b", bytes: 3, outcome: "exists" },
      { operation: "put", key: "a", bytes: 0, outcome: "NoSpace" },
    ]);
    expect(await trace([{}], (store) => store.delete("a"))).toMatchObject([{ operation: "delete", outcome: "ok" }]);
    expect(await trace([{ error: new Error("bug") }], (store) => store.get("a"))).toMatchObject([
      { outcome: "Unavailable" },
    ]);
  });

  it("tells of a listing once: when it ends, fails, or is given up", async () => {
    const list = async (store: TraceStore, most: number) => {
      let count = 0;
      for await (const _ of store.list("p/")) if (++count === most) break;
    };
    const keys = ["p/1", "p/2"];
    expect(await trace([{ value: keys }], (store) => list(store, 9))).toMatchObject([
      { type: "request", operation: "list", key: "p/", outcome: "ok" },
    ]);
    expect(await trace([{ value: keys }], (store) => list(store, 1))).toMatchObject([{ outcome: "ok" }]);
    expect(await trace([{ value: keys, error: gone }], (store) => list(store, 9))).toMatchObject([
      { outcome: "Unavailable" },
    ]);
  });

  it("tells of reads in place too, and has none where the storage has none", async () => {
    const events: IoEvent[] = [];
    const inner = new MemoryStore();
    await inner.put("a", page);
    const { sync } = new TraceStore(inner, (event) => events.push(event));
    const target = new Uint8Array(8);
    expect([...sync!.get("a")!]).toEqual([1, 2, 3]);
    expect([sync!.readRange("a", 1, target), target[0]]).toEqual([2, 2]);
    expect([sync!.get("b"), sync!.readRange("b", 0, target)]).toEqual([undefined, -1]);
    expect(() => sync!.readRange("a", -1, target)).toThrow();
    expect(events).toMatchObject([
      { operation: "get", key: "a", bytes: 3, outcome: "ok" },
      { operation: "getRange", key: "a", start: 1, length: 8, bytes: 2, outcome: "ok" },
      { operation: "get", key: "b", bytes: 0, outcome: "absent" },
      { operation: "getRange", key: "b", bytes: 0, outcome: "absent" },
      { operation: "getRange", key: "a", start: -1, outcome: "InvalidArgument" },
    ]);
    expect(new TraceStore(new ScriptedStore([]), () => undefined).sync).toBe(undefined);
  });

  it("survives a listener that throws", async () => {
    const inner = new MemoryStore();
    await inner.put("a", page);
    const store = new TraceStore(inner, () => {
      throw new Error("listener");
    });
    expect([...(await store.get("a"))!]).toEqual([1, 2, 3]);
  });
});
