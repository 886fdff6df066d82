import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Aborted, NoSpace, NotFound, Unavailable } from "../../../src/core/errors.js";
import { DEFAULT_BACKOFF, delayAfter, sleep } from "../../../src/io/backoff.js";
import { Budget } from "../../../src/io/budget.js";

const lost = new Unavailable("lost");

describe("delayAfter", () => {
  afterEach(() => void vi.restoreAllMocks());

  it("draws from all of a window that doubles up to the cap", () => {
    const policy = { attempts: 10, baseMs: 50, capMs: 300 };
    for (const [fraction, expected] of [
      [0, [0, 0, 0, 0, 0]],
      [0.5, [25, 50, 100, 150, 150]],
    ] as const) {
      vi.spyOn(Math, "random").mockReturnValue(fraction);
      expect([1, 2, 3, 4, 5].map((attempt) => delayAfter(attempt, lost, policy))).toEqual(expected);
    }
  });

  it("ends with the attempts, and with an error that does not pass", () => {
    expect(delayAfter(4, lost, DEFAULT_BACKOFF)).toBeGreaterThanOrEqual(0);
    expect(delayAfter(5, lost, DEFAULT_BACKOFF)).toBe(undefined);
    for (const error of [new NoSpace("full"), new NotFound("none"), new Aborted("stop"), new Error("other"), "text"]) {
      expect(delayAfter(1, error, DEFAULT_BACKOFF)).toBe(undefined);
    }
  });

  it("stays away for as long as the storage asks, and a random time on top; not for half a minute", () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const asking = (retryAfterMs: number) => delayAfter(1, new Unavailable("busy", { retryAfterMs }), DEFAULT_BACKOFF);
    expect(asking(3000)).toBe(3025);
    expect(asking(30_000)).toBe(30_025);
    expect(asking(30_001)).toBe(undefined);
  });
});

describe("sleep", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("wakes after its time", async () => {
    let isAwake = false;
    void sleep(100, "it").then(() => {
      isAwake = true;
    });
    await vi.advanceTimersByTimeAsync(99);
    expect(isAwake).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isAwake).toBe(true);
  });

  it("is aborted at once, leaving neither a timer nor a listener", async () => {
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, "removeEventListener");
    const sleeping = sleep(100, "reading c/1", controller.signal).catch((error: unknown) => error);
    controller.abort(new Error("enough"));
    const error = (await sleeping) as Aborted;
    expect(error).toBeInstanceOf(Aborted);
    expect(error.message).toBe("reading c/1 was aborted");
    expect((error.cause as Error).message).toBe("enough");
    expect(vi.getTimerCount()).toBe(0);
    expect(removed).toHaveBeenCalledOnce();
  });

  it("does not begin for a signal that has fired", async () => {
    await expect(sleep(100, "it", AbortSignal.abort())).rejects.toThrow(Aborted);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("Budget", () => {
  it("spends what it was given and what was earned, and saves up to its capacity", () => {
    const budget = new Budget(0.25, 2, 1);
    const spendAll = () => {
      let count = 0;
      while (count < 1000 && budget.spend()) count++;
      return count;
    };
    expect(spendAll()).toBe(1);
    for (let i = 0; i < 3; i++) budget.earn();
    expect(spendAll()).toBe(0);
    budget.earn();
    expect(spendAll()).toBe(1);
    for (let i = 0; i < 100; i++) budget.earn();
    expect(spendAll()).toBe(2);
  });
});
