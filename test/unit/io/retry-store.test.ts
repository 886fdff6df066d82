/** What is sent again, how often, and what never is. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Aborted, Corrupt, NoSpace, Unavailable } from "../../../src/core/errors.js";
import type { IoEvent } from "../../../src/io/io-events.js";
import { RetryStore } from "../../../src/io/retry-store.js";
import { ScriptedStore, type Step } from "./scripted-store.js";

const fail: Step = { error: new Unavailable("busy") };
const page = Uint8Array.of(1, 2, 3);

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The call's outcome, with time passing as fast as it can. */
async function settle<T>(call: Promise<T>): Promise<T | unknown> {
  const outcome = call.catch((error: unknown) => error);
  await vi.runAllTimersAsync();
  return await outcome;
}

describe("RetryStore", () => {
  it("sends again what is as good twice as once, and waits longer each time", async () => {
    const calls: [string, (store: RetryStore) => Promise<unknown>, unknown][] = [
      ["get k", (store) => store.get("k"), page],
      ["getRange k 4 8", (store) => store.getRange("k", 4, 8), page],
      ["put k", (store) => store.put("k", page), undefined],
      ["delete k", (store) => store.delete("k"), undefined],
    ];
    for (const [name, call, value] of calls) {
      const inner = new ScriptedStore([fail, fail, { value }]);
      const events: IoEvent[] = [];
      const store = new RetryStore(inner, { onEvent: (event) => events.push(event) });
      expect(await settle(call(store)), name).toBe(value);
      expect(inner.calls).toEqual([name, name, name]);
      const [first, second, third] = inner.sent.map(({ atMs }) => atMs);
      expect([second - first, third - second]).toEqual([25, 50]);
      expect(store.stats.retries).toBe(2);
      const [operation, key] = name.split(" ");
      expect(events).toEqual([
        { type: "retry", operation, key, attempt: 1, delayMs: 25, error: "Unavailable" },
        { type: "retry", operation, key, attempt: 2, delayMs: 50, error: "Unavailable" },
      ]);
    }
  });

  it("never sends putIfAbsent or checkWritable again", async () => {
    const inner = new ScriptedStore([fail, fail]);
    const store = new RetryStore(inner);
    expect(await settle(store.putIfAbsent("k", page))).toBe(fail.error);
    expect(await settle(store.checkWritable())).toBe(fail.error);
    expect(inner.calls).toEqual(["putIfAbsent k", "checkWritable"]);
    expect(store.stats.retries).toBe(0);
  });

  it("gives up after its attempts, with the last error", async () => {
    const last = new Unavailable("still busy");
    const inner = new ScriptedStore([fail, fail, { error: last }]);
    const store = new RetryStore(inner, { policy: { attempts: 3 } });
    expect(await settle(store.get("k"))).toBe(last);
    expect(inner.sent).toHaveLength(3);
  });

  it("does not send again what failed for good", async () => {
    const place = { key: "k", byteOffset: 0, expected: "a", actual: "b" };
    for (const error of [new NoSpace("full"), new Corrupt("page", place), new Error("bug")]) {
      const inner = new ScriptedStore([{ error }]);
      expect(await settle(new RetryStore(inner).put("k", page))).toBe(error);
    }
  });

  it("takes an absent object for an answer", async () => {
    expect(await settle(new RetryStore(new ScriptedStore([{ value: undefined }])).get("k"))).toBe(undefined);
  });

  it("hands the caller's options on, with the memory for the answer", async () => {
    const inner = new ScriptedStore([fail, { value: page }]);
    const options = { into: new Uint8Array(8), signal: new AbortController().signal, probing: true };
    await settle(new RetryStore(inner).getRange("k", 0, 8, options));
    for (const sent of inner.sent) expect(sent.options).toBe(options);
  });

  it("stops when the caller's signal fires: before, during a request, during a wait", async () => {
    const never = new ScriptedStore([{ never: true }]);
    const during = new AbortController();
    const waitingForAnswer = new RetryStore(never).get("k", { signal: during.signal }).catch((error: unknown) => error);
    during.abort();
    expect(await waitingForAnswer).toBeInstanceOf(Aborted);

    const failing = new ScriptedStore([fail]);
    const between = new AbortController();
    const waitingToRetry = new RetryStore(failing)
      .get("k", { signal: between.signal })
      .catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(10);
    between.abort();
    expect(await waitingToRetry).toBeInstanceOf(Aborted);
    expect(failing.sent).toHaveLength(1);

    // The storage failed just as the signal fired.
    const late = new ScriptedStore([fail]);
    const aborted = new AbortController();
    aborted.abort();
    const onEvent = vi.fn();
    const tooLate = new RetryStore(late, { onEvent }).get("k", { signal: aborted.signal });
    expect(await settle(tooLate)).toBeInstanceOf(Aborted);
    expect(late.sent).toHaveLength(1);
    expect(onEvent).not.toHaveBeenCalled();
  });

  it("leaves a dead storage alone: a hundred retries, then one request for each call, until it answers again", async () => {
    let isDead = true;
    const inner = new ScriptedStore(() => (isDead ? fail : { value: page }));
    const store = new RetryStore(inner);
    for (let i = 0; i < 50; i++) await settle(store.get("k"));
    expect(inner.sent).toHaveLength(50 + 100);
    isDead = false;
    for (let i = 0; i < 5; i++) expect(await settle(store.get("k"))).toBe(page);
    isDead = true;
    inner.sent.length = 0;
    await settle(store.get("k"));
    expect(inner.sent).toHaveLength(2);
    expect(store.stats.retries).toBe(101);
  });

  it("adds its retries to those below it, and passes other counters on", () => {
    const inner = new ScriptedStore([]);
    Object.assign(inner.stats, { retries: 3, gets: 7 });
    expect(new RetryStore(inner).stats).toMatchObject({ retries: 3, gets: 7 });
  });

  it("survives a listener that throws", async () => {
    const store = new RetryStore(new ScriptedStore([fail, { value: page }]), {
      onEvent: () => {
        throw new Error("listener");
      },
    });
    expect(await settle(store.get("k"))).toBe(page);
  });
});

describe("RetryStore.list", () => {
  const keysOf = async (store: RetryStore) => {
    const keys: string[] = [];
    for await (const { key } of store.list("p/")) keys.push(key);
    return keys;
  };

  it("goes on behind the last key after a failure, whatever came and went meanwhile", async () => {
    const inner = new ScriptedStore([
      { value: ["p/1", "p/2"], error: fail.error },
      { error: fail.error },
      { value: ["p/0", "p/1", "p/3"], error: fail.error },
      { value: ["p/3", "p/4"] },
    ]);
    const store = new RetryStore(inner);
    expect(await settle(keysOf(store))).toEqual(["p/1", "p/2", "p/3", "p/4"]);
    expect(inner.calls).toEqual(Array(4).fill("list p/"));
    expect(store.stats.retries).toBe(3);
  });

  it("counts only failures without a new key between them", async () => {
    const progress = Array.from({ length: 7 }, (_, i) => ({ value: [`p/${i}`], error: fail.error }));
    const store = new RetryStore(new ScriptedStore([...progress, fail]), { policy: { attempts: 2 } });
    expect(await settle(keysOf(store))).toBe(fail.error);
    expect(store.stats.retries).toBe(7);
  });

  it("ends when its consumer does", async () => {
    const inner = new ScriptedStore([{ value: ["p/1", "p/2"], error: fail.error }]);
    for await (const { key } of new RetryStore(inner).list("p/")) {
      expect(key).toBe("p/1");
      break;
    }
    expect(inner.sent).toHaveLength(1);
  });
});
