/** Waiting for a signal: any number of calls, one listener, none left behind. */
import { getEventListeners, once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { onAbort } from "../../../src/core/abort.js";
import { PageStore } from "../../../src/index.js";
import { MemoryStore } from "../../../src/io/memory-store.js";

it("wakes all that still wait, in their order, once", () => {
  const controller = new AbortController();
  const woken: number[] = [];
  const ends = Array.from({ length: 20 }, (_, i) => onAbort(controller.signal, () => woken.push(i)));
  for (const i of [3, 19, 3]) ends[i]();
  expect(getEventListeners(controller.signal, "abort").length).toBe(1);
  controller.abort();
  expect(woken).toEqual(Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== 3 && i !== 19));
});

it("leaves no listener when the last has ended its wait, and listens again for the next", () => {
  const controller = new AbortController();
  const listeners = () => getEventListeners(controller.signal, "abort").length;
  let woken = 0;
  const [first, second] = [onAbort(controller.signal, () => woken++), onAbort(controller.signal, () => woken++)];
  first();
  expect(listeners()).toBe(1);
  second();
  second();
  expect(listeners()).toBe(0);
  onAbort(controller.signal, () => woken++);
  second();
  expect(listeners()).toBe(1);
  controller.abort();
  expect(woken).toBe(1);
});

it("wakes one that ends another's wait, and not the other", () => {
  const controller = new AbortController();
  const woken: string[] = [];
  let endOther = () => {};
  onAbort(controller.signal, () => {
    woken.push("one");
    endOther();
  });
  endOther = onAbort(controller.signal, () => woken.push("other"));
  controller.abort();
  expect(woken).toEqual(["one"]);
});

it("has nothing to end without a signal", () => {
  expect(() => onAbort(undefined, () => {})()).not.toThrow();
});

it("lets a hundred reads share a signal without a warning from Node, and ends them all", async () => {
  const inner = new MemoryStore();
  {
    await using store = await PageStore.open("memory:", { objects: inner, memory: 4 << 20 });
    const volume = await store.createVolume({ name: "app", pageSize: 512 });
    await volume.commit({ pages: Array.from({ length: 100 }, (_, i) => [i * 3, new Uint8Array(512).fill(i)]) });
  }
  const warnings: Error[] = [];
  const warn = (warning: Error) => warnings.push(warning);
  process.on("warning", warn);
  try {
    const controller = new AbortController();
    await using store = await PageStore.open("memory:", { objects: inner, memory: 4 << 20 });
    const volume = await store.volume("app");
    inner.getRange = () => once(new EventTarget(), "never") as never;
    const reads = Array.from({ length: 100 }, (_, i) => volume.readPage(i * 3, 1, { signal: controller.signal }));
    const ended = Promise.allSettled(reads);
    await turn();
    controller.abort();
    for (const read of await ended) expect(read).toMatchObject({ status: "rejected", reason: { name: "Aborted" } });
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    await turn();
    expect(warnings).toEqual([]);
  } finally {
    process.off("warning", warn);
  }
});
