/** When a second request is sent, which answer is taken, and what becomes of the other. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Aborted, NotFound, Unavailable } from "../../../src/core/errors.js";
import { type HedgeOptions, HedgeStore } from "../../../src/io/hedge-store.js";
import type { IoEvent } from "../../../src/io/io-events.js";
import { ScriptedStore, type Step } from "./scripted-store.js";

const page = Uint8Array.of(1, 2, 3);
const other = Uint8Array.of(4, 5, 6);
const quick: Step = { value: page, afterMs: 10 };

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  vi.useFakeTimers();
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(async () => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  // Node tells of them after the microtasks of a turn.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

async function settle<T>(call: Promise<T>): Promise<T | unknown> {
  const outcome = call.catch((error: unknown) => error);
  await vi.runAllTimersAsync();
  return await outcome;
}

/** A store with one hedge to spend: its budget was filled by quick reads. */
async function ready(steps: readonly Step[], options: Partial<HedgeOptions> = {}) {
  const inner = new ScriptedStore([quick, quick, ...steps]);
  const events: IoEvent[] = [];
  const store = new HedgeStore(inner, { delayMs: 100, share: 0.4, ...options }, (event) => events.push(event));
  for (let i = 0; i < 2; i++) await settle(store.get("k"));
  inner.sent.length = 0;
  Object.defineProperty(inner, "script", {
    value: (_: string, i: number) => steps[i] ?? { error: new Error("extra") },
  });
  return { inner, store, events };
}

describe("HedgeStore", () => {
  it("sends no second request for a read that is quick enough", async () => {
    const { inner, store, events } = await ready([{ value: page, afterMs: 99 }]);
    expect(await settle(store.get("k"))).toBe(page);
    expect(inner.calls).toEqual(["get k"]);
    expect(events).toEqual([]);
  });

  it("sends a slow read again, takes the second answer and cancels the first", async () => {
    const { inner, store, events } = await ready([{ never: true }, { value: other, afterMs: 10 }]);
    const began = performance.now();
    let tookMs = 0;
    const call = store.getRange("k", 4, 8).finally(() => {
      tookMs = performance.now() - began;
    });
    expect(await settle(call)).toBe(other);
    expect(tookMs).toBe(110);
    expect(inner.calls).toEqual(["getRange k 4 8", "getRange k 4 8"]);
    expect(inner.sent.map(({ isCancelled }) => isCancelled)).toEqual([true, false]);
    expect(inner.sent[0].options.signal?.reason).toBeInstanceOf(Aborted);
    expect(store.stats).toMatchObject({ hedges: 1, hedgesWon: 1 });
    expect(events).toEqual([{ type: "hedge", operation: "getRange", key: "k", afterMs: 100, won: true }]);
  });

  it("takes the first answer when it comes first after all, and cancels the second", async () => {
    const { inner, store, events } = await ready([{ value: page, afterMs: 105 }, { never: true }]);
    expect(await settle(store.get("k"))).toBe(page);
    expect(inner.sent.map(({ isCancelled }) => isCancelled)).toEqual([false, true]);
    expect(store.stats).toMatchObject({ hedges: 1, hedgesWon: 0 });
    expect(events).toMatchObject([{ type: "hedge", operation: "get", won: false }]);
  });

  it("takes an absent object for an answer", async () => {
    const { store } = await ready([{ never: true }, { value: undefined }]);
    expect(await settle(store.get("k"))).toBe(undefined);
    expect(store.stats.hedgesWon).toBe(1);
  });

  it("waits for the other when one fails, whichever it is", async () => {
    const error = new Unavailable("busy");
    const second = await ready([
      { value: page, afterMs: 200 },
      { error, afterMs: 10 },
    ]);
    expect(await settle(second.store.get("k"))).toBe(page);
    expect(second.store.stats.hedgesWon).toBe(0);
    const first = await ready([
      { error, afterMs: 105 },
      { value: page, afterMs: 200 },
    ]);
    expect(await settle(first.store.get("k"))).toBe(page);
    expect(first.store.stats.hedgesWon).toBe(1);
  });

  it("fails as the first request did when both fail, and at once when it fails alone", async () => {
    const error = new NotFound("no bucket");
    const both = await ready([
      { error, afterMs: 200 },
      { error: new Unavailable("busy"), afterMs: 10 },
    ]);
    expect(await settle(both.store.get("k"))).toBe(error);
    expect(both.store.stats).toMatchObject({ hedges: 1, hedgesWon: 0 });
    const alone = await ready([{ error, afterMs: 50 }]);
    expect(await settle(alone.store.get("k"))).toBe(error);
    expect(alone.inner.sent).toHaveLength(1);
  });

  it("lets no request write to the caller's memory: the answer is copied there", async () => {
    const { inner, store } = await ready([{ never: true }, { value: other }]);
    const into = new Uint8Array(8).fill(9);
    const answer = (await settle(store.getRange("k", 0, 8, { into, probing: true }))) as Uint8Array;
    expect(answer.buffer).toBe(into.buffer);
    expect([...answer]).toEqual([4, 5, 6]);
    expect([...into]).toEqual([4, 5, 6, 9, 9, 9, 9, 9]);
    for (const { options } of inner.sent) expect(options).toMatchObject({ probing: true });
    for (const { options } of inner.sent) expect(options.into).toBe(undefined);
    const { store: absent } = await ready([{ value: undefined }]);
    expect(await settle(absent.getRange("k", 0, 8, { into }))).toBe(undefined);
  });

  it("cancels both requests when the caller's signal fires, and leaves nothing at the signal", async () => {
    const { inner, store } = await ready([{ never: true }, { never: true }]);
    const controller = new AbortController();
    const added = vi.spyOn(controller.signal, "addEventListener");
    const removed = vi.spyOn(controller.signal, "removeEventListener");
    const call = store.get("k", { signal: controller.signal }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(150);
    expect(inner.sent).toHaveLength(2);
    controller.abort(new Error("enough"));
    expect(await call).toBeInstanceOf(Aborted);
    expect(inner.sent.map(({ isCancelled, options }) => [isCancelled, options.signal?.reason.message])).toEqual([
      [true, "enough"],
      [true, "enough"],
    ]);
    expect(removed.mock.calls).toEqual(added.mock.calls);

    const early = await ready([{ never: true }]);
    const soon = new AbortController();
    const aborted = early.store.get("k", { signal: soon.signal }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(50);
    soon.abort();
    expect(await aborted).toBeInstanceOf(Aborted);
    expect(early.inner.sent).toHaveLength(1);
  });

  it("hands a signal that has fired to the storage", async () => {
    const inner = new ScriptedStore([quick]);
    const store = new HedgeStore(inner, { delayMs: 100 });
    await settle(store.get("k", { signal: AbortSignal.abort() }));
    expect(inner.sent[0].options.signal?.aborted).toBe(true);
  });

  it("sends second requests for its share of reads, not more, and saves up ten at most", async () => {
    let isSlow = true;
    const inner = new ScriptedStore(() => ({ value: page, afterMs: isSlow ? 1000 : 1 }));
    const store = new HedgeStore(inner, { delayMs: 100, share: 0.25 });
    for (let reads = 1; reads <= 40; reads++) {
      await settle(store.get("k"));
      expect(store.stats.hedges).toBe(Math.floor(reads / 4));
    }
    isSlow = false;
    for (let reads = 0; reads < 100; reads++) await settle(store.get("k"));
    expect(store.stats.hedges).toBe(10);
    isSlow = true;
    await settle(Promise.all(Array.from({ length: 30 }, () => store.get("k"))));
    expect(store.stats.hedges).toBe(20);
    expect(inner.sent).toHaveLength(170 + 20);
  });

  it("passes everything but reads on, once", async () => {
    const inner = new ScriptedStore(() => ({ afterMs: 5000 }));
    const store = new HedgeStore(inner, { delayMs: 1, share: 1 });
    await settle(Promise.all([store.put("k", page), store.putIfAbsent("k", page), store.delete("k")]));
    await settle(store.checkWritable());
    expect(inner.calls).toEqual(["put k", "putIfAbsent k", "delete k", "checkWritable"]);
  });

  it("survives a listener that throws", async () => {
    const inner = new ScriptedStore((_, i) => (i === 0 ? { never: true } : quick));
    const store = new HedgeStore(inner, { delayMs: 1, share: 1 }, () => {
      throw new Error("listener");
    });
    expect(await settle(store.get("k"))).toBe(page);
  });
});

describe("HedgeStore at the 95th percentile", () => {
  /** Reads that take so long, one after another. */
  async function read(store: HedgeStore, inner: ScriptedStore, call: () => Promise<unknown>, afterMs: number[]) {
    const from = inner.sent.length;
    Object.defineProperty(inner, "script", {
      value: (_: string, i: number) => ({ value: page, afterMs: afterMs[i - from] }),
    });
    for (const _ of afterMs) await settle(call());
    return store.stats.hedges;
  }

  it("hedges nothing until it knows enough, then what is slower, for each kind and size by itself", async () => {
    const inner = new ScriptedStore([]);
    const store = new HedgeStore(inner, { delayMs: "p95", share: 0.5 });
    const get = () => store.get("k");
    const small = () => store.getRange("k", 0, 4096);
    const large = () => store.getRange("k", 0, 8 << 20);
    expect(await read(store, inner, get, [...Array(38).fill(20), 5000, 5000])).toBe(0);
    expect(await read(store, inner, get, [5000])).toBe(0);
    expect(await read(store, inner, get, Array(100).fill(20))).toBe(0);
    expect(await read(store, inner, get, [20, 21, 1])).toBe(1);
    expect(await read(store, inner, small, Array(40).fill(50))).toBe(1);
    expect(await read(store, inner, large, Array(40).fill(400))).toBe(1);
    expect(await read(store, inner, small, [50, 51, 1])).toBe(2);
    expect(await read(store, inner, large, [400, 401, 1])).toBe(3);
  });

  it("waits for its floor where reads are quicker", async () => {
    const inner = new ScriptedStore([]);
    const store = new HedgeStore(inner, { delayMs: "p95", floorMs: 30, share: 0.5 });
    const get = () => store.get("k");
    expect(await read(store, inner, get, Array(60).fill(1))).toBe(0);
    expect(await read(store, inner, get, [29])).toBe(0);
    expect(await read(store, inner, get, [31, 1])).toBe(1);
  });

  it("counts a read that was given up as a slow one: else the percentile would sink with every hedge", async () => {
    const inner = new ScriptedStore([]);
    const store = new HedgeStore(inner, { delayMs: "p95", floorMs: 0, share: 1 });
    const get = () => store.get("k");
    await read(
      store,
      inner,
      get,
      Array.from({ length: 40 }, (_, i) => (i % 10 === 9 ? 100 : 20)),
    );
    const delays: number[] = [];
    for (let i = 0; i < 300; i++) {
      const before = inner.sent.length;
      const isSlow = i % 10 === 9;
      Object.defineProperty(inner, "script", {
        value: (_: string, n: number) => (isSlow && n === before ? { never: true } : { value: page, afterMs: 20 }),
      });
      await settle(isSlow && i > 0 ? get() : get());
      if (inner.sent.length > before + 1) delays.push(inner.sent[before + 1].atMs - inner.sent[before].atMs);
    }
    expect(delays.length).toBe(30);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(100);
  });
});
